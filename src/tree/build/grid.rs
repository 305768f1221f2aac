//! Choosing a grid: a first cut of several words at once.

use alloc::vec;
use alloc::vec::Vec;

use super::boxes::{Boxes, Span, anything};
use super::estimate::Points;
use crate::simd::{GRID_LINES, GRID_WORDS};
use crate::tree::lookup::words::WORDS;

/// The most thresholds of a grid.
pub(super) const THRESHOLDS: usize = 16 * GRID_LINES;

/// How many packets and how many boxes a choice looks at.
const SAMPLE_POINTS: usize = 64;
const SAMPLE_BOXES: usize = 768;

/// Shorter lists are not worth telling apart.
const SHORT: f64 = 3.0;

/// Several words, each split at thresholds: the last number of each part but the last.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    pub(super) words: Vec<(usize, Vec<u32>)>,
}

impl Grid {
    /// How many cells there are.
    pub(super) fn cells(&self) -> usize {
        self.words.iter().map(|(_, ends)| ends.len() + 1).product()
    }

    /// The cell with these parts, one for each word.
    pub(super) fn cell(&self, parts: impl Iterator<Item = usize>) -> usize {
        self.words
            .iter()
            .zip(parts)
            .fold(0, |cell, ((_, ends), part)| cell * (ends.len() + 1) + part)
    }

    /// The part of each word that a packet is in.
    pub(super) fn parts(&self, point: &[u32; WORDS]) -> impl Iterator<Item = usize> {
        self.words.iter().map(|(word, ends)| ends.partition_point(|end| *end < point[*word]))
    }

    /// The numbers of each word in a cell.
    pub(super) fn region(&self, mut cell: usize) -> [Span; WORDS] {
        let mut region = anything();
        for (word, ends) in self.words.iter().rev() {
            region[*word] = Self::part(ends, cell % (ends.len() + 1), region[*word].1);
            cell /= ends.len() + 1;
        }
        region
    }

    /// The parts of a word's thresholds that a span reaches into, first and last.
    pub(super) fn reached(ends: &[u32], (first, last): Span) -> (usize, usize) {
        let part = |number: u32| ends.partition_point(|end| *end < number);
        (part(first), part(last))
    }

    /// The numbers of a part.
    pub(super) fn part(ends: &[u32], part: usize, most: u32) -> Span {
        let first = part.checked_sub(1).map_or(0, |before| ends[before] + 1);
        (first, ends.get(part).copied().unwrap_or(most))
    }

    /// The grid of at most `cells` cells that tells most boxes apart, or `None` if none does.
    ///
    /// From one cell on, the word whose twice as many parts leave the shortest lists to packets at
    /// the boxes' corners gets them.
    pub(super) fn choose(
        boxes: &Boxes,
        ids: &[u32],
        points: &Points,
        cells: usize,
    ) -> Option<Self> {
        let step = ids.len().div_ceil(SAMPLE_BOXES).max(1);
        let sample: Vec<u32> = ids.iter().copied().step_by(step).collect();
        let edges: Vec<Vec<u32>> = (0..WORDS).map(|word| edges(boxes, &sample, word)).collect();
        let mut lists: Vec<(&[u32; WORDS], Vec<u32>)> =
            points.iter().take(SAMPLE_POINTS).map(|point| (point, sample.clone())).collect();
        let mut parts = [1; WORDS];
        loop {
            let room = |word: usize| {
                let mut parts = parts;
                parts[word] *= 2;
                parts.iter().product::<usize>() <= cells
                    && parts.iter().map(|parts| parts - 1).sum::<usize>() <= THRESHOLDS
                    && parts.iter().filter(|parts| **parts > 1).count() <= GRID_WORDS
            };
            let words = boxes.used().filter(|word| room(*word) && !edges[*word].is_empty());
            let weighed = words.map(|word| {
                let ends = thresholds(&edges[word], 2 * parts[word]);
                (weigh(boxes, &lists, word, &ends, step), word, ends)
            });
            let now: f64 = lists.iter().map(|(_, ids)| weight(ids.len(), step)).sum();
            let best = weighed.min_by(|a, b| a.0.total_cmp(&b.0));
            let Some((_, word, ends)) =
                best.filter(|(weight, ..)| *weight < now - 0.01 * lists.len() as f64)
            else {
                break;
            };
            parts[word] *= 2;
            for (point, ids) in &mut lists {
                let part = cell(&ends, point[word]);
                ids.retain(|id| meets(boxes.span(word, *id), part));
            }
        }
        let words = (0..WORDS).filter(|word| parts[*word] > 1);
        let words: Vec<_> =
            words.map(|word| (word, thresholds(&edges[word], parts[word]))).collect();
        (!words.is_empty()).then_some(Self { words })
    }
}

/// The logarithm of the lists' lengths if one word were split so, all together.
fn weigh(
    boxes: &Boxes,
    lists: &[(&[u32; WORDS], Vec<u32>)],
    word: usize,
    ends: &[u32],
    step: usize,
) -> f64 {
    let weights = lists.iter().map(|(point, ids)| {
        let part = cell(ends, point[word]);
        weight(ids.iter().filter(|id| meets(boxes.span(word, **id), part)).count(), step)
    });
    weights.sum()
}

fn weight(boxes: usize, step: usize) -> f64 {
    let boxes = (boxes * step) as f64;
    ln(boxes.max(SHORT))
}

/// The natural logarithm, near enough to compare by.
fn ln(number: f64) -> f64 {
    let bits = number.to_bits();
    (bits >> 52) as f64 - 1023.0 + (bits & ((1 << 52) - 1)) as f64 / (1u64 << 52) as f64
}

/// The part that a number is in.
fn cell(ends: &[u32], number: u32) -> Span {
    Grid::part(ends, ends.partition_point(|end| *end < number), u32::MAX)
}

fn meets((first, last): Span, part: Span) -> bool {
    first <= part.1 && part.0 <= last
}

/// The last numbers before boxes begin and where they end, ascending, one for each box.
fn edges(boxes: &Boxes, sample: &[u32], word: usize) -> Vec<u32> {
    let whole = anything()[word];
    let mut edges: Vec<u32> = sample
        .iter()
        .map(|id| boxes.span(word, *id))
        .flat_map(|(first, last)| [first.checked_sub(1), (last < whole.1).then_some(last)])
        .flatten()
        .collect();
    edges.sort_unstable();
    edges
}

/// Thresholds that share the edges out evenly among so many parts.
fn thresholds(edges: &[u32], parts: usize) -> Vec<u32> {
    let mut ends = vec![];
    for i in 1..parts {
        let edge = edges[i * edges.len() / parts];
        if ends.last().is_none_or(|last| *last < edge) {
            ends.push(edge);
        }
    }
    ends
}
