//! Entries of the file allocation table.

use super::{Kind, le16, le32, put16, put32};

/// What an entry says of its cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nobody uses it.
    Free,
    /// This one follows in the chain; not checked.
    Next(u32),
    /// The chain ends here.
    End,
    /// The medium is bad there.
    Bad,
}

/// The mark of a chain's end, in the form of [`Kind::Fat32`].
pub const END: u32 = 0x0fff_ffff;
/// The mark of a bad cluster, likewise.
pub const BAD: u32 = 0x0fff_fff7;

impl Kind {
    /// The meaning of a value.
    pub fn link(self, value: u32) -> Link {
        let (end, bad) = match self {
            Self::Fat12 => (0xff8, 0xff7),
            Self::Fat16 => (0xfff8, 0xfff7),
            Self::Fat32 => (0x0fff_fff8, BAD),
        };
        match value {
            0 => Link::Free,
            _ if value >= end => Link::End,
            _ if value == bad => Link::Bad,
            _ => Link::Next(value),
        }
    }

    /// Where an entry begins in the table, in bytes.
    pub fn entry_at(self, cluster: u32) -> u64 {
        let cluster = u64::from(cluster);
        match self {
            Self::Fat12 => cluster + cluster / 2,
            Self::Fat16 => cluster * 2,
            Self::Fat32 => cluster * 4,
        }
    }

    /// Bytes in which an entry lies.
    pub fn entry_bytes(self) -> usize {
        if self == Self::Fat32 { 4 } else { 2 }
    }

    /// Whether an entry lies in two sectors, so that no write can change all of it at once.
    pub fn straddles(self, cluster: u32, sector_bytes: u32) -> bool {
        self == Self::Fat12 && self.entry_at(cluster) % u64::from(sector_bytes) == u64::from(sector_bytes) - 1
    }

    /// The value of the entry that lies at `at`.
    pub fn get(self, table: &[u8], at: usize, cluster: u32) -> u32 {
        match self {
            Self::Fat12 if cluster & 1 != 0 => u32::from(le16(table, at) >> 4),
            Self::Fat12 => u32::from(le16(table, at) & 0xfff),
            Self::Fat16 => le16(table, at).into(),
            Self::Fat32 => le32(table, at) & 0x0fff_ffff,
        }
    }

    /// Changes the entry that lies at `at`; what is not its own stays.
    pub fn set(self, table: &mut [u8], at: usize, cluster: u32, value: u32) {
        match self {
            Self::Fat12 => {
                let (old, value) = (le16(table, at), (value & 0xfff) as u16);
                let new = if cluster & 1 != 0 { old & 0xf | value << 4 } else { old & 0xf000 | value };
                put16(table, at, new);
            }
            Self::Fat16 => put16(table, at, value as u16),
            Self::Fat32 => {
                let old = le32(table, at);
                put32(table, at, old & 0xf000_0000 | value & 0x0fff_ffff);
            }
        }
    }
}
