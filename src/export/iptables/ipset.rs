//! Named sets, as `ipset save` writes them.

use alloc::format;
use alloc::string::String;

use ipnet::IpNet;

use crate::packet::Family;
use crate::rule::set::{Set, Sets};

/// The name of a set of addresses of one family.
pub(super) fn name(set: &str, family: Family) -> String {
    match family {
        Family::V4 => format!("{set}-4"),
        Family::V6 => format!("{set}-6"),
    }
}

/// What is wrong with a name, if anything: words end at white space, and names have 31 bytes there.
pub(super) fn is_name(set: &str) -> bool {
    let sound = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    !set.is_empty() && set.len() <= 29 && set.chars().all(sound)
}

/// The sets of prefixes; others stand in the rules themselves.
pub(super) fn save(sets: &Sets) -> String {
    let mut text = String::new();
    for (set, contents) in sets.iter() {
        let Set::Prefixes(prefixes) = contents else { continue };
        let prefixes = prefixes.sorted();
        for (family, word) in [(Family::V4, "inet"), (Family::V6, "inet6")] {
            let name = name(set.as_str(), family);
            let own = prefixes.iter().filter(|net| family_of(net) == family);
            let most = own.clone().count().saturating_mul(2).max(65_536);
            text += &format!("create {name} hash:net family {word} maxelem {most}\n");
            for net in own {
                add(&mut text, &name, *net);
            }
        }
    }
    text
}

const fn family_of(net: &IpNet) -> Family {
    match net {
        IpNet::V4(_) => Family::V4,
        IpNet::V6(_) => Family::V6,
    }
}

/// A set of networks has no room for a prefix of no bits, but for its halves.
fn add(text: &mut String, name: &str, net: IpNet) {
    match net.prefix_len() {
        0 => {
            for half in net.subnets(1).into_iter().flatten() {
                *text += &format!("add {name} {half}\n");
            }
        }
        _ => *text += &format!("add {name} {net}\n"),
    }
}
