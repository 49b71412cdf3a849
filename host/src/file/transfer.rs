//! Bytes in and out of an open file, and its position.

use nxvfs_abi::Ctx;
use nxvfs_abi::filesystem::{SEEK_DATA, SEEK_HOLE};
use nxvfs_abi::types::open;

use super::open::{Content, OpenFile};
use crate::base::sync::lock;
use crate::base::{Errno, Result};
use crate::tree::Inode;

/// From where `lseek` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// From the start.
    Set,
    /// From the position.
    Current,
    /// From the end.
    End,
    /// To the first data at or after the offset.
    Data,
    /// To the first hole at or after the offset.
    Hole,
}

impl OpenFile {
    /// Reads at an offset and leaves the position alone. POSIX `pread`. Errors: EBADF not open for reading, EISDIR,
    /// and the file system's.
    #[inline]
    pub fn pread(&self, ctx: &Ctx, buf: &mut [u8], offset: u64) -> Result<usize> {
        if !self.flags.readable() {
            return Err(Errno::EBADF.into());
        }
        match &self.content {
            Content::Regular { node, handle } => {
                node.mount().volume().read(ctx, node.node(), *handle, offset, buf)
            }
            Content::Directory => Err(Errno::EISDIR.into()),
            Content::Block { device, .. } => {
                let len = device.len_bytes().saturating_sub(offset).min(buf.len() as u64) as usize;
                if len == 0 {
                    return Ok(0);
                }
                device.read_at(offset, &mut buf[..len], 0)?;
                Ok(len)
            }
            Content::Path => Err(Errno::EBADF.into()),
        }
    }

    /// Reads at the position and moves it. POSIX `read`.
    pub fn read(&self, ctx: &Ctx, buf: &mut [u8]) -> Result<usize> {
        let mut position = lock(&self.position);
        let done = self.pread(ctx, buf, *position)?;
        *position += done as u64;
        Ok(done)
    }

    /// Writes at an offset and leaves the position alone. POSIX `pwrite`; with `O_APPEND` at the end, as POSIX does
    /// not say and Linux does. Errors: EBADF not open for writing, EFBIG, ENOSPC (a device's end), and the file
    /// system's.
    pub fn pwrite(&self, ctx: &Ctx, buf: &[u8], offset: u64) -> Result<usize> {
        if !self.flags.writable() {
            return Err(Errno::EBADF.into());
        }
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::EFBIG.into());
        }
        match &self.content {
            Content::Regular { node, handle } => {
                let done =
                    node.mount().volume().write(ctx, node.node(), *handle, offset, buf, self.flags.0)?;
                if let Ok(Some(attr)) = node.mount().volume().getattr(ctx, node.node()) {
                    node.refresh(attr);
                }
                Ok(done)
            }
            Content::Block { device, .. } => {
                if !buf.is_empty() && offset >= device.len_bytes() {
                    return Err(Errno::ENOSPC.into());
                }
                let len =
                    (device.len_bytes() - offset.min(device.len_bytes())).min(buf.len() as u64) as usize;
                device.write_at(offset, &buf[..len], 0)?;
                Ok(len)
            }
            Content::Directory | Content::Path => Err(Errno::EBADF.into()),
        }
    }

    /// Writes at the position, or with `O_APPEND` at the end, and moves the position. POSIX `write`.
    pub fn write(&self, ctx: &Ctx, buf: &[u8]) -> Result<usize> {
        let mut position = lock(&self.position);
        let at = if self.flags.has(open::O_APPEND) { self.len_bytes(ctx)? } else { *position };
        let done = self.pwrite(ctx, buf, at)?;
        *position = at + done as u64;
        Ok(done)
    }

    /// Moves the position. POSIX `lseek`. Errors: EINVAL before the start, EOVERFLOW, ENXIO no data or hole after
    /// the offset.
    pub fn seek(&self, ctx: &Ctx, offset: i64, whence: Whence) -> Result<u64> {
        let mut position = lock(&self.position);
        let from = match whence {
            Whence::Set => 0,
            Whence::Current => *position,
            Whence::End => self.len_bytes(ctx)?,
            Whence::Data | Whence::Hole => {
                let offset = u64::try_from(offset).map_err(|_| Errno::ENXIO)?;
                *position = self.seek_data(ctx, offset, whence)?;
                return Ok(*position);
            }
        };
        let to =
            i64::try_from(from).ok().and_then(|from| from.checked_add(offset)).ok_or(Errno::EOVERFLOW)?;
        *position = u64::try_from(to).map_err(|_| Errno::EINVAL)?;
        Ok(*position)
    }

    fn seek_data(&self, ctx: &Ctx, offset: u64, whence: Whence) -> Result<u64> {
        let len = self.len_bytes(ctx)?;
        if offset >= len {
            return Err(Errno::ENXIO.into());
        }
        let how = if whence == Whence::Data { SEEK_DATA } else { SEEK_HOLE };
        if let Content::Regular { node, handle } = &self.content
            && let Some(found) = node.mount().volume().seek(ctx, node.node(), *handle, offset, how)?
        {
            return Ok(found);
        }
        // A file system that does not tell has no holes but the end.
        Ok(if whence == Whence::Data { offset } else { len })
    }

    /// Brings the file to its medium. POSIX `fsync`.
    pub fn sync(&self, ctx: &Ctx, data_only: bool) -> Result<()> {
        match &self.content {
            Content::Regular { node, handle } => {
                node.mount().volume().fsync(ctx, node.node(), *handle, data_only)
            }
            Content::Block { device, .. } => device.flush(),
            Content::Directory => match self.dentry.inode() {
                Inode::Volume(node) => node.mount().volume().fsync(ctx, node.node(), 0, data_only),
                Inode::Pseudo(_) => Ok(()),
            },
            Content::Path => Err(Errno::EBADF.into()),
        }
    }
}
