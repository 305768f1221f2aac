//! Images, damaged: each is refused, or its lookups end without a panic.
#![no_main]

mod generate;

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use portcullis::{Backend, Config, Packet, StatelessMatcher};

/// Of the checksum, the last bytes of an image.
const SUM: usize = 8;
const MAX_CHANGES: usize = 8;
const STEPS: [u32; 6] = [1, 64, 128, 0x100, u32::MAX, 64u32.wrapping_neg()];

fuzz_target!(|data: &[u8]| {
    _ = StatelessMatcher::from_bytes(data);
    _ = fuzz(&mut Unstructured::new(data));
});

fn fuzz(input: &mut Unstructured) -> Result<()> {
    let config = Config::new().memory_budget(if input.arbitrary()? { 1 } else { 1 << 20 });
    let rules = generate::rule_set(input)?;
    let packets = generate::packets(input, &rules)?;
    let Ok(matcher) = StatelessMatcher::compile(&rules, &config) else { return Ok(()) };
    let mut image = matcher.to_bytes();
    let read = StatelessMatcher::from_bytes(&image).expect("an image that was just written");
    for packet in &packets {
        assert_eq!(read.classify(packet), matcher.classify(packet), "{packet:#?} {rules:#?}");
    }
    for _ in 0..input.int_in_range(1..=MAX_CHANGES)? {
        change(input, &mut image)?;
    }
    seal(&mut image);
    look_up(&image, &packets);
    Ok(())
}

fn look_up(image: &[u8], packets: &[Packet]) {
    let Ok(matcher) = StatelessMatcher::from_bytes(image) else { return };
    _ = matcher.stats();
    for backend in [Backend::Scalar, Backend::Avx2, Backend::Avx512] {
        let matcher = matcher.clone().with_backend(backend);
        let Some(first) = packets.first() else { return };
        let mut batch = vec![matcher.classify(first); packets.len()];
        matcher.classify_batch(packets, &mut batch);
        for (packet, in_batch) in packets.iter().zip(batch) {
            assert!(matcher.classify(packet) == in_batch, "{packet:#?}");
            matcher.classify_key(&packet.flow_key());
        }
    }
}

/// Changes a word, or copies one, or a line, to another place.
fn change(input: &mut Unstructured, image: &mut [u8]) -> Result<()> {
    let words = (image.len() - SUM) / 4;
    let [at, from] = [4 * input.choose_index(words)?, 4 * input.choose_index(words)?];
    let old = u32::from_le_bytes([image[at], image[at + 1], image[at + 2], image[at + 3]]);
    let new = match input.int_in_range(0..=4)? {
        0 => input.arbitrary()?,
        1 => old.wrapping_add(*input.choose(&STEPS)?),
        2 => old ^ 1 << input.int_in_range(0..=31)?,
        3 => {
            image.copy_within(from..from + 4, at);
            return Ok(());
        }
        _ => {
            let [from, to] = [from, at].map(|at| at / 64 * 64);
            let len = 64.min(words * 4 - from.max(to));
            image.copy_within(from..from + len, to);
            return Ok(());
        }
    };
    image[at..at + 4].copy_from_slice(&new.to_le_bytes());
    Ok(())
}

/// Puts the checksum right: FNV-1a over words of eight bytes, as the format has it.
fn seal(image: &mut [u8]) {
    let (content, sum) = image.split_at_mut(image.len() - SUM);
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for chunk in content.chunks(8) {
        let word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        hash ^= hash >> 29;
    }
    sum.copy_from_slice(&hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
}
