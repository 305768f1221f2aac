//! Plays recorded cases: the packets of each go through its rules, and what comes of each is compared
//! with what the kernel did.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use portcullis::conntrack::{Connection, Conntrack, TcpTracking, Timeouts};
use portcullis::import::iptables::{Firewall, Hook, Iptables, Judgement, Table, Untracked};
use portcullis::packet::{Checksum, IcmpMessage};
use portcullis::reassembly::{Arrival, FragmentLimits, Reassembler, Reassembly};
use portcullis::{
    Action, BuildError, Config, ConnTable, FlowKey, Fragment, Limits, Packet, Time, Tracked,
};
use serde_json::Value;

use super::vectors::{Case, Entry, Recorded, number};

/// Something that came out otherwise than the kernel has it.
#[derive(Debug)]
pub(crate) struct Mismatch {
    pub(crate) case: String,
    /// Which packet, counted from 1.
    pub(crate) packet: usize,
    pub(crate) note: String,
    pub(crate) what: What,
    pub(crate) expected: String,
    pub(crate) got: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// What the rules do with the packet.
    Verdict,
    /// Which rule, or the policy, decides.
    Rule,
    /// The packet's state and direction.
    State,
    /// The state of the TCP connection afterwards.
    Tcp,
    /// Whether its connection is replied to and assured afterwards, and how long it has left.
    Entry,
}

impl What {
    pub(crate) const ALL: [Self; 5] =
        [Self::Verdict, Self::Rule, Self::State, Self::Tcp, Self::Entry];
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Verdict => "verdict",
            Self::Rule => "rule",
            Self::State => "state",
            Self::Tcp => "tcp state",
            Self::Entry => "entry",
        })
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { case, packet, note, what, expected, got } = self;
        write!(f, "{case} packet {packet} ({note}): {what} expected {expected}, got {got}")
    }
}

/// Plays a case; an error is one of the case itself.
pub(crate) fn play(case: &Case) -> Result<Vec<Mismatch>, String> {
    let at = |error: &dyn fmt::Display| format!("case {}: {error}", case.name);
    let mut host = Host::new(case).map_err(|error| at(&error))?;
    let mut mismatches = Vec::new();
    for (recorded, number) in case.packets.iter().zip(1..) {
        let outcome = host.outcome(recorded).map_err(|error| at(&error))?;
        mismatches.extend(compare(recorded, &outcome).into_iter().map(|(what, expected, got)| {
            let (case, note) = (case.name.clone(), recorded.note.clone());
            Mismatch { case, packet: number, note, what, expected, got }
        }));
    }
    Ok(mismatches)
}

/// What came of a packet; the default is a packet that came to nothing.
#[derive(Debug, Default)]
struct Outcome {
    /// The judgement, if the packet came to the rules.
    judgement: Option<Judgement>,
    decided_by: Option<Decider>,
    tracked: Option<Tracked>,
    /// Its connection afterwards; `None` inside for no connection, outside if the packet alone does
    /// not tell which connection is its own.
    connection: Option<Option<Connection>>,
    now: Time,
}

/// The rule of the table filter that decided; what other tables did is not recorded.
#[derive(Debug)]
struct Decider {
    chain: String,
    /// Counted from 1; `None` for the chain's policy.
    rule: Option<usize>,
    /// Whether it could not read the packet.
    unreadable: bool,
}

/// Expected and got, of everything that differs.
fn compare(recorded: &Recorded, outcome: &Outcome) -> Vec<(What, String, String)> {
    let mut differences = Vec::new();
    let mut check = |what, expected: String, got: String| {
        if expected != got {
            differences.push((what, expected, got));
        }
    };
    if recorded.is_forwarded() {
        let got = outcome.judgement.map_or("none".into(), |judgement| verdict(judgement.action));
        check(What::Verdict, recorded.verdict.clone(), got);
        if let Some((expected, got)) = rules(recorded, outcome) {
            check(What::Rule, expected, got);
        }
    }
    let tracked = outcome.tracked.map(state);
    let expected = recorded.ct_state.as_ref().map(|state| match &recorded.ct_dir {
        Some(direction) => format!("{state} {direction}"),
        None => state.clone(),
    });
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    check(What::State, or_none(expected), or_none(tracked));
    if let Some(connection) = &outcome.connection {
        let tcp = connection.and_then(|it| it.tcp_state).map(|state| state.name().into());
        check(What::Tcp, or_none(recorded.tcp_state_after.clone()), or_none(tcp));
        if let (Some(entry), Some(connection)) = (&recorded.ct_after, connection) {
            let got = seen(connection, entry, outcome.now);
            check(What::Entry, format!("{} s {}", entry.timeout_s, entry.flags.join(" ")), got);
        }
    }
    differences
}

