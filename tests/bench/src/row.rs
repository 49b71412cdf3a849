//! Rows of the table, and how it is printed.

use std::fmt::Write;

use crate::measure::Rounds;

/// The contestant that the row is about.
pub const OURS: &str = "ours";
/// A copy of the same shape, within memory.
pub const MEMCPY: &str = "memcpy";
/// What the system's own calls take for the same.
pub const BARE: &str = "bare";

/// Columns of contestants, after ours.
const COLUMNS: [&str; 7] = [MEMCPY, BARE, "tmpfs", "fatfs", "hadris", "hadris tuned", "embedded-sdmmc"];

/// What the values of a row count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes a second.
    Bytes,
    /// Operations a second.
    Operations,
    /// Seconds for one.
    Seconds,
    /// How many times as long one takes as another.
    Times,
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Bytes => format!("{:.2} GB/s", value / 1e9),
            Self::Operations if value >= 1e6 => format!("{:.2} M/s", value / 1e6),
            Self::Operations if value >= 1e4 => format!("{:.0} k/s", value / 1e3),
            Self::Operations => format!("{value:.0}/s"),
            Self::Seconds if value >= 1e-3 => format!("{:.2} ms", value * 1e3),
            Self::Seconds if value >= 1e-6 => format!("{:.2} us", value * 1e6),
            Self::Seconds => format!("{:.1} ns", value * 1e9),
            Self::Times => format!("{value:.2} x"),
        }
    }

    fn more_is_better(self) -> bool {
        matches!(self, Self::Bytes | Self::Operations)
    }
}

/// What is to be reached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// This part of memcpy's rate.
    OfMemcpy(f64),
    /// At least this value.
    AtLeast(f64),
    /// At most this value.
    AtMost(f64),
    /// At most so many times what the system's own calls take.
    TimesBare(f64),
    /// Nothing: the row is for comparison.
    None,
}

/// One line: what all contestants did in one workload.
pub struct Row {
    /// The workload, W1 to W10.
    pub id: &'static str,
    /// What is done, and on which of our volumes.
    pub what: String,
    /// What the values count.
    pub unit: Unit,
    /// The values.
    pub rounds: Rounds,
    /// What is to be reached.
    pub goal: Goal,
    /// How many operations the slow peers did, if it were fewer.
    pub slow: Option<usize>,
}

/// A value as the table shows it.
pub struct Cell(pub String);

impl Row {
    /// An empty row.
    pub fn new(id: &'static str, what: impl Into<String>, unit: Unit, goal: Goal) -> Self {
        Self { id, what: what.into(), unit, rounds: Rounds::default(), goal, slow: None }
    }

    /// Ours against what it is compared with: a copy, the system's calls, or the fastest peer.
    fn ratio(&self) -> Option<(String, f64)> {
        for other in [MEMCPY, BARE] {
            if let Some(ratio) = self.rounds.ratio(OURS, other) {
                return Some((other.to_owned(), ratio));
            }
        }
        let others = self.rounds.medians().filter(|(name, _)| *name != OURS);
        let fastest =
            others.max_by(
                |(_, a), (_, b)| {
                    if self.unit.more_is_better() { a.total_cmp(b) } else { b.total_cmp(a) }
                },
            )?;
        Some((fastest.0.to_owned(), self.rounds.ratio(OURS, fastest.0)?))
    }

    /// Whether the goal is reached; `None` if there is none.
    pub fn met(&self) -> Option<bool> {
        let ours = self.rounds.median(OURS)?;
        match self.goal {
            Goal::OfMemcpy(part) => Some(self.rounds.ratio(OURS, MEMCPY)? >= part),
            Goal::TimesBare(times) => Some(self.rounds.ratio(OURS, BARE)? <= times),
            Goal::AtLeast(least) => Some(ours >= least),
            Goal::AtMost(most) => Some(ours <= most),
            Goal::None => None,
        }
    }

    fn goal_text(&self) -> String {
        match self.goal {
            Goal::OfMemcpy(part) => format!(">= {part:.2} x memcpy"),
            Goal::TimesBare(times) => format!("<= {times:.1} x bare"),
            Goal::AtLeast(least) => format!(">= {}", self.unit.show(least)),
            Goal::AtMost(most) => format!("<= {}", self.unit.show(most)),
            Goal::None => String::new(),
        }
    }

    fn cell(&self, contestant: &str) -> Cell {
        let Some(value) = self.rounds.median(contestant) else { return Cell(String::new()) };
        let mut text = self.unit.show(value);
        let is_slow = !matches!(contestant, OURS | MEMCPY | BARE | "tmpfs");
        if let Some(count) = self.slow.filter(|_| is_slow) {
            let _ = write!(text, " ({count})");
        }
        Cell(text)
    }
}

/// The rows as a table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let shown: Vec<&str> =
        COLUMNS.into_iter().filter(|name| rows.iter().any(|row| row.rounds.median(name).is_some())).collect();
    let mut text = format!("| | workload | ours | {} | ratio | to reach | met |\n", shown.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(6 + shown.len()));
    for row in rows {
        let _ = write!(text, "| {} | {} | {} |", row.id, row.what, row.cell(OURS).0);
        for name in &shown {
            let _ = write!(text, " {} |", row.cell(name).0);
        }
        let ratio = row.ratio().map_or(String::new(), |(name, ratio)| format!("{ratio:.2} x {name}"));
        let met = match row.met() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "",
        };
        let _ = writeln!(text, " {ratio} | {} | {met} |", row.goal_text());
    }
    text
}
