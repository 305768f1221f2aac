//! Lookups do not allocate: counted by the allocator, for this thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use ipnet::IpNet;
use portcullis::conntrack::helper::Ftp;
use portcullis::conntrack::{Conntrack, Limits, Lookup, ShardedTable, Time};
use portcullis::packet::{ConnFlag, Family, IcmpMessage, Ports, TcpFlags, TcpSegment, Transport};
use portcullis::policy::{CountedBy, Policy, PolicyRule, Rate};
use portcullis::rule::set::{EndpointSet, InterfaceSet, PrefixSet};
use portcullis::rule::{AnyOf, Effect, FlagsMatch, IcmpKind, Masked, Span, not};
use portcullis::{
    Action, Addrs, Backend, Config, ConnState, ConnTable, Direction, Fragment, Packet, Protocol,
    Rule, RuleSet, StatefulMatcher, StatelessMatcher,
};

use super::packet::bytes::frames;
use super::rulesets::generator::{Shape, headers, patterns, rule_set};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_allocation_is_counted() {
    assert_eq!(allocations(|| black_box(1)), 0);
    assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1);
    assert_eq!(allocations(|| drop(black_box(Vec::<u8>::with_capacity(1)))), 1);
    assert_eq!(bytes(|| black_box(Vec::<u32>::with_capacity(10))).1, 40);
}

#[test]
fn stateless_lookups_do_not_allocate() {
    let rules = every_field();
    let packets = packets(&rules);
    let decided: Vec<_> =
        packets.iter().filter_map(|packet| rules.first_match(packet, None).rule).collect();
    assert!(decided.len() > packets.len() / 4, "{} of {}", decided.len(), packets.len());
    check_stateless(&rules, &packets);
}

#[test]
fn stateless_lookups_in_generated_sets_do_not_allocate() {
    for (shape, family) in [(Shape::ACL, Family::V4), (Shape::FW, Family::V6)] {
        let patterns = patterns(&shape, family, 300, 7);
        let packets: Vec<_> = headers(&patterns, 1000, 7).into_iter().map(Packet::from).collect();
        check_stateless(&rule_set(&patterns), &packets);
    }
}

#[test]
fn packets_of_a_known_connection_do_not_allocate() {
    let mut rules = every_field();
    rules.push(Rule::drop().original_to(prefix("192.0.2.9/32")).direction(Direction::Reply));
    rules.push(Rule::drop().status([ConnFlag::SrcNat]));
    rules.push(Rule::accept().state([ConnState::Established, ConnState::New]));
    let table = ConnTable::new(&Limits::new(100), [7; 16]);
    let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new()).unwrap();
    for (client, server) in
        [("10.0.0.1:40000", "10.9.0.1:5000"), ("[2001:db8::1]:40000", "[2001:db8:9::1]:5000")]
    {
        let (client, server) = (client.parse().unwrap(), server.parse().unwrap());
        let to_server = Packet::udp(client, server).unwrap();
        let to_client = Packet::udp(server, client).unwrap();
        firewall.classify(&to_server, Time::from_secs(1));
        let count = allocations(|| {
            for second in 1..60 {
                for packet in [&to_client, &to_server] {
                    let decision = firewall.classify(black_box(packet), Time::from_secs(second));
                    assert_eq!(decision.tracked.unwrap().state, ConnState::Established);
                }
            }
        });
        assert_eq!(count, 0, "{client}");
    }
}

/// Labels, and rates with more keys than there is room for, also in a copy.
#[test]
fn policies_do_not_allocate() {
    let mut policy = Policy::new(Action::Accept);
    let label = Rule::continue_with(Effect::Count).udp();
    policy.add_rule(1, PolicyRule::new("label", label).label("udp")).unwrap();
    let rate = Rate::new(3, std::time::Duration::from_secs(60)).capacity(50);
    let rate = rate.by(CountedBy::source().and_source_port());
    policy.add_rule(2, PolicyRule::new("rate", Rule::drop()).rate(rate).labelled("udp")).unwrap();
    policy.add_rule(3, PolicyRule::new("staged", Rule::staged(Action::Drop))).unwrap();
    let mut matcher = policy.compile(&Config::new(), [1; 16]).unwrap();
    let packets = (1..200u16).map(|port| {
        let (src, dst) = (([10, 0, 0, 1], port).into(), ([192, 0, 2, 1], 53).into());
        Packet::udp(src, dst).unwrap()
    });
    let packets: Vec<Packet> = packets.collect();
    for _ in 0..2 {
        let count = allocations(|| {
            for (packet, second) in packets.iter().cycle().zip(0..1000) {
                black_box(matcher.classify_staged(black_box(packet), Time::from_secs(second / 5)));
            }
        });
        assert_eq!(count, 0);
        matcher = policy.compile(&Config::new(), [1; 16]).unwrap().clone();
    }
}

