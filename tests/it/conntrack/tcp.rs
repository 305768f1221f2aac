//! TCP conversations.

use portcullis::conntrack::{Limits, TcpTracking, Timeouts};
use portcullis::{ConnState, ConnTable};

use super::script::{Script, key, play, play_with, run};
use super::{accept, addrs, at, script, small_table, tracked, unreachable};

const HANDSHAKE: &str = "
    > S seq=0 win=8192        : new SYN_SENT
    < SA seq=0 ack=1 win=8192 : established SYN_RECV
    > A seq=1 ack=1           : established ESTABLISHED
";

/// Plays what follows a handshake.
fn play_open(text: &str) {
    play(&format!("{HANDSHAKE}{text}"));
}

#[test]
fn open_data_close() {
    play_open(
        "
        > PA seq=1 ack=1 len=100  : established ESTABLISHED
        < A seq=1 ack=101 len=500 : established ESTABLISHED
        > A seq=101 ack=501       : established ESTABLISHED
        > FA seq=101 ack=501      : established FIN_WAIT
        < A seq=501 ack=102       : established CLOSE_WAIT
        < A seq=501 ack=102 len=9 : established CLOSE_WAIT
        > A seq=102 ack=510       : established CLOSE_WAIT
        < FA seq=510 ack=102      : established LAST_ACK
        > A seq=102 ack=511       : established TIME_WAIT
        < FA seq=510 ack=102      : established TIME_WAIT
        ",
    );
}

#[test]
fn what_may_open() {
    play("> A seq=0 ack=0    : new ESTABLISHED");
    play("> APU seq=0 ack=0  : new ESTABLISHED");
    play("> SE seq=0         : new SYN_SENT");
    play("> SU seq=0         : new SYN_SENT");
    let wrong = ["SA", "FA", "R", "RA", "F", "-", "FPU", "SF", "SR", "RU", "SAU", "FR", "U", "P"];
    for flags in wrong {
        play(&format!("> {flags} seq=0 : invalid -"));
    }
    let strict = strict();
    play_with(strict, "> A seq=0 ack=0 : invalid -");
    play_with(strict, "> S seq=0 : new SYN_SENT");
}

fn strict() -> TcpTracking {
    let mut tracking = TcpTracking::default();
    tracking.loose = false;
    tracking
}

#[test]
fn a_syn_dropped_by_rules_makes_its_answer_invalid() {
    let mut table = small_table(4);
    use portcullis::Conntrack;
    assert!(table.look_up(&script::segment("> S seq=0", 7), at(0)).tentative);
    run(&mut table, Script::new("< SA seq=0 ack=1 : invalid -"));
}

#[test]
fn both_ends_open_at_once() {
    play(
        "
        > S seq=0             : new SYN_SENT
        < S seq=0             : established SYN_SENT2
        > SA seq=0 ack=1      : established SYN_RECV
        < SA seq=0 ack=1      : established SYN_RECV
        > A seq=1 ack=1       : established ESTABLISHED
        ",
    );
}

#[test]
fn a_refused_connection_is_gone_at_once() {
    play(
        "
        > S seq=0             : new SYN_SENT
        < RA seq=0 rawack=0   : established -
        ",
    );
    play(
        "
        > S seq=0             : new SYN_SENT
        > R seq=1             : new -
        ",
    );
    play(
        "
        > S seq=0             : new SYN_SENT
        < RA seq=0 ack=9      : invalid SYN_SENT
        ",
    );
}

#[test]
fn resets_must_carry_the_number_that_is_waited_for() {
    play_open("< R seq=1            : established CLOSE");
    play_open("< RA seq=1 ack=1     : established CLOSE");
    play_open("< R seq=2            : established ESTABLISHED");
    play_open("< R seq=0            : invalid ESTABLISHED");
    play_open("< R seq=20000        : invalid ESTABLISHED");
    play_open("< RA seq=1 ack=99999 : invalid ESTABLISHED");
    play_open(
        "
        < A seq=1 ack=1 len=30 : established ESTABLISHED
        < R seq=31             : established CLOSE
        ",
    );
}

#[test]
fn an_inexact_reset_shortens_the_timeout_until_the_next_packet() {
    let mut table = small_table(4);
    run(&mut table, Script::new(HANDSHAKE));
    let left = |table: &ConnTable| {
        table.connection(&key(), at(0)).unwrap().deadline.since(at(0)).as_secs()
    };
    assert_eq!(left(&table), 432_000);
    run(&mut table, Script::new("< R seq=5 : established ESTABLISHED"));
    assert_eq!(left(&table), 10);
    // Up to the reset's number there may be data that was not seen.
    run(&mut table, Script::new("< A seq=1 ack=1 : established ESTABLISHED"));
    assert_eq!(left(&table), 300);
    run(&mut table, Script::new("> A seq=1 ack=5 : established ESTABLISHED"));
    assert_eq!(left(&table), 432_000);
}

