//! Names of a directory: found by hash, long or short, in any case.

use super::{Dir, Style};
use crate::format::entry::{SlotKind, slot_kind};
use crate::format::longname::{LAST_PIECE, LONG_SLOTS_MAX, SLOT_UNITS, checksum, read_piece};
use crate::format::shortname;
use crate::format::unicode::{Units, fold};

impl Dir {
    /// The folded short name of a slot.
    #[inline]
    fn folded_short(&self, slot: u32, style: &Style) -> shortname::Folded {
        shortname::folded(&self.short_bytes(slot), style.codepage)
    }

    /// Whether a slot has a name, long or short.
    fn is_named(&self, slot: u32, folded: &[u16], style: &Style) -> bool {
        self.folded_short(slot, style).units() == folded || self.has_long(slot, folded)
    }

    /// Whether the long name of a slot is this one.
    fn has_long(&self, slot: u32, folded: &[u16]) -> bool {
        let sum = checksum(&self.short_bytes(slot));
        let mut left = folded;
        for number in 1..=(LONG_SLOTS_MAX as u32).min(slot) {
            let piece = self.slot(slot - number);
            let fits = slot_kind(piece) == SlotKind::Long && piece[13] == sum;
            if !fits || u32::from(piece[0] & !LAST_PIECE) != number {
                return false;
            }
            let mut units = [0; SLOT_UNITS];
            read_piece(piece, &mut units);
            let (here, rest) = left.split_at(left.len().min(SLOT_UNITS));
            if !here.iter().zip(units).all(|(wanted, unit)| *wanted == fold(unit)) {
                return false;
            }
            left = rest;
            if piece[0] & LAST_PIECE != 0 {
                let ends = here.len() == SLOT_UNITS || units[here.len()] == 0;
                return left.is_empty() && ends && !here.is_empty();
            }
        }
        false
    }

    /// Hashes of a slot's names: the short one, and the long one if there is one.
    #[inline]
    fn hashes(&self, slot: u32, style: &Style, room: &mut Units) -> [Option<u64>; 2] {
        let short = style.keys.name(self.folded_short(slot, style).units());
        let long = self.long(slot, room).map(|_| {
            room.fold();
            style.keys.name(room.units())
        });
        [Some(short), long]
    }

    fn build(&mut self, style: &Style) {
        let mut index = crate::hash::NumberMap::default();
        index.reserve(self.entries as usize * 2);
        let mut room = Units::default();
        for slot in 0..self.free.end {
            if !self.holds(slot) {
                continue;
            }
            for hash in self.hashes(slot, style, &mut room).into_iter().flatten() {
                let at = *index.entry(hash).or_insert(slot);
                self.twins |= at != slot;
            }
        }
        self.index = Some(index);
    }

    /// The slot of a folded name. The first one that is asked for is looked for from the start: many a directory is asked for
    /// one name only, and to index them all takes several times as long.
    pub(crate) fn find(&mut self, folded: &[u16], style: &Style) -> Option<u32> {
        if self.index.is_none() {
            if !std::mem::replace(&mut self.asked, true) {
                return (0..self.free.end)
                    .find(|slot| self.holds(*slot) && self.is_named(*slot, folded, style));
            }
            self.build(style);
        }
        let slot = *self.index.as_ref()?.get(&style.keys.name(folded))?;
        self.is_named(slot, folded, style).then_some(slot)
    }

    /// Takes a new name into the index. `folded`: as it was asked for; a long name has a short one beside.
    pub(super) fn learn(&mut self, slot: u32, folded: &[u16], is_long: bool, style: &Style) {
        let short = is_long.then(|| style.keys.name(self.folded_short(slot, style).units()));
        if let Some(index) = &mut self.index {
            index.insert(style.keys.name(folded), slot);
            if let Some(short) = short {
                index.insert(short, slot);
            }
        }
    }

    /// Takes a slot's names out of the index. Called while they are still in the slots.
    pub(super) fn unlearn(&mut self, slot: u32, style: &Style) {
        if self.twins {
            // The other one comes to light.
            (self.index, self.twins) = (None, false);
            return;
        }
        let hashes = self.hashes(slot, style, &mut Units::default());
        if let Some(index) = &mut self.index {
            for hash in hashes.into_iter().flatten() {
                if index.get(&hash) == Some(&slot) {
                    index.remove(&hash);
                }
            }
        }
    }
}
