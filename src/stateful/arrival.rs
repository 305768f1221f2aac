use super::{StatefulMatcher, Verdict};
use crate::conntrack::{Conntrack, Time};
use crate::packet::Packet;
use crate::reassembly::{Arrival, Datagram, Reassembler, Reassembly, Rejection};
use crate::rule::Decision;

/// What has become of a packet that may have been a fragment.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Judged<'m, A, T = ()> {
    /// It was judged alone. The token is the one given with it.
    Alone(Decision<'m, A>, T),
    /// It completed a datagram, which was judged: the decision holds for all of its fragments.
    Whole(Decision<'m, A>, Datagram<T>),
    /// It is a fragment of a datagram that is not complete yet. Hold it back.
    Held,
    /// It is a fragment of no use. Drop it, and with it all that come back.
    Rejected(Rejection<T>),
}

impl<'m, A, T> Judged<'m, A, T> {
    /// The decision, if there is one already.
    pub const fn decision(&self) -> Option<&Decision<'m, A>> {
        match self {
            Self::Alone(decision, _) | Self::Whole(decision, _) => Some(decision),
            Self::Held | Self::Rejected(_) => None,
        }
    }
}

impl<A: Verdict, C: Conntrack> StatefulMatcher<A, C> {
    /// [`classify_with_payload`](Self::classify_with_payload) of whole datagrams: fragments are held
    /// until theirs is complete, then the datagram is judged, and each fragment shares the decision.
    ///
    /// This is what Linux does before it tracks connections. One reassembler belongs to each
    /// stream of packets that a connection table sees.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{Action, Arrival, Config, ConnTable, FragmentLimits, Judged, Limits};
    /// use portcullis::{Reassembler, RuleSet, StatefulMatcher, Time};
    ///
    /// # fn fragment(id: u8, offset: u8, more: u8, payload: &[u8]) -> Vec<u8> {
    /// #     let mut bytes = vec![0x45, 0, 0, 20 + payload.len() as u8, 0, id, more << 5, offset / 8];
    /// #     bytes.extend([64, 17, 0, 0, 10, 0, 0, 1, 192, 0, 2, 53]);
    /// #     let sum: u32 = bytes.chunks(2).map(|w| u32::from(w[0]) << 8 | u32::from(w[1])).sum();
    /// #     let sum = !(sum + (sum >> 16)) as u16;
    /// #     bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    /// #     bytes.extend(payload);
    /// #     bytes
    /// # }
    /// # let first = fragment(7, 0, 1, &[0x9c, 0x40, 0, 53, 0, 12, 0, 0]);
    /// # let second = fragment(7, 8, 0, b"data");
    /// # fn send(_: Vec<Vec<u8>>) {}
    /// let rules: RuleSet = "accept udp to any port 53 state new".parse()?;
    /// let table = ConnTable::new(&Limits::new(1000), [7; 16]);
    /// let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new())?;
    /// let mut reassembler = Reassembler::new(&FragmentLimits::default(), [7; 16]);
    ///
    /// // `first` and `second`: two fragments of a UDP datagram. Their buffers wait as tokens.
    /// for bytes in [first, second] {
    ///     let arrival = Arrival::from_ip(&bytes, bytes.clone())?;
    ///     match firewall.classify_arrival(&mut reassembler, arrival, Time::from_secs(1)) {
    ///         Judged::Whole(decision, datagram) if *decision.action == Action::Accept => {
    ///             assert_eq!(datagram.fragments.len(), 2);
    ///             send(datagram.fragments);
    ///         }
    ///         Judged::Alone(decision, fragment) if *decision.action == Action::Accept => {
    ///             send(vec![fragment]);
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # assert_eq!(firewall.conntrack().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn classify_arrival<T>(
        &mut self,
        reassembler: &mut Reassembler<T>,
        arrival: Arrival<'_, T>,
        now: Time,
    ) -> Judged<'_, A, T> {
        let bytes = arrival.bytes();
        match reassembler.push(arrival, now) {
            Reassembly::Alone(packet, fragment) => {
                let payload = Packet::payload_of_ip(bytes).unwrap_or_default();
                Judged::Alone(self.classify_with_payload(&packet, payload, now), fragment)
            }
            Reassembly::Whole(datagram) => {
                let payload = Packet::payload_of_ip(&datagram.bytes).unwrap_or_default();
                let decision = self.classify_with_payload(&datagram.packet, payload, now);
                Judged::Whole(decision, datagram)
            }
            Reassembly::Held => Judged::Held,
            Reassembly::Rejected(rejection) => Judged::Rejected(rejection),
        }
    }
}
