//! Why a copy gets no memory.

use crate::base::error::teach;
use crate::base::{Budget, Result};

teach! {
    /// Why no memory is given.
    pub enum BudgetError {
        /// Too much already.
        Spent { used: u64, limit: u64, wanted: u64 } => ENOMEM, what: "no memory left for copies of mapped files",
            expected: "at most {limit} bytes", found: "{used} bytes in use and {wanted} more wanted",
            remedy: "unmap something, or raise the host's limit";
    }
}

/// Takes memory for a copy. Errors: ENOMEM.
pub(super) fn take(budget: &Budget, wanted: u64) -> Result<()> {
    let spent = |used| BudgetError::Spent { used, limit: budget.limit_bytes(), wanted };
    budget.take(wanted).map_err(|used| spent(used).into())
}
