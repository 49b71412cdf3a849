//! How far a copy is: a bar on standard error, for a person, and only if it takes long.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What ends sooner needs no bar.
const PATIENCE: Duration = Duration::from_millis(700);

/// A bar that appears when it has taken long.
pub(super) struct Progress {
    started: Instant,
    total_bytes: u64,
    done_bytes: u64,
    /// Whether a person watches.
    watched: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// `total_bytes` is asked for only if a person watches.
    pub(super) fn new(json: bool, total_bytes: impl FnOnce() -> u64) -> Self {
        let watched = !json && stderr().is_terminal();
        let total_bytes = if watched { total_bytes() } else { 0 };
        Self { started: Instant::now(), total_bytes, done_bytes: 0, watched, bar: None }
    }

    /// So many bytes more are done.
    pub(super) fn advance(&mut self, bytes: u64) {
        self.done_bytes += bytes;
        if !self.watched || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
            let bar = ProgressBar::new(self.total_bytes);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        bar.set_position(self.done_bytes);
    }

    /// Makes room for a line on standard error.
    pub(super) fn aside(&self, tell: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(tell),
            None => tell(),
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
