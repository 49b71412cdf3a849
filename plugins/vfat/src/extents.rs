//! Where the clusters of a file lie: runs, in the order of the file, as far as its chain was followed.

use crate::space::Run;

/// A run and the index of its first cluster in the file.
#[derive(Clone, Copy, Debug)]
struct Piece {
    index: u32,
    run: Run,
}

/// The runs of a file.
#[derive(Default)]
pub(crate) struct Extents {
    pieces: Vec<Piece>,
    clusters: u32,
    /// The chain was followed to its end.
    pub(crate) complete: bool,
    /// The piece that was found last.
    hint: usize,
}

impl Extents {
    /// Number of clusters that are known.
    #[inline]
    pub(crate) fn clusters(&self) -> u32 {
        self.clusters
    }

    /// The last cluster that is known.
    pub(crate) fn last(&self) -> Option<u32> {
        self.pieces.last().map(|piece| piece.run.end() - 1)
    }

    /// The cluster at an index, and what follows it in a row.
    #[inline]
    pub(crate) fn find(&mut self, index: u32) -> Option<Run> {
        if index >= self.clusters {
            return None;
        }
        let fits = |piece: &Piece| index.wrapping_sub(piece.index) < piece.run.len;
        let near = [self.hint, self.hint + 1];
        let near = near.into_iter().find(|at| self.pieces.get(*at).is_some_and(fits));
        let at = near.unwrap_or_else(|| self.pieces.partition_point(|piece| piece.index <= index) - 1);
        self.hint = at;
        let piece = self.pieces[at];
        let skip = index - piece.index;
        Some(Run { start: piece.run.start + skip, len: piece.run.len - skip })
    }

    /// Adds clusters at the end.
    pub(crate) fn push(&mut self, run: Run) {
        match self.pieces.last_mut() {
            Some(last) if last.run.end() == run.start => last.run.len += run.len,
            _ => self.pieces.push(Piece { index: self.clusters, run }),
        }
        self.clusters += run.len;
    }

    /// Cuts everything from an index on; answers what was cut.
    pub(crate) fn cut(&mut self, clusters: u32) -> Vec<Run> {
        let mut cut = Vec::new();
        while let Some(last) = self.pieces.last_mut().filter(|_| self.clusters > clusters) {
            let keep = clusters.saturating_sub(last.index);
            cut.push(Run { start: last.run.start + keep, len: last.run.len - keep });
            self.clusters = last.index + keep;
            last.run.len = keep;
            if keep == 0 {
                self.pieces.pop();
            }
        }
        self.hint = 0;
        cut.reverse();
        cut
    }

    /// All runs.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run> + '_ {
        self.pieces.iter().map(|piece| piece.run)
    }
}
