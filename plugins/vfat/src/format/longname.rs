//! Long names: thirteen UTF-16 units to a slot, the last piece first, before the slot of the short name.

use super::entry::{LONG, SLOT_BYTES};
use super::le16;
use super::unicode::{NAME_MAX_UNITS, Units};

/// Units in a slot.
pub const SLOT_UNITS: usize = 13;
/// Most slots of a long name.
pub const LONG_SLOTS_MAX: usize = NAME_MAX_UNITS.div_ceil(SLOT_UNITS);
/// Marks the first slot of a set, which holds the last piece.
pub const LAST_PIECE: u8 = 0x40;

/// Where the units lie in a slot.
const PLACES: [usize; SLOT_UNITS] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/// The sum that ties a long name to its short one.
#[inline]
pub fn checksum(short: &[u8; 11]) -> u8 {
    short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// Slots of a long name of so many units.
pub fn slots_for(units: usize) -> usize {
    units.div_ceil(SLOT_UNITS)
}

/// Writes the slots of a long name, in the order of the directory.
pub fn put(slots: &mut [u8], name: &[u16], checksum: u8) {
    let (slots, _) = slots.as_chunks_mut::<SLOT_BYTES>();
    let pieces = name.chunks(SLOT_UNITS).enumerate();
    for (slot, (at, piece)) in slots.iter_mut().rev().zip(pieces) {
        // One NUL ends a name that does not fill its last slot, and ones fill the rest.
        let mut units = [0xffff; SLOT_UNITS];
        units[..piece.len()].copy_from_slice(piece);
        if let Some(end) = units.get_mut(piece.len()) {
            *end = 0;
        }
        *slot = [0; SLOT_BYTES];
        slot[0] = at as u8 + 1;
        (slot[11], slot[13]) = (LONG, checksum);
        for (unit, place) in units.iter().zip(PLACES) {
            slot[place..place + 2].copy_from_slice(&unit.to_le_bytes());
        }
    }
    if let Some(first) = slots.first_mut() {
        first[0] |= LAST_PIECE;
    }
}

/// Gathers the pieces of a long name while the slots of a directory pass by.
#[derive(Clone, Copy)]
pub struct Gather {
    buf: [u16; LONG_SLOTS_MAX * SLOT_UNITS],
    /// Pieces of the set; 0 if none is being gathered.
    pieces: u8,
    /// The piece that came last.
    piece: u8,
    checksum: u8,
}

impl Default for Gather {
    fn default() -> Self {
        Self { buf: [0; LONG_SLOTS_MAX * SLOT_UNITS], pieces: 0, piece: 0, checksum: 0 }
    }
}

impl Gather {
    /// Takes a slot of a long name. False if what came before it has no end.
    #[inline]
    pub fn piece(&mut self, slot: &[u8]) -> bool {
        let (order, sum) = (slot[0], slot[13]);
        let number = order & !LAST_PIECE;
        let begins = order & LAST_PIECE != 0;
        let interrupted = begins && self.pieces != 0;
        if number == 0 || usize::from(number) > LONG_SLOTS_MAX {
            self.pieces = 0;
            return false;
        }
        if begins {
            (self.pieces, self.checksum) = (number, sum);
        } else if self.pieces == 0 || number + 1 != self.piece || sum != self.checksum {
            self.pieces = 0;
            return false;
        }
        self.piece = number;
        let from = (usize::from(number) - 1) * SLOT_UNITS;
        let units = &mut self.buf[from..from + SLOT_UNITS];
        for (unit, place) in units.iter_mut().zip(PLACES) {
            *unit = le16(slot, place);
        }
        !interrupted
    }

    /// Whether pieces wait for their short name.
    pub fn waits(&self) -> bool {
        self.pieces != 0
    }

    /// Forgets what came so far.
    pub fn clear(&mut self) {
        self.pieces = 0;
    }

    /// The short name came: the number of slots of its long name, and the units; `None` if it has none.
    #[inline]
    pub fn finish(&mut self, short: &[u8; 11]) -> Option<(usize, &[u16])> {
        let pieces = std::mem::take(&mut self.pieces);
        if pieces == 0 || self.piece != 1 || self.checksum != checksum(short) {
            return None;
        }
        let all = &self.buf[..usize::from(pieces) * SLOT_UNITS];
        let len = all.iter().position(|unit| *unit == 0).unwrap_or(all.len());
        (1..=NAME_MAX_UNITS).contains(&len).then(|| (usize::from(pieces), &all[..len]))
    }
}

/// The units as a name.
pub fn to_units(units: &[u16]) -> Units {
    let mut name = Units::default();
    name.set(units);
    name
}

/// The thirteen units of a slot.
#[inline]
pub fn read_piece(slot: &[u8; SLOT_BYTES], units: &mut [u16; SLOT_UNITS]) {
    for (unit, place) in units.iter_mut().zip(PLACES) {
        *unit = u16::from_le_bytes([slot[place], slot[place + 1]]);
    }
}
