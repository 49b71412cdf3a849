//! Nodes of the host's own tree: directories, links, files in RAM and the nodes of devices.

use nxvfs_abi::filesystem::Attr;
use nxvfs_abi::types::mode;
use nxvfs_abi::{Ctx, Timespec};
use rustix::time::{ClockId, clock_gettime};

use super::entries::Entries;
use super::pseudo_file;
use crate::base::sync::{Arc, Mutex, RwLock, lock, read, write};
use crate::base::{Errno, Result};
use crate::device::{BlockDevice, Openable, RamFile, Stream};

/// What a pseudo node is.
#[derive(Clone)]
pub enum PseudoKind {
    /// A directory; its entries are in its dentry.
    Directory,
    /// A directory that also has entries made for who looks. Only the host makes names in it.
    Made(Arc<dyn Entries>),
    /// A symbolic link.
    Link(Arc<[u8]>),
    /// A regular file in RAM.
    File(Arc<RamFile>),
    /// A block device.
    Block(Arc<BlockDevice>),
    /// Anything else that can be opened: a character device, a pipe, a text made on the fly.
    Node(Arc<dyn Openable>),
}

impl PseudoKind {
    /// The `S_IFMT` bits.
    pub fn file_type(&self) -> u32 {
        match self {
            Self::Directory | Self::Made(_) => mode::S_IFDIR,
            Self::Link(_) => mode::S_IFLNK,
            Self::File(_) => mode::S_IFREG,
            Self::Block(_) => mode::S_IFBLK,
            Self::Node(node) => node.file_type(),
        }
    }
}

/// A node of the host's own.
pub struct PseudoNode {
    kind: PseudoKind,
    pub(super) attr: RwLock<Attr>,
    /// Made for one look or one opening, and gone after it: no directory holds it.
    passing: bool,
    /// Number of the next entry of a directory: its place in listings, stable under change.
    next_entry: Mutex<u64>,
}

pub(super) fn now() -> Timespec {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    Timespec { seconds: now.tv_sec, nanoseconds: now.tv_nsec as u32, reserved: 0 }
}

impl PseudoNode {
    /// A node with a number, permission bits and an owner (user and group).
    pub fn new(ino: u64, kind: PseudoKind, permissions: u32, owner: (u32, u32)) -> Arc<Self> {
        Arc::new(Self::make(ino, kind, permissions, owner, false))
    }

    /// A node that is made for one look, or for who has it open.
    pub(super) fn passing(ino: u64, kind: PseudoKind, permissions: u32, owner: (u32, u32)) -> Arc<Self> {
        Arc::new(Self::make(ino, kind, permissions, owner, true))
    }

    fn make(ino: u64, kind: PseudoKind, permissions: u32, owner: (u32, u32), passing: bool) -> Self {
        let file_type = kind.file_type();
        let size = match &kind {
            PseudoKind::Link(target) => target.len() as u64,
            PseudoKind::Block(device) => device.len_bytes(),
            _ => 0,
        };
        let time = now();
        let attr = Attr {
            blocks: 0,
            nlink: if file_type == mode::S_IFDIR { 2 } else { 1 },
            rdev: if matches!(file_type, mode::S_IFBLK | mode::S_IFCHR) { ino } else { 0 },
            uid: owner.0,
            gid: owner.1,
            atime: time,
            mtime: time,
            ctime: time,
            btime: time,
            ..Attr::new(ino, file_type | permissions, size)
        };
        Self { kind, attr: RwLock::new(attr), passing, next_entry: Mutex::new(1) }
    }

    /// What it is.
    pub fn kind(&self) -> &PseudoKind {
        &self.kind
    }

    /// Number of the inode.
    pub fn ino(&self) -> u64 {
        read(&self.attr).ino
    }

    /// Whether it was made for one look or opening, so that nothing can be mounted on it or changed in it.
    pub fn is_passing(&self) -> bool {
        self.passing
    }

    /// Whether it stands for something that the host was given, and goes when that goes.
    pub(super) fn is_attached(&self) -> bool {
        match &self.kind {
            PseudoKind::Block(_) => true,
            PseudoKind::Node(node) => !matches!(node.file_type(), mode::S_IFIFO | mode::S_IFSOCK),
            _ => false,
        }
    }

    /// Its attributes.
    pub fn attr(&self) -> Attr {
        let mut attr = *read(&self.attr);
        match &self.kind {
            PseudoKind::Node(node) => attr.size_bytes = node.len_bytes(),
            PseudoKind::File(file) => {
                attr.size_bytes = file.len_bytes();
                attr.blocks = file.blocks();
            }
            _ => {}
        }
        attr
    }

    /// Opens what is neither a directory nor a link nor a block device. Errors: ENXIO for these, and the node's own.
    pub fn open(self: &Arc<Self>, ctx: &Ctx, flags: u32) -> Result<Arc<dyn Stream>> {
        match &self.kind {
            PseudoKind::Node(node) => node.open(ctx, flags),
            PseudoKind::File(file) => Ok(pseudo_file::open(self, file, flags)),
            _ => Err(Errno::ENXIO.into()),
        }
    }

    pub(super) fn take_entry_number(&self) -> u64 {
        let mut next = lock(&self.next_entry);
        *next += 1;
        *next - 1
    }

    /// Whether it has no name any more.
    pub(super) fn is_gone(&self) -> bool {
        read(&self.attr).nlink == 0
    }

    /// An entry of the directory came or went: `links` says how the number of subdirectories changed.
    pub(super) fn touched(&self, links: i32) {
        let mut attr = write(&self.attr);
        attr.nlink = attr.nlink.saturating_add_signed(links);
        attr.mtime = now();
        attr.ctime = attr.mtime;
    }

    /// It got one more name (1), lost one (-1), or another one (0). A directory has but one.
    pub(super) fn named(&self, names: i32) {
        let mut attr = write(&self.attr);
        attr.nlink = match (names, attr.file_type()) {
            (-1, mode::S_IFDIR) => 0,
            _ => attr.nlink.saturating_add_signed(names),
        };
        attr.ctime = now();
    }
}
