//! What is known of a mounted volume, under one lock: the table, the free clusters, the nodes and the directories in use,
//! and what is not on the medium yet.
//!
//! The lock is held for work in memory, and for the metadata's transfers; never while file content is copied.

mod chain;
mod commit;
mod entries;
mod label;
mod nodes;
mod recover;
mod rename;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nxvfs_sdk::{Errno, Extent, Fail, Result, Timespec};

use crate::bits::Bits;
use crate::dir::{Dir, Style};
use crate::disk::Disk;
use crate::fat::Fat;
use crate::format::fsinfo::{FSINFO_BYTES, FsInfo};
use crate::format::unicode::{Name, Units};
use crate::format::{FIRST_CLUSTER, Kind, Layout};
use crate::hash::NumberMap;
use crate::inode::Inode;
use crate::options::Options;
use crate::space::{Run, Space};

pub(crate) use entries::new_entry;
pub(crate) use rename::EXCHANGE_STEM;

/// The root's number.
pub(crate) const ROOT: u64 = 1;
/// Numbers of nodes that were made since the mount begin here; others are numbered by the place of their slot.
const FIRST_NUMBER: u64 = 1 << 48;
/// Most slots of a directory by the specification.
const DIR_SLOTS_MAX: u32 = 65_536;
/// Most bytes of a directory that are read.
const DIR_BYTES_MAX: u64 = 128 << 20;

/// What does not change while a volume is mounted.
pub(crate) struct Volume {
    pub(crate) disk: Disk,
    pub(crate) layout: Layout,
    pub(crate) options: Options,
    pub(crate) style: Style,
    pub(crate) read_only: AtomicBool,
}

impl Volume {
    /// Errors: EROFS.
    pub(crate) fn writable(&self) -> Result<()> {
        if self.read_only.load(Relaxed) { Err(Errno::EROFS.into()) } else { Ok(()) }
    }

    pub(crate) fn cluster_bytes(&self) -> usize {
        self.layout.cluster_bytes() as usize
    }

    /// The metadata contradicts itself: nothing more is written, unless the user said so.
    pub(crate) fn distrust(&self, what: &str) {
        if !self.options.go_on && !self.read_only.swap(true, Relaxed) {
            log::error!("{what}: the volume is read-only from now on");
        }
    }
}

/// A node that the host knows, or that others need.
struct Node {
    inode: Arc<Inode>,
    /// How often the host knows it.
    count: u64,
    /// Nodes whose parent it is.
    children: u32,
    /// The directory that names it, and where; `None` for the root and for what has no name any more.
    name: Option<(u64, u32)>,
}

/// Clusters that nobody names any more.
struct Freed {
    inode: Arc<Inode>,
    runs: Vec<Run>,
    /// Epoch of the node in which they were cut off.
    epoch: u32,
}

/// What is known of a volume.
pub(crate) struct Core {
    fat: Fat,
    space: Option<Space>,
    /// Clusters of the files whose chains are known: none may be in two.
    claims: Option<Bits>,
    nodes: NumberMap<Node>,
    dirs: NumberMap<Dir>,
    dir_bytes: usize,
    tick: u64,
    /// Numbers of nodes whose slot is not the one that they are named after.
    renumbered: NumberMap<u64>,
    next_number: u64,
    /// Nodes whose slots differ from what is known of them.
    listed: Vec<Arc<Inode>>,
    /// Numbers of directories that differ from the medium.
    touched: Vec<u64>,
    /// Links from clusters that the medium knows to new ones: set once those are on the medium.
    links: Vec<(u32, u32)>,
    /// Clusters that became the last of their chains.
    ends: Vec<u32>,
    freed: Vec<Freed>,
    freed_clusters: u64,
    /// Nodes without name and count, whose clusters are to be freed.
    doomed: Vec<Arc<Inode>>,
    /// Nodes with clusters set aside.
    reserving: Vec<Arc<Inode>>,
    reserved_clusters: u32,
    fsinfo: Option<FsInfo>,
    /// Clusters that were freed while the table was not looked through yet.
    given_unseen: u32,
    last_commit: Timespec,
}

