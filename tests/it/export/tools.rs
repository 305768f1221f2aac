//! What is written, given to the kernel's own tools in a namespace; where there are none, the test says
//! that it was not run.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use portcullis::export::{Host, iptables, nft};
use portcullis::import::iptables::Hook;

use super::random;
use crate::strategies::Rng;

/// Runs a line of shell in namespaces of its own.
fn run(line: &str) -> Option<Output> {
    Command::new("unshare").args(["-rn", "sh", "-c", line]).output().ok()
}

fn is_possible(tool: &str) -> bool {
    run(&format!("{tool} --version")).is_some_and(|output| output.status.success())
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("portcullis-{}-{name}", std::process::id()));
    fs::write(&path, text).unwrap();
    path
}

fn accepted(line: &str, text: &str) {
    let output = run(line).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {error}\n{text}");
}

#[test]
fn nft_takes_listings() {
    if !is_possible("nft") || !is_possible("nft list ruleset;:") {
        return println!("not run: no nft or no namespaces here");
    }
    let mut count = 0;
    for seed in 0..super::cases(40).min(400) {
        let mut rng = Rng::new(seed);
        let rules = random::rules(&mut rng, 0, true);
        let Ok(listing) = nft::to_json(&Host::new().rules(Hook::Forward, &rules)) else { continue };
        let path = file("listing.json", &listing);
        accepted(&format!("nft -j -c -f {}", path.display()), &listing);
        fs::remove_file(path).unwrap();
        count += 1;
    }
    println!("nft took {count} listings");
}

#[test]
fn iptables_restore_takes_texts() {
    if !is_possible("iptables-restore") || !is_possible("ip6tables-restore") {
        return println!("not run: no iptables-restore or no namespaces here");
    }
    let has_sets = is_possible("ipset list") || is_possible("ipset");
    let mut count = 0;
    for seed in 0..super::cases(30).min(300) {
        let mut rng = Rng::new(seed);
        let rules = random::rules(&mut rng, 0, false);
        let host = Host::new().rules(Hook::Forward, &rules).drop_unreadable(true);
        let Ok(saved) = iptables::to_text(&host) else { continue };
        if !saved.sets.is_empty() && !has_sets {
            continue;
        }
        let sets = file("sets", &saved.sets);
        for (tool, text) in [("iptables-restore", &saved.v4), ("ip6tables-restore", &saved.v6)] {
            let path = file("rules", text);
            let (sets, path) = (sets.display(), path.display());
            let line =
                format!("test ! -s {sets} || ipset restore < {sets} && {tool} --test {path}");
            accepted(&line, text);
        }
        count += 1;
    }
    println!("iptables-restore took {count} texts of each family");
}
