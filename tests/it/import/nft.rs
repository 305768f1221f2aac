//! Rules of nftables: what is read, what it means, what is an error; and what a kernel does.

mod addresses;
mod bytes;
mod errors;
mod kernel;
mod listings;
mod rates;

use portcullis::conntrack::{Limits, Time};
use portcullis::import::nft::{Firewall, Hook, Nftables};
use portcullis::{Config, ConnTable};

fn listing(name: &str) -> String {
    let path = format!("{}/tests/data/nft/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn tracked(tables: &Nftables, hook: Hook) -> Firewall {
    let table = ConnTable::new(&Limits::new(1000), [7; 16]);
    tables.hook(hook).firewall(table, &Config::new()).unwrap()
}

fn at(millis: u64) -> Time {
    Time::from_millis(1_000_000 + millis)
}
