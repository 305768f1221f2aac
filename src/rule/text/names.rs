use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;

use crate::rule::{ChainId, RuleSet};

/// The name by which text tells each chain from the others.
///
/// It is the chain's own unless an earlier chain has that too; then a number is put behind it:
/// `ssh-2`.
pub(super) struct Names<'r> {
    names: Vec<Cow<'r, str>>,
}

impl<'r> Names<'r> {
    /// # Complexity
    ///
    /// The number of chains times its logarithm.
    pub(super) fn new<A>(rules: &'r RuleSet<A>) -> Self {
        let own = || rules.chains().iter().map(|chain| chain.name());
        let mut taken: BTreeSet<Cow<'r, str>> = own().map(Cow::Borrowed).collect();
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        let mut distinct = |name: &'r str| {
            let Some(number) = last.get_mut(name) else {
                last.insert(name, 1);
                return Cow::Borrowed(name);
            };
            loop {
                *number += 1;
                let numbered: Cow<'r, str> = Cow::Owned(format!("{name}-{number}"));
                if taken.insert(numbered.clone()) {
                    return numbered;
                }
            }
        };
        Self { names: own().map(&mut distinct).collect() }
    }

    pub(super) fn name(&self, chain: ChainId) -> Option<&str> {
        self.names.get(chain.index()).map(|name| &**name)
    }
}
