//! IPv6 prefixes as address plans have them: providers' blocks that registries gave out, sites at
//! /48 and /56, networks at /64, and hosts whose identifiers are low numbers, made from hardware
//! addresses, random, or IPv4 addresses.
//!
//! What prefix lengths are common follows the tables of routes that registries publish (peaks at /32
//! and /48) and RFC 6177 and 4291 for what lies below; how hosts choose identifiers follows RFC 7707,
//! section 3.

use portcullis::packet::Family;
use portcullis::rule::Span;

use super::prefix;
use super::random::{Random, mixed};

/// Prefix lengths with their weights.
const LENGTHS: [(u32, u32); 22] = [
    (4, 0),
    (1, 3),
    (2, 20),
    (2, 24),
    (1, 28),
    (3, 29),
    (25, 32),
    (4, 36),
    (5, 40),
    (4, 44),
    (40, 48),
    (2, 52),
    (14, 56),
    (4, 60),
    (45, 64),
    (1, 96),
    (1, 112),
    (1, 120),
    (1, 124),
    (1, 126),
    (3, 127),
    (50, 128),
];

/// A prefix whose length is from `shortest` to `longest`.
pub(super) fn drawn(random: &mut Random, (shortest, longest): (u32, u32)) -> Span<u128> {
    let within = LENGTHS.iter().filter(|(_, len)| (shortest..=longest).contains(len));
    let within: Vec<(u32, u32)> = within.copied().collect();
    let len = if within.is_empty() { shortest } else { random.weighted(&within) };
    let network = u128::from(network(random)) << 64;
    prefix(Family::V6, network | u128::from(identifier(random, network)), len)
}

/// Blocks that the five registries give out to providers, by their first 12 or 16 bits.
const REGISTRIES: [(u32, u64); 6] =
    [(30, 0x2a00), (25, 0x2600), (20, 0x2400), (15, 0x2001), (6, 0x2800), (4, 0x2c00)];

/// How many providers a rule set meets, and how many sites it knows by their unique local prefix.
const PROVIDERS: u64 = 48;
const LOCAL_SITES: u64 = 12;

/// The upper half of an address.
fn network(random: &mut Random) -> u64 {
    match random.below(100) {
        // Link-local.
        0 => 0xfe80_0000_0000_0000,
        // Unique local: a random site, and its networks counted from 0.
        1..=9 => {
            let site = mixed(0xfd << 8 | skewed(random, LOCAL_SITES)) >> 24;
            0xfd << 56 | site << 16 | low(random, 8)
        }
        _ => {
            let block = provider(random);
            // Sites are handed out from both ends of a provider's block and at nibbles.
            let site = match random.below(3) {
                0 => low(random, 8),
                1 => low(random, 8) << 8,
                _ => random.below(1 << 16),
            };
            let subnet = match random.below(4) {
                0 => low(random, 8) << 8,
                1 => 0,
                _ => low(random, 8),
            };
            block << 32 | site << 16 | subnet
        }
    }
}

/// The first 32 bits of a provider's addresses: some providers are met far more often than others.
fn provider(random: &mut Random) -> u64 {
    let which = skewed(random, PROVIDERS);
    let mut fixed = Random::new(mixed(which));
    let registry = fixed.weighted(&REGISTRIES);
    let low = mixed(which ^ 0x5eed) & 0xffff;
    match registry {
        0x2001 => registry << 16 | low,
        // Blocks are spread over the /12.
        _ => (registry | mixed(which) & 0xf) << 16 | low & 0xfff8,
    }
}

/// The lower half of an address in this network.
fn identifier(random: &mut Random, network: u128) -> u64 {
    match random.below(20) {
        // A router, or a host that somebody numbered.
        0..=8 => low(random, 8).max(1),
        // A service's port.
        9..=10 => [0x53, 0x80, 0x443, 0x25, 0x22, 0x123][random.below(6) as usize],
        // From a hardware address, with the universal bit turned over (RFC 4291, appendix A).
        11..=14 => {
            let vendor = mixed(skewed(random, 24)) & 0xfc_ffff;
            (vendor ^ 0x02_0000) << 40 | 0xff_fe00_0000 | random.below(1 << 24)
        }
        // An IPv4 address, in the two low words or a byte a word.
        15 => 0x0a00_0000 | random.below(1 << 12),
        16 => random.below(4) << 48 | random.below(16) << 16 | random.below(256),
        // A few stable random hosts of each network.
        17..=18 => mixed(network as u64 ^ (network >> 64) as u64 ^ random.below(8)),
        _ => random.next(),
    }
}

/// A number below `count`, low ones far more often.
fn skewed(random: &mut Random, count: u64) -> u64 {
    let bound = random.below(count) + 1;
    random.below(bound)
}

/// A number of at most `bits` bits, short ones as often as long ones.
fn low(random: &mut Random, bits: u32) -> u64 {
    let bits = random.below(u64::from(bits) + 1);
    random.below(1 << bits)
}
