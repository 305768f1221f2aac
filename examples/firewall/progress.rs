//! How far the reading of a long capture has come.

use std::io::{IsTerminal, stderr, stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Before this time nothing is shown.
const PATIENCE: Duration = Duration::from_millis(500);
/// Frames between two looks at the clock.
const STRIDE: u32 = 1_024;

/// A bar on standard error: for captures that take a while, and only where it is seen and does
/// not get between the lines on standard output.
pub(crate) struct Progress {
    total: u64,
    begin: Instant,
    frames: u32,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(path: &Path, writes_rows: bool) -> Self {
        let total = path.metadata().map_or(0, |file| file.len());
        let wanted = stderr().is_terminal() && !(writes_rows && stdout().is_terminal());
        Self { total, begin: Instant::now(), frames: 0, wanted, bar: None }
    }

    /// Shows that `bytes` of the file have been gone through.
    pub(crate) fn show(&mut self, bytes: u64) {
        self.frames = self.frames.wrapping_add(1);
        if !self.wanted || !self.frames.is_multiple_of(STRIDE) {
            return;
        }
        if self.bar.is_none() && self.begin.elapsed() > PATIENCE {
            self.bar = Some(bar(self.total));
        }
        if let Some(bar) = &self.bar {
            bar.set_position(bytes);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
    let bar = ProgressBar::new(total);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
