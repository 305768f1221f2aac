//! portcullis measured against DPDK's rte_acl and a linear list and wirefilter: the same rules, the same headers,
//! the same run.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml
//! ```

#[allow(dead_code, reason = "shared with the main package's benchmarks")]
#[path = "../../classbench/mod.rs"]
mod classbench;
mod clock;
mod contest;
#[allow(dead_code, reason = "shared with the main package's benchmarks")]
#[path = "../../generator/mod.rs"]
mod generator;
mod linear;
mod measure;
mod plot;
mod report;
#[cfg_attr(not(dpdk), path = "no_dpdk.rs")]
mod rte_acl;
mod sets;
mod wirefilter;

use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use contest::Way;
use measure::{Conditions, Measured};
use rte_acl::Dpdk;
use sets::Set;

/// Measures portcullis against DPDK's rte_acl on ClassBench rule sets
#[derive(Parser)]
struct Options {
    /// Where the rule sets are, files *.rules.gz [default: shared/rulesets beside the crate]
    folder: Option<PathBuf>,
    /// Measure generated rule sets too; without a folder of files they are all there is
    #[arg(long)]
    generated: bool,
    /// Only rule sets whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Write a plot in SVG form
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// How often each contestant is timed
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    passes: u16,
    /// How many headers are looked up
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    headers: u32,
    /// The core to measure on [default: the last one]
    #[arg(long)]
    core: Option<usize>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let sets = options.sets()?;
    let conditions = options.conditions()?;
    let mut all = Vec::new();
    for set in &sets {
        eprintln!("{}: {} rules", set.name, set.patterns.len());
        let measured = conditions.measure(set)?;
        if let Some(Err(reason)) = &measured.rte_acl {
            eprintln!("{}: rte_acl: {reason}", set.name);
        }
        all.push(measured);
    }
    let mut out = io::stdout().lock();
    writeln!(out, "Compiling\n\n{}\n", report::compiled(&all))?;
    writeln!(out, "Lookups, nanoseconds each\n\n{}\n", report::lookups(&all))?;
    let backends = report::backends(&all);
    writeln!(out, "Lookups with fewer instructions\n\n{backends}\n\n{}", report::NOTES)?;
    if let Some(path) = &options.plot {
        plot::write(&all, path)?;
    }
    let wrong = all.iter().any(Measured::portcullis_is_wrong);
    Ok(if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Options {
    fn sets(&self) -> Result<Vec<Set>, String> {
        let folder = self.folder.clone().unwrap_or_else(sets::default_folder);
        let mut sets = sets::in_folder(&folder, &self.only);
        if self.folder.is_some() && sets.is_empty() {
            let wanted = format!("*{}*.rules.gz", self.only).replace("**", "*");
            return Err(format!("no rule set {wanted} in {}", folder.display()));
        }
        if self.generated || sets.is_empty() {
            sets.extend(sets::generated(&self.only));
        }
        Ok(sets)
    }

    fn conditions(&self) -> Result<Conditions, String> {
        let cores = clock::cores();
        let core = self.core.unwrap_or_else(|| clock::last(&cores));
        clock::pin(core)?;
        let dpdk = Dpdk::start(core);
        let dpdk = dpdk.map_err(|reason| eprintln!("{reason}")).ok();
        let (headers, passes) = (self.headers as usize, self.passes.into());
        Ok(Conditions { headers, passes, cores, dpdk })
    }
}

impl Measured {
    fn portcullis_is_wrong(&self) -> bool {
        let peer = |way| matches!(way, Way::RteAclSingle | Way::RteAclBatch);
        self.scores.iter().any(|score| !peer(score.way) && score.wrong > 0)
    }
}