/// Twelve control connections, read by a helper, and what they announce: entered, expected, ended.
#[test]
fn reading_for_announcements_does_not_allocate() {
    let rules = RuleSet::new(Action::Accept);
    let table = ConnTable::new(&Limits::new(100).helped(3), [7; 16]).with_helper(Ftp::new());
    let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new()).unwrap();
    let frames = frames("ftp");
    let count = allocations(|| {
        for (index, frame) in frames.iter().enumerate() {
            let Ok(packet) = Packet::from_ethernet(frame) else { continue };
            let payload = Packet::payload_of_ethernet(frame).unwrap();
            firewall.classify_with_payload(&packet, payload, Time::from_millis(index as u64));
        }
    });
    assert_eq!((count, firewall.conntrack().counts().expected), (0, 11));
}

#[test]
fn a_table_takes_all_its_memory_when_it_is_made() {
    for capacity in [1000, 100_000] {
        let (mut table, bytes) = bytes(|| ConnTable::new(&Limits::new(capacity), [7; 16]));
        // What does not depend on the capacity: slots of the wheel, a batch.
        let each = (bytes - 20_000) as f64 / f64::from(capacity);
        assert!(each <= 160.0, "{each} bytes a connection of {capacity}");
        let flow = |number: u32| {
            Packet::udp((number.to_be_bytes(), 1).into(), ([192, 0, 2, 53], 53).into()).unwrap()
        };
        let count = allocations(|| {
            for number in 0..capacity + 100 {
                let (packet, now) = (flow(number), Time::from_secs(1));
                assert!(table.look_up(&packet, now).tentative);
                table.confirm(&packet, now).unwrap();
            }
            let packets = [flow(200), flow(201)];
            table.look_up_batch(&packets, Time::from_secs(2), &mut [Lookup::invalid(); 2]);
        });
        assert_eq!((table.len(), count), (capacity as usize, 0));
    }
}

#[test]
fn shards_share_the_memory_of_one_table() {
    for shards in [1, 16, 64] {
        let limits = Limits::new(100_000);
        let (table, bytes) = bytes(|| ShardedTable::new(&limits, shards, [7; 16]));
        let each = (bytes - 20_000 * u64::from(shards)) as f64 / 100_000.0;
        assert!(each <= 160.0, "{each} bytes a connection in {shards} shards");
        assert_eq!(table.shards(), shards as usize);
    }
}

fn check_stateless(rules: &RuleSet, packets: &[Packet]) {
    for backend in [Backend::Scalar, Backend::Avx2, Backend::Avx512] {
        for config in [Config::new(), Config::new().memory_budget(512)] {
            let matcher = StatelessMatcher::compile(rules, &config.backend(backend)).unwrap();
            for packet in packets {
                assert_eq!(allocations(|| matcher.classify(black_box(packet))), 0, "{packet}");
                let key = packet.flow_key();
                assert_eq!(allocations(|| matcher.classify_key(black_box(&key))), 0, "{key}");
            }
            let mut decisions = vec![matcher.classify(&packets[0]); packets.len()];
            let batch = || matcher.classify_batch(black_box(packets), &mut decisions);
            assert_eq!(allocations(batch), 0, "a batch of {}", packets.len());
        }
    }
}

