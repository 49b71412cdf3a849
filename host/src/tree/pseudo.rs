//! Nodes of the host's own tree: directories, links and device nodes.

use nxvfs_abi::Timespec;
use nxvfs_abi::filesystem::Attr;
use nxvfs_abi::types::mode;
use rustix::time::{ClockId, clock_gettime};

use crate::base::sync::{Arc, Mutex, RwLock, lock, read};
use crate::device::{BlockDevice, Openable};

/// What a pseudo node is.
#[derive(Clone)]
pub enum PseudoKind {
    /// A directory; its entries are in its dentry.
    Directory,
    /// A symbolic link.
    Link(Arc<[u8]>),
    /// A block device.
    Block(Arc<BlockDevice>),
    /// Anything else that can be opened: a character device, a pipe, a file of the host's own.
    Node(Arc<dyn Openable>),
}

impl PseudoKind {
    /// The `S_IFMT` bits.
    pub fn file_type(&self) -> u32 {
        match self {
            Self::Directory => mode::S_IFDIR,
            Self::Link(_) => mode::S_IFLNK,
            Self::Block(_) => mode::S_IFBLK,
            Self::Node(node) => node.file_type(),
        }
    }
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
        let file_type = kind.file_type();
        let size = match &kind {
            PseudoKind::Directory | PseudoKind::Node(_) => 0,
            PseudoKind::Link(target) => target.len() as u64,
            PseudoKind::Block(device) => device.len_bytes(),
        };
        let time = now();
        let attr = Attr {
            blocks: 0,
            nlink: if file_type == mode::S_IFDIR { 2 } else { 1 },
            rdev: if matches!(file_type, mode::S_IFBLK | mode::S_IFCHR) { ino } else { 0 },
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
        let mut attr = *read(&self.attr);
        if let PseudoKind::Node(node) = &self.kind {
            attr.size_bytes = node.len_bytes();
        }
        attr
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