/// A connection as the kernel shows it. The seconds are the kernel's if they differ by one alone: it
/// rounds what is left when it is asked.
fn seen(connection: &Connection, kernel: &Entry, now: Time) -> String {
    let left = connection.deadline.since(now).as_secs();
    let seconds = if left.abs_diff(kernel.timeout_s) <= 1 { kernel.timeout_s } else { left };
    let flags = [(!connection.replied, "UNREPLIED"), (connection.assured, "ASSURED")];
    let flags = flags.into_iter().filter_map(|(holds, name)| holds.then_some(name));
    format!("{seconds} s {}", flags.collect::<Vec<_>>().join(" "))
}

fn verdict(action: Action) -> String {
    match action {
        Action::Accept => "ACCEPT",
        Action::Drop => "DROP",
        Action::Reject(_) => "REJECT",
        _ => "another action",
    }
    .into()
}

fn state(tracked: Tracked) -> String {
    let state = tracked.state.name().to_ascii_uppercase();
    match tracked.direction {
        Some(direction) => format!("{state} {direction}"),
        None => state,
    }
}

/// Whether the rule that decided is among those that the kernel counted: what differs, if anything.
fn rules(recorded: &Recorded, outcome: &Outcome) -> Option<(String, String)> {
    let (hits, policy) = (recorded.hits.as_ref()?, recorded.policy?);
    let Decider { chain, rule, unreadable } = outcome.decided_by.as_ref()?;
    let hit = |number: usize| hits.iter().any(|hit| hit.0 == *chain && hit.1 == number);
    let fits = match (rule, unreadable) {
        (None, _) => policy,
        (Some(number), true) => !policy && !hit(*number),
        (Some(number), false) => hit(*number),
    };
    let got = match rule {
        None => "policy".to_string(),
        Some(number) if *unreadable => format!("{chain} {number}, unreadable"),
        Some(number) => format!("{chain} {number}"),
    };
    let expected = if policy { "policy".to_string() } else { format!("one of {hits:?}") };
    (!fits).then_some((expected, got))
}

/// A host with the rules of a case.
struct Host {
    way: Way,
    /// Whether transport checksums count.
    checksums: bool,
}

enum Way {
    Tracked(Box<TrackedHost>),
    Untracked(Box<Firewall<Untracked>>),
}

/// A host that tracks connections, and puts fragments together before.
struct TrackedHost {
    forward: Firewall<Rc<RefCell<ConnTable>>>,
    input: Firewall<Rc<RefCell<ConnTable>>>,
    table: Rc<RefCell<ConnTable>>,
    reassembler: Reassembler,
}

/// The addresses of the host that the recordings are from.
const OWN_ADDRESSES: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];
const OWN_ADDRESSES_V6: [[u16; 8]; 2] =
    [[0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 1], [0x2001, 0xdb8, 0xff, 0, 0, 0, 0, 2]];

const SECRET: [u8; 16] = *b"a known secret  ";

impl Host {
    fn new(case: &Case) -> Result<Self, String> {
        let text = |rules: &Option<String>| rules.clone().unwrap_or_default();
        let own = OWN_ADDRESSES.map(|address| IpNet::from(IpAddr::V4(address.into())));
        let own_v6 = OWN_ADDRESSES_V6.map(|address| IpNet::from(IpAddr::V6(address.into())));
        let tables = Iptables::new().local(own.into_iter().chain(own_v6));
        let tables = tables.ipset_save(&case.ipset).map_err(|error| format!("sets: {error}"))?;
        let tables = tables.v4(&text(&case.rules_v4)).map_err(|error| format!("ipv4: {error}"))?;
        let tables = tables.v6(&text(&case.rules_v6)).map_err(|error| format!("ipv6: {error}"))?;
        let settings = Settings::new(&case.sysctl)?;
        let way = match case.conntrack {
            true => TrackedHost::new(&tables, &settings).map(|host| Way::Tracked(Box::new(host))),
            false => {
                let firewall = tables.hook(Hook::Forward).untracked_firewall(&Config::new());
                firewall.map(|firewall| Way::Untracked(Box::new(firewall)))
            }
        };
        let way = way.map_err(|error| error.to_string())?;
        Ok(Self { way, checksums: settings.checksums })
    }

