//! Whole rule sets of realistic shapes: what is compiled against a linear evaluation of its own.
//!
//! Small generated sets by default. With `PORTCULLIS_LONG=1` in the environment larger ones, on
//! 200,000 headers each, and every ClassBench file of a folder `shared/rulesets` beside this
//! crate's, if there is one; run that with `cargo test --release`.

#[path = "../../benches/classbench/mod.rs"]
pub(crate) mod classbench;
#[path = "../../benches/generator/mod.rs"]
pub(crate) mod generator;

use std::env;
use std::thread;

use portcullis::packet::Family;
use portcullis::rule::Item;
use portcullis::{
    Addrs, Backend, ChainId, Config, FlowKey, Packet, RuleId, RuleSet, StatelessMatcher,
};

use generator::{Pattern, Shape, headers, patterns, rule_set};

const SEED: u64 = 41;
const THREADS: usize = 2;
const LONG_HEADERS: usize = 200_000;
const SHORT_HEADERS: usize = 2000;

#[test]
fn rule_sets_are_decided_as_defined() {
    for (name, patterns, count) in cases() {
        compare(&name, &patterns, count);
        println!("{name}, {} rules: no difference in {count} headers", patterns.len());
    }
}

#[test]
fn classbench_lines_are_read() {
    let text = "@10.1.2.3/8\t192.0.2.1/32\t0 : 65535\t80 : 443\t0x06/0xFF\t0x0000/0x0200\t\n\
                @0.0.0.0/0\t192.0.2.3/31\t1 : 1\t0 : 65535\t0x00/0x00\t0x0000/0x0000\t\n";
    let [first, second] = classbench::parse(text)[..] else { panic!("two rules") };
    assert_eq!((first.src.first(), first.src.last()), (0x0a00_0000, 0x0aff_ffff));
    assert_eq!((first.dst.first(), first.dst.last()), (0xc000_0201, 0xc000_0201));
    assert_eq!((first.src_port, first.dst_port), ((0..=65535).into(), (80..=443).into()));
    assert_eq!((first.protocol, second.protocol), (6.into(), (0..=255).into()));
    assert_eq!((second.src.first(), second.src.last()), (0, 0xffff_ffff));
    assert_eq!((second.dst.first(), second.dst.last()), (0xc000_0202, 0xc000_0203));
    assert_eq!(second.src_port, 1.into());
}

#[test]
fn the_generator_is_the_same_everywhere() {
    let patterns = patterns(&Shape::FW, Family::V6, 100, SEED);
    assert_eq!(patterns.len(), 100);
    let keys = headers(&patterns, 1000, SEED);
    let decided = keys.iter().filter(|key| first_match(&patterns, key).is_some()).count();
    assert!((850..1000).contains(&decided), "{decided} of 1000 headers meet a rule");
    let first = "tcp [2a07:b160:1f00:3:42f8:57ff:fe31:d39]:21 > [260c:36f0:2f67:25::3e]:1024";
    assert_eq!(keys[0].to_string(), first);
    assert_eq!(keys, headers(&patterns, 1000, SEED));
    assert_ne!(keys, headers(&patterns, 1000, SEED + 1));
}

#[test]
fn ipv6_prefixes_have_the_usual_lengths() {
    let mut lengths = [0; 129];
    for shape in [Shape::ACL, Shape::FW, Shape::IPC] {
        for pattern in patterns(&shape, Family::V6, 3000, SEED) {
            for range in [pattern.src, pattern.dst] {
                lengths[(range.first() ^ range.last()).leading_zeros() as usize] += 1;
            }
        }
    }
    let all: usize = lengths.iter().sum();
    assert_eq!(all, 18_000, "every rule set has as many rules as were asked for");
    let peaks = [0, 32, 48, 56, 64, 128].map(|peak| lengths[peak]);
    assert!(peaks.iter().all(|peak| *peak > all / 100), "{peaks:?}");
    assert!(peaks.iter().sum::<usize>() > all * 8 / 10, "{peaks:?}");
    assert!(lengths[64] > 4 * lengths[60] && lengths[48] > 4 * lengths[44], "{lengths:?}");
}

