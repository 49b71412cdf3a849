//! Clocks and rounds.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

fn now(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// CPU time that this thread takes for something: other jobs of the machine do not count, except by its caches.
pub fn cpu<R>(body: impl FnOnce() -> R) -> Duration {
    let begin = now(ClockId::ThreadCPUTime);
    std::hint::black_box(body());
    now(ClockId::ThreadCPUTime) - begin
}

/// Time that passes meanwhile: for what several threads do.
pub fn wall<R>(body: impl FnOnce() -> R) -> Duration {
    let begin = now(ClockId::Monotonic);
    std::hint::black_box(body());
    now(ClockId::Monotonic) - begin
}

/// The middle one of some values; of an even number the lower one.
pub fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}

/// What every contestant did in each round, as rates or seconds. A contestant may sit rounds out.
#[derive(Default)]
pub struct Rounds(Vec<(String, Vec<f64>)>);

impl Rounds {
    /// Adds one round's value of a contestant.
    pub fn add(&mut self, contestant: &str, value: f64) {
        match self.0.iter_mut().find(|(name, _)| name == contestant) {
            Some((_, values)) => values.push(value),
            None => self.0.push((contestant.to_owned(), vec![value])),
        }
    }

    /// The contestants and their medians, in the order of their first round.
    pub fn medians(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, values)| (name.as_str(), median(values)))
    }

    /// The median of a contestant.
    pub fn median(&self, contestant: &str) -> Option<f64> {
        self.0.iter().find(|(name, _)| name == contestant).map(|(_, values)| median(values))
    }

    /// The median of the ratios of two contestants, each taken within one round: noise that lasts longer than a round
    /// falls out.
    pub fn ratio(&self, over: &str, under: &str) -> Option<f64> {
        let of = |wanted: &str| self.0.iter().find(|(name, _)| name == wanted).map(|(_, values)| values);
        let ratios: Vec<f64> = of(over)?.iter().zip(of(under)?).map(|(over, under)| over / under).collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }
}
