//! Nodes and directories in use.

use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;

use nxvfs_sdk::{Attr, Errno, Fail, Result};

use super::{Core, DIR_BYTES_MAX, Node, ROOT, Volume};
use crate::dir::Dir;
use crate::format::entry::SLOT_BYTES;
use crate::format::unicode::{Name, Units};
use crate::inode::Inode;

/// Bytes of directories that are kept in memory.
const DIRS_MAX_BYTES: usize = 64 << 20;
/// What a directory in memory costs beside its content, roughly.
const DIR_COST_BYTES: usize = 1024;

/// An entry of a directory.
pub(crate) struct Listed<'a> {
    pub(crate) name: &'a [u8],
    /// Number of the node.
    pub(crate) number: u64,
    pub(crate) is_dir: bool,
    pub(crate) slot: u32,
}

impl Core {
    /// The node of a number. Errors: ESTALE.
    pub(crate) fn get(&self, number: u64) -> Result<Arc<Inode>> {
        Ok(self.nodes.get(&number).map(|node| node.inode.clone()).ok_or(Errno::ESTALE)?)
    }

    /// Where a slot lies on the medium, in units of slots.
    fn place(&self, volume: &Volume, dir: &Inode, slot: u32) -> Result<u64> {
        let at = u64::from(slot) * SLOT_BYTES as u64;
        let layout = &volume.layout;
        if dir.number == ROOT && layout.root_bytes != 0 {
            return Ok((layout.root_start + at) / SLOT_BYTES as u64);
        }
        let index = (at >> layout.cluster_shift) as u32;
        let run = dir.with(|data| data.extents.find(index)).ok_or(Errno::EIO)?;
        let within = at & u64::from(layout.cluster_bytes() - 1);
        Ok((layout.cluster_start(run.start) + within) / SLOT_BYTES as u64)
    }

    /// The number of the node in a slot.
    pub(crate) fn number(&self, volume: &Volume, dir: &Inode, slot: u32) -> Result<u64> {
        self.place(volume, dir, slot).map(|place| self.numbered(place))
    }

    /// The number of the node whose slot lies there.
    #[inline]
    fn numbered(&self, place: u64) -> u64 {
        self.renumbered.get(&place).copied().unwrap_or(place)
    }

