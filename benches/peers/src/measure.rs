//! Everything that is measured of one rule set.

use std::time::Duration;

use portcullis::{Backend, Config, Decision, FlowKey, Packet, RuleSet, StatelessMatcher};
use rustix::thread::CpuSet;

use super::clock::cpu_time;
use super::contest::{Contestant, Score, Way, contest, fastest};
use super::generator::{Pattern, headers, rule_set};
use super::linear::Linear;
use super::rte_acl::{ALGORITHMS, Dpdk, Headers, RteAcl};
use super::sets::Set;
use super::wirefilter::{self, Filters};

const SEED: u64 = 1993;
const BATCHES: [usize; 5] = [16, 32, 64, 128, 256];
/// What other processors have.
pub(crate) const LESSER: [Backend; 2] = [Backend::Avx2, Backend::Scalar];
/// How many rules the linear list may look at for all headers together.
const LINEAR_RULES: usize = 2_000_000_000;

/// How to measure.
pub(crate) struct Conditions {
    pub(crate) headers: usize,
    pub(crate) passes: usize,
    /// Where the linear answers may be worked out.
    pub(crate) cores: CpuSet,
    pub(crate) dpdk: Option<Dpdk>,
}

/// What came out.
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) rules: usize,
    pub(crate) portcullis: Built,
    /// `None` without DPDK, or the reason why it did not compile the rules.
    pub(crate) rte_acl: Option<Result<Built, String>>,
    pub(crate) scores: Vec<Score>,
    /// Nanoseconds a lookup in the linear list.
    pub(crate) linear: f64,
    /// Nanoseconds a lookup in wirefilter's filters.
    pub(crate) wirefilter: f64,
    /// How many headers the answers of the others were compared for.
    pub(crate) compared: usize,
}

/// What a compiled rule set took.
pub(crate) struct Built {
    pub(crate) time: Duration,
    pub(crate) bytes: usize,
}

impl Conditions {
    pub(crate) fn measure(&self, set: &Set) -> Result<Measured, String> {
        let rules = rule_set(&set.patterns);
        let keys = headers(&set.patterns, self.headers, SEED);
        let linear = Linear::new(&set.patterns);
        let compared = keys.len().min(LINEAR_RULES / set.patterns.len().max(1));
        let answers = linear.answers(&keys[..compared], &self.cores);
        check_definition(&rules, &keys, &answers.results);

        let scheme = wirefilter::scheme();
        let filters = Filters::new(&scheme, &set.patterns)?;
        let wirefilter = filters.time(&keys, &answers.results)?;
        drop(filters);

        let (matcher, portcullis) = compile(&rules)?;
        let acl = self.dpdk.as_ref().map(|dpdk| compile_acl(dpdk, &set.patterns));
        let lesser = LESSER.map(|backend| (backend, matcher.clone().with_backend(backend)));
        let inputs = Inputs::new(&keys);
        let mut contestants = Vec::new();
        if let Some(Ok((acl, _))) = &acl {
            contestants.extend(fastest(acl_single(acl, &inputs), keys.len()));
            contestants.extend(fastest(acl_batches(acl, &inputs), keys.len()));
        }
        contestants.extend(singles(&matcher, &inputs));
        contestants.extend(fastest(batches(&matcher, &inputs, Way::Batch), keys.len()));
        for (backend, matcher) in &lesser {
            contestants.push(keys_one_by_one(matcher, &inputs, Way::KeyWith(*backend)));
            contestants.extend(batches(matcher, &inputs, Way::BatchWith(*backend)).pop());
        }
        Ok(Measured {
            name: set.name.clone(),
            rules: set.patterns.len(),
            portcullis,
            scores: contest(&contestants, keys.len(), self.passes, &answers.results),
            rte_acl: acl.as_ref().map(|acl| match acl {
                Ok((acl, time)) => Ok(Built { time: *time, bytes: acl.memory_bytes() }),
                Err(reason) => Err(reason.clone()),
            }),
            linear: answers.time.as_secs_f64() * 1e9 / compared.max(1) as f64,
            wirefilter,
            compared,
        })
    }
}

impl Measured {
    pub(crate) fn score(&self, way: Way) -> Option<&Score> {
        self.scores.iter().find(|score| score.way == way)
    }

    /// How many times as long the first way takes as the second.
    pub(crate) fn ratio(&self, first: Way, second: Way) -> Option<f64> {
        Some(self.score(first)?.median / self.score(second)?.median)
    }
}

/// The same headers in the form that each contestant takes.
struct Inputs<'k> {
    keys: &'k [FlowKey],
    packets: Vec<Packet>,
    headers: Headers,
}

impl<'k> Inputs<'k> {
    fn new(keys: &'k [FlowKey]) -> Self {
        let packets = keys.iter().copied().map(Packet::from).collect();
        Self { keys, packets, headers: Headers::new(keys) }
    }
}

