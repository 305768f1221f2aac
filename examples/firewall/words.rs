//! Sentences for a terminal.

use std::io::{self, Write};

use super::paint::Paint;

/// Columns of the terminal that the output is made for.
pub(crate) const WIDTH: usize = 118;

/// Columns that the labels of paragraphs take.
const LABEL: usize = 14;

/// Writes `text` broken into lines beside a label.
pub(crate) fn paragraph(
    out: &mut impl Write,
    paint: Paint,
    label: &str,
    text: &str,
) -> io::Result<()> {
    let mut start = format!("  {}", paint.bold(&format!("{label:width$}", width = LABEL - 2)));
    for line in broken(text, WIDTH - LABEL) {
        writeln!(out, "{start}{line}")?;
        start = " ".repeat(LABEL);
    }
    Ok(())
}

/// Breaks a text between words. A word that is too long gets a line of its own.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.into()),
        }
    }
    lines
}

/// `1 packet`, `2 packets`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