    /// What comes of a packet.
    ///
    /// Whether the kernel's IP layer refuses a packet, and where its routes lead it, is not up to
    /// rules and connections and taken from the recording: a packet that came to no rule, was not
    /// tracked and is no fragment was refused.
    fn outcome(&mut self, recorded: &Recorded) -> Result<Outcome, String> {
        let bytes = recorded.bytes()?;
        let now = Time::from_nanos((recorded.t_ms * 1e6) as u64);
        let Ok(mut packet) = Packet::from_ip(&bytes) else { return Ok(Outcome::default()) };
        if self.checksums {
            packet.checksum = Checksum::of_ip(&bytes).map_err(|error| error.to_string())?;
        }
        match &mut self.way {
            Way::Untracked(_) if !recorded.is_forwarded() => Ok(Outcome::default()),
            Way::Untracked(firewall) => {
                let packet = with_interfaces(packet, recorded, firewall);
                Ok(Outcome { tracked: None, ..Outcome::of(firewall, &packet, now) })
            }
            Way::Tracked(host) => host.outcome(recorded, &bytes, packet, now),
        }
    }
}

impl TrackedHost {
    fn new(tables: &Iptables, settings: &Settings) -> Result<Self, BuildError> {
        let table = Rc::new(RefCell::new(ConnTable::new(&settings.limits, SECRET)));
        let firewall = |hook| tables.hook(hook).firewall(Rc::clone(&table), &Config::new());
        let mut fragments = FragmentLimits::default();
        fragments.checksum = settings.checksums;
        Ok(Self {
            forward: firewall(Hook::Forward)?,
            input: firewall(Hook::Input)?,
            reassembler: Reassembler::new(&fragments, SECRET),
            table,
        })
    }

    fn outcome(
        &mut self,
        recorded: &Recorded,
        bytes: &[u8],
        packet: Packet,
        now: Time,
    ) -> Result<Outcome, String> {
        let refused = !recorded.is_forwarded() && recorded.ct_state.is_none();
        if refused && !is_fragment(bytes, &packet) {
            return Ok(Outcome::default());
        }
        let Some(whole) = self.whole(recorded, bytes, packet, now)? else {
            return Ok(Outcome::default());
        };
        let mut outcome = match (recorded.is_forwarded(), recorded.hooks.input > 0) {
            (true, _) => Outcome::of(&mut self.forward, &whole, now),
            (false, true) => Outcome::of(&mut self.input, &whole, now),
            (false, false) => {
                Outcome { tracked: self.forward.track(&whole, now), ..Outcome::default() }
            }
        };
        outcome.connection = connection(&packet, &self.table.borrow(), now);
        outcome.now = now;
        Ok(outcome)
    }

    /// The packet, or the datagram that it completes.
    fn whole(
        &mut self,
        recorded: &Recorded,
        bytes: &[u8],
        packet: Packet,
        now: Time,
    ) -> Result<Option<Packet>, String> {
        let arrival = Arrival::from_ip(bytes, ()).map_err(|error| error.to_string())?;
        let mut arrival = arrival.interface(u32::from(recorded.iface == "wan0"));
        arrival.packet = with_interfaces(packet, recorded, &self.forward);
        Ok(match self.reassembler.push(arrival, now) {
            Reassembly::Alone(packet, ()) => Some(packet),
            Reassembly::Whole(datagram) => Some(datagram.packet),
            _ => None,
        })
    }
}

impl Outcome {
    fn of<C: Conntrack>(firewall: &mut Firewall<C>, packet: &Packet, now: Time) -> Self {
        let judgement = firewall.classify(packet, now);
        let origin = firewall.origin(&judgement).filter(|origin| origin.table == Table::Filter);
        let decided_by = origin.map(|it| Decider {
            chain: it.chain.to_string(),
            rule: it.rule,
            unreadable: it.unreadable,
        });
        Self {
            judgement: Some(judgement),
            decided_by,
            tracked: judgement.tracked,
            ..Self::default()
        }
    }
}

