//! Chains of clusters: followed, made longer, cut.

use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use nxvfs_sdk::{Errno, Result};

use super::{Core, Freed, Volume};
use crate::format::table::{END, Link};
use crate::inode::Inode;
use crate::space::Run;

/// Clusters that are followed at least, when a chain is.
const FOLLOW_MIN: u32 = 128;
/// Commits that are made to get space back before there is none.
const RECLAIM_ROUNDS: u32 = 1000;
/// Most bytes that are set aside for a growing file.
const RESERVE_MAX_BYTES: u32 = 1 << 20;

impl Core {
    /// Follows a node's chain until `upto` clusters are known, or its end. Errors: EIO for a chain that cannot be.
    pub(crate) fn follow(&mut self, volume: &Volume, inode: &Inode, upto: u32) -> Result<()> {
        let (known, last, start, complete) = inode
            .with(|data| (data.extents.clusters(), data.extents.last(), data.start, data.extents.complete));
        if complete || known >= upto {
            return Ok(());
        }
        let upto = upto.max(known.saturating_add(FOLLOW_MIN));
        let mut runs: Vec<Run> = Vec::new();
        let outcome = self.walk(volume, inode, (last, start), upto - known, &mut runs);
        inode.with(|data| {
            runs.iter().for_each(|run| data.extents.push(*run));
            data.extents.complete = matches!(outcome, Ok(true));
        });
        outcome.map(drop)
    }

    /// Collects up to `most` clusters after `last`, or from `start` on; whether the chain has ended.
    fn walk(
        &mut self,
        volume: &Volume,
        inode: &Inode,
        (last, start): (Option<u32>, u32),
        most: u32,
        runs: &mut Vec<Run>,
    ) -> Result<bool> {
        let (mut link, mut from) = match last {
            Some(last) => (self.fat.link(&volume.disk, last)?, last),
            None if start == 0 => return Ok(true),
            None => (Link::Next(start), 0),
        };
        for _ in 0..most {
            let cluster = match link {
                Link::Next(cluster) => cluster,
                Link::End => return Ok(true),
                Link::Free => {
                    return Err(self.contradiction(volume, inode, "chain leads into free space", from));
                }
                Link::Bad => {
                    return Err(self.contradiction(volume, inode, "chain leads to a bad cluster", from));
                }
            };
            if !volume.layout.holds(cluster) {
                return Err(self.contradiction(volume, inode, "chain leaves the volume", cluster));
            }
            if !self.claims(volume).insert(cluster) {
                let what = "cluster belongs to another file too, or the chain runs in a circle";
                return Err(self.contradiction(volume, inode, what, cluster));
            }
            match runs.last_mut() {
                Some(run) if run.end() == cluster => run.len += 1,
                _ => runs.push(Run { start: cluster, len: 1 }),
            }
            (link, from) = (self.fat.link(&volume.disk, cluster)?, cluster);
        }
        match link {
            Link::Free => Err(self.contradiction(volume, inode, "chain leads into free space", from)),
            link => Ok(link == Link::End),
        }
    }

    /// Makes a chain `want` clusters long, or as long as there is space if that is `least` or more; answers its length.
    /// `ahead`: more is likely to follow. Errors: ENOSPC.
    pub(crate) fn grow(
        &mut self,
        volume: &Volume,
        inode: &Arc<Inode>,
        want: u32,
        least: u32,
        ahead: bool,
    ) -> Result<u32> {
        if self.grow_into_reserve(volume, inode, want)? {
            return Ok(want);
        }
        self.follow(volume, inode, u32::MAX)?;
        let (have, cut) = inode.with(|data| (data.extents.clusters(), data.cut));
        if have >= want {
            return Ok(have);
        }
        // After a cut the medium's entry still states the old length: its chain must not go on elsewhere.
        if cut || self.is_due() {
            self.commit(volume)?;
        }
        let own = inode.with(|data| data.reserve.map_or(0, |run| run.len));
        let mut free = self.space(volume)?.free() + own;
        if free < want - have {
            self.reclaim(volume)?;
            free = self.space(volume)?.free();
        }
        let take = free.min(want - have);
        if have + take < least {
            return Err(Errno::ENOSPC.into());
        }
        if take == 0 {
            return Ok(have);
        }
        let runs = self.take(volume, inode, take)?;
        self.chain(volume, inode, have, &runs)?;
        if ahead && have > 0 && inode.with(|data| data.reserve.is_none()) {
            self.reserve(volume, inode, have + take)?;
        }
        Ok(have + take)
    }

    /// As [`Self::grow`] for a file that is being written, call by call: what was set aside behind it is enough, and nothing
    /// else is to be done. Whether that is so.
    fn grow_into_reserve(&mut self, volume: &Volume, inode: &Arc<Inode>, want: u32) -> Result<bool> {
        let found = inode.with(|data| {
            let (reserve, tail) = (data.reserve?, data.extents.last()?);
            let len = want.checked_sub(data.extents.clusters())?;
            let simple = data.fresh && !data.cut && data.extents.complete && reserve.start == tail + 1;
            (simple && len > 0 && reserve.len > len).then_some((tail, Run { start: reserve.start, len }))
        });
        let Some((tail, run)) = found else { return Ok(false) };
        if self.is_due() {
            return Ok(false);
        }
        self.fat.chain(&volume.disk, run, END)?;
        self.fat.set(&volume.disk, tail, run.start)?;
        self.claims(volume).insert_run(run.start, run.len);
        inode.with(|data| {
            data.extents.push(run);
            data.reserve = data.reserve.map(|kept| Run { start: run.end(), len: kept.len - run.len });
        });
        self.reserved_clusters -= run.len;
        self.list(inode);
        Ok(true)
    }

