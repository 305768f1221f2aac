//! What follows from the host's addresses without its routes: what kind of address a packet has.

use alloc::vec;
use alloc::vec::Vec;

use super::condition::{Alternative, Condition};
use super::statement::Scope;
use super::value::element;
use crate::import::host::{broadcast, local, multicast};
use crate::import::json::{Fault, Fields, Json};
use crate::import::meet::address_ranges;
use crate::import::spans::{Spans, complement, merged};
use crate::packet::Family;
use crate::rule::{AnyOf, Criteria};

/// Reads a `match` statement whose left side is `fib`; `None` if it is not.
///
/// # Source
///
/// Linux `net/ipv4/netfilter/nft_fib_ipv4.c`, `nft_fib4_eval_type`;
/// `net/ipv6/netfilter/nft_fib_ipv6.c`, `nft_fib6_eval_type`.
pub(super) fn address_type(json: &Json, scope: &Scope<'_>) -> Result<Option<Condition>, Fault> {
    let fields = json.object()?;
    let Ok(Some(Some(("fib", fib)))) = fields.find("left", |left| Ok(left.single())) else {
        return Ok(None);
    };
    fields.only(&["op", "left", "right"])?;
    let is_source = fib.object().and_then(|fib| side(&fib));
    let is_source = is_source.map_err(|fault| fault.under("fib").under("left"))?;
    let negated = fields.read("op", |op| match op.text()? {
        "==" | "in" => Ok(false),
        "!=" => Ok(true),
        other => Err(Fault::unsupported(format_args!("the comparison `{other}`"))),
    })?;
    let families = scope.family.map_or(vec![Family::V4, Family::V6], |family| vec![family]);
    let each = families.into_iter().map(|family| {
        let spans = fields.read("right", |right| types(right, scope, family))?;
        Ok(Alternative(vec![of_addresses(&spans, family, is_source, negated)]))
    });
    each.collect::<Result<_, _>>().map(Condition::Any).map(Some)
}

/// Whether it is the source's type that is asked for.
fn side(fib: &Fields<'_>) -> Result<bool, Fault> {
    fib.only(&["result", "flags"])?;
    fib.read("result", |result| match result.text()? {
        "type" => Ok(()),
        other => Err(Fault::unsupported(format_args!("`fib` for `{other}`, which routes decide,"))),
    })?;
    fib.read("flags", |flags| {
        let words = match flags {
            Json::Text(word) => vec![&**word],
            flags => flags.list()?.iter().map(Json::text).collect::<Result<_, _>>()?,
        };
        match words.as_slice() {
            ["saddr"] => Ok(true),
            ["daddr"] => Ok(false),
            _ => Err(Fault::unsupported("`fib` by anything but one address")),
        }
    })
}

/// The addresses of one type, or of one in a list.
fn types(right: &Json, scope: &Scope<'_>, family: Family) -> Result<Spans, Fault> {
    let Some(("set", items)) = right.single() else { return of_type(right, scope, family) };
    let each = items.list()?.iter().enumerate().map(|(index, item)| {
        let spans = element(item).and_then(|item| of_type(item, scope, family));
        spans.map_err(|fault| fault.at(index).under("set"))
    });
    Ok(merged(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten()))
}

fn of_type(json: &Json, scope: &Scope<'_>, family: Family) -> Result<Spans, Fault> {
    let host = || {
        let what = "without this host's addresses, which `Nftables::local` gives, this type";
        scope.local.ok_or_else(|| Fault::unsupported(what))
    };
    Ok(match (json.text()?, family) {
        ("multicast", _) => multicast(family),
        ("local", _) => local(host()?, family),
        ("broadcast", Family::V4) => broadcast(host()?),
        ("broadcast", Family::V6) => Spans::new(),
        ("unicast", Family::V4) => {
            let others = [multicast(family), local(host()?, family), broadcast(host()?)];
            complement(&merged(others.into_iter().flatten()), u32::MAX.into())
        }
        (word, _) => {
            return Err(Fault::unsupported(format_args!("the address type `{word}`")));
        }
    })
}

fn of_addresses(spans: &Spans, family: Family, is_source: bool, negated: bool) -> Criteria {
    let ranges: Vec<_> = address_ranges(spans, family).collect();
    let asked = if negated { AnyOf::none_of(ranges) } else { AnyOf::one_of(ranges) };
    let any = Criteria { family: Some(family), ..Criteria::default() };
    match is_source {
        true => Criteria { src: asked, ..any },
        false => Criteria { dst: asked, ..any },
    }
}
