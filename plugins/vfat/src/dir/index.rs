//! Names of a directory: found by hash, long or short, in any case.

use super::{Dir, Style};
use crate::format::unicode::{Name, Units};

impl Dir {
    /// The folded names of a slot: the long one, if it has one, and the short one.
    fn folded(&self, slot: u32, style: &Style) -> (Option<Units>, Units) {
        let mut long = Units::default();
        let has_long = self.long(slot, &mut long).is_some();
        long.fold();
        let mut name = Name::default();
        self.short(slot, style, &mut name);
        let mut short = Units::from_utf8(name.bytes()).unwrap_or_default();
        short.fold();
        (has_long.then_some(long), short)
    }

    fn build(&mut self, style: &Style) {
        let mut index = crate::hash::NumberMap::default();
        index.reserve(self.entries as usize * 2);
        for slot in (0..self.slots()).take_while(|slot| *slot < self.free.end) {
            if !self.holds(slot) {
                continue;
            }
            let (long, short) = self.folded(slot, style);
            for name in long.iter().chain([&short]) {
                let at = *index.entry(style.keys.name(name.units())).or_insert(slot);
                self.twins |= at != slot;
            }
        }
        self.index = Some(index);
    }

    /// The slot of a folded name.
    pub(crate) fn find(&mut self, folded: &Units, style: &Style) -> Option<u32> {
        if self.index.is_none() {
            self.build(style);
        }
        let slot = *self.index.as_ref()?.get(&style.keys.name(folded.units()))?;
        let (long, short) = self.folded(slot, style);
        let same = |name: &Units| name.units() == folded.units();
        (long.as_ref().is_some_and(same) || same(&short)).then_some(slot)
    }

    /// Takes a slot's names into the index.
    pub(super) fn learn(&mut self, slot: u32, style: &Style) {
        let (long, short) = self.folded(slot, style);
        if let Some(index) = &mut self.index {
            for name in long.iter().chain([&short]) {
                index.insert(style.keys.name(name.units()), slot);
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
        let (long, short) = self.folded(slot, style);
        if let Some(index) = &mut self.index {
            for name in long.iter().chain([&short]) {
                let hash = style.keys.name(name.units());
                if index.get(&hash) == Some(&slot) {
                    index.remove(&hash);
                }
            }
        }
    }
}
