//! Bringing changes to the medium, in an order that a power cut cannot turn into damage:
//!
//! 1. file content, and zeroed clusters of directories, were written when they changed;
//! 2. new chains, then the links that lead to them from clusters which the medium knows;
//! 3. directories;
//! 4. ends of chains that were cut, pieces of long names without a short one, marks of renames;
//! 5. freed clusters, and the free count.
//!
//! A barrier stands between two steps that both have something to write. Freed clusters are given to others only after
//! the last step, and not while a copy or a mapping uses them.

use nxvfs_sdk::{Errno, Result, now_coarse};

use super::{Core, Freed, Volume};
use crate::format::fsinfo::{FSINFO_BYTES, FsInfo, UNKNOWN};
use crate::format::table::END;

/// How long a change may stay in memory, in seconds, before the next one takes it along.
const COMMIT_SECONDS: i64 = 5;
/// Nodes, or freed clusters, that wait at most.
const WAITING_MAX: usize = 32 * 1024;

impl Core {
    /// Whether something is not on the medium yet.
    pub(crate) fn is_dirty(&self) -> bool {
        !(self.listed.is_empty()
            && self.touched.is_empty()
            && self.links.is_empty()
            && self.ends.is_empty()
            && self.doomed.is_empty()
            && self.freed.is_empty())
            || self.fat.is_dirty()
    }

    /// To be called at the end of every change: commits if enough waits, or has waited long.
    pub(crate) fn changed(&mut self, volume: &Volume, sync: bool) -> Result<()> {
        if sync || volume.options.sync {
            self.commit(volume)?;
            return volume.disk.flush();
        }
        if self.is_due() {
            self.commit(volume)?;
        }
        Ok(())
    }

    /// Whether enough waits, or has waited long.
    pub(super) fn is_due(&self) -> bool {
        let waiting = self.listed.len() + self.doomed.len() + self.freed_clusters as usize;
        waiting > WAITING_MAX || now_coarse().seconds - self.last_commit.seconds > COMMIT_SECONDS
    }

    /// Brings all changes to the medium. After a failure the volume is read-only, unless the user said otherwise.
    pub(crate) fn commit(&mut self, volume: &Volume) -> Result<()> {
        self.last_commit = now_coarse();
        if !self.is_dirty() {
            return Ok(());
        }
        let done = self.phases(volume);
        if let Err(fail) = &done {
            log::error!("changes could not be written: {fail}");
            volume.distrust("a change could not be written");
        }
        done
    }

    fn phases(&mut self, volume: &Volume) -> Result<()> {
        let disk = &volume.disk;
        self.doom(volume);
        let listed = self.fill_entries(volume)?;
        disk.barrier()?;
        self.fat.write_back(disk)?;
        if !self.links.is_empty() {
            disk.barrier()?;
            for (tail, next) in std::mem::take(&mut self.links) {
                self.fat.set(disk, tail, next)?;
            }
            self.fat.write_back(disk)?;
        }
        disk.barrier()?;
        let touched = std::mem::take(&mut self.touched);
        for (at, number) in touched.iter().enumerate() {
            if let Err(fail) = self.write_dir(volume, *number) {
                self.touched.extend_from_slice(&touched[at + 1..]);
                return Err(fail);
            }
        }
        disk.barrier()?;
        self.settle(volume, &touched)?;
        self.free(volume)?;
        self.write_free_count(volume)?;
        for number in listed.into_iter().chain(touched) {
            self.retire(number);
        }
        Ok(())
    }

    /// Nodes that nobody knows or names: their clusters go.
    fn doom(&mut self, volume: &Volume) {
        for inode in std::mem::take(&mut self.doomed) {
            self.release_reserve(&inode);
            // What cannot be followed stays lost, for a check to find.
            let _ = self.follow(volume, &inode, u32::MAX);
            let runs = inode.with(|data| data.extents.cut(0));
            if !runs.is_empty() {
                self.free_later(&inode, runs);
            }
        }
    }

    /// Brings what is known of nodes into their slots, in memory. Answers their numbers.
    fn fill_entries(&mut self, volume: &Volume) -> Result<Vec<u64>> {
        let listed = std::mem::take(&mut self.listed);
        let numbers = listed.iter().map(|inode| inode.number).collect();
        for inode in listed {
            inode.unlist();
            inode.with(|data| (data.fresh, data.cut) = (false, false));
            let name = self.nodes.get(&inode.number).and_then(|node| node.name);
            let Some((parent, slot)) = name else { continue };
            self.load(volume, parent)?;
            let dir = self.change_dir(parent)?;
            let mut entry = dir.entry(slot, &volume.style);
            inode.fill(&mut entry, volume.options.zone_seconds);
            dir.put_entry(slot, &entry, &volume.style);
        }
        Ok(numbers)
    }

