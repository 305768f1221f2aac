//! What the FTP helper makes of lines, whole, split, repeated, and wrong.

use portcullis::conntrack::helper::Ftp;
use portcullis::conntrack::{Conntrack, Time};
use portcullis::packet::{Refused, TcpFlags, TcpSegment, Transport};
use portcullis::{ConnState, ConnTable, Packet};
use proptest::prelude::*;

use super::super::{accept, at, small_table, socket};

/// One control connection and the table that knows it.
struct Session {
    table: ConnTable,
    ends: [&'static str; 2],
    /// The next sequence numbers of client and server.
    next: [u32; 2],
}

const V4: [&str; 2] = ["10.0.0.5", "192.0.2.21"];
const V6: [&str; 2] = ["2001:db8::5", "2001:db8::21"];

impl Session {
    fn new(ends: [&'static str; 2], helper: Ftp) -> Self {
        let table = small_table(64).with_helper(helper);
        let mut session = Self { table, ends, next: [u32::MAX - 20, 7000] };
        for (from, flags) in [(0, TcpFlags::SYN), (1, TcpFlags::SYN | TcpFlags::ACK)] {
            session.send(from, flags, b"").unwrap();
            session.next[from] = session.next[from].wrapping_add(1);
        }
        session.send(0, TcpFlags::ACK, b"").unwrap();
        // A line of each, since the first one of either end is not read.
        session.say(1, "220 hello\r\n").unwrap();
        session.say(0, "USER x\r\n").unwrap();
        session
    }

    fn open(ends: [&'static str; 2]) -> Self {
        Self::new(ends, Ftp::new())
    }

    /// Sends a line from the client (0) or the server (1).
    fn say(&mut self, from: usize, line: &str) -> Result<(), Refused> {
        let sent = self.send(from, TcpFlags::ACK, line.as_bytes());
        if sent.is_ok() {
            self.next[from] = self.next[from].wrapping_add(line.len() as u32);
        }
        sent
    }

    fn send(&mut self, from: usize, flags: TcpFlags, payload: &[u8]) -> Result<(), Refused> {
        let ports = [4000, 21];
        let end = |end: usize| match self.ends[end].contains(':') {
            true => socket(&format!("[{}]:{}", self.ends[end], ports[end])),
            false => socket(&format!("{}:{}", self.ends[end], ports[end])),
        };
        let mut packet = Packet::tcp(end(from), end(1 - from), flags).unwrap();
        let mut segment = TcpSegment::new(flags);
        (segment.seq, segment.ack, segment.window) = (self.next[from], self.next[1 - from], 60000);
        segment.payload_len = payload.len() as u32;
        packet.transport = Transport::Tcp(segment);
        let tracked = accept(&mut self.table, &packet, at(0));
        assert_ne!(tracked.state, ConnState::Invalid);
        if tracked.state != ConnState::Established {
            return Ok(());
        }
        self.table.read_payload(&packet, payload, at(0))
    }

    /// Whether a connection from here to there is expected.
    fn expects(&self, from: &str, to: &str) -> bool {
        expects_at(&self.table, from, to, at(0))
    }
}

fn expects_at(table: &ConnTable, from: &str, to: &str, now: Time) -> bool {
    let syn = Packet::tcp(socket(from), socket(to), TcpFlags::SYN).unwrap();
    table.clone().look_up(&syn, now).tracked.state == ConnState::Related
}

#[test]
fn active_mode() {
    let mut session = Session::open(V4);
    session.say(0, "PORT 10,0,0,5,156,64\r\n").unwrap();
    assert!(session.expects("192.0.2.21:20", "10.0.0.5:40000"));
    assert!(session.expects("192.0.2.21:5", "10.0.0.5:40000"), "from any port");
    assert!(!session.expects("192.0.2.21:20", "10.0.0.5:40001"));
    assert!(!session.expects("192.0.2.22:20", "10.0.0.5:40000"));
    assert!(!session.expects("10.0.0.5:20", "192.0.2.21:40000"), "the other way");
    session.say(0, "eprt |1|10.0.0.5|40007|\r\n").unwrap();
    assert!(session.expects("192.0.2.21:20", "10.0.0.5:40007"));
    assert!(!session.expects("192.0.2.21:20", "10.0.0.5:40000"), "one at a time");

    let mut session = Session::open(V6);
    session.say(0, "EPRT !2!2001:db8::5!40000!\r\n").unwrap();
    assert!(session.expects("[2001:db8::21]:20", "[2001:db8::5]:40000"));
}

#[test]
fn passive_mode() {
    for line in [
        "227 Entering Passive Mode (192,0,2,21,195,80).\r\n",
        "227 Entering Passive Mode. 192,0,2,21,195,80\r\n",
        "227 =192,0,2,21,195,80\r\n",
        "229 Entering Extended Passive Mode (|||50000|)\r\n",
        "229 ok (@@@50000@)\r\n",
    ] {
        let mut session = Session::open(V4);
        session.say(1, line).unwrap();
        assert!(session.expects("10.0.0.5:3333", "192.0.2.21:50000"), "{line}");
        assert!(!session.expects("10.0.0.6:3333", "192.0.2.21:50000"), "{line}");
        assert!(!session.expects("192.0.2.21:3333", "10.0.0.5:50000"), "{line}");
    }
    let mut session = Session::open(V6);
    session.say(1, "229 Entering Extended Passive Mode (|||50000|)\r\n").unwrap();
    assert!(session.expects("[2001:db8::5]:3333", "[2001:db8::21]:50000"));
}

#[test]
fn an_announcement_counts_from_its_own_end_only() {
    let mut session = Session::open(V4);
    session.say(1, "PORT 192,0,2,21,156,64\r\n").unwrap();
    session.say(0, "227 (10,0,0,5,195,80)\r\n").unwrap();
    session.say(0, "229 (|||50000|)\r\n").unwrap();
    assert!(!session.expects("10.0.0.5:1", "192.0.2.21:40000"));
    assert!(!session.expects("192.0.2.21:1", "10.0.0.5:50000"));
    assert!(!session.expects("192.0.2.21:1", "10.0.0.5:40000"));
}

#[test]
fn a_foreign_address_is_not_believed() {
    for (from, line) in [
        (0, "PORT 10,0,0,6,156,64\r\n"),
        (0, "EPRT |1|10.0.0.6|40000|\r\n"),
        (1, "227 (10,0,0,6,156,64)\r\n"),
    ] {
        let peer = ["192.0.2.21:20", "10.0.0.5:20"][from];
        let mut session = Session::open(V4);
        session.say(from, line).unwrap();
        assert!(!session.expects(peer, "10.0.0.6:40000"), "{line}");
        let mut session = Session::new(V4, Ftp::new().loose(true));
        session.say(from, line).unwrap();
        assert!(session.expects(peer, "10.0.0.6:40000"), "{line}");
    }
    // An address of the other version leads nowhere, believed or not.
    let mut session = Session::new(V6, Ftp::new().loose(true));
    session.say(0, "PORT 10,0,0,6,156,64\r\n").unwrap();
    assert!(!session.expects("192.0.2.21:20", "10.0.0.6:40000"));
}

#[test]
fn an_announcement_begins_a_line() {
    // Behind the end of a line in the same segment, and behind a line that has not ended.
    let mut session = Session::open(V4);
    session.say(1, "230 hi\r\n227 (192,0,2,21,195,80)\r\n").unwrap();
    session.say(1, "500 what is ").unwrap();
    session.say(1, "227 (192,0,2,21,195,80)\r\n").unwrap();
    assert!(!session.expects("10.0.0.5:1", "192.0.2.21:50000"));
    session.say(1, "227 (192,0,2,21,195,80)\r\n").unwrap();
    assert!(session.expects("10.0.0.5:1", "192.0.2.21:50000"));
}

#[test]
fn the_first_line_is_not_read() {
    let mut session = Session::open(V4);
    session.table.clear();
    // Picked up midway.
    session.say(0, "PORT 10,0,0,5,156,64\r\n").unwrap();
    session.say(1, "200 ok\r\n").unwrap();
    session.say(0, "PORT 10,0,0,5,156,64\r\n").unwrap();
    assert!(!session.expects("192.0.2.21:20", "10.0.0.5:40000"));
    session.say(0, "PORT 10,0,0,5,156,64\r\n").unwrap();
    assert!(session.expects("192.0.2.21:20", "10.0.0.5:40000"));
}

#[test]
fn a_line_sent_again_is_read_again() {
    let mut session = Session::open(V4);
    let start = session.next[0];
    session.say(0, "PORT 10,0,0,5,156,64\r\n").unwrap();
    session.say(0, "PORT 10,0,0,5,156,65\r\n").unwrap();
    let end = session.next[0];
    session.next[0] = start;
    session.say(0, "PORT 10,0,0,5,156,64\r\n").unwrap();
    session.next[0] = end;
    assert!(!session.expects("192.0.2.21:20", "10.0.0.5:40000"), "its start is forgotten");
    session.say(0, "NOOP\r\n").unwrap();
    assert!(session.expects("192.0.2.21:20", "10.0.0.5:40001"));
}

#[test]
fn what_is_cut_or_wrong_is_to_be_dropped() {
    let client = [
        "P",
        "po",
        "POR",
        "PORT",
        "E",
        "EPRT",
        "PORT ",
        "PORT 1",
        "PORT 10,0,0,5,156",
        "PORT\r\n",
        "PORT 10,0,0,5,156,64",
        "PORT 10,0,0,5,156,64,\r\n",
        "PORT 10,0,0,5,156,256\r\n",
        "PORT 10,0,0,5,,64\r\n",
        "PORT 10,0,0,5,0,0\r\n",
        "PORT 10,0,0,5,156,64 \r\n",
        "PORT 10,0,0,00000000000000000000005,156,99999999999999999999\r\n",
        "EPRT |1|10.0.0.5|40000",
        "EPRT |1|10.0.0.5",
        "EPRT |2|10.0.0.5|40000|\r\n",
        "EPRT |||40|",
        "EPRT |1|10.0.0.5|0|\r\n",
        "EPRT |1|10.0.0.5|65536|\r\n",
        "EPRT 111|10.0.0.5|40000|\r\n",
        "EPRT |1|10.0.0.5.|40000|\r\n",
        "EPRT |1|\u{e9}|40000|\r\n",
        "EPRT   \r\n",
    ];
    let server = [
        "2",
        "22",
        "227",
        "229",
        "227 ",
        "229 (",
        "227 none\r\n",
        "227 (1,2,3)\r\n",
        "229 none\r\n",
        "229 (|||50000",
        "229 (||50000|)\r\n",
        "229 (|||0|)\r\n",
        "229 (|||70000|)\r\n",
        "229 (555505)\r\n",
        "227 (192,0,2,21,195,80",
        "227 (192.0.2.21.195.80)\r\n",
    ];
    for (from, lines) in [(0, &client[..]), (1, &server[..])] {
        for line in lines {
            let mut session = Session::open(V4);
            assert_eq!(session.say(from, line), Err(Refused::Unreadable), "{line:?}");
        }
    }
}

/// The sender sends a part that was dropped again, and more with it.
#[test]
fn a_split_line_is_read_once_it_is_whole() {
    let mut session = Session::open(V4);
    assert!(session.say(0, "PO").is_err());
    assert!(session.say(0, "PORT 10,0,0,5,15").is_err());
    session.say(0, "PORT 10,0,0,5,156,64\r\n").unwrap();
    assert!(session.expects("192.0.2.21:20", "10.0.0.5:40000"));
}

#[test]
fn other_lines_pass() {
    for line in ["PWD\r\n", "PORTS\r\n", "\r\n", "PASS 227 (1,2)\r\n", "EPSV\r\n", "X", "QUIT"] {
        let mut session = Session::open(V4);
        let expected = if line == "PORTS\r\n" { Err(Refused::Unreadable) } else { Ok(()) };
        assert_eq!(session.say(0, line), expected, "{line:?}");
    }
    for line in ["226 done\r\n", "2270 x\r\n", "22x", "1"] {
        assert_eq!(Session::open(V4).say(1, line), Ok(()), "{line:?}");
    }
}

#[test]
fn an_announcement_is_for_one_connection_and_five_minutes() {
    let mut session = Session::open(V4);
    session.say(0, "PORT 10,0,0,5,156,64\r\n").unwrap();
    let (from, to) = ("192.0.2.21:20", "10.0.0.5:40000");
    assert!(expects_at(&session.table, from, to, at(299)));
    assert!(!expects_at(&session.table, from, to, at(300)));

    let syn = Packet::tcp(socket(from), socket(to), TcpFlags::SYN).unwrap();
    for _ in 0..3 {
        let found = session.table.look_up(&syn, at(0));
        assert_eq!((found.tracked.state, found.tentative), (ConnState::Related, true), "not yet");
    }
    session.table.confirm(&syn, at(0)).unwrap();
    let again = session.table.look_up(&syn, at(0));
    assert_eq!((again.tracked.state, again.tentative), (ConnState::Related, false));
    assert!(session.table.connection_of(&syn, at(0)).unwrap().expected);
    assert!(!session.expects("192.0.2.21:21", to), "fulfilled");
    let reset = Packet::tcp(socket("192.0.2.21:9"), socket(to), TcpFlags::RST).unwrap();
    assert_eq!(session.table.look_up(&reset, at(0)).tracked.state, ConnState::Invalid);
}

proptest! {
    /// Whatever the ends say, in whatever pieces: no panic, no way to anybody else.
    #[test]
    fn any_text_in_any_pieces(
        pieces in prop::collection::vec(
            (0..2usize, prop_oneof![
                "(PORT|EPRT|port) ?[0-9,|.:\r\n]{0,30}",
                "22[79] ?[(]?[0-9,|).\r\n]{0,30}",
                "[ -~\r\n]{0,12}",
                "PORT 10,0,0,[56],156,64\r\n",
                "227 [(]?192,0,2,2[12],156,64[)]?\r\n",
                ".{0,8}",
            ]),
            0..40,
        ),
    ) {
        let mut session = Session::open(V4);
        for (from, piece) in pieces {
            // What the helper refuses is not sent on.
            let _ = session.say(from, &piece);
        }
        for port in [40000, 21] {
            let to = |address: &str| format!("{address}:{port}");
            prop_assert!(!session.expects("192.0.2.21:20", &to("10.0.0.6")));
            prop_assert!(!session.expects("10.0.0.5:20", &to("192.0.2.22")));
            prop_assert!(!session.expects("10.0.0.6:20", &to("192.0.2.21")));
        }
    }
}
