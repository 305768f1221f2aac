//! The table.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use comfy_table::{ContentLineStyle, LineStyle, TableStyle};

use super::measure::{Measured, Score};

/// How to read the table.
pub(crate) const NOTES: &str = "\
Nanoseconds of processor time of one thread kept to one core: median (minimum) of the passes. All are
timed in turns, for connections drawn at random; what making keys and packets takes has been
subtracted. A ratio, of minima, is how many times as long portcullis takes.
bulk       rte_hash_lookup_bulk, 64 keys of 16 bytes: finds places. Its hash is CRC-32, which does
           not resist whoever chooses addresses and ports.
touch      the same with 64 bytes for each connection, fetched and written to: what whoever tracks
           connections with it has to do at the least.
batch      look_up_batch, 64 TCP segments in either direction: finds connections, checks the windows,
           moves states and deadlines. Its hash is SipHash-1-3 under a secret.
1          the same one at a time: rte_hash_lookup, look_up.
insert     rte_hash_add_key of every key, into an empty table.
open 1     look_up and confirm of every connection's SYN, into an empty table.
open       look_up_batch of 64 SYNs and confirm of each; rte_hash adds keys one at a time only.
Memory is written to before anything is put in, on both sides.";

pub(crate) fn table(measured: &[Measured]) -> String {
    let style = TableStyle::new()
        .header_lines(ContentLineStyle::none())
        .header_separator(LineStyle::none().fill('-').junction('-'))
        .content_lines(ContentLineStyle::none());
    let mut table = Table::new();
    table.load_style(style).set_content_arrangement(ContentArrangement::Disabled);
    let titles = [
        "connections",
        "rte_hash bulk",
        "touch",
        "batch",
        "ratio",
        "rte_hash 1",
        "portcullis 1",
        "ratio",
        "rte_hash insert",
        "open 1",
        "ratio",
        "open",
        "ratio",
    ];
    table.set_header(titles.map(|title| right(title.into())));
    for one in measured {
        let mut cells = vec![one.flows.to_string()];
        for (peer, own) in [(one.bulk, one.batch), (one.find, one.single), (one.insert, one.open)] {
            cells.extend([score(peer), score(own), ratio(peer, own)]);
        }
        cells.insert(2, score(one.touch));
        cells.extend([score(one.open_batch), ratio(one.insert, one.open_batch)]);
        table.add_row(cells.into_iter().map(right).collect::<Vec<_>>());
    }
    table.trim_fmt()
}

fn score(score: Option<Score>) -> String {
    score.map_or("-".into(), |score| format!("{:.1} ({:.1})", score.median, score.minimum))
}

fn ratio(peer: Option<Score>, own: Option<Score>) -> String {
    match (peer, own) {
        (Some(peer), Some(own)) => format!("{:.2}", own.minimum / peer.minimum),
        _ => "-".into(),
    }
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}
