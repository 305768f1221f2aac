use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// One of some labels. A `*` at the end stands for any ending: `net:*` is each label that begins with
/// `net:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(::serde::Serialize, ::serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct AnyLabel(Vec<Box<str>>);

impl AnyLabel {
    /// Whether `label` is one of them.
    pub fn holds(&self, label: &str) -> bool {
        self.0.iter().any(|asked| match asked.strip_suffix('*') {
            Some(start) => label.starts_with(start),
            None => **asked == *label,
        })
    }

    /// The labels as they are written, with their `*`.
    pub fn alternatives(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|asked| &**asked)
    }
}

impl From<&str> for AnyLabel {
    fn from(label: &str) -> Self {
        Self::from([label])
    }
}

impl<const N: usize> From<[&str; N]> for AnyLabel {
    fn from(labels: [&str; N]) -> Self {
        Self(labels.into_iter().map(Box::from).collect())
    }
}

/// Prints `a` or `a, b`.
impl fmt::Display for AnyLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, label) in self.0.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            f.write_str(label)?;
        }
        Ok(())
    }
}

/// Whether a rule may add a label: it has characters, and no `*`, which stands for any ending.
pub(super) fn is_label(label: &str) -> bool {
    !label.is_empty() && !label.contains('*')
}
