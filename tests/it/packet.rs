//! Packets from bytes.

pub(crate) mod bytes;
mod captures;
mod checksum;
mod errors;
mod gre;
mod icmp;
mod ip;
mod payload;
mod properties;
mod sctp;
mod tcp;
mod transport;
