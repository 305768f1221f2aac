//! Records of decisions, read back by readers of their own.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroU32;
use std::time::Duration;

use portcullis::packet::TcpFlags;
use portcullis::record::{EventLog, FlowField, FlowFormat, FlowLog, Sampling, Sink, Way};
use portcullis::{
    Config, ConnTable, Limits, Packet, RuleSet, StatefulMatcher, StatelessMatcher, Time,
};
use proptest::prelude::*;
use serde_json::Value;

use crate::strategies::{Shape, case, seeds};

const EPOCH: u64 = 1_700_000_000;

fn rules(text: &str) -> RuleSet {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn tcp(from: &str, to: &str, flags: TcpFlags, length: u32) -> Packet {
    let mut packet = Packet::tcp(from.parse().unwrap(), to.parse().unwrap(), flags).unwrap();
    packet.length = length;
    packet
}

/// The columns of each line.
fn columns(out: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(out).unwrap();
    text.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
}

fn flows(rules: &RuleSet, format: FlowFormat, packets: &[(Packet, u64)]) -> Vec<u8> {
    let matcher = StatelessMatcher::compile(rules, &Config::new()).unwrap();
    let mut log = FlowLog::new(format, EPOCH);
    for (packet, millis) in packets {
        let now = Time::from_millis(*millis);
        log.count(packet, &matcher.classify(packet), Some(Way::Ingress), now);
    }
    let mut out = Vec::new();
    log.flush(Time::from_secs(60), &mut out).unwrap();
    out
}

#[test]
fn the_default_format_has_fourteen_fields() {
    let rules = rules("accept tcp to any port 443");
    let (a, b) = ("10.0.0.1:40000", "192.0.2.1:443");
    let mut icmp = Packet::new(tcp(a, b, TcpFlags::SYN, 0).addrs, portcullis::Protocol::ICMP);
    icmp.length = 84;
    let out = flows(
        &rules,
        FlowFormat::v2("123456789010", "eni-1"),
        &[
            (tcp(a, b, TcpFlags::SYN, 60), 2500),
            (icmp, 3000),
            (tcp(a, b, TcpFlags::ACK, 1500), 1999),
            (tcp(b, a, TcpFlags::SYN | TcpFlags::ACK, 60), 2999),
        ],
    );
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "2 123456789010 eni-1 10.0.0.1 192.0.2.1 0 0 1 1 84 1700000003 1700000003 REJECT OK\n\
         2 123456789010 eni-1 10.0.0.1 192.0.2.1 40000 443 6 2 1560 1700000001 1700000002 ACCEPT OK\n\
         2 123456789010 eni-1 192.0.2.1 10.0.0.1 443 40000 6 1 60 1700000002 1700000002 REJECT OK\n"
    );
}

#[test]
fn fields_of_later_versions_can_be_chosen() {
    use FlowField::*;
    let fields =
        [Version, TcpFlags, Type, FlowDirection, PktSrcAddr, VpcId, SubnetId, Region, AzId];
    let format =
        FlowFormat::v2("1", "eni-1").fields(fields).constant(VpcId, "vpc 7").constant(AzId, " ");
    assert_eq!(
        format.header(),
        "version tcp-flags type flow-direction pkt-srcaddr vpc-id subnet-id region az-id"
    );
    let (a, b) = ("[2001:db8::1]:40000", "[2001:db8::2]:443");
    let flag = |bits| tcp(a, b, portcullis::packet::TcpFlags(bits), 60);
    // FIN with ACK, then SYN with ACK: the first ACK does not count.
    let out = flows(&rules("accept any"), format.clone(), &[(flag(0x11), 1), (flag(0x12), 2)]);
    assert_eq!(
        columns(&out)[0],
        ["5", "19", "IPv6", "ingress", "2001:db8::1", "vpc_7", "-", "-", "-"]
    );
    let out = flows(&rules("accept any"), format.fields([Version, Type]), &[(flag(0x10), 1)]);
    assert_eq!(columns(&out), [["3", "IPv6"]]);
}

