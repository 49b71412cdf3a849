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
        let at = near.unwrap_or_else(|| self.search(index));
        self.hint = at;
        let piece = self.pieces[at];
        let skip = index - piece.index;
        Some(Run { start: piece.run.start + skip, len: piece.run.len - skip })
    }

    /// The piece of an index that is known. Pieces of about one length lie where the index says, others near it: so the
    /// search begins there and goes on in steps that double, to both sides.
    fn search(&self, index: u32) -> usize {
        let after = |at: usize| self.pieces.get(at).is_none_or(|piece| piece.index > index);
        let guess = (u64::from(index) * self.pieces.len() as u64 / u64::from(self.clusters)) as usize;
        // The piece lies in `low..high`.
        let (mut low, mut high, mut step) = (guess, guess + 1, 1);
        while after(low) {
            (high, low) = (low, low.saturating_sub(step));
            step *= 2;
        }
        while !after(high) {
            (low, high) = (high, high + step);
            step *= 2;
        }
        let high = high.min(self.pieces.len());
        low + self.pieces[low..high].partition_point(|piece| piece.index <= index) - 1
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every index is found, in whatever order, however unequal the runs are: long ones before many short ones, and the
    /// other way round, put the first guess far off.
    #[test]
    fn every_cluster_is_found_among_runs_of_any_length() {
        let shapes: [&dyn Fn(u32) -> u32; 5] = [
            &|_| 1,
            &|at| 1 + at % 7,
            &|at| if at < 5 { 4000 } else { 1 },
            &|at| if at > 900 { 4000 } else { 1 },
            &|at| 1 + at * at % 97,
        ];
        for length in shapes {
            let (mut extents, mut clusters) = (Extents::default(), Vec::new());
            for at in 0..1000 {
                // A gap after each run, so that none is merged.
                let start = at * 5000 + 2;
                extents.push(Run { start, len: length(at) });
                clusters.extend((start..start + length(at)).map(|cluster| (cluster, start + length(at))));
            }
            let count = clusters.len();
            for step in 0..count {
                // Odd and far from the last one: the hint does not help.
                let index = step.wrapping_mul(7919) % count;
                let (cluster, end) = clusters[index];
                let found = extents.find(index as u32);
                assert_eq!(
                    found,
                    Some(Run { start: cluster, len: end - cluster }),
                    "index {index} of {count}"
                );
            }
            assert_eq!(extents.find(count as u32), None);
        }
    }
}
