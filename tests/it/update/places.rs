//! Where rules are put, and what that brings back.

use portcullis::packet::TcpFlags;
use portcullis::update::{LiveMatcher, Position, RuleKey};
use portcullis::{Action, ChainId, Config, Packet, Rule, RuleId, RuleSet};

use super::model::{Model, Named};
use super::rules;

fn to_port(port: u16) -> Packet {
    let (src, dst) = ("10.0.0.1:1000".parse().unwrap(), ([192, 0, 2, 1], port).into());
    Packet::tcp(src, dst, TcpFlags::SYN).unwrap()
}

fn named(port: u16) -> Named {
    Named { packet: to_port(port), interfaces: [None, None] }
}

fn decided(live: &mut LiveMatcher, port: u16) -> Option<RuleKey> {
    live.publish().classify(&to_port(port)).rule
}

#[test]
fn removing_a_rule_brings_back_what_it_hid() {
    let text = "drop tcp to any port 0-100\naccept tcp to any port 22\naccept tcp\ndrop tcp";
    let mut live = LiveMatcher::new(&rules(text), &Config::new()).unwrap();
    let keys = live.keys(ChainId::BASE);
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(decided(&mut live, 22), Some(*key), "after {i} removals");
        live.remove(*key).unwrap();
    }
    assert_eq!(decided(&mut live, 22), None);
    assert_eq!(live.removed(), 4);
    live.rebuild().unwrap();
    assert_eq!((live.removed(), decided(&mut live, 22)), (0, None));
}

#[test]
fn removing_a_rule_brings_back_what_it_hid_in_a_tree() {
    let mut all = RuleSet::new(Action::Drop);
    all.push(Rule::accept().tcp().to_ports(0..=5000));
    (0..100).for_each(|i| _ = all.push(Rule::drop().tcp().to_ports(10 * i..=10 * i + 15)));
    all.push(Rule::accept().tcp());
    (0..100).for_each(|i| _ = all.push(Rule::drop().tcp().to_ports(10 * i..=10 * i + 15)));
    let mut live = LiveMatcher::new(&all, &Config::new()).unwrap();
    let keys = live.keys(ChainId::BASE);
    for (gone, next) in [(0, 50), (50, 51), (51, 101), (101, 151), (151, 152), (152, 999)] {
        live.remove(keys[gone]).unwrap();
        let expected = keys.get(next).copied();
        assert_eq!(decided(&mut live, 503), expected, "without rule {gone}");
    }
}

#[test]
fn a_hundred_rules_that_hide_each_other() {
    let mut all = RuleSet::new(Action::Drop);
    (0..100).for_each(|_| _ = all.push(Rule::accept().tcp()));
    let mut live = LiveMatcher::new(&all, &Config::new()).unwrap();
    for key in live.keys(ChainId::BASE) {
        assert_eq!(decided(&mut live, 1), Some(key));
        live.remove(key).unwrap();
    }
    assert_eq!(decided(&mut live, 1), None);
}

#[test]
fn always_at_the_same_place() {
    for after in [false, true] {
        let mut model = Model::new(&rules("accept udp\naccept tcp\ndrop tcp"), &Config::new());
        let fixed = model.live.key_at(ChainId::BASE, 1).unwrap();
        let at = if after { Position::After(fixed) } else { Position::Before(fixed) };
        let mut last = None;
        for port in 0..100 {
            last = Some(model.insert(at, Rule::accept().tcp().to_ports(port)).unwrap());
        }
        // Between the same two again and again: labels run out.
        let mut low = last.unwrap();
        for port in 0..100 {
            low = model.insert(Position::After(low), Rule::drop().tcp().to_ports(port)).unwrap();
            if port % 2 == 0 {
                let fixed = model.live.key_at(ChainId::BASE, 2).unwrap();
                let rule = Rule::drop().udp().to_ports(port);
                low = model.insert(Position::Before(fixed), rule).unwrap();
            }
        }
        model.check(&[named(0), named(7), named(99), named(100)]);
        model.check_places();
        model.live.rebuild().unwrap();
        model.check(&[named(0), named(7), named(99), named(100)]);
        model.check_places();
    }
}

