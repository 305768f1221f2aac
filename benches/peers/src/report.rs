//! The tables.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use comfy_table::{ContentLineStyle, LineStyle, TableStyle};

use super::contest::{Score, Way};
use super::measure::{Built, LESSER, Measured};

/// How to read the tables.
pub(crate) const NOTES: &str = "\
Times are processor time of one thread kept to one core. Lookups: median (fastest) of the passes;
all columns are timed in turns, over the same headers in the same order. A ratio above 1 says that
portcullis is faster.
rte_acl 1   one header a call. rte_acl is made for batches and has no call for a single header;
            with fewer than four it walks its tries in plain code, whatever the algorithm.
rte_acl n   the fastest of its algorithms and of batches of 16 to 256; the next column says which.
key         classify_key, a flow key a call: what rte_acl is given. packet: classify, a whole packet.
batch       classify_keys, flow keys, the fastest of batches of 16 to 256.
linear      a list of rules by columns, compared several at once, with no index.
wirefilter  a filter for each rule, tried in their order; the first headers only.
wrong       answers that differ from those of the list: rte_acl 1, n / key, packet, batch.
Memory is what lookups read: for rte_acl what building allocates, rules not counted. It lies in huge
pages if the kernel allows (transparent_hugepage is not \"never\"), that of portcullis in common ones.";

/// Time and memory of compiling.
pub(crate) fn compiled(measured: &[Measured]) -> String {
    let mut table = table(&[
        "rule set",
        "rules",
        "rte_acl ms",
        "portcullis ms",
        "ratio",
        "rte_acl KiB",
        "portcullis KiB",
        "ratio",
    ]);
    for one in measured {
        let ours = &one.portcullis;
        let acl = one.rte_acl.as_ref().and_then(|acl| acl.as_ref().ok());
        let ratio = |of: fn(&Built) -> f64| number(acl.map(|acl| of(acl) / of(ours)));
        let cells = [number(acl.map(time)), number(Some(time(ours))), ratio(time)];
        let sizes = [number(acl.map(size)), number(Some(size(ours))), ratio(size)];
        add(&mut table, one, cells.into_iter().chain(sizes));
    }
    table.trim_fmt()
}

/// Time of lookups, and wrong answers.
pub(crate) fn lookups(measured: &[Measured]) -> String {
    let mut table = table(&[
        "rule set",
        "rules",
        "rte_acl 1",
        "key",
        "ratio",
        "packet",
        "ratio",
        "rte_acl n",
        "",
        "batch",
        "",
        "ratio",
        "linear",
        "wirefilter",
        "wrong",
        "of",
    ]);
    for one in measured {
        add(&mut table, one, lookup_cells(one));
    }
    if measured.len() > 1 {
        table.add_row(means(measured).map(right));
    }
    table.trim_fmt()
}

fn lookup_cells(one: &Measured) -> [String; 14] {
    let time = |way| one.score(way).map_or("-".into(), time_of);
    let variant = |way| one.score(way).map_or(String::new(), |score| score.variant.clone());
    [
        time(Way::RteAclSingle),
        time(Way::Key),
        number(one.ratio(Way::RteAclSingle, Way::Key)),
        time(Way::Packet),
        number(one.ratio(Way::RteAclSingle, Way::Packet)),
        time(Way::RteAclBatch),
        variant(Way::RteAclBatch),
        time(Way::Batch),
        variant(Way::Batch),
        number(one.ratio(Way::RteAclBatch, Way::Batch)),
        number(Some(one.linear)),
        number(Some(one.wirefilter)),
        wrong(one),
        one.compared.to_string(),
    ]
}

/// The geometric means of the ratios.
fn means(measured: &[Measured]) -> [String; 16] {
    let mean = |first, second| {
        let ratios: Vec<f64> = measured.iter().filter_map(|one| one.ratio(first, second)).collect();
        let logs: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
        number((!ratios.is_empty()).then(|| (logs / ratios.len() as f64).exp()))
    };
    let mut cells: [String; 16] = Default::default();
    cells[0] = "geometric mean".into();
    cells[4] = mean(Way::RteAclSingle, Way::Key);
    cells[6] = mean(Way::RteAclSingle, Way::Packet);
    cells[11] = mean(Way::RteAclBatch, Way::Batch);
    cells
}

/// Time of lookups with the instructions that other processors have.
pub(crate) fn backends(measured: &[Measured]) -> String {
    let ways = LESSER.map(|backend| [Way::KeyWith(backend), Way::BatchWith(backend)]);
    let ways = [[Way::Key, Way::Batch]].into_iter().chain(ways);
    let ways: Vec<Way> = ways.flatten().collect();
    let titles = ["key", "batch", "AVX2 key", "batch", "scalar key", "batch"];
    let mut table = table(&[&["rule set", "rules"], titles.as_slice()].concat());
    for one in measured {
        let time = |way: &Way| one.score(*way).map_or("-".into(), time_of);
        add(&mut table, one, ways.iter().map(time));
    }
    table.trim_fmt()
}

fn wrong(one: &Measured) -> String {
    let count = |way| one.score(way).map_or("-".into(), |score: &Score| score.wrong.to_string());
    let acl = [Way::RteAclSingle, Way::RteAclBatch].map(count).join(", ");
    let ours = [Way::Key, Way::Packet, Way::Batch].map(count).join(", ");
    format!("{acl} / {ours}")
}

fn time_of(score: &Score) -> String {
    format!("{} ({})", number(Some(score.median)), number(Some(score.minimum)))
}

fn time(built: &Built) -> f64 {
    built.time.as_secs_f64() * 1e3
}

fn size(built: &Built) -> f64 {
    built.bytes as f64 / 1024.0
}

/// About three digits.
fn number(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value < 9.95 => format!("{value:.2}"),
        Some(value) if value < 99.5 => format!("{value:.1}"),
        Some(value) => format!("{value:.0}"),
    }
}

fn table(titles: &[&str]) -> Table {
    let style = TableStyle::new()
        .header_lines(ContentLineStyle::none())
        .header_separator(LineStyle::none().fill('-').junction('-'))
        .content_lines(ContentLineStyle::none());
    let mut table = Table::new();
    table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(titles.iter().map(|title| right((*title).into())).collect::<Vec<_>>());
    table
}

fn add(table: &mut Table, one: &Measured, cells: impl IntoIterator<Item = String>) {
    let first = [one.name.clone(), one.rules.to_string()];
    table.add_row(first.into_iter().chain(cells).map(right).collect::<Vec<_>>());
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}