#[test]
fn a_reset_may_answer_what_was_let_through_unseen() {
    play_open(
        "
        > S seq=70000          : established ESTABLISHED
        < RA seq=1 ack=70001   : established CLOSE
        ",
    );
    // The client knows nothing of the connection that the server speaks of.
    play(
        "
        > S seq=0              : new SYN_SENT
        < A seq=900 ack=500    : established SYN_SENT
        > R seq=500            : established CLOSE
        ",
    );
    // Number zero answers a SYN, wherever the window is.
    let half_open = "
        > S seq=0              : new SYN_SENT
        < SA seq=0 ack=1       : established SYN_RECV
    ";
    for (line, expected) in [("rawseq=0", "established CLOSE"), ("rawseq=1", "invalid SYN_RECV")] {
        let mut table = small_table(4);
        run(&mut table, Script::new(&format!("{half_open}> R {line} : {expected}")));
    }
}

#[test]
fn ends_that_both_close_out_of_the_window_are_not_kept_for_days() {
    let mut table = small_table(4);
    run(&mut table, Script::new(HANDSHAKE));
    let steps = [
        ("> FA seq=99999 ack=1 : invalid ESTABLISHED", 432_000),
        ("> FA seq=99999 ack=1 : invalid ESTABLISHED", 432_000),
        ("< R seq=99999 : invalid ESTABLISHED", 300),
    ];
    for (line, left) in steps {
        run(&mut table, Script::new(line));
        let connection = table.connection(&key(), at(0)).unwrap();
        assert_eq!(connection.deadline.since(at(0)).as_secs(), left, "{line}");
    }
}

#[test]
fn data_must_fit_the_window_of_its_receiver() {
    // The upper edge is 1 + 8192: the server's window from its acknowledgement on.
    play_open("> A seq=8193 ack=1 len=10  : established ESTABLISHED");
    play_open("> A seq=8194 ack=1 len=10  : established ESTABLISHED");
    play_open("> A seq=99999 ack=1 len=10 : invalid ESTABLISHED");
    play_open("> A seq=1 ack=2            : invalid ESTABLISHED");
    play_open("> A seq=-70000 ack=1       : established ESTABLISHED");
    play_open("> FA seq=-70000 ack=1      : established ESTABLISHED");
    play_open("> FA seq=1 ack=-70000      : established ESTABLISHED");
    play_open("> FA seq=1 ack=-60000      : established FIN_WAIT");
}

#[test]
fn a_closed_window_takes_one_byte_to_probe_it() {
    let closed = "
        > S seq=0             : new SYN_SENT
        < SA seq=0 ack=1 win=0 : established SYN_RECV
        > A seq=1 ack=1       : established ESTABLISHED
    ";
    play(&format!("{closed}> A seq=2 ack=1 len=1 : established ESTABLISHED"));
    play(&format!("{closed}> A seq=3 ack=1 len=1 : invalid ESTABLISHED"));
}

#[test]
fn data_that_reaches_beyond_the_window_widens_it() {
    let beyond = "> A seq=8193 ack=1 len=1000 : established ESTABLISHED";
    play_open(&format!("{beyond}\n> FA seq=0 ack=1  : established FIN_WAIT"));
    play_open(&format!("{beyond}\n> FA seq=-1 ack=1 : established ESTABLISHED"));
}

#[test]
fn a_syn_sent_again_may_carry_other_numbers() {
    play(
        "
        > S seq=0               : new SYN_SENT
        > S seq=50000           : new SYN_SENT
        < SA seq=0 ack=50001    : established SYN_RECV
        < SA seq=70000 ack=50001 : established SYN_RECV
        > A seq=50001 ack=70001 : invalid SYN_RECV
        > A seq=50001 ack=1     : established ESTABLISHED
        ",
    );
}

#[test]
fn windows_scale_if_both_ends_offer_it() {
    let scaled = |client: &str, server: &str, data: &str| {
        format!(
            "
            > S seq=0 win=8192 {client}        : new SYN_SENT
            < SA seq=0 ack=1 win=8192 {server} : established SYN_RECV
            > A seq=1 ack=1 win=1000           : established ESTABLISHED
            < A seq=1 ack=1 win=1000           : established ESTABLISHED
            > A seq={data} ack=1 len=1         : "
        )
    };
    let inside = "established ESTABLISHED";
    play(&(scaled("scale=7", "scale=7", "100000") + inside));
    play(&(scaled("scale=7", "", "100000") + "invalid ESTABLISHED"));
    play(&(scaled("", "scale=7", "100000") + "invalid ESTABLISHED"));
    play(&(scaled("scale=0", "scale=14", "16000000") + inside));
    play(&(scaled("scale=0", "scale=200", "16000000") + inside));
    play(&(scaled("scale=0", "scale=200", "33000000") + "invalid ESTABLISHED"));
}

