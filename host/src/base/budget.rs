//! How much memory something of one host may take.

use super::sync::{AtomicU64, Ordering};

/// Bytes that may be taken, and are. What is counted is up to whoever takes it.
#[derive(Debug)]
pub struct Budget {
    limit_bytes: u64,
    used_bytes: AtomicU64,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(limit_bytes: u64) -> Self {
        Self { limit_bytes, used_bytes: AtomicU64::new(0) }
    }

    /// Half of the machine's memory.
    pub fn half_of_machine() -> Self {
        let info = rustix::system::sysinfo();
        Self::new(info.totalram as u64 / 2 * u64::from(info.mem_unit.max(1)))
    }

    /// All that may be taken.
    pub fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// Bytes that are taken.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that are left.
    pub fn left_bytes(&self) -> u64 {
        self.limit_bytes.saturating_sub(self.used_bytes())
    }

    /// Takes all of it, or else nothing; then answers how many bytes are taken already.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), u64> {
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit_bytes);
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map(drop)
    }

    /// Takes up to `bytes`, of what is left only whole units; answers how many.
    pub(crate) fn take_up_to(&self, bytes: u64, unit: u64) -> u64 {
        let fits = |used: u64| {
            let left = self.limit_bytes.saturating_sub(used);
            bytes.min(left - left % unit)
        };
        let more = |used: u64| Some(used + fits(used));
        self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_or(0, fits)
    }

    /// Takes what cannot be refused.
    pub(crate) fn take_always(&self, bytes: u64) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives back.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
