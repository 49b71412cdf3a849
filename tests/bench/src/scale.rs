//! How large the workloads are.

/// Sizes and counts of the workloads.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Names the images that were made with it.
    pub name: &'static str,
    /// Bytes of the large files.
    pub file_bytes: u64,
    /// Size of the volume with the large files, in MiB.
    pub data_mib: u64,
    /// Entries of the big directory, and files made by W3.
    pub files: usize,
    /// Random transfers of W2 and W7; W9 does twice as many on each thread.
    pub transfers: usize,
    /// Size of the large empty volume, in MiB.
    pub empty_mib: u64,
    /// Rounds, of which the median counts.
    pub rounds: usize,
    /// Random transfers and directory operations of peers that take milliseconds for each.
    pub slow: usize,
}

impl Scale {
    /// As the ratios to reach were taken.
    pub const FULL: Self = Self {
        name: "full",
        file_bytes: 64 << 20,
        data_mib: 384,
        files: 10_000,
        transfers: 16_384,
        empty_mib: 2048,
        rounds: 7,
        slow: 1000,
    };

    /// Shows that everything works, and nothing of how fast it is.
    pub const QUICK: Self = Self {
        name: "quick",
        file_bytes: 4 << 20,
        data_mib: 160,
        files: 300,
        transfers: 256,
        empty_mib: 512,
        rounds: 1,
        slow: 30,
    };
}
