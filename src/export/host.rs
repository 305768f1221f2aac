use super::ExportError;
use crate::import::iptables::Hook;
use crate::rule::RuleSet;

/// The rules of a host, to be written: of one way of packets through it, or of several.
///
/// Ways whose rules are not given are not written. Their chains are then not there, and packets pass.
///
/// # Examples
///
/// ```
/// use portcullis::RuleSet;
/// use portcullis::export::{Host, iptables};
/// use portcullis::import::iptables::Hook;
///
/// let rules: RuleSet = "
///     accept state established, related
///     accept tcp from 10.0.0.0/8 to any port 80, 443 state new
/// ".parse()?;
/// let saved = iptables::to_text(&Host::new().rules(Hook::Forward, &rules))?;
/// assert_eq!(saved.v4, "\
/// *filter
/// :FORWARD DROP [0:0]
/// -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
/// -A FORWARD -s 10.0.0.0/8 -p tcp -m conntrack --ctstate NEW -m tcp -m multiport --dports 80,443 \
/// -j ACCEPT
/// COMMIT
/// ");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Host<'r> {
    after: [Option<&'r RuleSet>; 3],
    before: [Option<&'r RuleSet>; 3],
    pub(super) drop_unreadable: bool,
}

pub(super) const HOOKS: [Hook; 3] = [Hook::Input, Hook::Forward, Hook::Output];

impl<'r> Host<'r> {
    /// No rules yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the rules of one way through the host.
    #[must_use]
    pub fn rules(mut self, hook: Hook, rules: &'r RuleSet) -> Self {
        if let Some(slot) = self.after.get_mut(hook as usize) {
            *slot = Some(rules);
        }
        self
    }

    /// Gives the rules that are asked before packets are tracked: those that leave packets untracked
    /// or choose a zone. To the host and through it they are the same chain, so must be the same rules.
    #[must_use]
    pub fn before_tracking(mut self, hook: Hook, rules: &'r RuleSet) -> Self {
        if let Some(slot) = self.before.get_mut(hook as usize) {
            *slot = Some(rules);
        }
        self
    }

    /// Says that packets whose transport header is cut short may be dropped where a rule looks at that
    /// header, as iptables does (default false).
    ///
    /// Without it, rules that decide such a packet otherwise are an error of the export to iptables.
    #[must_use]
    pub fn drop_unreadable(mut self, drop: bool) -> Self {
        self.drop_unreadable = drop;
        self
    }

    /// The rules after tracking of each way that has some.
    pub(super) fn after(&self) -> impl Iterator<Item = (Hook, &'r RuleSet)> {
        HOOKS.into_iter().zip(self.after).filter_map(|(hook, rules)| Some((hook, rules?)))
    }

    /// The rules before tracking: of packets that come in, and of those from the host itself.
    pub(super) fn before(&self) -> Result<[Option<(Hook, &'r RuleSet)>; 2], ExportError> {
        let [input, forward, output] = self.before;
        if let (Some(input), Some(forward)) = (input, forward)
            && input != forward
        {
            return Err(ExportError::of_host(
                "rules before tracking",
                "those of packets to the host and through it stand in one chain, but differ; give one",
            ));
        }
        let coming = forward.map(|rules| (Hook::Forward, rules));
        let coming = coming.or(input.map(|rules| (Hook::Input, rules)));
        Ok([coming, output.map(|rules| (Hook::Output, rules))])
    }

    /// Every rule set, each once.
    pub(super) fn all(&self) -> impl Iterator<Item = (Hook, &'r RuleSet)> {
        let before = HOOKS.into_iter().zip(self.before);
        self.after().chain(before.filter_map(|(hook, rules)| Some((hook, rules?))))
    }
}