#[test]
fn a_place_is_counted_among_the_rules_that_are_there() {
    let mut all = RuleSet::new(Action::Drop);
    (0..200).for_each(|port| _ = all.push(Rule::accept().tcp().to_ports(port)));
    let mut model = Model::new(&all, &Config::new());
    for index in [199, 130, 128, 127, 64, 63, 0] {
        let key = model.live.key_at(ChainId::BASE, index).unwrap();
        model.remove(key);
    }
    for index in [0, 1, 60, 63, 64, 120, 190, 193] {
        let at = Position::At(RuleId::new(ChainId::BASE, index));
        model.insert(at, Rule::drop().udp()).unwrap();
        model.check(&[named(3)]);
        model.check_places();
    }
    let end = Position::At(RuleId::new(ChainId::BASE, model.len(ChainId::BASE) as u32));
    model.insert(end, Rule::accept()).unwrap();
    model.check(&[named(3), named(4000)]);
}

#[test]
fn a_key_is_never_given_twice() {
    let mut live = LiveMatcher::new(&RuleSet::new(Action::Drop), &Config::new()).unwrap();
    let mut keys = std::collections::HashSet::new();
    for round in 0..100 {
        let key = live.insert(Position::Last(ChainId::BASE), Rule::accept()).unwrap();
        assert!(keys.insert(key), "{key} in round {round}");
        live.remove(key).unwrap();
    }
    assert_eq!(keys.iter().max().unwrap().to_string(), "rule #0.99");
}

#[test]
fn a_chain_that_came_later() {
    let mut live = LiveMatcher::new(&rules("accept udp\ndrop tcp"), &Config::new()).unwrap();
    let late = live.add_chain("late");
    live.insert(Position::First(ChainId::BASE), Rule::jump(late).tcp()).unwrap();
    assert_eq!(decided(&mut live, 22), live.key_at(ChainId::BASE, 2));
    let ssh = live.insert(Position::Last(late), Rule::accept().tcp().to_ports(22)).unwrap();
    assert_eq!(decided(&mut live, 22), Some(ssh));
    assert_eq!(live.place(ssh), Some(RuleId::new(late, 0)));
    live.rebuild().unwrap();
    assert_eq!(decided(&mut live, 22), Some(ssh));
    assert_eq!(live.rule_set().chains()[1].name(), "late");
}

#[test]
fn an_interface_that_a_wildcard_stood_for() {
    let mut live = LiveMatcher::new(&rules("accept in wg*"), &Config::new()).unwrap();
    let wide = live.key_at(ChainId::BASE, 0).unwrap();
    let from = |live: &mut LiveMatcher, name: &str| {
        let snapshot = live.publish();
        let mut packet = to_port(1);
        packet.in_interface = snapshot.interface(name);
        snapshot.classify(&packet).rule
    };
    assert_eq!(from(&mut live, "wg0"), Some(wide));
    let last = Position::Last(ChainId::BASE);
    let narrow = live.insert(last, Rule::drop().in_interface("wg0")).unwrap();
    assert_eq!(from(&mut live, "wg0"), Some(wide), "the rule for all of them comes first");
    live.remove(wide).unwrap();
    assert_eq!(from(&mut live, "wg0"), Some(narrow));
    assert_eq!((from(&mut live, "wg1"), from(&mut live, "eth0")), (None, None));
    let other = live.insert(last, Rule::drop().in_interface("eth0")).unwrap();
    assert_eq!(from(&mut live, "eth0"), Some(other));
}

#[test]
fn a_default_is_a_change() {
    let mut live = LiveMatcher::new(&rules("accept udp"), &Config::new()).unwrap();
    live.set_default(Action::Accept);
    assert_eq!(*live.publish().classify(&to_port(1)).action, Action::Accept);
    live.rebuild().unwrap();
    assert_eq!(*live.publish().classify(&to_port(1)).action, Action::Accept);
    assert_eq!(*live.rule_set().default_action(), Action::Accept);
}

#[test]
fn a_rebuild_that_came_too_late_is_refused() {
    let mut live = LiveMatcher::new(&rules("accept tcp"), &Config::new()).unwrap();
    let mut other = LiveMatcher::new(&rules("accept tcp"), &Config::new()).unwrap();
    let (early, late) = (live.start_rebuild(), live.start_rebuild());
    live.insert(Position::First(ChainId::BASE), Rule::drop().tcp()).unwrap();
    assert!(live.finish_rebuild(late.run().unwrap()));
    assert!(!live.finish_rebuild(early.run().unwrap()));
    assert!(!other.finish_rebuild(live.start_rebuild().run().unwrap()));
    assert_eq!(live.inserted(), 1);
    assert_eq!(*live.publish().classify(&to_port(1)).action, Action::Drop);
}
