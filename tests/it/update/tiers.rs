//! Inserted rules that are compiled by themselves.

use portcullis::packet::TcpFlags;
use portcullis::update::{LiveMatcher, Position, RuleKey};
use portcullis::{Action, ChainId, Config, Packet, Rule, RuleSet};

fn to_port(port: u16) -> Packet {
    let (src, dst) = ("10.0.0.1:1000".parse().unwrap(), ([192, 0, 2, 1], port).into());
    Packet::tcp(src, dst, TcpFlags::SYN).unwrap()
}

fn decided(live: &mut LiveMatcher, port: u16) -> Option<RuleKey> {
    live.publish().classify(&to_port(port)).rule
}

/// A rule for each port from 0 on and, behind them, one for all; then as many inserted before them all
/// that end in reverse order, which hide all others.
fn layered(count: u16) -> (LiveMatcher, Vec<RuleKey>) {
    let mut all = RuleSet::new(Action::Drop);
    (0..count).for_each(|port| _ = all.push(Rule::accept().tcp().to_ports(port)));
    all.push(Rule::accept().tcp());
    let mut live = LiveMatcher::new(&all, &Config::new()).unwrap();
    live.set_overlay(4);
    let wide = |port| Rule::drop().tcp().to_ports(0..=port);
    let first = Position::First(ChainId::BASE);
    let keys = (0..count).map(|port| live.insert(first, wide(port)).unwrap()).collect();
    (live, keys)
}

#[test]
fn rules_of_a_tier_hide_those_behind_them_until_they_are_removed() {
    let (mut live, keys) = layered(40);
    assert_eq!(live.inserted(), 40);
    for key in keys.iter().rev() {
        assert_eq!(decided(&mut live, 0), Some(*key));
        live.remove(*key).unwrap();
    }
    let base = live.keys(ChainId::BASE);
    assert_eq!(base.len(), 41);
    assert_eq!(decided(&mut live, 0), base.first().copied());
    assert_eq!(decided(&mut live, 39), Some(base[39]));
    live.remove(base[39]).unwrap();
    assert_eq!(decided(&mut live, 39), Some(base[40]));
}

#[test]
fn rules_come_between_those_of_a_tier() {
    let (mut live, keys) = layered(40);
    // So many between two neighbours that they are given other places.
    let mut last = keys[20];
    for i in 0..200 {
        let key = live.insert(Position::Before(last), Rule::accept().tcp().to_ports(7)).unwrap();
        if i % 3 == 0 {
            live.remove(last).unwrap();
        }
        last = key;
    }
    let order = live.keys(ChainId::BASE);
    assert!(keys[21..].iter().rev().eq(&order[..19]));
    for key in order.iter().take(19) {
        live.remove(*key).unwrap();
    }
    assert_eq!(decided(&mut live, 7), Some(last));
    assert_eq!(live.place(last).unwrap().index, 0);
    live.rebuild().unwrap();
    assert_eq!((live.inserted(), decided(&mut live, 7)), (0, Some(last)));
}

#[test]
fn a_rebuild_is_due_when_a_tenth_has_changed() {
    let mut all = RuleSet::new(Action::Drop);
    (0..1000).for_each(|port| _ = all.push(Rule::accept().tcp().to_ports(port)));
    let mut live = LiveMatcher::new(&all, &Config::new()).unwrap();
    for port in 0..164 {
        assert!(!live.is_rebuild_due());
        live.insert(Position::Last(ChainId::BASE), Rule::accept().udp().to_ports(port)).unwrap();
    }
    assert!(!live.is_rebuild_due());
    live.remove(live.key_at(ChainId::BASE, 0).unwrap()).unwrap();
    assert!(live.is_rebuild_due());
    live.rebuild().unwrap();
    assert!(!live.is_rebuild_due());
}
