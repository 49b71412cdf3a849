//! The keyed hash of names and offsets. The keys are drawn at each mount, so nobody can make an image whose names
//! collide on purpose; beyond that it need not be strong, and takes a few nanoseconds.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The keys of one volume.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    start: u64,
    /// Odd.
    factor: u64,
}

/// Every bit of the product's halves depends on many bits of both factors.
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

    /// Hash of a name.
    pub(crate) fn name(&self, name: &[u8]) -> u32 {
        let (chunks, rest) = name.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // The length tells names apart that differ in how many NULs a padded end has.
        let start = self.start ^ name.len() as u64;
        let hash = chunks
            .iter()
            .chain([&last])
            .fold(start, |hash, chunk| fold(hash ^ u64::from_le_bytes(*chunk), self.factor));
        fold(hash, self.factor) as u32
    }
}

impl BuildHasher for Keys {
    type Hasher = OffsetHasher;

    fn build_hasher(&self) -> OffsetHasher {
        OffsetHasher { keys: *self, hash: self.start }
    }
}

/// The hasher of a map whose keys are offsets.
pub(crate) struct OffsetHasher {
    keys: Keys,
    hash: u64,
}

impl Hasher for OffsetHasher {
    fn write_u32(&mut self, offset: u32) {
        self.hash = fold(self.hash ^ u64::from(offset), self.keys.factor);
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}
