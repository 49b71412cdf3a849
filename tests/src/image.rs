//! Damage to images and other bytes, by chance that repeats itself.

use crate::Rng;

/// Bytes that differ from place to place, and from seed to seed.
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    Rng::new(seed).bytes(len)
}

/// Damages bytes in a few places, in one of the ways in which files break: a bit, a byte, a word of a telling value, a
/// piece that stands elsewhere, a missing end.
pub fn damage(rng: &mut Rng, bytes: &mut Vec<u8>) {
    const TELLING: [u32; 8] = [0, 1, 0x10, 0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0x2000];
    for _ in 0..=rng.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.below(bytes.len());
        match rng.below(6) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next_u64() as u8,
            2 | 3 => {
                let word = *rng.pick(&TELLING);
                let word = if rng.one_in(2) { word.to_be_bytes() } else { word.to_le_bytes() };
                let at = at & !3;
                let room = bytes.len().min(at + 4) - at;
                bytes[at..at + room].copy_from_slice(&word[..room]);
            }
            4 => {
                let len = rng.below(64).min(bytes.len() - at);
                let from = rng.below(bytes.len() - len + 1);
                bytes.copy_within(from..from + len, at);
            }
            _ => bytes.truncate(at),
        }
    }
}
