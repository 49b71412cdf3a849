//! Pipes and FIFOs.

use nxvfs_abi::ioctl::{PIPEIOC_GETSIZE, PIPEIOC_SETSIZE};
use nxvfs_abi::types::{mode, open};

use super::Task;
use crate::base::sync::Arc;
use crate::base::{Errno, Error, Result};
use crate::device::{Fifo, Pipe};
use crate::file::OpenFile;

impl Task {
    /// Makes a pipe and answers the descriptors of its reading and its writing end. POSIX `pipe2`; `flags` are
    /// `O_NONBLOCK` and `O_CLOEXEC`. Errors: EINVAL other flags, EMFILE.
    pub fn pipe2(&self, flags: u32) -> Result<(u32, u32)> {
        if flags & !(open::O_NONBLOCK | open::O_CLOEXEC) != 0 {
            return Err(Errno::EINVAL.into());
        }
        let pipe = Arc::new(Pipe::default());
        let dentry = self.host.tree().anonymous(&self.caller, "pipe", Arc::new(Fifo(pipe.clone())), 0o600);
        let (reads, writes) = pipe.ends();
        let cloexec = flags & open::O_CLOEXEC != 0;
        let reads = self.install(OpenFile::over(dentry.clone(), flags | open::O_RDONLY, reads), cloexec)?;
        match self.install(OpenFile::over(dentry, flags | open::O_WRONLY, writes), cloexec) {
            Ok(writes) => Ok((reads, writes)),
            Err(e) => {
                let _ = self.close(reads);
                Err(e)
            }
        }
    }

    /// Makes a FIFO, in a volume or in the host's own tree. POSIX `mkfifo`.
    pub fn mkfifo(&self, path: impl AsRef<[u8]>, permissions: u32) -> Result<()> {
        self.mknod(path, mode::S_IFIFO | permissions & 0o7777, 0)
    }

    /// How many bytes a pipe holds. Linux `fcntl(F_GETPIPE_SZ)`: EBADF no pipe.
    pub fn pipe_size(&self, fd: u32) -> Result<usize> {
        self.pipe_command(fd, PIPEIOC_GETSIZE, &mut [])
    }

    /// Sets how many bytes a pipe holds, rounded up; answers what it became. Linux `fcntl(F_SETPIPE_SZ)`: EBADF no pipe,
    /// EBUSY it holds more, EINVAL 0 or too much, EPERM more than a user may have.
    pub fn set_pipe_size(&self, fd: u32, size_bytes: usize) -> Result<usize> {
        self.pipe_command(fd, PIPEIOC_SETSIZE, &mut size_bytes.to_ne_bytes())
    }

    fn pipe_command(&self, fd: u32, command: u32, arg: &mut [u8]) -> Result<usize> {
        let file = self.descriptors.get(fd)?;
        let stream = file.stream().ok_or(Errno::EBADF)?;
        let answer = stream.ioctl(&self.caller.ctx(), command, arg).map_err(|e| match e.errno() {
            Errno::ENOTTY => Error::from(Errno::EBADF),
            _ => e,
        })?;
        usize::try_from(answer).map_err(|_| Errno::EOVERFLOW.into())
    }
}
