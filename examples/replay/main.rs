//! Recorded packets of a Linux kernel, played again: what this crate's rules and connections make of
//! them, compared with what the kernel did.

mod play;
mod vectors;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use comfy_table::{Cell, CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};

use play::{Mismatch, What};

/// Plays recorded packets through imported rules and compares what comes of them.
#[derive(Debug, Parser)]
struct Args {
    /// Files of recorded cases, one a line, plain or ending in .gz; none: those of the repository.
    files: Vec<PathBuf>,
    /// Print the totals alone.
    #[arg(long)]
    quiet: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args, &mut io::stdout().lock()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        // Whoever reads has seen enough.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Failure::Output(error)) => fail(&error),
        Err(Failure::Input(error)) => fail(&error),
    }
}

fn fail(error: &dyn fmt::Display) -> ExitCode {
    eprintln!("replay: {error}");
    ExitCode::from(2)
}

/// Why not everything was played.
enum Failure {
    Input(String),
    Output(io::Error),
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self::Input(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Plays all files, writes what there is to say, and returns the number of mismatches.
fn run(args: &Args, out: &mut impl Write) -> Result<usize, Failure> {
    let files = if args.files.is_empty() { shipped()? } else { args.files.clone() };
    let mut rows = Vec::new();
    for file in &files {
        rows.push(play_file(file, args.quiet, out)?);
    }
    writeln!(out, "{}", table(&rows))?;
    Ok(rows.iter().map(|row| row.mismatches.iter().sum::<usize>()).sum())
}

/// The files of recorded cases that the repository has.
fn shipped() -> Result<Vec<PathBuf>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vectors");
    let entries = folder.read_dir().map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "gz"));
    files.sort();
    Ok(files)
}

/// What is counted of a file.
struct Row {
    name: String,
    cases: usize,
    packets: usize,
    /// By [`What`].
    mismatches: [usize; 5],
}

fn play_file(file: &Path, quiet: bool, out: &mut impl Write) -> Result<Row, Failure> {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let mut row = Row { name, cases: 0, packets: 0, mismatches: [0; 5] };
    for case in vectors::read(file)? {
        let case = case?;
        row.cases += 1;
        row.packets += case.packets.len();
        for mismatch in play::play(&case)? {
            count(&mut row, &mismatch);
            if !quiet {
                writeln!(out, "{}: {mismatch}", row.name)?;
            }
        }
    }
    Ok(row)
}

fn count(row: &mut Row, mismatch: &Mismatch) {
    for (count, what) in row.mismatches.iter_mut().zip(What::ALL) {
        *count += usize::from(mismatch.what == what);
    }
}

fn table(rows: &[Row]) -> Table {
    let style = TableStyle::new()
        .header_lines(ContentLineStyle::none())
        .header_separator(LineStyle::none().fill('─').junction('─'))
        .content_lines(ContentLineStyle::none());
    let mut table = Table::new();
    let titles = ["cases", "packets", "verdict", "rule", "state", "tcp state", "entry"].map(right);
    table.load_style(style).set_header([Cell::new("file")].into_iter().chain(titles));
    let mut total = Row { name: "all".into(), cases: 0, packets: 0, mismatches: [0; 5] };
    for row in rows {
        total.cases += row.cases;
        total.packets += row.packets;
        for (sum, count) in total.mismatches.iter_mut().zip(row.mismatches) {
            *sum += count;
        }
        table.add_row(cells(row));
    }
    table.add_row(cells(&total));
    table
}

fn cells(row: &Row) -> Vec<Cell> {
    let counts = [row.cases, row.packets].into_iter().chain(row.mismatches);
    let counts = counts.map(|count| right(&count.to_string()));
    [Cell::new(&row.name)].into_iter().chain(counts).collect()
}

fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}
