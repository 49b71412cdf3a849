//! A volume as it lies on the medium, read without trust: the whole table, and directories one by one.

use nxvfs_sdk::Result;

use crate::disk::Disk;
use crate::fat::Fat;
use crate::format::codepage::Codepage;
use crate::format::entry::{DELETED, SLOT_BYTES, SlotKind, slot_kind};
use crate::format::longname::{Gather, to_units};
use crate::format::shortname::{Mode, show};
use crate::format::table::Link;
use crate::format::unicode::{Name, Units};
use crate::format::{Entry, FIRST_CLUSTER, Kind, Layout};

/// Most bytes of a directory that are looked at.
const FOLDER_BYTES_MAX: usize = 128 << 20;

/// The volume.
pub(crate) struct Scan<'a> {
    pub(crate) disk: &'a Disk,
    pub(crate) layout: &'a Layout,
    pub(crate) codepage: Codepage,
    /// Values by cluster.
    pub(crate) table: Vec<u32>,
    /// The same, to be changed and written.
    pub(crate) fat: Fat,
}

/// How a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By its mark.
    Mark,
    /// At a free cluster, which is told.
    Free(u32),
    /// At a bad one.
    Bad(u32),
    /// By a number that is no cluster's.
    Outside(u32),
    /// At a cluster that it had already.
    Circle(u32),
}

/// A directory: its slots and where they lie.
pub(crate) struct Folder {
    pub(super) clusters: Vec<u32>,
    pub(crate) content: Vec<u8>,
}

/// Something that stands in a directory.
pub(crate) struct Item {
    /// The first slot of its long name, or that of the short one.
    pub(crate) first: u32,
    /// The slot of the short name.
    pub(crate) slot: u32,
    pub(crate) name: String,
    pub(crate) folded: Units,
    pub(crate) entry: Entry,
}

/// What a directory holds.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) items: Vec<Item>,
    /// Slots of pieces of long names that belong to no short one.
    pub(crate) orphans: Vec<u32>,
    /// Slots of labels.
    pub(crate) labels: Vec<u32>,
    /// The entries `.` and `..` that stand first.
    pub(crate) dots: [Option<Entry>; 2],
}

impl<'a> Scan<'a> {
    pub(crate) fn new(disk: &'a Disk, layout: &'a Layout, codepage: Codepage) -> Result<Self> {
        let end = layout.clusters + FIRST_CLUSTER;
        let len = (layout.kind.entry_at(end - 1) as usize + layout.kind.entry_bytes()) as u64;
        let mut bytes = vec![0; len.min(layout.fat_bytes) as usize];
        let start = layout.fat_start + layout.fat_bytes * u64::from(layout.active_fat.unwrap_or(0));
        disk.read_meta(start, &mut bytes)?;
        let value = |cluster| layout.kind.get(&bytes, layout.kind.entry_at(cluster) as usize, cluster);
        let table = (0..end).map(value).collect();
        Ok(Self { disk, layout, codepage, table, fat: Fat::new(layout) })
    }

    pub(crate) fn link(&self, cluster: u32) -> Link {
        self.layout.kind.link(self.table[cluster as usize])
    }

    /// Changes an entry of the table.
    pub(crate) fn set(&mut self, cluster: u32, value: u32) -> Result<()> {
        self.table[cluster as usize] = value;
        self.fat.set(self.disk, cluster, value)
    }

    /// Follows a chain, at most so far.
    pub(crate) fn chain(&self, start: u32, most: usize) -> (Vec<u32>, End) {
        let mut clusters = Vec::new();
        let (mut at, mut anchor, mut limit) = (start, 0, 1);
        loop {
            if !self.layout.holds(at) {
                return (clusters, End::Outside(at));
            }
            // Brent: a circle comes back to the anchor before the list is three times as long as it.
            if at == anchor {
                // What follows the first time through the circle was there before.
                let mut seen = std::collections::HashSet::new();
                let len = clusters.iter().take_while(|cluster| seen.insert(**cluster)).count();
                clusters.truncate(len);
                return (clusters, End::Circle(at));
            }
            if clusters.len() == limit {
                (anchor, limit) = (at, limit * 2);
            }
            clusters.push(at);
            if clusters.len() >= most {
                return (clusters, End::Mark);
            }
            match self.link(at) {
                Link::Next(next) => at = next,
                Link::End => return (clusters, End::Mark),
                Link::Free => return (clusters, End::Free(at)),
                Link::Bad => return (clusters, End::Bad(at)),
            }
        }
    }

