//! How much of a volume is used: pages of content, and room for inodes.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes of a page, the unit in which content is kept and counted.
pub(crate) const PAGE_BYTES: u64 = 4096;
/// Longest file in bytes.
pub(crate) const FILE_MAX_BYTES: u64 = i64::MAX as u64;
/// First page that no file reaches.
pub(crate) const PAGES_END: u64 = FILE_MAX_BYTES.div_ceil(PAGE_BYTES);

/// What an inode, and each name of it beyond the first, takes of the room for inodes. Names count because each takes
/// memory that only its removal gives back; extended attributes take their bytes. All as in Linux.
pub(crate) const INODE_COST_BYTES: u64 = 1024;

/// One resource of a volume.
pub(crate) struct Gauge {
    used: AtomicU64,
    limit: AtomicU64,
}

impl Gauge {
    pub(crate) fn new(limit: u64) -> Self {
        Self { used: AtomicU64::new(0), limit: AtomicU64::new(limit) }
    }

    /// Takes all of `amount` or nothing.
    #[must_use]
    pub(crate) fn take(&self, amount: u64) -> bool {
        let limit = self.limit.load(Relaxed);
        let grown = |used: u64| used.checked_add(amount).filter(|used| *used <= limit);
        amount == 0 || self.used.fetch_update(Relaxed, Relaxed, grown).is_ok()
    }

    /// Takes as much of `amount` as there is; answers how much.
    #[must_use]
    pub(crate) fn take_up_to(&self, amount: u64) -> u64 {
        let limit = self.limit.load(Relaxed);
        let grantable = |used: u64| amount.min(limit.saturating_sub(used));
        let grown = |used: u64| (grantable(used) > 0).then(|| used + grantable(used));
        self.used.fetch_update(Relaxed, Relaxed, grown).map_or(0, grantable)
    }

    /// Gives back what was taken.
    pub(crate) fn give(&self, amount: u64) {
        if amount > 0 {
            self.used.fetch_sub(amount, Relaxed);
        }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    pub(crate) fn free(&self) -> u64 {
        self.limit().saturating_sub(self.used.load(Relaxed))
    }

    /// Whether so much is used that `limit` would be too little.
    pub(crate) fn exceeds(&self, limit: u64) -> bool {
        self.used.load(Relaxed) > limit
    }

    /// What is used already stays, even beyond the new limit.
    pub(crate) fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Relaxed);
    }
}

/// The space of a volume.
pub(crate) struct Space {
    /// Pages of content.
    pub(crate) pages: Gauge,
    /// Room for inodes, in bytes.
    pub(crate) inodes: Gauge,
}

impl Space {
    pub(crate) fn new(page_limit: u64, inode_limit: u64) -> Self {
        Self { pages: Gauge::new(page_limit), inodes: Gauge::new(inode_limit) }
    }

    /// How many inodes there may be, and how many more; zeroes without a limit.
    pub(crate) fn inode_numbers(&self) -> (u64, u64) {
        match self.inodes.limit() {
            u64::MAX => (0, 0),
            limit => (limit / INODE_COST_BYTES, self.inodes.free() / INODE_COST_BYTES),
        }
    }
}

/// Pages of a volume of so many bytes; 0 is no limit of our own, and then as much as a file can have.
pub(crate) fn page_limit(size_bytes: u64) -> u64 {
    if size_bytes == 0 { PAGES_END - 1 } else { size_bytes.div_ceil(PAGE_BYTES) }
}

/// Room for so many inodes; 0 is no limit.
pub(crate) fn inode_limit(nr_inodes: u64) -> u64 {
    if nr_inodes == 0 { u64::MAX } else { nr_inodes.saturating_mul(INODE_COST_BYTES) }
}
