//! Sets against plain lists.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use portcullis::rule::set::{EndpointSet, InterfaceSet, PortSet, PrefixSet};
use proptest::prelude::*;

use crate::strategies::{Rng, seeds};

/// Addresses that agree in many bits or in none.
fn address(rng: &mut Rng, v6: bool) -> IpAddr {
    if v6 {
        let base =
            rng.pick(&[0, u128::MAX, 0x2001_0db8 << 96, 0x2001_0db8_0001 << 80, 0x2a << 120]);
        let low =
            u128::from(rng.number() & 3) << rng.pick(&[0, 1, 32, 62, 64, 78, 80, 94, 96, 110]);
        return Ipv6Addr::from_bits(base ^ low).into();
    }
    let base = rng.pick(&[0, u32::MAX, 0x0a00_0000, 0x0a01_0000, 0x0a01_02ff, 0x7fff_ffff]);
    let low = (rng.number() as u32 & 3) << rng.pick(&[0, 1, 7, 8, 14, 15, 16, 17, 24, 30]);
    Ipv4Addr::from_bits(base ^ low).into()
}

fn prefix(rng: &mut Rng) -> IpNet {
    let v6 = rng.percent(50);
    let lengths = [0, 1, 7, 8, 14, 15, 16, 17, 23, 24, 30, 31, 32, 33, 47, 48, 49, 64, 127, 128];
    let length = rng.pick(&lengths).min(if v6 { 128 } else { 32 });
    IpNet::new(address(rng, v6), length).unwrap()
}

/// The addresses at the edges of the prefixes, those next to them, and others.
fn probes(rng: &mut Rng, nets: &[IpNet]) -> Vec<IpAddr> {
    let next = |address: IpAddr, by: i8| match address {
        IpAddr::V4(a) => {
            IpAddr::from(Ipv4Addr::from_bits(a.to_bits().wrapping_add_signed(by.into())))
        }
        IpAddr::V6(a) => Ipv6Addr::from_bits(a.to_bits().wrapping_add_signed(by.into())).into(),
    };
    let edges = nets.iter().flat_map(|net| [net.network(), net.broadcast()]);
    let near = edges.flat_map(|edge| [next(edge, -1), edge, next(edge, 1)]);
    let others = (0..20).map(|i| address(rng, i % 2 == 0)).collect::<Vec<_>>();
    near.chain(others).collect()
}

