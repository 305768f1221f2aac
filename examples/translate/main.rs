//! Rules of one system in the form of another.
//!
//! `cargo run --release --all-features --example translate -- FROM TO FILE` reads a file of the form
//! `FROM` (`iptables`, `ip6tables`, `nft`, `aws-sg`, `aws-nacl`, `classbench` or `text`) and prints it in
//! the form `TO` (`text`, `iptables`, `ip6tables` or `nft`), or the error with its place. What a `--lenient` run
//! leaves out is listed on standard error. Without arguments it shows what it does with a small rule set.

mod app;
#[path = "../formats/mod.rs"]
mod formats;

use std::io::{ErrorKind, Write, stdout};
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let result = app::run(&app::Args::parse()).and_then(|output| {
        output.notes.iter().for_each(|note| eprintln!("{note}"));
        match stdout().write_all(output.text.as_bytes()) {
            // Whoever reads may stop before the end.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
            _ => Ok(()),
        }
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
