//! Named sets: what a rule with a set of many prefixes costs, to compile and in a lookup, and how
//! fast sets change.
//!
//! `cargo bench --bench sets` prints for each set what a lookup takes, and how much of that there is
//! because the rule asks for the set: the same rules without the set are measured beside it. Packets
//! have 4,096 sources, all in the set (`in`), none (`out`) or either at random (`half`): which of the
//! two nobody can guess. Of 65,536 sources (`far`), either at random, every lookup meets other places of
//! the set, and packets, which take 9 MiB, leave no room for them in the caches next to the processor.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use portcullis::rule::set::{EndpointSet, InterfaceSet, PortSet, PrefixSet};
use portcullis::update::LiveMatcher;
use portcullis::{Action, Config, FlowKey, Packet, Protocol, Rule, RuleSet, StatelessMatcher};

const NEAR: usize = 1 << 12;
const FAR: usize = 1 << 16;
/// How long each figure is measured.
const SPAN: Duration = Duration::from_millis(100);

fn main() {
    println!(
        "{:<18} {:>8} {:>8} {:>7}   {:^30}   {:^30}   {:^30}",
        "", "", "", "insert,", "set alone, ns", "lookup, ns", "of it for the set, ns"
    );
    println!(
        "{:<18} {:>8} {:>8} {:>7}   {}",
        "set",
        "build",
        "compile",
        "publish",
        "     in     out    half     far   ".repeat(3)
    );
    for (count, v6) in [
        (1_000, false),
        (10_000, false),
        (100_000, false),
        (1_000_000, false),
        (2_000_000, false),
        (1_000, true),
        (10_000, true),
        (100_000, true),
        (1_000_000, true),
        (2_000_000, true),
    ] {
        if is_asked(&format!("{count} {}", if v6 { "IPv6" } else { "IPv4" })) {
            prefixes(count, v6);
        }
    }
    if !is_asked("other sets") {
        return;
    }
    ports();
    endpoints(false);
    endpoints(true);
    interfaces();
}

fn is_asked(name: &str) -> bool {
    let mut names = std::env::args().skip(1).filter(|name| !name.starts_with('-')).peekable();
    names.peek().is_none() || names.any(|asked| name.contains(&asked))
}

fn prefixes(count: usize, v6: bool) {
    let mut random = Random(2007);
    let nets: Vec<IpNet> = (0..count).map(|_| net(&mut random, v6)).collect();
    let start = cpu_time();
    let set: PrefixSet = nets.iter().copied().collect();
    let build = cpu_time() - start;
    let inside = |random: &mut Random| {
        let net = nets[random.below(nets.len())];
        within(random, net)
    };
    let outside = |random: &mut Random| loop {
        let net = net(random, v6);
        let address = within(random, net);
        if !set.contains(address) {
            return address;
        }
    };
    let to = net(&mut random, v6).addr();
    let key = |src: IpAddr| FlowKey::new(Protocol::TCP, (src, 40_000).into(), (to, 443).into());
    let packets = Packets::new(&mut random, |random, is_in| {
        let src = if is_in { inside(random) } else { outside(random) };
        Packet::from(key(src).expect("of one family"))
    });

    let start = cpu_time();
    let (with, rules) = matcher("blocked", set.clone(), |rule| rule.from_set("blocked"));
    let compile = cpu_time() - start;
    let publish = change(&rules, &mut random, v6);
    let family = if v6 { "IPv6" } else { "IPv4" };
    let built = format!("{build:>8.1?} {compile:>8.1?} {publish:>7.1?}");
    packets.report(&format!("{count} {family}"), &built, &with, |packet| {
        set.contains(packet.addrs.src())
    });
}

fn ports() {
    let mut random = Random(9);
    let set: PortSet = (0..30_000).map(|_| random.next() as u16).collect();
    let to: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
    let packets = Packets::new(&mut random, |random, is_in| {
        loop {
            let port = random.next() as u16;
            if set.contains(port) == is_in {
                let key = FlowKey::new(Protocol::TCP, (to, port).into(), (to, 443).into());
                return Packet::from(key.expect("of one family"));
            }
        }
    });
    let (with, _) = matcher("ports", set.clone(), |rule| rule.from_port_set("ports"));
    let contains = |packet: &Packet| packet.ports.is_some_and(|ports| set.contains(ports.src));
    packets.report("30000 ports", "", &with, contains);
}

fn endpoints(v6: bool) {
    let mut random = Random(10);
    let pair = |random: &mut Random| (net(random, v6).addr(), random.next() as u16);
    let pairs: Vec<(IpAddr, u16)> = (0..100_000).map(|_| pair(&mut random)).collect();
    let set: EndpointSet = pairs.iter().copied().collect();
    let to = net(&mut random, v6).addr();
    let packets = Packets::new(&mut random, |random, is_in| {
        let (address, port) = match is_in {
            true => pairs[random.below(pairs.len())],
            false => pair(random),
        };
        let key = FlowKey::new(Protocol::TCP, (address, port).into(), (to, 443).into());
        Packet::from(key.expect("of one family"))
    });
    let (with, _) = matcher("pairs", set.clone(), |rule| rule.from_endpoint_set("pairs"));
    let family = if v6 { "IPv6" } else { "IPv4" };
    packets.report(&format!("100000 {family} pairs"), "", &with, |packet| {
        packet.ports.is_some_and(|ports| set.contains(packet.addrs.src(), ports.src))
    });
}

