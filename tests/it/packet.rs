//! Packets from bytes.

mod bytes;
mod captures;
mod checksum;
mod errors;
mod gre;
mod icmp;
mod ip;
mod properties;
mod sctp;
mod tcp;
mod transport;
