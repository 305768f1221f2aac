//! Sets as `ipset save` writes them.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use super::fault::Fault;
use super::ipset::{Dimension, Element, Entry, IpSet};
use super::values::{address, network, number};
use super::words::{Line, Word, Words, lines};
use super::{names, values};
use crate::import::ImportError;
use crate::packet::{Family, Protocol};
use crate::rule::{IpRange, PortRange};

/// The sets of a text, and what was left out of them.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) sets: BTreeMap<Box<str>, IpSet>,
    pub(super) left_out: Vec<ImportError>,
}

/// Reads a text. What is not supported is left out if `lenient`, else an error.
pub(super) fn read(text: &str, lenient: bool) -> Result<Read, ImportError> {
    let mut reader = Reader::default();
    for line in lines(text) {
        match reader.line(line) {
            Err(fault) if lenient && fault.is_unsupported() => {
                reader.read.left_out.push(fault.error(line));
            }
            result => result.map_err(|fault| fault.error(line))?,
        }
    }
    Ok(reader.read)
}

#[derive(Default)]
struct Reader {
    read: Read,
    /// How the entries of each set are written; `None` of a set that was left out.
    kinds: BTreeMap<Box<str>, Option<Kind>>,
}

/// The type of a set.
#[derive(Clone, Copy, Debug)]
struct Kind {
    family: Family,
    /// A list of sets.
    list: bool,
    /// Ports that may be TCP's or UDP's.
    either_port: bool,
    /// How many bits of each address count.
    netmask: Option<u32>,
}

impl Reader {
    fn line(&mut self, line: Line<'_>) -> Result<(), Fault> {
        let mut words = Words::new(line.text)?;
        let command = words.value("`create` or `add`")?;
        match &*command.text {
            "create" | "-N" | "n" => self.create(&mut words),
            "add" | "-A" | "a" => self.add(&mut words),
            "flush" | "swap" | "destroy" | "rename" | "del" => {
                Err(command.expected("`create` or `add`, as `ipset save` writes them"))
            }
            _ => Err(command.expected("`create` or `add`")),
        }
    }

    fn create(&mut self, words: &mut Words<'_>) -> Result<(), Fault> {
        let name = words.value("the name of a set")?;
        let kind_word = words.value("the type of the set")?;
        if self.kinds.contains_key(&*name.text) {
            return Err(name.expected("a name that no set before it has"));
        }
        self.kinds.insert((&*name.text).into(), None);
        let (dimensions, mut kind) = type_of(&kind_word)?;
        options(&mut kind, words)?;
        let has_addresses = dimensions.contains(&Dimension::Address);
        let family = (has_addresses && !kind.list).then_some(kind.family);
        self.read.sets.insert((&*name.text).into(), IpSet::empty(&dimensions, family));
        self.kinds.insert((&*name.text).into(), Some(kind));
        Ok(())
    }

    fn add(&mut self, words: &mut Words<'_>) -> Result<(), Fault> {
        let name = words.value("the name of a set")?;
        let entry = words.value("an entry")?;
        let kind = self.kinds.get(&*name.text).copied();
        let kind = kind.ok_or_else(|| name.expected("a set created before"))?;
        let Some(kind) = kind else {
            return Err(name.unsupported("an entry of a set that is left out,"));
        };
        let exception = entry_options(words)?;
        let Some(set) = self.read.sets.get_mut(&*name.text) else { return Ok(()) };
        if kind.list {
            set.members.push((&*entry.text).into());
            return Ok(());
        }
        for elements in elements(&entry, &set.dimensions, kind)? {
            set.entries.push(Entry { elements, exception });
        }
        Ok(())
    }
}

fn type_of(word: &Word<'_>) -> Result<(Vec<Dimension>, Kind), Fault> {
    let mut kind = Kind { family: Family::V4, list: false, either_port: false, netmask: None };
    if word.text == "list:set" {
        kind.list = true;
        return Ok((Vec::from([Dimension::Address]), kind));
    }
    let Some((method, fields)) = word.split(':') else {
        return Err(word.expected("a type such as `hash:net`"));
    };
    kind.either_port = method.text == "bitmap";
    let dimension = |part: &Word<'_>| match &*part.text {
        "ip" | "net" => Ok(Dimension::Address),
        "port" => Ok(Dimension::Port),
        _ => Err(word.unsupported("the type")),
    };
    let dimensions = fields.parts(',').iter().map(dimension).collect::<Result<Vec<_>, _>>()?;
    Ok((dimensions, kind))
}

