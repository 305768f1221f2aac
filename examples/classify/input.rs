//! The files: filters, headers, expected answers; and the case that is shipped.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use portcullis::import::classbench::{self, HeaderBits};
use portcullis::{FlowKey, ImportError, RuleSet};

/// The place of a rule, from 0, or -1.
pub(crate) type Answer = i64;

const SHIPPED_RULES: &str = include_str!("../data/classify.rules");
const SHIPPED_TRACE: &str = include_str!("../data/classify.trace");
const SHIPPED_ANSWERS: &str = include_str!("../data/classify.expect");

/// The filters of a file, or the shipped ones.
pub(crate) fn rules(path: Option<&Path>, header_bits: bool) -> Result<RuleSet, InputError> {
    let bits = if header_bits { HeaderBits::Match } else { HeaderBits::FiveTuple };
    read(path, SHIPPED_RULES, |text| classbench::parse(text, bits).map_err(Reason::Import))
}

/// The headers of a file, or the shipped ones.
pub(crate) fn trace(path: Option<&Path>) -> Result<Vec<FlowKey>, InputError> {
    read(path, SHIPPED_TRACE, |text| {
        let keys = classbench::parse_trace(text).map_err(Reason::Import)?;
        if keys.is_empty() { Err(Reason::NoHeader) } else { Ok(keys) }
    })
}

/// The answers of a file, or the shipped ones; there must be `count` of them.
pub(crate) fn expected(
    path: Option<&Path>,
    shipped: bool,
    count: usize,
) -> Result<Option<Vec<Answer>>, InputError> {
    if path.is_none() && !shipped {
        return Ok(None);
    }
    let answers = read(path, SHIPPED_ANSWERS, |text| {
        let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        let answers: Vec<Answer> = lines.map(answer).collect::<Result<_, _>>()?;
        match answers.len() {
            found if found == count => Ok(answers),
            found => Err(Reason::Count { found, expected: count }),
        }
    });
    answers.map(Some)
}

fn answer((line, number): (&str, usize)) -> Result<Answer, Reason> {
    let answer = line.trim().parse().ok().filter(|answer| *answer >= -1);
    answer.ok_or_else(|| Reason::Answer {
        line: number,
        found: line.trim().chars().take(40).collect(),
    })
}

/// Reads a file, or the shipped text, with `parse`.
fn read<T>(
    path: Option<&Path>,
    shipped: &str,
    parse: impl Fn(&str) -> Result<T, Reason>,
) -> Result<T, InputError> {
    let result = match path {
        Some(path) => text(path).and_then(|text| parse(&text)),
        None => parse(shipped),
    };
    result.map_err(|reason| InputError { path: path.map(Into::into), reason })
}

/// A file's text, unpacked if the file begins as gzip files do.
fn text(path: &Path) -> Result<String, Reason> {
    let mut bytes = Vec::new();
    BufReader::new(File::open(path)?).read_to_end(&mut bytes)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let packed = std::mem::take(&mut bytes);
        MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut bytes)?;
    }
    String::from_utf8(bytes)
        .map_err(|error| Reason::NotText { at: error.utf8_error().valid_up_to() })
}

/// Why a file cannot be used.
#[derive(Debug)]
pub(crate) struct InputError {
    /// `None` for the case that is shipped.
    path: Option<PathBuf>,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    Read(io::Error),
    NotText { at: usize },
    Import(ImportError),
    NoHeader,
    Answer { line: usize, found: String },
    Count { found: usize, expected: usize },
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{}: ", path.display())?,
            None => f.write_str("the shipped case: ")?,
        }
        match &self.reason {
            Reason::Read(error) => error.fmt(f),
            Reason::NotText { at } => write!(f, "no text: byte {at} is not UTF-8"),
            Reason::Import(error) => error.fmt(f),
            Reason::NoHeader => f.write_str("no header in it"),
            Reason::Answer { line, found } => {
                write!(
                    f,
                    "line {line}: expected the place of a rule from 0, or -1, found `{found}`"
                )
            }
            Reason::Count { found, expected } => {
                write!(f, "{found} answers for {expected} headers")
            }
        }
    }
}
