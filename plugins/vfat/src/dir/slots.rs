//! Slots of a directory: which are free, names put in and taken out.

use super::{Dir, Style};
use crate::format::Entry;
use crate::format::entry::{DELETED, LAST, RENAMING, SLOT_BYTES, SlotKind};
use crate::format::longname;
use crate::format::unicode::Units;

/// Most slots of a name: the long one's and the short one's.
const SET_MAX: usize = longname::LONG_SLOTS_MAX + 1;

/// Free slots: runs of deleted ones by their length, and all from the end on.
#[derive(Default)]
pub(super) struct FreeSlots {
    /// By length, the longest for all that are longer. What was used meanwhile is found out when a run is taken.
    runs: [Vec<u32>; SET_MAX + 1],
    /// The first slot after which nothing follows.
    pub(super) end: u32,
}

/// Where a name goes.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    first: u32,
    count: u32,
}

impl Dir {
    /// Counts what is there, and finds the free slots.
    pub(super) fn count(&mut self, style: &Style) {
        let (total, mut free) = (self.slots(), 0);
        let mut end = total;
        for slot in 0..total {
            match self.kind(slot) {
                SlotKind::Last => {
                    end = slot;
                    break;
                }
                SlotKind::Deleted => {
                    free += 1;
                    continue;
                }
                SlotKind::Short if !self.is_dots(slot) => {
                    self.entries += 1;
                    self.subdirectories += u32::from(self.entry(slot, style).is_dir());
                }
                _ => {}
            }
            self.offer(slot - free, free);
            free = 0;
        }
        self.offer(end - free, free);
        self.free.end = end;
        self.tail = (end..total).any(|slot| self.slot(slot)[0] != LAST);
    }

    fn offer(&mut self, first: u32, len: u32) {
        if len > 0 {
            self.free.runs[(len as usize).min(SET_MAX)].push(first);
        }
    }

    fn is_free(&self, slot: u32) -> bool {
        slot < self.slots() && (slot >= self.free.end || self.kind(slot) == SlotKind::Deleted)
    }

    /// Free slots in a row from `first` on, at most `most`.
    fn free_len(&self, first: u32, most: u32) -> u32 {
        (0..most).take_while(|more| self.is_free(first + more)).count() as u32
    }

    /// Finds room for a name of so many slots. `None`: the directory has to grow.
    pub(crate) fn room(&mut self, count: u32) -> Option<Place> {
        for class in count as usize..=SET_MAX {
            while let Some(first) = self.free.runs[class].pop() {
                let len = self.free_len(first, class as u32);
                if len >= count && first + count <= self.free.end {
                    let rest = first + count;
                    let most = (SET_MAX as u32).min(self.free.end - rest);
                    let rest_len = self.free_len(rest, most);
                    self.offer(rest, rest_len);
                    return Some(Place { first, count });
                }
                if len < class as u32 && first + len <= self.free.end {
                    self.offer(first, len);
                }
            }
        }
        let first = self.free.end;
        if first + count > self.slots() {
            return None;
        }
        self.free.end += count;
        Some(Place { first, count })
    }

    /// Zeroes what lies after the end: names would come of it once the end moves. Whether there was anything; then it has
    /// to reach the medium first.
    pub(crate) fn clean_tail(&mut self, style: &Style) -> bool {
        if !std::mem::take(&mut self.tail) {
            return false;
        }
        for slot in self.free.end..self.slots() {
            let at = slot as usize * SLOT_BYTES;
            if self.content[at..at + SLOT_BYTES].iter().any(|byte| *byte != 0) {
                self.content[at..at + SLOT_BYTES].fill(0);
                self.touch(slot, style);
            }
        }
        true
    }

    /// Adds a cluster of zeroes at the end.
    pub(crate) fn grow(&mut self, bytes: usize, style: &Style) {
        self.content.resize(self.content.len() + bytes, 0);
        self.dirty.resize(self.content.len().div_ceil(style.sector_bytes).div_ceil(64), 0);
    }

