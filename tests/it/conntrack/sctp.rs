//! SCTP associations, written down as text, one packet a line:
//! `@5 > COOKIE_ECHO+DATA tag=8 : established COOKIE_ECHOED 3`.
//!
//! `>` is from the client, `<` from the server; `@` is the time in seconds, the last one if it is
//! left out; `T` behind a chunk sets its T bit; `tag` is the verification tag, `init` the initiate
//! tag; after the colon stands what the packet is, the state that it leaves behind and the seconds
//! that the association then has, `-` for none.

use portcullis::conntrack::{Conntrack, Limits, SctpState};
use portcullis::packet::{SctpChunk, SctpHeader};
use portcullis::{ConnState, ConnTable, Packet};

use super::{accept, at, small_table, socket, unreachable};

/// The client's tag is 7, the server's is 8: either end sends the tag that the other has chosen.
const HANDSHAKE: &str = "
    > INIT tag=0 init=7               : new CLOSED 10
    < INIT_ACK tag=7 init=8           : established COOKIE_WAIT 3
    > COOKIE_ECHO+DATA tag=8          : established COOKIE_ECHOED 3
    < COOKIE_ACK+SACK tag=7           : established ESTABLISHED 210
";

fn play(text: &str) -> ConnTable {
    let mut table = small_table(4);
    let mut now = at(0);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (line, expected) = line.split_once(" :").unwrap();
        let line = match line.strip_prefix('@') {
            Some(rest) => {
                let (secs, rest) = rest.split_once(' ').unwrap();
                now = at(secs.parse().unwrap());
                rest
            }
            None => line,
        };
        let packet = packet(line);
        let found = table.look_up(&packet, now);
        if found.tentative {
            table.confirm(&packet, now).unwrap();
        }
        let left = table.connection_of(&packet, now).map(|connection| {
            let state = connection.sctp_state.unwrap();
            format!("{state} {}", connection.deadline.since(now).as_secs())
        });
        let got = format!("{} {}", found.tracked.state, left.unwrap_or("- -".into()));
        assert_eq!(got, expected.trim(), "{line}");
    }
    table
}

fn play_open(text: &str) -> ConnTable {
    play(&format!("{HANDSHAKE}{text}"))
}

fn packet(line: &str) -> Packet {
    let (client, server) = (socket("10.0.0.5:5000"), socket("198.51.100.10:9"));
    let mut words = line.split_whitespace();
    let (from, to) = if words.next() == Some(">") { (client, server) } else { (server, client) };
    let chunks: Vec<SctpChunk> = words.next().unwrap().split('+').map(chunk).collect();
    let mut header = SctpHeader::new(0, &chunks);
    for word in words {
        let (name, value) = word.split_once('=').unwrap();
        match name {
            "tag" => header.verification_tag = value.parse().unwrap(),
            "init" => header.initiate_tag = Some(value.parse().unwrap()),
            _ => panic!("{word}"),
        }
    }
    Packet::sctp(from, to, header).unwrap()
}

fn chunk(word: &str) -> SctpChunk {
    let (name, flags) = word.strip_suffix(":T").map_or((word, 0), |name| (name, 1));
    let chunk_type = match name {
        "DATA" => SctpChunk::DATA,
        "SACK" => 3,
        "INIT" => SctpChunk::INIT,
        "INIT_ACK" => SctpChunk::INIT_ACK,
        "HEARTBEAT" => SctpChunk::HEARTBEAT,
        "HEARTBEAT_ACK" => SctpChunk::HEARTBEAT_ACK,
        "ABORT" => SctpChunk::ABORT,
        "SHUTDOWN" => SctpChunk::SHUTDOWN,
        "SHUTDOWN_ACK" => SctpChunk::SHUTDOWN_ACK,
        "SHUTDOWN_COMPLETE" => SctpChunk::SHUTDOWN_COMPLETE,
        "ERROR" => SctpChunk::ERROR,
        "COOKIE_ECHO" => SctpChunk::COOKIE_ECHO,
        "COOKIE_ACK" => SctpChunk::COOKIE_ACK,
        _ => panic!("{word}"),
    };
    SctpChunk { chunk_type, flags }
}

