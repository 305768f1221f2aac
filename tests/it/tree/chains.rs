//! Chains, compiled: jumps, gotos and returns, marks on the way.

use std::net::Ipv4Addr;

use portcullis::rule::{Effect, Limit, Masked};
use portcullis::{
    Action, ChainId, Config, Packet, Protocol, Rule, RuleId, RuleSet, StatelessMatcher,
};

use super::{but, compare, rules, to_port};

/// The rule that decides each packet, when all agree on it.
fn decided(rules: &RuleSet, packets: &[Packet]) -> Vec<Option<RuleId>> {
    for config in compare::configs() {
        if let Some(difference) = compare::stateless(rules, &config, packets) {
            panic!("{config:?}\n{difference}");
        }
    }
    packets.iter().map(|packet| rules.first_match(packet, None).rule).collect()
}

fn id(rules: &RuleSet, chain: &str, index: u32) -> Option<RuleId> {
    Some(RuleId::new(rules.chain_named(chain).unwrap(), index))
}

/// The base chain leads through `jumps` chains, each called by the one before it. Each sets a bit
/// of the mark; the last accepts if all bits are set, and each caller drops what it does not.
fn ladder(jumps: u32) -> RuleSet {
    let mut rules = RuleSet::new(Action::Accept);
    let mut above = ChainId::BASE;
    for step in 0..jumps {
        let below = rules.add_chain(&format!("{step}"));
        let bit = 1 << (step % 32);
        rules.push_to(above, Rule::continue_with(Effect::Mark(Masked::new(bit, bit))));
        rules.push_to(above, Rule::jump(below));
        rules.push_to(above, Rule::drop().mark(Masked::new(0, 1 << 31)).length(step));
        above = below;
    }
    rules.push_to(above, Rule::accept().mark(u32::MAX).vlan(1));
    rules
}

#[test]
fn thirty_two_chains_within_chains() {
    let rules = ladder(32);
    let tagged = but(to_port(1), |p| p.vlan = Some(1));
    let packets = [tagged, but(to_port(1), |p| p.length = 99)];
    let deepest = Some(RuleId::new(rules.chain_named("31").unwrap(), 0));
    assert_eq!(decided(&rules, &packets), [deepest, None]);
}

#[test]
fn thirty_three_chains_within_chains_are_refused() {
    let error = StatelessMatcher::compile(&ladder(33), &Config::new()).unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Depth { jumps: 32 }));
    assert_eq!(error.rule(), Some(RuleId::new(ChainId::BASE, 1)));
}

/// As a Kubernetes node has it: a chain of jumps, one a service, each to a chain of its own.
#[test]
fn thousands_of_jumps() {
    const SERVICES: u32 = 2000;
    let mut rules = RuleSet::new(Action::Drop);
    let services = rules.add_chain("services");
    rules.push(Rule::jump(services));
    rules.push(Rule::accept().udp());
    let address = |i: u32| Ipv4Addr::from_bits(0x0a60_0000 + i);
    for i in 0..SERVICES {
        let service = rules.add_chain(&format!("service-{i}"));
        rules.push_to(services, Rule::jump(service).to(address(i)));
        rules.push_to(service, Rule::return_().udp());
        rules.push_to(service, Rule::accept().to_ports(80));
    }
    let to = |i, protocol| {
        but(Packet::new((address(7), address(i)), protocol), |p| p.ports = to_port(80).ports)
    };
    let tcp = [0, 1, 15, 16, 999, 1999, 2000].map(|i| to(i, Protocol::TCP));
    let service = |i: u32| id(&rules, &format!("service-{i}"), 1);
    let expected = [0, 1, 15, 16, 999, 1999].map(service);
    assert_eq!(decided(&rules, &tcp)[..6], expected);
    assert_eq!(decided(&rules, &tcp)[6], None);
    let udp = [0, 1999, 2000].map(|i| to(i, Protocol::UDP));
    assert_eq!(decided(&rules, &udp), [id(&rules, "base", 1); 3]);
}

/// Every one of them is taken, comes back, and counts in the mark what came before.
#[test]
fn hundreds_of_jumps_that_all_come_back() {
    let mut rules = RuleSet::new(Action::Drop);
    let [first, second] = ["first", "second"].map(|name| rules.add_chain(name));
    rules.push_to(
        first,
        Rule::continue_with(Effect::Mark(Masked::new(1, 1))).mark(Masked::new(0, 1)),
    );
    rules.push_to(first, Rule::return_());
    rules.push_to(first, Rule::accept());
    rules.push_to(second, Rule::goto(first).mark(Masked::new(0, 3)));
    for _ in 0..200 {
        rules.push(Rule::jump(second));
        rules.push(Rule::jump(first).vlan(1));
    }
    rules.push(Rule::accept().mark(Masked::new(1, 3)));
    let packets = [to_port(1), but(to_port(1), |p| p.vlan = Some(1))];
    assert_eq!(decided(&rules, &packets), [id(&rules, "base", 400); 2]);
    let marked = but(to_port(1), |p| p.mark = 2);
    assert_eq!(decided(&rules, &[marked]), [None]);
}

#[test]
fn where_a_goto_ends() {
    let rules = rules(
        "jump a tcp\naccept to any port 2\ngoto b any\naccept any\n\
         chain a\ngoto b any\naccept any\nchain b\naccept to any port 1",
    );
    let udp = but(to_port(3), |p| p.protocol = Protocol::UDP);
    let packets = [to_port(1), to_port(2), to_port(3), udp];
    let expected = [id(&rules, "b", 0), id(&rules, "base", 1), None, None];
    assert_eq!(decided(&rules, &packets), expected);
}

#[test]
fn a_return_in_the_middle_of_a_large_chain() {
    let mut rules = RuleSet::new(Action::Drop);
    let chain = rules.add_chain("chain");
    for port in 0..100 {
        rules.push_to(chain, Rule::accept().to_ports(port));
    }
    rules.push_to(chain, Rule::return_().tcp().to_ports(0..=150));
    for port in 100..200 {
        rules.push_to(chain, Rule::accept().to_ports(port));
    }
    rules.push(Rule::jump(chain));
    rules.push(Rule::drop().to_ports(120..=170));
    let packets = [99, 100, 120, 150, 151, 199, 200].map(to_port);
    let inside = |index| id(&rules, "chain", index);
    let base = id(&rules, "base", 1);
    let expected = [inside(99), None, base, base, inside(152), inside(200), None];
    assert_eq!(decided(&rules, &packets), expected);
}

/// The mark that a rule sets is the one that all later rules see, those of other chains too.
#[test]
fn marks_are_seen_later() {
    let rules = rules(
        "mark 0x1/0x1 to any port 1\naccept mark 0x1/0xff\njump a any\n\
         accept mark 0x12/0xff\naccept mark 0x0/0x1\n\
         chain a\nmark 0x10/0xf0 mark 0x2/0x2\nreturn mark 0x10/0x10\naccept mark 0x4/0x4",
    );
    let marked = |mark, port| but(to_port(port), |p| p.mark = mark);
    let packets =
        [marked(0, 1), marked(2, 0), marked(4, 1), marked(0x12, 9), marked(0x100, 2), marked(3, 5)];
    let base = |index| id(&rules, "base", index);
    let expected = [base(1), base(3), id(&rules, "a", 2), base(3), base(4), None];
    assert_eq!(decided(&rules, &packets), expected);
}
