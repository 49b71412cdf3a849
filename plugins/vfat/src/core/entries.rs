//! Names: found, made and taken away.

use std::sync::Arc;

use nxvfs_sdk::{Errno, Fail, Result, Timespec};

use super::{Core, DIR_SLOTS_MAX, Volume};
use crate::dir::{Dir, Place};
use crate::format::Entry;
use crate::format::entry::{ARCHIVE, DIRECTORY, SLOT_BYTES};
use crate::format::longname;
use crate::format::shortname::{self, Basis, Mode, plain};
use crate::format::time::Stamp;
use crate::format::unicode::{NameFlaw, Units};
use crate::hash::Keys;
use crate::inode::Inode;

/// Numbered aliases that are tried before hashed ones, as in Windows.
const NUMBERED_MAX: u32 = 4;
/// Hashed aliases that are tried: with hundreds of thousands to choose from, two or three are enough in practice.
const HASHED_MAX: u32 = 4096;

/// A name to be made: how it was asked for, and folded.
pub(crate) struct NewName {
    pub(crate) units: Units,
    pub(crate) folded: Units,
}

/// Refuses what cannot be a name. Errors: EINVAL, ENAMETOOLONG.
pub(crate) fn new_name(name: &[u8]) -> Result<NewName> {
    let refuse = |flaw: NameFlaw| match flaw {
        NameFlaw::TooLong => Fail::from(Errno::ENAMETOOLONG),
        NameFlaw::NotUtf8 => Fail::new(Errno::EINVAL, "name is not UTF-8"),
        NameFlaw::Illegal => Fail::new(Errno::EINVAL, "name holds a character that FAT has none for")
            .expected("none of \" * / : < > ? \\ | and no control characters"),
        NameFlaw::Empty => Fail::new(Errno::EINVAL, "name is made of dots and spaces only"),
    };
    let mut units = Units::from_utf8(name).map_err(refuse)?;
    units.trim();
    units.verify().map_err(refuse)?;
    let mut folded = units;
    folded.fold();
    Ok(NewName { units, folded })
}

/// The folded form of a name that is looked for; `None` if no file can have it.
pub(crate) fn folded(name: &[u8]) -> Option<Units> {
    let mut units = Units::from_utf8(name).ok()?;
    units.trim();
    units.fold();
    (!units.units().is_empty()).then_some(units)
}

/// The entry of a file or directory that begins now.
pub(crate) fn new_entry(attr: u8, start: u32, now: Timespec, zone: i64) -> Entry {
    let stamp = Stamp::of(now, zone);
    Entry {
        name: [b' '; 11],
        attr,
        flags: 0,
        born: stamp,
        accessed: stamp.day(),
        changed: stamp.coarse(),
        start,
        size: 0,
    }
}

impl Core {
    /// The slot of a name. Errors: ENOENT, ENOTDIR, EIO.
    pub(crate) fn find(&mut self, volume: &Volume, dir: u64, name: &[u8]) -> Result<u32> {
        let loaded = self.load(volume, dir)?;
        let folded = folded(name).ok_or(Errno::ENOENT)?;
        Ok(loaded.find(folded.units(), &volume.style).ok_or(Errno::ENOENT)?)
    }

    /// Makes a file. Its count is not changed. Errors: EEXIST, EINVAL, ENAMETOOLONG, ENOSPC, ENOENT, ENOTDIR, EIO.
    pub(crate) fn make_file(
        &mut self,
        volume: &Volume,
        dir: u64,
        name: &[u8],
        now: Timespec,
    ) -> Result<Arc<Inode>> {
        let name = new_name(name)?;
        let entry = new_entry(ARCHIVE, 0, now, volume.options.zone_seconds);
        self.make(volume, dir, &name, entry, now)
    }

