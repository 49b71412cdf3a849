//! The table of the file system: what each function of the contract stands for here.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use nxvfs_sdk::abi::types::CTX_SYNC;
use nxvfs_sdk::{
    Attr, Check, Ctx, Emit, Errno, Extent, FileSystem, Found, Grow, IoctlArg, Mount, Probe, Removed, Result,
    SetAttr, StatFs, Volume, mode, now_coarse,
};

use crate::VFat;
use crate::core::Core;
use crate::file::OpenFile;
use crate::format::unicode::NAME_MAX_BYTES;
use crate::inode::Inode;
use crate::sync::lock;

fn synchronous(ctx: &Ctx) -> bool {
    ctx.flags & CTX_SYNC != 0
}

impl VFat {
    /// Counts a node up and tells it.
    fn found(&self, core: &mut Core, inode: &Arc<Inode>) -> Result<Found> {
        let attr = match core.attr(&self.volume, inode) {
            Ok(attr) => attr,
            Err(fail) => {
                core.retire(inode.number);
                return Err(fail);
            }
        };
        core.count(inode.number);
        Ok(Found::new(inode.number, attr))
    }

    fn take_away(&self, ctx: &Ctx, dir: u64, name: &[u8], directory: bool) -> Result<Removed> {
        self.volume.writable()?;
        let mut core = lock(&self.core);
        let slot = core.find(&self.volume, dir, name)?;
        let inode = core.node_at(&self.volume, dir, slot)?;
        let fits = match (inode.is_dir, directory) {
            (true, false) => Err(Errno::EISDIR.into()),
            (false, true) => Err(Errno::ENOTDIR.into()),
            (true, true) => match core.is_empty(&self.volume, inode.number) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Errno::ENOTEMPTY.into()),
                Err(fail) => Err(fail),
            },
            (false, false) => Ok(()),
        };
        if let Err(fail) = fits {
            core.retire(inode.number);
            return Err(fail);
        }
        core.load(&self.volume, dir)?;
        core.remove(&self.volume, dir, slot, now_coarse())?;
        core.changed(&self.volume, synchronous(ctx))?;
        Ok(Removed { node: inode.number, nlink: 0, ..Grow::empty() })
    }
}

impl FileSystem for VFat {
    type File = OpenFile;

    fn probe(_ctx: &Ctx, mount: &Mount<'_>) -> Result<Option<Probe>> {
        crate::mount::probe(&mount.medium()?)
    }

    fn mount(ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)> {
        Self::mount_volume(ctx, mount)
    }

    fn format(_ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        crate::mkfs::format(mount)
    }

    fn check(_ctx: &Ctx, mount: &Mount<'_>, check: &mut Check<'_>) -> Result<()> {
        crate::check::examine(mount, check)
    }

    fn unmount(&self, _ctx: &Ctx) -> Result<()> {
        if self.volume.read_only.load(Relaxed) {
            // What was changed before the volume became read-only.
            return self.sync_all();
        }
        lock(&self.core).forget_all();
        self.leave()
    }

    fn remount(&self, _ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        self.change_mode(mount.read_only())
    }

    fn statfs(&self, _ctx: &Ctx) -> Result<StatFs> {
        let free = lock(&self.core).free_clusters(&self.volume)?;
        let layout = &self.volume.layout;
        Ok(StatFs {
            magic: crate::mount::MAGIC,
            block_size_bytes: layout.cluster_bytes(),
            name_max_bytes: NAME_MAX_BYTES as u32,
            blocks: layout.clusters.into(),
            blocks_free: free.into(),
            blocks_available: free.into(),
            volume_id: layout.volume_id.into(),
            ..Grow::empty()
        })
    }

    fn sync(&self, _ctx: &Ctx) -> Result<()> {
        self.sync_all()
    }