    /// A number that no node of the volume has.
    pub(super) fn fresh_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }

    /// From now on the node in a slot has this number.
    pub(super) fn renumber(&mut self, volume: &Volume, dir: &Inode, slot: u32, number: u64) -> Result<()> {
        let place = self.place(volume, dir, slot)?;
        self.renumbered.insert(place, number);
        Ok(())
    }

    /// The node in a slot of a directory that is loaded. Its count is not changed.
    pub(crate) fn node_at(&mut self, volume: &Volume, dir: u64, slot: u32) -> Result<Arc<Inode>> {
        let loaded = self.dirs.get(&dir).ok_or(Errno::EIO)?;
        let number = self.number(volume, &loaded.inode, slot)?;
        if let Some(node) = self.nodes.get(&number) {
            return Ok(node.inode.clone());
        }
        let entry = loaded.entry(slot, &volume.style);
        let inode = Inode::new(number, &entry, &volume.options);
        self.know(&inode, dir, slot);
        Ok(inode)
    }

    /// Takes in a node.
    pub(super) fn know(&mut self, inode: &Arc<Inode>, dir: u64, slot: u32) {
        let node = Node { inode: inode.clone(), count: 0, children: 0, name: Some((dir, slot)) };
        self.nodes.insert(inode.number, node);
        if let Some(parent) = self.nodes.get_mut(&dir) {
            parent.children += 1;
        }
    }

    /// Changes the name of a node.
    pub(super) fn rename_node(&mut self, number: u64, name: Option<(u64, u32)>) {
        let Some(node) = self.nodes.get_mut(&number) else { return };
        let old = std::mem::replace(&mut node.name, name);
        if let Some(parent) = name.and_then(|(dir, _)| self.nodes.get_mut(&dir)) {
            parent.children += 1;
        }
        if let Some((dir, _)) = old {
            if let Some(parent) = self.nodes.get_mut(&dir) {
                parent.children -= 1;
            }
            self.retire(dir);
        }
    }

    pub(crate) fn name_of(&self, number: u64) -> Option<(u64, u32)> {
        self.nodes.get(&number)?.name
    }

    /// Adds one to a node's count.
    pub(crate) fn count(&mut self, number: u64) {
        if let Some(node) = self.nodes.get_mut(&number) {
            node.count += 1;
        }
    }

    /// Takes from a node's count.
    pub(crate) fn forget(&mut self, number: u64, count: u64) {
        if number == ROOT {
            return;
        }
        if let Some(node) = self.nodes.get_mut(&number) {
            node.count = node.count.saturating_sub(count);
            self.retire(number);
        }
    }

    /// Drops a node from memory if nothing needs it, and then perhaps its parents.
    pub(crate) fn retire(&mut self, mut number: u64) {
        while let Some(node) = self.nodes.get(&number) {
            let inode = node.inode.clone();
            let unlinked = inode.with(|data| data.unlinked);
            let used = inode.openings.load(Acquire) != 0 || inode.pins.load(Acquire) != 0;
            if node.count != 0 || used || node.children != 0 {
                return;
            }
            if !unlinked && (inode.is_listed() || self.dirs.contains_key(&number)) {
                return;
            }
            let name = node.name;
            self.nodes.remove(&number);
            if unlinked {
                self.forget_dir(number);
                self.doomed.push(inode);
            } else {
                self.release_reserve(&inode);
                if let Some(claims) = &mut self.claims {
                    inode.with(|data| {
                        data.extents.runs().for_each(|run| claims.remove_run(run.start, run.len))
                    });
                }
            }
            let Some((parent, _)) = name else { return };
            if let Some(parent) = self.nodes.get_mut(&parent) {
                parent.children -= 1;
            }
            number = parent;
        }
    }

    /// Whether the host knows nodes without names.
    pub(crate) fn has_unlinked(&self) -> bool {
        self.nodes.values().any(|node| node.inode.with(|data| data.unlinked))
    }

    /// The volume ends: nobody knows anything any more.
    pub(crate) fn forget_all(&mut self) {
        let unlinked = self.nodes.values().filter(|node| node.inode.with(|data| data.unlinked));
        let inodes: Vec<Arc<Inode>> = unlinked.map(|node| node.inode.clone()).collect();
        for inode in inodes {
            self.nodes.remove(&inode.number);
            self.forget_dir(inode.number);
            self.doomed.push(inode);
        }
    }

    fn forget_dir(&mut self, number: u64) {
        if let Some(dir) = self.dirs.remove(&number) {
            self.dir_bytes -= dir.len_bytes() + DIR_COST_BYTES;
        }
    }

    /// Loads a directory's content. Errors: ENOTDIR, ENOENT (it was removed), ESTALE, EIO.
    pub(crate) fn load(&mut self, volume: &Volume, number: u64) -> Result<&mut Dir> {
        self.tick += 1;
        if !self.dirs.contains_key(&number) {
            let inode = self.get(number)?;
            if !inode.is_dir {
                return Err(Errno::ENOTDIR.into());
            }
            if inode.with(|data| data.unlinked) {
                return Err(Errno::ENOENT.into());
            }
            let content = self.content(volume, &inode)?;
            self.make_room(content.len());
            self.dir_bytes += content.len() + DIR_COST_BYTES;
            self.dirs.insert(number, Dir::new(inode, content, &volume.style));
        }
        let dir = self.dirs.get_mut(&number).ok_or(Errno::EIO)?;
        dir.used = self.tick;
        Ok(dir)
    }

    /// Reads all of a directory.
    fn content(&mut self, volume: &Volume, inode: &Arc<Inode>) -> Result<Vec<u8>> {
        let layout = &volume.layout;
        if inode.number == ROOT && layout.root_bytes != 0 {
            let mut content = vec![0; layout.root_bytes as usize];
            volume.disk.read_meta(layout.root_start, &mut content)?;
            return Ok(content);
        }
        let most = (DIR_BYTES_MAX >> layout.cluster_shift) as u32;
        self.follow(volume, inode, most + 1)?;
        let (clusters, start) = inode.with(|data| (data.extents.clusters(), data.start));
        if clusters == 0 {
            return Err(self.contradiction(volume, inode, "directory without clusters", start));
        }
        if clusters > most {
            return Err(Fail::new(Errno::EIO, "directory is too long")
                .place(self.title(volume, inode))
                .expected(format_args!("at most {most} clusters")));
        }
        let mut content = vec![0; (clusters as usize) << layout.cluster_shift];
        let runs: Vec<_> = inode.with(|data| data.extents.runs().collect());
        let mut at = 0;
        for run in runs {
            let len = (run.len as usize) << layout.cluster_shift;
            volume.disk.read_meta(layout.cluster_start(run.start), &mut content[at..at + len])?;
            at += len;
        }
        Ok(content)
    }

    /// Drops directories that were not used for long, if there are too many.
    fn make_room(&mut self, bytes: usize) {
        if self.dir_bytes + bytes <= DIRS_MAX_BYTES {
            return;
        }
        // One call works with a few directories at most; those stay.
        let recent = self.tick.saturating_sub(16);
        let idle = self.dirs.iter().filter(|(_, dir)| !dir.listed && dir.used < recent);
        let mut idle: Vec<(u64, u64)> = idle.map(|(number, dir)| (dir.used, *number)).collect();
        idle.sort_unstable();
        for (_, number) in idle {
            if self.dir_bytes + bytes <= DIRS_MAX_BYTES / 2 {
                break;
            }
            self.forget_dir(number);
            self.retire(number);
        }
    }

    /// A directory that is loaded, to be changed.
    pub(super) fn change_dir(&mut self, number: u64) -> Result<&mut Dir> {
        let dir = self.dirs.get_mut(&number).ok_or(Errno::EIO)?;
        if !dir.listed {
            dir.listed = true;
            self.touched.push(number);
        }
        Ok(dir)
    }

    /// Attributes of a node.
    pub(crate) fn attr(&mut self, volume: &Volume, inode: &Arc<Inode>) -> Result<Attr> {
        let (mut subdirectories, mut bytes) = (0, 0);
        if inode.is_dir && !inode.with(|data| data.unlinked) {
            let dir = self.load(volume, inode.number)?;
            (subdirectories, bytes) = (dir.subdirectories, dir.len_bytes() as u64);
        }
        Ok(inode.attr(&volume.layout, &volume.options, subdirectories, bytes))
    }
}