    /// Makes a directory, likewise.
    pub(crate) fn make_dir(
        &mut self,
        volume: &Volume,
        dir: u64,
        name: &[u8],
        now: Timespec,
    ) -> Result<Arc<Inode>> {
        let name = new_name(name)?;
        if self.load(volume, dir)?.find(name.folded.units(), &volume.style).is_some() {
            return Err(Errno::EEXIST.into());
        }
        let zone = volume.options.zone_seconds;
        // The inode first: what allocates clusters is the same for all.
        let mut entry = new_entry(DIRECTORY, 0, now, zone);
        let number = self.fresh_number();
        let inode = Inode::new(number, &entry, &volume.options);
        inode.with(|data| data.extents.complete = true);
        self.grow(volume, &inode, 1, 1, false)?;
        let undo = |core: &mut Self, fail| {
            inode.with(|data| data.unlinked = true);
            core.doomed.push(inode.clone());
            Err(fail)
        };
        entry.start = inode.with(|data| data.start);
        let dots = Entry { name: *b".          ", ..entry };
        let up = Entry { name: *b"..         ", start: self.start_for_dots(dir)?, ..entry };
        let wide = volume.style.wide;
        let mut content = vec![0; volume.cluster_bytes()];
        dots.put(&mut content[..SLOT_BYTES], wide);
        up.put(&mut content[SLOT_BYTES..2 * SLOT_BYTES], wide);
        // On the medium before anything leads there.
        if let Err(fail) = volume.disk.write_meta(volume.layout.cluster_start(entry.start), &content) {
            return undo(self, fail);
        }
        match self.put(volume, dir, &name, entry, None, None) {
            Ok(slot) => {
                self.place_node(volume, &inode, dir, slot, now)?;
                Ok(inode)
            }
            Err(fail) => undo(self, fail),
        }
    }

    /// What `..` of a directory's child says: 0 stands for the root.
    pub(super) fn start_for_dots(&self, dir: u64) -> Result<u32> {
        if dir == super::ROOT {
            return Ok(0);
        }
        Ok(self.get(dir)?.with(|data| data.start))
    }

    fn make(
        &mut self,
        volume: &Volume,
        dir: u64,
        name: &NewName,
        entry: Entry,
        now: Timespec,
    ) -> Result<Arc<Inode>> {
        if self.load(volume, dir)?.find(name.folded.units(), &volume.style).is_some() {
            return Err(Errno::EEXIST.into());
        }
        let slot = self.put(volume, dir, name, entry, None, None)?;
        let number = self.fresh_number();
        let inode = Inode::new(number, &entry, &volume.options);
        inode.with(|data| data.extents.complete = true);
        self.place_node(volume, &inode, dir, slot, now)?;
        Ok(inode)
    }

    fn place_node(
        &mut self,
        volume: &Volume,
        inode: &Arc<Inode>,
        dir: u64,
        slot: u32,
        now: Timespec,
    ) -> Result<()> {
        let parent = self.get(dir)?;
        self.renumber(volume, &parent, slot, inode.number)?;
        self.know(inode, dir, slot);
        self.dir_changed(volume, &parent, now);
        Ok(())
    }

    /// An entry of a directory came or went.
    pub(super) fn dir_changed(&mut self, volume: &Volume, dir: &Arc<Inode>, now: Timespec) {
        let moment = crate::inode::change_time(now, volume.options.zone_seconds);
        // The root has no slot to keep it in.
        let differs = dir.with(|data| std::mem::replace(&mut data.changed, moment) != moment);
        if differs && dir.number != super::ROOT {
            self.list(dir);
        }
    }

    /// Puts a name into a directory, which is loaded. `instead`: the slot of the same node's old name, which may be equal.
    /// `flags`: case flags and marks that go beside the name's own. Errors: ENOSPC.
    pub(super) fn put(
        &mut self,
        volume: &Volume,
        dir: u64,
        name: &NewName,
        mut entry: Entry,
        instead: Option<u32>,
        flags: Option<u8>,
    ) -> Result<u32> {
        let style = &volume.style;
        let flagged = volume.options.shortname == Mode::WinNt;
        let loaded = self.change_dir(dir)?;
        let units = name.units.units();
        let (short, case, long) = match plain(units, flagged) {
            Some((short, case)) => (short, case, &units[..0]),
            None => (alias(loaded, name, volume, instead)?, 0, units),
        };
        (entry.name, entry.flags) = (short, case | flags.unwrap_or(0));
        let count = longname::slots_for(long.len()) as u32 + 1;
        let place = self.room(volume, dir, count)?;
        let loaded = self.change_dir(dir)?;
        Ok(loaded.put(place, (long, name.folded.units()), &entry, style))
    }

