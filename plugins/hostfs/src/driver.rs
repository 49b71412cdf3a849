//! The table of the file system: what each function of the contract stands for here.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use nxvfs_sdk::{
    Attr, Ctx, Emit, Errno, Fail, FileSystem, Found, Grow, Mount, Removed, Result, SetAttr, StatFs, Volume,
};
use rustix::fs::{OFlags, fstatvfs, syncfs};

use crate::beneath::Beneath;
use crate::data::OpenFile;
use crate::handles::{HANDLES_MAX, HANDLES_MIN};
use crate::listing::Listings;
use crate::nodes::{Nodes, ROOT};
use crate::{HostFs, MAGIC};

impl FileSystem for HostFs {
    type File = OpenFile;

    fn mount(_ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)> {
        let (path, limit) = (mount.params().path("path"), mount.params().uint("handles"));
        if path.as_os_str().is_empty() {
            return Err(Fail::new(Errno::EINVAL, "no folder is named")
                .expected("the option path")
                .remedy("mount -t hostfs -o path=/some/folder none /mnt"));
        }
        if !(HANDLES_MIN..=HANDLES_MAX).contains(&limit) {
            return Err(Fail::new(Errno::EINVAL, "option 'handles' is out of range")
                .expected(format_args!("{HANDLES_MIN} to {HANDLES_MAX}"))
                .found(limit));
        }
        let (beneath, handle) = Beneath::new(path, mount.params().bool("xdev"))?;
        let folder = beneath.open(&handle, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let told = beneath.tell(&handle)?;
        let volume = Volume::new(ROOT, told.attr, MAGIC);
        let fs = Self {
            nodes: Nodes::new(handle, &told, limit),
            beneath,
            listings: Listings::new(),
            folder,
            read_only: AtomicBool::new(mount.read_only()),
            volume_id: mount.token(),
        };
        Ok((fs, volume))
    }

    fn remount(&self, _ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        if ["path", "xdev", "handles"].iter().any(|name| mount.params().given(name)) {
            return Err(
                Fail::new(Errno::EINVAL, "options of a folder are fixed at mount").remedy("mount it anew")
            );
        }
        self.read_only.store(mount.read_only(), Relaxed);
        Ok(())
    }

    fn statfs(&self, _ctx: &Ctx) -> Result<StatFs> {
        let told = fstatvfs(&self.folder)?;
        Ok(StatFs {
            magic: MAGIC,
            block_size_bytes: u32::try_from(told.f_frsize).unwrap_or(4096),
            name_max_bytes: 255,
            blocks: told.f_blocks,
            blocks_free: told.f_bfree,
            blocks_available: told.f_bavail,
            files: told.f_files,
            files_free: told.f_ffree,
            volume_id: self.volume_id,
            ..Grow::empty()
        })
    }

    fn sync(&self, _ctx: &Ctx) -> Result<()> {
        Ok(syncfs(&self.folder)?)
    }

    fn absent_valid_ns(&self) -> u64 {
        0
    }

    fn lookup(&self, _ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Found> {
        self.find_name(dir, name)
    }

    fn forget(&self, node: u64, count: u64) {
        if self.nodes.forget(node, count) {
            self.listings.forget(node);
        }
    }

    fn getattr(&self, _ctx: &Ctx, node: u64) -> Result<Attr> {
        let node = self.nodes.get(node)?;
        Ok(self.beneath.tell(&*self.nodes.handle(&self.beneath, &node)?)?.attr)
    }

    fn setattr(&self, _ctx: &Ctx, node: u64, set: &SetAttr) -> Result<Attr> {
        self.set_attributes(node, set)
    }

    fn readlink(&self, _ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        self.read_link(node, buf)
    }

    fn symlink(&self, ctx: &Ctx, dir: u64, name: &[u8], target: &[u8]) -> Result<Found> {
        self.make_link(ctx, dir, name, target)
    }

    fn link(&self, _ctx: &Ctx, node: u64, dir: u64, name: &[u8]) -> Result<Found> {
        self.link_name(node, dir, name)
    }

    fn mknod(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, _rdev: u64) -> Result<Found> {
        self.make_special(ctx, dir, name, mode)
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

    fn create(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, _flags: u32) -> Result<(Found, OpenFile)> {
        self.make_file(ctx, dir, name, mode)
    }

    fn readdir(&self, _ctx: &Ctx, dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        let node = self.nodes.get(dir)?;
        let open = || self.open_node(&node, OFlags::RDONLY | OFlags::DIRECTORY);
        self.listings.emit(dir, cookie, open, |ino| self.beneath.number_beside(node.identity, ino), emit)
    }

    fn open(&self, _ctx: &Ctx, node: u64, flags: u32) -> Result<OpenFile> {
        self.open_file(node, flags)
    }

    fn read(&self, _ctx: &Ctx, node: u64, file: &OpenFile, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.read_file(node, file, offset, buf)
    }

    fn write(
        &self,
        _ctx: &Ctx,
        node: u64,
        file: &OpenFile,
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        self.writable()?;
        self.write_file(node, file, offset, buf, flags)
    }

    fn fsync(&self, _ctx: &Ctx, node: u64, file: Option<&OpenFile>, data_only: bool) -> Result<()> {
        self.sync_node(node, file, data_only)
    }

    fn fallocate(
        &self,
        _ctx: &Ctx,
        node: u64,
        file: &OpenFile,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        self.writable()?;
        self.allocate_file(node, file, mode, offset, len)
    }

    fn seek(&self, _ctx: &Ctx, node: u64, file: &OpenFile, offset: u64, whence: u32) -> Result<u64> {
        self.seek_file(node, file, offset, whence)
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
}
