//! Rules tried one after the other, as fast as plain code does it: the answers that the others
//! must give, and a time to compare with.

use std::thread;
use std::time::Duration;

use portcullis::{Addrs, FlowKey};
use rustix::thread::CpuSet;

use super::clock::{cpu_time, spread};
use super::generator::Pattern;

const LANES: usize = 32;

/// A list of IPv4 rules by columns.
pub(crate) struct Linear {
    blocks: Vec<Block>,
    len: usize,
}

/// What the list says of headers.
pub(crate) struct Answers {
    /// 1 + the index of the rule, or 0, for each header.
    pub(crate) results: Vec<u32>,
    /// Processor time for all of them.
    pub(crate) time: Duration,
}

/// The lowest value and the distance to the highest, for each field of each rule.
#[derive(Default)]
struct Block {
    src: Column<u32>,
    dst: Column<u32>,
    src_port: Column<u16>,
    dst_port: Column<u16>,
    protocol: Column<u8>,
}

#[derive(Default)]
struct Column<N> {
    first: [N; LANES],
    span: [N; LANES],
}

impl Linear {
    pub(crate) fn new(patterns: &[Pattern]) -> Self {
        let blocks = patterns.chunks(LANES).map(Block::new).collect();
        Self { blocks, len: patterns.len() }
    }

    /// 1 + the index of the first rule that matches, or 0.
    pub(crate) fn classify(&self, key: &FlowKey) -> u32 {
        let Addrs::V4 { src, dst } = key.addrs else { return 0 };
        let (src, dst) = (src.to_bits(), dst.to_bits());
        for (index, block) in self.blocks.iter().enumerate() {
            if let Some(lane) = block.first(src, dst, key) {
                let place = index * LANES + lane;
                // Past the end are lanes that nobody filled.
                return if place < self.len { place as u32 + 1 } else { 0 };
            }
        }
        0
    }

    /// The answers for all of `keys`, by as many threads as there are `cores`.
    pub(crate) fn answers(&self, keys: &[FlowKey], cores: &CpuSet) -> Answers {
        let share = keys.len().div_ceil(cores.count().max(1) as usize).max(1);
        let parts = thread::scope(|scope| {
            let start = |keys| scope.spawn(move || self.share(keys, cores));
            let threads: Vec<_> = keys.chunks(share).map(start).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, Answers>| thread.join();
            threads.into_iter().map(|thread| join(thread).expect("no panic")).collect::<Vec<_>>()
        });
        let time = parts.iter().map(|part| part.time).sum();
        Answers { results: parts.into_iter().flat_map(|part| part.results).collect(), time }
    }

    fn share(&self, keys: &[FlowKey], cores: &CpuSet) -> Answers {
        // Not all on the one core that the measurements keep to. It works as well if this fails.
        let _ = spread(cores);
        let start = cpu_time();
        let results = keys.iter().map(|key| self.classify(key)).collect();
        Answers { results, time: cpu_time() - start }
    }
}

impl Block {
    fn new(patterns: &[Pattern]) -> Self {
        let mut block = Self::default();
        for (lane, pattern) in patterns.iter().enumerate() {
            let (src, dst) = (pattern.src, pattern.dst);
            block.src.put(lane, src.first() as u32, (src.last() - src.first()) as u32);
            block.dst.put(lane, dst.first() as u32, (dst.last() - dst.first()) as u32);
            let (src, dst) = (pattern.src_port, pattern.dst_port);
            block.src_port.put(lane, src.first(), src.last() - src.first());
            block.dst_port.put(lane, dst.first(), dst.last() - dst.first());
            let protocol = pattern.protocol;
            block.protocol.put(lane, protocol.first(), protocol.last() - protocol.first());
        }
        block
    }

    /// The first lane that matches. No branch before all lanes are compared: the compiler then
    /// compares several at once.
    fn first(&self, src: u32, dst: u32, key: &FlowKey) -> Option<usize> {
        let mut hits = [false; LANES];
        for (lane, hit) in hits.iter_mut().enumerate() {
            let in_src = src.wrapping_sub(self.src.first[lane]) <= self.src.span[lane];
            let in_dst = dst.wrapping_sub(self.dst.first[lane]) <= self.dst.span[lane];
            *hit = in_src & in_dst;
        }
        if !hits.contains(&true) {
            return None;
        }
        (0..LANES).find(|lane| hits[*lane] && self.rest(*lane, key))
    }

    fn rest(&self, lane: usize, key: &FlowKey) -> bool {
        let protocol = key.protocol.0.wrapping_sub(self.protocol.first[lane]);
        let src_port = key.src_port.wrapping_sub(self.src_port.first[lane]);
        let dst_port = key.dst_port.wrapping_sub(self.dst_port.first[lane]);
        src_port <= self.src_port.span[lane]
            && dst_port <= self.dst_port.span[lane]
            && protocol <= self.protocol.span[lane]
    }
}

impl<N> Column<N> {
    fn put(&mut self, lane: usize, first: N, span: N) {
        self.first[lane] = first;
        self.span[lane] = span;
    }
}
