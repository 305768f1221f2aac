//! Saved connections from any bytes: reading never panics, what is read is written as it was, and a
//! table that it is moved to keeps to its capacity and its timeouts and goes on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::ConnTable;
use portcullis::conntrack::helper::Ftp;
use portcullis::conntrack::{Conntrack, Limits, SourceLimit, Time, saved};

const NOW: Time = Time::from_secs(1_000_000);

/// The longest of the default timeouts, in seconds.
const LONGEST: u64 = 432_000;

fuzz_target!(|bytes: &[u8]| {
    let connections = match saved::from_bytes(bytes) {
        Ok(connections) => connections,
        Err(error) => {
            assert!(error.offset().is_some_and(|offset| offset <= bytes.len()));
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert_eq!(saved::to_bytes(connections.iter().cloned()), bytes);
    let limits = Limits::new(16).per_source(SourceLimit::new(4)).helped(2);
    let mut table = ConnTable::new(&limits, [5; 16]).with_helper(Ftp::new());
    for connection in &connections {
        let entered = table.import(connection, NOW).is_ok();
        assert!(table.len() <= 16);
        let over = connection.remaining.is_zero();
        let listed = table.connection_in(connection.zone, &connection.original, NOW);
        if entered && !over && connection.query.is_none() {
            assert!(listed.is_some());
        }
    }
    for listed in table.connections(NOW) {
        assert!(listed.deadline > NOW && listed.deadline.since(NOW).as_secs() <= LONGEST);
    }
    // Each goes on: its opening packet is known.
    let openings: Vec<_> = table.connections(NOW).map(|listed| listed.opening()).collect();
    for opening in openings {
        assert!(table.connection_of(&opening, NOW).is_some());
        table.look_up(&opening, NOW);
    }
    let again: Vec<_> = table.export(NOW).collect();
    assert_eq!(saved::from_bytes(&saved::to_bytes(again.iter().cloned())).as_ref(), Ok(&again));
});
