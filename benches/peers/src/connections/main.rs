//! The connection table measured against DPDK's hash table, rte_hash: the same flows, the same
//! run. rte_hash finds a place by a key; the connection table finds a connection, checks the
//! packet's numbers against its windows, and moves its state and its deadline.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml --bin connections
//! ```

#[allow(dead_code, reason = "shared with the other program")]
#[path = "../clock.rs"]
mod clock;
#[allow(dead_code, reason = "shared with the main package's benchmarks")]
#[path = "../../../flows/mod.rs"]
mod flows;
mod measure;
mod pages;
mod report;
#[cfg_attr(not(dpdk), path = "no_dpdk.rs")]
mod rte_hash;

use std::process::ExitCode;

use clap::Parser;

use measure::{Conditions, Measured};
use rte_hash::Dpdk;

/// Measures portcullis's connection table against DPDK's rte_hash
#[derive(Parser)]
struct Options {
    /// How many connections there are
    #[arg(default_values_t = [10_000, 100_000, 1_000_000])]
    flows: Vec<u32>,
    /// How often each contestant is timed
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
    passes: u16,
    /// How many packets a contestant gets each time
    #[arg(long, default_value_t = 200_000)]
    packets: u32,
    /// Leave all memory in common pages instead of huge ones
    #[arg(long)]
    small_pages: bool,
    /// The core to measure on [default: the last one]
    #[arg(long)]
    core: Option<usize>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let core = options.core.unwrap_or_else(|| clock::last(&clock::cores()));
    clock::pin(core)?;
    pages::huge(!options.small_pages);
    let dpdk = Dpdk::start(core, !options.small_pages);
    let dpdk = dpdk.map_err(|reason| eprintln!("{reason}")).ok();
    let blocks = options.packets as usize / measure::BLOCK;
    let conditions = Conditions { passes: options.passes.into(), blocks, dpdk };
    let measure = |flows: &u32| conditions.measure(*flows);
    let all = options.flows.iter().map(measure).collect::<Result<Vec<Measured>, String>>()?;
    println!("{}\n\n{}", report::table(&all), report::NOTES);
    Ok(())
}
