use crate::Config;
use crate::conntrack::{ConnTable, Conntrack, Lookup, Time};
use crate::packet::{
    Checksum, ConnState, Packet, Refused, TcpFlags, TcpSegment, Tracked, Transport,
};
use crate::rule::set::{Contents, SetError, Sets};
use crate::rule::{Action, BuildError, Decision, Effect, Reject, RuleId, RuleSet};
use crate::tree::{Compiled, Own};

#[cfg(feature = "parse")]
mod arrival;
mod batch;
mod change;
mod staged;

#[cfg(feature = "parse")]
pub use arrival::Judged;
pub use change::RuleChange;

/// Judges each packet together with the connection it belongs to.
///
/// In the usual [`Order`], answers are those of [`RuleSet::first_match`] with what the connection
/// tracker says of the packet, and a connection is entered when the rules accept its first packet.
///
/// # Examples
///
/// ```
/// use portcullis::conntrack::{Limits, Time};
/// use portcullis::packet::TcpFlags;
/// use portcullis::{
///     Action, Config, ConnState, ConnTable, Packet, Rule, RuleSet, StatefulMatcher,
/// };
///
/// let mut rules = RuleSet::new(Action::Drop);
/// rules.push(Rule::accept().state([ConnState::Established, ConnState::Related]));
/// rules.push(Rule::accept().tcp().to_ports(443).state(ConnState::New));
/// let table = ConnTable::new(&Limits::new(10_000), [7; 16]);
/// let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new())?;
///
/// let (client, server) = ("10.0.0.1:40000".parse()?, "192.0.2.1:443".parse()?);
/// let syn = Packet::tcp(client, server, TcpFlags::SYN)?;
/// let reply = Packet::tcp(server, client, TcpFlags::SYN | TcpFlags::ACK)?;
/// let now = Time::from_secs(1);
/// assert_eq!(*firewall.classify(&reply, now).action, Action::Drop);
/// assert_eq!(*firewall.classify(&syn, now).action, Action::Accept);
/// assert_eq!(*firewall.classify(&reply, now).action, Action::Accept);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StatefulMatcher<A = Action, C = ConnTable> {
    compiled: Compiled<'static, Own<A>>,
    conntrack: C,
    order: Order,
    pass: A,
    drop: A,
}

/// Which is asked first, the rules or the connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Order {
    /// Rules judge every packet and see its connection state as a field, as in Linux: a rule must
    /// accept the packets of established connections.
    #[default]
    RulesFirst,
    /// A packet that is [`Established`](ConnState::Established) or
    /// [`Related`](ConnState::Related) passes and the rules are not asked, as in pf and in
    /// security groups. Its decision has [`Verdict::pass`] for the action and no rule.
    KnownFirst,
}

impl Order {
    fn passes_unasked(self, tracked: Tracked) -> bool {
        let known = matches!(tracked.state, ConnState::Established | ConnState::Related);
        known && self == Self::KnownFirst
    }
}

/// What a stateful matcher has to know of actions: implement it for an action type of your own.
pub trait Verdict: Sized {
    /// Whether a packet with this action goes on, so that the connection it opens is one.
    fn accepts(&self) -> bool;

    /// Whether the packet's sender is told with a TCP reset that the packet is discarded, so that its
    /// connection is over (`false` unless said otherwise).
    fn resets(&self) -> bool {
        false
    }

    /// The action for packets that pass without the rules being asked ([`Order::KnownFirst`]).
    fn pass() -> Self;

    /// The action for packets that the rules accept but the connection tracker refuses.
    fn drop() -> Self;
}

impl Verdict for Action {
    fn accepts(&self) -> bool {
        *self == Self::Accept
    }

    fn resets(&self) -> bool {
        *self == Self::Reject(Reject::TcpReset)
    }

    fn pass() -> Self {
        Self::Accept
    }

    fn drop() -> Self {
        Self::Drop
    }
}

impl<A: Clone + PartialEq + Verdict, C> StatefulMatcher<A, C> {
    /// Compiles a rule set, to be used with the connections that `conntrack` keeps.
    ///
    /// # Errors
    ///
    /// When a rule jumps to nowhere or in a circle, or a limit is passed. The error names the rule.
    pub fn compile(rules: &RuleSet<A>, conntrack: C, config: &Config) -> Result<Self, BuildError> {
        let compiled = Compiled::new(rules, config)?;
        let (pass, drop) = (A::pass(), A::drop());
        Ok(Self { compiled, conntrack, order: Order::default(), pass, drop })
    }

    /// Compiles another rule set and goes on with it. Connections stay as they are, also those
    /// that the new rules would not have accepted; [`change_rules`](Self::change_rules) can cut them.
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile); the old rules then stay in force.
    pub fn replace_rules(&mut self, rules: &RuleSet<A>, config: &Config) -> Result<(), BuildError> {
        self.compiled = Compiled::new(rules, config)?;
        Ok(())
    }
}

impl<A, C> StatefulMatcher<A, C> {
    /// The [named sets](crate::rule::set) as they are now.
    pub fn sets(&self) -> &Sets {
        self.compiled.members().sets()
    }

