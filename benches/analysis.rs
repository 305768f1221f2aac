//! What answers about rules cost: seconds and, on Linux, the time of a processor and the most memory
//! held.
//!
//! `cargo bench --bench analysis` asks about generated rule sets, and about the ClassBench files of
//! a folder `shared/rulesets` beside this crate's; `-- NAME...` about those whose names contain one
//! of these. Each question runs in a process of its own, so that memory is its own.

mod classbench;
#[allow(dead_code, reason = "nothing is looked up")]
mod generator;
#[allow(dead_code, reason = "nothing is looked up")]
mod workload;

use std::env;
use std::fs;
use std::process::Command;
use std::time::Instant;

use portcullis::analysis::{Analysis, AnalysisError, Packets, Reach};
use portcullis::{Action, Rule, RuleSet};
use workload::{Source, sources};

/// What a process is started with to answer one question.
const ONE: &str = "--one-question";
/// More rules than this are not asked about unless they are named.
const MOST_RULES: usize = 20_000;

fn main() {
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match &args[..] {
        [one, name, question] if one == ONE => answer(name, question),
        names => print_table(names),
    }
}

fn print_table(names: &[String]) {
    println!(
        "| rules | question | answer | seconds | of a processor | memory, MiB |\n|---|---|---|---|---|---|"
    );
    for source in sources().iter().filter(|source| is_asked(names, source)) {
        for question in ["shadowed", "redundant", "difference"] {
            let found = ask(&source.name, question).join(" | ");
            println!("| {} | {question} | {found} |", source.name);
        }
    }
}

fn is_asked(names: &[String], source: &Source) -> bool {
    match names {
        [] => source.rules().len() <= MOST_RULES,
        names => names.iter().any(|name| source.name.contains(name)),
    }
}

/// Answer, seconds and memory, from a process of its own.
fn ask(name: &str, question: &str) -> Vec<String> {
    let program = env::current_exe().expect("this program");
    let output = Command::new(program).args([ONE, name, question]).output().expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().split('\t').map(str::to_owned).collect()
}

fn answer(name: &str, question: &str) {
    let sources = sources();
    let source = sources.iter().find(|source| source.name == name).expect("a rule set");
    let rules = source.rules();
    let analysis = Analysis::new(&rules).packets(Packets::FlowKeys);
    let after = edited(&rules);
    // From here on the most counts that is held now.
    let _ = fs::write("/proc/self/clear_refs", "5");
    let before = memory("VmRSS:");
    let busy_before = busy();
    let started = Instant::now();
    let answer = match question {
        "shadowed" => analysis.reach().map(|reach| {
            let is_shadowed = |reach: &Reach| matches!(reach, Reach::Shadowed(_));
            reach.iter().filter(|(_, reach)| is_shadowed(reach)).count()
        }),
        "redundant" => analysis.redundant().map(|rules| rules.len()),
        _ => analysis.difference(&after).map(|differences| differences.len()),
    };
    let seconds = started.elapsed().as_secs_f64();
    let busy = busy().zip(busy_before).map(|(after, before)| (after - before) as f64 / 1e9);
    let busy = busy.map_or_else(|| "-".into(), |seconds| format!("{seconds:.3}"));
    let held = memory("VmHWM:").zip(before).map(|(after, before)| after.saturating_sub(before));
    let held = held.map_or_else(|| "-".into(), |kilobytes| kilobytes.div_ceil(1024).to_string());
    println!("{}\t{seconds:.3}\t{busy}\t{held}", said(answer));
}

fn said(answer: Result<usize, AnalysisError>) -> String {
    answer.map_or_else(|error| error.to_string(), |count| count.to_string())
}

/// Ten edits, spread over the rules: dropped, shifted to another port, swapped with the next.
fn edited(rules: &RuleSet) -> RuleSet {
    let mut list: Vec<Rule> = rules.chains()[0].rules().to_vec();
    for edit in 0..10 {
        let at = list.len() * (2 * edit + 1) / 20;
        match edit % 3 {
            0 => drop(list.remove(at)),
            1 => list[at].criteria.dst_port = (6000 + edit as u16).into(),
            _ => list.swap(at, at + 1),
        }
    }
    let mut edited = RuleSet::new(Action::Drop);
    for rule in list {
        edited.push(rule);
    }
    edited
}

/// What Linux says of the memory of this process, in KiB.
fn memory(what: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(what))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// For how many nanoseconds this process had a processor, where Linux says so.
fn busy() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok()
}
