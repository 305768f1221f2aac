//! Arguments, and what is done with them.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use portcullis::analysis::AnalysisError;
use portcullis::import::classbench::{self, HeaderBits};
use portcullis::{Action, ImportError, RuleSet};
use serde_json::Value;

use super::findings::{Audit, Comparison};
use super::formats::{Format, Known, Source};
use super::{json, page, text};

/// The rules that are shown without arguments.
const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/office.rules");

/// Analyses a rule set, or compares two. Without arguments it shows what it says of a small one.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// What the files are.
    #[arg(value_enum, requires = "file", default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// The rules.
    #[arg(default_value = SHIPPED, hide_default_value = true)]
    pub(crate) file: PathBuf,
    /// Other rules, to be compared with them.
    pub(crate) file2: Option<PathBuf>,
    /// What the second file is, if it is something else.
    #[arg(long, value_enum, requires = "file2")]
    pub(crate) format2: Option<Format>,
    #[command(flatten)]
    pub(crate) known: Known,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page for a browser besides.
    #[arg(long, value_name = "OUT")]
    pub(crate) html: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let input = Input::read(args.format, &args.file, &args.known)?;
    let page = match &args.file2 {
        None => audit(args, &input, out)?,
        Some(file2) => {
            let format = args.format2.unwrap_or(args.format);
            compare(args, [&input, &Input::read(format, file2, &args.known)?], out)?
        }
    };
    out.flush()?;
    let Some(path) = &args.html else { return Ok(()) };
    fs::write(path, page).map_err(|error| Failure::File(path.clone(), error.to_string()))
}

/// A file's rules.
struct Input {
    /// The file's, and whether the rules are all of them.
    name: String,
    rules: RuleSet,
    left_out: Vec<String>,
}

impl Input {
    fn read(format: Format, path: &Path, known: &Known) -> Result<Self, Failure> {
        let fail = |message: String| Failure::File(path.into(), message);
        let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        let Source { rules, raw, mut left_out } =
            format.read(&text, known, in_turns).map_err(fail)?;
        left_out.extend(raw.map(|raw| format!("{} rules asked before tracking", raw.len())));
        let name = match left_out.len() {
            0 => path.display().to_string(),
            count => format!("{} (partial: {count} left out)", path.display()),
        };
        Ok(Self { name, rules, left_out })
    }

    /// What is missing, for who reads on.
    fn list_left_out(&self, out: &mut impl Write) -> io::Result<()> {
        self.left_out.iter().try_for_each(|error| writeln!(out, "left out: {error}"))
    }
}

fn audit(args: &Args, input: &Input, out: &mut impl Write) -> Result<String, Failure> {
    let (name, rules) = (&input.name, &input.rules);
    let audit = Audit::of(rules)?;
    if args.json {
        let mut value = json::audit(name, rules, &audit);
        value["left_out"] = Value::from(&*input.left_out);
        writeln!(out, "{value:#}")?;
    } else {
        input.list_left_out(out)?;
        text::audit(out, name, rules, &audit)?;
    }
    Ok(page::audit(name, rules, &audit))
}

fn compare(args: &Args, inputs: [&Input; 2], out: &mut impl Write) -> Result<String, Failure> {
    let (names, rules) = (inputs.map(|it| it.name.clone()), inputs.map(|it| &it.rules));
    let comparison = Comparison::of(rules)?;
    if args.json {
        let mut value = json::comparison(&names, rules, &comparison);
        value["left_out"] = inputs.iter().map(|it| Value::from(&*it.left_out)).collect();
        writeln!(out, "{value:#}")?;
    } else {
        inputs.iter().try_for_each(|it| it.list_left_out(out))?;
        text::comparison(out, &names, rules, &comparison)?;
    }
    Ok(page::comparison(&names, rules, &comparison))
}

/// A ClassBench file says nothing of actions: its rules accept and drop in turns of three.
fn in_turns(text: &str) -> Result<RuleSet, ImportError> {
    let action = |at: usize| if at.is_multiple_of(3) { Action::Drop } else { Action::Accept };
    classbench::parse_with(text, HeaderBits::FiveTuple, Action::Drop, action)
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    File(PathBuf, String),
    Analysis(AnalysisError),
    Write(io::Error),
}

impl Failure {
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, message) => write!(f, "{}: {message}", path.display()),
            Self::Analysis(error) => error.fmt(f),
            Self::Write(error) => write!(f, "cannot write: {error}"),
        }
    }
}

impl From<AnalysisError> for Failure {
    fn from(error: AnalysisError) -> Self {
        Self::Analysis(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}
