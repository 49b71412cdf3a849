//! Bytes from file to file: a bounded buffer, short writes, and descriptors that are always closed.

use nxvfs_abi::types::open;

use crate::Task;
use crate::base::{Errno, Error, Result};
use crate::cli::failure::wrote_only;

/// Bytes that are copied at a time.
pub(in crate::cli) const BUFFER_BYTES: usize = 1 << 20;

/// A descriptor that is closed in the end, whatever happens.
pub(in crate::cli) struct Descriptor<'t> {
    task: &'t Task,
    fd: u32,
}

impl<'t> Descriptor<'t> {
    /// Opens a file.
    pub(in crate::cli) fn open(task: &'t Task, path: &[u8], flags: u32, permissions: u32) -> Result<Self> {
        Ok(Self { task, fd: task.open(path, flags, permissions)? })
    }

    /// Closes it and answers late errors of the file system.
    pub(in crate::cli) fn close(self) -> Result<()> {
        let (task, fd) = (self.task, self.fd);
        std::mem::forget(self);
        task.close(fd)
    }

    /// Reads at an offset until the buffer is full or the file ends.
    pub(in crate::cli) fn read(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let mut have = 0;
        while have < buf.len() {
            match self.task.pread(self.fd, &mut buf[have..], offset + have as u64)? {
                0 => break,
                read => have += read,
            }
        }
        Ok(have)
    }

    /// Changes the length.
    pub(in crate::cli) fn truncate(&self, len_bytes: u64) -> Result<()> {
        self.task.ftruncate(self.fd, len_bytes)
    }

    /// Writes everything at an offset; on an error it also answers how much of it was written.
    pub(in crate::cli) fn write(&self, buf: &[u8], offset: u64) -> Result<(), (Error, usize)> {
        let mut done = 0;
        while done < buf.len() {
            match self.task.pwrite(self.fd, &buf[done..], offset + done as u64) {
                // A file system that takes nothing and says nothing would be asked for ever.
                Ok(0) => return Err((Errno::ENOSPC.into(), done)),
                Ok(wrote) => done += wrote,
                Err(error) => return Err((error, done)),
            }
        }
        Ok(())
    }
}

impl Drop for Descriptor<'_> {
    fn drop(&mut self) {
        // Whoever wrote has closed it and has seen late errors; here something else failed already.
        let _ = self.task.close(self.fd);
    }
}

/// A part of a file.
pub(super) struct End<'a> {
    /// The file.
    pub(super) path: &'a [u8],
    /// Where it begins.
    pub(super) offset: u64,
}

/// Copies at most `len` bytes between two open files, `buf` at a time; answers how many there were.
pub(super) fn pump(
    (from, read_at): (&Descriptor<'_>, u64),
    (to, end): (&Descriptor<'_>, &End<'_>),
    len: u64,
    buf: &mut [u8],
) -> Result<u64> {
    let mut done = 0;
    while done < len {
        let want = (len - done).min(buf.len() as u64) as usize;
        let overflow = || Error::from(Errno::EFBIG);
        let at = read_at.checked_add(done).ok_or_else(overflow)?;
        let have = from.read(&mut buf[..want], at)?;
        let at = end.offset.checked_add(done).ok_or_else(overflow)?;
        to.write(&buf[..have], at)
            .map_err(|(error, wrote)| wrote_only(&error, end.path, done + wrote as u64))?;
        done += have as u64;
        if have < want {
            break;
        }
    }
    Ok(done)
}

/// Copies the content of a file over another, which is made if it is missing.
pub(super) fn copy_content(
    task: &Task,
    from: &[u8],
    to: &[u8],
    permissions: u32,
    buf: &mut [u8],
) -> Result<u64> {
    let source = Descriptor::open(task, from, open::O_RDONLY, 0)?;
    let flags = open::O_WRONLY | open::O_CREAT | open::O_TRUNC;
    let target =
        Descriptor::open(task, to, flags, permissions).map_err(|e| crate::cli::failure::at(to)(e))?;
    let end = End { path: to, offset: 0 };
    let done = pump((&source, 0), (&target, &end), u64::MAX, buf)?;
    target.close().map_err(|e| wrote_only(&e, to, done))?;
    Ok(done)
}
