//! Readers while rules change: all of a change, or none of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use portcullis::update::{LiveMatcher, Position, Reader, Rebuild};
use portcullis::{Action, ChainId, Config, FlowKey, Protocol, Rule, RuleSet};

const PORTS: u16 = 16;
const CHANGES: u16 = 400;

fn key(port: u16) -> FlowKey {
    let (src, dst) = ("10.0.0.1:1000".parse().unwrap(), ([192, 0, 2, 1], port).into());
    FlowKey::new(Protocol::TCP, src, dst).unwrap()
}

fn open(port: u16) -> Rule {
    Rule::accept().tcp().to_ports(port)
}

/// One port is open at any time, and another one after each change.
#[test]
fn a_reader_never_sees_half_a_change() {
    let mut rules = RuleSet::new(Action::Drop);
    rules.push(open(0));
    (0..300).for_each(|port| _ = rules.push(Rule::drop().udp().to_ports(port)));
    let mut live = LiveMatcher::new(&rules, &Config::new()).unwrap();
    let done = AtomicBool::new(false);
    let readers = [live.reader(), live.reader()];
    let (jobs, waiting) = mpsc::channel::<Rebuild>();
    let (built, finished) = mpsc::channel();
    thread::scope(|scope| {
        let watches = readers.map(|reader| scope.spawn(|| watch(reader, &done)));
        scope.spawn(move || waiting.iter().for_each(|job| built.send(job.run().unwrap()).unwrap()));
        let mut opened = live.key_at(ChainId::BASE, 0).unwrap();
        for change in 1..=CHANGES {
            live.remove(opened).unwrap();
            let at = [Position::First(ChainId::BASE), Position::Last(ChainId::BASE)];
            opened = live.insert(at[usize::from(change % 2)], open(change % PORTS)).unwrap();
            if change % 100 == 0 {
                jobs.send(live.start_rebuild()).unwrap();
            }
            finished.try_iter().for_each(|built| _ = live.finish_rebuild(built));
            live.publish();
        }
        done.store(true, Ordering::Release);
        drop(jobs);
        for watch in watches {
            assert_eq!(watch.join().unwrap(), CHANGES % PORTS);
        }
    });
}

/// Looks until there is nothing more to come; returns the port that is open in the end.
fn watch(mut reader: Reader, done: &AtomicBool) -> u16 {
    loop {
        let last = done.load(Ordering::Acquire);
        let snapshot = reader.snapshot();
        let accepts = |port: &u16| *snapshot.classify_key(&key(*port)).action == Action::Accept;
        let open: Vec<u16> = (0..PORTS).filter(accepts).collect();
        assert_eq!(open.len(), 1, "{open:?}");
        if last {
            return open[0];
        }
    }
}

#[test]
fn nothing_is_seen_before_it_is_published() {
    let mut live = LiveMatcher::new(&RuleSet::new(Action::Drop), &Config::new()).unwrap();
    let mut reader = live.reader();
    let mut other = reader.clone();
    live.insert(Position::First(ChainId::BASE), open(1)).unwrap();
    live.rebuild().unwrap();
    assert_eq!(*reader.snapshot().classify_key(&key(1)).action, Action::Drop);
    let published = live.publish();
    for reader in [&mut reader, &mut other, &mut live.reader()] {
        assert_eq!(*reader.snapshot().classify_key(&key(1)).action, Action::Accept);
    }
    assert!(std::sync::Arc::ptr_eq(&published, &live.publish()), "nothing has changed since");
    drop(live);
    assert_eq!(*reader.snapshot().classify_key(&key(1)).action, Action::Accept);
}

#[test]
fn snapshots_and_readers_are_shared() {
    fn is_shared<T: Send + Sync>() {}
    fn is_sent<T: Send>() {}
    is_shared::<portcullis::update::Snapshot>();
    is_shared::<LiveMatcher>();
    is_sent::<Reader>();
    is_sent::<Rebuild>();
    is_sent::<portcullis::update::Rebuilt>();
}