/// Whether a packet is a fragment, or has a fragment header although it is whole.
fn is_fragment(bytes: &[u8], packet: &Packet) -> bool {
    packet.fragment != Fragment::Whole || bytes.get(6) == Some(&44) && bytes[0] >> 4 == 6
}

fn with_interfaces<C>(mut packet: Packet, recorded: &Recorded, firewall: &Firewall<C>) -> Packet {
    packet.in_interface = firewall.interface(&recorded.iface);
    let out = recorded.out_iface.as_deref();
    packet.out_interface = out.and_then(|name| firewall.interface(name));
    packet
}

/// The connection that a packet's own header names, as the recorder looked it up: of an ICMP error
/// that of the packet quoted.
fn connection(packet: &Packet, table: &ConnTable, now: Time) -> Option<Option<Connection>> {
    let key = match packet.icmp_message() {
        Some(IcmpMessage { quote: Some(quote), .. }) => {
            let ports = quote.ports?;
            let (src_port, dst_port) = (ports.src, ports.dst);
            FlowKey { addrs: quote.addrs, src_port, dst_port, protocol: quote.protocol }
        }
        _ => {
            packet.ports?;
            packet.flow_key()
        }
    };
    // The recorder does not look at zones.
    let is_it = |it: &Connection| it.original == key || it.original.reversed() == key;
    Some(table.connection(&key, now).or_else(|| table.connections(now).find(is_it)))
}

/// Settings of the kernel that bear on connections.
struct Settings {
    limits: Limits,
    checksums: bool,
}

impl Settings {
    fn new(sysctl: &BTreeMap<String, Value>) -> Result<Self, String> {
        let mut settings = Self { limits: Limits::new(4096), checksums: true };
        let (mut timeouts, mut tcp) = (Timeouts::default(), TcpTracking::default());
        for (name, value) in sysctl {
            let number = number(value).ok_or_else(|| format!("{name} is {value}"))?;
            let short = name.rsplit('.').next().unwrap_or(name);
            let short = short.strip_prefix("nf_conntrack_").unwrap_or(short);
            match short {
                "tcp_loose" => tcp.loose = number != 0,
                "tcp_be_liberal" => tcp.be_liberal = number != 0,
                "tcp_ignore_invalid_rst" => tcp.ignore_invalid_rst = number != 0,
                "tcp_max_retrans" => tcp.max_retrans = number.try_into().unwrap_or(u8::MAX),
                "checksum" => settings.checksums = number != 0,
                _ => {
                    *timeout(&mut timeouts, short).ok_or(format!("unknown setting {name}"))? =
                        number
                }
            }
        }
        settings.limits = settings.limits.timeouts(timeouts).tcp(tcp);
        Ok(settings)
    }
}

/// The timeout that a setting of the kernel is.
fn timeout<'t>(timeouts: &'t mut Timeouts, name: &str) -> Option<&'t mut u32> {
    Some(match name {
        "tcp_timeout_syn_sent" => &mut timeouts.tcp_syn_sent,
        "tcp_timeout_syn_recv" => &mut timeouts.tcp_syn_recv,
        "tcp_timeout_established" => &mut timeouts.tcp_established,
        "tcp_timeout_fin_wait" => &mut timeouts.tcp_fin_wait,
        "tcp_timeout_close_wait" => &mut timeouts.tcp_close_wait,
        "tcp_timeout_last_ack" => &mut timeouts.tcp_last_ack,
        "tcp_timeout_time_wait" => &mut timeouts.tcp_time_wait,
        "tcp_timeout_close" => &mut timeouts.tcp_close,
        "tcp_timeout_max_retrans" => &mut timeouts.tcp_max_retrans,
        "tcp_timeout_unacknowledged" => &mut timeouts.tcp_unacknowledged,
        "udp_timeout" => &mut timeouts.udp,
        "udp_timeout_stream" => &mut timeouts.udp_stream,
        "icmp_timeout" => &mut timeouts.icmp,
        "icmpv6_timeout" => &mut timeouts.icmpv6,
        "gre_timeout" => &mut timeouts.gre,
        "gre_timeout_stream" => &mut timeouts.gre_stream,
        "generic_timeout" => &mut timeouts.generic,
        _ => return None,
    })
}
