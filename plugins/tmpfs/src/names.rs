//! Names found, made and taken away.

use std::sync::Arc;

use nxvfs_sdk::{Ctx, Emit, Errno, Found, Grow, Removed, Result, mode, now_coarse};

use crate::directory::Directory;
use crate::inode::{Body, File, Inode};
use crate::meta::LINK_MAX;
use crate::space::INODE_COST_BYTES;
use crate::sync::{read, write};
use crate::{NAME_MAX_BYTES, TmpFs};

/// Longest target of a symbolic link: a path with its NUL is at most 4096 bytes.
const TARGET_MAX_BYTES: usize = 4095;

/// Refuses what is no name. The host has done so too.
pub(crate) fn check(name: &[u8]) -> Result<()> {
    match name {
        b"" | b"." | b".." => Err(Errno::EINVAL.into()),
        _ if name.len() > NAME_MAX_BYTES => Err(Errno::ENAMETOOLONG.into()),
        _ if name.iter().any(|byte| matches!(byte, 0 | b'/')) => Err(Errno::EINVAL.into()),
        _ => Ok(()),
    }
}

/// A node that shall be made.
pub(crate) struct Plan {
    pub(crate) file_type: u32,
    pub(crate) permissions: u32,
    pub(crate) body: Body,
}

impl Plan {
    pub(crate) fn file(permissions: u32) -> Self {
        Self { file_type: mode::S_IFREG, permissions, body: Body::File(File::default()) }
    }

    /// What `mknod` makes. Errors: EPERM (a directory), EINVAL (a link, or no type that there is).
    pub(crate) fn special(mode: u32, rdev: u64) -> Result<Self> {
        let file_type = match mode & mode::S_IFMT {
            0 | mode::S_IFREG => return Ok(Self::file(mode)),
            mode::S_IFDIR => return Err(Errno::EPERM.into()),
            known @ (mode::S_IFIFO | mode::S_IFSOCK | mode::S_IFBLK | mode::S_IFCHR) => known,
            _ => return Err(Errno::EINVAL.into()),
        };
        Ok(Self { file_type, permissions: mode, body: Body::Special(rdev) })
    }

    /// Errors: ENOENT (an empty target), ENAMETOOLONG, EINVAL (a NUL in it).
    pub(crate) fn link(target: &[u8]) -> Result<Self> {
        match target.len() {
            0 => Err(Errno::ENOENT.into()),
            1..=TARGET_MAX_BYTES if target.contains(&0) => Err(Errno::EINVAL.into()),
            1..=TARGET_MAX_BYTES => {
                Ok(Self { file_type: mode::S_IFLNK, permissions: 0o777, body: Body::Link(target.into()) })
            }
            _ => Err(Errno::ENAMETOOLONG.into()),
        }
    }
}

impl TmpFs {
    /// What the host gets for a node that was found or made: one more in its count.
    pub(crate) fn found(&self, inode: &Arc<Inode>) -> Found {
        self.nodes.count(inode);
        Found::new(inode.number, inode.attr())
    }

    pub(crate) fn find_name(&self, dir: u64, name: &[u8]) -> Result<Found> {
        let parent = self.nodes.get(dir)?;
        let inode = {
            let entries = read(&parent.directory()?.entries);
            entries.find(name).cloned()
        };
        match inode {
            Some(inode) => Ok(self.found(&inode)),
            // Only now, because it is rare.
            None => Err(check(name).err().unwrap_or_else(|| Errno::ENOENT.into())),
        }
    }

    pub(crate) fn list(&self, dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        let parent = self.nodes.get(dir)?;
        read(&parent.directory()?.entries).emit(cookie, emit);
        self.accessed(&parent);
        Ok(())
    }

