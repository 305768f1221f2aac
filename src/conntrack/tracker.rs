use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::RefCell;

use super::{Connection, Time};
use crate::packet::{ConnFlag, ConnState, ConnStatus, Direction, Packet, Refused, Tracked};

/// A connection tracker: what a [`StatefulMatcher`](crate::StatefulMatcher) asks about packets.
///
/// [`ConnTable`](super::ConnTable) is the built-in one. Supply another to keep connections
/// elsewhere: in a table that several processes share, in hardware, in a test double.
///
/// # Duties of an implementation
///
/// - **Two phases.** [`look_up`](Self::look_up) never enters a connection. Only
///   [`confirm`](Self::confirm) does, and only a confirmed connection is known to later packets.
///   A known connection's state and timeout move in `look_up`, whatever the rules then say.
/// - **Atomicity.** Each call is one step: if a table is shared, other users see all of its
///   effect or none. Nothing may be locked between the two calls. Between them another user may
///   have entered the same connection; `confirm` then leaves that one as it is and succeeds.
/// - **Time.** The only time source is `now`. It may stand still and it may go backwards;
///   neither may panic, lose memory or make a connection live for ever. An expired connection is
///   never found, collected or not.
/// - **Capacity.** Memory is bounded. When there is no room, `confirm` refuses; it never removes
///   a connection that is established in order to enter another.
/// - **No panic** for any packet and any order of calls, and no time that grows with the number of
///   connections.
///
/// # Sharing
///
/// Both methods take `&mut self`; a tracker with locks inside implements the trait for a shared
/// reference to itself, as `std::io::Read` is implemented for `&File`.
pub trait Conntrack {
    /// The packet's place in its connection.
    ///
    /// Moves the state and the timeout of a connection that is known. A packet of no known
    /// connection that may open one is [`ConnState::New`] and [`tentative`](Lookup::tentative).
    fn look_up(&mut self, packet: &Packet, now: Time) -> Lookup;

    /// The places of several packets: [`look_up`](Self::look_up) for each in order, up to and
    /// including the first that is [`tentative`](Lookup::tentative), and no more than there are
    /// `lookups`. `lookups[i]` becomes that of `packets[i]`; how many were looked up is returned.
    ///
    /// It ends there because whether the connection is confirmed decides what the packets after
    /// it are. Call it again for those; a tracker may have prepared them already.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::conntrack::{Conntrack, Limits, Lookup, Time};
    /// use portcullis::packet::Refused;
    /// use portcullis::{ConnTable, Packet};
    ///
    /// /// Tracks all packets, and lets every connection in.
    /// fn track(table: &mut ConnTable, packets: &[Packet], now: Time) -> Result<(), Refused> {
    ///     let mut lookups = [Lookup::invalid(); 64];
    ///     let mut rest = packets;
    ///     while !rest.is_empty() {
    ///         let done = table.look_up_batch(rest, now, &mut lookups);
    ///         if lookups[done - 1].tentative {
    ///             table.confirm(&rest[done - 1], now)?;
    ///         }
    ///         rest = &rest[done..];
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let query = Packet::udp("10.0.0.1:5000".parse()?, "192.0.2.53:53".parse()?)?;
    /// let mut table = ConnTable::new(&Limits::new(1000), [7; 16]);
    /// track(&mut table, &[query, query], Time::from_secs(1))?;
    /// assert_eq!(table.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn look_up_batch(&mut self, packets: &[Packet], now: Time, lookups: &mut [Lookup]) -> usize {
        let mut done = 0;
        for (packet, lookup) in packets.iter().zip(lookups) {
            *lookup = self.look_up(packet, now);
            done += 1;
            if lookup.tentative {
                break;
            }
        }
        done
    }

    /// Enters the connection that `packet`, which [`look_up`](Self::look_up) called tentative,
    /// opens. To be called once the rules have accepted the packet, with the same packet.
    ///
    /// For a packet of a known connection, and for one that cannot open any, nothing happens.
    ///
    /// # Errors
    ///
    /// When the connection cannot be admitted. The packet must then be dropped.
    fn confirm(&mut self, packet: &Packet, now: Time) -> Result<(), Refused>;

    /// Reads the payload of `packet`, the bytes behind its transport header, for announcements of
    /// other connections. To be called for packets that [`look_up`](Self::look_up) has found
    /// established and the rules have accepted.
    ///
    /// A tracker without [helpers](super::helper) has no use for it: the provided method does
    /// nothing.
    ///
    /// # Errors
    ///
    /// When the packet announces a connection and cannot be read, or the connection cannot be
    /// expected. The packet must then be dropped.
    fn read_payload(&mut self, packet: &Packet, payload: &[u8], now: Time) -> Result<(), Refused> {
        let _ = (packet, payload, now);
        Ok(())
    }

    /// Closes the TCP connection that `packet` belongs to. To be called when the rules reject a packet
    /// of a known connection and its sender is told so with a reset: the sender will believe it, so
    /// that the connection is over.
    ///
    /// The provided method does nothing; the connection then lives on until it expires.
    fn reset(&mut self, packet: &Packet, now: Time) {
        let _ = (packet, now);
    }
}

