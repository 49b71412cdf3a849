//! The table of the file system: what each function of the contract stands for here.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use nxvfs_sdk::{
    Attr, Ctx, Emit, Errno, FileSystem, Found, Grow, IoctlArg, Mount, Removed, Result, SetAttr, StatFs,
    Volume,
};

use crate::data::OpenFile;
use crate::names::Plan;
use crate::nodes::{Nodes, ROOT};
use crate::options::{Options, change_limits};
use crate::space::{PAGE_BYTES, Space};
use crate::sync::read;
use crate::{MAGIC, NAME_MAX_BYTES, TmpFs, inode};

impl FileSystem for TmpFs {
    type File = OpenFile;

    fn mount(ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)> {
        let options = Options::new(ctx, mount)?;
        let space = Arc::new(Space::new(options.page_limit, options.inode_limit));
        let root = inode::root(&space, &options)?;
        let volume =
            Volume { name_max_bytes: NAME_MAX_BYTES as u32, ..Volume::new(ROOT, root.attr(), MAGIC) };
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
        change_limits(&self.space, mount.params())?;
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
        read(&self.nodes.get(node)?.xattrs).get(name, buf)
    }

    fn setxattr(&self, _ctx: &Ctx, node: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        self.set_xattr(node, name, value, flags)
    }

    fn listxattr(&self, _ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        read(&self.nodes.get(node)?.xattrs).list(buf)
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
