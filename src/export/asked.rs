//! What a rule asks of packets of one family and, if it looks at their transport headers, of one
//! protocol.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::error::Fault;
use crate::import::spans::{Spans, complement, intersection, merged};
use crate::packet::{Family, Fragment, Malformed, Protocol};
use crate::rule::set::{PortSet, Set, Sets};
use crate::rule::{AnyOf, Criteria, IcmpKind, InterfaceName, IpRange, SetName, Span};

/// Protocols whose headers begin with ports.
pub(super) const PORTED: [Protocol; 5] =
    [Protocol::TCP, Protocol::UDP, Protocol::SCTP, Protocol::UDP_LITE, Protocol::DCCP];

/// One case of a rule: all that it asks of packets of a family, and perhaps of a protocol.
#[derive(Clone, Debug)]
pub(super) struct Asked<'c> {
    pub(super) criteria: &'c Criteria,
    pub(super) family: Family,
    /// `None` where nothing is asked.
    pub(super) src: Option<Spans>,
    pub(super) dst: Option<Spans>,
    /// What is asked of the protocol if the rule does not look at headers.
    pub(super) protocols: Option<Spans>,
    pub(super) header: Option<Header>,
    /// Fragments that it holds of; `None` for all.
    pub(super) fragments: Option<Vec<Fragment>>,
    pub(super) malformed: Faults,
    pub(super) in_interfaces: Vec<AnyOf<InterfaceName>>,
    pub(super) out_interfaces: Vec<AnyOf<InterfaceName>>,
}

/// What is asked of the transport header.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub(super) protocol: Protocol,
    pub(super) src_port: Option<Spans>,
    pub(super) dst_port: Option<Spans>,
    /// Whether the ports may be those of a header cut short behind them.
    pub(super) cut_too: bool,
}

/// What is asked of what may be wrong with a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Faults {
    Any,
    /// One of these is there.
    OneOf(Vec<Malformed>),
    /// None of these is there.
    NoneOf(Vec<Malformed>),
}

/// A rule's criteria, and the rule set that they belong to.
#[derive(Clone, Copy)]
pub(super) struct Source<'c> {
    pub(super) criteria: &'c Criteria,
    pub(super) sets: &'c Sets,
    /// Whether the rule after it asks the same of headers cut short behind their ports.
    pub(super) cut_too: bool,
}

impl Asked<'_> {
    /// Whether packets of the protocol may be among them.
    pub(super) fn may_be(&self, protocol: Protocol) -> bool {
        let number = u128::from(protocol.0);
        let within = |(first, last): &(u128, u128)| (*first..=*last).contains(&number);
        self.protocols.as_ref().is_none_or(|spans| spans.iter().any(within))
    }

    /// Whether no packet of another protocol than TCP is in it.
    pub(super) fn is_tcp(&self) -> bool {
        let tcp = u128::from(Protocol::TCP.0);
        match &self.header {
            Some(header) => header.protocol == Protocol::TCP,
            None => self.protocols.as_deref() == Some(&[(tcp, tcp)]),
        }
    }
}