    /// Makes a node and its name. Errors: EEXIST, ENOENT (the directory was removed), ENOSPC, EMLINK.
    pub(crate) fn make(&self, ctx: &Ctx, dir: u64, name: &[u8], plan: Plan) -> Result<Arc<Inode>> {
        check(name)?;
        let (parent, now) = (self.nodes.get(dir)?, now_coarse());
        let directory = parent.directory()?;
        let mut entries = write(&directory.entries);
        if entries.find(name).is_some() {
            return Err(Errno::EEXIST.into());
        }
        let above = parent.meta();
        let below = i32::from(plan.file_type == mode::S_IFDIR);
        if below > 0 && above.nlink >= LINK_MAX {
            return Err(Errno::EMLINK.into());
        }
        let meta = above.made_here(ctx, plan.file_type, plan.permissions, now);
        let number = self.nodes.new_number();
        let inode = Inode::new(&self.space, number, plan.file_type, meta, plan.body)?;
        directory.enter()?;
        entries.insert(name, inode.clone());
        parent.change(|meta| meta.entries_changed(below, now));
        Ok(inode)
    }

    pub(crate) fn make_directory(&self, ctx: &Ctx, dir: u64, name: &[u8], permissions: u32) -> Result<Found> {
        let parent = self.nodes.get(dir)?;
        let body = Body::Directory(Directory::new(Arc::downgrade(&parent)));
        let inode = self.make(ctx, dir, name, Plan { file_type: mode::S_IFDIR, permissions, body })?;
        Ok(self.found(&inode))
    }

    /// Gives a node one more name. Errors: EPERM (a directory), EEXIST, EMLINK, ENOENT (no name is left), ENOSPC.
    pub(crate) fn link_name(&self, node: u64, dir: u64, name: &[u8]) -> Result<Found> {
        check(name)?;
        let (inode, parent, now) = (self.nodes.get(node)?, self.nodes.get(dir)?, now_coarse());
        let directory = parent.directory()?;
        if inode.is_directory() {
            return Err(Errno::EPERM.into());
        }
        let mut entries = write(&directory.entries);
        if entries.find(name).is_some() {
            return Err(Errno::EEXIST.into());
        }
        if !self.space.inodes.take(INODE_COST_BYTES) {
            return Err(Errno::ENOSPC.into());
        }
        let undo = |errno: Errno| {
            self.space.inodes.give(INODE_COST_BYTES);
            errno
        };
        directory.enter().map_err(|_| undo(Errno::ENOENT))?;
        let one_more = inode.change(|meta| match meta.nlink {
            0 => Err(Errno::ENOENT),
            LINK_MAX.. => Err(Errno::EMLINK),
            _ => {
                meta.nlink += 1;
                meta.names_changed(now);
                Ok(())
            }
        });
        one_more.map_err(|errno| {
            directory.leave();
            undo(errno)
        })?;
        entries.insert(name, inode.clone());
        parent.change(|meta| meta.entries_changed(0, now));
        drop(entries);
        Ok(self.found(&inode))
    }

    /// Takes a name away. Errors: ENOENT, EISDIR or ENOTDIR, ENOTEMPTY.
    pub(crate) fn take(&self, dir: u64, name: &[u8], want_directory: bool) -> Result<Removed> {
        check(name)?;
        let (parent, now) = (self.nodes.get(dir)?, now_coarse());
        let directory = parent.directory()?;
        let mut entries = write(&directory.entries);
        let inode = entries.find(name).ok_or(Errno::ENOENT)?;
        match &inode.body {
            Body::Directory(_) if !want_directory => return Err(Errno::EISDIR.into()),
            Body::Directory(victim) => victim.close()?,
            _ if want_directory => return Err(Errno::ENOTDIR.into()),
            _ => {}
        }
        // Held until the directory is unlocked: it may be the end of the node.
        let gone = entries.remove(name);
        directory.leave();
        parent.change(|meta| meta.entries_changed(-i32::from(want_directory), now));
        drop(entries);
        Ok(gone.map_or(Grow::empty(), |inode| self.lose_name(&inode, now)))
    }

    /// A node lost a name: what the host is told. A directory has lost all.
    pub(crate) fn lose_name(&self, inode: &Inode, now: nxvfs_sdk::Timespec) -> Removed {
        let nlink = inode.change(|meta| {
            meta.nlink = if inode.is_directory() { 0 } else { meta.nlink.saturating_sub(1) };
            meta.names_changed(now);
            meta.nlink
        });
        if nlink > 0 {
            self.space.inodes.give(INODE_COST_BYTES);
        }
        Removed { nlink, node: inode.number, ..Grow::empty() }
    }
}
