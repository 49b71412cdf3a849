//! tmpfs: a file system in memory. It behaves as Linux's tmpfs does: links, modes, owners, special nodes, holes,
//! reservations and extended attributes included. When it is unmounted, everything is gone.
//!
//! What differs from Linux, on purpose:
//!
//! * `size` and `nr_inodes` are 0, without a limit, unless given (Linux: half of the memory). A volume without a limit
//!   tells a size of 2^63 bytes, so that what is used is still seen.
//! * `FALLOC_ZERO_RANGE` works, and a reservation takes space of the volume but no memory until it is written.
//! * The access time follows the first rule of `relatime` only: a read sets it if the file was modified or changed
//!   since the last one. A daily refresh there is not.
//!
//! | file | holds |
//! |---|---|
//! | `options` | what the user asked for, checked |
//! | `space` | how much is used, and how much there may be |
//! | `pages`, `ranges` | the sparse content of a file: its pages, and what is reserved without any |
//! | `content` | the same as bytes: read, write, truncate, allocate, seek |
//! | `directory` | the entries of a directory and their cookies |
//! | `meta`, `xattr` | modes, owners and times; extended attributes |
//! | `inode` | one node: all of the above together |
//! | `nodes` | the nodes that the host knows, and how often |
//! | `names`, `rename` | names made, taken away and moved |
//! | `data` | what is done with a node's content and attributes |
//!
//! # Locks
//!
//! In the order in which they may be taken; whoever holds one takes only what stands below it.
//!
//! 1. `TmpFs::renames`, as Linux's `s_vfs_rename_mutex`: held by a rename from one directory to another, so that what
//!    lies below what does not change while it is asked whether a directory would move into itself.
//! 2. The entries of a directory. Two at once are held by a rename only, the lower number first. Nobody holds a
//!    parent's and, because it is the parent's, a child's: whether a directory is empty, and that it is and stays so
//!    because it was removed, is one atomic number (`Directory::population`). So the order by numbers is enough.
//! 3. The content of a file: shared by those who read, exclusive for those who change. Never taken under a directory's
//!    lock, so that no name waits for data to be copied. The extended attributes of a node likewise.
//! 4. Leaves, held for a few instructions and one at a time: a node's `Meta`, a directory's parent, a part of `Nodes`.
//!
//! Space is counted by atomic numbers. A node gives back what it used when it is dropped, which is never under a
//! directory's lock.

#![forbid(unsafe_code)]

mod content;
mod data;
mod directory;
mod inode;
mod meta;
mod names;
mod nodes;
mod options;
mod pages;
mod ranges;
mod rename;
mod space;
mod sync;
mod xattr;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use nxvfs_sdk::{
    Attr, Ctx, Emit, Errno, FileSystem, Found, Grow, IoctlArg, Mount, Removed, Result, SetAttr, StatFs,
    Volume,
};

use crate::data::OpenFile;
use crate::inode::Inode;
use crate::names::Plan;
use crate::nodes::Nodes;
use crate::options::Options;
use crate::space::{PAGE_BYTES, Space};

/// Linux's magic number of a tmpfs.
const MAGIC: u32 = 0x0102_1994;
/// Longest name in bytes.
const NAME_MAX_BYTES: usize = 255;

/// A mounted tmpfs volume.
pub struct TmpFs {
    root: Arc<Inode>,
    nodes: Nodes,
    space: Arc<Space>,
    renames: Mutex<()>,
    read_only: AtomicBool,
    volume_id: u64,
}

impl FileSystem for TmpFs {
    type File = OpenFile;

    fn mount(ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)> {
        let options = Options::new(ctx, mount)?;
        let space = Arc::new(Space::new(options.page_limit, options.inode_limit));
        let root = inode::root(&space, &options)?;
        let volume =
            Volume { name_max_bytes: NAME_MAX_BYTES as u32, ..Volume::new(nodes::ROOT, root.attr(), MAGIC) };
        log::debug!("at most {} pages of {PAGE_BYTES} bytes", options.page_limit);
        let fs = Self {
            nodes: Nodes::new(&root),
            root,
            space,
            renames: Mutex::new(()),
            read_only: AtomicBool::new(mount.read_only()),
            volume_id: mount.token(),
        };
        Ok((fs, volume))
    }

    fn remount(&self, _ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        options::change_limits(&self.space, mount.params())?;
        self.read_only.store(mount.read_only(), Relaxed);
        Ok(())
    }

    fn statfs(&self, _ctx: &Ctx) -> Result<StatFs> {
        let free = self.space.pages.free();
        let (files, files_free) = self.space.inode_numbers();
        Ok(StatFs {
            magic: MAGIC,
            block_size_bytes: PAGE_BYTES as u32,
            name_max_bytes: NAME_MAX_BYTES as u32,
            blocks: self.space.pages.limit(),
            blocks_free: free,
            blocks_available: free,
            files,
            files_free,
            volume_id: self.volume_id,
            ..Grow::empty()
        })
    }

    fn sync(&self, _ctx: &Ctx) -> Result<()> {
        Ok(())
    }

