//! Rates for each element of a set that packets change.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use super::condition::{Condition, Key, concat};
use super::field::{Field, Left};
use super::set::NamedSet;
use super::statement::{Limit, Part, Scope, read_limit};
use super::value::{highest, number};
use crate::import::json::{Fault, Json};
use crate::import::rate::By;

/// How many elements there may be unless the set says, as nft has it.
const MOST: u32 = 65_535;

/// Adding an element, if there is none yet, and asking its rate: packets that lack a field of it, and
/// those for whose element there is no room, are not meant.
///
/// # Source
///
/// Linux `net/netfilter/nft_dynset.c`, `nft_dynset_eval`; `net/netfilter/nft_limit.c`.
pub(super) fn changed_set(json: &Json, scope: &Scope<'_>) -> Result<Vec<Part>, Fault> {
    let fields = json.object()?;
    fields.only(&["op", "elem", "set", "stmt"])?;
    let refreshes = fields.read("op", |op| match op.text()? {
        "update" => Ok(true),
        "add" => Ok(false),
        other => Err(Fault::unsupported(format_args!("the operation `{other}` on a set"))),
    })?;
    let name = fields.read("set", |set| set.text())?;
    let set = fields.read("set", |_| scope.sets.changed(name))?;
    let limit = fields.find("stmt", rate)?;
    let without = || Fault::unsupported("a set that packets change, without a rate,");
    let limit = limit.ok_or_else(without)?;
    let element = fields.read("elem", |elem| element(elem, &set, scope))?;
    if element.1.expire != u64::MAX && !refreshes {
        return Err(Fault::unsupported("a timeout that packets do not put off").under("op"));
    }
    each_element(name, limit, element)
}

/// The older way to write a rate for each element: the set is the statement's own, and packets put
/// timeouts off.
pub(super) fn meter(json: &Json, scope: &Scope<'_>) -> Result<Vec<Part>, Fault> {
    let fields = json.object()?;
    fields.only(&["name", "key", "stmt", "size"])?;
    let name = fields.read("name", |name| name.text())?;
    let size = fields.find("size", |size| size.integer("a number of elements"))?;
    let set = NamedSet { elements: &[], size, timeout: None };
    let limit = fields.read("stmt", rate)?;
    let element = fields.read("key", |key| element(key, &set, scope))?;
    each_element(&format!("meter {name}"), limit, element)
}

fn each_element(name: &str, limit: Limit, (key, by): (Key, By)) -> Result<Vec<Part>, Fault> {
    let by = By { name: name.into(), passes_when_full: limit.over, ..by };
    if by.expire < limit.interval.saturating_mul(limit.burst.into()) {
        return Err(Fault::unsupported("a timeout before an element has all its rate again"));
    }
    let limit = Limit { name: Some(name.into()), by: Some(by), ..limit };
    Ok(vec![Part::Ask(Condition::Any(key.has()?)), Part::Limit(limit)])
}

/// The one statement for each element: a rate.
fn rate(json: &Json) -> Result<Limit, Fault> {
    let read = |statement: &Json| match statement.single() {
        Some(("limit", inner)) => {
            let limit = inner.object().and_then(|fields| {
                fields.only(&["rate", "per", "burst", "inv", "rate_unit", "burst_unit"])?;
                read_limit(&fields)
            });
            limit.map_err(|fault| fault.under("limit"))
        }
        _ => Err(Fault::unsupported("a statement other than `limit` for each element")),
    };
    match json {
        Json::List(all) => match &**all {
            [one] => read(one).map_err(|fault| fault.at(0)),
            _ => Err(Fault::unsupported("several statements for each element")),
        },
        one => read(one),
    }
}

fn element(json: &Json, set: &NamedSet<'_>, scope: &Scope<'_>) -> Result<(Key, By), Fault> {
    let mut timeout = set.timeout;
    let key = match json.single() {
        Some(("elem", inner)) => {
            let read = inner.object().and_then(|fields| {
                fields.only(&["val", "timeout"])?;
                let own = fields.find("timeout", |own| own.integer::<u32>("seconds"))?;
                timeout = own.or(timeout);
                fields.read("val", Ok)
            });
            read.map_err(|fault| fault.under("elem"))?
        }
        _ => json,
    };
    let left = match concat(key)? {
        Some(parts) => {
            let read = parts.iter().enumerate().map(|(index, part)| {
                Left::read(part, scope.family).map_err(|fault| fault.at(index).under("concat"))
            });
            read.collect::<Result<Vec<_>, _>>()?
        }
        None => vec![Left::read(key, scope.family)?],
    };
    let nanos = |seconds: u32| u64::from(seconds) * 1_000_000_000;
    let by = By {
        name: "".into(),
        src_mask: 0,
        dst_mask: 0,
        src_port: false,
        dst_port: false,
        expire: timeout.filter(|seconds| *seconds > 0).map_or(u64::MAX, nanos),
        most: set.size.filter(|size| *size > 0).unwrap_or(MOST) as usize,
        passes_when_full: false,
    };
    let by = left.iter().try_fold(by, counted_by)?;
    Ok((Key::of(left.iter().map(|left| left.field).collect()), by))
}

/// Takes a field into what elements are made of.
fn counted_by(by: By, left: &Left<'_>) -> Result<By, Fault> {
    let mask = match left.mask {
        Some(mask) => number(left.field, mask)?,
        None => highest(left.field.width()),
    };
    Ok(match left.field {
        Field::Src(_) => By { src_mask: mask, ..by },
        Field::Dst(_) => By { dst_mask: mask, ..by },
        Field::SrcPort(Some(_)) if left.mask.is_none() => By { src_port: true, ..by },
        Field::DstPort(Some(_)) if left.mask.is_none() => By { dst_port: true, ..by },
        _ => return Err(Fault::unsupported("a rate by this field")),
    })
}