/// A connection tracker that can go through its connections.
pub trait Connections {
    /// Shows every connection to `keep`, in no particular order, and removes those for which it
    /// says no. Expired ones may be removed unseen.
    ///
    /// # Complexity
    ///
    /// Unlike the methods of [`Conntrack`], this takes time for every connection.
    fn retain(&mut self, now: Time, keep: &mut dyn FnMut(&Connection) -> bool);
}

/// What [`Conntrack::look_up`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lookup {
    /// State and direction, as rules see them.
    pub tracked: Tracked,
    /// Whether the packet opens a connection that is not known yet: [`Conntrack::confirm`] it if
    /// the rules accept it.
    pub tentative: bool,
}

impl Lookup {
    /// A packet of a known connection, travelling in `direction`.
    pub const fn known(state: ConnState, direction: Direction) -> Self {
        Self { tracked: Tracked::new(state, Some(direction)), tentative: false }
    }

    /// The same with what else is known of the connection.
    #[must_use]
    pub const fn with_status(self, status: ConnStatus) -> Self {
        Self { tracked: self.tracked.with_status(status), ..self }
    }

    /// A packet that may open a connection that another one has announced.
    pub const fn expected() -> Self {
        let tracked = Tracked::new(ConnState::Related, Some(Direction::Original));
        let status = ConnStatus::new().with(ConnFlag::Expected, true);
        Self { tracked: tracked.with_status(status), tentative: true }
    }

    /// A packet that may open a connection.
    pub const fn tentative() -> Self {
        Self { tracked: Tracked::new(ConnState::New, Some(Direction::Original)), tentative: true }
    }

    /// A packet that fits no connection and may open none.
    pub const fn invalid() -> Self {
        Self { tracked: Tracked::new(ConnState::Invalid, None), tentative: false }
    }

    /// A packet that is deliberately not tracked.
    pub const fn untracked() -> Self {
        Self { tracked: Tracked::new(ConnState::Untracked, None), tentative: false }
    }
}

/// A tracker that several matchers of one thread share. While it is in use already, which a matcher
/// never causes, every packet is invalid.
impl<C: Conntrack> Conntrack for Rc<RefCell<C>> {
    fn look_up(&mut self, packet: &Packet, now: Time) -> Lookup {
        let shared = self.try_borrow_mut();
        shared.map_or(Lookup::invalid(), |mut tracker| tracker.look_up(packet, now))
    }

    fn look_up_batch(&mut self, packets: &[Packet], now: Time, lookups: &mut [Lookup]) -> usize {
        let shared = self.try_borrow_mut();
        shared.map_or(0, |mut tracker| tracker.look_up_batch(packets, now, lookups))
    }

    fn confirm(&mut self, packet: &Packet, now: Time) -> Result<(), Refused> {
        let shared = self.try_borrow_mut();
        shared.map_or(Err(Refused::TableFull), |mut tracker| tracker.confirm(packet, now))
    }

    fn read_payload(&mut self, packet: &Packet, payload: &[u8], now: Time) -> Result<(), Refused> {
        let shared = self.try_borrow_mut();
        shared.map_or(Ok(()), |mut tracker| tracker.read_payload(packet, payload, now))
    }

    fn reset(&mut self, packet: &Packet, now: Time) {
        if let Ok(mut tracker) = self.try_borrow_mut() {
            tracker.reset(packet, now);
        }
    }
}

/// Every method of the tracker that is pointed to, any one or one that needs no `&mut`: one left out
/// would be the provided one.
macro_rules! forward {
    ($($pointer:ty $(where $tracker:ident)?),*) => {$(
        impl$(<$tracker: Conntrack + ?Sized>)? Conntrack for $pointer {
            fn look_up(&mut self, packet: &Packet, now: Time) -> Lookup {
                (**self).look_up(packet, now)
            }

            fn look_up_batch(&mut self, packets: &[Packet], now: Time, lookups: &mut [Lookup]) -> usize {
                (**self).look_up_batch(packets, now, lookups)
            }

            fn confirm(&mut self, packet: &Packet, now: Time) -> Result<(), Refused> {
                (**self).confirm(packet, now)
            }

            fn read_payload(&mut self, packet: &Packet, payload: &[u8], now: Time) -> Result<(), Refused> {
                (**self).read_payload(packet, payload, now)
            }

            fn reset(&mut self, packet: &Packet, now: Time) {
                (**self).reset(packet, now);
            }
        }

        impl$(<$tracker: Connections + ?Sized>)? Connections for $pointer {
            fn retain(&mut self, now: Time, keep: &mut dyn FnMut(&Connection) -> bool) {
                (**self).retain(now, keep);
            }
        }
    )*};
}

forward!(&mut C where C, Box<C> where C);

#[cfg(feature = "std")]
pub(super) use forward;
