//! Several ways to look the same headers up, timed in turns.

use std::hint::black_box;
use std::time::Duration;

use portcullis::Backend;

use super::clock::cpu_time;

/// One way to look all headers up.
pub(crate) struct Contestant<'a> {
    pub(crate) way: Way,
    /// What of several variants this is: an algorithm, a batch size.
    pub(crate) variant: String,
    /// Fills in 1 + the index of the rule for each header, or 0.
    #[allow(clippy::type_complexity, reason = "a name for it would say less")]
    pub(crate) classify: Box<dyn Fn(&mut [u32]) + 'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    RteAclSingle,
    RteAclBatch,
    Key,
    Packet,
    Batch,
    /// As [`Key`](Self::Key) and [`Batch`](Self::Batch), with fewer instructions than there are.
    KeyWith(Backend),
    BatchWith(Backend),
}

/// How a contestant did.
pub(crate) struct Score {
    pub(crate) way: Way,
    pub(crate) variant: String,
    /// Nanoseconds a lookup: the median of the passes, and the fastest.
    pub(crate) median: f64,
    pub(crate) minimum: f64,
    /// Answers that differ from the expected ones.
    pub(crate) wrong: usize,
}

/// Times all `contestants` once in each pass, so that what disturbs the machine disturbs all of
/// them. `expected` are the answers to the first of `count` headers.
pub(crate) fn contest(
    contestants: &[Contestant<'_>],
    count: usize,
    passes: usize,
    expected: &[u32],
) -> Vec<Score> {
    let mut results = vec![0; count];
    let mut scores: Vec<Score> = Vec::new();
    let mut times = vec![Vec::new(); contestants.len()];
    for contestant in contestants {
        scores.push(contestant.check(&mut results, expected));
    }
    for _ in 0..passes {
        for (contestant, times) in contestants.iter().zip(&mut times) {
            times.push(contestant.pass(&mut results));
        }
    }
    for (score, times) in scores.iter_mut().zip(times) {
        score.set(times, count);
    }
    scores
}

/// The one of several variants that is fastest in the fastest of a few passes.
pub(crate) fn fastest(mut variants: Vec<Contestant<'_>>, count: usize) -> Option<Contestant<'_>> {
    let scores = contest(&variants, count, 3, &[]);
    let best = (0..scores.len()).min_by(|a, b| scores[*a].minimum.total_cmp(&scores[*b].minimum));
    best.map(|best| variants.swap_remove(best))
}

impl Contestant<'_> {
    /// A pass that is not timed.
    fn check(&self, results: &mut [u32], expected: &[u32]) -> Score {
        // No contestant may profit from what another one left here.
        results.fill(u32::MAX);
        (self.classify)(results);
        let wrong = results.iter().zip(expected).filter(|(result, right)| result != right).count();
        let variant = self.variant.clone();
        Score { way: self.way, variant, median: 0.0, minimum: 0.0, wrong }
    }

    fn pass(&self, results: &mut [u32]) -> Duration {
        let start = cpu_time();
        (self.classify)(results);
        black_box(results);
        cpu_time() - start
    }
}

impl Score {
    fn set(&mut self, mut times: Vec<Duration>, count: usize) {
        times.sort();
        let nanoseconds = |time: Duration| time.as_secs_f64() * 1e9 / count as f64;
        self.median = times.get(times.len() / 2).copied().map_or(f64::NAN, nanoseconds);
        self.minimum = times.first().copied().map_or(f64::NAN, nanoseconds);
    }
}
