//! The same rules twice: as they are changed, and as lists.

use portcullis::rule::Effect;
use portcullis::rule::set::{Set, Sets};
use portcullis::update::{LiveMatcher, Position, RuleKey, Snapshot, UpdateError};
use portcullis::{Action, ChainId, Config, Packet, Rule, RuleId, RuleSet};

use crate::strategies::{Rng, change_sets};

/// A matcher, and what it has to know of its rules.
pub(super) struct Model {
    pub(super) live: LiveMatcher,
    chains: Vec<(String, Vec<(RuleKey, Rule)>)>,
    default: Action,
    sets: Sets,
}

/// A packet, and the real names of its interfaces.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) packet: Packet,
    pub(super) interfaces: [Option<String>; 2],
}

impl Model {
    pub(super) fn new(rules: &RuleSet, config: &Config) -> Self {
        let live = LiveMatcher::new(rules, config).unwrap_or_else(|error| panic!("{error}"));
        let chains = rules.chains().iter().zip(0..).map(|(chain, id)| {
            let id = chain_id(rules, id);
            let keys = live.keys(id).into_iter();
            (chain.name().to_owned(), keys.zip(chain.rules().iter().cloned()).collect())
        });
        Self {
            chains: chains.collect(),
            default: *rules.default_action(),
            sets: rules.sets().clone(),
            live,
        }
    }

    pub(super) fn insert(&mut self, at: Position, rule: Rule) -> Result<RuleKey, UpdateError> {
        let (chain, index) = match at {
            Position::First(chain) => (chain, 0),
            Position::Last(chain) => (chain, self.chains[chain.index()].1.len()),
            Position::Before(key) => self.find(key),
            Position::After(key) => {
                let (chain, index) = self.find(key);
                (chain, index + 1)
            }
            Position::At(place) => (place.chain, place.index as usize),
            _ => panic!("a position unknown here"),
        };
        let key = self.live.insert(at, rule.clone())?;
        self.chains[chain.index()].1.insert(index, (key, rule));
        Ok(key)
    }

    pub(super) fn remove(&mut self, key: RuleKey) {
        let (chain, index) = self.find(key);
        let (_, rule) = self.chains[chain.index()].1.remove(index);
        assert_eq!(*self.live.remove(key).unwrap(), rule);
        assert_eq!(self.live.remove(key), Err(UpdateError::NoSuchRule(key)));
    }

    /// Changes sets in both alike.
    pub(super) fn change_sets(&mut self, rng: &mut Rng) {
        let mut rules = self.rule_set();
        change_sets(rng, &mut rules);
        self.sets = rules.sets().clone();
        for (name, set) in self.sets.iter() {
            let changed = match set.clone() {
                Set::Prefixes(new) => self.live.change_set(name.as_str(), |set| *set = new),
                Set::Ports(new) => self.live.change_set(name.as_str(), |set| *set = new),
                Set::Endpoints(new) => self.live.change_set(name.as_str(), |set| *set = new),
                Set::Interfaces(new) => self.live.change_set(name.as_str(), |set| *set = new),
                _ => panic!("a kind unknown here"),
            };
            changed.unwrap();
        }
    }

    pub(super) fn keys(&self) -> Vec<RuleKey> {
        self.chains.iter().flat_map(|(_, rules)| rules).map(|(key, _)| *key).collect()
    }

    pub(super) fn len(&self, chain: ChainId) -> usize {
        self.chains[chain.index()].1.len()
    }

    /// The rules as they should be.
    pub(super) fn rule_set(&self) -> RuleSet {
        let mut rules = RuleSet::new(self.default);
        rules.set_sets(self.sets.clone());
        for (i, (name, list)) in self.chains.iter().enumerate() {
            let id = if i == 0 { ChainId::BASE } else { rules.add_chain(name) };
            list.iter().for_each(|(_, rule)| _ = rules.push_to(id, rule.clone()));
        }
        rules
    }