impl Core {
    /// The state of a volume that was just mounted. `root` is known for ever.
    pub(crate) fn new(volume: &Volume, root: Arc<Inode>, now: Timespec) -> Result<Self> {
        let mut fsinfo = None;
        if let Some(at) = volume.layout.fsinfo {
            let mut sector = [0; FSINFO_BYTES];
            volume.disk.read_meta(at, &mut sector)?;
            fsinfo = FsInfo::parse(&sector);
        }
        let mut nodes = NumberMap::default();
        nodes.insert(ROOT, Node { inode: root, count: 1, children: 0, name: None });
        Ok(Self {
            fat: Fat::new(&volume.layout),
            space: None,
            claims: None,
            nodes,
            dirs: NumberMap::default(),
            dir_bytes: 0,
            tick: 0,
            renumbered: NumberMap::default(),
            next_number: FIRST_NUMBER,
            listed: Vec::new(),
            touched: Vec::new(),
            links: Vec::new(),
            ends: Vec::new(),
            freed: Vec::new(),
            freed_clusters: 0,
            doomed: Vec::new(),
            reserving: Vec::new(),
            reserved_clusters: 0,
            fsinfo,
            given_unseen: 0,
            last_commit: now,
        })
    }

    /// The free clusters, looked up in the table at the first call.
    fn space(&mut self, volume: &Volume) -> Result<&mut Space> {
        if self.space.is_none() {
            let hint = self.fsinfo.map_or(0, |info| info.next);
            self.space = Some(Space::scan(&volume.disk, &volume.layout, hint)?);
        }
        self.space.as_mut().ok_or(Errno::EIO.into())
    }

    fn claims(&mut self, volume: &Volume) -> &mut Bits {
        self.claims.get_or_insert_with(|| Bits::new(volume.layout.clusters))
    }

    /// Number of free clusters; what was set aside and what waits for a commit counts.
    pub(crate) fn free_clusters(&mut self, volume: &Volume) -> Result<u32> {
        if !self.doomed.is_empty() || !self.freed.is_empty() {
            self.commit(volume)?;
        }
        let reserved = self.reserved_clusters;
        Ok(self.space(volume)?.free() + reserved)
    }

    /// Hands out which parts of the medium are free, from a byte of it on. What was set aside for files is not.
    pub(crate) fn free_extents(
        &mut self,
        volume: &Volume,
        offset: u64,
        push: &mut dyn FnMut(Extent) -> ControlFlow<()>,
    ) -> Result<()> {
        // What waits for a commit is free after it.
        self.free_clusters(volume)?;
        let layout = &volume.layout;
        let cluster_bytes = u64::from(layout.cluster_bytes());
        let skipped = offset.saturating_sub(layout.data_start).div_ceil(cluster_bytes);
        let Ok(first) = u32::try_from(skipped + u64::from(FIRST_CLUSTER)) else { return Ok(()) };
        for run in self.space(volume)?.free_from(first) {
            let (medium_offset, len_bytes) =
                (layout.cluster_start(run.start), u64::from(run.len) * cluster_bytes);
            if push(Extent { file_offset: 0, medium_offset, len_bytes }).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Puts a node on the list of those that differ from the medium.
    pub(crate) fn list(&mut self, inode: &Arc<Inode>) {
        if inode.list() {
            self.listed.push(inode.clone());
        }
    }

    /// The name of a node, for messages.
    fn title(&self, volume: &Volume, inode: &Inode) -> String {
        let name = self.nodes.get(&inode.number).and_then(|node| node.name);
        match name.and_then(|(parent, slot)| self.dirs.get(&parent).map(|dir| (dir, slot))) {
            Some((dir, slot)) => {
                let mut name = Name::default();
                dir.name(slot, &volume.style, &mut Units::default(), &mut name);
                format!("'{}'", name.text())
            }
            None if inode.number == ROOT => "the root directory".to_owned(),
            None => format!("inode {}", inode.number),
        }
    }

    /// EIO for a chain that cannot be, naming cluster and file.
    fn contradiction(&self, volume: &Volume, inode: &Inode, what: &str, cluster: u32) -> Fail {
        volume.distrust(what);
        Fail::new(Errno::EIO, what)
            .place(format_args!("cluster {cluster} of {}", self.title(volume, inode)))
            .remedy("unmount the volume and see all that is wrong by `nxvfs image check`")
    }
}

/// Whether cluster numbers in slots have an upper half.
pub(crate) fn is_wide(layout: &Layout) -> bool {
    layout.kind == Kind::Fat32
}
