//! New SSH connections in a capture, and attempts that failed, as alerts for a chat.
//!
//! `cargo run --release --all-features --example ssh_alert` reads a capture that comes with it and
//! prints each alert as the JSON that incoming webhooks of chats take (`{"text": ...}`). Nothing is
//! sent anywhere unless `--url` is given; `-- --help` says what else there is.

#[path = "../firewall/capture.rs"]
#[allow(dead_code, reason = "the example `firewall` shows more of a capture")]
mod capture;
#[path = "../firewall/link.rs"]
#[allow(dead_code, reason = "the example `firewall` shows more of a frame")]
mod link;

mod alert;
mod app;
mod watch;

use std::io::{Write, stdout};
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let mut out = stdout().lock();
    match app::run(&app::Args::parse(), &mut out).and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
