//! What is done with a node's content and attributes.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use nxvfs_sdk::abi::filesystem::SET_SIZE;
use nxvfs_sdk::{Attr, Ctx, Errno, Result, SetAttr, now_coarse, open};

use crate::TmpFs;
use crate::inode::{Body, Inode};
use crate::meta;
use crate::space::FILE_MAX_BYTES;
use crate::sync::{read, write};

/// An opening of a regular file. It keeps the node, so that reading and writing need no table.
#[derive(Default)]
pub struct OpenFile {
    inode: Option<Arc<Inode>>,
    keep_atime: bool,
}

impl OpenFile {
    pub(crate) fn new(inode: Arc<Inode>, flags: u32) -> Self {
        Self { inode: Some(inode), keep_atime: flags & open::O_NOATIME != 0 }
    }
}

/// A node that an opening lends, or that was looked for.
pub(crate) enum Lent<'a> {
    Opened(&'a Inode),
    Sought(Arc<Inode>),
}

impl Deref for Lent<'_> {
    type Target = Inode;

    fn deref(&self) -> &Inode {
        match self {
            Self::Opened(inode) => inode,
            Self::Sought(inode) => inode,
        }
    }
}

impl TmpFs {
    /// The node of an opening; by its number if the host has none.
    fn opened<'a>(&self, node: u64, file: &'a OpenFile) -> Result<Lent<'a>> {
        match &file.inode {
            Some(inode) => Ok(Lent::Opened(inode)),
            None => Ok(Lent::Sought(self.nodes.get(node)?)),
        }
    }

    /// A node was read.
    pub(crate) fn accessed(&self, inode: &Inode) {
        if !self.read_only.load(Relaxed) {
            inode.accessed();
        }
    }

    pub(crate) fn read_file(&self, node: u64, file: &OpenFile, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let inode = self.opened(node, file)?;
        let done = read(&inode.file()?.content).read(offset, buf);
        if !file.keep_atime {
            self.accessed(&inode);
        }
        Ok(done)
    }

    pub(crate) fn write_file(
        &self,
        ctx: &Ctx,
        (node, file): (u64, &OpenFile),
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        let inode = self.opened(node, file)?;
        let data = inode.file()?;
        let mut content = write(&data.content);
        let offset = if flags & open::O_APPEND != 0 { content.size_bytes } else { offset };
        let done = content.write(&self.space, offset, buf)?;
        if done > 0 {
            data.publish(&content);
            inode.change(|meta| meta.content_changed(ctx, now_coarse()));
        }
        Ok(done)
    }

    pub(crate) fn allocate_file(
        &self,
        ctx: &Ctx,
        (node, file): (u64, &OpenFile),
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        let inode = self.opened(node, file)?;
        let data = inode.file()?;
        let mut content = write(&data.content);
        content.allocate(&self.space, mode, offset, len)?;
        data.publish(&content);
        inode.change(|meta| meta.content_changed(ctx, now_coarse()));
        Ok(())
    }

    pub(crate) fn seek_file(&self, node: u64, file: &OpenFile, offset: u64, whence: u32) -> Result<u64> {
        let inode = self.opened(node, file)?;
        read(&inode.file()?.content).seek(offset, whence)
    }

    /// Changes attributes, all or none. Errors: EINVAL, EISDIR, EFBIG, ENOTSUP.
    pub(crate) fn set_attributes(&self, ctx: &Ctx, node: u64, set: &SetAttr) -> Result<Attr> {
        let inode = self.nodes.get(node)?;
        meta::check(inode.file_type, set)?;
        let change = || inode.change(|meta| meta.set(ctx, inode.file_type, set, now_coarse()));
        if set.valid & SET_SIZE == 0 {
            change();
            return Ok(inode.attr());
        }
        let data = match &inode.body {
            Body::File(file) => file,
            Body::Directory(_) => return Err(Errno::EISDIR.into()),
            Body::Link(_) | Body::Special(_) => return Err(Errno::EINVAL.into()),
        };
        if set.size_bytes > FILE_MAX_BYTES {
            return Err(Errno::EFBIG.into());
        }
        let mut content = write(&data.content);
        content.truncate(&self.space, set.size_bytes);
        data.publish(&content);
        change();
        Ok(inode.attr())
    }

    /// Copies a link's target. Errors: EINVAL if it is none.
    pub(crate) fn read_link(&self, node: u64, buf: &mut [u8]) -> Result<usize> {
        let inode = self.nodes.get(node)?;
        let Body::Link(target) = &inode.body else { return Err(Errno::EINVAL.into()) };
        let len = target.len().min(buf.len());
        buf[..len].copy_from_slice(&target[..len]);
        self.accessed(&inode);
        Ok(target.len())
    }

    pub(crate) fn set_xattr(&self, node: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        let inode = self.nodes.get(node)?;
        let mut xattrs = write(&inode.xattrs);
        xattrs.set(&self.space, name, value, flags)?;
        inode.change(|meta| meta.ctime = now_coarse());
        Ok(())
    }

    pub(crate) fn remove_xattr(&self, node: u64, name: &[u8]) -> Result<()> {
        let inode = self.nodes.get(node)?;
        let mut xattrs = write(&inode.xattrs);
        xattrs.remove(&self.space, name)?;
        inode.change(|meta| meta.ctime = now_coarse());
        Ok(())
    }
}
