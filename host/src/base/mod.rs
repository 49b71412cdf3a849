//! Floor 0: what every floor stands on. Knows nothing of plugins or files.

mod budget;
pub mod error;
mod holders;
mod inflight;
pub mod log;
mod sealed;
pub mod sync;
pub mod wait;

pub use budget::Budget;
pub use error::{Detail, Error, Result, Teach};
pub use holders::{Hold, Holder, Holders};
pub use inflight::{Entered, InFlight};
pub use nxvfs_abi::Errno;
pub use sealed::sealed;
