//! Names as users write them (UTF-8) and as long names store them (UTF-16), and how they compare.
//!
//! A long name may hold surrogates without their partner. They come out as three bytes each, as UTF-8 would encode
//! them (WTF-8), so that such a file can still be named; new names of that kind are refused.

use super::longname::{LONG_SLOTS_MAX, SLOT_UNITS};

/// Most UTF-16 units of a name.
pub const NAME_MAX_UNITS: usize = 255;
/// Most bytes of a name: three for each unit.
pub const NAME_MAX_BYTES: usize = NAME_MAX_UNITS * 3;

/// Units that there is room for: all pieces of a long name.
const ROOM: usize = LONG_SLOTS_MAX * SLOT_UNITS;

/// A name in UTF-16, on the stack.
#[derive(Clone, Copy)]
pub struct Units {
    buf: [u16; ROOM],
    len: usize,
}

/// A bit for each ASCII character that a long name may hold.
const LEGAL_ASCII: u128 = {
    let illegal = b"\"*/:<>?\\|";
    // No control character but 0x7f, as Windows.
    let (mut legal, mut at) = (!0_u128 << b' ', 0);
    while at < illegal.len() {
        legal &= !(1 << illegal[at]);
        at += 1;
    }
    legal
};

/// Why a name cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFlaw {
    /// More than 255 units.
    TooLong,
    /// Not UTF-8.
    NotUtf8,
    /// A character that no name may hold.
    Illegal,
    /// Nothing is left without dots and spaces at the end.
    Empty,
}

impl Default for Units {
    fn default() -> Self {
        Self { buf: [0; ROOM], len: 0 }
    }
}

impl Units {
    /// The units.
    #[inline]
    pub fn units(&self) -> &[u16] {
        &self.buf[..self.len]
    }

    /// Takes these units, as many as there is room for.
    #[inline]
    pub fn set(&mut self, units: &[u16]) {
        self.len = units.len().min(NAME_MAX_UNITS);
        self.buf[..self.len].copy_from_slice(&units[..self.len]);
    }

    /// Where the units of a piece of a long name go: pieces count from 1.
    #[inline]
    pub fn piece(&mut self, number: usize) -> &mut [u16; SLOT_UNITS] {
        let (pieces, _) = self.buf.as_chunks_mut();
        &mut pieces[number - 1]
    }

    /// So many pieces are all: the name goes on to the first NUL. Whether there is one, not longer than names may be.
    #[inline]
    pub fn pieces(&mut self, count: usize) -> bool {
        let all = &self.buf[..count * SLOT_UNITS];
        // Only the last piece of a sound name has one.
        let before = (count - 1) * SLOT_UNITS;
        let nul = |units: &[u16]| units.iter().position(|unit| *unit == 0);
        let len = match nul(&all[..before]) {
            Some(len) => len,
            None => before + nul(&all[before..]).unwrap_or(SLOT_UNITS),
        };
        self.len = len.min(NAME_MAX_UNITS);
        (1..=NAME_MAX_UNITS).contains(&len)
    }

    /// Adds a unit; false if there is no room.
    #[inline]
    pub fn push(&mut self, unit: u16) -> bool {
        if self.len == NAME_MAX_UNITS {
            return false;
        }
        self.buf[self.len] = unit;
        self.len += 1;
        true
    }

    /// Adds a character; false if there is no room.
    #[inline]
    pub fn push_char(&mut self, c: char) -> bool {
        let mut buf = [0; 2];
        c.encode_utf16(&mut buf).iter().all(|unit| self.push(*unit))
    }

    /// Reads UTF-8, and surrogates encoded alike.
    pub fn from_utf8(name: &[u8]) -> Result<Self, NameFlaw> {
        let mut units = Self::default();
        if name.is_ascii() {
            if name.len() > NAME_MAX_UNITS {
                return Err(NameFlaw::TooLong);
            }
            units.buf.iter_mut().zip(name).for_each(|(unit, byte)| *unit = (*byte).into());
            units.len = name.len();
            return Ok(units);
        }
        let mut rest = name;
        while !rest.is_empty() {
            let valid = match std::str::from_utf8(rest) {
                Ok(all) => all,
                Err(error) => std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap_or(""),
            };
            if !valid.chars().all(|c| units.push_char(c)) {
                return Err(NameFlaw::TooLong);
            }
            rest = &rest[valid.len()..];
            if let [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] = rest {
                let unit = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
                if !units.push(unit) {
                    return Err(NameFlaw::TooLong);
                }
                rest = &rest[3..];
            } else if !rest.is_empty() {
                return Err(NameFlaw::NotUtf8);
            }
        }
        Ok(units)
    }

