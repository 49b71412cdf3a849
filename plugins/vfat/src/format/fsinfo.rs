//! The sector of a FAT32 that remembers how much is free.

use super::{le32, put32};

/// Bytes of it.
pub const FSINFO_BYTES: usize = 512;
/// What a count or a hint is when it is not known.
pub const UNKNOWN: u32 = u32::MAX;

const MARKS: [(usize, u32); 3] = [(0, 0x4161_5252), (484, 0x6141_7272), (508, 0xaa55_0000)];

/// What the sector says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FsInfo {
    /// Number of free clusters, or [`UNKNOWN`].
    pub free: u32,
    /// Where to look for one, or [`UNKNOWN`].
    pub next: u32,
}

impl FsInfo {
    /// Reads a sector of [`FSINFO_BYTES`]; `None` without its marks.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let marked = MARKS.iter().all(|(at, mark)| le32(bytes, *at) == *mark);
        marked.then(|| Self { free: le32(bytes, 488), next: le32(bytes, 492) })
    }

    /// Writes it into a sector, with the marks.
    pub fn put(self, bytes: &mut [u8]) {
        MARKS.iter().for_each(|(at, mark)| put32(bytes, *at, *mark));
        put32(bytes, 488, self.free);
        put32(bytes, 492, self.next);
    }
}
