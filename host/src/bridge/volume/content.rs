//! The content of files.

use nxvfs_abi::filesystem::*;
use nxvfs_abi::{Ctx, Grow};

use super::{Volume, nothing_if_absent, slot};
use crate::base::{Errno, Result};
use crate::bridge::instance::absent_is;

impl Volume {
    /// Opens a regular file; answers the file system's number of the opening.
    pub fn open(&self, ctx: &Ctx, node: u64, flags: u32) -> Result<u64> {
        let Some(open) = self.ops.open else { return Ok(0) };
        let mut opened = Opened::empty();
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: `opened` is valid until the call returns.
            i64::from(unsafe { open(fs, c, node, flags, OpenedOut(&raw mut opened)) })
        });
        match answer {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(0),
            other => other.map(|_| opened.handle),
        }
    }

    /// Ends an opening; nothing to do once the volume is over, which ended all.
    pub fn release(&self, ctx: &Ctx, node: u64, handle: u64) -> Result<()> {
        let Some(release) = self.ops.release else { return Ok(()) };
        // SAFETY: numbers only.
        let answer = self.instance.call(ctx, |fs, c| i64::from(unsafe { release(fs, c, node, handle) }));
        if answer.is_err() && self.instance.is_over() {
            return Ok(());
        }
        nothing_if_absent(answer)
    }

    /// Reads; answers how many bytes.
    #[inline]
    pub fn read(&self, ctx: &Ctx, node: u64, handle: u64, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let Some(read) = self.ops.read else { return Err(Errno::EIO.into()) };
        let done = self.instance.call(ctx, |fs, c| {
            // SAFETY: `buf` is valid for its length until the call returns.
            unsafe { read(fs, c, node, handle, offset, buf.as_mut_ptr(), buf.len()) }
        })?;
        self.at_most("read", done, buf.len())
    }

    /// Writes; answers how many bytes.
    pub fn write(
        &self,
        ctx: &Ctx,
        node: u64,
        handle: u64,
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        let Some(write) = self.ops.write else { return Err(Errno::EROFS.into()) };
        let done = self.instance.call(ctx, |fs, c| {
            // SAFETY: `buf` is valid for its length until the call returns.
            unsafe { write(fs, c, node, handle, offset, buf.as_ptr(), buf.len(), flags) }
        });
        self.at_most("write", absent_is(done, Errno::EROFS)?, buf.len())
    }

    /// One descriptor was closed.
    pub fn flush(&self, ctx: &Ctx, node: u64, handle: u64) -> Result<()> {
        let Some(flush) = self.ops.flush else { return Ok(()) };
        // SAFETY: numbers only.
        nothing_if_absent(self.instance.call(ctx, |fs, c| i64::from(unsafe { flush(fs, c, node, handle) })))
    }

    /// Brings one node to the medium.
    pub fn fsync(&self, ctx: &Ctx, node: u64, handle: u64, data_only: bool) -> Result<()> {
        let Some(fsync) = self.ops.fsync else { return self.sync(ctx) };
        let data_only = u32::from(data_only);
        // SAFETY: numbers only.
        match self.instance.call(ctx, |fs, c| i64::from(unsafe { fsync(fs, c, node, handle, data_only) })) {
            Err(e) if e.errno() == Errno::ENOSYS => self.sync(ctx),
            other => other.map(drop),
        }
    }

    /// Reserves, zeroes or frees space.
    pub fn fallocate(
        &self,
        ctx: &Ctx,
        node: u64,
        handle: u64,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        slot!(self, ctx, fallocate, absent = ENOTSUP, |fs, c| fallocate(
            fs, c, node, handle, mode, offset, len
        ));
        Ok(())
    }

    /// Finds data or a hole; `None` if the file system does not tell.
    pub fn seek(&self, ctx: &Ctx, node: u64, handle: u64, offset: u64, whence: u32) -> Result<Option<u64>> {
        let Some(seek) = self.ops.seek else { return Ok(None) };
        // SAFETY: numbers only.
        match self.instance.call(ctx, |fs, c| unsafe { seek(fs, c, node, handle, offset, whence) }) {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(None),
            other => other.map(Some),
        }
    }

    /// Any command with memory of the host's own.
    pub fn ioctl_bytes(
        &self,
        ctx: &Ctx,
        node: u64,
        handle: u64,
        command: u32,
        arg: &mut [u8],
    ) -> Result<u64> {
        let Some(ioctl) = self.ops.ioctl else { return Err(Errno::ENOTTY.into()) };
        let (at, size) = (arg.as_mut_ptr().expose_provenance(), arg.len());
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: `arg` is valid for its length until the call returns.
            unsafe { ioctl(fs, c, node, handle, command, at, size) }
        });
        absent_is(answer, Errno::ENOTTY)
    }
}