    /// Cuts dots and spaces off the end, as Windows does.
    pub fn trim(&mut self) {
        while self.len > 0 && matches!(self.buf[self.len - 1], 0x20 | 0x2e) {
            self.len -= 1;
        }
    }

    /// Whether a file may be given this name. Dots and spaces at its end were cut.
    pub fn verify(&self) -> Result<(), NameFlaw> {
        if self.len == 0 {
            return Err(NameFlaw::Empty);
        }
        let ascii = self.units().iter().fold(0, |all, unit| all | unit) < 0x80;
        let legal = match ascii {
            true => self.units().iter().all(|unit| LEGAL_ASCII >> unit & 1 != 0),
            false => {
                let mut chars = char::decode_utf16(self.units().iter().copied());
                chars.all(|c| c.is_ok_and(|c| !c.is_ascii() || LEGAL_ASCII >> u32::from(c) & 1 != 0))
            }
        };
        if legal { Ok(()) } else { Err(NameFlaw::Illegal) }
    }

    /// Folds the units, so that names that differ by case only become equal.
    #[inline]
    pub fn fold(&mut self) {
        let units = &mut self.buf[..self.len];
        if units.iter().fold(0, |all, unit| all | unit) < 0x80 {
            units.iter_mut().for_each(|unit| *unit = fold_ascii(*unit));
        } else {
            units.iter_mut().for_each(|unit| *unit = fold(*unit));
        }
    }
}

/// The form of a unit in which case does not count: its upper case, if that is one unit. Surrogates stay, as in Windows.
#[inline]
pub fn fold(unit: u16) -> u16 {
    if unit < 0x80 {
        return fold_ascii(unit);
    }
    fold_other(unit)
}

#[inline]
fn fold_ascii(unit: u16) -> u16 {
    unit - (u16::from(unit.wrapping_sub(0x61) < 26) << 5)
}

fn fold_other(unit: u16) -> u16 {
    let Some(c) = char::from_u32(unit.into()) else { return unit };
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => u16::try_from(u32::from(upper)).unwrap_or(unit),
        _ => unit,
    }
}

/// A name in UTF-8, on the stack.
pub struct Name {
    buf: [u8; NAME_MAX_BYTES + 4],
    len: usize,
}

impl Default for Name {
    fn default() -> Self {
        Self { buf: [0; NAME_MAX_BYTES + 4], len: 0 }
    }
}

impl Name {
    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buf[..self.len]
    }

    /// Empties it.
    #[inline]
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Adds a character, if there is room.
    #[inline]
    pub fn push_char(&mut self, c: char) {
        if c.is_ascii() && self.len < NAME_MAX_BYTES {
            self.buf[self.len] = c as u8;
            self.len += 1;
        } else if self.len + c.len_utf8() <= NAME_MAX_BYTES {
            self.len += c.encode_utf8(&mut self.buf[self.len..]).len();
        }
    }

    /// Adds ASCII characters, as many as there is room for.
    #[inline]
    pub fn push_ascii(&mut self, text: &[u8], lower: bool) {
        let len = text.len().min(NAME_MAX_BYTES - self.len);
        for (byte, c) in self.buf[self.len..].iter_mut().zip(&text[..len]) {
            *byte = if lower { c.to_ascii_lowercase() } else { *c };
        }
        self.len += len;
    }

    /// Adds units. What no name may hold becomes a private character, so that the name stays one.
    pub fn push_units(&mut self, units: &[u16]) {
        // Looked at as a whole, which is many at a time.
        let odd = units.iter().fold(false, |odd, unit| odd | !(1..0x80).contains(unit) | (*unit == 0x2f));
        if !odd && self.len + units.len() <= NAME_MAX_BYTES {
            for (byte, unit) in self.buf[self.len..].iter_mut().zip(units) {
                *byte = *unit as u8;
            }
            self.len += units.len();
            return;
        }
        for c in char::decode_utf16(units.iter().copied()) {
            match c {
                // The host takes no name with these.
                Ok('/' | '\0') => self.push_char('\u{fffd}'),
                Ok(c) => self.push_char(c),
                Err(error) if self.len + 3 <= NAME_MAX_BYTES => {
                    let unit = error.unpaired_surrogate();
                    let bytes = [0xed, 0x80 | (unit >> 6 & 0x3f) as u8, 0x80 | (unit & 0x3f) as u8];
                    self.buf[self.len..self.len + 3].copy_from_slice(&bytes);
                    self.len += 3;
                }
                Err(_) => {}
            }
        }
    }

    /// As text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}
