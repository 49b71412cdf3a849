//! A directory in memory: its slots as on the medium, which sectors of them differ from it, and where names are.

mod index;
mod slots;

use std::sync::Arc;

use crate::format::Entry;
use crate::format::codepage::Codepage;
use crate::format::entry::{DIRECTORY, SLOT_BYTES, SlotKind, slot_kind};
use crate::format::longname::{self, LAST_PIECE, LONG_SLOTS_MAX};
use crate::format::shortname::{self, Mode};
use crate::format::unicode::{Name, Units};
use crate::hash::{Keys, NumberMap};
use crate::inode::Inode;
use slots::FreeSlots;
pub(crate) use slots::Place;

/// How names of a volume are read.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) keys: Keys,
    pub(crate) codepage: Codepage,
    pub(crate) shortname: Mode,
    /// Cluster numbers have an upper half.
    pub(crate) wide: bool,
    pub(crate) sector_bytes: usize,
}

/// A directory.
pub(crate) struct Dir {
    pub(crate) inode: Arc<Inode>,
    content: Vec<u8>,
    /// A bit for each sector that differs from the medium.
    dirty: Vec<u64>,
    /// A long name that was made lies in two sectors: they have to be written in order.
    ordered: bool,
    /// Slots of long names that go once their short names are gone from the medium.
    late: Vec<u32>,
    /// New names of renames whose mark goes once the old ones are gone from the medium.
    unmark: Vec<u32>,
    /// Slot of the short name by hash of a folded name, long or short; made at the second lookup.
    index: Option<NumberMap<u32>>,
    /// A name was looked for.
    asked: bool,
    free: FreeSlots,
    /// Files and directories in it.
    pub(crate) entries: u32,
    pub(crate) subdirectories: u32,
    /// Hashes of aliases all of whose numbers are taken.
    crowded: NumberMap<()>,
    /// Some hash stood in the index already: a damaged directory has a name twice.
    twins: bool,
    /// Something lies after the end.
    tail: bool,
    /// It stands in the list of those that differ from the medium.
    pub(crate) listed: bool,
    /// For the choice of what to drop from memory.
    pub(crate) used: u64,
}

impl Dir {
    /// A directory with this content.
    pub(crate) fn new(inode: Arc<Inode>, content: Vec<u8>, style: &Style) -> Self {
        let mut dir = Self {
            inode,
            dirty: vec![0; content.len().div_ceil(style.sector_bytes).div_ceil(64)],
            content,
            ordered: false,
            late: Vec::new(),
            unmark: Vec::new(),
            index: None,
            asked: false,
            crowded: NumberMap::default(),
            free: FreeSlots::default(),
            entries: 0,
            subdirectories: 0,
            twins: false,
            tail: false,
            listed: false,
            used: 0,
        };
        dir.count(style);
        dir
    }

    pub(crate) fn len_bytes(&self) -> usize {
        self.content.len()
    }

    pub(crate) fn slots(&self) -> u32 {
        (self.content.len() / SLOT_BYTES) as u32
    }

    #[inline]
    fn slot(&self, slot: u32) -> &[u8; SLOT_BYTES] {
        let (slots, _) = self.content.as_chunks();
        &slots[slot as usize]
    }

    #[inline]
    pub(crate) fn kind(&self, slot: u32) -> SlotKind {
        slot_kind(self.slot(slot))
    }

    /// The entry in a slot.
    pub(crate) fn entry(&self, slot: u32, style: &Style) -> Entry {
        Entry::parse(self.slot(slot), style.wide)
    }

    /// Whether the slot is one of the two that every directory but the root begins with, or holds no name at all.
    #[inline]
    fn is_dots(&self, slot: u32) -> bool {
        let name = &self.slot(slot)[..11];
        matches!(name, b".          " | b"..         " | b"           ")
    }

    /// Whether the entry in the slot is a directory.
    #[inline]
    pub(crate) fn is_dir(&self, slot: u32) -> bool {
        self.slot(slot)[11] & DIRECTORY != 0
    }

    /// Whether a file or directory stands in the slot.
    #[inline]
    pub(crate) fn holds(&self, slot: u32) -> bool {
        slot < self.slots() && self.kind(slot) == SlotKind::Short && !self.is_dots(slot)
    }

