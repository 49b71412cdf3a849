//! Short names: eight bytes and three, in upper case, and the aliases of long names.

use super::codepage::Codepage;
use super::entry::{LOWER_BASE, LOWER_EXT};
use super::unicode::{Name, fold};

/// How short names are shown, and which names get a long one beside; as Linux's option of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Shown in lower case; a name that is not in upper case gets a long one.
    Lower,
    /// Shown as stored; likewise.
    Win95,
    /// Shown with NT's case flags; a name whose base and extension have one case each gets flags.
    WinNt,
    /// Shown with NT's case flags; a name that is not in upper case gets a long one.
    Mixed,
}

impl Mode {
    /// The mode of a name.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "lower" => Self::Lower,
            "win95" => Self::Win95,
            "winnt" => Self::WinNt,
            "mixed" => Self::Mixed,
            _ => return None,
        })
    }
}

/// The first byte of a name that begins with the byte which marks deleted slots.
const KANJI: u8 = 0x05;

/// Appends a short name as users see it. Nothing is appended if there is none.
pub fn show(short: &[u8; 11], flags: u8, codepage: Codepage, mode: Mode, out: &mut Name) {
    let flags = match mode {
        Mode::Lower => LOWER_BASE | LOWER_EXT,
        Mode::Win95 => 0,
        Mode::WinNt | Mode::Mixed => flags,
    };
    let (base, ext) = (trimmed(&short[..8]), trimmed(&short[8..]));
    if is_plain_ascii(short) {
        out.push_ascii(base, flags & LOWER_BASE != 0);
        if !ext.is_empty() {
            out.push_ascii(b".", false);
            out.push_ascii(ext, flags & LOWER_EXT != 0);
        }
        return;
    }
    let mut push = |byte: u8, lower: bool| match codepage.decode(byte) {
        '/' | '\0' => out.push_char('\u{fffd}'),
        c if lower => c.to_lowercase().for_each(|c| out.push_char(c)),
        c => out.push_char(c),
    };
    for (at, byte) in base.iter().enumerate() {
        let byte = if at == 0 && *byte == KANJI { 0xe5 } else { *byte };
        push(byte, flags & LOWER_BASE != 0);
    }
    if !ext.is_empty() {
        push(b'.', false);
        ext.iter().for_each(|byte| push(*byte, flags & LOWER_EXT != 0));
    }
}

/// Whether every byte is the character that it is in ASCII, and may be told.
#[inline]
fn is_plain_ascii(short: &[u8; 11]) -> bool {
    short.iter().fold(true, |plain, byte| plain & (byte.wrapping_sub(0x06) < 0x7a) & (*byte != b'/'))
}

#[inline]
fn trimmed(part: &[u8]) -> &[u8] {
    let len = part.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    &part[..len]
}

/// A short name in the form in which names compare.
#[derive(Clone, Copy)]
pub struct Folded {
    buf: [u16; 12],
    len: usize,
}

impl Folded {
    /// The units.
    #[inline]
    pub fn units(&self) -> &[u16] {
        &self.buf[..self.len]
    }
}

/// Folds a short name: what [`show`] appends, in whatever case, folded.
#[inline]
pub fn folded(short: &[u8; 11], codepage: Codepage) -> Folded {
    let mut folded = Folded { buf: [0; 12], len: 0 };
    if is_plain_ascii(short) {
        return folded_ascii(short, folded);
    }
    let (base, ext) = (trimmed(&short[..8]), trimmed(&short[8..]));
    let mut push = |byte: u8| {
        // All characters of our code pages are one unit.
        folded.buf[folded.len] = match codepage.decode(byte) {
            '/' | '\0' => 0xfffd,
            c => fold(u32::from(c) as u16),
        };
        folded.len += 1;
    };
    for (at, byte) in base.iter().enumerate() {
        push(if at == 0 && *byte == KANJI { 0xe5 } else { *byte });
    }
    if !ext.is_empty() {
        push(b'.');
        ext.iter().for_each(|byte| push(*byte));
    }
    folded
}

/// As [`folded`], where every character is its own unit.
#[inline]
fn folded_ascii(short: &[u8; 11], mut folded: Folded) -> Folded {
    let (base, ext) = (trimmed(&short[..8]), trimmed(&short[8..]));
    for (unit, byte) in folded.buf.iter_mut().zip(base) {
        *unit = byte.to_ascii_uppercase().into();
    }
    folded.len = base.len();
    if !ext.is_empty() {
        folded.buf[base.len()] = b'.'.into();
        for (unit, byte) in folded.buf[base.len() + 1..].iter_mut().zip(ext) {
            *unit = byte.to_ascii_uppercase().into();
        }
        folded.len += 1 + ext.len();
    }
    folded
}

/// Whether a short name may hold the character.
fn legal(c: char) -> bool {
    c > ' ' && !matches!(c, '"' | '*' | '+' | ',' | '.' | '/' | ':'..='?' | '['..=']' | '|' | '\x7f')
}

