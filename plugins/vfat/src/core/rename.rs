//! Renames. A name that moves to another sector is there twice for a moment, never not at all: the new one is marked, so
//! that a mount or a check after a power cut knows which of the two goes.

use std::sync::Arc;

use nxvfs_sdk::abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use nxvfs_sdk::{Errno, Grow, Removed, Result, Timespec};

use super::entries::{NewName, new_name};
use super::{Core, Volume};
use crate::dir::Dir;
use crate::format::entry::{LOWER_BASE, LOWER_EXT, RENAMING};
use crate::format::unicode::{Name, Units};
use crate::inode::Inode;

/// A directory and a slot in it.
type At = (u64, u32);

/// The name under which one of two files that are exchanged is kept meanwhile.
pub(crate) const EXCHANGE_STEM: &str = "nxvfs-exchange";

impl Core {
    /// Renames. Errors: ENOENT, EEXIST, EINVAL (flags, name, into itself), ENOTDIR, EISDIR, ENOTEMPTY, ENOSPC, EIO.
    pub(crate) fn rename(
        &mut self,
        volume: &Volume,
        from: (u64, &[u8]),
        to: (u64, &[u8]),
        flags: u32,
        now: Timespec,
    ) -> Result<Removed> {
        if !matches!(flags, 0 | RENAME_NOREPLACE | RENAME_EXCHANGE) {
            return Err(Errno::EINVAL.into());
        }
        let slot = self.find(volume, from.0, from.1)?;
        let moved = self.node_at(volume, from.0, slot)?;
        // Counted meanwhile: a commit drops what nobody knows.
        self.count(moved.number);
        let outcome = self.rename_found(volume, (from.0, slot), &moved, to, flags, now);
        self.forget(moved.number, 1);
        outcome
    }

    fn rename_found(
        &mut self,
        volume: &Volume,
        from: At,
        moved: &Arc<Inode>,
        to: (u64, &[u8]),
        flags: u32,
        now: Timespec,
    ) -> Result<Removed> {
        let name = new_name(to.1)?;
        if from.0 != to.0 && moved.is_dir && self.is_below(to.0, moved.number) {
            return Err(Errno::EINVAL.into());
        }
        let target = self.load(volume, to.0)?.find(name.folded.units(), &volume.style);
        let itself = target.map(|slot| (to.0, slot)) == Some(from);
        match target {
            Some(_) if itself && flags == RENAME_EXCHANGE => Ok(Grow::empty()),
            Some(slot) if itself => {
                let mut current = Name::default();
                let mut wanted = Name::default();
                self.load(volume, from.0)?.name(slot, &volume.style, &mut Units::default(), &mut current);
                wanted.push_units(name.units.units());
                if current.bytes() != wanted.bytes() {
                    self.move_to(volume, from, moved, to.0, &name, now)?;
                }
                Ok(Grow::empty())
            }
            Some(_) if flags == RENAME_NOREPLACE => Err(Errno::EEXIST.into()),
            Some(slot) if flags == RENAME_EXCHANGE => {
                let other = self.node_at(volume, to.0, slot)?;
                self.count(other.number);
                let outcome = self.exchange(volume, (from, moved), ((to.0, slot), &other), now);
                self.forget(other.number, 1);
                outcome.map(|()| Grow::empty())
            }
            None if flags == RENAME_EXCHANGE => Err(Errno::ENOENT.into()),
            Some(slot) => self.replace(volume, from, moved, (to.0, slot), now),
            None => {
                self.move_to(volume, from, moved, to.0, &name, now)?;
                Ok(Grow::empty())
            }
        }
    }

    /// Whether a directory is `top` or lies below it.
    fn is_below(&self, directory: u64, top: u64) -> bool {
        let mut at = Some(directory);
        while let Some(number) = at {
            if number == top {
                return true;
            }
            at = self.name_of(number).map(|(parent, _)| parent);
        }
        false
    }

    /// Whether the short names of two slots change by one write.
    fn one_sector(volume: &Volume, a: At, b: At) -> bool {
        a.0 == b.0 && Dir::sector(a.1, &volume.style) == Dir::sector(b.1, &volume.style)
    }

    /// Gives a node a name that is free, and takes the old one away.
    fn move_to(
        &mut self,
        volume: &Volume,
        from: At,
        moved: &Arc<Inode>,
        to: u64,
        name: &NewName,
        now: Timespec,
    ) -> Result<()> {
        let instead = (from.0 == to).then_some(from.1);
        self.load(volume, from.0)?;
        self.load(volume, to)?;
        let mut entry = self.load(volume, from.0)?.entry(from.1, &volume.style);
        moved.fill(&mut entry, volume.options.zone_seconds);
        let slot = self.put(volume, to, name, entry, instead, Some(RENAMING))?;
        self.leave(volume, from, moved, (to, slot), now)
    }

