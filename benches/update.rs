//! Rules that come and go: how many changes a second, and what lookups take meanwhile.
//!
//! `cargo bench --bench update` prints a line for each figure. The writer and the reader have a
//! thread each; where rules are compiled meanwhile, that is a third one, so that figures with fewer
//! than three processors count it in.

mod classbench;
mod generator;

use std::collections::VecDeque;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use generator::{Pattern, Random, Shape, headers, patterns, rule_set};
use portcullis::packet::Family;
use portcullis::update::{LiveMatcher, Position, Reader, Rebuild, RuleKey};
use portcullis::{ChainId, Config, Packet, Rule, RuleSet, StatelessMatcher};

const SEED: u64 = 2007;
const HEADERS: usize = 20_000;
/// How long each figure is measured.
const SPAN: Duration = Duration::from_millis(1500);

fn main() {
    // Cargo hands its own options over.
    let only: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let made = [Shape::ACL, Shape::FW, Shape::IPC].map(|shape| {
        (format!("made-{}_10k", shape.name), patterns(&shape, Family::V4, 12_000, SEED))
    });
    let files = classbench::files().into_iter().filter_map(|path| {
        let name = classbench::name(&path).filter(|name| name.ends_with("_10k"))?;
        Some((name.to_owned(), classbench::read(&path)))
    });
    for (name, patterns) in made.into_iter().chain(files) {
        if only.is_empty() || only.iter().any(|part| name.contains(part)) {
            Bench::new(name, &patterns).run();
        }
    }
}

/// A rule set, and rules of the same kind that it does not have.
struct Bench {
    name: String,
    rules: RuleSet,
    others: Vec<Rule>,
    packets: Vec<Packet>,
}

impl Bench {
    /// Every sixth rule is kept out, to be inserted.
    fn new(name: String, patterns: &[Pattern]) -> Self {
        let part = |kept: bool| {
            let all = patterns.iter().enumerate();
            let part: Vec<Pattern> =
                all.filter(|(i, _)| (i % 6 != 0) == kept).map(|(_, pattern)| *pattern).collect();
            rule_set(&part)
        };
        let (rules, others) = (part(true), part(false).chains()[0].rules().to_vec());
        let packets = headers(patterns, HEADERS, SEED).into_iter().map(Packet::from).collect();
        Self { name, rules, others, packets }
    }

    fn run(&self) {
        let matcher = StatelessMatcher::compile(&self.rules, &Config::new()).expect("rules");
        let still = self.nanoseconds(|packet| _ = black_box(matcher.classify(packet)));
        println!("{}: {} rules", self.name, self.rules.len());
        println!("  compiled, never changed: {still:.1} ns a lookup");
        for inserted in [0, 32, 64, 200, 1000] {
            let mut live = self.live();
            let mut random = Random::new(SEED);
            (0..inserted).for_each(|_| _ = self.insert(&mut live, &mut random));
            let snapshot = live.publish();
            let ns = self.nanoseconds(|packet| _ = black_box(snapshot.classify(packet)));
            println!("  {inserted} rules inserted: {ns:.1} ns, {:.2}x", ns / still);
        }
        for batch in [1, 16, 256] {
            self.passing(batch, still);
        }
        self.lasting(still);
    }

    /// Rules that stay for a short while: each change inserts one and removes the oldest.
    fn passing(&self, batch: usize, still: f64) {
        let mut live = self.live();
        let mut random = Random::new(SEED);
        let mut there: VecDeque<RuleKey> =
            (0..32).map(|_| self.insert(&mut live, &mut random)).collect();
        let (changes, ns) = self.meanwhile(live.reader(), || {
            for _ in 0..batch / 2 + 1 {
                there.push_back(self.insert(&mut live, &mut random));
                let oldest = there.pop_front().expect("as many as in the beginning");
                live.remove(oldest).expect("a rule that is there");
            }
            live.publish();
            2 * (batch / 2 + 1)
        });
        println!(
            "  rules that pass, {} changes at once: {changes:.0} changes a second, {ns:.1} ns, {:.2}x",
            2 * (batch / 2 + 1),
            ns / still
        );
    }

