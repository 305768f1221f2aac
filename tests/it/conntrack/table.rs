//! Expiry, capacity and the clock.

use portcullis::conntrack::{Conntrack, Limits, TcpState, Time, Timeouts};
use portcullis::packet::Refused;
use portcullis::{ConnTable, Packet};

use super::script::{Script, run};
use super::{FORTH, NEW, accept, at, reversed, small_table, udp_flow};

/// Ticks and rounds of the timer wheel in seconds, generously.
const TICK: u64 = 5;
const ROUND: u64 = 1024 * TICK;

#[test]
fn an_expired_connection_is_never_found() {
    for secs in [1, 29, 30, 31, 40, ROUND, 100 * ROUND, 100_000_000] {
        let mut table = small_table(8);
        let query = udp_flow(5000);
        accept(&mut table, &query, at(0));
        let known = table.connection(&query.flow_key(), at(secs)).is_some();
        assert_eq!(known, secs < 30, "after {secs} s");
        let answer = accept(&mut table, &reversed(&query), at(secs));
        assert_eq!(answer == NEW, secs >= 30, "after {secs} s");
        assert_eq!(table.len(), 1, "after {secs} s");
    }
}

#[test]
fn expired_connections_are_collected_without_being_asked_for() {
    let mut table = small_table(2000);
    for port in 0..1000 {
        accept(&mut table, &udp_flow(port), at(u64::from(port) / 10));
    }
    // Other packets come now and then; no more than four are collected with each.
    let bystander = udp_flow(60000);
    for step in 0..400 {
        table.look_up(&bystander, at(200 + step / 40));
    }
    assert_eq!(table.len(), 0);
    assert_eq!(table.connections(at(0)).count(), 0);
}

#[test]
fn a_refreshed_connection_survives_many_rounds_of_the_wheel() {
    let mut timeouts = Timeouts::default();
    timeouts.udp = 3 * ROUND as u32;
    let limits = Limits::new(16).timeouts(timeouts);
    let mut table = ConnTable::new(&limits, [1; 16]);
    let (kept, left) = (udp_flow(1), udp_flow(2));
    accept(&mut table, &kept, at(0));
    accept(&mut table, &left, at(0));
    for step in 1..40 {
        let now = at(step * ROUND / 2);
        accept(&mut table, &kept, now);
        let expected = if step < 6 { 2 } else { 1 };
        assert_eq!(table.connections(now).count(), expected, "step {step}");
    }
    assert_eq!(table.len(), 1, "the other one was collected");
}

#[test]
fn a_shortened_timeout_is_noticed_by_the_wheel() {
    let mut table = small_table(16);
    let script = "
        > S seq=0              : new SYN_SENT
        < SA seq=0 ack=1       : established SYN_RECV
        > A seq=1 ack=1        : established ESTABLISHED
        > RA seq=1 ack=1       : established CLOSE
    ";
    run(&mut table, Script::new(script));
    for step in 0..40 {
        table.look_up(&udp_flow(9), at(10 + step));
    }
    assert_eq!(table.len(), 0, "not kept for five days");
}

#[test]
fn a_jump_of_the_clock_collects_a_few_at_a_time() {
    let mut table = small_table(1000);
    for port in 0..1000 {
        accept(&mut table, &udp_flow(port), at(0));
    }
    let mut calls = 0;
    while !table.is_empty() {
        let before = table.len();
        table.look_up(&udp_flow(60000), at(1_000_000_000));
        assert!(before - table.len() <= 4);
        calls += 1;
        assert!(calls < 1000);
    }
}

