//! Memory to copy to and from: at a cache line's start and touched before, because a first touch takes ten times as long
//! as the copy.

use std::hint::black_box;

use crate::Direction;

const LINE_BYTES: usize = 64;
const PAGE_BYTES: usize = 4096;

/// Bytes in memory, none of them zero and none untouched.
pub struct Buffer {
    bytes: Vec<u8>,
    skip: usize,
    len: usize,
}

impl Buffer {
    /// A buffer of this length that begins at the start of a cache line.
    pub fn new(len_bytes: usize) -> Self {
        Self::placed(len_bytes, LINE_BYTES, 0)
    }

    fn placed(len: usize, align: usize, offset: usize) -> Self {
        let bytes = vec![0x5a; len + align + offset];
        let skip = bytes.as_ptr().align_offset(align) + offset;
        Self { bytes, skip, len }
    }

    /// The bytes.
    pub fn get(&self) -> &[u8] {
        &self.bytes[self.skip..self.skip + self.len]
    }

    /// The bytes, to be changed.
    pub fn get_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.skip..self.skip + self.len]
    }
}

/// A memory region that is copied as a file is transferred: memcpy of the same shape.
pub struct Region(Buffer);

impl Region {
    /// A region as large as the file, that begins at the same place in a page as the file does on its medium: a copy that
    /// goes across the end of a page costs a quarter more.
    pub fn new(len_bytes: u64, medium_offset: u64) -> Self {
        Self(Buffer::placed(len_bytes as usize, PAGE_BYTES, medium_offset as usize % PAGE_BYTES))
    }

    /// Copies all of it in calls as long as `buf`.
    pub fn sequential(&mut self, buf: &mut [u8], direction: Direction) {
        for piece in self.0.get_mut().chunks_exact_mut(buf.len()) {
            copy(piece, buf, direction);
        }
    }

    /// Copies pieces as long as `buf` at these offsets.
    pub fn random(&mut self, offsets: &[u64], buf: &mut [u8], direction: Direction) {
        for offset in offsets {
            let at = *offset as usize;
            copy(&mut self.0.get_mut()[at..at + buf.len()], buf, direction);
        }
    }
}

fn copy(memory: &mut [u8], buf: &mut [u8], direction: Direction) {
    // The compiler may not know what is copied, else it leaves the copy away.
    match direction {
        Direction::Read => black_box(&mut *buf).copy_from_slice(black_box(&*memory)),
        Direction::Write => black_box(&mut *memory).copy_from_slice(black_box(&*buf)),
    }
}

/// Offsets of `count` random pieces of `piece_bytes` in `file_bytes`; the same for the same seed.
pub fn offsets(seed: u64, count: usize, file_bytes: u64, piece_bytes: u64) -> Vec<u64> {
    let pieces = file_bytes / piece_bytes;
    let mut state = seed | 1;
    let mut next = || {
        // xorshift64*: which numbers come does not matter, only that all contestants get the same.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    };
    (0..count).map(|_| next() % pieces * piece_bytes).collect()
}
