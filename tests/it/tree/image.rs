//! Images: read back they decide equally, wherever they stand; changed, they are refused or, with a
//! checksum that fits again, decide something and end.

use std::panic;

use portcullis::{Config, ImageFault, Packet, RuleSet, StatelessMatcher};
use proptest::prelude::*;

use super::compare::configs;
use super::rules;
use crate::strategies::{Rng, Shape, case, seeds};

/// Of the checksum, the last bytes of an image.
const SUM: usize = 8;

const SHAPE: Shape =
    Shape { rules: 120, chains: 4, packets: 60, states: false, odd: true, sets: false };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn an_image_decides_as_the_rules_that_it_is_made_of(seed in seeds()) {
        let (rules, packets) = case(seed, &SHAPE);
        for config in configs() {
            let compiled = StatelessMatcher::compile(&rules, &config).unwrap();
            let image = compiled.to_bytes();
            let read = StatelessMatcher::from_bytes(&image).unwrap();
            equal(&compiled, &read, &packets);
            prop_assert_eq!(read.to_bytes(), image.clone());
            prop_assert_eq!(StatelessMatcher::compile(&rules, &config).unwrap().to_bytes(), image);
        }
    }

    #[test]
    fn an_image_may_stand_anywhere(seed in seeds(), of in 0..6usize) {
        let (rules, packets) = case(seed, &SHAPE);
        let configs = configs();
        let compiled = StatelessMatcher::compile(&rules, &configs[of % configs.len()]).unwrap();
        let image = compiled.to_bytes();
        let mut room = vec![0xff; image.len() + 128];
        let aligned = room.as_ptr().align_offset(64);
        for at in aligned..aligned + 64 {
            room[at..at + image.len()].copy_from_slice(&image);
            let read = StatelessMatcher::from_bytes(&room[at..at + image.len()]).unwrap();
            equal(&compiled, &read, &packets[..4]);
        }
    }

    #[test]
    fn every_changed_byte_is_noticed(seed in seeds(), change in 1..=255u8) {
        let mut image = image(seed);
        for at in (seed as usize % 8..image.len()).step_by(8) {
            image[at] ^= change;
            prop_assert!(StatelessMatcher::from_bytes(&image).is_err(), "byte {}", at);
            image[at] ^= change;
        }
    }

    #[test]
    fn a_broken_image_is_refused_or_harmless(seed in seeds()) {
        let (rules, packets) = case(seed, &SHAPE);
        let image = StatelessMatcher::compile(&rules, &Config::new()).unwrap().to_bytes();
        let mut rng = Rng::new(seed);
        for _ in 0..60 {
            let mut broken = image.clone();
            for _ in 0..1 + rng.below(3) {
                damage(&mut broken, &mut rng);
            }
            reseal(&mut broken);
            let look_up = || harmless(&broken, &packets);
            prop_assert!(panic::catch_unwind(look_up).is_ok(), "a panic");
        }
    }
}

#[test]
fn a_cut_or_longer_image_is_refused() {
    let image = image(7);
    let len = image.len() as u64;
    for end in (0..200).chain(image.len() - 200..image.len()) {
        let error = StatelessMatcher::from_bytes(&image[..end]).unwrap_err();
        match error.fault() {
            ImageFault::NotAnImage => assert!(end < 4),
            ImageFault::Length { expected, found } => {
                assert_eq!((expected, found), (if end < 64 { 64 } else { len }, end as u64));
            }
            fault => panic!("{fault:?}"),
        }
    }
    let longer = [&image[..], &[0; 8]].concat();
    let error = StatelessMatcher::from_bytes(&longer).unwrap_err();
    assert_eq!(error.fault(), ImageFault::Length { expected: len, found: len + 8 });
}

#[test]
fn an_image_of_another_version_says_so() {
    let mut image = image(7);
    image[4..8].copy_from_slice(&1u32.to_le_bytes());
    let error = StatelessMatcher::from_bytes(&image).unwrap_err();
    assert_eq!(error.to_string(), "byte 4: an image of format version 1; this version reads 2");
    assert_eq!((error.offset(), error.fault()), (4, ImageFault::Version { version: 1 }));
}

#[test]
fn actions_stay_with_whoever_keeps_them() {
    let mut rules = RuleSet::new(700u64);
    for number in 0..600u16 {
        rules.push(portcullis::Rule::action(number.into()).tcp().to_ports(number));
    }
    let compiled = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let (image, actions) = compiled.to_bytes_and_actions();
    let read = StatelessMatcher::from_bytes_with(&image, &actions).unwrap();
    let packets: Vec<Packet> = (0..602).map(super::to_port).collect();
    equal(&compiled, &read, &packets);

    let error = StatelessMatcher::from_bytes_with(&image, &actions[1..]).unwrap_err();
    let (expected, found) = (actions.len(), actions.len() - 1);
    assert_eq!(error.fault(), ImageFault::ActionCount { expected, found });
    let error = StatelessMatcher::from_bytes(&image).unwrap_err();
    assert_eq!(error.fault(), ImageFault::OwnActions { has: false });
    let error = StatelessMatcher::from_bytes_with(&super::image::image(7), &actions).unwrap_err();
    assert_eq!(error.fault(), ImageFault::OwnActions { has: true });
}

