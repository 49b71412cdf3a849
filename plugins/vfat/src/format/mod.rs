//! The bytes of a FAT volume: what they mean and how they are made. No I/O, no state.
//!
//! Everything that is read is a claim: numbers are checked, names are decoded whatever they hold.

pub mod boot;
pub mod codepage;
pub mod entry;
pub mod fsinfo;
pub mod longname;
pub mod shortname;
pub mod table;
pub mod time;
pub mod unicode;

pub use boot::{Kind, Layout};
pub use entry::{Entry, SLOT_BYTES};

/// First cluster number; 0 and 1 are marks.
pub const FIRST_CLUSTER: u32 = 2;

/// A 16-bit number of the medium. The caller checked the length.
pub(crate) fn le16(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// A 32-bit number of the medium.
pub(crate) fn le32(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(crate) fn put16(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}