    fn lookup(&self, _ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Found> {
        self.find_name(dir, name)
    }

    fn forget(&self, node: u64, count: u64) {
        self.nodes.forget(node, count);
    }

    fn getattr(&self, _ctx: &Ctx, node: u64) -> Result<Attr> {
        Ok(self.nodes.get(node)?.attr())
    }

    fn setattr(&self, ctx: &Ctx, node: u64, set: &SetAttr) -> Result<Attr> {
        self.set_attributes(ctx, node, set)
    }

    fn readlink(&self, _ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        self.read_link(node, buf)
    }

    fn symlink(&self, ctx: &Ctx, dir: u64, name: &[u8], target: &[u8]) -> Result<Found> {
        Ok(self.found(&self.make(ctx, dir, name, Plan::link(target)?)?))
    }

    fn link(&self, _ctx: &Ctx, node: u64, dir: u64, name: &[u8]) -> Result<Found> {
        self.link_name(node, dir, name)
    }

    fn mknod(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, rdev: u64) -> Result<Found> {
        Ok(self.found(&self.make(ctx, dir, name, Plan::special(mode, rdev)?)?))
    }

    fn mkdir(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32) -> Result<Found> {
        self.make_directory(ctx, dir, name, mode)
    }

    fn unlink(&self, _ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        self.take(dir, name, false)
    }

    fn rmdir(&self, _ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        self.take(dir, name, true)
    }

    fn rename(
        &self,
        _ctx: &Ctx,
        dir: u64,
        name: &[u8],
        new_dir: u64,
        new_name: &[u8],
        flags: u32,
    ) -> Result<Removed> {
        self.move_name((dir, name), (new_dir, new_name), flags)
    }

    fn create(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, flags: u32) -> Result<(Found, OpenFile)> {
        let inode = self.make(ctx, dir, name, Plan::file(mode))?;
        Ok((self.found(&inode), OpenFile::new(inode, flags)))
    }

    fn readdir(&self, _ctx: &Ctx, dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        self.list(dir, cookie, emit)
    }

    fn open(&self, _ctx: &Ctx, node: u64, flags: u32) -> Result<OpenFile> {
        let inode = self.nodes.get(node)?;
        inode.file()?;
        Ok(OpenFile::new(inode, flags))
    }

    #[inline]
    fn read(&self, _ctx: &Ctx, node: u64, file: &OpenFile, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.read_file(node, file, offset, buf)
    }

    fn write(
        &self,
        ctx: &Ctx,
        node: u64,
        file: &OpenFile,
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        self.write_file(ctx, (node, file), offset, buf, flags)
    }

    fn fsync(&self, _ctx: &Ctx, _node: u64, _file: Option<&OpenFile>, _data_only: bool) -> Result<()> {
        Ok(())
    }

    fn fallocate(
        &self,
        ctx: &Ctx,
        node: u64,
        file: &OpenFile,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        self.allocate_file(ctx, (node, file), mode, offset, len)
    }

    fn seek(&self, _ctx: &Ctx, node: u64, file: &OpenFile, offset: u64, whence: u32) -> Result<u64> {
        self.seek_file(node, file, offset, whence)
    }

    fn getxattr(&self, _ctx: &Ctx, node: u64, name: &[u8], buf: &mut [u8]) -> Result<usize> {
        sync::read(&self.nodes.get(node)?.xattrs).get(name, buf)
    }

    fn setxattr(&self, _ctx: &Ctx, node: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        self.set_xattr(node, name, value, flags)
    }

    fn listxattr(&self, _ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        sync::read(&self.nodes.get(node)?.xattrs).list(buf)
    }

    fn removexattr(&self, _ctx: &Ctx, node: u64, name: &[u8]) -> Result<()> {
        self.remove_xattr(node, name)
    }

    fn ioctl(
        &self,
        _ctx: &Ctx,
        _node: u64,
        _file: Option<&OpenFile>,
        _command: u32,
        _arg: &mut IoctlArg<'_>,
    ) -> Result<i64> {
        Err(Errno::ENOTTY.into())
    }
}

impl Drop for TmpFs {
    /// Takes the tree apart without recursion: it may be deeper than a stack is long.
    fn drop(&mut self) {
        let mut left = vec![self.root.clone()];
        while let Some(inode) = left.pop() {
            if let Ok(directory) = inode.directory() {
                left.extend(sync::write(&directory.entries).drain());
            }
        }
    }
}

nxvfs_sdk::plugin! {
    name: "tmpfs",
    entry: "tmpfs",
    drivers: [filesystem "tmpfs" => TmpFs, parallel],
    params: [
        "size": size = "0", "most bytes of content, rounded up to pages; 0 is no limit";
        "nr_inodes": uint = "0", "most inodes and further names of files; 0 is no limit";
        "mode": uint = "0o1777", "permissions of the root directory";
        "uid": uint = "0", "owner of the root directory; who mounts it unless given";
        "gid": uint = "0", "group of the root directory; that of who mounts it unless given";
    ],
}
