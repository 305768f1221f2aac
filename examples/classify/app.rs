//! What is measured and printed.

use std::fmt;
use std::io::{self, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use portcullis::{Backend, BuildError, Config, FlowKey, Packet, RuleSet, StatelessMatcher};

use super::input::{self, Answer, InputError};
use super::timing::{self, Lookups, Way};

/// Compiles a ClassBench filter file and looks the headers of a trace up in it.
///
/// Prints a line for each figure, `name: value`. Times are medians of at least 7 passes over the
/// trace, in nanoseconds a lookup. The exit code is 1 if an answer is wrong.
#[derive(Debug, Parser)]
#[command(name = "classify")]
pub(crate) struct Args {
    /// Filter file, plain or .gz [default: a small one that is shipped]
    #[arg(requires = "trace")]
    rules: Option<PathBuf>,

    /// Headers, one a line: `src dst sport dport proto`, in decimal
    trace: Option<PathBuf>,

    /// For each header the place of the first rule that matches, from 0, or -1; without it, the
    /// linear definition is asked about a sample
    expect: Option<PathBuf>,

    /// Also looks the whole trace up on this many threads at once
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,

    /// Bytes that the compiled form may take before rules stop being copied for speed
    #[arg(long, value_name = "BYTES")]
    memory_budget: Option<usize>,

    /// Vector instructions to use instead of the best ones
    #[arg(long, value_name = "NAME")]
    backend: Option<Instructions>,

    /// Asks for the bits of the sixth column too, which published figures and traces leave out
    #[arg(long)]
    header_bits: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Instructions {
    Scalar,
    Avx2,
    Avx512,
}

/// Why nothing could be measured.
#[derive(Debug)]
pub(crate) enum Failure {
    Input(InputError),
    Build(BuildError),
    Write(io::Error),
}

/// Measures and prints; whether every answer was right.
pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<bool, Failure> {
    let rules = input::rules(args.rules.as_deref(), args.header_bits)?;
    let keys = input::trace(args.trace.as_deref())?;
    let expected = input::expected(args.expect.as_deref(), args.trace.is_none(), keys.len())?;
    let (matcher, build) = compile(&rules, &args.config())?;
    writeln!(out, "rules: {}", rules.len())?;
    writeln!(out, "headers: {}", keys.len())?;
    writeln!(out, "build_ms: {:.3}", build.as_secs_f64() * 1e3)?;
    writeln!(out, "memory_bytes: {}", matcher.memory_bytes())?;

    let lookups = Lookups { matcher: &matcher, keys: &keys };
    let (single_ns, single) = timing::median(&lookups, Way::Single);
    writeln!(out, "single_ns: {single_ns:.2}")?;
    let (batch_ns, batch) = timing::median(&lookups, Way::Batch);
    writeln!(out, "batch_ns: {batch_ns:.2}")?;
    if let Some(threads) = args.threads {
        write_threads(out, &lookups, threads.get())?;
    }
    let (wrong, compared) = mismatches(&rules, &keys, expected.as_deref(), &single, &batch);
    writeln!(out, "mismatches: {wrong} of {compared}\n{}", matcher.stats())?;
    Ok(wrong == 0)
}

impl Args {
    fn config(&self) -> Config {
        let mut config = Config::new();
        if let Some(bytes) = self.memory_budget {
            config = config.memory_budget(bytes);
        }
        match self.backend {
            Some(Instructions::Scalar) => config.backend(Backend::Scalar),
            Some(Instructions::Avx2) => config.backend(Backend::Avx2),
            Some(Instructions::Avx512) => config.backend(Backend::Avx512),
            None => config,
        }
    }
}

/// Compiles three times, once if that takes a second; the median time counts.
fn compile(
    rules: &RuleSet,
    config: &Config,
) -> Result<(StatelessMatcher<'static>, Duration), BuildError> {
    let once = || {
        let start = Instant::now();
        StatelessMatcher::compile(rules, config).map(|matcher| (matcher, start.elapsed()))
    };
    let (matcher, first) = once()?;
    if first > Duration::from_secs(1) {
        return Ok((matcher, first));
    }
    let mut times = [first, once()?.1, once()?.1];
    times.sort_unstable();
    Ok((matcher, times[1]))
}

fn write_threads(out: &mut impl Write, lookups: &Lookups<'_>, threads: usize) -> io::Result<()> {
    writeln!(out, "threads: {threads}")?;
    for (name, way) in [("single", Way::Single), ("batch", Way::Batch)] {
        let ns = timing::median_of_threads(lookups, way, threads);
        writeln!(out, "threads_{name}_per_second: {:.0}", 1e9 / ns)?;
        writeln!(out, "threads_{name}_ns: {ns:.2}")?;
    }
    Ok(())
}

/// The most rules that the linear definition is asked about, all headers together.
const LINEAR_RULES: usize = 50_000_000;

/// How many headers got a wrong answer, alone or in a batch, and how many were compared.
fn mismatches(
    rules: &RuleSet,
    keys: &[FlowKey],
    expected: Option<&[Answer]>,
    single: &[Answer],
    batch: &[Answer],
) -> (usize, usize) {
    let answers = single.iter().zip(batch);
    let is_wrong = |(right, (single, batch)): &(Answer, (&Answer, &Answer))| {
        right != *single || right != *batch
    };
    if let Some(expected) = expected {
        let wrong = expected.iter().copied().zip(answers).filter(is_wrong).count();
        return (wrong, expected.len());
    }
    let sample = (LINEAR_RULES / rules.len().max(1)).max(100);
    let step = keys.len().div_ceil(sample).max(1);
    let defined = |key: &FlowKey| timing::answer(&rules.first_match(&Packet::from(*key), None));
    let right = keys.iter().step_by(step).map(defined);
    let compared = keys.len().div_ceil(step);
    (right.zip(answers.step_by(step)).filter(is_wrong).count(), compared)
}

impl From<InputError> for Failure {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => error.fmt(f),
            Self::Build(error) => write!(f, "the rules cannot be compiled: {error}"),
            Self::Write(error) => write!(f, "standard output: {error}"),
        }
    }
}
