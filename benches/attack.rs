//! Ten million SYNs from random sources, as a firewall meets them whose table of 100,000 is full of
//! established connections, or half full of them. One packet in a hundred belongs to one of these.
//!
//! ```text
//! cargo bench --bench attack
//! ```
//!
//! It fails if a connection is lost or a packet of one does not pass. That nothing is allocated
//! meanwhile is a test, `tests/it/conntrack/attack.rs`; here the memory of the process is shown.

#[allow(dead_code, reason = "shared with other benchmarks")]
mod flows;

use std::time::Instant;
use std::{fs, iter};

use portcullis::conntrack::Time;
use portcullis::{Action, Config, ConnState, Packet, Rule, RuleSet, StatefulMatcher};

use flows::{data, draws, open_table_for, redirect, syn};

const CAPACITY: u32 = 100_000;
const SYNS: u32 = 10_000_000;

fn main() {
    for flows in [CAPACITY, CAPACITY / 2] {
        let mut firewall = server(flows);
        let before = resident_kib();
        let started = Instant::now();
        let end = flood(&mut firewall, flows);
        let rate = f64::from(SYNS) / started.elapsed().as_secs_f64() / 1e6;
        let after = resident_kib();
        all_pass(&mut firewall, flows, end);
        let counts = firewall.conntrack().counts();
        println!(
            "{flows} of {CAPACITY} established: {rate:.2} million packets a second; {} refused, \
             {} displaced; {before} KiB of memory before, {after} after; all {flows} pass",
            counts.refused, counts.displaced
        );
        assert_eq!(firewall.conntrack().len(), CAPACITY as usize, "what is full stays full");
    }
}

/// A server that everybody may connect to, and to which so many are connected.
fn server(flows: u32) -> StatefulMatcher {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().state([ConnState::Established, ConnState::Related]));
    rules.push(Rule::accept().tcp().to_ports(443).state(ConnState::New));
    let table = open_table_for(CAPACITY, flows, Time::from_secs(1));
    StatefulMatcher::compile(&rules, table, &Config::new()).expect("no jumps")
}

/// Ten thousand SYNs a second by the clock of the table; the moment of the last.
fn flood(firewall: &mut StatefulMatcher, flows: u32) -> Time {
    let mut now = Time::from_secs(2);
    let mut member = data(0);
    for (number, draw) in iter::zip(0..SYNS, draws(1996)) {
        now = Time::from_nanos(now.as_nanos() + 100_000);
        // Not from where those are that belong.
        firewall.classify(&syn(1 << 24 | draw & 0xff_ffff), now);
        if number % 100 == 0 {
            let flow = number / 100 % flows;
            redirect(&mut member, flow, number & 1 == 0, 1);
            passes(firewall, &member, now);
        }
    }
    now
}

fn all_pass(firewall: &mut StatefulMatcher, flows: u32, now: Time) {
    let mut member = data(0);
    for flow in 0..flows {
        for back in [false, true] {
            redirect(&mut member, flow, back, 1);
            passes(firewall, &member, now);
        }
    }
}

fn passes(firewall: &mut StatefulMatcher, packet: &Packet, now: Time) {
    let decision = firewall.classify(packet, now);
    let state = decision.tracked.map(|tracked| tracked.state);
    assert_eq!((*decision.action, state), (Action::Accept, Some(ConnState::Established)));
}

/// What the process has of the machine's memory; 0 where there is no such file.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