#[test]
fn windows_without_packets_and_without_room_say_so() {
    let rules = rules("accept any");
    let matcher = StatelessMatcher::compile(&rules, &Config::new()).unwrap();
    let log = FlowLog::new(FlowFormat::v2("1", "eni-1"), EPOCH).capacity(1);
    let mut log = log.window(Duration::from_secs(10));
    let mut out = Vec::new();
    log.flush_if_due(Time::from_secs(9), &mut out).unwrap();
    assert!(out.is_empty());
    log.flush_if_due(Time::from_secs(10), &mut out).unwrap();
    assert_eq!(log.due(), Time::from_secs(20));
    for port in [1, 2, 1] {
        let packet = tcp("10.0.0.1:1", &format!("10.0.0.2:{port}"), TcpFlags::SYN, 40);
        log.count(&packet, &matcher.classify(&packet), None, Time::from_secs(11));
    }
    assert_eq!(log.skipped(), 1);
    log.flush_if_due(Time::from_secs(25), &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "2 1 eni-1 - - - - - - - 1700000000 1700000010 - NODATA\n\
         2 1 eni-1 10.0.0.1 10.0.0.2 1 1 6 2 80 1700000011 1700000011 ACCEPT OK\n\
         2 1 eni-1 - - - - - - - 1700000010 1700000025 - SKIPDATA\n"
    );
    assert_eq!(log.skipped(), 0);
}

/// A sink of one's own that takes so many lines.
struct Few(usize, Vec<String>);

impl Sink for Few {
    type Error = &'static str;

    fn line(&mut self, line: &str) -> Result<(), Self::Error> {
        if self.1.len() == self.0 {
            return Err("full");
        }
        self.1.push(line.into());
        Ok(())
    }
}

#[test]
fn lines_that_could_not_be_written_are_written_later() {
    let rules = rules("accept any");
    let mut log = FlowLog::new(FlowFormat::v2("1", "eni-1"), EPOCH);
    for port in 1..=5 {
        let packet = tcp("10.0.0.1:1", &format!("10.0.0.2:{port}"), TcpFlags::SYN, 40);
        log.count(&packet, &rules.first_match(&packet, None), None, Time::ZERO);
    }
    let (mut first, mut second) = (Few(2, Vec::new()), Few(9, Vec::new()));
    assert_eq!(log.flush(Time::from_secs(60), &mut first), Err("full"));
    assert_eq!(log.flush(Time::from_secs(60), &mut second), Ok(()));
    assert_eq!((first.1.len(), second.1.len()), (2, 3));
    assert!(second.1[0].contains(" 1 3 6 "), "{:?}", second.1);
}

/// An eighth of the cases that are asked for.
fn few() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases / 8, ..config }
}

proptest! {
    #![proptest_config(few())]

    #[test]
    fn flow_lines_read_back_as_the_packets_that_were_counted(seed in seeds()) {
        let (rules, packets) = case(seed, &Shape::STATELESS);
        let packets: Vec<(Packet, u64)> = packets.into_iter().zip((0..).map(|i| i * 700)).collect();
        let out = flows(&rules, FlowFormat::v2("1", "eni-1"), &packets);
        let mut model: BTreeMap<String, [u64; 4]> = BTreeMap::new();
        for (packet, millis) in &packets {
            let key = packet.flow_key();
            let accepted = *rules.first_match(packet, None).action == portcullis::Action::Accept;
            let action = if accepted { "ACCEPT" } else { "REJECT" };
            let (src, dst, protocol) = (key.addrs.src(), key.addrs.dst(), key.protocol.0);
            let name = format!("{src} {dst} {} {} {protocol} {action}", key.src_port, key.dst_port);
            let second = EPOCH + millis / 1000;
            let sum = model.entry(name).or_insert([0, 0, second, second]);
            *sum = [sum[0] + 1, sum[1] + u64::from(packet.length), sum[2].min(second), sum[3].max(second)];
        }
        let read: BTreeMap<String, [u64; 4]> = columns(&out)
            .into_iter()
            .map(|line| {
                assert_eq!((line.len(), &*line[0], &*line[13]), (14, "2", "OK"));
                let numbers = [8, 9, 10, 11].map(|column| line[column].parse().unwrap());
                ([&line[3..8], &line[12..13]].concat().join(" "), numbers)
            })
            .collect();
        prop_assert_eq!(read, model);
    }
}

