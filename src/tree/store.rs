//! Writing an image as [`load`](super::load) reads it: behind the compiled form what makes checking it
//! easy.

use alloc::vec;
use alloc::vec::Vec;

use super::load::CHECKSUM_BYTES;
use super::lookup::find::{ROOT_WORDS, Root, is_leaf};
use super::lookup::image::{Image, OWN_ACTIONS, PLAIN, WIDE, checksum, header, target};
use super::lookup::leaf::LINE;

/// An image to be stored, whose actions are `actions` in number; `codes` are their places among all
/// actions, unless the caller keeps them.
pub(super) fn store(image: &[u8], actions: usize, codes: Option<&[u8]>) -> Vec<u8> {
    let view = Image::new(image);
    let mut bytes = image.to_vec();
    bytes.extend(marks(view));
    bytes.extend(levels(view));
    bytes.extend(codes.unwrap_or_default());
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let own = if codes.is_some() { OWN_ACTIONS } else { 0 };
    let words = [
        (header::ACTIONS, actions as u32),
        (header::OWN_ACTIONS, own),
        (header::BYTES, (bytes.len() + CHECKSUM_BYTES) as u32),
    ];
    for (place, word) in words {
        bytes[4 * place..4 * place + 4].copy_from_slice(&word.to_le_bytes());
    }
    bytes.extend(checksum(&bytes).to_le_bytes());
    bytes
}

/// What begins at each line: see [`load`](super::load).
fn marks(image: Image<'_>) -> Vec<u8> {
    let mut marks = vec![0; image.len() / LINE];
    for chain in 0..image.chains() {
        let [v4, v6, ..] = image.chain(chain).map(|forest| forest as usize / 4);
        for forest in [v4, v6] {
            for tree in 0..image.word(forest) as usize {
                let root = Root::read(image, forest + 1 + ROOT_WORDS * tree);
                match root.all_cells() {
                    Some(cells) => cells.for_each(|at| {
                        mark(image, image.word(at as usize), &mut marks);
                    }),
                    None => drop(mark(image, root.reference, &mut marks)),
                }
            }
        }
    }
    marks
}

/// Marks what a reference leads to; returns how many nodes are on the longest way from there.
fn mark(image: Image<'_>, reference: u32, marks: &mut [u8]) -> u8 {
    let line = reference as usize / LINE;
    if is_leaf(reference) {
        marks[line] = (reference & WIDE) as u8;
        return 0;
    }
    if marks[line] == 0 {
        let word = |i| image.word(16 * line + i);
        let cuts = (0..16).take_while(|i| word(*i) != u32::MAX).count();
        let heights = (0..=cuts).map(|child| mark(image, word(16 + child), marks));
        marks[line] = (heights.max().unwrap_or(0) + 1).min(PLAIN as u8 - 1);
    }
    marks[line]
}

/// For each chain how many jumps lead there, at most.
fn levels(image: Image<'_>) -> Vec<u8> {
    let jumps = jumps(image);
    let mut levels = vec![0; image.chains() as usize];
    // A rule set that has been checked has no more levels than this takes rounds.
    let mut higher = true;
    while higher {
        higher = false;
        for (from, to) in &jumps {
            let least = levels[*from as usize] + 1;
            if levels[*to as usize] < least {
                levels[*to as usize] = least;
                higher = true;
            }
        }
    }
    levels
}

/// Every jump and goto, from which chain to which.
fn jumps(image: Image<'_>) -> Vec<(u32, u32)> {
    let mut jumps = Vec::new();
    for chain in 0..image.chains() {
        let [_, _, v4, v6] = image.chain(chain).map(|table| table as usize / 4);
        for table in [v4, v6].into_iter().filter(|table| *table != 0) {
            let records = (table..table + image.word(table - 1) as usize).map(|at| image.word(at));
            let records = records.filter(|record| *record != 0).map(|record| record as usize);
            let jump = |at: &usize| matches!(image.word(*at), target::JUMP | target::GOTO);
            jumps.extend(records.filter(jump).map(|at| (chain, image.word(at + 1))));
        }
    }
    jumps.sort_unstable();
    jumps.dedup();
    jumps
}