/// Chains within chains, and a rule for each field that criteria have.
fn every_field() -> RuleSet {
    let mut rules = RuleSet::new(Action::Drop);
    let (outer, inner, last) =
        (rules.add_chain("outer"), rules.add_chain("inner"), rules.add_chain("last"));
    rules.push(Rule::continue_with(Effect::Mark(Masked::new(2, 0xff))).dscp(46));
    rules.push(Rule::jump(outer).tcp());
    rules.push(Rule::accept().fragment(Fragment::Later));
    rules.push(Rule::drop().malformed(true).ttl(not(1..=9)));
    rules.push(Rule::drop().to_cut_ports(22));
    rules.push(Rule::accept().icmp([IcmpKind::from(8), IcmpKind::new(3, 0..=4)]));
    rules.push(Rule::accept().icmpv6(not([IcmpKind::from(128)])));
    rules.add_set("nets", PrefixSet::from_iter([prefix("10.8.0.0/16"), prefix("2001:db8:8::/48")]));
    rules.add_set("lans", InterfaceSet::from_iter(["eth1", "wg*"]));
    rules.add_set("servers", EndpointSet::from_iter([("10.8.0.1".parse().unwrap(), 443)]));
    rules.push(Rule::drop().from_set("nets").in_interface_set("lans"));
    rules.push(Rule::accept().to_endpoint_set("servers"));
    rules.push(Rule::accept().in_interface("eth*").vlan(100));
    rules.push(
        Rule::accept().out_interface(AnyOf::none_of(["wg0".into()])).length(Span::from(0..=80)),
    );
    rules.push(Rule::accept().mark(Masked::new(2, 0xff)));
    rules.push(Rule::drop().predicate([3, 5]));
    let odd = (0..200).map(|net| prefix(&format!("10.{net}.1.0/25"))).collect::<Vec<_>>();
    rules.push(Rule::accept().protocol(Protocol::SCTP).from(not(odd)));
    rules.push(Rule::accept().family(Family::V6).udp().to_ports([53, 123]));
    rules.push_to(outer, Rule::return_().from(prefix("192.0.2.0/24")));
    rules.push_to(outer, Rule::jump(inner).to_ports([22, 443]));
    rules.push_to(outer, Rule::goto(last).from(prefix("2001:db8::/32")));
    let syn = FlagsMatch::new(TcpFlags::SYN, TcpFlags::SYN | TcpFlags::ACK);
    rules.push_to(inner, Rule::accept().tcp_flags(syn));
    rules.push_to(inner, Rule::return_().from_ports(not(1024..=65535)));
    rules.push_to(last, Rule::accept().tcp().to_ports(80));
    rules
}

/// Packets of both families, with and without ports, that reach every chain.
fn packets(rules: &RuleSet) -> Vec<Packet> {
    let v4 = [[10, 7, 1, 9], [192, 0, 2, 1], [255; 4]];
    let v6 = [0x2001_0db8_u128 << 96 | 1, u128::MAX];
    let v4 = v4.map(|src| Addrs::V4 { src: src.into(), dst: [10, 9, 0, 1].into() });
    let v6 = v6.map(|src| Addrs::V6 { src: src.into(), dst: 1.into() });
    let mut packets = Vec::new();
    for addrs in v4.into_iter().chain(v6) {
        for (at, dst) in [22, 80, 443, 53, 9].into_iter().enumerate() {
            for protocol in [Protocol::TCP, Protocol::UDP, Protocol::SCTP] {
                let mut packet = Packet::new(addrs, protocol);
                packet.ports = Some(Ports { src: 40000, dst });
                packet.dscp = [0, 46][at % 2];
                packet.length = 60 + 20 * at as u32;
                packet.in_interface = rules.interface("eth0");
                packet.vlan = Some(98 + at as u16);
                if protocol == Protocol::TCP {
                    packet.transport = Transport::Tcp(TcpSegment::new(TcpFlags::SYN));
                }
                packets.push(packet);
            }
        }
        packets.push(Packet::icmp(addrs, IcmpMessage::new(8, 0)));
        let mut later = Packet::new(addrs, Protocol::UDP);
        later.fragment = Fragment::Later;
        packets.push(later);
    }
    packets
}

fn prefix(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// How often this thread allocated while `run` ran.
pub(super) fn allocations<T>(run: impl FnOnce() -> T) -> u64 {
    let before = COUNT.get();
    let result = run();
    let count = COUNT.get() - before;
    drop(result);
    count
}

/// How many bytes this thread has allocated, all told, to make what `make` gives.
pub(super) fn bytes<T>(make: impl FnOnce() -> T) -> (T, u64) {
    let before = BYTES.get();
    let made = make();
    (made, BYTES.get() - before)
}

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with counts of the calls that give out memory and of its bytes.
struct Counting;

impl Counting {
    fn count(&self, bytes: usize) {
        // A thread that is ending has no counts any more.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        let _ = BYTES.try_with(|sum| sum.set(sum.get() + bytes as u64));
    }
}

#[allow(unsafe_code, reason = "an allocator is declared by an unsafe trait")]
// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: the caller's duties are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.count(size);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}
