//! What of an image is in use.

/// Which parts of the image belong to something: one bit for 16 bytes.
pub(crate) struct Claims(Vec<u64>);

impl Claims {
    /// Nothing is taken.
    pub(crate) fn new(full_size_bytes: u32) -> Self {
        Self(vec![0; full_size_bytes.div_ceil(16 * 64) as usize])
    }

    /// Takes a range; false if any of it is taken already. Beyond the volume there is nothing to take.
    pub(crate) fn take(&mut self, offset: u32, len_bytes: u32) -> bool {
        let (mut unit, end) =
            (u64::from(offset) / 16, (u64::from(offset) + u64::from(len_bytes)).div_ceil(16));
        let mut free = true;
        while unit < end {
            let Some(word) = self.0.get_mut((unit / 64) as usize) else { break };
            let count = (64 - unit % 64).min(end - unit);
            let bits = (u64::MAX >> (64 - count)) << (unit % 64);
            free &= *word & bits == 0;
            *word |= bits;
            unit += count;
        }
        free
    }
}
