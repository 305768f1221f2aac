//! Vector files: one recorded case a line, as JSON, plain or compressed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::Value;

/// Rules, the packets that were sent through them, and what a Linux kernel did with each.
#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Whether connections were tracked, and fragments so put together.
    pub(crate) conntrack: bool,
    /// Settings of the kernel that were not the default.
    #[serde(default)]
    pub(crate) sysctl: BTreeMap<String, Value>,
    /// Rules as `iptables-save` writes them; none: everything passes.
    pub(crate) rules_v4: Option<String>,
    pub(crate) rules_v6: Option<String>,
    /// Sets that the rules name, as `ipset save` writes them.
    #[serde(default)]
    pub(crate) ipset: String,
    pub(crate) packets: Vec<Recorded>,
}

/// One packet and what became of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Recorded {
    /// Milliseconds since the case began.
    pub(crate) t_ms: f64,
    pub(crate) iface: String,
    /// Where the kernel's routes led; none if the packet came to no rule.
    pub(crate) out_iface: Option<String>,
    /// The IP packet.
    pub(crate) hex: String,
    #[serde(default)]
    pub(crate) note: String,
    pub(crate) verdict: String,
    /// Rules of the filter table that it hit, chain and number counted from 1.
    #[serde(default)]
    pub(crate) hits: Option<Vec<Hit>>,
    /// Whether the policy decided.
    #[serde(default)]
    pub(crate) policy: Option<bool>,
    pub(crate) ct_state: Option<String>,
    pub(crate) ct_dir: Option<String>,
    pub(crate) tcp_state_after: Option<String>,
    /// The connection that its own header names, afterwards.
    #[serde(default)]
    pub(crate) ct_after: Option<Entry>,
    #[serde(default)]
    pub(crate) hooks: Hooks,
}

/// A connection of the kernel's table.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    /// The seconds left, rounded down.
    pub(crate) timeout_s: u64,
    /// `UNREPLIED` and `ASSURED`, as far as they hold.
    pub(crate) flags: Vec<String>,
}

/// A rule that counted the packet: its chain, and its place there counted from 1.
#[derive(Debug)]
pub(crate) struct Hit(pub(crate) String, pub(crate) usize);

/// With a third element if it counted more than one.
impl<'de> Deserialize<'de> for Hit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let elements = Vec::<Value>::deserialize(deserializer)?;
        let chain = elements.first().and_then(Value::as_str);
        let number = elements.get(1).and_then(Value::as_u64);
        let hit = chain.zip(number).map(|(chain, number)| Self(chain.into(), number as usize));
        hit.ok_or_else(|| serde::de::Error::custom("a hit is a chain and a number"))
    }
}

/// How many packets came to the hooks of the kernel.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Hooks {
    #[serde(default)]
    pub(crate) input: u64,
}

/// The number that a setting is, written as a number or as text.
pub(crate) fn number(value: &Value) -> Option<u32> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| number.try_into().ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

impl Recorded {
    /// Whether it came to the rules of FORWARD.
    pub(crate) fn is_forwarded(&self) -> bool {
        self.verdict != "NOT_FORWARDED"
    }

    pub(crate) fn bytes(&self) -> Result<Vec<u8>, String> {
        let digits = self.hex.as_bytes();
        let byte = |pair: &[u8]| {
            let text = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(text, 16).ok()
        };
        let bytes = digits.chunks(2).map(|pair| byte(pair).filter(|_| pair.len() == 2));
        bytes.collect::<Option<_>>().ok_or_else(|| format!("no hexadecimal bytes: {}", self.hex))
    }
}

/// The cases of a file, one after the other.
pub(crate) fn read(path: &Path) -> Result<impl Iterator<Item = Result<Case, String>>, String> {
    let place = path.display().to_string();
    let file = File::open(path).map_err(|error| format!("{place}: {error}"))?;
    let compressed = path.extension().is_some_and(|extension| extension == "gz");
    let input: Box<dyn Read> =
        if compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let lines = BufReader::new(input).lines().zip(1..);
    let lines =
        lines.filter(|(line, _)| line.as_ref().map_or(true, |line| !line.trim().is_empty()));
    Ok(lines.map(move |(line, number)| {
        let line = line.map_err(|error| format!("{place}: {error}"))?;
        serde_json::from_str(&line).map_err(|error| format!("{place}, line {number}: {error}"))
    }))
}
