//! Sets of clusters: a bit for each.

/// A set of clusters.
pub(crate) struct Bits(pub(crate) Vec<u64>);

impl Bits {
    /// The empty set. Pages of it that are never used take no memory.
    pub(crate) fn new(clusters: u32) -> Self {
        Self(vec![0; (clusters as usize + 2).div_ceil(64)])
    }

    #[inline]
    pub(crate) fn has(&self, cluster: u32) -> bool {
        self.0[cluster as usize / 64] >> (cluster % 64) & 1 != 0
    }

    /// Adds one; false if it was there.
    #[inline]
    pub(crate) fn insert(&mut self, cluster: u32) -> bool {
        let (word, bit) = (&mut self.0[cluster as usize / 64], 1 << (cluster % 64));
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    /// Takes a run out.
    pub(crate) fn remove_run(&mut self, start: u32, len: u32) {
        for_words(start, len, |word, mask| self.0[word] &= !mask);
    }

    /// Adds a run.
    pub(crate) fn insert_run(&mut self, start: u32, len: u32) {
        for_words(start, len, |word, mask| self.0[word] |= mask);
    }
}

/// The words and masks of a run.
pub(crate) fn for_words(start: u32, len: u32, mut body: impl FnMut(usize, u64)) {
    let (mut at, end) = (u64::from(start), u64::from(start) + u64::from(len));
    while at < end {
        let bit = at % 64;
        let count = (64 - bit).min(end - at);
        let mask = if count == 64 { u64::MAX } else { ((1 << count) - 1) << bit };
        body((at / 64) as usize, mask);
        at += count;
    }
}
