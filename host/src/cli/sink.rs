//! Where output goes: standard output, or a file of the VFS after `>`.

use std::fmt;
use std::io::{self, Stdout, Write};
use std::sync::Arc;

use nxvfs_abi::types::open;

use super::failure::wrote_only;
use crate::Task;
use crate::base::{Errno, Error, Result};

/// Where output goes.
pub(super) enum Sink {
    /// To the reader of the program's standard output.
    Stdout(Stdout),
    /// To a file of the VFS.
    File(FileSink),
}

/// A file of the VFS that takes the output of a command.
pub(super) struct FileSink {
    task: Arc<Task>,
    fd: Option<u32>,
    path: Vec<u8>,
    written: u64,
    /// Why nothing is written any more. It is told once, when the command has ended.
    trouble: Option<Error>,
}

impl FileSink {
    /// Opens the file; it is made if it is missing, and emptied unless the output is put at its end.
    pub(super) fn open(task: &Arc<Task>, path: &[u8], append: bool) -> Result<Self> {
        let how = if append { open::O_APPEND } else { open::O_TRUNC };
        let fd = task.open(path, open::O_WRONLY | open::O_CREAT | how, 0o666)?;
        Ok(Self { task: task.clone(), fd: Some(fd), path: path.to_vec(), written: 0, trouble: None })
    }

    /// Which file it is: volume and inode.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        self.task.fstat(self.fd?).ok().map(|status| (status.dev, status.attr.ino))
    }

    /// Its descriptor.
    pub(super) fn descriptor(&self) -> Option<u32> {
        self.fd
    }

    /// Closes the file. Answers why not everything was written, or a late error of the file system.
    pub(super) fn finish(mut self) -> Result<()> {
        let closed = self.close();
        match self.trouble.take() {
            Some(trouble) => Err(trouble),
            None => closed.map_err(|error| wrote_only(&error, &self.path, self.written)),
        }
    }

    fn close(&mut self) -> Result<()> {
        self.fd.take().map_or(Ok(()), |fd| self.task.close(fd))
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        // Only where the command's end was not reached: nobody is left to tell.
        let _ = self.close();
    }
}

/// Tells a command that it need not go on: the reason is told at its end.
#[derive(Debug)]
pub(super) struct Unwritable;

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the output cannot be written")
    }
}

impl std::error::Error for Unwritable {}

impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let file = match self {
            Self::Stdout(stdout) => return stdout.write(buf),
            Self::File(file) => file,
        };
        if file.trouble.is_none() {
            let fd = file.fd.ok_or_else(|| io::Error::other(Unwritable))?;
            let error = match file.task.write(fd, buf) {
                Ok(0) if !buf.is_empty() => Errno::ENOSPC.into(),
                Ok(wrote) => {
                    file.written += wrote as u64;
                    return Ok(wrote);
                }
                Err(error) => error,
            };
            file.trouble = Some(wrote_only(&error, &file.path, file.written));
        }
        Err(io::Error::other(Unwritable))
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File(_) => Ok(()),
        }
    }
}
