//! A set of pages as ranges: what is reserved in a file, be it 2^51 pages, without anything per page.

use std::collections::BTreeMap;
use std::ops::Range;

/// Disjoint ranges that do not touch, by their beginning; the value is the end.
#[derive(Default)]
pub(crate) struct Ranges {
    ends: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds a range, some of which may be there.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        let Range { mut start, mut end } = range;
        if start >= end {
            return;
        }
        while let Some((&before, &until)) = self.ends.range(..=end).next_back()
            && until >= start
        {
            self.ends.remove(&before);
            (start, end) = (start.min(before), end.max(until));
        }
        self.ends.insert(start, end);
    }

    /// Takes a range out, some of which may not be there.
    pub(crate) fn remove(&mut self, range: Range<u64>) {
        if range.start >= range.end {
            return;
        }
        while let Some((&start, &end)) = self.ends.range(..range.end).next_back()
            && end > range.start
        {
            self.ends.remove(&start);
            if end > range.end {
                self.ends.insert(range.end, end);
            }
            if start < range.start {
                self.ends.insert(start, range.start);
            }
        }
    }

    pub(crate) fn contains(&self, page: u64) -> bool {
        self.ends.range(..=page).next_back().is_some_and(|(_, end)| *end > page)
    }

    /// What lies in a range, in order, cut to it.
    pub(crate) fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let across = self.ends.range(..=range.start).next_back();
        // An empty or inverted range has nothing beyond its beginning.
        let behind =
            self.ends.range(range.start.saturating_add(1)..range.end.max(range.start.saturating_add(1)));
        across
            .into_iter()
            .chain(behind)
            .map(move |(start, end)| (*start).max(range.start)..(*end).min(range.end))
            .filter(|piece| piece.start < piece.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn ranges_are_a_set(steps in prop::collection::vec((any::<bool>(), 0_u64..40, 0_u64..40), 1..40)) {
            let (mut ranges, mut model) = (Ranges::default(), [false; 40]);
            for (insert, start, end) in steps {
                if insert {
                    ranges.insert(start..end);
                } else {
                    ranges.remove(start..end);
                }
                model.iter_mut().take(end as usize).skip(start as usize).for_each(|page| *page = insert);
                for (page, there) in model.iter().enumerate() {
                    prop_assert_eq!(ranges.contains(page as u64), *there);
                }
                let listed: Vec<u64> = ranges.pieces(start..end).flatten().collect();
                let expected: Vec<u64> = (start..end).filter(|page| model[*page as usize]).collect();
                prop_assert_eq!(listed, expected);
                let touching = ranges.ends.iter().zip(ranges.ends.iter().skip(1)).any(|(a, b)| a.1 >= b.0);
                prop_assert!(!touching);
            }
        }
    }
}
