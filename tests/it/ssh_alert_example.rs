//! The example `ssh_alert`, run in this process on the capture that comes with it.

#![allow(dead_code, reason = "modules of a program")]

use std::fs;
use std::process;

use clap::Parser;
use serde_json::Value;

use crate::firewall_example::{capture, link};

#[path = "../../examples/ssh_alert/alert.rs"]
mod alert;
#[path = "../../examples/ssh_alert/app.rs"]
mod app;
#[path = "../../examples/ssh_alert/watch.rs"]
mod watch;

/// The texts of the alerts.
fn alerts(args: &[&str]) -> Vec<String> {
    let args = app::Args::try_parse_from(["ssh_alert"].iter().chain(args)).unwrap();
    let mut out = Vec::new();
    app::run(&args, &mut out).unwrap_or_else(|failure| panic!("{failure}"));
    let read =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["text"].as_str().unwrap().into();
    String::from_utf8(out).unwrap().lines().map(read).collect()
}

fn count(alerts: &[String], part: &str) -> usize {
    alerts.iter().filter(|alert| alert.contains(part)).count()
}

#[test]
fn what_the_capture_holds_is_found() {
    let alerts = alerts(&["--per-source", "1000"]);
    assert_eq!(count(&alerts, "new SSH connection"), 10);
    assert_eq!(count(&alerts, "probably failed"), 6);
    assert_eq!(count(&alerts, "SSH login from 10.1.0.10:"), 5, "{alerts:#?}");
    assert_eq!(count(&alerts, ":2222 was refused after 2 packets"), 1);
    assert_eq!(alerts.len(), 17);
}

#[test]
fn a_source_causes_so_many_alerts() {
    let alerts = alerts(&["--per-source", "2"]);
    assert_eq!(count(&alerts, "from 10.1.0.10:"), 2);
    assert_eq!(alerts.last().unwrap(), "1 more alert about 2001:db8:1::10 was held back");
    assert_eq!(count(&alerts, "12 more alerts about 10.1.0.10 were held back"), 1, "{alerts:#?}");
}

#[test]
fn alerts_go_on_in_the_next_window() {
    let alerts = alerts(&["--per-source", "2", "--window", "1"]);
    let held_back = alerts.iter().position(|alert| alert.contains("held back\n")).unwrap();
    assert!(alerts[held_back].contains(" about 10.1.0.10 were held back\n"), "{alerts:#?}");
}

#[test]
fn what_the_rules_deny_is_told() {
    let path = std::env::temp_dir().join(format!("ssh-alert-{}.rules", process::id()));
    fs::write(&path, "accept state established\naccept ipv6 state new\n").unwrap();
    let alerts = alerts(&["--rules", path.to_str().unwrap(), "--per-source", "1000"]);
    fs::remove_file(&path).unwrap();
    assert_eq!(count(&alerts, "new SSH connection from [2001"), 2);
    assert_eq!(count(&alerts, "denied: drop (default)"), alerts.len() - 3, "{alerts:#?}");
    assert!(count(&alerts, "SSH from 10.1.0.10:") >= 8);
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let args = app::Args::try_parse_from(["ssh_alert", "Cargo.toml"]).unwrap();
    let error = app::run(&args, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.starts_with("Cargo.toml: "), "{error}");
}
