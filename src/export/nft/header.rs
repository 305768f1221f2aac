//! Matches on transport headers, and on their being there.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::json::{self, compared, equal, masked, meta, numbers, payload};
use super::matches::later;
use crate::export::asked::{Asked, Header, PORTED, icmp_kinds, icmp_spans};
use crate::export::error::Fault;
use crate::export::plan::Stage;
use crate::import::spans::{Spans, merged};
use crate::packet::{Family, Malformed, Protocol};
use crate::rule::{Criteria, IcmpKind};

pub(super) fn unsaid() -> Fault {
    Fault::new(
        "malformed",
        "nft can ask whether a header is there, not whether it contradicts itself; ask for one of the \
         other faults, and for none but `not extension-headers`",
    )
}

const fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::TCP => "tcp",
        Protocol::UDP => "udp",
        Protocol::UDP_LITE => "udplite",
        Protocol::SCTP => "sctp",
        _ => "dccp",
    }
}

/// That the whole header is there: its last field is.
fn whole(protocol: Protocol) -> Result<String, Fault> {
    let (field, max) = match protocol {
        Protocol::TCP => ("urgptr", 0xffff),
        Protocol::UDP | Protocol::UDP_LITE => ("checksum", 0xffff),
        Protocol::SCTP => ("checksum", 0xffff_ffff),
        _ => return Err(no_dccp()),
    };
    Ok(equal(&payload(name(protocol), field), &json::number((0, max))))
}

fn one_protocol(protocol: Protocol) -> Stage {
    Stage::One(equal(&meta("l4proto"), &protocol.0.to_string()))
}

fn no_dccp() -> Fault {
    Fault::new(
        "port",
        "nft cannot ask whether the header of DCCP is whole; say which other protocols are meant",
    )
}

/// What a rule asks of the transport header.
pub(super) fn header(
    asked: &Asked<'_>,
    header: &Header,
    stages: &mut Vec<Stage>,
) -> Result<(), Fault> {
    let criteria = asked.criteria;
    let sets = criteria.sets.as_ref();
    if sets.is_some_and(|sets| !sets.src_endpoint.is_any() || !sets.dst_endpoint.is_any()) {
        return Err(Fault::new(
            "from-endpoint-set or to-endpoint-set",
            "sets of pairs are not written for nft; write rules with `port` instead",
        ));
    }
    match header.protocol {
        Protocol::ICMP => stages.push(kinds("icmp", &icmp_spans(&criteria.icmp))),
        Protocol::ICMPV6 => stages.push(kinds("icmpv6", &icmp_spans(&criteria.icmpv6))),
        protocol => {
            for (spans, field) in [(&header.src_port, "sport"), (&header.dst_port, "dport")] {
                if let Some(spans) = spans {
                    let left = payload(name(protocol), field);
                    stages.push(Stage::One(equal(&left, &numbers(spans))));
                }
            }
            flags(criteria, stages);
            if !header.cut_too {
                stages.push(Stage::One(whole(protocol)?));
            }
        }
    }
    Ok(())
}

fn flags(criteria: &Criteria, stages: &mut Vec<Stage>) {
    let asked = &criteria.tcp_flags;
    let op = if asked.is_negated() { "!=" } else { "==" };
    let each = asked.items().iter().map(|flags| {
        let left = masked(&payload("tcp", "flags"), flags.mask().0.into());
        compared(&left, op, &flags.set().0.to_string())
    });
    let each: Vec<String> = each.collect();
    match asked.is_negated() {
        true => stages.extend(each.into_iter().map(Stage::One)),
        false if asked.is_any() => {}
        false => stages.push(Stage::any_of(each)),
    }
}

/// Types as a list, those with some codes alone each for itself.
fn kinds(name: &str, spans: &Spans) -> Stage {
    let (types, some): (Vec<IcmpKind>, Vec<IcmpKind>) = icmp_kinds(spans)
        .into_iter()
        .partition(|kind| (kind.codes().first(), kind.codes().last()) == (0, u8::MAX));
    let field = |field: &str| payload(name, field);
    let number = |kind: &IcmpKind| u128::from(kind.icmp_type());
    let mut each = Vec::new();
    if !types.is_empty() {
        let types = merged(types.iter().map(|kind| (number(kind), number(kind))));
        each.push(equal(&field("type"), &numbers(&types)));
    }
    each.extend(some.iter().map(|kind| {
        let codes = json::number((kind.codes().first().into(), kind.codes().last().into()));
        let of_type = equal(&field("type"), &kind.icmp_type().to_string());
        of_type + "," + &equal(&field("code"), &codes)
    }));
    Stage::any_of(each)
}

/// A list of matches for each way in which a packet may have one of the faults.
pub(super) fn malformed(
    asked: &Asked<'_>,
    faults: &[Malformed],
    stages: &[Stage],
) -> Result<Vec<Vec<Stage>>, Fault> {
    if faults.contains(&Malformed::BadTransport) {
        return Err(unsaid());
    }
    let with = |more: Vec<Stage>| stages.iter().cloned().chain(more).collect::<Vec<_>>();
    let has = |fault| faults.contains(&fault);
    let mut all = Vec::new();
    if has(Malformed::ExtensionHeaders) {
        if asked.protocols.is_some() {
            return Err(unsaid());
        }
        let known = equal(&meta("l4proto"), &json::number((0, 255)));
        all.push(with(vec![Stage::NoneOf(vec![known])]));
    }
    if has(Malformed::TinyFragment) {
        let second = equal(&masked(&payload("ip", "frag-off"), 0x1fff), "1");
        all.push(with(vec![one_protocol(Protocol::TCP), Stage::One(second)]));
    }
    let icmp = match asked.family {
        Family::V4 => (Protocol::ICMP, "icmp"),
        Family::V6 => (Protocol::ICMPV6, "icmpv6"),
    };
    if has(Malformed::ShortTransport) && asked.may_be(icmp.0) {
        let there = equal(&payload(icmp.1, "type"), &json::number((0, 255)));
        let none = Stage::NoneOf(vec![later(asked.family), there]);
        all.push(with(vec![one_protocol(icmp.0), none]));
    }
    let (short, ports) = (has(Malformed::ShortTransport), has(Malformed::ShortPorts));
    for protocol in PORTED.into_iter().filter(|it| (short || ports) && asked.may_be(*it)) {
        let of = one_protocol(protocol);
        let ports_there = equal(&payload(name(protocol), "dport"), &json::number((0, 0xffff)));
        all.push(with(match (short, ports) {
            (true, true) => vec![of, Stage::NoneOf(vec![later(asked.family), whole(protocol)?])],
            (true, false) => {
                vec![of, Stage::One(ports_there), Stage::NoneOf(vec![whole(protocol)?])]
            }
            _ => vec![of, Stage::NoneOf(vec![later(asked.family), ports_there])],
        }));
    }
    Ok(all)
}