    /// Writes what differs in a directory.
    pub(super) fn write_dir(&mut self, volume: &Volume, number: u64) -> Result<()> {
        let Some(dir) = self.dirs.get_mut(&number) else { return Ok(()) };
        dir.listed = false;
        let (inode, sector_bytes) = (dir.inode.clone(), volume.style.sector_bytes);
        let outcome = dir.write_back(sector_bytes, |at, bytes, ordered| {
            let written = write_content(volume, &inode, at, bytes);
            if ordered { written.and_then(|()| volume.disk.barrier()) } else { written }
        });
        if outcome.is_err() {
            self.change_dir(number)?;
        }
        outcome
    }

    /// What had to wait until names were on the medium.
    fn settle(&mut self, volume: &Volume, touched: &[u64]) -> Result<()> {
        for cluster in std::mem::take(&mut self.ends) {
            self.fat.set(&volume.disk, cluster, END)?;
        }
        self.fat.write_back(&volume.disk)?;
        for number in touched {
            if let Some(dir) = self.dirs.get_mut(number).filter(|dir| dir.has_late()) {
                dir.settle(&volume.style);
                self.write_dir(volume, *number)?;
            }
        }
        Ok(())
    }

    /// Frees clusters that nobody uses.
    fn free(&mut self, volume: &Volume) -> Result<()> {
        let (still, busy): (Vec<Freed>, Vec<Freed>) =
            std::mem::take(&mut self.freed).into_iter().partition(|freed| freed.inode.is_still(freed.epoch));
        self.freed = busy;
        self.freed_clusters = self.freed.iter().flat_map(|f| &f.runs).map(|run| u64::from(run.len)).sum();
        if still.is_empty() {
            return Ok(());
        }
        volume.disk.barrier()?;
        let runs = still.into_iter().flat_map(|freed| freed.runs);
        let runs: Vec<_> = runs.collect();
        for run in &runs {
            for cluster in run.start..run.end() {
                self.fat.set(&volume.disk, cluster, 0)?;
            }
        }
        self.fat.write_back(&volume.disk)?;
        for run in runs {
            self.claims(volume).remove_run(run.start, run.len);
            match &mut self.space {
                Some(space) => space.give(run),
                None => self.given_unseen += run.len,
            }
            if volume.options.discard {
                let at = volume.layout.cluster_start(run.start);
                let len = u64::from(run.len) << volume.layout.cluster_shift;
                // Only a hint: a device may refuse it.
                let _ = volume.disk.medium().discard(at, len);
            }
        }
        Ok(())
    }

    /// Writes the free count of a FAT32, if it is known.
    fn write_free_count(&mut self, volume: &Volume) -> Result<()> {
        let (Some(at), Some(old)) = (volume.layout.fsinfo, self.fsinfo) else { return Ok(()) };
        let unseen = std::mem::take(&mut self.given_unseen);
        let info = match &self.space {
            Some(space) => FsInfo { free: space.free() + self.reserved_clusters, next: space.cursor() },
            None if old.free == UNKNOWN => old,
            None => FsInfo { free: old.free.saturating_add(unseen).min(volume.layout.clusters), ..old },
        };
        if info == old {
            return Ok(());
        }
        let mut sector = [0; FSINFO_BYTES];
        volume.disk.read_meta(at, &mut sector)?;
        info.put(&mut sector);
        volume.disk.write_meta(at, &sector)?;
        self.fsinfo = Some(info);
        Ok(())
    }
}

/// Writes a part of a directory to where it lies.
fn write_content(
    volume: &Volume,
    inode: &crate::inode::Inode,
    mut at: usize,
    mut bytes: &[u8],
) -> Result<()> {
    let layout = &volume.layout;
    if inode.number == super::ROOT && layout.root_bytes != 0 {
        return volume.disk.write_meta(layout.root_start + at as u64, bytes);
    }
    while !bytes.is_empty() {
        let index = (at >> layout.cluster_shift) as u32;
        let run = inode.with(|data| data.extents.find(index)).ok_or(Errno::EIO)?;
        let within = at & (volume.cluster_bytes() - 1);
        let room = ((run.len as usize) << layout.cluster_shift) - within;
        let (part, rest) = bytes.split_at(room.min(bytes.len()));
        volume.disk.write_meta(layout.cluster_start(run.start) + within as u64, part)?;
        (at, bytes) = (at + part.len(), rest);
    }
    Ok(())
}
