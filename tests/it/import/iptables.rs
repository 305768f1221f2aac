//! Rules of iptables: what is read, what it means, what is an error.

mod dumps;
mod errors;
mod hooks;
mod limits;
mod matches;
mod rates;
mod sets;

use std::net::SocketAddr;

use portcullis::conntrack::{Limits, Time};
use portcullis::import::iptables::{Firewall, Hook, Iptables, Judgement, Untracked};
use portcullis::packet::TcpFlags;
use portcullis::{Action, Config, ConnTable, Packet};

/// A filter table with these rules in FORWARD, whose policy is to drop.
fn forward(rules: &str) -> String {
    let rules: String = rules.lines().map(|rule| format!("-A FORWARD {}\n", rule.trim())).collect();
    format!("*filter\n:FORWARD DROP [0:0]\n{rules}COMMIT\n")
}

fn tables(v4: &str) -> Iptables {
    Iptables::new().v4(v4).unwrap_or_else(|error| panic!("{error}"))
}

/// Judges packets that nobody tracks by the rules of FORWARD.
fn untracked(tables: &Iptables) -> Firewall<Untracked> {
    tables.hook(Hook::Forward).untracked_firewall(&Config::new()).unwrap()
}

fn tracked(tables: &Iptables, hook: Hook) -> Firewall {
    let table = ConnTable::new(&Limits::new(1000), [7; 16]);
    tables.hook(hook).firewall(table, &Config::new()).unwrap()
}

fn at(millis: u64) -> Time {
    Time::from_millis(1_000_000 + millis)
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn syn(src: &str, dst: &str) -> Packet {
    Packet::tcp(socket(src), socket(dst), TcpFlags::SYN).unwrap()
}

fn segment(src: &str, dst: &str, flags: TcpFlags) -> Packet {
    Packet::tcp(socket(src), socket(dst), flags).unwrap()
}

fn udp(src: &str, dst: &str) -> Packet {
    Packet::udp(socket(src), socket(dst)).unwrap()
}

/// Whether a rule `-A FORWARD {rule} -j ACCEPT` accepts a packet that nobody tracks.
fn accepts(rule: &str, packet: &Packet) -> bool {
    let tables = tables(&forward(&format!("{rule} -j ACCEPT")));
    untracked(&tables).classify(packet, at(0)).action == Action::Accept
}

/// Where the rule that decided comes from, as it is printed.
fn origin<C>(firewall: &Firewall<C>, judgement: &Judgement) -> String {
    firewall.origin(judgement).map_or("none".into(), |origin| origin.to_string())
}
