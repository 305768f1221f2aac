//! The program without its process: arguments in, text out, an exit code.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use portcullis::rule::TextError;
use portcullis::{Action, BuildError, ConnTable, Limits, Order, Rule, RuleSet};

use super::capture::{Capture, CaptureError, Frame};
use super::judge::Judge;
use super::link::{Payload, UnknownLink, not_ip, payload};
use super::paint::Paint;
use super::progress::Progress;
use super::rows::Rows;
use super::story::Story;
use super::summary::Summary;
use super::texts::Texts;

/// Judges the packets of a capture three ways and shows where the answers differ.
///
/// Each packet is judged statelessly (alone), statelessly with one more rule that lets replies in,
/// and statefully (with the connection it belongs to). The two stateless rule sets are made from
/// the rule file: rules that need an established connection are left out, and `state` is taken off
/// the others. Without RULES and CAPTURE a small office network is shown.
#[derive(Debug, Parser)]
#[command(name = "firewall", verbatim_doc_comment, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Rule file, one rule a line
    #[arg(requires = "capture")]
    rules: Option<PathBuf>,

    /// Capture: pcap or pcapng, of Ethernet, raw IP, Linux cooked or loopback frames
    capture: Option<PathBuf>,

    /// The rule that is added for replies, in front of final rules for any packet [default:
    /// accept tcp, udp to any port 1024-65535]
    #[arg(long, value_name = "RULE")]
    ephemeral: Option<String>,

    /// What the stateful matcher asks first
    #[arg(long, value_enum, default_value = "rules")]
    order: First,

    /// How many connections are remembered at a time; each takes some 150 bytes
    #[arg(long, value_name = "N", default_value_t = 65_536)]
    connections: u32,

    /// Stop after this many frames
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// No lines for single packets
    #[arg(long)]
    summary: bool,
}

const AFTER_HELP: &str = "\
Reading a line: frame number, seconds since the first frame, 5-tuple, TCP flags or ICMP type,
connection state with direction (→ as its first packet, ← back), then for each matcher what it
decides and by which rule: a number of the rule file, + the added rule, * the default, = a known
connection. Lines on which the matchers differ end in ≠.

Exit status: 0 if the whole capture was read, 1 for files that cannot be read to the end, 2 for
arguments that make no sense.";

/// What people add to a stateless rule set so that replies come in.
const EPHEMERAL: &str = "accept tcp, udp to any port 1024-65535";
/// The same for the example's own case.
const OFFICE_EPHEMERAL: &str = "accept tcp, udp to 10.1.0.0/24 port 1024-65535";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum First {
    /// Rules see the connection state as a field, as in Linux
    Rules,
    /// Packets of accepted connections pass without a rule, as in pf and security groups
    Connections,
}

impl Args {
    fn order(&self) -> Order {
        match self.order {
            First::Rules => Order::RulesFirst,
            First::Connections => Order::KnownFirst,
        }
    }

    /// The rule file, the capture and the added rule: those asked for, or the example's own.
    fn case(&self) -> (PathBuf, PathBuf, &str) {
        let example = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data").join(name);
        let (rules, capture, added) = match (&self.rules, &self.capture) {
            (Some(rules), Some(capture)) => (rules.clone(), capture.clone(), EPHEMERAL),
            _ => (example("office.rules"), example("office.pcap"), OFFICE_EPHEMERAL),
        };
        (rules, capture, self.ephemeral.as_deref().unwrap_or(added))
    }
}

/// Runs the program. What it has to say goes to `out`, in `paint`.
///
/// # Errors
///
/// When a file cannot be read to the end; everything before that is written all the same.
pub(crate) fn run(args: &Args, out: &mut impl Write, paint: Paint) -> Result<(), Failure> {
    let (rules_path, capture_path, added) = args.case();
    let rules = read_rules(&rules_path)?;
    let added = added_rule(added)?;
    let mut capture = Capture::open(&capture_path)
        .map_err(|error| Failure::Capture { path: capture_path.clone(), error })?;

    let table = ConnTable::with_random_secret(&Limits::new(args.connections));
    let judge = Judge::new(&rules, &added, table, args.order());
    let judge = judge.map_err(|error| Failure::Build { path: rules_path.clone(), error })?;
    let texts = Texts::new(&rules, added.to_string(), args.order());

    writeln!(out, "Rules    {}\nCapture  {}\n", name(&rules_path), name(&capture_path))?;
    texts.write(out, &judge.changes, paint)?;
    let mut session = Session::new(args, &rules, judge, paint);
    let read = session.read(&mut capture, &capture_path, out);
    if matches!(read, Err(Failure::Output(_))) {
        return read;
    }
    session.conclude(out, &texts)?;
    read
}