#[test]
fn selective_acknowledgements_count_if_offered() {
    let conversation = |offer: &str| {
        format!(
            "
            > S seq=0 {offer}                   : new SYN_SENT
            < SA seq=0 ack=1 {offer}            : established SYN_RECV
            > A seq=1 ack=1                     : established ESTABLISHED
            > A seq=1 ack=1 len=100             : established ESTABLISHED
            < A seq=1 ack=1 sack=200-300        : "
        )
    };
    play(&(conversation("sackok=1") + "invalid ESTABLISHED"));
    play(&(conversation("win=8192") + "established ESTABLISHED"));
}

#[test]
fn a_picked_up_connection_is_not_judged_by_its_window_in_the_direction_first_seen() {
    play(
        "
        > A seq=0 ack=0          : new ESTABLISHED
        < A seq=0 ack=0 win=100  : established ESTABLISHED
        > A seq=90000 ack=0      : established ESTABLISHED
        ",
    );
}

#[test]
fn liberal_tracking_lets_everything_with_valid_flags_pass() {
    let mut tracking = TcpTracking::default();
    tracking.be_liberal = true;
    let text = format!("{HANDSHAKE}> A seq=99999 ack=1 len=10 : established ESTABLISHED");
    play_with(tracking, &text);
    play_with(tracking, &format!("{HANDSHAKE}> SF seq=1 ack=1 : invalid ESTABLISHED"));
}

#[test]
fn a_syn_in_time_wait_opens_anew() {
    let closed = format!(
        "{HANDSHAKE}
        > FA seq=1 ack=1 : established FIN_WAIT
        < FA seq=1 ack=2 : established LAST_ACK
        > A seq=2 ack=2  : established TIME_WAIT
        "
    );
    play(&format!("{closed}> S seq=500 : new SYN_SENT"));
    play(&format!("{closed}< S seq=500 : new SYN_SENT"));
    // Reset by its sender just before, or by the other end.
    play_open("> RA seq=1 ack=1 : established CLOSE\n > S seq=500 : new SYN_SENT");
    play_open("< RA seq=1 ack=1 : established CLOSE\n > S seq=500 : established CLOSE");
    play_open("> RA seq=1 ack=1 : established CLOSE\n < S seq=500 : invalid CLOSE");
}

#[test]
fn a_syn_on_an_open_connection_is_remembered() {
    play_open(
        "
        > S seq=70000             : established ESTABLISHED
        < SA seq=900 ack=70001    : established SYN_RECV
        > A seq=70001 ack=901     : established ESTABLISHED
        > A seq=70001 ack=901 len=5 : established ESTABLISHED
        ",
    );
    play_open("< S seq=70000 : invalid ESTABLISHED");
    // The server knows the connection and says so: nothing has changed.
    play_open(
        "
        > S seq=70000        : established ESTABLISHED
        < A seq=1 ack=1      : established ESTABLISHED
        > A seq=1 ack=1      : established ESTABLISHED
        ",
    );
}

#[test]
fn a_challenge_does_not_end_a_closing_connection() {
    play_open(
        "
        > FA seq=1 ack=1     : established FIN_WAIT
        < FA seq=1 ack=2     : established LAST_ACK
        > S seq=70000        : established LAST_ACK
        < A seq=2 ack=2      : established LAST_ACK
        < A seq=2 ack=2      : established TIME_WAIT
        ",
    );
}

/// Scripts with the seconds left after each segment that is followed by a number.
#[test]
fn timeouts_follow_the_state() {
    let mut table = small_table(4);
    let steps = [
        ("> S seq=0 : new SYN_SENT", 120),
        ("@1 > S seq=0 : new SYN_SENT", 119),
        ("< SA seq=0 ack=1 : established SYN_RECV", 60),
        ("> A seq=1 ack=1 : established ESTABLISHED", 432_000),
        ("> A seq=1 ack=1 len=10 : established ESTABLISHED", 300),
        ("< A seq=1 ack=11 : established ESTABLISHED", 432_000),
        ("< A seq=1 ack=11 win=0 : established ESTABLISHED", 300),
        ("< A seq=1 ack=11 : established ESTABLISHED", 432_000),
        ("< A seq=1 ack=11 : established ESTABLISHED", 432_000),
        ("< A seq=1 ack=11 : established ESTABLISHED", 432_000),
        ("< A seq=1 ack=11 : established ESTABLISHED", 300),
        ("> A seq=11 ack=99 : invalid ESTABLISHED", 300),
        ("> FA seq=11 ack=1 : established FIN_WAIT", 120),
        ("< A seq=1 ack=12 : established CLOSE_WAIT", 60),
        ("< FA seq=1 ack=12 : established LAST_ACK", 30),
        ("> A seq=12 ack=2 : established TIME_WAIT", 120),
    ];
    for (step, (line, left)) in steps.into_iter().enumerate() {
        let now = if step == 0 { at(0) } else { at(1) };
        let line = if step < 2 { line.to_string() } else { format!("@1 {line}") };
        run(&mut table, Script::new(&line));
        let connection = table.connection(&key(), now).unwrap();
        assert_eq!(connection.deadline.since(now).as_secs(), left, "{line}");
    }
}

