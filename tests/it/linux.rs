//! What a Linux kernel did with 21,056 packets, by the example `replay`: one test for each file.

#[path = "../../examples/replay/play.rs"]
pub(crate) mod play;
#[path = "../../examples/replay/vectors.rs"]
pub(crate) mod vectors;

use std::path::Path;

/// Plays a file; nothing may come out otherwise than it did in Linux.
fn plays(file: &str, cases: usize, packets: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    let mut counts = (0, 0);
    for case in vectors::read(&folder.join(file)).unwrap() {
        let case = case.unwrap();
        counts = (counts.0 + 1, counts.1 + case.packets.len());
        let mismatches = play::play(&case).unwrap();
        let shown: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
        assert!(shown.is_empty(), "{}", shown.join("\n"));
    }
    assert_eq!(counts, (cases, packets));
}

#[test]
fn rules_by_hand() {
    plays("a-hand.jsonl.gz", 31, 608);
}

#[test]
fn random_rules() {
    plays("a-random.jsonl.gz", 30, 3600);
}

#[test]
fn tcp() {
    plays("b-tcp.jsonl.gz", 217, 2225);
}

#[test]
fn other_protocols() {
    plays("c-other.jsonl.gz", 92, 674);
}

#[test]
fn conversations() {
    plays("d-conversations.jsonl.gz", 50, 3976);
}

#[test]
fn conversations_under_random_rules() {
    plays("d-rules.jsonl.gz", 15, 1172);
}

#[test]
fn random_segments_and_chunks() {
    plays("e-random.jsonl.gz", 220, 8801);
}

/// Of a case whose expectations are changed, each kind of difference is found.
#[test]
fn a_difference_is_found() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors/b-tcp.jsonl.gz");
    let mut case = vectors::read(&path).unwrap().next().unwrap().unwrap();
    for packet in &mut case.packets {
        packet.verdict = if packet.verdict == "DROP" { "ACCEPT" } else { "DROP" }.into();
        packet.policy = packet.policy.map(|policy| !policy);
        packet.hits = Some(Vec::new());
        packet.ct_state = Some("UNTRACKED".into());
        packet.tcp_state_after = Some("NONE".into());
        if let Some(entry) = &mut packet.ct_after {
            entry.timeout_s += 2;
        }
    }
    let mismatches = play::play(&case).unwrap();
    for what in play::What::ALL {
        let count = mismatches.iter().filter(|mismatch| mismatch.what == what).count();
        assert!(count > 0 && count <= case.packets.len(), "{what}");
    }
    let first = mismatches.first().unwrap();
    assert_eq!((&first.case, first.packet), (&case.name, 1));
}