#[test]
fn from_the_handshake_to_the_shutdown() {
    let table = play_open(
        "
        @1 > DATA tag=8                 : established ESTABLISHED 210
        @2 < SACK tag=7                 : established ESTABLISHED 210
        > SHUTDOWN tag=8                : established SHUTDOWN_SENT 3
        < SHUTDOWN_ACK tag=7            : established SHUTDOWN_ACK_SENT 3
        > SHUTDOWN_COMPLETE tag=8       : established CLOSED 10
        ",
    );
    assert!(table.connections(at(2)).next().unwrap().assured);
    play_open(
        "
        < SHUTDOWN tag=7                : established SHUTDOWN_RECD 3
        > SHUTDOWN_ACK tag=8            : established SHUTDOWN_ACK_SENT 3
        < SHUTDOWN_COMPLETE:T tag=8     : established CLOSED 10
        ",
    );
}

#[test]
fn an_association_is_assured_once_it_is_established() {
    let lines: Vec<&str> = HANDSHAKE.trim().lines().collect();
    for len in 1..=lines.len() {
        let table = play(&lines[..len].join("\n"));
        let connection = table.connections(at(0)).next().unwrap();
        assert_eq!(connection.assured, len == lines.len());
        assert_eq!((connection.replied, connection.tcp_state), (len > 1, None));
    }
}

#[test]
fn what_opens_an_association() {
    play("> INIT tag=0 init=7 : new CLOSED 10");
    play("> HEARTBEAT tag=5 : new HEARTBEAT_SENT 30");
    play("> HEARTBEAT_ACK tag=5 : new CLOSED 10");
    play("> SHUTDOWN_ACK tag=5 : new SHUTDOWN_ACK_SENT 3");
    // Whatever the tag says of these, it is not one that the other end is known to have chosen.
    for chunk in ["INIT_ACK", "COOKIE_ECHO", "SHUTDOWN", "ERROR"] {
        play(&format!("> {chunk} tag=5 init=1 : invalid - -"));
        play(&format!("> {chunk} tag=0 init=1 : new CLOSED 10"));
    }
    for chunk in ["DATA", "SACK", "ABORT", "COOKIE_ACK", "SHUTDOWN_COMPLETE", "HEARTBEAT+DATA"] {
        play(&format!("> {chunk} tag=5 : invalid - -"));
        play(&format!("> {chunk} tag=0 : invalid - -"));
    }
    play("> INIT tag=5 init=7 : invalid - -");
    play("> INIT tag=0 : invalid - -");
}

#[test]
fn the_tag_must_be_the_one_that_the_receiver_chose() {
    for line in [
        "> DATA tag=7",
        "< DATA tag=8",
        "> SACK tag=0",
        "> SHUTDOWN tag=7",
        "> COOKIE_ECHO tag=7",
        "> INIT tag=8 init=1",
        "> ABORT tag=7",
        "> ABORT:T tag=8",
        "< ABORT tag=8",
        "> SHUTDOWN_COMPLETE tag=7",
        "> SHUTDOWN_COMPLETE:T tag=8",
        "< INIT_ACK tag=7 init=99",
    ] {
        play_open(&format!("@100 {line} : invalid ESTABLISHED 110"));
    }
    play_open("> ABORT tag=8 : established CLOSED 10");
    play_open("> ABORT:T tag=7 : established CLOSED 10");
    play_open("< ABORT:T tag=8 : established CLOSED 10");
}

#[test]
fn an_init_sent_again_does_not_keep_a_closed_association() {
    play(
        "
        > INIT tag=0 init=7     : new CLOSED 10
        @4 > INIT tag=0 init=7  : new CLOSED 6
        < ABORT tag=7           : established CLOSED 10
        ",
    );
}