    /// Changes a named set; nothing is compiled. The next packet is judged by the changed set.
    ///
    /// # Errors
    ///
    /// When there is no such set, its elements are of another kind, or the rules have no number for an
    /// interface in it. Nothing has changed then.
    pub fn change_set<S: Contents, R>(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut S) -> R,
    ) -> Result<R, SetError> {
        self.compiled.members_mut().change(name, change)
    }

    /// Replaces the contents of all named sets at once, such as by a changed copy of [`sets`](Self::sets)
    /// that another thread has sent.
    ///
    /// # Errors
    ///
    /// When these are not the sets that the rules were compiled with, as their names and kinds show, or
    /// the rules have no number for an interface in them. Nothing has changed then.
    pub fn replace_sets(&mut self, sets: &Sets) -> Result<(), SetError> {
        self.compiled.members_mut().replace(sets)
    }

    /// Sets which is asked first (default [`Order::RulesFirst`]).
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// The connection tracker.
    pub const fn conntrack(&self) -> &C {
        &self.conntrack
    }

    /// The connection tracker, to be changed.
    pub const fn conntrack_mut(&mut self) -> &mut C {
        &mut self.conntrack
    }

    /// Gives the connection tracker back.
    pub fn into_conntrack(self) -> C {
        self.conntrack
    }

    /// The action for packets that no rule decides.
    pub fn default_action(&self) -> &A {
        self.compiled.default_action()
    }
}

impl<A: Verdict, C: Conntrack> StatefulMatcher<A, C> {
    /// The decision on one packet that came at `now`.
    ///
    /// Never panics. Allocates only if the connection tracker does; [`ConnTable`] does not.
    pub fn classify(&mut self, packet: &Packet, now: Time) -> Decision<'_, A> {
        self.walk(packet, now, |_, _| {})
    }

    /// [`classify`](Self::classify) of a packet whose payload, the bytes behind its transport header,
    /// may announce other connections to the tracker's [helpers](crate::conntrack::helper). They read
    /// what the rules have accepted of established connections.
    pub fn classify_with_payload(
        &mut self,
        packet: &Packet,
        payload: &[u8],
        now: Time,
    ) -> Decision<'_, A> {
        self.decide(packet, payload, now, &mut |_, _| {})
    }

    /// [`classify`](Self::classify) that also shows each matching
    /// [`Target::Continue`](crate::Target::Continue) rule, in order.
    pub fn walk(
        &mut self,
        packet: &Packet,
        now: Time,
        mut seen: impl FnMut(RuleId, Effect),
    ) -> Decision<'_, A> {
        self.decide(packet, &[], now, &mut seen)
    }

    fn decide(
        &mut self,
        packet: &Packet,
        payload: &[u8],
        now: Time,
        seen: &mut impl FnMut(RuleId, Effect),
    ) -> Decision<'_, A> {
        let lookup = self.conntrack.look_up(packet, now);
        let decision = if self.order.passes_unasked(lookup.tracked) {
            passed(&self.pass, packet, lookup.tracked)
        } else {
            self.compiled.walk(packet, Some(lookup.tracked), seen)
        };
        match admit(&mut self.conntrack, packet, payload, &lookup, &decision, now) {
            Ok(()) => decision,
            Err(refused) => Decision { action: &self.drop, refused: Some(refused), ..decision },
        }
    }
}

/// Tells the tracker what the rules have decided.
fn admit<A: Verdict>(
    conntrack: &mut impl Conntrack,
    packet: &Packet,
    payload: &[u8],
    lookup: &Lookup,
    decision: &Decision<'_, A>,
    now: Time,
) -> Result<(), Refused> {
    if !decision.action.accepts() {
        if decision.action.resets() {
            note_reset(conntrack, packet, lookup, now);
        }
        Ok(())
    } else if lookup.tentative {
        conntrack.confirm(packet, now)
    } else if !payload.is_empty() && lookup.tracked.state == ConnState::Established {
        conntrack.read_payload(packet, payload, now)
    } else {
        Ok(())
    }
}

/// The sender is told with a reset: the packet's connection is closed. One that does not belong to a
/// connection leaves its reset to be tracked like any other packet.
///
/// # Source
///
/// Linux `nf_reject_ipv4.c` and `nf_reject_ipv6.c`: `nf_send_reset`, `nf_reject_ip_tcphdr_put`.
fn note_reset(conntrack: &mut impl Conntrack, packet: &Packet, lookup: &Lookup, now: Time) {
    if is_known(lookup) {
        conntrack.reset(packet, now);
    } else if lookup.tracked.state == ConnState::Invalid
        && let Some(answer) = reset_of(packet)
    {
        conntrack.look_up(&answer, now);
    }
}

/// The reset that answers a TCP segment; `None` for what gets none.
fn reset_of(packet: &Packet) -> Option<Packet> {
    let segment = packet.tcp_segment()?;
    let sound = packet.malformed.is_none() && packet.checksum != Checksum::Wrong;
    if !sound || segment.flags.contains(TcpFlags::RST) {
        return None;
    }
    let mut answer = TcpSegment::new(TcpFlags::RST);
    if segment.flags.contains(TcpFlags::ACK) {
        answer.seq = segment.ack;
    } else {
        let counted = [TcpFlags::SYN, TcpFlags::FIN];
        let counted = counted.into_iter().filter(|flag| segment.flags.contains(*flag)).count();
        answer.flags = TcpFlags::RST | TcpFlags::ACK;
        answer.ack = segment.seq.wrapping_add(segment.payload_len).wrapping_add(counted as u32);
    }
    let mut reply = Packet::from(packet.flow_key().reversed());
    reply.transport = Transport::Tcp(answer);
    reply.zone = packet.zone;
    Some(reply)
}

/// Whether the packet belongs to a connection that is there.
fn is_known(lookup: &Lookup) -> bool {
    lookup.tracked.direction.is_some() && !lookup.tentative
}

fn passed<'a, A>(pass: &'a A, packet: &Packet, tracked: Tracked) -> Decision<'a, A> {
    Decision {
        action: pass,
        rule: None,
        tracked: Some(tracked),
        fragment: packet.fragment,
        malformed: packet.malformed,
        refused: None,
    }
}
