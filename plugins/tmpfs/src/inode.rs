//! One node: what it is, what is known of it, and what it takes of the volume.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use nxvfs_sdk::{Attr, Errno, Grow, Result, mode, now_coarse};

use crate::content::Content;
use crate::directory::Directory;
use crate::meta::Meta;
use crate::nodes::ROOT;
use crate::options::Options;
use crate::space::{INODE_COST_BYTES, PAGE_BYTES, Space};
use crate::sync::lock;
use crate::xattr::Xattrs;

/// Linux keeps a link's target of so many bytes in the inode; a longer one takes a page.
const SHORT_TARGET_MAX_BYTES: usize = 127;
/// Bytes of the unit of `Attr::blocks`.
const BLOCK_BYTES: u64 = 512;

/// What a node is.
pub(crate) enum Body {
    /// A regular file.
    File(File),
    /// A directory.
    Directory(Directory),
    /// A symbolic link and its target.
    Link(Box<[u8]>),
    /// A FIFO, socket or device node, and its device number.
    Special(u64),
}

/// A regular file.
#[derive(Default)]
pub(crate) struct File {
    pub(crate) content: RwLock<Content>,
    /// As in `content`, which sets them at the end of each change: so that attributes never wait for data.
    size_bytes: AtomicU64,
    allocated: AtomicU64,
}

impl File {
    /// Makes the length and space of a change known. Called with the content locked.
    pub(crate) fn publish(&self, content: &Content) {
        self.size_bytes.store(content.size_bytes, Release);
        self.allocated.store(content.allocated, Release);
    }
}

/// A node.
pub(crate) struct Inode {
    /// Never used again in the volume; the host's number of the node, and the user's number of the inode.
    pub(crate) number: u64,
    /// `S_IFMT` bits.
    pub(crate) file_type: u32,
    pub(crate) body: Body,
    pub(crate) xattrs: RwLock<Xattrs>,
    meta: Mutex<Meta>,
    /// Whether a read has to set the access time; kept beside `meta` so that other reads need not lock it.
    atime_is_stale: AtomicBool,
    space: Arc<Space>,
}

impl Inode {
    /// A node without a place yet. Errors: ENOSPC.
    pub(crate) fn new(
        space: &Arc<Space>,
        number: u64,
        file_type: u32,
        meta: Meta,
        body: Body,
    ) -> Result<Arc<Self>> {
        if !space.inodes.take(INODE_COST_BYTES) {
            return Err(Errno::ENOSPC.into());
        }
        if !space.pages.take(fixed_pages(&body)) {
            space.inodes.give(INODE_COST_BYTES);
            return Err(Errno::ENOSPC.into());
        }
        Ok(Arc::new(Self {
            number,
            file_type,
            body,
            xattrs: RwLock::default(),
            atime_is_stale: AtomicBool::new(meta.atime_is_stale()),
            meta: Mutex::new(meta),
            space: space.clone(),
        }))
    }

    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory(_))
    }

    /// Errors: ENOTDIR.
    pub(crate) fn directory(&self) -> Result<&Directory> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    /// The content of a regular file. Errors: EISDIR, ELOOP, ENXIO.
    pub(crate) fn file(&self) -> Result<&File> {
        match &self.body {
            Body::File(file) => Ok(file),
            Body::Directory(_) => Err(Errno::EISDIR.into()),
            Body::Link(_) => Err(Errno::ELOOP.into()),
            Body::Special(_) => Err(Errno::ENXIO.into()),
        }
    }

    pub(crate) fn meta(&self) -> Meta {
        *lock(&self.meta)
    }

    /// Changes what is known of the node.
    pub(crate) fn change<R>(&self, change: impl FnOnce(&mut Meta) -> R) -> R {
        let mut meta = lock(&self.meta);
        let answer = change(&mut meta);
        self.atime_is_stale.store(meta.atime_is_stale(), Relaxed);
        answer
    }

    /// The node was read.
    pub(crate) fn accessed(&self) {
        if self.atime_is_stale.load(Relaxed) {
            let mut meta = lock(&self.meta);
            meta.atime = now_coarse();
            // Even if the coarse clock stands where it stood at the change.
            self.atime_is_stale.store(false, Relaxed);
        }
    }

    /// The attributes.
    pub(crate) fn attr(&self) -> Attr {
        let (size_bytes, pages) = match &self.body {
            Body::File(file) => (file.size_bytes.load(Acquire), file.allocated.load(Acquire)),
            Body::Directory(directory) => (directory.size_bytes(), 0),
            Body::Link(target) => (target.len() as u64, fixed_pages(&self.body)),
            Body::Special(_) => (0, 0),
        };
        let meta = self.meta();
        Attr {
            mode: self.file_type | meta.permissions,
            ino: self.number,
            size_bytes,
            blocks: pages.saturating_mul(PAGE_BYTES / BLOCK_BYTES),
            nlink: meta.nlink,
            uid: meta.uid,
            gid: meta.gid,
            block_size_bytes: PAGE_BYTES as u32,
            rdev: match self.body {
                Body::Special(rdev) if matches!(self.file_type, mode::S_IFBLK | mode::S_IFCHR) => rdev,
                _ => 0,
            },
            atime: meta.atime,
            mtime: meta.mtime,
            ctime: meta.ctime,
            btime: meta.btime,
            ..Grow::empty()
        }
    }
}

/// The root directory of a volume. Errors: ENOSPC.
pub(crate) fn root(space: &Arc<Space>, options: &Options) -> Result<Arc<Inode>> {
    let owner = (options.uid, options.gid);
    let meta = Meta::new(mode::S_IFDIR, options.permissions, owner, now_coarse());
    Inode::new(space, ROOT, mode::S_IFDIR, meta, Body::Directory(Directory::new(Weak::new())))
}

/// Pages that a node takes from its beginning to its end.
fn fixed_pages(body: &Body) -> u64 {
    match body {
        Body::Link(target) => u64::from(target.len() > SHORT_TARGET_MAX_BYTES),
        _ => 0,
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        let content_pages = match &mut self.body {
            Body::File(file) => file.content.get_mut().unwrap_or_else(PoisonError::into_inner).allocated,
            _ => 0,
        };
        let xattrs = self.xattrs.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.space.pages.give(content_pages + fixed_pages(&self.body));
        self.space.inodes.give(INODE_COST_BYTES + xattrs.cost_bytes);
    }
}