    /// Takes free clusters, those that were set aside first. There are as many.
    fn take(&mut self, volume: &Volume, inode: &Arc<Inode>, mut left: u32) -> Result<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        let mut goal = inode.with(|data| data.extents.last()).map(|last| last + 1);
        match inode.with(|data| data.reserve) {
            Some(kept) if goal == Some(kept.start) && kept.len > left => {
                inode
                    .with(|data| data.reserve = Some(Run { start: kept.start + left, len: kept.len - left }));
                self.reserved_clusters -= left;
                return Ok(vec![Run { start: kept.start, len: left }]);
            }
            Some(_) => self.release_reserve(inode),
            None => {}
        }
        let space = self.space(volume)?;
        while left > 0 {
            let run = space.take(goal, left).ok_or(Errno::ENOSPC)?;
            goal = Some(run.end());
            left -= run.len;
            runs.push(run);
        }
        Ok(runs)
    }

    /// Appends runs to a chain, in memory.
    fn chain(&mut self, volume: &Volume, inode: &Arc<Inode>, have: u32, runs: &[Run]) -> Result<()> {
        let disk = &volume.disk;
        for (at, run) in runs.iter().enumerate() {
            let next = runs.get(at + 1).map_or(END, |next| next.start);
            self.fat.chain(disk, *run, next)?;
            self.claims(volume).insert_run(run.start, run.len);
        }
        let first = runs[0].start;
        let (tail, fresh) = inode.with(|data| (data.extents.last(), data.fresh));
        match tail {
            Some(tail) if fresh => self.fat.set(disk, tail, first)?,
            Some(tail) => self.links.push((tail, first)),
            None => {}
        }
        inode.with(|data| {
            if have == 0 {
                data.start = first;
            }
            data.fresh = true;
            data.extents.complete = true;
            runs.iter().for_each(|run| data.extents.push(*run));
        });
        self.list(inode);
        Ok(())
    }

    /// Sets clusters aside behind a file that grows, so that others that grow meanwhile do not come in between.
    fn reserve(&mut self, volume: &Volume, inode: &Arc<Inode>, clusters: u32) -> Result<()> {
        let most = (RESERVE_MAX_BYTES >> volume.layout.cluster_shift).max(1);
        let want = clusters.min(most);
        let goal = inode.with(|data| data.extents.last()).map(|last| last + 1);
        let space = self.space(volume)?;
        if space.free() / 16 < want || !goal.is_some_and(|goal| space.is_free(goal)) {
            return Ok(());
        }
        if let Some(run) = space.take(goal, want) {
            self.reserved_clusters += run.len;
            inode.with(|data| data.reserve = Some(run));
            self.reserving.push(inode.clone());
        }
        Ok(())
    }

    fn unreserve(&mut self, inode: &Inode) -> Option<Run> {
        let run = inode.with(|data| data.reserve.take())?;
        self.reserved_clusters -= run.len;
        self.reserving.retain(|other| other.number != inode.number);
        Some(run)
    }

    /// Gives back what was set aside for a node.
    pub(crate) fn release_reserve(&mut self, inode: &Inode) {
        if let (Some(run), Some(space)) = (self.unreserve(inode), &mut self.space) {
            space.give(run);
        }
    }

    /// Makes all space available that can be.
    fn reclaim(&mut self, volume: &Volume) -> Result<()> {
        for inode in std::mem::take(&mut self.reserving) {
            self.release_reserve(&inode);
        }
        for _ in 0..RECLAIM_ROUNDS {
            let waits = |freed: &Freed| freed.inode.pins.load(Acquire) == 0;
            if self.doomed.is_empty() && !self.freed.iter().any(waits) {
                break;
            }
            self.commit(volume)?;
            // Copies under way hold clusters; they end by themselves.
            std::thread::yield_now();
        }
        Ok(())
    }

    /// Cuts a chain to `keep` clusters.
    pub(crate) fn cut(&mut self, volume: &Volume, inode: &Arc<Inode>, keep: u32) -> Result<()> {
        self.release_reserve(inode);
        self.follow(volume, inode, u32::MAX)?;
        let (runs, tail) = inode.with(|data| {
            let runs = data.extents.cut(keep);
            if !runs.is_empty() && keep == 0 {
                (data.start, data.fresh) = (0, false);
            }
            data.cut |= !runs.is_empty() && keep != 0;
            (runs, data.extents.last())
        });
        if runs.is_empty() {
            return Ok(());
        }
        self.ends.extend(tail);
        self.list(inode);
        self.free_later(inode, runs);
        Ok(())
    }

    pub(super) fn free_later(&mut self, inode: &Arc<Inode>, runs: Vec<Run>) {
        self.freed_clusters += runs.iter().map(|run| u64::from(run.len)).sum::<u64>();
        let epoch = inode.with(|data| data.epoch);
        self.freed.push(Freed { inode: inode.clone(), runs, epoch });
    }
}
