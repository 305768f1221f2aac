//! The example `firewall`, run in this process: what it decides on the shipped case, the formats
//! that it reads, and what it does with damaged ones.

#![allow(dead_code, reason = "modules of a program, of which each test uses a part")]

use std::path::{Path, PathBuf};

use clap::Parser;

#[path = "../../examples/firewall/app.rs"]
mod app;
#[path = "../../examples/firewall/capture.rs"]
pub(crate) mod capture;
#[path = "../../examples/firewall/judge.rs"]
mod judge;
#[path = "../../examples/firewall/link.rs"]
pub(crate) mod link;
#[path = "../../examples/firewall/paint.rs"]
mod paint;
#[path = "../../examples/firewall/policy.rs"]
mod policy;
#[path = "../../examples/firewall/progress.rs"]
mod progress;
#[path = "../../examples/firewall/rows.rs"]
mod rows;
#[path = "../../examples/firewall/story.rs"]
mod story;
#[path = "../../examples/firewall/summary.rs"]
mod summary;
#[path = "../../examples/firewall/texts.rs"]
mod texts;
#[path = "../../examples/firewall/words.rs"]
mod words;

mod damage;
mod derived;
mod files;
mod formats;
mod program;
mod shipped;

/// A file of the shipped case.
fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data").join(name)
}

/// Runs the program: what it writes, and how it ends.
fn run(arguments: &[&str]) -> (String, Result<(), app::Failure>) {
    let arguments = ["firewall"].iter().chain(arguments);
    let arguments = app::Args::try_parse_from(arguments).unwrap();
    let mut out = Vec::new();
    let result = app::run(&arguments, &mut out, paint::Paint(false));
    (String::from_utf8(out).unwrap(), result)
}

/// Runs the program on a capture of these bytes with the shipped rules.
fn run_on(bytes: &[u8]) -> (String, Result<(), app::Failure>) {
    let file = files::Scratch::new(bytes);
    run(&[shipped("office.rules").to_str().unwrap(), file.path().to_str().unwrap()])
}

/// The lines about frames.
fn frames(output: &str) -> Vec<&str> {
    let lines = output.lines().skip_while(|line| !line.starts_with("frame ")).skip(1);
    lines.take_while(|line| !line.is_empty()).collect()
}