impl<'c> Source<'c> {
    /// The cases of packets of a family: none if the rule holds of no packet of it. No packet is in two
    /// of them.
    pub(super) fn cases(self, family: Family) -> Result<Vec<Asked<'c>>, Fault> {
        let criteria = self.criteria;
        self.refuse()?;
        if criteria.family.is_some_and(|asked| asked != family) || nothing_holds(criteria) {
            return Ok(Vec::new());
        }
        let (src_port, dst_port) = self.ports();
        let mut protocols = numbers(&criteria.protocol, |protocol| one(protocol.0.into()), 255);
        let mut reads = false;
        let mut narrow = |asked: bool, to: &[Protocol]| {
            if asked {
                let to = merged(to.iter().map(|protocol| one(protocol.0.into())));
                let before = protocols.take().unwrap_or_else(|| Spans::from([(0, 255)]));
                protocols = Some(intersection(&before, &to));
                reads = true;
            }
        };
        narrow(src_port.is_some() || dst_port.is_some(), &PORTED);
        narrow(self.asks_endpoints(), &PORTED);
        narrow(!criteria.tcp_flags.is_any(), &[Protocol::TCP]);
        let own =
            |of: Family, protocol| if of == family { Vec::from([protocol]) } else { Vec::new() };
        narrow(!criteria.icmp.is_any(), &own(Family::V4, Protocol::ICMP));
        narrow(!criteria.icmpv6.is_any(), &own(Family::V6, Protocol::ICMPV6));
        protocols = protocols.map(|own| intersection(&own, &self.of_connection(family)));
        let (src, dst) = (addresses(&criteria.src, family), addresses(&criteria.dst, family));
        let Some(fragments) = fragments(&criteria.fragment, reads) else { return Ok(Vec::new()) };
        let Some(malformed) = faults(&criteria.malformed, family, protocols.as_ref(), reads) else {
            return Ok(Vec::new());
        };
        let empty = |spans: &Option<Spans>| spans.as_ref().is_some_and(Vec::is_empty);
        if [&src, &dst, &src_port, &dst_port, &protocols].into_iter().any(empty) {
            return Ok(Vec::new());
        }
        let asked = Asked {
            criteria,
            family,
            src,
            dst,
            protocols: protocols.clone().filter(|_| !reads),
            header: None,
            fragments,
            malformed,
            in_interfaces: self.interfaces(&criteria.in_interface, |sets| &sets.in_interface),
            out_interfaces: self.interfaces(&criteria.out_interface, |sets| &sets.out_interface),
        };
        if !reads {
            return Ok(Vec::from([asked]));
        }
        let each = protocols.iter().flatten().flat_map(|(first, last)| *first as u8..=*last as u8);
        let cases = each.map(|number| Asked {
            header: Some(Header {
                protocol: Protocol(number),
                src_port: src_port.clone(),
                dst_port: dst_port.clone(),
                cut_too: self.cut_too,
            }),
            ..asked.clone()
        });
        Ok(cases.collect())
    }

    /// The protocols that a packet may have by what is asked of its connection's: that one, or ICMP's,
    /// whose errors belong to connections of others.
    fn of_connection(self, family: Family) -> Spans {
        let original = self.criteria.original.as_ref();
        let own = original.and_then(|it| numbers(&it.protocol, |it| one(it.0.into()), 255));
        let icmp = if family == Family::V4 { Protocol::ICMP } else { Protocol::ICMPV6 };
        own.map_or_else(
            || Spans::from([(0, 255)]),
            |own| merged(own.into_iter().chain([one(icmp.0.into())])),
        )
    }

    /// What no form can say.
    fn refuse(self) -> Result<(), Fault> {
        let Criteria {
            vlan, zone, predicate, cut_src_port, cut_dst_port, src_port, dst_port, ..
        } = self.criteria;
        let refused = |what, why: &str| Err(Fault::new(what, why));
        if !vlan.is_any() {
            return refused("vlan", "the IP layer sees no VLAN tags; ask for the VLAN's interface");
        }
        if !zone.is_any() {
            return refused("zone", "nothing there asks for the zone alone; ask for interfaces");
        }
        if !predicate.is_any() {
            return refused(
                "predicate",
                "what the caller's predicate stands for is not known; write rates and the like anew \
                 in the other system",
            );
        }
        let cut = !cut_src_port.is_any() || !cut_dst_port.is_any();
        let whole = !src_port.is_any() || !dst_port.is_any();
        if cut && !whole {
            return refused(
                "cut-source-port or cut-destination-port",
                "ports of headers cut short can be asked for only together with those of whole ones, \
                 by a rule just before that asks the same of `source port` and `destination port`",
            );
        }
        Ok(())
    }

    /// Ports asked for in place and by named sets.
    fn ports(self) -> (Option<Spans>, Option<Spans>) {
        let Criteria { src_port, dst_port, sets, .. } = self.criteria;
        let any = AnyOf::any();
        let (src_sets, dst_sets) =
            sets.as_ref().map_or((&any, &any), |sets| (&sets.src_port, &sets.dst_port));
        (
            both(port_spans(src_port), self.port_sets(src_sets)),
            both(port_spans(dst_port), self.port_sets(dst_sets)),
        )
    }

    fn port_sets(self, names: &AnyOf<SetName>) -> Option<Spans> {
        if names.is_any() {
            return None;
        }
        let sets = names.items().iter().filter_map(|name| self.sets.named(name.as_str()));
        let ranges = sets.filter_map(|set| match set {
            Set::Ports(set) => Some(PortSet::ranges(set)),
            _ => None,
        });
        let ranges = ranges.flatten().map(|span| (span.first().into(), span.last().into()));
        let spans = merged(ranges);
        Some(if names.is_negated() { complement(&spans, 0xffff) } else { spans })
    }

    fn asks_endpoints(self) -> bool {
        let sets = self.criteria.sets.as_ref();
        sets.is_some_and(|sets| !sets.src_endpoint.is_any() || !sets.dst_endpoint.is_any())
    }

    /// Names asked for in place and by named sets; all of them have to hold.
    fn interfaces(
        self,
        asked: &AnyOf<InterfaceName>,
        part: fn(&crate::rule::SetCriteria) -> &AnyOf<SetName>,
    ) -> Vec<AnyOf<InterfaceName>> {
        let mut all = Vec::new();
        if !asked.is_any() {
            all.push(asked.clone());
        }
        let names = self.criteria.sets.as_ref().map(|sets| part(sets));
        if let Some(names) = names.filter(|names| !names.is_any()) {
            let sets = names.items().iter().filter_map(|name| self.sets.named(name.as_str()));
            let members: Vec<InterfaceName> =
                sets.flat_map(|set| set.interfaces().cloned().collect::<Vec<_>>()).collect();
            all.push(match names.is_negated() {
                true => AnyOf::none_of(members),
                false => AnyOf::one_of(members),
            });
        }
        all.retain(|asked| !(asked.is_negated() && asked.items().is_empty()));
        all
    }
}

