//! One file or directory, however often it is named, known or opened.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex};

use nxvfs_sdk::{Attr, Grow, Timespec, mode};

use crate::extents::Extents;
use crate::format::entry::DIRECTORY;
use crate::format::time::Stamp;
use crate::format::{Entry, Layout};
use crate::options::Options;
use crate::space::Run;
use crate::sync::lock;

/// Longest file: its length has 32 bits.
pub(crate) const FILE_MAX_BYTES: u64 = u32::MAX as u64;

/// A file or directory.
pub(crate) struct Inode {
    /// The host's number of the node, and the user's of the inode.
    pub(crate) number: u64,
    pub(crate) is_dir: bool,
    /// Held by who changes the length or the clusters, across the copying of data. Taken before the volume's lock.
    pub(crate) resize: Mutex<()>,
    /// A leaf: held for a few instructions.
    data: Mutex<Data>,
    /// Copies under way, those that began in even epochs and those of odd ones. Counted up under `data`.
    copies: [AtomicU32; 2],
    /// Places that mappings use.
    pub(crate) pins: AtomicU32,
    /// Openings.
    pub(crate) openings: AtomicU32,
    /// It stands in the list of those whose entry differs from the medium.
    listed: AtomicBool,
}

/// What is known of a node.
pub(crate) struct Data {
    pub(crate) size: u64,
    /// First cluster; 0 without any.
    pub(crate) start: u32,
    pub(crate) extents: Extents,
    pub(crate) attr: u8,
    pub(crate) changed: Timespec,
    pub(crate) accessed: Timespec,
    pub(crate) born: Timespec,
    /// The chain as it is in the table begins with what was allocated since the last commit, or a link to that waits.
    pub(crate) fresh: bool,
    /// The table still has clusters that were cut off since the last commit.
    pub(crate) cut: bool,
    /// Clusters that were set aside for what comes next; in no table yet.
    pub(crate) reserve: Option<Run>,
    /// It may have more clusters than its length needs, because someone asked for them.
    pub(crate) spare: bool,
    /// It has no name any more.
    pub(crate) unlinked: bool,
    /// Goes on whenever clusters that were cut off wait for the copies of before; see [`Inode::is_still`].
    pub(crate) epoch: u32,
}

/// A copy under way: clusters found before it ends are not given to others.
pub(crate) struct Copy<'a>(&'a AtomicU32);

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, AcqRel);
    }
}

impl Inode {
    pub(crate) fn new(number: u64, entry: &Entry, options: &Options) -> Arc<Self> {
        let zone = options.zone_seconds;
        let moment = |stamp: Stamp| if stamp.date == 0 { Timespec::default() } else { stamp.moment(zone) };
        let data = Data {
            size: if entry.is_dir() { 0 } else { entry.size.into() },
            start: entry.start,
            extents: Extents::default(),
            attr: entry.attr,
            changed: moment(entry.changed),
            accessed: moment(entry.accessed),
            born: moment(entry.born),
            fresh: false,
            cut: false,
            reserve: None,
            spare: false,
            unlinked: false,
            epoch: 0,
        };
        Arc::new(Self {
            number,
            is_dir: entry.is_dir(),
            resize: Mutex::new(()),
            data: Mutex::new(data),
            copies: [AtomicU32::new(0), AtomicU32::new(0)],
            pins: AtomicU32::new(0),
            openings: AtomicU32::new(0),
            listed: AtomicBool::new(false),
        })
    }

    /// Looks at or changes what is known.
    #[inline]
    pub(crate) fn with<R>(&self, body: impl FnOnce(&mut Data) -> R) -> R {
        body(&mut lock(&self.data))
    }

    /// As [`Self::with`], and begins a copy.
    #[inline]
    pub(crate) fn copying<R>(&self, body: impl FnOnce(&mut Data) -> R) -> (Copy<'_>, R) {
        let mut data = lock(&self.data);
        let copies = &self.copies[(data.epoch & 1) as usize];
        copies.fetch_add(1, Relaxed);
        let copy = Copy(copies);
        let answer = body(&mut data);
        drop(data);
        (copy, answer)
    }

