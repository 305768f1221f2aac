//! TCP conversations written down as text, one segment a line:
//! `@5 > SA seq=0 ack=1 len=10 win=100 scale=7 : established SYN_RECV`.
//!
//! `>` is from the client, `<` from the server; `@` is the time in seconds, the last one if it is
//! left out; numbers are counted from each side's initial one; after the colon stands what the
//! packet is and the TCP state that it leaves behind, `-` for none.

use portcullis::conntrack::{Conntrack, Limits, TcpTracking, Time, saved};
use portcullis::packet::{SackBlock, TcpFlags, TcpSegment, Transport};
use portcullis::{ConnTable, FlowKey, Packet};

use super::{at, socket};

pub(super) struct Script<'t> {
    text: &'t str,
    /// The initial sequence numbers of client and server.
    starts: [u32; 2],
}

impl<'t> Script<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, starts: [1000, 5000] }
    }
}

/// Plays a script on a table of its own, from several initial sequence numbers.
pub(super) fn play(text: &str) {
    play_with(TcpTracking::default(), text);
}

pub(super) fn play_with(tracking: TcpTracking, text: &str) {
    for starts in [[1000, 5000], [u32::MAX - 2, 0], [0x7fff_fffd, u32::MAX]] {
        let mut table = ConnTable::new(&Limits::new(4).tcp(tracking), [3; 16]);
        run(&mut table, Script { text, starts });
        // The same with another table for each segment.
        let mut table = ConnTable::new(&Limits::new(4).tcp(tracking), [3; 16]);
        run_with(&mut table, Script { text, starts }, moved);
    }
}

/// Plays a script on `table`; everything that may be confirmed is.
pub(super) fn run(table: &mut ConnTable, script: Script<'_>) {
    run_with(table, script, |_, _| {});
}

/// The same with something done to the table before each segment.
fn run_with(table: &mut ConnTable, script: Script<'_>, before: impl Fn(&mut ConnTable, Time)) {
    let mut now = at(0);
    for line in script.text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, expected) = line.split_once(" :").unwrap();
        let mut words = expected.split_whitespace();
        let (state, tcp_state) = (words.next().unwrap(), words.next().unwrap());
        let line = match line.strip_prefix('@') {
            Some(rest) => {
                let (secs, rest) = rest.split_once(' ').unwrap();
                now = at(secs.parse().unwrap());
                rest
            }
            None => line,
        };
        let packet = segment_from(line, script.starts);
        before(table, now);
        let found = table.look_up(&packet, now);
        if found.tentative {
            table.confirm(&packet, now).unwrap();
        }
        assert_eq!(found.tracked.state.name(), state, "{line} {:?}", script.starts);
        let connection = table.connection(&packet.flow_key(), now);
        let left = connection.and_then(|connection| connection.tcp_state);
        assert_eq!(left.map_or("-", |state| state.name()), tcp_state, "{line} {:?}", script.starts);
    }
}

/// Puts an empty table in its place and moves the connections there.
fn moved(table: &mut ConnTable, now: Time) {
    let bytes = saved::to_bytes(table.export(now));
    *table = ConnTable::new(table.limits(), [4; 16]);
    for connection in saved::from_bytes(&bytes).unwrap() {
        table.import(&connection, now).unwrap();
    }
}

/// The connection that scripts are about.
pub(super) fn key() -> FlowKey {
    segment("> S", 0).flow_key()
}

/// One segment, numbers counted from `start` on both sides.
pub(super) fn segment(line: &str, start: u32) -> Packet {
    segment_from(line, [start; 2])
}

fn segment_from(line: &str, starts: [u32; 2]) -> Packet {
    let (client, server) = (socket("10.0.0.5:40000"), socket("198.51.100.10:80"));
    let mut words = line.split_whitespace();
    let from_client = words.next().unwrap() == ">";
    let flags = words.next().unwrap();
    let (from, to) = if from_client { (client, server) } else { (server, client) };
    let mut packet = Packet::tcp(from, to, TcpFlags(0)).unwrap();
    let [own, other] = if from_client { starts } else { [starts[1], starts[0]] };
    let mut header =
        TcpSegment::new(TcpFlags(flags.chars().map(flag).fold(0, |all, bit| all | bit)));
    header.seq = own;
    header.window = 8192;
    for word in words {
        set(&mut header, word, own, other);
    }
    packet.transport = Transport::Tcp(header);
    packet
}

fn set(header: &mut TcpSegment, word: &str, own: u32, other: u32) {
    let (name, value) = word.split_once('=').unwrap();
    let number = || value.parse::<i64>().unwrap() as u32;
    match name {
        "seq" => header.seq = own.wrapping_add(number()),
        "ack" => header.ack = other.wrapping_add(number()),
        "rawseq" => header.seq = number(),
        "rawack" => header.ack = number(),
        "len" => header.payload_len = number(),
        "win" => header.window = number() as u16,
        "scale" => header.window_scale = Some(number() as u8),
        "sackok" => header.sack_permitted = true,
        "sack" => {
            let (left, right) = value.split_once('-').unwrap();
            let [left, right] = [left, right].map(|edge| other.wrapping_add(edge.parse().unwrap()));
            header.sack.push(SackBlock { left, right });
        }
        _ => panic!("{word}"),
    }
}

fn flag(letter: char) -> u8 {
    let flag = match letter {
        'F' => TcpFlags::FIN,
        'S' => TcpFlags::SYN,
        'R' => TcpFlags::RST,
        'P' => TcpFlags::PSH,
        'A' => TcpFlags::ACK,
        'U' => TcpFlags::URG,
        'E' => TcpFlags::ECE,
        '-' => TcpFlags(0),
        _ => panic!("{letter}"),
    };
    flag.0
}
