//! JSON, put together as text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::export::asked::ranges;
use crate::import::spans::Spans;
use crate::packet::Family;

/// A string in quotation marks.
pub(super) fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            c if c.is_control() => quoted += &format!("\\u{:04x}", u32::from(c)),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// An object of one field.
pub(super) fn object(key: &str, value: &str) -> String {
    format!("{{\"{key}\":{value}}}")
}

/// A list in place, or its only element.
pub(super) fn set(elements: impl IntoIterator<Item = String>) -> String {
    let elements: Vec<String> = elements.into_iter().collect();
    match elements.as_slice() {
        [one] => one.clone(),
        _ => object("set", &format!("[{}]", elements.join(","))),
    }
}

/// Numbers and ranges of them.
pub(super) fn numbers(spans: &Spans) -> String {
    set(spans.iter().map(|span| number(*span)))
}

pub(super) fn number((first, last): (u128, u128)) -> String {
    match first == last {
        true => first.to_string(),
        false => object("range", &format!("[{first},{last}]")),
    }
}

/// Addresses, prefixes and ranges of a family.
pub(super) fn addresses(spans: &Spans, family: Family) -> String {
    set(elements(spans, family))
}

pub(super) fn elements(spans: &Spans, family: Family) -> impl Iterator<Item = String> {
    ranges(spans, family).map(|range| {
        let (first, last) = (range.first(), range.last());
        match range.prefix() {
            _ if first == last => text(&first.to_string()),
            Some(net) => {
                let (addr, len) = (text(&net.addr().to_string()), net.prefix_len());
                object("prefix", &format!("{{\"addr\":{addr},\"len\":{len}}}"))
            }
            None => {
                let (first, last) = (text(&first.to_string()), text(&last.to_string()));
                object("range", &format!("[{first},{last}]"))
            }
        }
    })
}

/// A comparison.
pub(super) fn compared(left: &str, op: &str, right: &str) -> String {
    object("match", &format!("{{\"op\":\"{op}\",\"left\":{left},\"right\":{right}}}"))
}

pub(super) fn equal(left: &str, right: &str) -> String {
    compared(left, "==", right)
}

pub(super) fn payload(protocol: &str, field: &str) -> String {
    object("payload", &format!("{{\"protocol\":\"{protocol}\",\"field\":\"{field}\"}}"))
}

pub(super) fn meta(key: &str) -> String {
    object("meta", &format!("{{\"key\":\"{key}\"}}"))
}

pub(super) fn ct(key: &str) -> String {
    object("ct", &format!("{{\"key\":\"{key}\"}}"))
}

/// Of the original direction.
pub(super) fn original(key: &str) -> String {
    object("ct", &format!("{{\"key\":\"{key}\",\"dir\":\"original\"}}"))
}

/// Those bits of a field.
pub(super) fn masked(field: &str, mask: u32) -> String {
    object("&", &format!("[{field},{mask}]"))
}