    /// Finds or makes room for a name.
    pub(super) fn room(&mut self, volume: &Volume, dir: u64, count: u32) -> Result<Place> {
        if self.change_dir(dir)?.clean_tail(&volume.style) {
            self.write_dir(volume, dir)?;
            volume.disk.barrier()?;
        }
        loop {
            let loaded = self.change_dir(dir)?;
            if let Some(place) = loaded.room(count) {
                return Ok(place);
            }
            let inode = loaded.inode.clone();
            let slots = loaded.slots() as usize + volume.cluster_bytes() / SLOT_BYTES;
            let most = if volume.options.bigdirs {
                super::DIR_BYTES_MAX as usize / SLOT_BYTES
            } else {
                DIR_SLOTS_MAX as usize
            };
            if dir == super::ROOT && volume.layout.root_bytes != 0 {
                return Err(Fail::new(Errno::ENOSPC, "the root directory of this volume is full")
                    .expected(format_args!("at most {} slots", volume.layout.root_bytes / 32))
                    .remedy("put files into a directory below it"));
            }
            if slots > most {
                return Err(Fail::new(Errno::ENOSPC, "directory is full")
                    .expected(format_args!("at most {most} slots")));
            }
            let have = inode.with(|data| data.extents.clusters());
            self.grow(volume, &inode, have + 1, have + 1, false)?;
            let last = inode.with(|data| data.extents.last()).ok_or(Errno::EIO)?;
            // Zeroes are on the medium before the chain leads there.
            volume.disk.zero(volume.layout.cluster_start(last), volume.layout.cluster_bytes().into())?;
            self.dir_bytes += volume.cluster_bytes();
            self.change_dir(dir)?.grow(volume.cluster_bytes(), &volume.style);
        }
    }

    /// Takes a name out of a directory, which is loaded, and from its node. The clusters go once nobody uses the node.
    pub(crate) fn remove(
        &mut self,
        volume: &Volume,
        dir: u64,
        slot: u32,
        now: Timespec,
    ) -> Result<Arc<Inode>> {
        let inode = self.node_at(volume, dir, slot)?;
        self.change_dir(dir)?.take(slot, &volume.style);
        self.lose_name(&inode, now);
        let parent = self.get(dir)?;
        self.dir_changed(volume, &parent, now);
        Ok(inode)
    }

    /// A node has no name any more.
    pub(super) fn lose_name(&mut self, inode: &Arc<Inode>, _now: Timespec) {
        inode.with(|data| data.unlinked = true);
        self.rename_node(inode.number, None);
        self.retire(inode.number);
    }

    /// Whether a directory has no entries. Errors: EIO.
    pub(crate) fn is_empty(&mut self, volume: &Volume, number: u64) -> Result<bool> {
        Ok(self.load(volume, number)?.entries == 0)
    }
}

/// An alias that no name of the directory equals, long or short.
fn alias(dir: &mut Dir, name: &NewName, volume: &Volume, instead: Option<u32>) -> Result<[u8; 11]> {
    let style = &volume.style;
    let basis = Basis::new(name.units.units(), style.codepage);
    let taken = |dir: &mut Dir, short: &[u8; 11]| {
        let folded = shortname::folded(short, style.codepage);
        dir.find(folded.units(), style).is_some_and(|slot| Some(slot) != instead)
    };
    if let Some(whole) = basis.whole().filter(|whole| !taken(dir, whole)) {
        return Ok(whole);
    }
    let last = shortname::folded(&basis.numbered(NUMBERED_MAX), style.codepage);
    let last = style.keys.name(last.units());
    if !dir.is_crowded(last) {
        let mut numbered = (1..=NUMBERED_MAX).map(|number| basis.numbered(number));
        if let Some(free) = numbered.find(|short| !taken(dir, short)) {
            return Ok(free);
        }
        dir.crowd(last);
    }
    let mut hashed = (0..HASHED_MAX).map(|round| {
        let hash = hash(&style.keys, name.units.units(), round);
        basis.hashed(hash as u16, 1 + (hash >> 16) as u32 % 9)
    });
    hashed.find(|short| !taken(dir, short)).ok_or_else(|| {
        Fail::new(Errno::ENOSPC, "no alias is left for this name")
            .remedy("choose a name that begins otherwise")
    })
}

/// Spreads names, and rounds of one name, evenly: no alias depends on how many there are.
fn hash(keys: &Keys, units: &[u16], round: u32) -> u64 {
    let mut salted = longname::to_units(&units[..units.len().min(250)]);
    salted.push(round as u16);
    salted.push(units.len() as u16);
    keys.name(salted.units())
}
