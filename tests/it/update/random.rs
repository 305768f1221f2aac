//! Random changes to random rule sets.

use std::env;

use portcullis::update::{Position, Rebuild};
use portcullis::{ChainId, Config, Packet, Rule, RuleId, RuleSet};
use proptest::prelude::*;

use super::model::{Model, Named, chain_id};
use crate::strategies::{Rng, Shape, case, seeds};

const STEPS: usize = 16;

/// How many rule sets are changed; with `PORTCULLIS_LONG=1` in the environment many.
fn cases() -> u32 {
    if env::var_os("PORTCULLIS_LONG").is_some_and(|long| long == "1") { 1000 } else { 3 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn every_step_is_decided_as_defined(seed in seeds()) {
        run(seed, &Shape { rules: 30, packets: 40, ..Shape::STATELESS });
    }

    #[test]
    fn rules_that_only_decide(seed in seeds()) {
        run(seed, &Shape { rules: 60, chains: 0, packets: 40, ..Shape::STATELESS });
    }
}

/// Starts with some rules of a rule set, and takes rules of it in and out.
fn run(seed: u64, shape: &Shape) {
    let (pool, packets) = case(seed, shape);
    let mut rng = Rng::new(seed ^ 0x7570_6461);
    let packets: Vec<Named> = packets.into_iter().map(|packet| named(&pool, packet)).collect();
    let plain = rng.percent(50);
    let pool = pool_of(&pool, plain);
    let mut model = Model::new(&some_of(&mut rng, &pool), &Config::new());
    model.live.set_overlay(rng.pick(&[0, 1, 3, 10, 64]));
    let mut job = None;
    model.check(&packets);
    for _ in 0..STEPS {
        step(&mut rng, &mut model, &pool, &mut job);
        model.check(&packets);
    }
    model.check_places();
}

fn step(rng: &mut Rng, model: &mut Model, pool: &RuleSet, job: &mut Option<Rebuild>) {
    match rng.below(14) {
        0..5 => {
            for _ in 0..rng.pick(&[1, 1, 1, 1, 4, 4, 40]) {
                insert(rng, model, pool);
            }
        }
        5..9 => {
            model.check_places();
            for _ in 0..rng.pick(&[1, 1, 2, 10]) {
                if let Some(key) = rng.try_pick(&model.keys()) {
                    model.remove(key);
                }
            }
        }
        9 => *job = Some(model.live.start_rebuild()),
        10 => {
            if let Some(job) = job.take() {
                let (changed, before) = (model.live.inserted(), model.keys());
                let done = model.live.finish_rebuild(job.run().unwrap());
                assert!(done || model.live.inserted() == changed);
                assert_eq!(model.keys(), before);
            }
        }
        12.. => model.change_sets(rng),
        _ => {
            model.live.rebuild().unwrap();
            assert_eq!((model.live.inserted(), model.live.removed()), (0, 0));
        }
    }
}

fn insert(rng: &mut Rng, model: &mut Model, pool: &RuleSet) {
    let index = rng.below(pool.chains().len());
    let chain = chain_id(pool, index as u32);
    let Some(rule) = rng.try_pick(pool.chains()[index].rules()) else { return };
    let len = model.len(chain);
    let place = RuleId::new(chain, rng.below(len + 1) as u32);
    let at = model.live.key_at(chain, rng.below(len.max(1)));
    let position = match (rng.below(5), at) {
        (0, Some(key)) => Position::Before(key),
        (1, Some(key)) => Position::After(key),
        (2, _) => Position::First(chain),
        (3, _) => Position::Last(chain),
        _ => Position::At(place),
    };
    model.insert(position, rule).unwrap_or_else(|error| panic!("{error}"));
}

/// The pool without rules that do more than decide, if asked for.
fn pool_of(pool: &RuleSet, plain: bool) -> RuleSet {
    let keep = |rule: &Rule| !plain || rule.target.action().is_some();
    filtered(pool, keep)
}

fn some_of(rng: &mut Rng, pool: &RuleSet) -> RuleSet {
    let share = rng.pick(&[0, 30, 70, 100]);
    filtered(pool, |_| rng.percent(share))
}

fn filtered(pool: &RuleSet, mut keep: impl FnMut(&Rule) -> bool) -> RuleSet {
    let mut some = RuleSet::new(*pool.default_action());
    some.set_sets(pool.sets().clone());
    for (i, chain) in pool.chains().iter().enumerate() {
        let id = if i == 0 { ChainId::BASE } else { some.add_chain(chain.name()) };
        let rules = chain.rules().iter().filter(|rule| keep(rule));
        rules.for_each(|rule| _ = some.push_to(id, rule.clone()));
    }
    some
}

/// The packet with real names for its interfaces.
fn named(pool: &RuleSet, packet: Packet) -> Named {
    let real = |id| pool.interface_name(id).map(|name| name.as_str().replace('*', "7"));
    let interfaces = [packet.in_interface, packet.out_interface].map(|id| id.and_then(real));
    Named { packet, interfaces }
}
