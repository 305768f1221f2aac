//! Comparisons that say only that something is there.

use super::field::Field;
use super::value::highest;
use crate::import::json::Fault;
use crate::import::spans::Spans;
use crate::packet::{Family, Fragment, Protocol};
use crate::rule::Criteria;

/// Not the first part of a packet. That an offset is 0 says nothing of packets without the header.
pub(super) fn later(spans: &Spans, negated: bool) -> Result<Criteria, Fault> {
    let is_any_but_0 = match negated {
        true => spans.as_slice() == [(0, 0)],
        false => spans.as_slice() == [(1, highest(Field::LaterOffset.width()))],
    };
    let fragment = Fragment::Later.into();
    match is_any_but_0 {
        true => Ok(Criteria { family: Some(Family::V6), fragment, ..Criteria::default() }),
        false => Err(Fault::unsupported("a comparison of `frag frag-off` but with 0")),
    }
}

/// Any value of the last field: the header is there.
pub(super) fn whole_header(
    protocol: Protocol,
    field: Field,
    spans: &Spans,
    negated: bool,
) -> Result<Criteria, Fault> {
    let any = spans.as_slice() == [(0, highest(field.width()))];
    match any && !negated {
        true => Ok(Criteria {
            protocol: protocol.into(),
            src_port: (0..=u16::MAX).into(),
            ..Criteria::default()
        }),
        false => Err(Fault::unsupported("a comparison of this field but with all values")),
    }
}
