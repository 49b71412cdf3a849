//! The slots of a directory: 32 bytes each, of a short name or of a piece of a long one.

use super::time::Stamp;
use super::{le16, le32, put16, put32};

/// Bytes of a slot.
pub const SLOT_BYTES: usize = 32;
/// First byte of a slot that was deleted.
pub const DELETED: u8 = 0xe5;
/// First byte of the slot at which a directory ends.
pub const LAST: u8 = 0;

/// Attribute: cannot be written.
pub const READ_ONLY: u8 = 0x01;
/// Attribute: not shown.
pub const HIDDEN: u8 = 0x02;
/// Attribute: of the system.
pub const SYSTEM: u8 = 0x04;
/// Attribute: the name is the volume's label.
pub const VOLUME: u8 = 0x08;
/// Attribute: a directory.
pub const DIRECTORY: u8 = 0x10;
/// Attribute: changed since the last backup.
pub const ARCHIVE: u8 = 0x20;
/// All of these attributes together mark a piece of a long name.
pub const LONG: u8 = READ_ONLY | HIDDEN | SYSTEM | VOLUME;

/// NT's flag: the name before the dot is in lower case.
pub const LOWER_BASE: u8 = 0x08;
/// NT's flag: the extension is in lower case.
pub const LOWER_EXT: u8 = 0x10;
/// Our flag beside NT's: a rename that is not finished gave this name; the older one with the same chain goes.
pub const RENAMING: u8 = 0x80;

/// What a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// Nothing, and nothing follows.
    Last,
    /// Nothing.
    Deleted,
    /// A piece of a long name.
    Long,
    /// The label of the volume.
    Label,
    /// A file or directory.
    Short,
}

/// Tells what a slot is.
#[inline]
pub fn slot_kind(slot: &[u8]) -> SlotKind {
    match (slot[0], slot[11]) {
        (LAST, _) => SlotKind::Last,
        (DELETED, _) => SlotKind::Deleted,
        (_, attr) if attr & 0x3f == LONG => SlotKind::Long,
        (_, attr) if attr & VOLUME != 0 => SlotKind::Label,
        _ => SlotKind::Short,
    }
}

/// A file or directory, as its slot tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name of 8 and 3 bytes, as stored.
    pub name: [u8; 11],
    /// Attributes.
    pub attr: u8,
    /// Case flags, and [`RENAMING`].
    pub flags: u8,
    /// Birth.
    pub born: Stamp,
    /// Last access; a day.
    pub accessed: Stamp,
    /// Last change.
    pub changed: Stamp,
    /// First cluster; 0 if there is none.
    pub start: u32,
    /// Length in bytes; 0 of a directory.
    pub size: u32,
}

impl Entry {
    /// Reads a slot. `wide`: cluster numbers have an upper half (FAT32 only).
    pub fn parse(slot: &[u8], wide: bool) -> Self {
        let mut name = [0; 11];
        name.copy_from_slice(&slot[..11]);
        let upper = if wide { u32::from(le16(slot, 20)) << 16 } else { 0 };
        Self {
            name,
            attr: slot[11],
            flags: slot[12],
            born: Stamp { date: le16(slot, 16), time: le16(slot, 14), hundredths: slot[13] },
            accessed: Stamp { date: le16(slot, 18), ..Stamp::default() },
            changed: Stamp { date: le16(slot, 24), time: le16(slot, 22), hundredths: 0 },
            start: (upper | u32::from(le16(slot, 26))) & 0x0fff_ffff,
            size: le32(slot, 28),
        }
    }

    /// Writes the slot.
    pub fn put(&self, slot: &mut [u8], wide: bool) {
        slot[..11].copy_from_slice(&self.name);
        (slot[11], slot[12], slot[13]) = (self.attr, self.flags, self.born.hundredths);
        put16(slot, 14, self.born.time);
        put16(slot, 16, self.born.date);
        put16(slot, 18, self.accessed.date);
        put16(slot, 20, if wide { (self.start >> 16) as u16 } else { 0 });
        put16(slot, 22, self.changed.time);
        put16(slot, 24, self.changed.date);
        put16(slot, 26, self.start as u16);
        put32(slot, 28, self.size);
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.attr & DIRECTORY != 0
    }
}