fn check(rng: &mut Rng, set: &PrefixSet, list: &BTreeSet<IpNet>) {
    let nets: Vec<IpNet> = list.iter().copied().collect();
    assert_eq!(set.sorted(), nets);
    assert_eq!((set.len(), set.is_empty()), (nets.len(), nets.is_empty()));
    for address in probes(rng, &nets) {
        let held = nets.iter().any(|net| net.contains(&address));
        assert_eq!(set.contains(address), held, "{address} in {nets:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Many in one slot: what is halved, and what is compared at once, at every size.
    #[test]
    fn crowded_prefixes_are_held_as_in_a_list(seed in seeds()) {
        let mut rng = Rng::new(seed);
        let v6 = rng.percent(50);
        let (count, shift) = (1 + rng.below(90), rng.pick(&[0, 3, 8, 16, 40, 64]));
        let net = |rng: &mut Rng| {
            let number = u128::from(rng.number() & 0xff);
            match v6 {
                true => {
                    let address = (0x2001_0db8 << 96) | number << shift;
                    let length = 128 - (shift as u8 + rng.below(3) as u8).min(80);
                    IpNet::new(Ipv6Addr::from_bits(address).into(), length).unwrap().trunc()
                }
                false => {
                    let address = 0x0a01_0000 | (number as u32) << (shift % 9);
                    let length = 32 - (shift % 9) as u8 - rng.below(3) as u8;
                    IpNet::new(Ipv4Addr::from_bits(address).into(), length).unwrap().trunc()
                }
            }
        };
        let nets: Vec<IpNet> = (0..count).map(|_| net(&mut rng)).collect();
        let at_once: PrefixSet = nets.iter().copied().collect();
        let mut one_by_one = PrefixSet::new();
        nets.iter().for_each(|net| _ = one_by_one.insert(*net));
        let mut list: BTreeSet<IpNet> = nets.iter().copied().collect();
        check(&mut rng, &at_once, &list);
        check(&mut rng, &one_by_one, &list);
        for net in nets.iter().step_by(2) {
            prop_assert_eq!(one_by_one.remove(*net), list.remove(net));
        }
        check(&mut rng, &one_by_one, &list);
        prop_assert_eq!(&one_by_one, &list.iter().copied().collect());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn prefixes_are_held_as_in_a_list(seed in seeds()) {
        let mut rng = Rng::new(seed);
        let (mut set, mut list) = (PrefixSet::new(), BTreeSet::new());
        for _ in 0..16 {
            let before = (set.clone(), list.clone());
            let net = prefix(&mut rng);
            match rng.below(4) {
                0 if !list.is_empty() => {
                    let all: Vec<IpNet> = list.iter().copied().collect();
                    let net = rng.pick(&all);
                    prop_assert!(set.remove(net) && list.remove(&net));
                }
                1 => prop_assert_eq!(set.remove(net), list.remove(&net.trunc())),
                _ => prop_assert_eq!(set.insert(net), list.insert(net.trunc())),
            }
            prop_assert_eq!(set.contains_prefix(net), list.contains(&net.trunc()));
            check(&mut rng, &set, &list);
            // The copy has not changed.
            prop_assert_eq!(before.0.sorted(), before.1.into_iter().collect::<Vec<_>>());
        }
        prop_assert_eq!(&set, &list.iter().copied().collect::<PrefixSet>());
        set.insert(prefix(&mut rng));
        prop_assert_eq!(set == list.iter().copied().collect::<PrefixSet>(), set.len() == list.len());
    }

    #[test]
    fn many_at_once_are_as_one_by_one(seed in seeds()) {
        let mut rng = Rng::new(seed);
        let many: Vec<IpNet> = (0..1100).map(|_| {
            let (v6, bits) = (rng.percent(50), rng.number() as u128);
            let address = match v6 {
                true => IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8 << 96 | bits << 60)),
                false => IpAddr::V4(Ipv4Addr::from_bits(bits as u32 & 0xff07_ffff)),
            };
            IpNet::new(address, rng.pick(&[12, 16, 20, 24, 28, 32])).unwrap()
        }).collect();
        let (some, rest) = many.split_at(rng.below(many.len()));
        let mut together: PrefixSet = some.iter().copied().collect();
        together.extend(rest.iter().copied());
        let mut single = PrefixSet::new();
        many.iter().for_each(|net| _ = single.insert(*net));
        prop_assert_eq!(&together, &single);
        let list: BTreeSet<IpNet> = many.iter().map(IpNet::trunc).collect();
        prop_assert_eq!(together.sorted(), list.iter().copied().collect::<Vec<_>>());
        for net in &many[..50] {
            prop_assert!(together.contains(net.addr()));
        }
        many.iter().for_each(|net| _ = together.remove(*net));
        prop_assert!(together.is_empty() && !many.iter().any(|net| together.contains(net.addr())));
    }

    #[test]
    fn pairs_are_held_as_in_a_list(seed in seeds()) {
        let mut rng = Rng::new(seed);
        let (mut set, mut list) = (EndpointSet::new(), BTreeSet::new());
        for _ in 0..24 {
            let v6 = rng.percent(50);
            let (ip, port) = (address(&mut rng, v6), rng.pick(&[0, 1, 443, u16::MAX]));
            match rng.percent(30) {
                true => prop_assert_eq!(set.remove(ip, port), list.remove(&(ip, port))),
                false => prop_assert_eq!(set.insert(ip, port), list.insert((ip, port))),
            }
            prop_assert_eq!(set.sorted(), list.iter().copied().collect::<Vec<_>>());
            for port in [0, 1, 443, u16::MAX] {
                prop_assert_eq!(set.contains(ip, port), list.contains(&(ip, port)));
            }
        }
        prop_assert_eq!(&set, &list.into_iter().collect::<EndpointSet>());
    }

    #[test]
    fn ports_are_held_as_in_a_list(seed in seeds()) {
        let mut rng = Rng::new(seed);
        let ends = [0, 1, 63, 64, 65, 127, 1023, 65534, 65535];
        let (mut set, mut list) = (PortSet::new(), vec![false; 65536]);
        for _ in 0..10 {
            let put_in = rng.percent(60);
            let (a, b) = (rng.pick(&ends), rng.pick(&ends));
            let (first, last) = (a.min(b), a.max(b));
            list[first.into()..=last.into()].fill(put_in);
            if put_in { set.insert(first..=last) } else { set.remove(first..=last) }
        }
        let held: Vec<u16> = (0..=u16::MAX).filter(|port| list[usize::from(*port)]).collect();
        prop_assert_eq!(set.len(), held.len());
        let listed = set.ranges().flat_map(|range| range.first()..=range.last());
        prop_assert_eq!(listed.collect::<Vec<u16>>(), held);
        prop_assert!((0..=u16::MAX).all(|port| set.contains(port) == list[usize::from(port)]));
        let ranges: Vec<_> = set.ranges().collect();
        prop_assert!(ranges.windows(2).all(|pair| pair[0].last() + 1 < pair[1].first()));
    }
}

#[test]
fn a_wildcard_stands_for_what_begins_so() {
    let mut set = InterfaceSet::from_iter(["wg*", "eth0", "wg1"]);
    assert!(
        set.contains("wg0") && set.contains("wg1") && set.contains("wg") && set.contains("eth0")
    );
    assert!(!set.contains("eth1") && !set.contains("w"));
    assert!(set.remove("wg*") && !set.remove("wg*"));
    assert!(set.contains("wg1") && !set.contains("wg0"));
    assert_eq!(set.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["eth0", "wg1"]);
    assert_eq!((set.len(), set.is_empty()), (2, false));
}
