/// What lines are written to.
///
/// With the feature `std` that is everything that implements [`Write`](std::io::Write). Without it,
/// implement it for what takes the lines: a serial port, a ring of buffers.
pub trait Sink {
    /// Why a line could not be written.
    type Error;

    /// Takes a line, which has no line end in it, and ends it.
    ///
    /// # Errors
    ///
    /// When it could not be written. Part of it may have been.
    fn line(&mut self, line: &str) -> Result<(), Self::Error>;
}

#[cfg(feature = "std")]
impl<W: std::io::Write> Sink for W {
    type Error = std::io::Error;

    fn line(&mut self, line: &str) -> Result<(), Self::Error> {
        self.write_all(line.as_bytes())?;
        self.write_all(b"\n")
    }
}