fn interfaces() {
    let mut random = Random(11);
    let names = (0..200).map(|i| format!("eth{i}")).collect::<Vec<_>>();
    let set: InterfaceSet = names.iter().step_by(2).map(String::as_str).collect();
    let (with, rules) = matcher("ports", set.clone(), |rule| rule.in_interface_set("ports"));
    let to: IpAddr = Ipv4Addr::new(192, 0, 2, 1).into();
    let key = FlowKey::new(Protocol::TCP, (to, 40_000).into(), (to, 443).into());
    let packet = Packet::from(key.expect("of one family"));
    let packets = Packets::new(&mut random, |random, is_in| {
        let name = &names[2 * random.below(100) + usize::from(!is_in)];
        let mut packet = packet;
        packet.in_interface = rules.interface(name);
        packet
    });
    packets.report("100 interfaces", "", &with, |_| true);
}

/// Rules of which the first asks for a set.
fn matcher(
    name: &str,
    set: impl Into<portcullis::rule::set::Set>,
    asking: impl FnOnce(Rule) -> Rule,
) -> (StatelessMatcher<'static>, RuleSet) {
    let mut rules = RuleSet::new(Action::Drop);
    rules.add_set(name, set);
    rules.push(asking(Rule::drop().tcp().to_ports(443)));
    rules.push(Rule::accept().tcp().to_ports(443));
    (StatelessMatcher::compile(&rules, &Config::new()).expect("rules"), rules)
}

/// The same rules, of which the first does not ask.
fn plain() -> StatelessMatcher<'static> {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::drop().tcp().to_ports(443));
    rules.push(Rule::accept().tcp().to_ports(443));
    StatelessMatcher::compile(&rules, &Config::new()).expect("rules")
}

/// Packets in a set, outside of it, either at random, and many of the last kind.
struct Packets([Vec<Packet>; 4]);

impl Packets {
    fn new(random: &mut Random, mut packet: impl FnMut(&mut Random, bool) -> Packet) -> Self {
        let mut packets = |count: usize, percent_in: usize| {
            (0..count)
                .map(|_| {
                    let is_in = random.below(100) < percent_in;
                    packet(random, is_in)
                })
                .collect()
        };
        Self([packets(NEAR, 100), packets(NEAR, 0), packets(NEAR, 50), packets(FAR, 50)])
    }

    fn report(
        &self,
        name: &str,
        built: &str,
        with: &StatelessMatcher<'_>,
        alone: impl Fn(&Packet) -> bool,
    ) {
        let plain = plain();
        let each = |look_up: &dyn Fn(&Packet) -> bool| {
            self.0.each_ref().map(|packets| nanoseconds(packets, look_up))
        };
        let alone = each(&|packet| alone(packet));
        let lookup = each(&|packet| *with.classify(packet).action == Action::Accept);
        let plain = each(&|packet| *plain.classify(packet).action == Action::Accept);
        let more = [0, 1, 2, 3].map(|i| lookup[i] - plain[i]);
        let figures =
            [alone, lookup, more].map(|four| four.map(|figure| format!("{figure:>7.1}")).join(" "));
        println!("{name:<18} {built:<25}  {}", figures.join("   "));
    }
}

/// How long a change of one prefix takes that readers see.
fn change(rules: &RuleSet, random: &mut Random, v6: bool) -> Duration {
    let mut live = LiveMatcher::new(rules, &Config::new()).expect("rules");
    let changes = 2_000;
    let start = cpu_time();
    for _ in 0..changes {
        let net = net(random, v6);
        let insert = |set: &mut PrefixSet| set.insert(net);
        black_box(live.change_set("blocked", insert).expect("a set"));
        black_box(live.publish());
    }
    (cpu_time() - start) / changes
}

/// Processor time a lookup takes. What it finds is added up, not branched on.
fn nanoseconds(packets: &[Packet], look_up: impl Fn(&Packet) -> bool) -> f64 {
    let pass = || packets.iter().map(|packet| usize::from(look_up(packet))).sum::<usize>();
    black_box(pass());
    let (start, own, mut passes) = (Instant::now(), cpu_time(), 0);
    while start.elapsed() < SPAN {
        black_box(pass());
        passes += 1;
    }
    (cpu_time() - own).as_secs_f64() * 1e9 / (passes * packets.len()) as f64
}

/// Processor time that this thread has had, where the system says it: other programs do not count.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanoseconds = text.ok().and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| EPOCH.elapsed(), Duration::from_nanos)
}

static EPOCH: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

/// An address of a prefix.
fn within(random: &mut Random, net: IpNet) -> IpAddr {
    let bits = u128::from(random.next()) << 64 | u128::from(random.next());
    match net {
        IpNet::V4(net) => (net.addr() | net.hostmask() & Ipv4Addr::from_bits(bits as u32)).into(),
        IpNet::V6(net) => (net.addr() | net.hostmask() & Ipv6Addr::from_bits(bits)).into(),
    }
}

/// Networks of 16 to 24 bits, most of them of 24, and single addresses, as in lists of addresses to be
/// blocked (IPv4); of 32 to 64 bits of 20,000 providers, and single addresses (IPv6).
fn net(random: &mut Random, v6: bool) -> IpNet {
    let bits = random.next();
    if v6 {
        let provider = 0x2000_0000 + (bits % 20_000) * 16;
        let address = u128::from(provider) << 96 | u128::from(random.next()) << 32;
        let length = [36, 40, 44, 48, 48, 48, 56, 64, 64, 128][random.below(10)];
        let length = if random.below(200) == 0 { 32 } else { length };
        return IpNet::new(Ipv6Addr::from_bits(address).into(), length).expect("a length").trunc();
    }
    let length = [20, 22, 23, 24, 24, 24, 24, 32, 32, 32][random.below(10)];
    let length = match random.below(1000) {
        0 => 16,
        1..800 => length.max(24),
        _ => length,
    };
    IpNet::new(Ipv4Addr::from_bits(bits as u32).into(), length).expect("a length").trunc()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}