#[test]
fn a_full_table_displaces_the_oldest_of_the_least_established() {
    let mut table = small_table(4);
    let [unanswered, young, answered, stream] = [1, 2, 3, 4].map(udp_flow);
    for packet in [&answered, &stream] {
        accept(&mut table, packet, at(0));
        accept(&mut table, &reversed(packet), at(0));
    }
    accept(&mut table, &stream, at(3));
    accept(&mut table, &unanswered, at(3));
    accept(&mut table, &young, at(4));
    let known =
        |table: &ConnTable, packet: &Packet| table.connection(&packet.flow_key(), at(5)).is_some();
    for (step, victim) in [unanswered, young, answered].iter().enumerate() {
        assert!(known(&table, victim), "step {step}");
        let newcomer = udp_flow(100 + step as u16);
        accept(&mut table, &newcomer, at(5));
        assert!(!known(&table, victim), "step {step}");
        // Make it established, so that it is in nobody's way.
        accept(&mut table, &reversed(&newcomer), at(5));
        accept(&mut table, &newcomer, at(8));
    }
    assert!(known(&table, &stream));
    assert_eq!(table.counts().displaced, 3);

    let refused = udp_flow(200);
    assert!(table.look_up(&refused, at(8)).tentative);
    assert_eq!(table.confirm(&refused, at(8)), Err(Refused::TableFull));
    assert_eq!(table.counts().refused, 1);
    assert_eq!(table.len(), 4);
    assert_eq!(accept(&mut table, &stream, at(8)), FORTH, "established connections go on");
}

#[test]
fn expired_connections_make_room_before_any_other() {
    let mut table = small_table(2);
    let stream = udp_flow(1);
    accept(&mut table, &stream, at(0));
    accept(&mut table, &reversed(&stream), at(0));
    accept(&mut table, &stream, at(3));
    accept(&mut table, &udp_flow(2), at(122));
    // The stream ended at 123, in the tick that the clock is in.
    accept(&mut table, &udp_flow(3), Time::from_millis(1_123_000));
    assert!(table.connection(&udp_flow(2).flow_key(), at(123)).is_some());
    assert_eq!((table.len(), table.counts().displaced), (2, 0));
}

#[test]
fn a_closing_connection_may_be_displaced_and_an_open_one_not() {
    let mut table = small_table(1);
    let open = "
        > S seq=0              : new SYN_SENT
        < SA seq=0 ack=1       : established SYN_RECV
        > A seq=1 ack=1        : established ESTABLISHED
    ";
    run(&mut table, Script::new(open));
    assert_eq!(table.confirm(&udp_flow(1), at(1)), Err(Refused::TableFull));
    run(&mut table, Script::new("> FA seq=1 ack=1 : established FIN_WAIT"));
    assert_eq!(table.confirm(&udp_flow(1), at(1)), Ok(()));
    assert_eq!(table.len(), 1);
}

#[test]
fn a_table_for_none_refuses_all() {
    let mut table = small_table(0);
    assert_eq!(table.confirm(&udp_flow(1), at(0)), Err(Refused::TableFull));
    assert!(table.is_empty());
}

#[test]
fn a_clock_that_goes_back_keeps_connections_and_does_not_keep_them_for_ever() {
    let mut table = small_table(64);
    let early = udp_flow(1);
    accept(&mut table, &early, Time::from_secs(5_000_000_000));
    // Back to the start: the deadline is now 158 years off.
    accept(&mut table, &udp_flow(2), Time::ZERO);
    assert_eq!(
        accept(&mut table, &reversed(&udp_flow(2)), Time::from_secs(1)).direction,
        Some(portcullis::Direction::Reply)
    );
    for step in 0..4 * ROUND {
        table.look_up(&udp_flow(9), Time::from_secs(step));
    }
    let week = Time::from_secs(4 * ROUND + 7 * 86_400);
    assert!(table.connection(&early.flow_key(), week).is_none());
}

#[test]
fn the_end_of_time_is_a_moment_like_any_other() {
    let mut table = small_table(2);
    for port in 1..10 {
        accept(&mut table, &udp_flow(port), Time::MAX);
        accept(&mut table, &udp_flow(port), Time::ZERO);
        assert!(table.len() <= 2);
    }
}

#[test]
fn capacity_is_never_passed_and_memory_is_used_again() {
    let mut table = small_table(100);
    for step in 0..10_000u64 {
        let mut packet = udp_flow((step * 7919 % 60_000) as u16);
        if step % 3 == 0 {
            packet = reversed(&packet);
        }
        accept(&mut table, &packet, Time::from_millis(step * 100));
        assert!(table.len() <= 100);
        assert_eq!(table.connections(Time::ZERO).count(), table.len());
    }
}

#[test]
fn names_of_states_are_linux_s() {
    assert_eq!(
        TcpState::ALL.map(|state| state.to_string()).join(" "),
        "SYN_SENT SYN_SENT2 SYN_RECV ESTABLISHED FIN_WAIT CLOSE_WAIT LAST_ACK TIME_WAIT CLOSE"
    );
}
