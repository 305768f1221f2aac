use crate::conntrack::Time;
use crate::packet::{Packet, Tracked};

/// What a policy is asked about: a packet, when it came, and what the caller knows besides.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asked<'p> {
    /// The packet.
    pub packet: &'p Packet,
    /// When it came.
    pub now: Time,
    /// Its place in its connection, for policies whose rules ask for that
    /// ([`Policy::compile_tracked`](super::Policy::compile_tracked)).
    pub tracked: Option<Tracked>,
    /// The caller's key for rates, such as a number for a user.
    pub key: Option<u64>,
}

impl<'p> Asked<'p> {
    /// A packet that came at `now`.
    pub const fn new(packet: &'p Packet, now: Time) -> Self {
        Self { packet, now, tracked: None, key: None }
    }

    /// Sets the packet's place in its connection.
    #[must_use]
    pub const fn tracked(self, tracked: Tracked) -> Self {
        Self { tracked: Some(tracked), ..self }
    }

    /// Sets the caller's key for rates.
    #[must_use]
    pub const fn key(self, key: u64) -> Self {
        Self { key: Some(key), ..self }
    }
}
