//! What a rule set lets through, and which of its rules are not what they seem.
//!
//! `cargo run --release --all-features --example audit -- FORMAT FILE` prints counts, rules that can
//! never match and what is in their way, redundant rules, pairs whose order matters and what is
//! accepted from anywhere; with a second FILE, everything that the two decide differently. `--json` is
//! for machines, `--html OUT` writes a page with a picture. Without arguments it analyses a small rule set.

mod app;
mod findings;
#[path = "../formats/mod.rs"]
mod formats;
mod json;
mod page;
mod picture;
mod text;

use std::io::{BufWriter, stdout};
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let mut out = BufWriter::new(stdout().lock());
    let result = app::run(&app::Args::parse(), &mut out);
    // Dropping the buffer could try again to write to a pipe that is closed.
    _ = out.into_parts();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
