//! A firewall over a capture: each packet judged alone, and judged with its connection.
//!
//! `cargo run --release --example firewall` shows a small case; `-- RULES CAPTURE` judges files of
//! your own, and `-- --help` says what else there is.

mod app;
mod capture;
mod judge;
mod link;
mod paint;
mod policy;
mod progress;
mod rows;
mod story;
mod summary;
mod texts;
mod words;

use std::io::{BufWriter, stdout};
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let mut out = BufWriter::new(stdout().lock());
    let result = app::run(&app::Args::parse(), &mut out, paint::Paint::detect());
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