impl Core {
    /// Emits what a directory holds from a slot on, until `emit` answers false. Nothing for a directory that was removed. Errors: ENOTDIR, ESTALE, EIO.
    pub(crate) fn list_dir(
        &mut self,
        volume: &Volume,
        dir: u64,
        from: u32,
        emit: &mut dyn FnMut(Listed<'_>) -> bool,
    ) -> Result<()> {
        if let Err(fail) = self.load(volume, dir) {
            return if fail.errno() == Errno::ENOENT { Ok(()) } else { Err(fail) };
        }
        let loaded = self.dirs.get(&dir).ok_or(Errno::EIO)?;
        let slots_shift = volume.layout.cluster_shift - SLOT_BYTES.trailing_zeros();
        // The cluster that was looked up last: its number in the directory, and the place of its first slot.
        let mut near = (u32::MAX, 0);
        let (mut units, mut name) = (Units::default(), Name::default());
        for slot in from..loaded.end() {
            if !loaded.holds(slot) {
                continue;
            }
            loaded.name(slot, &volume.style, &mut units, &mut name);
            if matches!(name.bytes(), b"" | b"." | b"..") {
                continue;
            }
            let cluster = slot >> slots_shift;
            if near.0 != cluster {
                near = (cluster, self.place(volume, &loaded.inode, cluster << slots_shift)?);
            }
            let number = self.numbered(near.1 + u64::from(slot - (cluster << slots_shift)));
            let is_dir = loaded.is_dir(slot);
            if !emit(Listed { name: name.bytes(), number, is_dir, slot }) {
                break;
            }
        }
        Ok(())
    }
}