#[test]
fn inits_from_both_ends() {
    play(
        "
        > INIT tag=0 init=7              : new CLOSED 10
        < INIT tag=0 init=8              : established CLOSED 10
        > INIT_ACK tag=8 init=7          : established CLOSED 10
        < INIT_ACK tag=7 init=8          : established COOKIE_WAIT 3
        < COOKIE_ECHO tag=7              : established COOKIE_ECHOED 3
        > COOKIE_ACK tag=8               : established ESTABLISHED 210
        ",
    );
    play(
        "
        > INIT tag=0 init=7              : new CLOSED 10
        < INIT tag=0 init=8              : established CLOSED 10
        < INIT_ACK tag=7 init=9          : invalid CLOSED 10
        ",
    );
}

/// As Linux 6.18 has it; older kernels take an INIT sent again for the start of a new handshake.
#[test]
fn an_init_sent_again_asks_for_no_other_answer() {
    play_open(
        "
        > INIT tag=0 init=7              : established ESTABLISHED 210
        < INIT_ACK tag=7 init=8          : established ESTABLISHED 210
        < INIT_ACK tag=7 init=9          : invalid ESTABLISHED 210
        > INIT tag=0 init=5              : established ESTABLISHED 210
        < INIT_ACK tag=5 init=9          : established ESTABLISHED 210
        ",
    );
    play(
        "
        > INIT tag=0 init=7              : new CLOSED 10
        < INIT tag=0 init=8              : established CLOSED 10
        > INIT tag=0 init=7              : established CLOSED 10
        < INIT_ACK tag=7 init=9          : invalid CLOSED 10
        ",
    );
}

#[test]
fn what_the_first_packet_tells_of_tags() {
    for first in ["HEARTBEAT_ACK", "COOKIE_ECHO+HEARTBEAT"] {
        play(&format!(
            "
            > {first} tag=5              : new CLOSED 10
            < HEARTBEAT_ACK tag=6        : established CLOSED 10
            < DATA tag=6                 : established CLOSED 10
            ",
        ));
        play(&format!(
            "
            > {first} tag=5              : new CLOSED 10
            > ABORT tag=5                : new CLOSED 10
            > INIT_ACK tag=5 init=7      : new CLOSED 10
            < DATA tag=7                 : established CLOSED 10
            ",
        ));
    }
    play(
        "
        > SHUTDOWN_ACK tag=5             : new SHUTDOWN_ACK_SENT 3
        < SHUTDOWN_COMPLETE tag=5        : established CLOSED 10
        ",
    );
}

#[test]
fn a_chunk_before_an_invalid_one_counts() {
    let table = play(
        "
        > HEARTBEAT tag=8                : new HEARTBEAT_SENT 30
        < HEARTBEAT_ACK+ABORT tag=7      : established CLOSED 10
        > HEARTBEAT tag=8                : established CLOSED 10
        ",
    );
    assert!(table.connections(at(0)).next().unwrap().assured);
    let table = play(
        "
        > HEARTBEAT tag=8                : new HEARTBEAT_SENT 30
        < HEARTBEAT_ACK+ABORT:T tag=7    : invalid ESTABLISHED 30
        ",
    );
    assert!(table.connections(at(0)).next().unwrap().assured);
}

#[test]
fn a_second_path_begins_with_a_heartbeat() {
    play(
        "
        > HEARTBEAT tag=8       : new HEARTBEAT_SENT 30
        < DATA tag=7            : invalid HEARTBEAT_SENT 30
        < HEARTBEAT_ACK tag=7   : established ESTABLISHED 210
        > DATA tag=8            : established ESTABLISHED 210
        < DATA tag=7            : established ESTABLISHED 210
        < DATA tag=6            : invalid ESTABLISHED 210
        ",
    );
    for line in ["< INIT tag=0 init=1", "< ABORT tag=0", "< SHUTDOWN_ACK tag=7"] {
        play(&format!(
            "> HEARTBEAT tag=8 : new HEARTBEAT_SENT 30\n{line} : invalid HEARTBEAT_SENT 30"
        ));
    }
}