#[test]
fn every_action_is_stored() {
    let mut text = String::from("default drop\naccept tcp to any port 1\n");
    for (port, (name, _)) in (2..).zip(portcullis::Reject::NAMES) {
        text += &format!("reject with {name} tcp to any port {port}\n");
    }
    let rules = rules(&text);
    let compiled = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let image = compiled.to_bytes();
    let read = StatelessMatcher::from_bytes(&image).unwrap();
    let packets: Vec<Packet> = (0..14).map(super::to_port).collect();
    equal(&compiled, &read, &packets);
    assert_eq!(read.memory_bytes() % 64, 0);
}

/// Deep chains, and large trees with grids and long leaves.
#[test]
fn images_of_large_and_deep_rule_sets_are_read() {
    let mut text = String::from("default drop\njump c1 any\n");
    for i in 0..900u32 {
        let (a, b, c) = (i % 7, i * 31 % 251, i * 17 % 256);
        text += &format!(
            "accept tcp from 10.{a}.{b}.0/24 to 10.{c}.0.0/16 port {}\n",
            1 + i * 13 % 3000
        );
        text += &format!("drop udp from 2001:db8:{b:x}::/48 to any port {}\n", 1 + i % 100);
    }
    for chain in 1..32 {
        text += &format!("chain c{chain}\ngoto c{} tcp to any port 22\n", chain + 1);
    }
    text += "chain c32\naccept tcp to any port 22 dscp 3,5,9\n";
    let rules = rules(&text);
    let compiled = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let image = compiled.to_bytes();
    let read = StatelessMatcher::from_bytes(&image).unwrap();
    let packets: Vec<Packet> = (0..3000).map(super::to_port).collect();
    equal(&compiled, &read, &packets);
    assert_eq!(compiled.stats().nodes, read.stats().nodes);
}

/// `cargo run --release --example image -- --write` writes it anew.
#[test]
fn the_stored_image_is_that_of_its_rules() {
    let rules = rules(include_str!("../../../examples/data/gateway.rules"));
    let image = StatelessMatcher::compile(&rules, &Config::new()).unwrap().to_bytes();
    assert!(image == include_bytes!("../../../examples/data/gateway.image"), "not up to date");
}

/// The image of a small rule set.
fn image(seed: u64) -> Vec<u8> {
    let (rules, _) = case(seed, &Shape { rules: 12, chains: 2, ..SHAPE });
    StatelessMatcher::compile(&rules, &Config::new()).unwrap().to_bytes()
}

fn equal<A: PartialEq + std::fmt::Debug>(
    a: &StatelessMatcher<'_, A>,
    b: &StatelessMatcher<'_, A>,
    packets: &[Packet],
) {
    let Some(first) = packets.first() else { return };
    let mut batch = vec![b.classify(first); packets.len()];
    b.classify_batch(packets, &mut batch);
    for (packet, in_batch) in packets.iter().zip(batch) {
        assert_eq!(a.classify(packet), b.classify(packet), "{packet:?}");
        assert_eq!(a.classify(packet), in_batch, "{packet:?}");
        let key = packet.flow_key();
        assert_eq!(a.classify_key(&key), b.classify_key(&key), "{packet:?}");
    }
}

/// Looks packets up if the image is one.
fn harmless(image: &[u8], packets: &[Packet]) {
    let Ok(matcher) = StatelessMatcher::from_bytes(image) else { return };
    let Some(first) = packets.first() else { return };
    let mut batch = vec![matcher.classify(first); packets.len()];
    matcher.classify_batch(packets, &mut batch);
    for packet in packets {
        matcher.walk(packet, |_, _| {});
        matcher.classify_key(&packet.flow_key());
    }
    _ = matcher.stats().to_string();
}

/// Changes a word, or copies one to another place.
fn damage(image: &mut [u8], rng: &mut Rng) {
    let words = (image.len() - SUM) / 4;
    let at = 4 * rng.below(words);
    let from = 4 * rng.below(words);
    match rng.below(5) {
        0 => image[at] ^= 1 << rng.below(8),
        1 => image[at + rng.below(4)] = rng.below(256) as u8,
        2 => image[at..at + 4].fill(0xff * (rng.below(2) as u8)),
        3 => image.copy_within(from..from + 4, at),
        _ => {
            let mut word = [0; 4];
            word.copy_from_slice(&image[at..at + 4]);
            let step = [1, 64, 128, u32::MAX, 64u32.wrapping_neg()][rng.below(5)];
            let word = u32::from_le_bytes(word).wrapping_add(step);
            image[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
    }
}

/// Puts the checksum right: FNV-1a over words of eight bytes, as the format has it.
fn reseal(image: &mut [u8]) {
    let (content, sum) = image.split_at_mut(image.len() - SUM);
    let hash = content.chunks(8).fold(0xcbf2_9ce4_8422_2325u64, |hash, chunk| {
        let word = u64::from_le_bytes(chunk.try_into().unwrap());
        let hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        hash ^ hash >> 29
    });
    sum.copy_from_slice(&hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
}
