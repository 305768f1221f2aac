//! Named sets: what a rule with a set of many prefixes costs, to compile and in a lookup, and how
//! fast sets change.
//!
//! `cargo bench --bench sets` prints a line for each size of set.

use std::hint::black_box;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use portcullis::rule::set::PrefixSet;
use portcullis::update::LiveMatcher;
use portcullis::{Action, Config, FlowKey, Protocol, Rule, RuleSet, StatelessMatcher};

const KEYS: usize = 1 << 16;
/// How long each figure is measured.
const SPAN: Duration = Duration::from_millis(700);

fn main() {
    println!(
        "prefixes          build   compile   in the set   a lookup, without the rule   insert and publish"
    );
    for (count, v6) in [
        (10_000, false),
        (100_000, false),
        (1_000_000, false),
        (4_000_000, false),
        (100_000, true),
        (1_000_000, true),
    ] {
        run(count, v6);
    }
}

fn run(count: usize, v6: bool) {
    let mut random = Random(2007);
    let nets: Vec<IpNet> = (0..count).map(|_| net(&mut random, v6)).collect();
    let start = cpu_time();
    let set: PrefixSet = nets.iter().copied().collect();
    let build = cpu_time() - start;
    let keys: Vec<FlowKey> = (0..KEYS).map(|i| key(&mut random, &nets, v6, i)).collect();

    let mut rules = RuleSet::new(Action::Drop);
    rules.push(Rule::accept().tcp().to_ports(443));
    let without = StatelessMatcher::compile(&rules, &Config::new()).expect("rules");
    let mut rules = RuleSet::new(Action::Drop);
    rules.add_set("blocked", set.clone());
    rules.push(Rule::drop().from_set("blocked"));
    rules.push(Rule::accept().tcp().to_ports(443));
    let start = cpu_time();
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).expect("rules");
    let compile = cpu_time() - start;

    let alone = nanoseconds(&keys, |key| _ = black_box(set.contains(black_box(key.addrs.src()))));
    let with = nanoseconds(&keys, |key| _ = black_box(matcher.classify_key(key)));
    let plain = nanoseconds(&keys, |key| _ = black_box(without.classify_key(key)));
    println!(
        "{count:>8} {} {:>8.1?} {:>9.1?} {alone:>8.1} ns {with:>10.1} ns {plain:>8.1} ns {:>22.0?}",
        if v6 { "IPv6" } else { "IPv4" },
        build,
        compile,
        change(&rules, &mut random, v6),
    );
}

/// How long a change of one prefix takes that readers see.
fn change(rules: &RuleSet, random: &mut Random, v6: bool) -> Duration {
    let mut live = LiveMatcher::new(rules, &Config::new()).expect("rules");
    let changes = 20_000;
    let start = cpu_time();
    for _ in 0..changes {
        let net = net(random, v6);
        let insert = |set: &mut PrefixSet| set.insert(net);
        black_box(live.change_set("blocked", insert).expect("a set"));
        black_box(live.publish());
    }
    (cpu_time() - start) / changes
}

/// Processor time a lookup takes.
fn nanoseconds(keys: &[FlowKey], mut look_up: impl FnMut(&FlowKey)) -> f64 {
    keys.iter().for_each(&mut look_up);
    let (start, own, mut passes) = (Instant::now(), cpu_time(), 0);
    while start.elapsed() < SPAN {
        keys.iter().for_each(&mut look_up);
        passes += 1;
    }
    (cpu_time() - own).as_secs_f64() * 1e9 / (passes * keys.len()) as f64
}

/// Processor time that this thread has had, where the system says it: other programs do not count.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanoseconds = text.ok().and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| EPOCH.elapsed(), Duration::from_nanos)
}

static EPOCH: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

/// Every second source is in a prefix of the set.
fn key(random: &mut Random, nets: &[IpNet], v6: bool, i: usize) -> FlowKey {
    let inside = nets[random.below(nets.len() as u64) as usize].addr();
    let other = net(random, v6).addr();
    let (src, dst) = (if i.is_multiple_of(2) { inside } else { other }, net(random, v6).addr());
    FlowKey::new(Protocol::TCP, (src, 40_000).into(), (dst, 443).into()).expect("of one family")
}

/// Most are networks of 24 bits or single addresses (IPv4), or of 32 to 64 bits of 20,000 providers
/// (IPv6).
fn net(random: &mut Random, v6: bool) -> IpNet {
    let bits = random.next();
    if v6 {
        let provider = 0x2000_0000 + (bits % 20_000) * 16;
        let address = u128::from(provider) << 96 | u128::from(random.next() as u32) << 64;
        let length = [32, 36, 40, 44, 48, 48, 48, 56, 64, 64][random.below(10) as usize];
        return IpNet::new(Ipv6Addr::from_bits(address).into(), length).expect("a length").trunc();
    }
    let length = [16, 20, 22, 24, 24, 24, 24, 32, 32, 32][random.below(10) as usize];
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

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}
