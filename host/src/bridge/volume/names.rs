//! Names and nodes.

use nxvfs_abi::filesystem::*;
use nxvfs_abi::{Ctx, Grow, Str};

use super::{FoundNode, Lookup, OpenedNode, Volume, slot};
use crate::base::{Errno, Result};
use crate::bridge::instance::absent_is;

impl Volume {
    /// Finds a name.
    pub fn lookup(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Lookup> {
        let Some(lookup) = self.ops.lookup else { return Err(Errno::EIO.into()) };
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        let answer = self.instance.call(ctx, |fs, c| {
            let (entry, attr) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
            // SAFETY: every pointer is valid until the call returns.
            i64::from(unsafe { lookup(fs, c, dir, Str::new(name), entry, attr) })
        });
        match answer {
            Ok(_) if entry.node == 0 => Ok(Lookup::Missing { valid_ns: entry.valid_ns }),
            Ok(_) => self.found("lookup", &entry, &attr).map(Lookup::Found),
            Err(e) if e.errno() == Errno::ENOENT => Ok(Lookup::Missing { valid_ns: 0 }),
            Err(e) => Err(e),
        }
    }

    /// Takes away from a node's count.
    pub fn forget(&self, node: u64, count: u64) {
        if let Some(forget) = self.ops.forget {
            // SAFETY: numbers only.
            self.instance.notify(|fs| unsafe { forget(fs, node, count) });
        }
    }

    /// Attributes; `None` if those of the last answer stand.
    pub fn getattr(&self, ctx: &Ctx, node: u64) -> Result<Option<Attr>> {
        let Some(getattr) = self.ops.getattr else { return Ok(None) };
        let mut attr = Attr::empty();
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: `attr` is valid until the call returns.
            i64::from(unsafe { getattr(fs, c, node, AttrOut(&raw mut attr)) })
        });
        match answer {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(None),
            Err(e) => Err(e),
            Ok(_) => Ok(Some(attr)),
        }
    }

    /// Changes attributes; answers the new ones.
    pub fn setattr(&self, ctx: &Ctx, node: u64, set: &SetAttr) -> Result<Attr> {
        let mut attr = Attr::empty();
        slot!(self, ctx, setattr, absent = EROFS, |fs, c| {
            setattr(fs, c, node, SetAttrIn(set), AttrOut(&raw mut attr))
        });
        Ok(attr)
    }

    /// A link's target, at most `limit` bytes; longer is ENAMETOOLONG.
    pub fn readlink(&self, ctx: &Ctx, node: u64, limit: usize) -> Result<Vec<u8>> {
        let Some(readlink) = self.ops.readlink else { return Err(Errno::EINVAL.into()) };
        let mut target = vec![0; limit];
        let len = absent_is(
            self.instance.call(ctx, |fs, c| {
                // SAFETY: `target` is valid for its length until the call returns.
                unsafe { readlink(fs, c, node, target.as_mut_ptr(), target.len()) }
            }),
            Errno::EINVAL,
        )?;
        if len > limit as u64 {
            return Err(Errno::ENAMETOOLONG.into());
        }
        target.truncate(len as usize);
        if target.contains(&0) {
            return Err(self.instance.lie("readlink", "a target with a NUL byte"));
        }
        Ok(target)
    }

    /// Makes a symbolic link.
    pub fn symlink(&self, ctx: &Ctx, dir: u64, name: &[u8], target: &[u8]) -> Result<FoundNode> {
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        slot!(self, ctx, symlink, absent = EROFS, |fs, c| {
            let (e, a) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
            symlink(fs, c, dir, Str::new(name), Str::new(target), e, a)
        });
        self.found("symlink", &entry, &attr)
    }

    /// Gives a node one more name.
    pub fn link(&self, ctx: &Ctx, node: u64, dir: u64, name: &[u8]) -> Result<FoundNode> {
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        slot!(self, ctx, link, absent = EROFS, |fs, c| {
            link(fs, c, node, dir, Str::new(name), EntryOut(&raw mut entry), AttrOut(&raw mut attr))
        });
        self.found("link", &entry, &attr)
    }

    /// Makes a special node.
    pub fn mknod(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, rdev: u64) -> Result<FoundNode> {
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        slot!(self, ctx, mknod, absent = EROFS, |fs, c| {
            let (e, a) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
            mknod(fs, c, dir, Str::new(name), mode, rdev, e, a)
        });
        self.found("mknod", &entry, &attr)
    }

    /// Makes a directory.
    pub fn mkdir(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32) -> Result<FoundNode> {
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        slot!(self, ctx, mkdir, absent = EROFS, |fs, c| {
            mkdir(fs, c, dir, Str::new(name), mode, EntryOut(&raw mut entry), AttrOut(&raw mut attr))
        });
        self.found("mkdir", &entry, &attr)
    }

    /// Takes a name away.
    pub fn unlink(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        let mut out = Removed::empty();
        slot!(self, ctx, unlink, absent = EROFS, |fs, c| {
            unlink(fs, c, dir, Str::new(name), RemovedOut(&raw mut out))
        });
        Ok(out)
    }

    /// Takes an empty directory away.
    pub fn rmdir(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        let mut out = Removed::empty();
        slot!(self, ctx, rmdir, absent = EROFS, |fs, c| {
            rmdir(fs, c, dir, Str::new(name), RemovedOut(&raw mut out))
        });
        Ok(out)
    }

    /// Renames.
    pub fn rename(
        &self,
        ctx: &Ctx,
        (dir, name): (u64, &[u8]),
        (new_dir, new_name): (u64, &[u8]),
        flags: u32,
    ) -> Result<Removed> {
        let mut out = Removed::empty();
        slot!(self, ctx, rename, absent = EROFS, |fs, c| {
            let out = RemovedOut(&raw mut out);
            rename(fs, c, dir, Str::new(name), new_dir, Str::new(new_name), flags, out)
        });
        Ok(out)
    }

    /// Makes a regular file and opens it.
    pub fn create(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, flags: u32) -> Result<OpenedNode> {
        let (mut entry, mut attr, mut opened) = (Entry::empty(), Attr::empty(), Opened::empty());
        slot!(self, ctx, create, absent = EROFS, |fs, c| {
            let (e, a) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
            create(fs, c, dir, Str::new(name), mode, flags, e, a, OpenedOut(&raw mut opened))
        });
        Ok(OpenedNode { found: self.found("create", &entry, &attr)?, handle: opened.handle })
    }
}
