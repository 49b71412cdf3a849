//! Bytes in and out of an open file, and its position.

use nxvfs_abi::Ctx;
use nxvfs_abi::block::WRITE_FUA;
use nxvfs_abi::character::{SEEK_END, SEEK_SET};
use nxvfs_abi::filesystem::{SEEK_DATA, SEEK_HOLE};
use nxvfs_abi::types::open;

use super::open::{Content, OpenFile};
use crate::base::sync::lock;
use crate::base::{Errno, Result};
use crate::mapping::touch;
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
        match &self.content {
            Content::Stream(stream) => self.waiting(ctx, &**stream, || self.get(ctx, buf, offset)),
            _ => self.get(ctx, buf, offset),
        }
    }

    /// One try, which does not wait.
    #[inline]
    fn get(&self, ctx: &Ctx, buf: &mut [u8], offset: u64) -> Result<usize> {
        if !self.flags().readable() {
            return Err(Errno::EBADF.into());
        }
        touch(buf);
        match &self.content {
            Content::Regular { node, handle } => {
                let mut below = |offset, buf: &mut [u8]| {
                    node.mount().volume().read(ctx, node.node(), *handle, offset, buf)
                };
                let done = match node.resident().memory() {
                    None => below(offset, buf),
                    Some(memory) => memory.read(offset, buf, &mut below),
                };
                node.expire();
                done
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
            Content::Stream(stream) => {
                if !stream.has_position() {
                    return Err(Errno::ESPIPE.into());
                }
                stream.read(ctx, offset, buf)
            }
            Content::Path => Err(Errno::EBADF.into()),
        }
    }

    /// Reads at the position and moves it. POSIX `read`.
    pub fn read(&self, ctx: &Ctx, buf: &mut [u8]) -> Result<usize> {
        match &self.content {
            // The lock on the position is not held while waiting.
            Content::Stream(stream) => self.waiting(ctx, &**stream, || self.get_on(ctx, buf)),
            _ => self.get_on(ctx, buf),
        }
    }

    /// One try at the position, which does not wait.
    fn get_on(&self, ctx: &Ctx, buf: &mut [u8]) -> Result<usize> {
        if let Content::Stream(stream) = &self.content
            && !stream.has_position()
        {
            if !self.flags().readable() {
                return Err(Errno::EBADF.into());
            }
            return stream.read(ctx, 0, buf);
        }
        let mut position = lock(&self.position);
        let done = self.get(ctx, buf, *position)?;
        *position += done as u64;
        Ok(done)
    }

    /// One read for a transfer that nobody sleeps in: at an offset, or of what has no position.
    pub(super) fn read_once(&self, ctx: &Ctx, buf: &mut [u8], offset: u64) -> Result<usize> {
        match self.stream() {
            Some(stream) if !stream.has_position() => self.get_on(ctx, buf),
            _ => self.get(ctx, buf, offset),
        }
    }

    /// One write, likewise; with `O_APPEND` at the end. POSIX `aio_write`.
    pub(super) fn write_once(&self, ctx: &Ctx, buf: &[u8], offset: u64) -> Result<usize> {
        let flags = self.flags();
        match self.stream() {
            Some(stream) if !stream.has_position() => {
                if !flags.writable() {
                    return Err(Errno::EBADF.into());
                }
                stream.write(ctx, 0, buf, flags.0)
            }
            _ if flags.has(open::O_APPEND) && self.block_device().is_none() && !buf.is_empty() => {
                self.put(ctx, buf, 0, flags.0)
            }
            _ => self.put(ctx, buf, offset, flags.0 & !open::O_APPEND),
        }
    }

    /// Writes at an offset and leaves the position alone. POSIX `pwrite`, so `O_APPEND` does not matter. Errors: EBADF
    /// not open for writing, EFBIG, ENOSPC (a device's end), and the file system's.
    pub fn pwrite(&self, ctx: &Ctx, buf: &[u8], offset: u64) -> Result<usize> {
        let put = || self.put(ctx, buf, offset, self.flags().0 & !open::O_APPEND);
        match &self.content {
            Content::Stream(stream) => self.waiting(ctx, &**stream, put),
            _ => put(),
        }
    }

    fn put(&self, ctx: &Ctx, buf: &[u8], offset: u64, flags: u32) -> Result<usize> {
        if !self.flags().writable() {
            return Err(Errno::EBADF.into());
        }
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > i64::MAX as u64) {
            return Err(Errno::EFBIG.into());
        }
        touch(buf);
        let ctx = &self.write_ctx(ctx);
        match &self.content {
            Content::Regular { node, handle } => {
                let volume = node.mount().volume();
                let below = |buf: &[u8]| volume.write(ctx, node.node(), *handle, offset, buf, flags);
                let at = if flags & open::O_APPEND == 0 { Some(offset) } else { None };
                let done = node
                    .resident()
                    .change(|| below(buf), |memory| memory.write(at, buf, &mut |buf| below(buf)));
                node.expire();
                self.settle(ctx, done?)
            }
            Content::Block { device, .. } => {
                let end = device.len_bytes();
                if !buf.is_empty() && offset >= end {
                    return Err(Errno::ENOSPC.into());
                }
                let len = end.saturating_sub(offset).min(buf.len() as u64) as usize;
                let through = if flags & open::O_DSYNC != 0 { WRITE_FUA } else { 0 };
                device.write_at(offset, &buf[..len], through)?;
                Ok(len)
            }
            Content::Stream(stream) => {
                if !stream.has_position() {
                    return Err(Errno::ESPIPE.into());
                }
                stream.write(ctx, offset, buf, flags)
            }
            Content::Directory | Content::Path => Err(Errno::EBADF.into()),
        }
    }

    /// Writes at the position, or with `O_APPEND` at the end whatever it is by then, and moves the position behind
    /// what was written. POSIX `write`.
    pub fn write(&self, ctx: &Ctx, buf: &[u8]) -> Result<usize> {
        let Content::Stream(stream) = &self.content else {
            return self.write_on(ctx, buf, &mut lock(&self.position));
        };
        if !self.flags().writable() {
            return Err(Errno::EBADF.into());
        }
        if stream.has_position() {
            return self.waiting(ctx, &**stream, || self.write_on(ctx, buf, &mut lock(&self.position)));
        }
        self.write_all(ctx, &**stream, buf)
    }

    fn write_on(&self, ctx: &Ctx, buf: &[u8], position: &mut u64) -> Result<usize> {
        let has_end = self.regular().is_some() || self.stream().is_some();
        if self.flags().has(open::O_APPEND) && has_end && !buf.is_empty() {
            // The file system or the node finds the end and writes there in one step.
            let done = self.put(ctx, buf, 0, self.flags().0)?;
            *position = self.len_bytes(ctx)?;
            return Ok(done);
        }
        let done = self.put(ctx, buf, *position, self.flags().0)?;
        *position += done as u64;
        Ok(done)
    }

    /// Reads into several buffers as one read. POSIX `readv`. Errors: as [`OpenFile::read`].
    pub fn readv(&self, ctx: &Ctx, bufs: &mut [&mut [u8]]) -> Result<usize> {
        if self.stream().is_some() {
            return self.readv_stream(ctx, bufs);
        }
        let mut position = lock(&self.position);
        let mut sum = 0;
        for buf in bufs {
            let done = match self.pread(ctx, buf, *position) {
                // What was read before the failure was read.
                Err(_) if sum > 0 => break,
                done => done?,
            };
            *position += done as u64;
            sum += done;
            if done < buf.len() {
                break;
            }
        }
        Ok(sum)
    }

    /// Waits for the first bytes only.
    fn readv_stream(&self, ctx: &Ctx, bufs: &mut [&mut [u8]]) -> Result<usize> {
        let mut sum = 0;
        for buf in bufs.iter_mut().filter(|buf| !buf.is_empty()) {
            let done = match sum {
                0 => self.read(ctx, buf)?,
                _ => self.get_on(ctx, buf).unwrap_or(0),
            };
            sum += done;
            if done < buf.len() {
                break;
            }
        }
        Ok(sum)
    }

    /// Writes several buffers as one write. POSIX `writev`. Errors: as [`OpenFile::write`].
    pub fn writev(&self, ctx: &Ctx, bufs: &[&[u8]]) -> Result<usize> {
        if self.stream().is_some() {
            return self.write(ctx, &bufs.concat());
        }
        let mut position = lock(&self.position);
        if self.flags().has(open::O_APPEND) {
            // In one piece, so that nothing of others comes in between.
            return self.write_on(ctx, &bufs.concat(), &mut position);
        }
        let mut sum = 0;
        for buf in bufs {
            let done = match self.write_on(ctx, buf, &mut position) {
                // What was written before the failure was written.
                Err(_) if sum > 0 => break,
                done => done?,
            };
            sum += done;
            if done < buf.len() {
                break;
            }
        }
        Ok(sum)
    }

    /// How many bytes are left after the position.
    pub fn rest_bytes(&self, ctx: &Ctx) -> Result<u64> {
        let position = *lock(&self.position);
        Ok(self.len_bytes(ctx)?.saturating_sub(position))
    }

    /// Moves the position. POSIX `lseek`. Errors: EINVAL before the start, EOVERFLOW, ENXIO no data or hole after
    /// the offset.
    pub fn seek(&self, ctx: &Ctx, offset: i64, whence: Whence) -> Result<u64> {
        if self.stream().is_some_and(|stream| !stream.has_position()) {
            return Err(Errno::ESPIPE.into());
        }
        let mut position = lock(&self.position);
        if let Some(stream) = self.stream() {
            let own = match whence {
                Whence::Set => stream.seek(ctx, offset, SEEK_SET)?,
                Whence::Current => {
                    let from = i64::try_from(*position).map_err(|_| Errno::EOVERFLOW)?;
                    stream.seek(ctx, from.checked_add(offset).ok_or(Errno::EOVERFLOW)?, SEEK_SET)?
                }
                Whence::End => stream.seek(ctx, offset, SEEK_END)?,
                Whence::Data | Whence::Hole => None,
            };
            if let Some(own) = own {
                *position = own;
                return Ok(own);
            }
        }
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
        if let Content::Regular { node, handle } = &self.content {
            // What was stored into views counts, and the file system does not know of it yet.
            node.resident().write_back()?;
            if let Some(found) = node.mount().volume().seek(ctx, node.node(), *handle, offset, how)? {
                return Ok(found);
            }
        }
        if let Content::Stream(stream) = &self.content
            && let Some(found) = stream.seek_data(offset, whence == Whence::Data)?
        {
            return Ok(found);
        }
        // A file system that does not tell has no holes but the end.
        Ok(if whence == Whence::Data { offset } else { len })
    }

    /// Brings the file to its medium, with what was stored into views. POSIX `fsync`. Errors: the file system's, and
    /// once each those that came when nobody asked.
    pub fn sync(&self, ctx: &Ctx, data_only: bool) -> Result<()> {
        match &self.content {
            Content::Regular { node, handle } => {
                let volume = node.mount().volume();
                let written = node.resident().write_back();
                self.late(
                    node.resident(),
                    written.and_then(|()| volume.fsync(ctx, node.node(), *handle, data_only)),
                )
            }
            Content::Block { device, seen, .. } => {
                let written = device.resident().write_back();
                self.late(device.resident(), written.and_then(|()| device.flush(seen)))
            }
            Content::Directory => match self.dentry.inode() {
                Inode::Volume(node) => node.mount().volume().fsync(ctx, node.node(), 0, data_only),
                Inode::Pseudo(_) => Ok(()),
            },
            Content::Stream(stream) => stream.sync(ctx),
            Content::Path => Err(Errno::EBADF.into()),
        }
    }
}