/// Whether some field has to be one of no alternatives, or the rule looks at a header that is whole and
/// cut short.
fn nothing_holds(criteria: &Criteria) -> bool {
    fn none<T>(asked: &AnyOf<T>) -> bool {
        !asked.is_any() && !asked.is_negated() && asked.items().is_empty()
    }
    let Criteria { src_port, dst_port, cut_src_port, cut_dst_port, .. } = criteria;
    let header = !src_port.is_any()
        || !dst_port.is_any()
        || !criteria.tcp_flags.is_any()
        || !criteria.icmp.is_any()
        || !criteria.icmpv6.is_any();
    let cut = !cut_src_port.is_any() || !cut_dst_port.is_any();
    let sets = criteria.sets.as_ref();
    let interfaces = [&criteria.in_interface, &criteria.out_interface];
    header && cut
        || none(&criteria.icmp)
        || none(&criteria.icmpv6)
        || none(&criteria.tcp_flags)
        || none(&criteria.state)
        || none(&criteria.direction)
        || none(&criteria.status)
        || none(&criteria.mark)
        || interfaces.into_iter().any(none)
        || sets.is_some_and(|sets| sets.parts().any(|(_, asked)| none(asked)))
}

const fn one(number: u128) -> (u128, u128) {
    (number, number)
}

/// What is asked of a number that every packet has, up to `max`; `None` for nothing.
pub(super) fn numbers<T>(
    asked: &AnyOf<T>,
    span: impl Fn(&T) -> (u128, u128),
    max: u128,
) -> Option<Spans> {
    spans(asked, span, max).filter(|spans| spans.as_slice() != [(0, max)])
}

/// The same of one that a packet may lack: all numbers are not the same as nothing asked.
fn spans<T>(asked: &AnyOf<T>, span: impl Fn(&T) -> (u128, u128), max: u128) -> Option<Spans> {
    if asked.is_any() {
        return None;
    }
    let spans = merged(asked.items().iter().map(span));
    Some(if asked.is_negated() { complement(&spans, max) } else { spans })
}

/// The ends of a span, as wide numbers.
pub(super) fn ends<N: Copy + PartialOrd + Into<u128>>(span: &Span<N>) -> (u128, u128) {
    (span.first().into(), span.last().into())
}

fn port_spans(asked: &AnyOf<Span<u16>>) -> Option<Spans> {
    spans(asked, ends, 0xffff)
}

fn both(a: Option<Spans>, b: Option<Spans>) -> Option<Spans> {
    match (a, b) {
        (Some(a), Some(b)) => Some(intersection(&a, &b)),
        (a, b) => a.or(b),
    }
}

