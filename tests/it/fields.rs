//! What rules mean: every field of the criteria, chains, `Continue` targets, what is refused.

mod chains;
mod check;
mod connection;
mod criteria;
mod interfaces;

use portcullis::packet::TcpFlags;
use portcullis::{Packet, RuleSet};

/// The first segment of a TCP connection from 10.1.2.3:40000 to 192.0.2.1:443.
fn syn() -> Packet {
    let (src, dst) = ("10.1.2.3:40000".parse().unwrap(), "192.0.2.1:443".parse().unwrap());
    Packet::tcp(src, dst, TcpFlags::SYN).unwrap()
}

fn rules(text: &str) -> RuleSet {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}
