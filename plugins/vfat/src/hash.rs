//! The keyed hash of folded names, and the map of numbers. The keys are drawn at each mount, so nobody can make a volume
//! whose names collide on purpose.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// The keys of one volume.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    start: u64,
    /// Odd.
    factor: u64,
}

/// Every bit of the result depends on many bits of both factors.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

impl Keys {
    /// Keys that nobody can foresee.
    pub(crate) fn drawn() -> Self {
        let random = RandomState::new();
        Self { start: random.hash_one(0), factor: random.hash_one(1) | 1 }
    }

    /// Hash of a folded name.
    pub(crate) fn name(&self, units: &[u16]) -> u64 {
        let (chunks, rest) = units.as_chunks::<4>();
        let word = |chunk: &[u16]| chunk.iter().fold(0, |word, unit| word << 16 | u64::from(*unit));
        let start = self.start ^ units.len() as u64;
        let hash = chunks.iter().fold(start, |hash, chunk| fold(hash ^ word(chunk), self.factor));
        fold(fold(hash ^ word(rest), self.factor), self.factor ^ self.start)
    }
}

/// A map whose keys are numbers of ours, or hashes.
pub(crate) type NumberMap<T> = HashMap<u64, T, BuildHasherDefault<NumberHasher>>;

/// Spreads a number.
#[derive(Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write_u64(&mut self, number: u64) {
        // The golden ratio's bits, the upper half of which the table uses first.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn finish(&self) -> u64 {
        // The table takes its bucket from the lower bits.
        self.0 ^ (self.0 >> 32)
    }
}
