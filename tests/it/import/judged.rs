//! Packets and what is to come of them, a line each.

use std::fmt::{Display, Write};

use portcullis::import::Firewall;
use portcullis::packet::{IcmpMessage, TcpFlags};
use portcullis::{Addrs, Packet, Time};

/// Judges packets one after the other. A line is the interfaces (`-` for none), the mark if it is not 0,
/// the packet, what its destination is translated `to` if it is, and after `=` what is to come out.
pub(crate) fn check<O: Display>(firewall: &mut Firewall<O>, cases: &str) {
    let mut wrong = String::new();
    for case in cases.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (asked, expected) = case.split_once(" = ").unwrap();
        let found = judged(firewall, asked);
        if found != expected {
            writeln!(wrong, "{asked} = {found}\n    not {expected}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn judged<O: Display>(firewall: &mut Firewall<O>, asked: &str) -> String {
    let words: Vec<&str> = asked.split_whitespace().collect();
    let (ways, mut words) = words.split_at(2);
    let mut mark = 0;
    if let Some(value) = words[0].strip_prefix("0x") {
        mark = u32::from_str_radix(value, 16).unwrap();
        words = &words[1..];
    }
    let (came, translated) = match words {
        [protocol, src, arrow, dst, "to", to] => {
            (packet(&[protocol, src, arrow, dst]), packet(&[protocol, src, arrow, to]))
        }
        words => (packet(words), packet(words)),
    };
    let [came, translated] = [came, translated].map(|mut packet| {
        packet.mark = mark;
        packet.in_interface = firewall.interface(ways[0]);
        packet.out_interface = firewall.interface(ways[1]);
        packet
    });
    let judgement = firewall.classify_translated(&came, &translated, Time::from_secs(1_000));
    let place = firewall.origin(&judgement).map_or("none".into(), ToString::to_string);
    let (place, _) = place.split_once(", line").unwrap_or((&place, ""));
    format!("{} by {place}", judgement.action)
}

/// `tcp 10.0.0.1:1 > 10.0.0.2:2`, `udp ...`, `fin ...` (of no connection), `ping 10.0.0.1 > 10.0.0.2`,
/// `icmp6 135 ...`.
fn packet(words: &[&str]) -> Packet {
    let addrs =
        |src: &str, dst: &str| Addrs::new(src.parse().unwrap(), dst.parse().unwrap()).unwrap();
    let tcp = |src: &str, dst: &str, flags| {
        Packet::tcp(src.parse().unwrap(), dst.parse().unwrap(), flags).unwrap()
    };
    match words {
        ["tcp", src, ">", dst] => tcp(src, dst, TcpFlags::SYN),
        ["udp", src, ">", dst] => Packet::udp(src.parse().unwrap(), dst.parse().unwrap()).unwrap(),
        ["fin", src, ">", dst] => tcp(src, dst, TcpFlags::FIN | TcpFlags::ACK),
        ["ping", src, ">", dst] => {
            let mut message = IcmpMessage::new(8, 0);
            message.identifier = Some(7);
            Packet::icmp(addrs(src, dst), message)
        }
        ["icmp6", kind, src, ">", dst] => {
            let mut packet =
                Packet::icmp(addrs(src, dst), IcmpMessage::new(kind.parse().unwrap(), 0));
            packet.ttl = 255;
            packet
        }
        _ => panic!("{words:?}"),
    }
}
