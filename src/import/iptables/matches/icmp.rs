use alloc::borrow::Cow;

use super::Match;
use super::transport::needs;
use crate::import::iptables::clause::{Clause, Place};
use crate::import::iptables::fault::Fault;
use crate::import::iptables::names;
use crate::import::iptables::values::{asked, number, once};
use crate::import::iptables::words::{Word, Words};
use crate::packet::{Family, Fragment, Malformed, Protocol};
use crate::rule::{AnyOf, Criteria, IcmpKind};

/// `icmp` and `icmp6`: type and code. A later fragment does not match, a header cut short is
/// dropped.
///
/// # Source
///
/// Linux `net/netfilter/xt_tcpudp.c`, `icmp_match` and `icmp6_match`.
#[derive(Default)]
pub(super) struct Icmp {
    /// The word that names the type, and whether `!` stands before it.
    kind: Option<(Word<'static>, bool)>,
}

impl Match for Icmp {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        if !matches!(&*option.text, "--icmp-type" | "--icmpv6-type") {
            return Ok(false);
        }
        let Word { text, at } = values.value("an ICMP type")?;
        let word = Word { text: Cow::Owned(text.into_owned()), at };
        once(&mut self.kind, option, (word, negated))?;
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, place: Place) -> Result<Clause, Fault> {
        let protocol = match place.family {
            Family::V4 => Protocol::ICMP,
            Family::V6 => Protocol::ICMPV6,
        };
        if place.protocol != Some(protocol) {
            return Err(needs(name, protocol));
        }
        let clause = match &self.kind {
            None => has_header(),
            Some((word, negated)) => match (kind(word, place.family)?, negated) {
                (Some(kind), _) => Clause::of(asking(asked([kind], *negated), place.family)),
                (None, false) => has_header(),
                (None, true) => Clause::never(),
            },
        };
        Ok(clause.dropping(&[Malformed::ShortTransport]))
    }
}

fn has_header() -> Clause {
    let fragment = AnyOf::none_of([Fragment::Later]);
    Clause::of(Criteria { fragment, ..Criteria::default() })
}

fn asking(kinds: AnyOf<IcmpKind>, family: Family) -> Criteria {
    match family {
        Family::V4 => Criteria { icmp: kinds, ..Criteria::default() },
        Family::V6 => Criteria { icmpv6: kinds, ..Criteria::default() },
    }
}

/// A type, a type and a code after `/`, or a name; `None` for any type.
fn kind(word: &Word<'_>, family: Family) -> Result<Option<IcmpKind>, Fault> {
    const EXPECTED: &str = "an ICMP type, a type and a code as in `3/4`, or a name";
    if word.text.eq_ignore_ascii_case("any") && family == Family::V4 {
        return Ok(None);
    }
    if let Some(kind) = names::icmp(word, family) {
        return Ok(Some(kind));
    }
    let kind = match word.split('/') {
        None => IcmpKind::from(number(word, EXPECTED, 255)? as u8),
        Some((icmp_type, code)) => {
            let icmp_type = number(&icmp_type, "an ICMP type", 255)? as u8;
            IcmpKind::new(icmp_type, number(&code, "an ICMP code", 255)? as u8)
        }
    };
    // In IPv4, and there alone, 255 stands for any type.
    let any = family == Family::V4 && kind.icmp_type() == u8::MAX;
    Ok((!any).then_some(kind))
}