/// Makes sure that the fast linear list is right itself.
fn check_definition(rules: &RuleSet, keys: &[FlowKey], answers: &[u32]) {
    for (key, answer) in keys.iter().zip(answers).take(100) {
        let decision = rules.first_match(&Packet::from(*key), None);
        assert_eq!(place(&decision), *answer, "the linear list is wrong for {key}");
    }
}

fn compile(rules: &RuleSet) -> Result<(StatelessMatcher<'static>, Built), String> {
    let once = || {
        let start = cpu_time();
        let matcher = StatelessMatcher::compile(rules, &Config::new());
        matcher.map(|matcher| (matcher, cpu_time() - start)).map_err(|error| error.to_string())
    };
    let (matcher, time) = typical(once)?;
    let bytes = matcher.memory_bytes();
    Ok((matcher, Built { time, bytes }))
}

fn compile_acl<'d>(dpdk: &'d Dpdk, patterns: &[Pattern]) -> Result<(RteAcl<'d>, Duration), String> {
    typical(|| {
        let acl = dpdk.compile(patterns)?;
        let time = acl.build_time();
        Ok((acl, time))
    })
}

/// The last of three builds and the median of their times; of one if it takes a second.
fn typical<T>(once: impl Fn() -> Result<(T, Duration), String>) -> Result<(T, Duration), String> {
    let (mut built, time) = once()?;
    let mut times = vec![time];
    while times.len() < 3 && times[0] < Duration::from_secs(1) {
        drop(built);
        let time;
        (built, time) = once()?;
        times.push(time);
    }
    times.sort();
    Ok((built, times[times.len() / 2]))
}

fn acl_single<'a>(acl: &'a RteAcl<'_>, inputs: &'a Inputs<'_>) -> Vec<Contestant<'a>> {
    let algorithms = ALGORITHMS.into_iter().filter(|(_, number)| acl.has(*number));
    let make = |(name, number)| acl_contestant(acl, inputs, Way::RteAclSingle, (name, number), 1);
    algorithms.map(make).collect()
}

fn acl_batches<'a>(acl: &'a RteAcl<'_>, inputs: &'a Inputs<'_>) -> Vec<Contestant<'a>> {
    let algorithms = ALGORITHMS.into_iter().filter(|(_, number)| acl.has(*number));
    let make = |algorithm| {
        BATCHES.map(|size| acl_contestant(acl, inputs, Way::RteAclBatch, algorithm, size))
    };
    algorithms.flat_map(make).collect()
}

fn acl_contestant<'a>(
    acl: &'a RteAcl<'_>,
    inputs: &'a Inputs<'_>,
    way: Way,
    (name, number): (&str, i32),
    batch: usize,
) -> Contestant<'a> {
    Contestant {
        way,
        variant: format!("{name}, {batch}"),
        classify: Box::new(move |results| acl.classify(&inputs.headers, results, number, batch)),
    }
}

fn singles<'a>(matcher: &'a StatelessMatcher<'_>, inputs: &'a Inputs<'_>) -> [Contestant<'a>; 2] {
    let packet = Box::new(|results: &mut [u32]| {
        for (result, packet) in results.iter_mut().zip(&inputs.packets) {
            *result = place(&matcher.classify(packet));
        }
    });
    [
        keys_one_by_one(matcher, inputs, Way::Key),
        Contestant { way: Way::Packet, variant: String::new(), classify: packet },
    ]
}

fn keys_one_by_one<'a>(
    matcher: &'a StatelessMatcher<'_>,
    inputs: &'a Inputs<'_>,
    way: Way,
) -> Contestant<'a> {
    let classify = Box::new(|results: &mut [u32]| {
        for (result, key) in results.iter_mut().zip(inputs.keys) {
            *result = place(&matcher.classify_key(key));
        }
    });
    Contestant { way, variant: String::new(), classify }
}

fn batches<'a>(
    matcher: &'a StatelessMatcher<'_>,
    inputs: &'a Inputs<'_>,
    way: Way,
) -> Vec<Contestant<'a>> {
    let contestant = |size| Contestant {
        way,
        variant: format!("{size}"),
        classify: Box::new(move |results: &mut [u32]| {
            let Some(key) = inputs.keys.first() else { return };
            let mut decisions = vec![matcher.classify_key(key); size];
            for (keys, results) in inputs.keys.chunks(size).zip(results.chunks_mut(size)) {
                matcher.classify_keys(keys, &mut decisions);
                for (result, decision) in results.iter_mut().zip(&decisions) {
                    *result = place(decision);
                }
            }
        }),
    };
    BATCHES.into_iter().map(contestant).collect()
}

fn place(decision: &Decision<'_>) -> u32 {
    decision.rule.map_or(0, |rule| rule.index + 1)
}