pub(super) const fn highest(family: Family) -> u128 {
    match family {
        Family::V4 => u32::MAX as u128,
        Family::V6 => u128::MAX,
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// What is asked of an address of this family; addresses of the other are not in any of its ranges.
pub(super) fn addresses(asked: &AnyOf<IpRange>, family: Family) -> Option<Spans> {
    if asked.is_any() {
        return None;
    }
    let own = asked.items().iter().filter(|range| range.family() == family);
    let spans = merged(own.map(|range| (bits(range.first()), bits(range.last()))));
    let spans = if asked.is_negated() { complement(&spans, highest(family)) } else { spans };
    (spans.as_slice() != [(0, highest(family))]).then_some(spans)
}

/// Ranges of addresses of a family.
pub(super) fn ranges(spans: &Spans, family: Family) -> impl Iterator<Item = IpRange> {
    let address = move |bits: u128| match family {
        Family::V4 => IpAddr::V4((bits as u32).into()),
        Family::V6 => IpAddr::V6(bits.into()),
    };
    spans.iter().filter_map(move |(a, b)| IpRange::new(address(*a), address(*b)))
}

/// The kinds of fragments asked for, `None` inside for all; `None` if there are none. A packet whose
/// header is looked at is no later fragment.
fn fragments(asked: &AnyOf<Fragment>, reads: bool) -> Option<Option<Vec<Fragment>>> {
    let all = [Fragment::Whole, Fragment::First, Fragment::Later];
    let possible = if reads { &all[..2] } else { &all[..] };
    let held: Vec<Fragment> =
        possible.iter().copied().filter(|fragment| asked.holds(Some(*fragment))).collect();
    match held.len() {
        0 => None,
        count if count == possible.len() => Some(None),
        _ => Some(Some(held)),
    }
}

/// What is asked of faults, of those that packets can have which otherwise fit; `None` if none fits.
fn faults(
    asked: &AnyOf<Malformed>,
    family: Family,
    protocols: Option<&Spans>,
    reads: bool,
) -> Option<Faults> {
    if asked.is_any() {
        return Some(Faults::Any);
    }
    let may_be = |protocol: Protocol| {
        let number = u128::from(protocol.0);
        protocols.is_none_or(|spans| spans.iter().any(|(a, b)| (*a..=*b).contains(&number)))
    };
    let ported = PORTED.into_iter().any(may_be);
    let icmp = match family {
        Family::V4 => may_be(Protocol::ICMP),
        Family::V6 => may_be(Protocol::ICMPV6),
    };
    let possible = |fault: &Malformed| match fault {
        Malformed::ShortTransport => !reads && (ported || icmp),
        Malformed::ShortPorts => !reads && ported,
        Malformed::TinyFragment => !reads && family == Family::V4 && may_be(Protocol::TCP),
        Malformed::ExtensionHeaders => !reads && family == Family::V6,
        Malformed::BadTransport => true,
    };
    let listed: Vec<Malformed> = asked.items().iter().copied().filter(possible).collect();
    match (asked.is_negated(), listed.is_empty()) {
        (true, true) => Some(Faults::Any),
        (true, false) => Some(Faults::NoneOf(listed)),
        (false, true) => None,
        (false, false) => Some(Faults::OneOf(listed)),
    }
}

/// Types and codes as one number.
pub(super) fn icmp_spans(asked: &AnyOf<IcmpKind>) -> Spans {
    let span = |kind: &IcmpKind| {
        let base = u128::from(kind.icmp_type()) << 8;
        (base | u128::from(kind.codes().first()), base | u128::from(kind.codes().last()))
    };
    spans(asked, span, 0xffff).unwrap_or_default()
}

/// The same as types, each with the codes that count.
pub(super) fn icmp_kinds(spans: &Spans) -> Vec<IcmpKind> {
    let of_span = |(first, last): &(u128, u128)| {
        let (first, last) = (*first as u16, *last as u16);
        (first >> 8..=last >> 8).map(move |icmp_type| {
            let from = if icmp_type == first >> 8 { first as u8 } else { 0 };
            let to = if icmp_type == last >> 8 { last as u8 } else { u8::MAX };
            IcmpKind::new(icmp_type as u8, from..=to)
        })
    };
    spans.iter().flat_map(of_span).collect()
}