/// Options of a set: only the family and the netmask bear on what is in it.
fn options(kind: &mut Kind, words: &mut Words<'_>) -> Result<(), Fault> {
    while let Some(option) = words.next() {
        match &*option.text {
            "family" => {
                let family = words.value("`inet` or `inet6`")?;
                kind.family = match &*family.text {
                    "inet" => Family::V4,
                    "inet6" => Family::V6,
                    _ => return Err(family.expected("`inet` or `inet6`")),
                };
            }
            "netmask" => {
                let length = words.value("a prefix length")?;
                kind.netmask = Some(number(&length, "a prefix length", 128)?);
            }
            // The default timeout: entries say their own.
            "hashsize" | "maxelem" | "bucketsize" | "initval" | "range" | "size" | "timeout" => {
                words.value("a value")?;
            }
            "counters" | "comment" | "skbinfo" | "forceadd" => {}
            _ => return Err(option.unsupported("option")),
        }
    }
    Ok(())
}

/// Options of an entry; whether it is an exception. One that ends by itself would stay for ever
/// here.
fn entry_options(words: &mut Words<'_>) -> Result<bool, Fault> {
    let mut exception = false;
    while let Some(option) = words.next() {
        match &*option.text {
            "nomatch" => exception = true,
            "packets" | "bytes" | "comment" | "skbmark" | "skbprio" | "skbqueue" => {
                words.value("a value")?;
            }
            "timeout" => {
                let seconds = words.value("seconds")?;
                if seconds.text != "0" {
                    let message = "an entry that ends after some time, as sets do not change here,";
                    return Err(option.unsupported(message));
                }
            }
            _ => return Err(option.unsupported("option")),
        }
    }
    Ok(exception)
}

/// The elements of an entry; several lists of them if a port is one of several protocols.
fn elements(
    entry: &Word<'_>,
    dimensions: &[Dimension],
    kind: Kind,
) -> Result<Vec<Vec<Element>>, Fault> {
    let parts = entry.parts(',');
    if parts.len() != dimensions.len() {
        return Err(entry.expected(format!("an entry with {} parts", dimensions.len())));
    }
    let mut lists = Vec::from([Vec::new()]);
    for (part, dimension) in parts.iter().zip(dimensions) {
        let choices = match dimension {
            Dimension::Address => addresses(part, kind)?,
            Dimension::Port => ports(part, kind)?,
        };
        let longer = lists.iter().flat_map(|list| {
            choices.iter().map(|choice| list.iter().copied().chain([*choice]).collect())
        });
        lists = longer.collect();
    }
    Ok(lists)
}

fn addresses(part: &Word<'_>, kind: Kind) -> Result<Vec<Element>, Fault> {
    if let Some((_, length)) =
        part.split('/').filter(|(_, length)| length.text.contains(['.', ':']))
    {
        return Err(length.expected("a prefix length"));
    }
    let ranges = match part.split('-') {
        Some((first, last)) => {
            let (first, last) = (address(&first, kind.family)?, address(&last, kind.family)?);
            let range = IpRange::new(first, last);
            Vec::from([range.ok_or_else(|| part.expected("a range from low to high"))?])
        }
        None => match kind.netmask {
            Some(length) if !part.text.contains('/') => {
                network(&part.part(&format!("{}/{length}", part.text), 0), kind.family)?
            }
            _ => network(part, kind.family)?,
        },
    };
    Ok(ranges.into_iter().map(Element::Addresses).collect())
}

/// `tcp:80`, `80` (TCP's), `80-90`, `icmp:8/0`, `vrrp:0`.
fn ports(part: &Word<'_>, kind: Kind) -> Result<Vec<Element>, Fault> {
    let (protocols, ports) = match part.split(':') {
        Some((name, ports)) => {
            let protocol = values::protocol(&name)?;
            (Vec::from([protocol.ok_or_else(|| name.expected("one protocol"))?]), ports)
        }
        None if kind.either_port => {
            (Vec::from([Protocol::TCP, Protocol::UDP]), part.part(&part.text, 0))
        }
        None => (Vec::from([Protocol::TCP]), part.part(&part.text, 0)),
    };
    let range = port_range(&ports, kind.family)?;
    Ok(protocols.into_iter().map(|protocol| Element::Ports(protocol, range)).collect())
}

fn port_range(word: &Word<'_>, family: Family) -> Result<PortRange, Fault> {
    const EXPECTED: &str = "a port or a range of them";
    let port = |word: &Word<'_>| number(word, EXPECTED, u32::from(u16::MAX));
    if let Some((icmp_type, code)) = word.split('/') {
        let icmp_type = number(&icmp_type, "an ICMP type", 255)? as u8;
        let code = number(&code, "an ICMP code", 255)? as u8;
        return Ok(u16::from_be_bytes([icmp_type, code]).into());
    }
    if let Some(kind) = names::icmp(word, family) {
        return Ok(u16::from_be_bytes([kind.icmp_type(), kind.codes().first()]).into());
    }
    match word.split('-') {
        Some((first, last)) => {
            let (first, last) = (port(&first)? as u16, port(&last)? as u16);
            PortRange::new(first, last).ok_or_else(|| word.expected("a range from low to high"))
        }
        None => Ok((port(word)? as u16).into()),
    }
}
