//! Names found, made, taken away and moved.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use nxvfs_sdk::abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use nxvfs_sdk::{Ctx, Errno, Fail, Found, Grow, Removed, Result, mode};
use rustix::fs::{
    AtFlags, FileType, Mode, RenameFlags, linkat, mkdirat, mknodat, readlinkat, renameat_with, symlinkat,
    unlinkat,
};

use crate::HostFs;
use crate::beneath::plain;
use crate::data::OpenFile;
use crate::nodes::Pin;

impl HostFs {
    /// The descriptor of a directory. Errors: ENOTDIR, ESTALE.
    pub(crate) fn directory(&self, number: u64) -> Result<Arc<OwnedFd>> {
        let node = self.nodes.get(number)?;
        match node.file_type {
            mode::S_IFDIR => self.nodes.handle(&self.beneath, &node),
            _ => Err(Errno::ENOTDIR.into()),
        }
    }

    /// Finds a name, and counts its node.
    pub(crate) fn find_name(&self, dir: u64, name: &[u8]) -> Result<Found> {
        let handle = self.beneath.find(&*self.directory(dir)?, name)?;
        let told = self.beneath.tell(&handle)?;
        Ok(self.nodes.found(handle, &told, dir, name))
    }

    /// What was just made under a name gets owner and mode, and is counted. Errors: ENOENT, EIO somebody else took it away,
    /// or put something else there.
    fn made(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32) -> Result<Found> {
        let handle = self.beneath.find(&*self.directory(dir)?, name)?;
        if self.beneath.tell(&handle)?.attr.file_type() != mode & mode::S_IFMT {
            return Err(
                Fail::new(Errno::EIO, "another process put something else there").place(name.escape_ascii())
            );
        }
        self.adopt(ctx, &handle, mode)?;
        let told = self.beneath.tell(&handle)?;
        Ok(self.nodes.found(handle, &told, dir, name))
    }

    pub(crate) fn make_file(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32) -> Result<(Found, OpenFile)> {
        self.writable()?;
        let parent = self.directory(dir)?;
        let file = self.beneath.make(&*parent, name, mode)?;
        self.adopt(ctx, &file, mode)?;
        let told = self.beneath.tell(&file)?;
        // The node's own descriptor is another one: it must be of no use for anything.
        let handle = self.beneath.find(&*parent, name)?;
        if self.beneath.tell(&handle)?.identity != told.identity {
            return Err(
                Fail::new(Errno::EIO, "another process put another file there").place(name.escape_ascii())
            );
        }
        let found = self.nodes.found(handle, &told, dir, name);
        let opened = OpenFile::new(file, self.nodes.get(found.node)?);
        Ok((found, opened))
    }

    pub(crate) fn make_directory(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32) -> Result<Found> {
        self.writable()?;
        mkdirat(&*self.directory(dir)?, plain(name)?, Mode::from_raw_mode(mode & 0o7777))?;
        self.made(ctx, dir, name, mode::S_IFDIR | mode & 0o7777)
    }

    /// Errors: EPERM for devices, which would lead to those of the machine; EINVAL.
    pub(crate) fn make_special(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32) -> Result<Found> {
        self.writable()?;
        let file_type = match mode & mode::S_IFMT {
            0 | mode::S_IFREG => return self.make_file(ctx, dir, name, mode).map(|(found, _)| found),
            mode::S_IFIFO => FileType::Fifo,
            mode::S_IFSOCK => FileType::Socket,
            mode::S_IFBLK | mode::S_IFCHR => {
                return Err(Fail::new(
                    Errno::EPERM,
                    "no device nodes are made in a folder of the operating system",
                )
                .found("a device's number, which means something else there")
                .remedy("make it on another volume, such as a tmpfs"));
            }
            _ => return Err(Errno::EINVAL.into()),
        };
        let bits = Mode::from_raw_mode(mode & 0o7777);
        mknodat(&*self.directory(dir)?, plain(name)?, file_type, bits, 0)?;
        self.made(ctx, dir, name, mode)
    }

    pub(crate) fn make_link(&self, ctx: &Ctx, dir: u64, name: &[u8], target: &[u8]) -> Result<Found> {
        self.writable()?;
        symlinkat(target, &*self.directory(dir)?, plain(name)?)?;
        self.made(ctx, dir, name, mode::S_IFLNK | 0o777)
    }