/// Names, rule sets, and how many headers to compare.
fn cases() -> Vec<(String, Vec<Pattern>, usize)> {
    let long = env::var_os("PORTCULLIS_LONG").is_some_and(|long| long == "1");
    let (rules, count) = if long { (2000, LONG_HEADERS) } else { (300, SHORT_HEADERS) };
    let generated = [Shape::ACL, Shape::FW, Shape::IPC].into_iter().flat_map(|shape| {
        [Family::V4, Family::V6].map(|family| {
            let patterns = patterns(&shape, family, rules, SEED);
            (format!("{} {family}", shape.name), patterns, count)
        })
    });
    let files = classbench::files().into_iter().filter(|_| long).map(|path| {
        let name = classbench::name(&path).unwrap_or_default().to_owned();
        (name, classbench::read(&path), count)
    });
    generated.chain(files).collect()
}

/// Compares every backend, one packet at a time, in batches and by key, with the linear answer.
fn compare(name: &str, patterns: &[Pattern], count: usize) {
    let rules = rule_set(patterns);
    let keys = headers(patterns, count, SEED);
    check_linear(patterns, &rules, &keys);
    let matchers: Vec<_> = [Backend::Scalar, Backend::Avx2, Backend::Avx512]
        .map(|backend| Config::new().backend(backend))
        .iter()
        .map(|config| StatelessMatcher::compile(&rules, config).unwrap())
        .collect();
    thread::scope(|scope| {
        for part in keys.chunks(keys.len().div_ceil(THREADS)) {
            scope.spawn(|| compare_part(name, patterns, &matchers, part));
        }
    });
}

fn compare_part(
    name: &str,
    patterns: &[Pattern],
    matchers: &[StatelessMatcher<'_>],
    keys: &[FlowKey],
) {
    for keys in keys.chunks(67) {
        let packets: Vec<_> = keys.iter().copied().map(Packet::from).collect();
        let expected: Vec<_> = keys.iter().map(|key| first_match(patterns, key)).collect();
        for matcher in matchers {
            let mut batch = vec![matcher.classify(&packets[0]); packets.len()];
            matcher.classify_batch(&packets, &mut batch);
            let mut of_keys = batch.clone();
            matcher.classify_keys(keys, &mut of_keys);
            assert_eq!(batch, of_keys, "{name}: batches");
            for (((key, packet), in_batch), expected) in
                keys.iter().zip(&packets).zip(batch).zip(&expected)
            {
                assert_eq!(matcher.classify(packet).rule, *expected, "{name}: {key}");
                assert_eq!(matcher.classify_key(key).rule, *expected, "{name}: by key {key}");
                assert_eq!(in_batch.rule, *expected, "{name}: in a batch {key}");
            }
        }
    }
}

/// The linear evaluation of this file against the one that defines what rules mean.
fn check_linear(patterns: &[Pattern], rules: &RuleSet, keys: &[FlowKey]) {
    for key in keys.iter().step_by(keys.len().div_ceil(200)) {
        let defined = rules.first_match(&Packet::from(*key), None);
        assert_eq!(first_match(patterns, key), defined.rule, "{key}");
    }
}

fn first_match(patterns: &[Pattern], key: &FlowKey) -> Option<RuleId> {
    let (src, dst) = match key.addrs {
        Addrs::V4 { src, dst } => (src.to_bits().into(), dst.to_bits().into()),
        Addrs::V6 { src, dst } => (src.to_bits(), dst.to_bits()),
    };
    let family = key.addrs.family();
    let index = patterns.iter().position(|pattern| {
        pattern.src.matches(src)
            && pattern.dst.matches(dst)
            && pattern.dst_port.matches(key.dst_port)
            && pattern.src_port.matches(key.src_port)
            && pattern.protocol.matches(key.protocol.0)
            && pattern.family == family
    })?;
    Some(RuleId::new(ChainId::BASE, index as u32))
}
