//! Colours, for a terminal only.

use std::io::IsTerminal;

use portcullis::Action;

/// Whether to colour.
#[derive(Clone, Copy)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    /// Colours if standard output is a terminal and `NO_COLOR` is not set.
    pub(crate) fn detect() -> Self {
        let asked_not_to = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self(std::io::stdout().is_terminal() && !asked_not_to)
    }

    pub(crate) fn action(self, action: Action, text: &str) -> String {
        match action {
            Action::Accept => self.wrap("32", text),
            Action::Drop => self.wrap("31", text),
            _ => self.wrap("33", text),
        }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.into() }
    }
}
