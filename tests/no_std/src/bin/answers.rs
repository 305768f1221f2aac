//! Runs the library with nothing below it and checks what it answers.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::net::{Ipv4Addr, SocketAddr};

use portcullis::{FlowKey, Packet, Protocol};

portcullis_no_std::program!(main);

fn main() -> bool {
    packets() && bytes() && rules()
}

fn packets() -> bool {
    let (src, dst) = endpoints(443);
    let Ok(key) = FlowKey::new(black_box(Protocol::UDP), src, dst) else { return false };
    let packet = Packet::from(key);
    #[cfg(feature = "index")]
    black_box(black_box([443, 80])[usize::from(black_box(packet).dscp)]);
    black_box(packet).flow_key() == key.reversed().reversed()
        && packet.flow_key() != key.reversed()
        && Protocol::from_name(black_box("udp")) == Some(key.protocol)
}

#[cfg(not(feature = "parse"))]
fn bytes() -> bool {
    true
}

#[cfg(feature = "parse")]
fn bytes() -> bool {
    let frame = [
        2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00, // Ethernet
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 1, // IPv4
        0x9c, 0x40, 0, 53, 0, 8, 0, 0, // UDP
    ];
    let frame = black_box(&frame[..]);
    let Ok(packet) = Packet::from_ethernet(frame) else { return false };
    packet.ports.is_some_and(|ports| (ports.src, ports.dst) == (40000, 53))
        && frame.get(..20).is_some_and(|short| Packet::from_ethernet(short).is_err())
}

#[cfg(not(feature = "alloc"))]
fn rules() -> bool {
    true
}

#[cfg(feature = "alloc")]
fn rules() -> bool {
    use portcullis::{Action, Config, Rule, RuleSet, StatelessMatcher};

    let mut rules = RuleSet::new(Action::Drop);
    let web = rules.add_chain("web");
    rules.push(Rule::drop().to_ports(black_box(22)));
    rules.push(Rule::jump(web).tcp());
    rules.push_to(web, Rule::accept().to_ports(black_box(443)));
    let Ok(matcher) = StatelessMatcher::compile(&rules, &Config::new()) else { return false };
    let action = |port| tcp(port).map(|packet| *matcher.classify(&black_box(packet)).action);
    action(22) == Some(Action::Drop)
        && action(443) == Some(Action::Accept)
        && action(80) == Some(Action::Drop)
}

#[cfg(feature = "alloc")]
fn tcp(port: u16) -> Option<Packet> {
    use portcullis::packet::TcpFlags;

    let (src, dst) = endpoints(port);
    Packet::tcp(src, dst, TcpFlags::SYN).ok()
}

fn endpoints(port: u16) -> (SocketAddr, SocketAddr) {
    let address = |last| Ipv4Addr::new(192, 0, 2, last).into();
    (SocketAddr::new(address(1), 40000), SocketAddr::new(black_box(address(2)), black_box(port)))
}
