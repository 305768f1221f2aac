//! Arguments, and what is done with them.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Parser;
use portcullis::RuleSet;
use portcullis::analysis::AnalysisError;

use super::findings::{Audit, Comparison};
use super::source::{Format, Way};
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
    /// Which packets, of those that a host or a network interface has rules for.
    #[arg(long, value_enum, default_value_t = Way::Forward)]
    pub(crate) way: Way,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page for a browser besides.
    #[arg(long, value_name = "OUT")]
    pub(crate) html: Option<PathBuf>,
}

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let name = args.file.display().to_string();
    let rules = read(args.format, &args.file, args.way)?;
    let page = match &args.file2 {
        None => audit(args, &name, &rules, out)?,
        Some(file2) => {
            let other = read(args.format2.unwrap_or(args.format), file2, args.way)?;
            let names = [name, file2.display().to_string()];
            compare(args, &names, [&rules, &other], out)?
        }
    };
    out.flush()?;
    let Some(path) = &args.html else { return Ok(()) };
    fs::write(path, page).map_err(|error| Failure::File(path.clone(), error.to_string()))
}

fn audit(
    args: &Args,
    name: &str,
    rules: &RuleSet,
    out: &mut impl Write,
) -> Result<String, Failure> {
    let audit = Audit::of(rules)?;
    match args.json {
        true => writeln!(out, "{:#}", json::audit(name, rules, &audit))?,
        false => text::audit(out, name, rules, &audit)?,
    }
    Ok(page::audit(name, rules, &audit))
}

fn compare(
    args: &Args,
    names: &[String; 2],
    rules: [&RuleSet; 2],
    out: &mut impl Write,
) -> Result<String, Failure> {
    let comparison = Comparison::of(rules)?;
    match args.json {
        true => writeln!(out, "{:#}", json::comparison(names, rules, &comparison))?,
        false => text::comparison(out, names, rules, &comparison)?,
    }
    Ok(page::comparison(names, rules, &comparison))
}

fn read(format: Format, path: &Path, way: Way) -> Result<RuleSet, Failure> {
    let fail = |message: String| Failure::File(path.into(), message);
    let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    format.read(&text, way).map_err(fail)
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
