use alloc::sync::Arc;

use arc_swap::{ArcSwap, Cache};

use super::Snapshot;
use crate::rule::Action;

/// Has the newest [`Snapshot`] that was published: one for each thread that judges packets.
///
/// Never waits for the writer or for other readers, and no one waits for it.
///
/// # Examples
///
/// ```
/// use std::thread;
/// use portcullis::update::{LiveMatcher, Position};
/// use portcullis::{Action, ChainId, Config, FlowKey, Protocol, Rule, RuleSet};
///
/// let mut live = LiveMatcher::new(&RuleSet::new(Action::Drop), &Config::new())?;
/// let mut reader = live.reader();
/// let dns = FlowKey::new(Protocol::UDP, "10.0.0.1:4000".parse()?, "192.0.2.1:53".parse()?)?;
/// let judge = thread::spawn(move || {
///     // Whatever is published meanwhile, all that is asked of one snapshot is of one rule set.
///     let accepts = |reader: &mut portcullis::update::Reader| {
///         let snapshot = reader.snapshot();
///         *snapshot.classify_key(&dns).action == Action::Accept
///     };
///     while !accepts(&mut reader) {
///         thread::yield_now();
///     }
/// });
/// live.insert(Position::Last(ChainId::BASE), Rule::accept().udp().to_ports(53))?;
/// live.publish();
/// judge.join().unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader<A = Action> {
    cache: Cache<Arc<ArcSwap<Snapshot<A>>>, Arc<Snapshot<A>>>,
}

impl<A> Reader<A> {
    pub(super) fn new(published: Arc<ArcSwap<Snapshot<A>>>) -> Self {
        Self { cache: Cache::new(published) }
    }

    /// The snapshot published last. Take it anew for every batch of packets, or for every packet.
    ///
    /// # Complexity
    ///
    /// One atomic read if nothing was published since the last call.
    #[inline]
    pub fn snapshot(&mut self) -> &Snapshot<A> {
        self.cache.load()
    }
}

impl<A> Clone for Reader<A> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone() }
    }
}
