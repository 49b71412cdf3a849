//! How much memory the copies of one host may take.

use crate::base::Result;
use crate::base::error::teach;
use crate::base::sync::{AtomicU64, Ordering};

teach! {
    /// Why no memory is given.
    pub enum BudgetError {
        /// Too much already.
        Spent { used: u64, limit: u64, wanted: u64 } => ENOMEM, what: "no memory left for copies of mapped files",
            expected: "at most {limit} bytes", found: "{used} bytes in use and {wanted} more wanted",
            remedy: "unmap something, or raise the host's limit";
    }
}

/// Bytes that the copies in memory may take, and take.
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
    pub fn of_machine() -> Self {
        let info = rustix::system::sysinfo();
        Self::new(info.totalram as u64 / 2 * u64::from(info.mem_unit.max(1)))
    }

    /// Bytes that are in use.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that are left.
    pub fn left_bytes(&self) -> u64 {
        self.limit_bytes.saturating_sub(self.used_bytes())
    }

    pub(super) fn take(&self, bytes: u64) -> Result<()> {
        let taken = self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            used.checked_add(bytes).filter(|sum| *sum <= self.limit_bytes)
        });
        match taken {
            Ok(_) => Ok(()),
            Err(used) => Err(BudgetError::Spent { used, limit: self.limit_bytes, wanted: bytes }.into()),
        }
    }

    /// Takes what cannot be refused.
    pub(super) fn take_over(&self, bytes: u64) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give(&self, bytes: u64) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