/// What is going on while a capture is read.
struct Session<'r> {
    judge: Judge,
    rows: Option<Rows<'r>>,
    summary: Summary,
    story: Story,
    limit: u64,
    paint: Paint,
}

impl<'r> Session<'r> {
    fn new(args: &Args, rules: &'r RuleSet, judge: Judge, paint: Paint) -> Self {
        let rows = (!args.summary).then(|| Rows::new(rules, paint));
        let (summary, story) = (Summary::default(), Story::default());
        Self { judge, rows, summary, story, limit: args.limit.unwrap_or(u64::MAX), paint }
    }

    /// Judges frame after frame.
    fn read(
        &mut self,
        capture: &mut Capture,
        path: &Path,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        if let Some(rows) = &self.rows {
            rows.write_header(out)?;
        }
        let mut progress = Progress::new(path, self.rows.is_some());
        for _ in 0..self.limit {
            progress.show(capture.position());
            let frame = capture.next_frame();
            let frame = frame.map_err(|error| Failure::Capture { path: path.into(), error })?;
            match frame {
                Some(frame) => self.judge(&frame, path, out)?,
                None => break,
            }
        }
        Ok(())
    }

    fn judge(
        &mut self,
        frame: &Frame<'_>,
        path: &Path,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let unknown = |link| Failure::Link { path: path.into(), frame: frame.number, link };
        let text = match payload(frame.link, frame.bytes).map_err(unknown)? {
            Payload::Packet(packet) => {
                let judged = self.judge.judge(&packet, frame.nanos);
                self.summary.note(&judged);
                self.story.note(frame.number, &packet, &judged);
                let Some(rows) = &mut self.rows else { return Ok(()) };
                return Ok(rows.write_packet(out, frame, &packet, &judged)?);
            }
            Payload::NotIp(ether_type) => {
                self.summary.not_ip += 1;
                not_ip(ether_type)
            }
            Payload::Unreadable(error) => {
                self.summary.unreadable += 1;
                format!("unreadable: {error}")
            }
        };
        let Some(rows) = &mut self.rows else { return Ok(()) };
        Ok(rows.write_other(out, frame, &text)?)
    }

    /// Writes what was counted.
    fn conclude(&self, out: &mut impl Write, texts: &Texts<'_>) -> Result<(), Failure> {
        if self.rows.is_some() {
            writeln!(out)?;
        }
        self.summary.write(out, &self.judge, texts, self.paint)?;
        writeln!(out)?;
        self.story.write(out, texts.added(), self.paint)?;
        Ok(out.flush()?)
    }
}

fn read_rules(path: &Path) -> Result<RuleSet, Failure> {
    let read = |error| Failure::RuleFile { path: path.into(), error };
    let text = std::fs::read_to_string(path).map_err(read)?;
    text.parse().map_err(|error| Failure::Rules { path: path.display().to_string(), error })
}

/// The one rule that `text` says.
fn added_rule(text: &str) -> Result<Rule, Failure> {
    let rules = text.parse();
    let rules: RuleSet =
        rules.map_err(|error| Failure::Rules { path: "--ephemeral".into(), error })?;
    match rules.chains() {
        [base] if *rules.default_action() == Action::Drop => match base.rules() {
            [rule] if rule.criteria.state.is_any() => Ok(rule.clone()),
            _ => Err(Failure::AddedRule),
        },
        _ => Err(Failure::AddedRule),
    }
}

/// The path, relative to the current directory if it is below.
fn name(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

/// Why the program ends with exit status 1.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The rule file cannot be read.
    RuleFile { path: PathBuf, error: io::Error },
    /// It, or the added rule, is not what it should be.
    Rules { path: String, error: TextError },
    /// The rules cannot be compiled.
    Build { path: PathBuf, error: BuildError },
    /// The added rule is none, or more than one, or asks for a state.
    AddedRule,
    /// The capture cannot be read to its end.
    Capture { path: PathBuf, error: CaptureError },
    /// A frame is of a kind that this program does not read.
    Link { path: PathBuf, frame: u64, link: UnknownLink },
    /// The output cannot be written.
    Output(io::Error),
}

impl Failure {
    /// Whether whoever read the output has seen enough, as `head` has.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RuleFile { path, error } => {
                write!(f, "{} cannot be read: {error}", name(path))
            }
            Self::Rules { path, error } => write!(f, "{path}: {error}"),
            Self::Build { path, error } => write!(f, "{}: {error}", name(path)),
            Self::AddedRule => f.write_str(
                "--ephemeral takes one rule, and no `state` in it: stateless matchers do not know it",
            ),
            Self::Capture { path, error } => {
                write!(f, "{} {error}\n  {}", name(path), error.advice())
            }
            Self::Link { path, frame, link } => {
                write!(f, "{}, frame {frame}: {link}", name(path))
            }
            Self::Output(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}