    fn lookup(&self, _ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Found> {
        let mut core = lock(&self.core);
        let slot = core.find(&self.volume, dir, name)?;
        let inode = core.node_at(&self.volume, dir, slot)?;
        self.found(&mut core, &inode)
    }

    fn forget(&self, node: u64, count: u64) {
        lock(&self.core).forget(node, count);
    }

    fn getattr(&self, _ctx: &Ctx, node: u64) -> Result<Attr> {
        let mut core = lock(&self.core);
        let inode = core.get(node)?;
        core.attr(&self.volume, &inode)
    }

    fn setattr(&self, ctx: &Ctx, node: u64, set: &SetAttr) -> Result<Attr> {
        let inode = lock(&self.core).get(node)?;
        let attr = self.set_attributes(&inode, set)?;
        if synchronous(ctx) {
            self.sync_all()?;
        }
        Ok(attr)
    }

    fn mkdir(&self, ctx: &Ctx, dir: u64, name: &[u8], _mode: u32) -> Result<Found> {
        self.volume.writable()?;
        let mut core = lock(&self.core);
        let inode = core.make_dir(&self.volume, dir, name, now_coarse())?;
        // Counted first: a commit drops what nobody knows.
        let found = self.found(&mut core, &inode)?;
        core.changed(&self.volume, synchronous(ctx))?;
        Ok(found)
    }

    fn unlink(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        self.take_away(ctx, dir, name, false)
    }

    fn rmdir(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        self.take_away(ctx, dir, name, true)
    }

    fn rename(
        &self,
        ctx: &Ctx,
        dir: u64,
        name: &[u8],
        new_dir: u64,
        new_name: &[u8],
        flags: u32,
    ) -> Result<Removed> {
        self.volume.writable()?;
        let mut core = lock(&self.core);
        let removed = core.rename(&self.volume, (dir, name), (new_dir, new_name), flags, now_coarse())?;
        core.changed(&self.volume, synchronous(ctx))?;
        Ok(removed)
    }

    fn create(&self, ctx: &Ctx, dir: u64, name: &[u8], _mode: u32, _flags: u32) -> Result<(Found, OpenFile)> {
        self.volume.writable()?;
        let mut core = lock(&self.core);
        let inode = core.make_file(&self.volume, dir, name, now_coarse())?;
        let found = self.found(&mut core, &inode)?;
        let file = OpenFile::new(inode);
        core.changed(&self.volume, synchronous(ctx))?;
        Ok((found, file))
    }

    fn mknod(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, _rdev: u64) -> Result<Found> {
        self.volume.writable()?;
        if !matches!(mode & mode::S_IFMT, 0 | mode::S_IFREG) {
            return Err(Errno::EPERM.into());
        }
        let mut core = lock(&self.core);
        let inode = core.make_file(&self.volume, dir, name, now_coarse())?;
        let found = self.found(&mut core, &inode)?;
        core.changed(&self.volume, synchronous(ctx))?;
        Ok(found)
    }

    fn symlink(&self, _ctx: &Ctx, _dir: u64, _name: &[u8], _target: &[u8]) -> Result<Found> {
        Err(Errno::EPERM.into())
    }

    fn link(&self, _ctx: &Ctx, _node: u64, _dir: u64, _name: &[u8]) -> Result<Found> {
        Err(Errno::EPERM.into())
    }

    fn readdir(&self, _ctx: &Ctx, dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        let from = u32::try_from(cookie).unwrap_or(u32::MAX);
        lock(&self.core).list_dir(&self.volume, dir, from, &mut |entry| {
            let kind = if entry.is_dir { mode::S_IFDIR } else { mode::S_IFREG };
            emit.entry(entry.name, entry.number, kind, u64::from(entry.slot) + 1).is_continue()
        })
    }

    fn open(&self, _ctx: &Ctx, node: u64, _flags: u32) -> Result<OpenFile> {
        let inode = lock(&self.core).get(node)?;
        if inode.is_dir { Err(Errno::EISDIR.into()) } else { Ok(OpenFile::new(inode)) }
    }

    fn release(&self, _ctx: &Ctx, _node: u64, file: &OpenFile) -> Result<()> {
        self.close(file.inode()?)
    }

    #[inline]
    fn read(&self, _ctx: &Ctx, _node: u64, file: &OpenFile, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.read_file(file.inode()?, offset, buf)
    }

    fn write(
        &self,
        ctx: &Ctx,
        _node: u64,
        file: &OpenFile,
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        self.write_file(ctx, file.inode()?, offset, buf, flags)
    }

    fn fsync(&self, _ctx: &Ctx, _node: u64, _file: Option<&OpenFile>, _data_only: bool) -> Result<()> {
        self.sync_all()
    }

    fn fallocate(
        &self,
        ctx: &Ctx,
        _node: u64,
        file: &OpenFile,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        self.allocate(file.inode()?, mode, offset, len)?;
        lock(&self.core).changed(&self.volume, synchronous(ctx))
    }

    fn getxattr(&self, _ctx: &Ctx, node: u64, name: &[u8], buf: &mut [u8]) -> Result<usize> {
        self.get_xattr(node, name, buf)
    }

    fn setxattr(&self, _ctx: &Ctx, node: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        self.set_xattr(node, name, value, flags)
    }

    fn listxattr(&self, _ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        self.list_xattr(node, buf)
    }

    fn removexattr(&self, _ctx: &Ctx, node: u64, name: &[u8]) -> Result<()> {
        self.remove_xattr(node, name)
    }

    fn ioctl(
        &self,
        _ctx: &Ctx,
        node: u64,
        _file: Option<&OpenFile>,
        command: u32,
        arg: &mut IoctlArg<'_>,
    ) -> Result<i64> {
        self.command(node, command, arg)
    }

    fn map_extents(
        &self,
        _ctx: &Ctx,
        node: u64,
        offset: u64,
        len: u64,
        push: &mut dyn FnMut(Extent) -> ControlFlow<()>,
    ) -> Result<u64> {
        self.map_file(node, offset, len, push)
    }

    fn free_extents(
        &self,
        _ctx: &Ctx,
        offset: u64,
        push: &mut dyn FnMut(Extent) -> ControlFlow<()>,
    ) -> Result<()> {
        lock(&self.core).free_extents(&self.volume, offset, push)
    }

    fn unpin(&self, node: u64, _pin: u64) {
        self.unpin_file(node);
    }
}
