//! ClassBench filter files, as its generator writes them.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use portcullis::packet::Family;
use portcullis::rule::{PortRange, Span};

use super::generator::{Pattern, prefix};

/// The files `*.rules.gz` in the folder `shared/rulesets` beside this crate's, if it is there, in
/// the order of their names.
pub(crate) fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/rulesets");
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let mut paths: Vec<_> = paths.filter(|path| name(path).is_some()).collect();
    paths.sort();
    paths
}

/// The file's name without its ending; `None` if it is no file of rules.
pub(crate) fn name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()?.strip_suffix(".rules.gz")
}

/// The patterns of a file.
///
/// # Panics
///
/// When the file cannot be read or a line is not a rule.
pub(crate) fn read(path: &Path) -> Vec<Pattern> {
    let file = File::open(path).expect("a readable file");
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).expect("a text in gzip form");
    parse(&text)
}

/// The patterns of a text, one rule a line. The last column, TCP flags, is left out.
///
/// # Panics
///
/// When a line is not a rule.
pub(crate) fn parse(text: &str) -> Vec<Pattern> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| pattern(line).unwrap_or_else(|| panic!("not a rule: {line}"))).collect()
}

/// `@SRC/LEN DST/LEN SPORT_LO : SPORT_HI DPORT_LO : DPORT_HI PROTO/MASK FLAGS/MASK`, with tabs
/// between.
fn pattern(line: &str) -> Option<Pattern> {
    let mut columns = line.strip_prefix('@')?.split('\t').map(str::trim);
    Some(Pattern {
        family: Family::V4,
        src: addresses(columns.next()?)?,
        dst: addresses(columns.next()?)?,
        src_port: ports(columns.next()?)?,
        dst_port: ports(columns.next()?)?,
        protocol: protocols(columns.next()?)?,
    })
}

fn addresses(text: &str) -> Option<Span<u128>> {
    let (address, len) = text.split_once('/')?;
    let address: std::net::Ipv4Addr = address.parse().ok()?;
    let len = len.parse().ok().filter(|len| *len <= 32)?;
    Some(prefix(Family::V4, address.to_bits().into(), len))
}

fn ports(text: &str) -> Option<PortRange> {
    let (first, last) = text.split_once(':')?;
    PortRange::new(first.trim().parse().ok()?, last.trim().parse().ok()?)
}

fn protocols(text: &str) -> Option<Span<u8>> {
    let (number, mask) = text.split_once('/')?;
    let number = u8::from_str_radix(number.strip_prefix("0x")?, 16).ok()?;
    match u8::from_str_radix(mask.strip_prefix("0x")?, 16).ok()? {
        0 => Some(Span::from(0..=u8::MAX)),
        u8::MAX => Some(Span::from(number)),
        _ => None,
    }
}
