//! Nodes of the host's own tree: directories, links and device nodes.

use nxvfs_abi::Timespec;
use nxvfs_abi::filesystem::Attr;
use nxvfs_abi::types::mode;
use rustix::time::{ClockId, clock_gettime};

use crate::base::sync::{Arc, Mutex, RwLock, lock, read};
use crate::device::BlockDevice;

/// What a pseudo node is.
#[derive(Clone)]
pub enum PseudoKind {
    /// A directory; its entries are in its dentry.
    Directory,
    /// A symbolic link.
    Link(Arc<[u8]>),
    /// A block device.
    Block(Arc<BlockDevice>),
}

/// A node of the host's own.
pub struct PseudoNode {
    kind: PseudoKind,
    attr: RwLock<Attr>,
    /// Number of the next entry of a directory: its place in listings, stable under change.
    next_entry: Mutex<u64>,
}

pub(super) fn now() -> Timespec {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    Timespec { seconds: now.tv_sec, nanoseconds: now.tv_nsec as u32, reserved: 0 }
}

impl PseudoNode {
    /// A node with a number and permission bits, owned by user and group 0.
    pub fn new(ino: u64, kind: PseudoKind, permissions: u32) -> Arc<Self> {
        let (file_type, size) = match &kind {
            PseudoKind::Directory => (mode::S_IFDIR, 0),
            PseudoKind::Link(target) => (mode::S_IFLNK, target.len() as u64),
            PseudoKind::Block(device) => (mode::S_IFBLK, device.len_bytes()),
        };
        let time = now();
        let attr = Attr {
            blocks: 0,
            nlink: if file_type == mode::S_IFDIR { 2 } else { 1 },
            rdev: if file_type == mode::S_IFBLK { ino } else { 0 },
            atime: time,
            mtime: time,
            ctime: time,
            btime: time,
            ..Attr::new(ino, file_type | permissions, size)
        };
        Arc::new(Self { kind, attr: RwLock::new(attr), next_entry: Mutex::new(1) })
    }

    /// What it is.
    pub fn kind(&self) -> &PseudoKind {
        &self.kind
    }

    /// Its attributes.
    pub fn attr(&self) -> Attr {
        *read(&self.attr)
    }

    pub(super) fn take_entry_number(&self) -> u64 {
        let mut next = lock(&self.next_entry);
        *next += 1;
        *next - 1
    }

    /// An entry came or went: `links` says how the number of subdirectories changed.
    pub(super) fn touched(&self, links: i32) {
        let mut attr = crate::base::sync::write(&self.attr);
        attr.nlink = attr.nlink.saturating_add_signed(links);
        attr.mtime = now();
        attr.ctime = attr.mtime;
    }
}
