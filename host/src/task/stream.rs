//! Open files with the traits of `std::io`, for `BufReader`, `BufWriter` and all that reads and writes.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use super::Task;
use crate::base::{Error, Result};
use crate::file::{PollFd, Whence};

/// An open file of a task. Dropping it closes its descriptor, and loses late errors; [`File::close`] tells them. Each
/// failure is an [`io::Error`] whose `raw_os_error` is the errno.
pub struct File<'t> {
    task: &'t Task,
    /// `None`: it was given away.
    fd: Option<u32>,
}

impl Task {
    /// Opens a file as a stream. Errors: as [`Task::open`].
    pub fn open_file(&self, path: impl AsRef<[u8]>, flags: u32, permissions: u32) -> Result<File<'_>> {
        Ok(File { task: self, fd: Some(self.open(path, flags, permissions)?) })
    }

    /// A stream over a descriptor, which is the stream's from here on. POSIX `fdopen`: EBADF.
    pub fn stream(&self, fd: u32) -> Result<File<'_>> {
        self.file(fd)?;
        Ok(File { task: self, fd: Some(fd) })
    }
}

impl File<'_> {
    /// The descriptor. POSIX `fileno`.
    pub fn fd(&self) -> u32 {
        // It is given away only with the stream.
        self.fd.unwrap_or(u32::MAX)
    }

    /// Gives the descriptor away.
    pub fn into_fd(mut self) -> u32 {
        self.fd.take().unwrap_or(u32::MAX)
    }

    /// Closes it. Errors: as [`Task::close`].
    pub fn close(self) -> Result<()> {
        let task = self.task;
        task.close(self.into_fd())
    }

    /// Waits for events of the file; answers those that are true, none after the time. Errors: as [`Task::poll`].
    pub fn poll(&self, events: u32, timeout: Option<Duration>) -> Result<u32> {
        let mut fds = [PollFd::new(self.fd(), events)];
        self.task.poll(&mut fds, timeout)?;
        Ok(fds[0].revents)
    }
}

impl Drop for File<'_> {
    fn drop(&mut self) {
        if let Some(fd) = self.fd.take() {
            // Nobody is left to tell.
            let _ = self.task.close(fd);
        }
    }
}

impl fmt::Debug for File<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("File").field(&self.fd()).finish()
    }
}

fn io_error(error: Error) -> io::Error {
    io::Error::from_raw_os_error(error.errno().get())
}

impl Read for File<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.task.read(self.fd(), buf).map_err(io_error)
    }
}

impl Write for File<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.task.write(self.fd(), buf).map_err(io_error)
    }

    /// Nothing is gathered here.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (offset, whence) = match to {
            SeekFrom::Start(offset) => (i64::try_from(offset).map_err(io::Error::other)?, Whence::Set),
            SeekFrom::Current(offset) => (offset, Whence::Current),
            SeekFrom::End(offset) => (offset, Whence::End),
        };
        self.task.lseek(self.fd(), offset, whence).map_err(io_error)
    }
}
