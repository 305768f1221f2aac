use core::fmt;
use core::fmt::{Display, Write};

use crate::packet::Protocol;

/// Writes an object of JSON, a member after the other.
pub(super) struct Object<'o, 'f> {
    f: &'o mut fmt::Formatter<'f>,
    separator: char,
}

impl<'o, 'f> Object<'o, 'f> {
    pub(super) const fn new(f: &'o mut fmt::Formatter<'f>) -> Self {
        Self { f, separator: '{' }
    }

    pub(super) fn number(&mut self, name: &str, number: Option<u64>) -> fmt::Result {
        number.map_or(Ok(()), |number| {
            self.name(name)?;
            write!(self.f, "{number}")
        })
    }

    pub(super) fn text(&mut self, name: &str, text: Option<impl Display>) -> fmt::Result {
        text.map_or(Ok(()), |text| {
            self.name(name)?;
            self.f.write_char('"')?;
            write!(Escaped(self.f), "{text}")?;
            self.f.write_char('"')
        })
    }

    /// By name, or by number if it has none.
    pub(super) fn protocol(&mut self, name: &str, protocol: Protocol) -> fmt::Result {
        match protocol.name() {
            Some(known) => self.text(name, Some(known)),
            None => self.number(name, Some(protocol.0.into())),
        }
    }

    pub(super) fn end(self) -> fmt::Result {
        self.f.write_char('}')
    }

    fn name(&mut self, name: &str) -> fmt::Result {
        let separator = core::mem::replace(&mut self.separator, ',');
        write!(self.f, "{separator}\"{name}\":")
    }
}

/// Writes text as it stands between the quotation marks of JSON.
struct Escaped<'o, 'f>(&'o mut fmt::Formatter<'f>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '"' | '\\' => write!(self.0, "\\{c}")?,
                // Line separators would end a line for some readers.
                c if c < ' ' || c == '\u{7f}' || matches!(c, '\u{2028}' | '\u{2029}') => {
                    write!(self.0, "\\u{:04x}", u32::from(c))?;
                }
                c => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}