    /// Gives a node one more name. Errors: EPERM a directory.
    pub(crate) fn link_name(&self, number: u64, dir: u64, name: &[u8]) -> Result<Found> {
        self.writable()?;
        let node = self.nodes.get(number)?;
        if node.file_type == mode::S_IFDIR {
            return Err(Errno::EPERM.into());
        }
        let (handle, parent, name_there) =
            (self.nodes.handle(&self.beneath, &node)?, self.directory(dir)?, plain(name)?);
        self.beneath.by_path(&*handle, |at, descriptor| {
            linkat(at, descriptor, &*parent, name_there, AtFlags::SYMLINK_FOLLOW)
        })?;
        self.find_name(dir, name)
    }

    /// The node of a name, if the host knows it; with a descriptor that outlives the name.
    fn known_there(&self, parent: &OwnedFd, name: &[u8]) -> Result<Option<Pin>> {
        let handle = self.beneath.find(parent, name)?;
        let Some(node) = self.nodes.known(self.beneath.tell(&handle)?.identity) else { return Ok(None) };
        let pin = Pin::new(node);
        self.nodes.keep(&pin.0, handle);
        Ok(Some(pin))
    }

    /// What the host is told of a node that lost a name.
    fn lost(&self, node: Option<Pin>, dir: u64, name: &[u8]) -> Removed {
        let Some(Pin(node)) = &node else { return Grow::empty() };
        node.lost_name(dir, name);
        let told = self.nodes.handle(&self.beneath, node).and_then(|handle| self.beneath.tell(&*handle));
        // A directory's own `.` counts until it is closed.
        let nlink = told.map_or(0, |told| if node.file_type == mode::S_IFDIR { 0 } else { told.attr.nlink });
        Removed { nlink, node: node.number, ..Grow::empty() }
    }

    /// Takes a name away. Errors: ENOENT, EISDIR or ENOTDIR, ENOTEMPTY.
    pub(crate) fn take(&self, dir: u64, name: &[u8], want_directory: bool) -> Result<Removed> {
        self.writable()?;
        let parent = self.directory(dir)?;
        let node = self.known_there(&parent, name)?;
        let flags = if want_directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        unlinkat(&*parent, plain(name)?, flags)?;
        Ok(self.lost(node, dir, name))
    }

    /// Renames `from` to `to`, each a directory and a name. Errors: those of the operating system, and EINVAL other flags.
    pub(crate) fn move_name(&self, from: (u64, &[u8]), to: (u64, &[u8]), flags: u32) -> Result<Removed> {
        self.writable()?;
        let how = match flags {
            0 => RenameFlags::empty(),
            RENAME_NOREPLACE => RenameFlags::NOREPLACE,
            RENAME_EXCHANGE => RenameFlags::EXCHANGE,
            _ => return Err(Errno::EINVAL.into()),
        };
        let (old_parent, new_parent) = (self.directory(from.0)?, self.directory(to.0)?);
        let moved = self.known_there(&old_parent, from.1)?;
        let there = match self.known_there(&new_parent, to.1) {
            Err(fail) if fail.errno() == Errno::ENOENT => None,
            there => there?,
        };
        renameat_with(&*old_parent, plain(from.1)?, &*new_parent, plain(to.1)?, how)?;
        let same = moved.as_ref().zip(there.as_ref()).is_some_and(|(a, b)| Arc::ptr_eq(&a.0, &b.0));
        if same {
            // Two names of one file: Linux leaves both.
            return Ok(Grow::empty());
        }
        if flags == RENAME_EXCHANGE {
            settle(there, from);
            settle(moved, to);
            return Ok(Grow::empty());
        }
        let removed = self.lost(there, to.0, to.1);
        settle(moved, to);
        Ok(removed)
    }

    /// Copies a link's target. Errors: EINVAL if it is none.
    pub(crate) fn read_link(&self, number: u64, buf: &mut [u8]) -> Result<usize> {
        let node = self.nodes.get(number)?;
        if node.file_type != mode::S_IFLNK {
            return Err(Errno::EINVAL.into());
        }
        let target = readlinkat(&*self.nodes.handle(&self.beneath, &node)?, "", Vec::new())?;
        let target = target.as_bytes();
        let len = target.len().min(buf.len());
        buf[..len].copy_from_slice(&target[..len]);
        Ok(target.len())
    }
}

/// A node has another name now.
fn settle(node: Option<Pin>, (dir, name): (u64, &[u8])) {
    if let Some(Pin(node)) = &node {
        node.move_to(dir, name);
    }
}
