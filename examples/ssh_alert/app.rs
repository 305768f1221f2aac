//! Arguments, and the way from a capture to alerts.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Parser;
use portcullis::{RuleSet, Time};

use super::alert::{Alerts, Limit};
use super::capture::Capture;
use super::link::{Payload, payload};
use super::watch::Watch;

/// Prints an alert for each new SSH connection and each attempt that failed.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// A capture, pcap or pcapng; without it the one that comes with this example.
    pub(crate) capture: Option<PathBuf>,
    /// Rules in the text form; without it SSH is accepted from everywhere.
    #[arg(long)]
    pub(crate) rules: Option<PathBuf>,
    /// The ports that are SSH's.
    #[arg(long, value_delimiter = ',', default_values_t = [22, 2222])]
    pub(crate) ports: Vec<u16>,
    /// A connection in which the client sent fewer packets is taken for a failed login.
    #[arg(long, default_value_t = 18)]
    pub(crate) short: u64,
    /// How many alerts a source may cause in a window.
    #[arg(long, default_value_t = 3)]
    pub(crate) per_source: u32,
    /// How long the window is, in seconds.
    #[arg(long, default_value_t = 60)]
    pub(crate) window: u64,
    /// A webhook to send each alert to, by curl. Without it nothing is sent.
    #[arg(long)]
    pub(crate) url: Option<String>,
}

const RULES: &str = "
    accept state established, related
    drop   state invalid
    accept tcp state new
";

pub(crate) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let rules = rules(args)?;
    let shipped = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/data/ssh.pcap"));
    let path = args.capture.as_deref().unwrap_or(shipped);
    let fail = |message: String| Failure::File(path.into(), message);
    let mut capture = Capture::open(path).map_err(|error| fail(error.to_string()))?;
    let mut watch = Watch::new(&rules, args).map_err(|error| Failure::Rules(error.to_string()))?;
    let window = Duration::from_secs(args.window);
    let mut alerts = Alerts::new(Limit { alerts: args.per_source, window });
    let mut now = Time::ZERO;
    while let Some(frame) = capture.next_frame().map_err(|error| fail(error.to_string()))? {
        now = Time::from_nanos(frame.nanos);
        let read = payload(frame.link, frame.bytes).map_err(|error| fail(error.to_string()))?;
        if let Payload::Packet(packet) = read {
            for event in watch.see(&packet, now) {
                put(args, out, alerts.of(&event, args.short, now))?;
            }
        }
    }
    for event in watch.end(now) {
        put(args, out, alerts.of(&event, args.short, now))?;
    }
    for alert in alerts.suppressed() {
        put(args, out, Some(alert))?;
    }
    Ok(())
}

fn rules(args: &Args) -> Result<RuleSet, Failure> {
    let text = match &args.rules {
        None => RULES.into(),
        Some(path) => fs::read_to_string(path)
            .map_err(|error| Failure::File(path.clone(), error.to_string()))?,
    };
    text.parse().map_err(|error| Failure::Rules(format!("{error}")))
}

/// Prints an alert, and sends it if there is somewhere to send it to.
fn put(args: &Args, out: &mut impl Write, alert: Option<String>) -> Result<(), Failure> {
    let Some(text) = alert else { return Ok(()) };
    let message = serde_json::json!({ "text": text }).to_string();
    writeln!(out, "{message}")?;
    args.url.as_deref().map_or(Ok(()), |url| send(url, &message))
}

fn send(url: &str, message: &str) -> Result<(), Failure> {
    let arguments =
        ["--fail", "--silent", "--show-error", "--header", "content-type: application/json"];
    let mut curl = Command::new("curl");
    curl.args(arguments).args(["--data-binary", "@-", "--", url]);
    let mut curl = curl.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    if let Some(mut input) = curl.stdin.take() {
        input.write_all(message.as_bytes())?;
    }
    match curl.wait()?.success() {
        true => Ok(()),
        false => Err(Failure::Sending(url.into())),
    }
}

/// Why it ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    File(PathBuf, String),
    Rules(String),
    Sending(String),
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
            Self::Rules(message) => write!(f, "rules: {message}"),
            Self::Sending(url) => write!(f, "an alert could not be sent to {url}"),
            Self::Write(error) => write!(f, "cannot write: {error}"),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}