    /// Puts a name in; answers the slot of its short name. `folded`: the name, folded.
    pub(crate) fn put(
        &mut self,
        place: Place,
        (long, folded): (&[u16], &[u16]),
        entry: &Entry,
        style: &Style,
    ) -> u32 {
        let first = place.first as usize * SLOT_BYTES;
        let slot = place.first + place.count - 1;
        let long_bytes = (place.count as usize - 1) * SLOT_BYTES;
        longname::put(&mut self.content[first..first + long_bytes], long, longname::checksum(&entry.name));
        let at = slot as usize * SLOT_BYTES;
        entry.put(&mut self.content[at..at + SLOT_BYTES], style.wide);
        (place.first..=slot).for_each(|slot| self.touch(slot, style));
        self.ordered |= Self::sector(place.first, style) != Self::sector(slot, style);
        self.entries += 1;
        self.subdirectories += u32::from(entry.is_dir());
        self.learn(slot, folded, !long.is_empty(), style);
        slot
    }

    /// Takes a name out. Pieces of its long name in other sectors go later, so that no power cut leaves the short one
    /// without them.
    pub(crate) fn take(&mut self, slot: u32, style: &Style) {
        self.unlearn(slot, style);
        self.entries -= 1;
        self.subdirectories -= u32::from(self.entry(slot, style).is_dir());
        let pieces = self.long(slot, &mut Units::default()).unwrap_or(0);
        self.delete(slot, style);
        let mut freed = 1;
        for piece in (slot - pieces..slot).rev() {
            if Self::sector(piece, style) == Self::sector(slot, style) {
                self.delete(piece, style);
                freed += 1;
            } else {
                self.late.push(piece);
            }
        }
        self.offer_joined(slot + 1 - freed, freed);
    }

    fn delete(&mut self, slot: u32, style: &Style) {
        self.content[slot as usize * SLOT_BYTES] = DELETED;
        self.touch(slot, style);
    }

    /// Offers a run together with its free neighbours.
    fn offer_joined(&mut self, first: u32, len: u32) {
        let before =
            (1..=SET_MAX as u32).take_while(|less| *less <= first && self.is_free(first - less)).count();
        let first = first - before as u32;
        let len = len + before as u32;
        let len =
            len + self.free_len(first + len, SET_MAX as u32).min(self.free.end.saturating_sub(first + len));
        self.offer(first, len);
    }

    /// The mark of a rename in a slot goes at the end of the next commit.
    pub(crate) fn unmark_late(&mut self, slot: u32) {
        self.unmark.push(slot);
    }

    /// What had to wait until the names were on the medium.
    pub(crate) fn settle(&mut self, style: &Style) {
        for slot in std::mem::take(&mut self.late) {
            self.delete(slot, style);
            self.offer_joined(slot, 1);
        }
        for slot in std::mem::take(&mut self.unmark) {
            let at = slot as usize * SLOT_BYTES;
            if self.kind(slot) == SlotKind::Short {
                self.content[at + 12] &= !RENAMING;
                self.touch(slot, style);
            }
        }
    }

    /// Points `..` to another parent.
    pub(crate) fn set_parent(&mut self, start: u32, style: &Style) {
        if self.slots() > 1 && self.slot(1).starts_with(b"..         ") {
            let mut entry = self.entry(1, style);
            entry.start = start;
            self.put_entry(1, &entry, style);
        }
    }
}

impl Dir {
    /// Takes out what is no file, such as a label.
    pub(crate) fn erase(&mut self, slot: u32, style: &Style) {
        self.delete(slot, style);
        self.offer_joined(slot, 1);
    }

    /// Changes the short name in a slot that is no file.
    pub(crate) fn rename_in_place(&mut self, slot: u32, name: &[u8; 11], style: &Style) {
        let at = slot as usize * SLOT_BYTES;
        self.content[at..at + 11].copy_from_slice(name);
        self.touch(slot, style);
    }

    /// Puts in what is no file.
    pub(crate) fn put_raw(&mut self, place: Place, entry: &Entry, style: &Style) {
        let at = place.first as usize * SLOT_BYTES;
        entry.put(&mut self.content[at..at + SLOT_BYTES], style.wide);
        self.touch(place.first, style);
    }
}

impl Dir {
    /// The first slot after which nothing follows.
    pub(crate) fn end(&self) -> u32 {
        self.free.end
    }
}
