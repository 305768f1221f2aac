//! Passes over the trace, timed.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use portcullis::{Decision, FlowKey, StatelessMatcher};

use super::input::Answer;

/// Packets a batch.
const BATCH: usize = 64;

/// Passes: an odd number of at least 7, and enough of them for half a second.
const PASSES: usize = 7;
const MOST_PASSES: usize = 501;
const LONG_ENOUGH: Duration = Duration::from_millis(500);

/// What is looked up, and where.
#[derive(Clone, Copy)]
pub(crate) struct Lookups<'a> {
    pub(crate) matcher: &'a StatelessMatcher<'a>,
    pub(crate) keys: &'a [FlowKey],
}

/// A way to look the whole trace up.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// One header after the other.
    Single,
    /// In batches of a fixed size.
    Batch,
}

impl Lookups<'_> {
    fn pass(&self, way: Way, answers: &mut [Answer]) {
        match way {
            Way::Single => self.single(answers),
            Way::Batch => self.batch(answers),
        }
    }

    fn single(&self, answers: &mut [Answer]) {
        for (key, slot) in self.keys.iter().zip(answers) {
            *slot = answer(&self.matcher.classify_key(key));
        }
    }

    fn batch(&self, answers: &mut [Answer]) {
        let Some(key) = self.keys.first() else { return };
        let mut decisions = [self.matcher.classify_key(key); BATCH];
        for (keys, answers) in self.keys.chunks(BATCH).zip(answers.chunks_mut(BATCH)) {
            self.matcher.classify_keys(keys, &mut decisions);
            for (decision, slot) in decisions.iter().zip(answers) {
                *slot = answer(decision);
            }
        }
    }
}

/// The place of the rule that decided, or -1.
pub(crate) fn answer(decision: &Decision<'_>) -> Answer {
    decision.rule.map_or(-1, |rule| rule.index.into())
}

/// Nanoseconds a lookup in the median pass, and the answers of the last one.
pub(crate) fn median(lookups: &Lookups<'_>, way: Way) -> (f64, Vec<Answer>) {
    let mut answers = vec![-2; lookups.keys.len()];
    lookups.pass(way, &mut answers);
    let ns = median_of(lookups.keys.len(), || {
        let start = Instant::now();
        lookups.pass(way, black_box(&mut answers));
        start.elapsed()
    });
    (ns, answers)
}

/// The same, of all `threads` together: each goes through the whole trace, all of them at once.
pub(crate) fn median_of_threads(lookups: &Lookups<'_>, way: Way, threads: usize) -> f64 {
    let (start, end) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    let rounds = 2 * PASSES + 1;
    let repeated = (MEETING / lookups.keys.len()).max(1);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut answers = vec![-2; lookups.keys.len()];
                lookups.pass(way, &mut answers);
                for _ in 0..rounds {
                    start.wait();
                    (0..repeated).for_each(|_| lookups.pass(way, black_box(&mut answers)));
                    end.wait();
                }
            });
        }
        let mut times: Vec<Duration> = (0..rounds)
            .map(|_| {
                start.wait();
                let begin = Instant::now();
                end.wait();
                begin.elapsed()
            })
            .collect();
        nanoseconds(&mut times, lookups.keys.len() * threads * repeated)
    })
}

/// Lookups between two meetings of the threads, so that meeting costs next to nothing.
const MEETING: usize = 500_000;

fn median_of(lookups: usize, mut timed: impl FnMut() -> Duration) -> f64 {
    let mut times = Vec::new();
    let mut sum = Duration::ZERO;
    while times.len() < PASSES || (sum < LONG_ENOUGH && times.len() < MOST_PASSES) {
        let time = timed();
        sum += time;
        times.push(time);
    }
    nanoseconds(&mut times, lookups)
}

/// The median of `times` as nanoseconds for each of so many lookups.
fn nanoseconds(times: &mut [Duration], lookups: usize) -> f64 {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    median.as_secs_f64() * 1e9 / lookups.max(1) as f64
}