#[test]
fn a_connection_is_assured_once_it_has_been_open_both_ways() {
    let mut table = small_table(4);
    for (line, assured) in HANDSHAKE.trim().lines().zip([false, false, true]) {
        run(&mut table, Script::new(line));
        assert_eq!(table.connection(&key(), at(0)).unwrap().assured, assured, "{line}");
    }
}

#[test]
fn an_error_about_a_syn_is_related_and_changes_nothing() {
    let mut table = small_table(4);
    run(&mut table, Script::new("> S seq=0 : new SYN_SENT"));
    let syn = script::segment("> S seq=0", 1000);
    let error = unreachable("198.51.100.10", "10.0.0.5", &syn);
    let related = tracked(ConnState::Related, portcullis::Direction::Reply);
    assert_eq!(accept(&mut table, &error, at(0)), related);
    run(&mut table, Script::new("< SA seq=0 ack=1 : established SYN_RECV"));
}

#[test]
fn a_segment_without_its_header_is_invalid() {
    let mut table = ConnTable::new(&Limits::new(4), [3; 16]);
    run(&mut table, Script::new(HANDSHAKE));
    let bare = portcullis::Packet::from(key());
    assert_eq!(accept(&mut table, &bare, at(0)).state, ConnState::Invalid);
    let ping = super::icmp(addrs("10.0.0.5", "198.51.100.10"), 8, 0, 1);
    assert_eq!(accept(&mut table, &ping, at(0)).state, ConnState::New);
}

/// A timeout for data not acknowledged that is no shorter than the usual one leaves the one for a
/// closed window in force.
#[test]
fn a_closed_window_counts_when_unacknowledged_data_does_not() {
    let mut timeouts = Timeouts::default();
    (timeouts.tcp_unacknowledged, timeouts.tcp_max_retrans) = (500_000, 100);
    let limits = Limits::new(4).timeouts(timeouts);
    let mut table = ConnTable::new(&limits, [3; 16]);
    run(&mut table, Script::new(HANDSHAKE));
    run(&mut table, Script::new("< A seq=1 ack=1 len=10 win=0 : established ESTABLISHED"));
    assert_eq!(table.connection(&key(), at(0)).unwrap().deadline.since(at(0)).as_secs(), 100);
}

/// A SYN sent anew without options leaves those in force that the one before it offered.
#[test]
fn a_later_syn_without_options_takes_none_back() {
    let opened = |second: &str| {
        format!(
            "
            > S seq=0 scale=7              : new SYN_SENT
            > S seq=10 {second}            : new SYN_SENT
            < SA seq=0 ack=11 win=10 scale=0 : established SYN_RECV
            > A seq=11 ack=1 win=100       : established ESTABLISHED
            < A seq=1 ack=11 len=10        : established ESTABLISHED
            "
        )
    };
    let far = "< A seq=12000 ack=11 len=1 win=0 : ";
    play(&format!("{}{far}established ESTABLISHED", opened("")));
    play(&format!("{}{far}invalid ESTABLISHED", opened("sackok=1")));
}

/// As Linux 6.18 has it; in older kernels a reset from either end would answer the SYN.
#[test]
fn a_reset_does_not_answer_the_sender_s_own_syn() {
    play_open(
        "
        > S seq=40 ack=1 win=8192   : established ESTABLISHED
        > R seq=30000 ack=41        : invalid ESTABLISHED
        ",
    );
    play_open(
        "
        > S seq=40 ack=1 win=8192   : established ESTABLISHED
        < R seq=30000 ack=41        : established CLOSE
        ",
    );
    play(
        "
        > S seq=0                   : new SYN_SENT
        < SA seq=70000 ack=1        : established SYN_RECV
        > S seq=90 win=100          : established SYN_RECV
        > R seq=70000 ack=91        : invalid SYN_RECV
        ",
    );
}
