use alloc::vec::Vec;

use super::{StatefulMatcher, Verdict};
use crate::Config;
use crate::conntrack::{Connection, Connections, Time};
use crate::packet::Packet;
use crate::rule::{BuildError, RuleSet};

/// What becomes of the connections that are there when the rules change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RuleChange {
    /// They go on, whatever the new rules say of them.
    #[default]
    Keep,
    /// Those go on whose opening packet the new rules accept too. The others are cut.
    Recheck,
    /// All are cut.
    Drop,
}

impl<A: Clone + PartialEq + Verdict, C: Connections> StatefulMatcher<A, C> {
    /// Compiles another rule set and goes on with it. Gives the connections that were cut for it:
    /// their next packets are those of connections that are not known.
    ///
    /// [`RuleChange::Recheck`] judges each connection's [opening packet](Connection::opening) anew, as
    /// one that is new or, if it was announced, related. What the table does not remember of it, such
    /// as interfaces or the mark, is not there, so that a rule that asks for it does not match: see
    /// [`change_rules_with`](Self::change_rules_with).
    ///
    /// # Errors
    ///
    /// As [`compile`](Self::compile); the old rules then stay in force, and no connection is cut.
    ///
    /// # Complexity
    ///
    /// Goes through all connections, unless they are kept.
    ///
    /// # Examples
    ///
    /// ```
    /// use portcullis::{Config, ConnTable, Limits, Packet, RuleChange, RuleSet, StatefulMatcher};
    /// use portcullis::Time;
    ///
    /// let rules: RuleSet = "accept udp to any port 53\naccept udp to any port 123".parse()?;
    /// let table = ConnTable::new(&Limits::new(1000), [7; 16]);
    /// let mut firewall = StatefulMatcher::compile(&rules, table, &Config::new())?;
    /// let now = Time::from_secs(1);
    /// for port in [53, 123] {
    ///     let packet = Packet::udp("10.0.0.1:5000".parse()?, ([192, 0, 2, 1], port).into())?;
    ///     firewall.classify(&packet, now);
    /// }
    ///
    /// let fewer: RuleSet = "accept udp to any port 53".parse()?;
    /// let cut = firewall.change_rules(&fewer, &Config::new(), RuleChange::Recheck, now)?;
    /// assert_eq!(cut.len(), 1);
    /// assert_eq!(cut[0].original.dst_port, 123);
    /// assert_eq!(firewall.conntrack().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn change_rules(
        &mut self,
        rules: &RuleSet<A>,
        config: &Config,
        change: RuleChange,
        now: Time,
    ) -> Result<Vec<Connection>, BuildError> {
        match change {
            RuleChange::Keep => self.replace_rules(rules, config).map(|()| Vec::new()),
            RuleChange::Recheck => self.change_rules_with(rules, config, now, |_, _| {}),
            RuleChange::Drop => {
                self.replace_rules(rules, config)?;
                Ok(cut(&mut self.conntrack, now, |_| true))
            }
        }
    }

    /// [`RuleChange::Recheck`] for rules that ask for more than the table remembers: `complete` is
    /// shown each connection and the packet that stands for its first one, and can set the
    /// interfaces, the mark and what else the caller knows, as the new rules number it.
    ///
    /// # Errors
    ///
    /// As [`change_rules`](Self::change_rules).
    ///
    /// # Examples
    ///
    /// ```
    /// # use portcullis::{Config, ConnTable, Limits, Packet, RuleSet, StatefulMatcher, Time};
    /// let old: RuleSet = "accept in eth0 udp to any port 53".parse()?;
    /// let new: RuleSet = "accept in eth0 udp from 10.0.0.0/8 to any port 53".parse()?;
    /// # let table = ConnTable::new(&Limits::new(1000), [7; 16]);
    /// # let mut firewall = StatefulMatcher::compile(&old, table, &Config::new())?;
    /// # let now = Time::from_secs(1);
    /// # for host in [[10, 0, 0, 1], [172, 16, 0, 1]] {
    /// #     let mut query = Packet::udp((host, 5000).into(), "192.0.2.53:53".parse()?)?;
    /// #     query.in_interface = old.interface("eth0");
    /// #     firewall.classify(&query, now);
    /// # }
    /// // Two connections came by eth0, one of them from 172.16.0.1.
    /// let cut = firewall.change_rules_with(&new, &Config::new(), now, |_, packet| {
    ///     packet.in_interface = new.interface("eth0");
    /// })?;
    /// assert_eq!(cut.len(), 1);
    /// assert_eq!(firewall.conntrack().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn change_rules_with(
        &mut self,
        rules: &RuleSet<A>,
        config: &Config,
        now: Time,
        mut complete: impl FnMut(&Connection, &mut Packet),
    ) -> Result<Vec<Connection>, BuildError> {
        self.replace_rules(rules, config)?;
        let Self { compiled, conntrack, order, .. } = self;
        let cut = cut(conntrack, now, |connection| {
            let tracked = connection.opening_state();
            let mut packet = connection.opening();
            complete(connection, &mut packet);
            !order.passes_unasked(tracked)
                && !compiled.decide(&packet, Some(tracked)).action.accepts()
        });
        Ok(cut)
    }
}

/// Removes the connections that `ends` says are to end, and gives them.
fn cut(
    conntrack: &mut impl Connections,
    now: Time,
    mut ends: impl FnMut(&Connection) -> bool,
) -> Vec<Connection> {
    let mut cut = Vec::new();
    conntrack.retain(now, &mut |connection| {
        let ends = ends(connection);
        if ends {
            cut.push(*connection);
        }
        !ends
    });
    cut
}
