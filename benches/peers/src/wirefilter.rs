//! wirefilter, Cloudflare's engine for filter expressions: what crates.io has for rules over the
//! fields of packets. It has no index over many filters, so they are tried one after the other, as
//! a program that uses it has to.

use std::fmt::Display;
use std::net::Ipv4Addr;

use portcullis::FlowKey;
use portcullis::rule::Span;
use wirefilter::{ExecutionContext, Filter, Scheme};

use super::clock::cpu_time;
use super::generator::Pattern;

/// How many filters may be tried for all headers together.
const FILTERS: usize = 20_000_000;

/// The fields that rules ask for.
pub(crate) fn scheme() -> Scheme {
    wirefilter::Scheme! { src: Ip, dst: Ip, src_port: Int, dst_port: Int, protocol: Int }
}

/// Rules as filters, in their order.
pub(crate) struct Filters<'s> {
    scheme: &'s Scheme,
    filters: Vec<Filter<'s>>,
}

impl<'s> Filters<'s> {
    pub(crate) fn new(scheme: &'s Scheme, patterns: &[Pattern]) -> Result<Self, String> {
        let filter = |pattern: &Pattern| {
            let text = expression(pattern);
            let parsed = scheme.parse(&text).map_err(|error| error.to_string())?;
            Ok(parsed.compile())
        };
        let filters = patterns.iter().map(filter).collect::<Result<_, String>>()?;
        Ok(Self { scheme, filters })
    }

    /// Nanoseconds a lookup, for as many of `keys` as can be looked up in about a second.
    ///
    /// # Errors
    ///
    /// The header that is answered otherwise than `expected`.
    pub(crate) fn time(&self, keys: &[FlowKey], expected: &[u32]) -> Result<f64, String> {
        let count = keys.len().min(FILTERS / self.filters.len().max(1));
        let start = cpu_time();
        let found: Vec<u32> = keys.iter().take(count).map(|key| self.classify(key)).collect();
        let time = cpu_time() - start;
        match found.iter().zip(expected).position(|(found, expected)| found != expected) {
            Some(place) => Err(format!("{}: wirefilter found {}", keys[place], found[place])),
            None => Ok(time.as_secs_f64() * 1e9 / count.max(1) as f64),
        }
    }

    /// 1 + the index of the first rule that matches, or 0.
    fn classify(&self, key: &FlowKey) -> u32 {
        let mut context = ExecutionContext::new(self.scheme);
        let fields = "the fields of the scheme";
        context.set_field_value("src", key.addrs.src()).expect(fields);
        context.set_field_value("dst", key.addrs.dst()).expect(fields);
        context.set_field_value("src_port", i32::from(key.src_port)).expect(fields);
        context.set_field_value("dst_port", i32::from(key.dst_port)).expect(fields);
        context.set_field_value("protocol", i32::from(key.protocol.0)).expect(fields);
        let matches =
            |filter: &Filter<'s>| filter.execute(&context).expect("filters of one scheme");
        self.filters.iter().position(matches).map_or(0, |place| place as u32 + 1)
    }
}

/// A rule as an expression. What it does not ask for is left out.
fn expression(pattern: &Pattern) -> String {
    let parts = [
        address_in("src", pattern.src),
        address_in("dst", pattern.dst),
        number_in("src_port", pattern.src_port, u16::MAX),
        number_in("dst_port", pattern.dst_port, u16::MAX),
        number_in("protocol", pattern.protocol, u8::MAX),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        // An expression asks for something.
        true => "protocol in {0..255}".into(),
        false => parts.join(" && "),
    }
}

fn address_in(field: &str, span: Span<u128>) -> Option<String> {
    let address = |bits: u128| Ipv4Addr::from_bits(bits as u32);
    let any = span.first() == 0 && span.last() == u128::from(u32::MAX);
    (!any).then(|| format!("{field} in {{{}..{}}}", address(span.first()), address(span.last())))
}

fn number_in<N: Copy + PartialOrd + Default + Display>(
    field: &str,
    span: Span<N>,
    highest: N,
) -> Option<String> {
    let any = span.first() == N::default() && span.last() == highest;
    (!any).then(|| format!("{field} in {{{}..{}}}", span.first(), span.last()))
}