    /// The new name of a node, marked, stands in its directory: the old one goes.
    fn leave(&mut self, volume: &Volume, from: At, moved: &Arc<Inode>, to: At, now: Timespec) -> Result<()> {
        self.rename_node(moved.number, Some(to));
        let parent = self.get(to.0)?;
        self.renumber(volume, &parent, to.1, moved.number)?;
        if Self::one_sector(volume, from, to) {
            self.set_mark(volume, to, false)?;
        } else {
            self.commit(volume)?;
            self.load(volume, to.0)?.unmark_late(to.1);
            self.change_dir(to.0)?;
        }
        self.load(volume, from.0)?;
        self.change_dir(from.0)?.take(from.1, &volume.style);
        if moved.is_dir && from.0 != to.0 {
            let start = self.start_for_dots(to.0)?;
            self.load(volume, moved.number)?;
            self.change_dir(moved.number)?.set_parent(start, &volume.style);
        }
        for dir in [from.0, to.0] {
            let inode = self.get(dir)?;
            self.dir_changed(volume, &inode, now);
        }
        Ok(())
    }

    /// Sets or takes away the mark of a rename that is not finished.
    fn set_mark(&mut self, volume: &Volume, at: At, marked: bool) -> Result<()> {
        let dir = self.change_dir(at.0)?;
        let mut entry = dir.entry(at.1, &volume.style);
        entry.flags = entry.flags & !RENAMING | if marked { RENAMING } else { 0 };
        dir.put_entry(at.1, &entry, &volume.style);
        Ok(())
    }

    /// Lets a name lead to another node. The name itself stays.
    fn point(&mut self, volume: &Volume, at: At, node: &Arc<Inode>, marked: bool) -> Result<()> {
        self.load(volume, at.0)?;
        let dir = self.change_dir(at.0)?;
        let mut entry = dir.entry(at.1, &volume.style);
        let was_dir = entry.is_dir();
        node.fill(&mut entry, volume.options.zone_seconds);
        entry.flags = entry.flags & (LOWER_BASE | LOWER_EXT) | if marked { RENAMING } else { 0 };
        dir.put_entry(at.1, &entry, &volume.style);
        dir.subdirectories = dir.subdirectories + u32::from(node.is_dir) - u32::from(was_dir);
        self.rename_node(node.number, Some(at));
        let parent = self.get(at.0)?;
        self.renumber(volume, &parent, at.1, node.number)
    }

    /// The new name leads to something that goes. Errors: ENOTDIR, EISDIR, ENOTEMPTY.
    fn replace(
        &mut self,
        volume: &Volume,
        from: At,
        moved: &Arc<Inode>,
        to: At,
        now: Timespec,
    ) -> Result<Removed> {
        let victim = self.node_at(volume, to.0, to.1)?;
        let fits = match (victim.is_dir, moved.is_dir) {
            (true, false) => Err(Errno::EISDIR),
            (false, true) => Err(Errno::ENOTDIR),
            (true, true) if !self.is_empty(volume, victim.number)? => Err(Errno::ENOTEMPTY),
            _ => Ok(()),
        };
        if let Err(errno) = fits {
            self.retire(victim.number);
            return Err(errno.into());
        }
        self.load(volume, from.0)?;
        self.point(volume, to, moved, true)?;
        self.lose_name(&victim, now);
        self.leave(volume, from, moved, to, now)?;
        Ok(Removed { node: victim.number, nlink: 0, ..Grow::empty() })
    }

    /// Two names lead to each other's nodes.
    fn exchange(
        &mut self,
        volume: &Volume,
        (a, first): (At, &Arc<Inode>),
        (b, second): (At, &Arc<Inode>),
        now: Timespec,
    ) -> Result<()> {
        if second.is_dir && a.0 != b.0 && self.is_below(a.0, second.number) {
            return Err(Errno::EINVAL.into());
        }
        if Self::one_sector(volume, a, b) {
            self.point(volume, a, second, false)?;
            self.point(volume, b, first, false)?;
        } else {
            // A third name keeps the first node while its own already leads to the second.
            let third = self.third_name(volume, a.0)?;
            self.load(volume, a.0)?;
            let mut entry = self.load(volume, a.0)?.entry(a.1, &volume.style);
            first.fill(&mut entry, volume.options.zone_seconds);
            let kept = self.put(volume, a.0, &third, entry, None, None)?;
            let number = self.fresh_number();
            let parent = self.get(a.0)?;
            self.renumber(volume, &parent, kept, number)?;
            self.commit(volume)?;
            self.point(volume, a, second, true)?;
            self.commit(volume)?;
            self.point(volume, b, first, false)?;
            self.commit(volume)?;
            self.load(volume, a.0)?;
            let dir = self.change_dir(a.0)?;
            dir.take(kept, &volume.style);
            dir.unmark_late(a.1);
        }
        for (at, node) in [(a, second), (b, first)] {
            if node.is_dir && a.0 != b.0 {
                let start = self.start_for_dots(at.0)?;
                self.load(volume, node.number)?;
                self.change_dir(node.number)?.set_parent(start, &volume.style);
            }
            let parent = self.get(at.0)?;
            self.dir_changed(volume, &parent, now);
        }
        Ok(())
    }

    /// A name that nobody has.
    fn third_name(&mut self, volume: &Volume, dir: u64) -> Result<NewName> {
        for number in 0..u32::MAX {
            let name = new_name(format!("{EXCHANGE_STEM}.{number}").as_bytes())?;
            if self.load(volume, dir)?.find(name.folded.units(), &volume.style).is_none() {
                return Ok(name);
            }
        }
        Err(Errno::ENOSPC.into())
    }
}