    /// Compares what is published with the definition.
    pub(super) fn check(&mut self, packets: &[Named]) {
        let rules = self.rule_set();
        let snapshot = self.live.publish();
        let numbered: Vec<Packet> =
            packets.iter().map(|packet| packet.numbered(|name| snapshot.interface(name))).collect();
        for (named, packet) in packets.iter().zip(&numbered) {
            self.check_packet(&rules, &snapshot, named, packet);
        }
        let mut together = vec![snapshot.classify(&numbered[0]); numbered.len()];
        snapshot.classify_batch(&numbered, &mut together);
        let alone: Vec<_> = numbered.iter().map(|packet| snapshot.classify(packet)).collect();
        assert_eq!(together, alone);
    }

    /// Compares places and keys with lists.
    pub(super) fn check_places(&self) {
        let rules = self.rule_set();
        assert_eq!(self.live.rule_set(), rules);
        for (i, (_, list)) in self.chains.iter().enumerate() {
            let chain = chain_id(&rules, i as u32);
            let keys: Vec<RuleKey> = list.iter().map(|(key, _)| *key).collect();
            assert_eq!(self.live.keys(chain), keys);
            for (key, index) in keys.into_iter().zip(0..) {
                assert_eq!(self.live.place(key), Some(RuleId::new(chain, index)));
                assert_eq!(self.live.key_at(chain, index as usize), Some(key));
            }
            assert_eq!(self.live.key_at(chain, list.len()), None);
        }
    }

    fn check_packet(&self, rules: &RuleSet, snapshot: &Snapshot, named: &Named, packet: &Packet) {
        let own = named.numbered(|name| rules.interface(name));
        let mut effects: Vec<(RuleKey, Effect)> = Vec::new();
        let expected = rules.walk(&own, None, |id, effect| effects.push((self.key(id), effect)));
        let rule = expected.rule.map(|id| self.key(id));
        let decision = snapshot.classify(packet);
        let shown = || format!("{packet:?}\nof {named:?}\n{rules}");
        assert_eq!((decision.rule, decision.action), (rule, expected.action), "{}", shown());
        assert_eq!(decision.fragment, expected.fragment);
        assert_eq!(decision.malformed, expected.malformed);
        let mut seen = Vec::new();
        let walked = snapshot.walk(packet, |key, effect| seen.push((key, effect)));
        assert_eq!((walked.rule, walked.action), (rule, expected.action));
        assert_eq!(seen, effects);
        let key = packet.flow_key();
        let expected = rules.first_match(&key.into(), None);
        let decision = snapshot.classify_key(&key);
        assert_eq!(decision.rule, expected.rule.map(|id| self.key(id)), "{key}\n{rules}");
        assert_eq!(decision.action, expected.action);
    }

    fn key(&self, id: RuleId) -> RuleKey {
        self.chains[id.chain.index()].1[id.index as usize].0
    }

    fn find(&self, key: RuleKey) -> (ChainId, usize) {
        let rules = self.rule_set();
        let lists = self.chains.iter().zip(0..);
        let found = lists.filter_map(|((_, list), id)| {
            let index = list.iter().position(|(other, _)| *other == key)?;
            Some((chain_id(&rules, id), index))
        });
        found.last().unwrap_or_else(|| panic!("{key} is not there"))
    }
}

impl Named {
    /// The packet with its interfaces numbered.
    fn numbered(&self, number: impl Fn(&str) -> Option<portcullis::packet::InterfaceId>) -> Packet {
        let [input, output] = [0, 1].map(|i| self.interfaces[i].as_deref().and_then(&number));
        let mut packet = self.packet;
        (packet.in_interface, packet.out_interface) = (input, output);
        packet
    }
}

/// The id of a rule set's chain by its place.
pub(super) fn chain_id(rules: &RuleSet, index: u32) -> ChainId {
    let mut same = RuleSet::new(());
    let mut id = ChainId::BASE;
    for _ in 0..index.min(rules.chains().len() as u32) {
        id = same.add_chain("");
    }
    id
}