/// A name that needs no long one, and its case flags. `flagged`: case flags may be used.
pub fn plain(units: &[u16], flagged: bool) -> Option<([u8; 11], u8)> {
    if units.len() > 12 {
        return None;
    }
    let mut short = [b' '; 11];
    let dot = units.iter().position(|unit| *unit == u16::from(b'.'));
    let (base, ext) = match dot {
        Some(dot) => (&units[..dot], &units[dot + 1..]),
        None => (units, &units[..0]),
    };
    if base.is_empty() || base.len() > 8 || ext.len() > 3 || (dot.is_some() && ext.is_empty()) {
        return None;
    }
    let mut flags = 0;
    for (part, at, flag) in [(base, 0, LOWER_BASE), (ext, 8, LOWER_EXT)] {
        let (mut upper, mut lower) = (false, false);
        for (place, unit) in part.iter().enumerate() {
            let byte = u8::try_from(*unit).ok().filter(|byte| byte.is_ascii() && legal(*byte as char))?;
            upper |= byte.is_ascii_uppercase();
            lower |= byte.is_ascii_lowercase();
            short[at + place] = byte.to_ascii_uppercase();
        }
        if lower && (upper || !flagged) {
            return None;
        }
        if lower {
            flags |= flag;
        }
    }
    Some((short, flags))
}

/// What the aliases of a long name are made of.
#[derive(Clone, Copy, Debug)]
pub struct Basis {
    base: [u8; 8],
    base_len: usize,
    ext: [u8; 3],
    ext_len: usize,
    /// Something of the name is lost, so that an alias needs a number.
    lossy: bool,
}

impl Basis {
    /// The basis of a name.
    pub fn new(units: &[u16], codepage: Codepage) -> Self {
        let mut basis = Self { base: [b' '; 8], base_len: 0, ext: [b' '; 3], ext_len: 0, lossy: false };
        let lead = units.iter().take_while(|unit| matches!(**unit, 0x20 | 0x2e)).count();
        basis.lossy = lead != 0;
        let units = &units[lead..];
        let dot = units.iter().rposition(|unit| *unit == u16::from(b'.'));
        let (base, ext) = units.split_at(dot.unwrap_or(units.len()));
        for c in char::decode_utf16(base.iter().copied()) {
            let byte = basis.byte(c.unwrap_or('_'), codepage);
            if byte.is_some() && basis.base_len == basis.base.len() {
                basis.lossy = true;
                break;
            }
            if let Some(byte) = byte {
                basis.base[basis.base_len] = byte;
                basis.base_len += 1;
            }
        }
        for c in char::decode_utf16(ext.iter().skip(1).copied()) {
            let byte = basis.byte(c.unwrap_or('_'), codepage);
            if byte.is_some() && basis.ext_len == basis.ext.len() {
                basis.lossy = true;
                break;
            }
            if let Some(byte) = byte {
                basis.ext[basis.ext_len] = byte;
                basis.ext_len += 1;
            }
        }
        if basis.base_len == 0 {
            (basis.base[0], basis.base_len, basis.lossy) = (b'_', 1, true);
        }
        basis
    }

    /// The byte of a character in an alias; `None` if it is left out.
    fn byte(&mut self, c: char, codepage: Codepage) -> Option<u8> {
        if matches!(c, ' ' | '.') {
            self.lossy = true;
            return None;
        }
        if c.is_ascii() && legal(c) {
            return Some(c.to_ascii_uppercase() as u8);
        }
        let mut upper = c.to_uppercase();
        let single = match (upper.next(), upper.next()) {
            (Some(upper), None) => upper,
            _ => c,
        };
        match codepage.encode(single).filter(|byte| !byte.is_ascii() || legal(*byte as char)) {
            Some(byte) => Some(byte),
            None => {
                self.lossy = true;
                Some(b'_')
            }
        }
    }

    /// The alias without a number, if nothing is lost.
    pub fn whole(&self) -> Option<[u8; 11]> {
        (!self.lossy).then(|| self.with(self.base_len, b""))
    }

    /// `STEMST~1.EXT`; numbers have one digit.
    pub fn numbered(&self, number: u32) -> [u8; 11] {
        self.with(self.base_len, &[b'~', b'0' + number as u8])
    }

    /// `ST1A2B~1.EXT`: what Windows does once a few numbers are taken.
    pub fn hashed(&self, hash: u16, number: u32) -> [u8; 11] {
        let digit = |shift: u16| b"0123456789ABCDEF"[usize::from(hash >> shift & 0xf)];
        let tail = [digit(12), digit(8), digit(4), digit(0), b'~', b'0' + number as u8];
        self.with(self.base_len.min(2), &tail)
    }

    fn with(&self, base_len: usize, tail: &[u8]) -> [u8; 11] {
        let mut short = [b' '; 11];
        let base_len = base_len.min(8 - tail.len());
        short[..base_len].copy_from_slice(&self.base[..base_len]);
        short[base_len..base_len + tail.len()].copy_from_slice(tail);
        short[8..8 + self.ext_len].copy_from_slice(&self.ext[..self.ext_len]);
        if short[0] == 0xe5 {
            short[0] = KANJI;
        }
        short
    }
}

/// A label of a volume as eleven bytes: upper case, padded. `None` if it cannot be one.
pub fn label(text: &str, codepage: Codepage) -> Option<[u8; 11]> {
    let mut label = [b' '; 11];
    for (at, c) in text.chars().enumerate() {
        let upper: String = c.to_uppercase().collect();
        let mut chars = upper.chars();
        let (Some(c), None) = (chars.next(), chars.next()) else { return None };
        let byte = codepage.encode(c).filter(|_| c == ' ' || legal(c))?;
        *label.get_mut(at)? = byte;
    }
    if label[0] == 0xe5 {
        label[0] = KANJI;
    }
    Some(label)
}

/// A label as text, without the padding.
pub fn show_label(label: &[u8; 11], codepage: Codepage) -> String {
    let mut label = *label;
    if label[0] == KANJI {
        label[0] = 0xe5;
    }
    trimmed(&label).iter().map(|byte| codepage.decode(*byte)).collect()
}