    /// Reads the directory that begins at a cluster; 0 is the root.
    pub(crate) fn folder(&self, start: u32) -> Result<Folder> {
        let layout = self.layout;
        if start == 0 && layout.kind != Kind::Fat32 {
            let mut content = vec![0; layout.root_bytes as usize];
            self.disk.read_meta(layout.root_start, &mut content)?;
            return Ok(Folder { clusters: Vec::new(), content });
        }
        let start = if start == 0 { layout.root_cluster } else { start };
        let (clusters, _) = self.chain(start, FOLDER_BYTES_MAX >> layout.cluster_shift);
        let size = layout.cluster_bytes() as usize;
        let mut content = vec![0; clusters.len() * size];
        for (cluster, part) in clusters.iter().zip(content.chunks_mut(size)) {
            self.disk.read_meta(layout.cluster_start(*cluster), part)?;
        }
        Ok(Folder { clusters, content })
    }

    /// Where a slot lies on the medium.
    pub(crate) fn place(&self, folder: &Folder, slot: u32) -> u64 {
        let at = slot as usize * SLOT_BYTES;
        match folder.clusters.get(at >> self.layout.cluster_shift) {
            Some(cluster) => {
                self.layout.cluster_start(*cluster) + (at & (self.layout.cluster_bytes() as usize - 1)) as u64
            }
            None => self.layout.root_start + at as u64,
        }
    }

    /// Takes everything out of the slots.
    pub(crate) fn contents(&self, folder: &Folder, root: bool) -> Contents {
        let wide = self.layout.kind == Kind::Fat32;
        let mut found = Contents::default();
        let (mut gather, mut first) = (Gather::default(), 0);
        for (slot, bytes) in folder.content.chunks_exact(SLOT_BYTES).enumerate() {
            let slot = slot as u32;
            let kind = slot_kind(bytes);
            if kind == SlotKind::Long {
                let begins = !gather.waits();
                let whole = gather.piece(bytes);
                if !whole && !begins {
                    found.orphans.extend(first..slot);
                }
                if !gather.waits() {
                    found.orphans.push(slot);
                } else if begins || !whole {
                    first = slot;
                }
                continue;
            }
            let pending = gather.waits();
            if kind == SlotKind::Short {
                let entry = Entry::parse(bytes, wide);
                let dot = [*b".          ", *b"..         "].iter().position(|dot| *dot == entry.name);
                if let Some(dot) = dot.filter(|dot| !root && slot == *dot as u32) {
                    found.dots[dot] = Some(entry);
                    continue;
                }
                let long = gather.finish(&entry.name).map(|(_, units)| to_units(units));
                if pending && long.is_none() {
                    found.orphans.extend(first..slot);
                }
                let mut name = Name::default();
                match &long {
                    Some(units) => name.push_units(units.units()),
                    None => show(&entry.name, entry.flags, self.codepage, Mode::Mixed, &mut name),
                }
                let mut folded = Units::from_utf8(name.bytes()).unwrap_or_default();
                folded.fold();
                let first = if long.is_some() { first } else { slot };
                found.items.push(Item { first, slot, name: name.text(), folded, entry });
                continue;
            }
            if pending {
                found.orphans.extend(first..slot);
                gather.clear();
            }
            match kind {
                SlotKind::Last => break,
                SlotKind::Label => found.labels.push(slot),
                _ => {}
            }
        }
        found
    }

    /// Writes the slot of a short name.
    pub(crate) fn put_entry(&self, folder: &Folder, slot: u32, entry: &Entry) -> Result<()> {
        let mut bytes = [0; SLOT_BYTES];
        entry.put(&mut bytes, self.layout.kind == Kind::Fat32);
        self.disk.write_meta(self.place(folder, slot), &bytes)
    }

    /// Deletes slots, the last first: a short name goes before its long one.
    pub(crate) fn delete(&self, folder: &Folder, first: u32, last: u32) -> Result<()> {
        for slot in (first..=last).rev() {
            self.disk.write_meta(self.place(folder, slot), &[DELETED])?;
        }
        Ok(())
    }
}
