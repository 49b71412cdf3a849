//! Which reads go on where earlier ones ended, and how far ahead of them to read.

use crate::base::sync::{Mutex, lock};

/// Readers that are followed at a time.
const STREAMS: usize = 8;
/// Most blocks that are read ahead.
const MOST_BLOCKS: u64 = 32;
/// Blocks ahead of a reader that has just turned out to go on.
const FIRST_BLOCKS: u64 = 4;

#[derive(Clone, Copy, Default)]
struct Stream {
    /// Where the reader's last read ended.
    end: u64,
    blocks: u64,
}

/// The readers of one device, the latest first.
#[derive(Default)]
pub(super) struct ReadAhead(Mutex<[Stream; STREAMS]>);

impl ReadAhead {
    /// Notes a read, and answers how many blocks behind it are worth reading too.
    pub(super) fn note(&self, offset: u64, len: u64) -> u64 {
        let mut streams = lock(&self.0);
        let known = streams.iter().position(|s| s.end == offset && offset != 0);
        let at = known.unwrap_or(STREAMS - 1);
        let blocks = match known {
            Some(at) => (streams[at].blocks * 2).clamp(FIRST_BLOCKS, MOST_BLOCKS),
            // A reader that begins at the start is believed to go on.
            None if offset == 0 => FIRST_BLOCKS,
            None => 0,
        };
        streams[..=at].rotate_right(1);
        streams[0] = Stream { end: offset + len, blocks };
        blocks
    }
}