#[test]
fn a_heartbeat_with_a_foreign_tag_waits_for_its_answer() {
    play_open(
        "
        @1 > HEARTBEAT tag=5            : established ESTABLISHED 209
        < HEARTBEAT_ACK tag=6           : established ESTABLISHED 210
        > HEARTBEAT tag=5               : established ESTABLISHED 210
        > DATA tag=5                    : established ESTABLISHED 210
        > DATA tag=8                    : invalid ESTABLISHED 210
        ",
    );
    // Nobody asked, or the one that asks also answers.
    play_open("< HEARTBEAT_ACK tag=6 : invalid ESTABLISHED 210");
    play_open(
        "
        > HEARTBEAT tag=5               : established ESTABLISHED 210
        > HEARTBEAT_ACK tag=5           : invalid ESTABLISHED 210
        ",
    );
    // The right tag comes after all.
    play_open(
        "
        > HEARTBEAT tag=5               : established ESTABLISHED 210
        > HEARTBEAT tag=8               : established ESTABLISHED 210
        < HEARTBEAT_ACK tag=6           : invalid ESTABLISHED 210
        ",
    );
    play_open("> HEARTBEAT+DATA tag=5 : invalid ESTABLISHED 210");
    play_open("> HEARTBEAT+HEARTBEAT tag=5 : invalid ESTABLISHED 210");
}

#[test]
fn a_stale_cookie_ends_the_handshake() {
    let lines: Vec<&str> = HANDSHAKE.trim().lines().take(3).collect();
    play(&format!("{}\n< ERROR tag=7 : established CLOSED 10", lines.join("\n")));
    play_open("< ERROR tag=7 : established ESTABLISHED 210");
}

#[test]
fn more_control_chunks_than_there_is_room_for() {
    let many = ["ERROR"; 13].join("+");
    play_open(&format!("> {many} tag=8 : invalid ESTABLISHED 210"));
    let few = ["ERROR"; 12].join("+");
    play_open(&format!("> {few} tag=8 : established ESTABLISHED 210"));
    let data = ["DATA"; 300].join("+");
    play_open(&format!("> {data}+SACK tag=8 : established ESTABLISHED 210"));
}

#[test]
fn an_error_about_an_association_is_related() {
    let mut table = play_open("");
    let error = unreachable("198.51.100.10", "10.0.0.5", &packet("> DATA tag=8"));
    assert_eq!(accept(&mut table, &error, at(0)).state, ConnState::Related);
    let headless = Packet::from(packet("> DATA tag=8").flow_key());
    assert_eq!(accept(&mut table, &headless, at(0)).state, ConnState::Invalid);
}

/// A full table gives up associations that are ending, never open ones.
#[test]
fn an_ending_association_makes_room() {
    let mut table = ConnTable::new(&Limits::new(1), [3; 16]);
    for line in ["> INIT tag=0 init=7", "< INIT_ACK tag=7 init=8", "> COOKIE_ECHO tag=8"] {
        accept(&mut table, &packet(line), at(0));
    }
    let opened = accept(&mut table, &packet("< COOKIE_ACK tag=7"), at(0));
    assert_eq!(opened.state, ConnState::Established);
    let other = super::udp_flow(1);
    assert!(table.confirm(&other, at(0)).is_err());
    accept(&mut table, &packet("> SHUTDOWN tag=8"), at(0));
    assert!(table.confirm(&other, at(0)).is_ok());
}

#[test]
fn states_have_names_of_their_own() {
    let names = SctpState::ALL.map(|state| state.name());
    assert!(names.iter().enumerate().all(|(place, name)| !names[..place].contains(name)));
}
