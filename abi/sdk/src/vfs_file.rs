//! A file of the VFS: what a mapper fills memory from, and what a block device may lie on.

use nxvfs_abi::Errno;
use nxvfs_abi::services::Services;

use crate::{Result, host};

/// A file of the VFS, reached through the host. A mapper's is valid during the call; a parameter's ([`crate::Params`])
/// until `detach` returns. Any thread; calls may overlap.
#[derive(Debug)]
pub struct VfsFile(u64);

/// A service, or ENOSYS from a host that is older than it.
fn service<T>(which: impl FnOnce(&Services) -> Option<T>) -> Result<T> {
    host::services().and_then(which).ok_or(Errno::ENOSYS.into())
}

impl VfsFile {
    pub(crate) fn new(token: u64) -> Self {
        Self(token)
    }

    /// Reads up to `buf.len()` bytes; 0 at the end.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let read = service(|s| s.file_read)?;
        // SAFETY: `buf` is valid for its length during the call.
        let done = Errno::check(unsafe { read(self.0, offset, buf.as_mut_ptr(), buf.len()) })?;
        Ok(done.min(buf.len() as u64) as usize)
    }

    /// Writes up to `buf.len()` bytes; a mapper's never makes the file longer. Errors: EROFS it may only be read.
    pub fn write_at(&self, offset: u64, buf: &[u8]) -> Result<usize> {
        let write = service(|s| s.file_write)?;
        // SAFETY: `buf` is valid for its length during the call.
        let done = Errno::check(unsafe { write(self.0, offset, buf.as_ptr(), buf.len()) })?;
        Ok(done.min(buf.len() as u64) as usize)
    }

    /// Whether it may be written.
    pub fn writable(&self) -> Result<bool> {
        match self.write_at(0, &[]) {
            Ok(_) => Ok(true),
            Err(fail) if fail.errno() == Errno::EROFS => Ok(false),
            Err(fail) => Err(fail),
        }
    }

    /// Its length in bytes.
    pub fn len_bytes(&self) -> Result<u64> {
        // SAFETY: a number only.
        Ok(Errno::check(unsafe { service(|s| s.file_len)?(self.0) })?)
    }

    /// Everything written so far is on its medium when this returns; with `data_only` not all attributes are.
    pub fn sync(&self, data_only: bool) -> Result<()> {
        // SAFETY: numbers only.
        Errno::check(i64::from(unsafe { service(|s| s.file_sync)?(self.0, data_only.into()) }))?;
        Ok(())
    }

    /// Makes a hole, which reads as zeroes; the length stays. Errors: ENOTSUP it cannot have holes, and nothing
    /// happened; EROFS.
    pub fn discard(&self, offset: u64, len: u64) -> Result<()> {
        // SAFETY: numbers only.
        Errno::check(i64::from(unsafe { service(|s| s.file_discard)?(self.0, offset, len) }))?;
        Ok(())
    }
}
