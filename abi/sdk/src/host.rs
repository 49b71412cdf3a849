//! The host's services, as this image holds them.

use std::sync::OnceLock;

use nxvfs_abi::services::{Services, ServicesIn, clock};
use nxvfs_abi::{Timespec, grow};

static SERVICES: OnceLock<Services> = OnceLock::new();

/// Remembers the host's table, cut or filled to our own version. All hosts of a process hand out the same one.
///
/// # Safety
/// `table` is null or leads to a services table that lives as long as the process.
pub(crate) unsafe fn adopt(table: ServicesIn) -> bool {
    // SAFETY: the caller vouches for the table.
    match unsafe { grow::read(table.0) } {
        Some(services) => {
            SERVICES.get_or_init(|| services);
            true
        }
        None => false,
    }
}

/// The services, once `init` has run.
pub(crate) fn services() -> Option<&'static Services> {
    SERVICES.get()
}

fn read_clock(which: u32) -> Timespec {
    let mut out = Timespec::default();
    if let Some(read) = services().and_then(|s| s.clock) {
        // SAFETY: `out` is valid for the call. A failure leaves it zero.
        unsafe { read(which, &raw mut out) };
    }
    out
}

/// The time of day.
pub fn now() -> Timespec {
    read_clock(clock::REALTIME)
}

/// The time of day to within a few milliseconds, at a fraction of the cost: for time stamps.
pub fn now_coarse() -> Timespec {
    read_clock(clock::REALTIME_COARSE)
}

/// Tells the host that the `events` came for which [`crate::CharacterDriver::poll`] left `waiter`. From any thread,
/// under any lock; a late wake is harmless.
pub fn wake(waiter: u64, events: u32) {
    if let Some(wake) = services().and_then(|s| s.wake) {
        // SAFETY: numbers only.
        unsafe { wake(waiter, events) };
    }
}