    /// Whether clusters that were cut off in an epoch may be given to others: no copy that began then or before is under
    /// way, and nothing is pinned. New copies, which do not see those clusters, never hold this up: they are counted in
    /// the next epoch, which begins as soon as the copies of the one before have ended.
    pub(crate) fn is_still(&self, epoch: u32) -> bool {
        if self.pins.load(Acquire) != 0 {
            return false;
        }
        self.with(|data| {
            let ended = |epoch: u32| self.copies[(epoch & 1) as usize].load(Acquire) == 0;
            if data.epoch == epoch && ended(epoch.wrapping_add(1)) {
                data.epoch = epoch.wrapping_add(1);
            }
            match data.epoch.wrapping_sub(epoch) {
                0 => false,
                1 => ended(epoch),
                _ => true,
            }
        })
    }

    /// It differs from the medium from now on: whether it has to be put on the list.
    #[inline]
    pub(crate) fn list(&self) -> bool {
        !self.listed.load(Relaxed) && !self.listed.swap(true, AcqRel)
    }

    pub(crate) fn unlist(&self) {
        self.listed.store(false, Relaxed);
    }

    pub(crate) fn is_listed(&self) -> bool {
        self.listed.load(Acquire)
    }

    /// Brings what is known into the fields of its slot, all but the name.
    pub(crate) fn fill(&self, entry: &mut Entry, zone: i64) {
        let stamp = |moment: Timespec| {
            if moment == Timespec::default() { Stamp::default() } else { Stamp::of(moment, zone) }
        };
        self.with(|data| {
            entry.attr = data.attr;
            entry.start = data.start;
            entry.size = if self.is_dir { 0 } else { data.size as u32 };
            entry.changed = stamp(data.changed).coarse();
            entry.accessed = stamp(data.accessed).day();
            entry.born = stamp(data.born);
        });
    }

    /// The attributes. `subdirectories` of a directory.
    pub(crate) fn attr(
        &self,
        layout: &Layout,
        options: &Options,
        subdirectories: u32,
        dir_bytes: u64,
    ) -> Attr {
        self.with(|data| {
            let kind = if data.attr & DIRECTORY != 0 { mode::S_IFDIR } else { mode::S_IFREG };
            let size_bytes = if self.is_dir { dir_bytes } else { data.size };
            let known = u64::from(data.extents.clusters()) << layout.cluster_shift;
            let held = size_bytes.next_multiple_of(layout.cluster_bytes().into()).max(known);
            let names = if data.unlinked { 0 } else { 1 };
            Attr {
                ino: self.number,
                mode: kind | options.permissions(data.attr),
                size_bytes,
                blocks: held / 512,
                nlink: if self.is_dir && !data.unlinked { 2 + subdirectories } else { names },
                uid: options.uid,
                gid: options.gid,
                block_size_bytes: layout.cluster_bytes(),
                atime: data.accessed,
                mtime: data.changed,
                ctime: data.changed,
                btime: data.born,
                ..Grow::empty()
            }
        })
    }
}

/// A moment as the medium holds a time of change: whole seconds, even ones in local time.
pub(crate) fn change_time(moment: Timespec, zone: i64) -> Timespec {
    let local = moment.seconds.saturating_add(zone);
    let even =
        Timespec { seconds: moment.seconds.saturating_sub(local.rem_euclid(2)), ..Timespec::default() };
    // Within the range of stamps nothing else is lost.
    if (EARLIEST..LATEST).contains(&local) { even } else { Stamp::of(moment, zone).coarse().moment(zone) }
}

/// 1980-01-01 and 2108-01-01 in local seconds since 1970.
const EARLIEST: i64 = 315_532_800;
const LATEST: i64 = 4_354_819_200;
