use alloc::vec::Vec;

/// What people write who know another system's rules, and what it is called here.
const FOREIGN: [(&str, &str); 20] = [
    ("allow", "accept"),
    ("permit", "accept"),
    ("pass", "accept"),
    ("deny", "drop"),
    ("block", "drop"),
    ("discard", "drop"),
    ("src", "from"),
    ("source", "from"),
    ("saddr", "from"),
    ("dst", "to"),
    ("destination", "to"),
    ("daddr", "to"),
    ("iif", "in"),
    ("iifname", "in"),
    ("oif", "out"),
    ("oifname", "out"),
    ("proto", "protocol"),
    ("ip", "ipv4"),
    ("ip6", "ipv6"),
    ("all", "any"),
];

/// The longest word, in bytes, that a suggestion is looked for.
const LONGEST: usize = 64;

/// How many characters of a longer word are enough to see which it is.
const SHORTENED: usize = 3;

/// The known word that `word` was probably meant to be.
pub(super) fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    if word.len() > LONGEST {
        return None;
    }
    let written: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
    let foreign = FOREIGN.iter().find(|(name, _)| name.chars().eq(written.iter().copied()));
    let allowed = written.len() / 3;
    let candidates = known.filter(|name| name.len() <= LONGEST).filter_map(|name| {
        let distance = match foreign {
            Some((_, meant)) if *meant == name => 0,
            _ if written.len() >= SHORTENED && name.starts_with(word) => 1,
            _ => distance(&written, &name.chars().collect::<Vec<_>>()),
        };
        (distance <= allowed).then_some((distance, name))
    });
    candidates.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// How many characters to insert, remove, replace or exchange with their neighbour to turn one
/// word into the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, &left) in a.iter().enumerate() {
        let mut current = Vec::with_capacity(last.len());
        current.push(row + 1);
        for (column, &right) in b.iter().enumerate() {
            let cell = |line: &[usize], column: usize| line.get(column).copied().unwrap_or(0);
            let replaced = cell(&last, column) + usize::from(left != right);
            let changed = cell(&last, column + 1).min(cell(&current, column)) + 1;
            let swapped = column.checked_sub(1).and_then(|back| {
                let crosses = previous == Some(right) && b.get(back) == Some(&left);
                crosses.then(|| cell(&before_last, back) + 1)
            });
            current.push(replaced.min(changed).min(swapped.unwrap_or(usize::MAX)));
        }
        before_last = core::mem::replace(&mut last, current);
        previous = Some(left);
    }
    last.last().copied().unwrap_or(0)
}
