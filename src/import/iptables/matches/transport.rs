use alloc::format;

use super::Match;
use crate::import::iptables::clause::{Clause, Place};
use crate::import::iptables::fault::Fault;
use crate::import::iptables::values::{asked, once, ports};
use crate::import::iptables::words::{Word, Words};
use crate::packet::{Fragment, Malformed, Protocol, TcpFlags};
use crate::rule::{AnyOf, Criteria, FlagsMatch, PortRange};

/// `tcp`, `udp`, `sctp` and `dccp`: ports, and TCP's flags.
///
/// A later fragment does not match; a header cut short is dropped, and so is a fragment of TCP that
/// begins within the header.
///
/// # Source
///
/// Linux `net/netfilter/xt_tcpudp.c`, `xt_sctp.c`, `xt_dccp.c`.
pub(super) struct Transport {
    protocol: Protocol,
    src_port: Option<AnyOf<PortRange>>,
    dst_port: Option<AnyOf<PortRange>>,
    flags: Option<AnyOf<FlagsMatch>>,
}

impl Transport {
    pub(super) const fn of(protocol: Protocol) -> Self {
        Self { protocol, src_port: None, dst_port: None, flags: None }
    }

    pub(super) const fn tcp() -> Self {
        Self::of(Protocol::TCP)
    }
}

impl Match for Transport {
    fn option(
        &mut self,
        option: &Word<'_>,
        negated: bool,
        values: &mut Words<'_>,
    ) -> Result<bool, Fault> {
        let tcp = self.protocol == Protocol::TCP;
        match &*option.text {
            "--source-port" | "--sport" => {
                let value = ports(&values.value("a port or a range of ports")?)?;
                once(&mut self.src_port, option, asked([value], negated))?;
            }
            "--destination-port" | "--dport" => {
                let value = ports(&values.value("a port or a range of ports")?)?;
                once(&mut self.dst_port, option, asked([value], negated))?;
            }
            "--tcp-flags" if tcp => {
                let value = flags(values)?;
                once(&mut self.flags, option, asked(value, negated))?;
            }
            "--syn" if tcp => once(&mut self.flags, option, asked([SYN], negated))?,
            "--tcp-option" if tcp => return Err(option.unsupported("option")),
            "--chunk-types" if self.protocol == Protocol::SCTP => {
                return Err(option.unsupported("option"));
            }
            "--dccp-types" | "--dccp-option" if self.protocol == Protocol::DCCP => {
                return Err(option.unsupported("option"));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn clause(&self, name: &Word<'_>, place: Place) -> Result<Clause, Fault> {
        if place.protocol != Some(self.protocol) {
            return Err(needs(name, self.protocol));
        }
        let mut holds = Criteria {
            src_port: self.src_port.clone().unwrap_or_default(),
            dst_port: self.dst_port.clone().unwrap_or_default(),
            tcp_flags: self.flags.clone().unwrap_or_default(),
            ..Criteria::default()
        };
        if holds == Criteria::default() {
            holds.fragment = AnyOf::none_of([Fragment::Later]);
        }
        Ok(Clause::of(holds).dropping(match self.protocol {
            Protocol::TCP => &TCP_FAULTS,
            _ => &FAULTS,
        }))
    }
}

/// A header with fewer bytes than the protocol's has.
const FAULTS: [Malformed; 2] = [Malformed::ShortTransport, Malformed::ShortPorts];
const TCP_FAULTS: [Malformed; 3] =
    [Malformed::ShortTransport, Malformed::ShortPorts, Malformed::TinyFragment];

/// The fault that a match stands in a rule for another protocol.
pub(super) fn needs(name: &Word<'_>, protocol: Protocol) -> Fault {
    let message = format!("match `{}` needs `-p {protocol}` before it", name.text);
    Fault::wrong(name.at.clone(), message)
}

const FIN_SYN_RST_ACK: TcpFlags = TcpFlags(0x17);
const SYN: FlagsMatch = FlagsMatch::new(TcpFlags::SYN, FIN_SYN_RST_ACK);

/// The flags that count, then those of them that must be set. Linux compares all of the latter with
/// the former, so that one that does not count can never be set.
fn flags(values: &mut Words<'_>) -> Result<Option<FlagsMatch>, Fault> {
    const EXPECTED: &str = "TCP flags with commas between, `ALL` or `NONE`";
    let mask = flag_list(&values.value(EXPECTED)?)?;
    let set = flag_list(&values.value(EXPECTED)?)?;
    Ok(mask.contains(set).then_some(FlagsMatch::new(set, mask)))
}

fn flag_list(word: &Word<'_>) -> Result<TcpFlags, Fault> {
    let mut list = TcpFlags::default();
    for part in word.parts(',') {
        let known = match &*part.text {
            "ALL" => Some(TcpFlags(0x3f)),
            "NONE" => Some(TcpFlags(0)),
            name => TcpFlags::NAMES
                .into_iter()
                .find(|(known, _)| name.eq_ignore_ascii_case(known))
                .map(|(_, flag)| flag)
                .filter(|flag| flag.0 <= 0x3f),
        };
        list = list | known.ok_or_else(|| part.expected("a TCP flag, `ALL` or `NONE`"))?;
    }
    Ok(list)
}
