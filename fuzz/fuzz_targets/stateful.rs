//! The connection table and the stateful matcher under any run of packets, built by hand or read
//! from bytes, at any times: never more connections than the capacity, no decision but by the
//! rules' definition, no deadline in the past or beyond the longest timeout.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use portcullis::conntrack::helper::Ftp;
use portcullis::conntrack::{Conntrack, Limits, Time};
use portcullis::packet::{
    Checksum, GreHeader, IcmpMessage, Quote, SackBlock, SctpChunk, SctpHeader, TcpFlags,
    TcpSegment, Transport,
};
use portcullis::{
    Action, Addrs, Config, ConnState, ConnTable, Fragment, Order, Packet, Ports, Protocol, Rule,
    RuleSet, StatefulMatcher,
};

/// The longest of the default timeouts, in seconds.
const LONGEST: u64 = 432_000;

#[derive(Arbitrary, Debug)]
struct Input {
    capacity: u8,
    known_first: bool,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
struct Step {
    wait: Wait,
    packet: Source,
    /// For the FTP helper.
    payload: Vec<u8>,
}

#[derive(Arbitrary, Debug)]
enum Wait {
    None,
    Millis(u16),
    Secs(u32),
    /// The clock goes back.
    Back(u32),
}

#[derive(Arbitrary, Debug)]
enum Source {
    Built(Built),
    Bytes(Vec<u8>),
}

/// Few hosts and ports, so that packets meet.
#[derive(Arbitrary, Debug)]
struct Built {
    ends: u8,
    ports: u8,
    fragment: u8,
    zone: u8,
    content: Content,
}

#[derive(Arbitrary, Debug)]
enum Content {
    Tcp(Segment),
    Udp,
    Sctp { tag: u8, init: Option<u8>, chunks: Vec<(u8, u8)> },
    Gre { call_id: Option<u8> },
    Icmp { icmp_type: u8, code: u8, identifier: Option<u8>, quote: Option<QuoteOf> },
    Other { protocol: u8 },
}

#[derive(Arbitrary, Debug)]
struct Segment {
    flags: u8,
    seq: u32,
    ack: u32,
    window: u16,
    len: u16,
    scale: Option<u8>,
    sack: Option<(u32, u32)>,
}

#[derive(Arbitrary, Debug)]
struct QuoteOf {
    ends: u8,
    protocol: u8,
    ports: Option<u8>,
    icmp: Option<(u8, u8, u8)>,
}

impl Built {
    fn packet(&self) -> Packet {
        let addrs = addrs(self.ends);
        let v4 = matches!(addrs, Addrs::V4 { .. });
        let (protocol, transport) = match &self.content {
            Content::Tcp(segment) => (Protocol::TCP, Transport::Tcp(segment.header())),
            Content::Udp => (Protocol::UDP, Transport::None),
            Content::Sctp { tag, init, chunks } => {
                let chunk = |&(chunk_type, flags): &_| SctpChunk { chunk_type, flags };
                let chunks: Vec<SctpChunk> = chunks.iter().map(chunk).collect();
                let mut header = SctpHeader::new(u32::from(*tag), &chunks);
                header.initiate_tag = init.map(u32::from);
                (Protocol::SCTP, Transport::Sctp(header))
            }
            Content::Gre { call_id } => {
                let header = call_id.map(|id| GreHeader::with_call_id(u16::from(id)));
                (Protocol::GRE, Transport::Gre(header.unwrap_or_default()))
            }
            Content::Icmp { icmp_type, code, identifier, quote } => {
                let mut message = IcmpMessage::new(*icmp_type, *code);
                message.identifier = identifier.map(u16::from);
                message.quote = quote.as_ref().map(QuoteOf::quote);
                let protocol = if v4 { Protocol::ICMP } else { Protocol::ICMPV6 };
                (protocol, Transport::Icmp(message))
            }
            Content::Other { protocol } => (Protocol(*protocol), Transport::None),
        };
        let mut packet = Packet::new(addrs, protocol);
        packet.transport = transport;
        packet.fragment = match self.fragment {
            0 => Fragment::First,
            1 => Fragment::Later,
            _ => Fragment::Whole,
        };
        packet.zone = u16::from(self.zone & 1);
        packet.notrack = self.zone == 0xff;
        packet.ports = (self.ports != 0xff).then(|| ports(self.ports));
        packet
    }
}

impl Segment {
    fn header(&self) -> TcpSegment {
        let mut header = TcpSegment::new(TcpFlags(self.flags));
        (header.seq, header.ack, header.window) = (self.seq, self.ack, self.window);
        (header.payload_len, header.window_scale) = (self.len.into(), self.scale);
        if let Some((left, right)) = self.sack {
            header.sack_permitted = true;
            header.sack.push(SackBlock { left, right });
        }
        header
    }
}

impl QuoteOf {
    fn quote(&self) -> Quote {
        let mut quote = Quote::new(addrs(self.ends), Protocol(self.protocol));
        quote.ports = self.ports.map(ports);
        quote.icmp = self.icmp.map(|(icmp_type, code, id)| (icmp_type, code, id.into()));
        quote
    }
}

fn addrs(bits: u8) -> Addrs {
    let (src, dst) = (bits & 3, bits >> 2 & 3);
    if bits & 16 == 0 {
        Addrs::V4 { src: [10, 0, 0, src].into(), dst: [10, 0, 0, dst].into() }
    } else {
        Addrs::V6 { src: u128::from(src).into(), dst: u128::from(dst).into() }
    }
}

fn ports(bits: u8) -> Ports {
    Ports { src: u16::from(bits & 7), dst: u16::from(bits >> 3 & 7) }
}

fn rules() -> RuleSet {
    let mut rules = RuleSet::new(Action::Accept);
    rules.push(Rule::drop().state(ConnState::Invalid));
    rules.push(Rule::drop().to_ports(3).state(ConnState::New));
    rules
}

fn after(now: Time, wait: &Wait) -> Time {
    Time::from_nanos(match wait {
        Wait::None => now.as_nanos(),
        Wait::Millis(millis) => now.as_nanos().saturating_add(u64::from(*millis) * 1_000_000),
        Wait::Secs(secs) => now.as_nanos().saturating_add(u64::from(*secs) * 1_000_000_000),
        Wait::Back(secs) => now.as_nanos().saturating_sub(u64::from(*secs) * 1_000_000_000),
    })
}

fuzz_target!(|input: Input| {
    let rules = rules();
    let capacity = usize::from(input.capacity % 16);
    let limits = Limits::new(capacity as u32).helped(2);
    let table = ConnTable::new(&limits, [5; 16]).with_helper(Ftp::new().port(1));
    let order = if input.known_first { Order::KnownFirst } else { Order::RulesFirst };
    let matcher = StatefulMatcher::compile(&rules, table, &Config::new()).unwrap();
    let mut firewall = matcher.order(order);
    let (mut now, mut latest) = (Time::from_secs(1), Time::from_secs(1));
    for step in &input.steps {
        now = after(now, &step.wait);
        latest = latest.max(now);
        let packet = match &step.packet {
            Source::Built(built) => built.packet(),
            Source::Bytes(bytes) => {
                let Ok(mut packet) = Packet::from_ip(bytes) else { continue };
                packet.checksum = Checksum::of_ip(bytes).unwrap();
                packet
            }
        };
        let expected = firewall.conntrack().clone().look_up(&packet, now);
        let decision = firewall.classify_with_payload(&packet, &step.payload, now);
        assert_eq!(decision.tracked, Some(expected.tracked));
        let by_rules = rules.first_match(&packet, decision.tracked);
        let known = matches!(expected.tracked.state, ConnState::Established | ConnState::Related);
        let unasked = known && order == Order::KnownFirst;
        if decision.refused.is_some() {
            let rule = if unasked { None } else { by_rules.rule };
            assert_eq!((decision.action, decision.rule), (&Action::Drop, rule));
        } else if unasked {
            assert_eq!((decision.action, decision.rule), (&Action::Accept, None));
        } else {
            assert_eq!(decision, by_rules);
        }
        let entered = expected.tentative && *decision.action == Action::Accept;
        check(firewall.conntrack(), capacity, now, latest);
        if entered && now < Time::MAX {
            assert!(!firewall.conntrack().clone().look_up(&packet, now).tentative);
        }
    }
});

fn check(table: &ConnTable, capacity: usize, now: Time, latest: Time) {
    assert!(table.len() <= capacity);
    let mut listed = 0;
    for connection in table.connections(now) {
        listed += 1;
        assert!(connection.deadline > now);
        assert!(connection.deadline.since(latest).as_secs() <= LONGEST);
        assert!(connection.created <= latest);
        assert!(connection.replied || !connection.assured);
    }
    assert!(listed <= table.len());
    assert_eq!(table.connections(Time::ZERO).count(), table.len(), "each is in the index once");
}
