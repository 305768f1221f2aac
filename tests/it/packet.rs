//! Packets from bytes.

mod bytes;
mod captures;
mod checksum;
mod errors;
mod icmp;
mod ip;
mod properties;
mod tcp;
mod transport;