fn json(out: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_connection_starts_and_ends() {
    let rules = rules(
        "accept state established, related
         jump ssh tcp to any port 22
         chain ssh
         accept from 10.0.0.0/8 comment \"the \\\"office\\\"\\n\"",
    );
    let table = ConnTable::new(&Limits::new(10), [7; 16]);
    let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new()).unwrap();
    let mut log = EventLog::new(EPOCH);
    let mut out = Vec::new();
    let (a, b) = ("10.0.0.1:40000", "192.0.2.1:22");
    let answer = TcpFlags::SYN | TcpFlags::ACK;
    let mut packets = [
        tcp(a, b, TcpFlags::SYN, 60),
        tcp(b, a, answer, 60),
        tcp("203.0.113.5:1000", b, TcpFlags::SYN, 40),
        tcp(b, a, TcpFlags::RST | TcpFlags::ACK, 40),
    ];
    for (packet, ack) in packets.iter_mut().zip([0, 1, 0, 1]) {
        if let portcullis::packet::Transport::Tcp(segment) = &mut packet.transport {
            segment.ack = ack;
        }
    }
    for (at, packet) in packets.iter().enumerate() {
        let now = Time::from_millis(1500 * at as u64);
        let decision = firewall.classify(packet, now);
        log.decided(&rules, packet, &decision, now, &mut out).unwrap();
    }
    assert_eq!(log.connections(), 1);
    let now = Time::from_secs(1000);
    let table = firewall.conntrack();
    let is_there = |zone, key: &_| table.connection_in(zone, key, now).is_some();
    log.end_gone(now, is_there, &mut out).unwrap();
    log.end_gone(now, is_there, &mut out).unwrap();
    assert_eq!(log.connections(), 0);
    let lines = json(&out);
    let kinds: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["decision", "start", "decision", "decision", "decision", "end"]);
    let start = &lines[1];
    assert_eq!(
        (&start["chain"], &start["rule"], &start["comment"], &start["state"]),
        (&"ssh".into(), &1.into(), &"the \"office\"\n".into(), &"new".into())
    );
    assert_eq!((&lines[3]["action"], &lines[3]["chain"]), (&"drop".into(), &Value::Null));
    let end = &lines[5];
    assert_eq!(end["timestamp"], (EPOCH + 1000) * 1000);
    assert_eq!((&end["chain"], &end["reason"]), (&"ssh".into(), &"reset".into()));
    assert_eq!((&end["packets"], &end["bytes"]), (&1.into(), &60.into()));
    assert_eq!((&end["reply_packets"], &end["reply_bytes"]), (&2.into(), &100.into()));
    assert_eq!(end["duration"], 4500);
}

#[test]
fn decisions_can_be_sampled() {
    let rules = rules("accept tcp to any port 1");
    let written = |sampling| {
        let mut log = EventLog::new(EPOCH).sampling(sampling);
        let mut out = Vec::new();
        for port in [1, 2, 3, 1, 2, 3, 1] {
            let packet = tcp("10.0.0.1:1", &format!("10.0.0.2:{port}"), TcpFlags::SYN, 40);
            let decision = rules.first_match(&packet, None);
            log.decided(&rules, &packet, &decision, Time::ZERO, &mut out).unwrap();
        }
        json(&out).iter().map(|line| line["dst_port"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(written(Sampling::All), [1, 2, 3, 1, 2, 3, 1]);
    assert_eq!(written(Sampling::OneIn(NonZeroU32::new(3).unwrap())), [1, 1, 1]);
    assert_eq!(written(Sampling::Denied), [2, 3, 2, 3]);
    assert_eq!(written(Sampling::Connections), [0; 0]);
}

#[test]
fn a_sink_that_fails_is_reported() {
    let rules = rules("accept any");
    let packet = tcp("10.0.0.1:1", "10.0.0.2:1", TcpFlags::SYN, 40);
    let decision = rules.first_match(&packet, None);
    let full: &mut [u8] = &mut [];
    let error = EventLog::new(EPOCH)
        .decided(&rules, &packet, &decision, Time::ZERO, &mut { full })
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

#[cfg(feature = "serde")]
proptest! {
    #![proptest_config(few())]

    #[test]
    fn events_read_back(seed in seeds(), comment in any::<String>()) {
        let (mut rules, packets) = case(seed, &Shape::STATELESS);
        rules.push(portcullis::Rule::accept().comment(&comment));
        let mut log = EventLog::new(EPOCH);
        for packet in packets {
            let mut out = Vec::new();
            let decision = rules.first_match(&packet, None);
            log.decided(&rules, &packet, &decision, Time::from_secs(3), &mut out).unwrap();
            let line = String::from_utf8(out).unwrap();
            prop_assert_eq!(line.matches('\n').count(), 1);
            let event: portcullis::record::Event = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(format!("{event}\n"), line.clone());
            let written: Value = serde_json::to_value(&event).unwrap();
            prop_assert_eq!(written, serde_json::from_str::<Value>(&line).unwrap());
        }
    }
}
