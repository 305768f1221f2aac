//! Packets from bytes.
#![cfg(feature = "parse")]

mod bytes;
mod captures;
mod checksum;
mod errors;
mod icmp;
mod ip;
mod properties;
mod tcp;
mod transport;
