//! What a node of the host's own gives to who opens it: a driver, a pipe, a file in memory, a text made on the fly.

use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLIN, POLLOUT};
use nxvfs_abi::types::mode;

use crate::base::sync::Arc;
use crate::base::{Errno, Holder, Result};
use crate::bridge::CheckedGrant;

/// A node that can be opened. What `stat` tells of it beyond its mode is asked here.
pub trait Openable: Send + Sync {
    /// Opens it, with open flags of the contract; may wait where POSIX says so (a FIFO). Any thread.
    fn open(&self, ctx: &Ctx, flags: u32) -> Result<Arc<dyn Stream>>;

    /// `S_IFMT` bits: a character device unless said otherwise.
    fn file_type(&self) -> u32 {
        mode::S_IFCHR
    }

    /// Length in bytes, for what has one.
    fn len_bytes(&self) -> u64 {
        0
    }
}

/// One opening of a node, shared by descriptors that were duplicated. Calls may come from any thread and overlap; one
/// that cannot go on now answers EAGAIN at once, and whoever called waits.
#[allow(unused_variables, reason = "defaults ignore their arguments")]
pub trait Stream: Send + Sync {
    /// Reads up to `buf.len()` bytes at an offset (which streams without positions ignore); 0 is the end. Errors:
    /// EAGAIN nothing there now; EINVAL cannot be read.
    fn read(&self, ctx: &Ctx, offset: u64, buf: &mut [u8]) -> Result<usize> {
        Err(Errno::EINVAL.into())
    }

    /// Writes, likewise; with `O_APPEND` in `flags` at the end. Errors: EAGAIN no room now; EINVAL cannot be written.
    fn write(&self, ctx: &Ctx, offset: u64, buf: &[u8], flags: u32) -> Result<usize> {
        Err(Errno::EINVAL.into())
    }

    /// Whether the descriptor has a position; else `lseek` and `pread` are ESPIPE.
    fn has_position(&self) -> bool {
        false
    }

    /// Length in bytes, for `SEEK_END`.
    fn len_bytes(&self) -> u64 {
        0
    }

    /// Where `lseek` leads, for a stream that decides that itself: `whence` is `SEEK_SET` or `SEEK_END` of
    /// [`nxvfs_abi::character`]. `None`: by its length, as a file.
    fn seek(&self, ctx: &Ctx, offset: i64, whence: u32) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Arms a waiter (0 is nobody) with the stream's [`WaitQueue`](crate::base::wait::WaitQueue), then answers the
    /// events of [`nxvfs_abi::character::event`] that are true now.
    fn poll(&self, ctx: &Ctx, waiter: u64) -> Result<u32> {
        Ok(POLLIN | POLLOUT)
    }

    /// Whether [`Stream::poll`] arms waiters. If not, EAGAIN is handed on to whoever called.
    fn waits(&self) -> bool {
        false
    }

    /// Whether a person may sit at the other end. POSIX `isatty`.
    fn is_terminal(&self) -> bool {
        false
    }

    /// Whether a write that may wait goes on until all is written, as a pipe's does, and does not end with a part.
    fn writes_all(&self) -> bool {
        false
    }

    /// Changes the length. Errors: EINVAL it has none that can change.
    fn truncate(&self, ctx: &Ctx, len_bytes: u64) -> Result<()> {
        Err(Errno::EINVAL.into())
    }

    /// Reserves, zeroes or frees space; `mode` is `FALLOC_*` of the contract. Errors: ENODEV no regular file; ENOSPC,
    /// EFBIG, ENOTSUP.
    fn fallocate(&self, ctx: &Ctx, mode: u32, offset: u64, len: u64) -> Result<()> {
        Err(Errno::ENODEV.into())
    }

    /// The first data, or with `data` false the first hole, at or after an offset before the end; `None` if there are
    /// no holes but the end. Errors: ENXIO only holes follow.
    fn seek_data(&self, offset: u64, data: bool) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Brings everything written to where it belongs. Errors: EINVAL it cannot be synchronised.
    fn sync(&self, ctx: &Ctx) -> Result<()> {
        Err(Errno::EINVAL.into())
    }

    /// Any command with memory. Errors: ENOTTY.
    fn ioctl(&self, ctx: &Ctx, command: u32, arg: &mut [u8]) -> Result<u64> {
        Err(Errno::ENOTTY.into())
    }

    /// The memory behind it, to be mapped; `None` if it cannot be.
    fn memory(&self) -> Option<CheckedGrant> {
        None
    }

    /// Says who holds the opening, once that is known.
    fn name_holder(&self, holder: &Holder) {}
}