    /// Any rule goes and any other comes; what is due is compiled meanwhile, and changes wait when
    /// too many have been made.
    fn lasting(&self, still: f64) {
        let mut live = self.live();
        let mut random = Random::new(SEED);
        let mut keys = live.keys(ChainId::BASE);
        let (jobs, waiting) = mpsc::channel::<Rebuild>();
        let (built, finished) = mpsc::channel();
        let compiling = thread::spawn(move || {
            waiting.iter().all(|job| built.send(job.run().expect("rules")).is_ok())
        });
        let mut busy = false;
        let (changes, ns) = self.meanwhile(live.reader(), || {
            match finished.try_recv() {
                Ok(rebuilt) => {
                    live.finish_rebuild(rebuilt);
                    busy = false;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
            }
            if !busy && live.is_rebuild_due() {
                jobs.send(live.start_rebuild()).expect("a thread that compiles");
                busy = true;
            }
            if live.inserted() + live.removed() > self.rules.len() / 3 {
                thread::yield_now();
                return 0;
            }
            let which = random.below(keys.len() as u64) as usize;
            live.remove(keys[which]).expect("a rule that is there");
            keys[which] = self.insert(&mut live, &mut random);
            live.publish();
            2
        });
        drop(jobs);
        _ = compiling.join();
        println!(
            "  rules that last: {changes:.0} changes a second, {ns:.1} ns, {:.2}x",
            ns / still
        );
    }

    fn live(&self) -> LiveMatcher {
        LiveMatcher::new(&self.rules, &Config::new()).expect("rules")
    }

    /// Inserts a rule before one that is picked at random.
    fn insert(&self, live: &mut LiveMatcher, random: &mut Random) -> RuleKey {
        let rule = self.others[random.below(self.others.len() as u64) as usize].clone();
        let place = random.below(self.rules.len() as u64 / 2) as usize;
        let at = live.key_at(ChainId::BASE, place).map(Position::Before);
        live.insert(at.unwrap_or(Position::Last(ChainId::BASE)), rule).expect("a rule")
    }

    /// Changes a second and, of a reader on another thread meanwhile, nanoseconds a lookup.
    fn meanwhile(&self, mut reader: Reader, mut change: impl FnMut() -> usize) -> (f64, f64) {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let lookups = scope.spawn(|| {
                let (start, mut passes) = (cpu_time(), 0);
                while !done.load(Ordering::Relaxed) {
                    for packets in self.packets.chunks(64) {
                        let snapshot = reader.snapshot();
                        for packet in packets {
                            black_box(snapshot.classify(packet));
                        }
                    }
                    passes += 1;
                }
                (cpu_time() - start).as_secs_f64() * 1e9 / (passes * self.packets.len()) as f64
            });
            let (start, own) = (Instant::now(), cpu_time());
            let (mut changes, mut waited) = (0, Duration::ZERO);
            while start.elapsed() < SPAN {
                let before = Instant::now();
                match change() {
                    0 => waited += before.elapsed(),
                    made => changes += made,
                }
            }
            let rate = changes as f64 / (cpu_time() - own + waited).as_secs_f64();
            done.store(true, Ordering::Relaxed);
            (rate, lookups.join().expect("a reader"))
        })
    }

    /// Nanoseconds a lookup, while nothing changes.
    fn nanoseconds(&self, mut look_up: impl FnMut(&Packet)) -> f64 {
        let (start, own, mut passes) = (Instant::now(), cpu_time(), 0);
        while start.elapsed() < SPAN {
            self.packets.iter().for_each(&mut look_up);
            passes += 1;
        }
        (cpu_time() - own).as_secs_f64() * 1e9 / (passes * self.packets.len()) as f64
    }
}

/// Processor time that this thread has had, where the system says it: other programs do not count.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanoseconds = text.ok().and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| EPOCH.elapsed(), Duration::from_nanos)
}

static EPOCH: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