    /// Number of slots and units of the long name before a short one.
    #[inline]
    pub(crate) fn long(&self, slot: u32, units: &mut Units) -> Option<u32> {
        if slot == 0 || self.kind(slot - 1) != SlotKind::Long {
            return None;
        }
        let sum = longname::checksum(&self.short_bytes(slot));
        for number in 1..=(LONG_SLOTS_MAX as u32).min(slot) {
            let piece = self.slot(slot - number);
            let fits = slot_kind(piece) == SlotKind::Long && piece[13] == sum;
            if !fits || u32::from(piece[0] & !LAST_PIECE) != number {
                return None;
            }
            longname::read_piece(piece, units.piece(number as usize));
            if piece[0] & LAST_PIECE != 0 {
                let whole = units.pieces(number as usize);
                let dots = matches!(units.units(), [0x2e] | [0x2e, 0x2e]);
                return (whole && !dots).then_some(number);
            }
        }
        None
    }

    #[inline]
    fn short_bytes(&self, slot: u32) -> [u8; 11] {
        let mut short = [0; 11];
        short.copy_from_slice(&self.slot(slot)[..11]);
        short
    }

    /// The short name as users see it.
    fn short(&self, slot: u32, style: &Style, name: &mut Name) {
        let flags = self.slot(slot)[12];
        shortname::show(&self.short_bytes(slot), flags, style.codepage, style.shortname, name);
    }

    /// The name of a slot as users see it. `units` is room to work in.
    #[inline]
    pub(crate) fn name(&self, slot: u32, style: &Style, units: &mut Units, name: &mut Name) {
        name.clear();
        match self.long(slot, units) {
            Some(_) => name.push_units(units.units()),
            None => self.short(slot, style, name),
        }
    }

    /// Changes the fields of an entry; its name and case flags stay.
    pub(crate) fn put_entry(&mut self, slot: u32, entry: &Entry, style: &Style) {
        let at = slot as usize * SLOT_BYTES;
        let bytes = &mut self.content[at..at + SLOT_BYTES];
        let mut new = *entry;
        new.name.copy_from_slice(&bytes[..11]);
        new.put(bytes, style.wide);
        self.touch(slot, style);
    }

    fn touch(&mut self, slot: u32, style: &Style) {
        let sector = slot as usize * SLOT_BYTES / style.sector_bytes;
        self.dirty[sector / 64] |= 1 << (sector % 64);
    }

    /// Whether the numbered aliases of a hash were all taken before.
    pub(crate) fn is_crowded(&self, alias: u64) -> bool {
        self.crowded.contains_key(&alias)
    }

    /// The numbered aliases of a hash are all taken.
    pub(crate) fn crowd(&mut self, alias: u64) {
        self.crowded.insert(alias, ());
    }

    /// The sector of a slot, within the directory.
    pub(crate) fn sector(slot: u32, style: &Style) -> usize {
        slot as usize * SLOT_BYTES / style.sector_bytes
    }

    /// Whether something waits for the end of a commit.
    pub(crate) fn has_late(&self) -> bool {
        !self.late.is_empty() || !self.unmark.is_empty()
    }

    /// Hands out what differs, in order: the place in the directory and the bytes; and whether order matters.
    pub(crate) fn write_back<E>(
        &mut self,
        sector_bytes: usize,
        mut write: impl FnMut(usize, &[u8], bool) -> Result<(), E>,
    ) -> Result<(), E> {
        for word in 0..self.dirty.len() {
            while self.dirty[word] != 0 {
                let bits = self.dirty[word];
                let first = bits.trailing_zeros();
                let count = if self.ordered { 1 } else { (bits >> first).trailing_ones() };
                let at = (word * 64 + first as usize) * sector_bytes;
                let end = (at + count as usize * sector_bytes).min(self.content.len());
                write(at, &self.content[at..end], self.ordered)?;
                let mask = if count == 64 { u64::MAX } else { ((1 << count) - 1) << first };
                self.dirty[word] &= !mask;
            }
        }
        self.ordered = false;
        Ok(())
    }
}
