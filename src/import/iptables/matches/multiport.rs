use alloc::vec::Vec;

use super::Match;
use crate::import::iptables::clause::{Clause, Place};
use crate::import::iptables::fault::Fault;
use crate::import::iptables::values::{asked, once, ports};
use crate::import::iptables::words::{Word, Words};
use crate::packet::{Malformed, Protocol};
use crate::rule::{AnyOf, Criteria, PortRange};

/// `multiport`: lists of ports. It needs four bytes of the header and looks at ports of headers cut
/// short behind them.
///
/// # Source
///
/// Linux `net/netfilter/xt_multiport.c`.
#[derive(Default)]
pub(super) struct Multiport {
    asked: Option<(Which, Vec<PortRange>, bool)>,
}

#[derive(Clone, Copy)]
enum Which {
    Source,
    Destination,
    Either,
}

/// The most ports of one list, a range counted as two: what the kernel has room for.
const MAX_PORTS: usize = 15;

impl Match for Multiport {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        let which = match &*option.text {
            "--source-ports" | "--sports" => Which::Source,
            "--destination-ports" | "--dports" => Which::Destination,
            "--ports" => Which::Either,
            _ => return Ok(false),
        };
        let word = values.value("ports with commas between")?;
        let list = word.parts(',').iter().map(ports).collect::<Result<Vec<_>, _>>()?;
        let count = |port: &PortRange| if port.first() == port.last() { 1 } else { 2 };
        if list.iter().map(count).sum::<usize>() > MAX_PORTS {
            return Err(word.expected("at most 15 ports, a range counted as two"));
        }
        once(&mut self.asked, option, (which, list, negated))?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, place: Place) -> Result<Clause, Fault> {
        if !place.protocol.is_some_and(Protocol::has_ports) {
            let message = "match `multiport` needs `-p` with a protocol that has ports before it";
            return Err(Fault::wrong(name.at.clone(), message));
        }
        let Some((which, list, negated)) = &self.asked else {
            return Err(name.expected("`--sports`, `--dports` or `--ports` after `multiport`"));
        };
        let whole = |src, dst| Criteria { src_port: src, dst_port: dst, ..Criteria::default() };
        let cut =
            |src, dst| Criteria { cut_src_port: src, cut_dst_port: dst, ..Criteria::default() };
        let mut holds = Vec::new();
        for (src, dst) in alternatives(*which, list, *negated) {
            let malformed = AnyOf::from(Malformed::ShortTransport);
            holds
                .extend([whole(src.clone(), dst.clone()), Criteria { malformed, ..cut(src, dst) }]);
        }
        Ok(Clause { holds, ..Clause::default() }.dropping(&[Malformed::ShortPorts]))
    }
}

/// What is asked of source and destination port: alternatives that exclude each other.
fn alternatives(
    which: Which,
    list: &[PortRange],
    negated: bool,
) -> Vec<(AnyOf<PortRange>, AnyOf<PortRange>)> {
    let (list, none) = (|| asked(list.iter().copied(), negated), || AnyOf::none_of(list.to_vec()));
    match which {
        Which::Source => Vec::from([(list(), AnyOf::any())]),
        Which::Destination => Vec::from([(AnyOf::any(), list())]),
        Which::Either if negated => Vec::from([(list(), list())]),
        Which::Either => Vec::from([(list(), AnyOf::any()), (none(), list())]),
    }
}
