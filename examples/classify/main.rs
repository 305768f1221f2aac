//! How fast rules are found: a ClassBench filter file, compiled and asked about a trace.
//!
//! `cargo run --release --example classify` measures a small case; `-- RULES TRACE [EXPECT]` files of
//! your own, and `-- --help` says what else there is. Every answer is compared, with EXPECT or with
//! the linear definition; the exit code is 1 if one is wrong.

mod app;
mod input;
mod timing;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let mut out = BufWriter::new(io::stdout().lock());
    let result = app::run(&app::Args::parse(), &mut out);
    let flushed = out.flush();
    // Dropping the buffer could try again to write to a pipe that is closed.
    _ = out.into_parts();
    match result.and_then(|right| Ok(flushed.map(|()| right)?)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(app::Failure::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
