//! Files in memory that nobody can change any more: what was checked is what runs.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::fcntl_dupfd_cloexec;

use super::Result;

/// The first number that is no standard stream's.
const FIRST_OWN: RawFd = 3;

/// A file in memory, filled once and then sealed; it may be executed. It is closed on execution. Errors: those of
/// filling it, ENOMEM, EMFILE.
pub fn sealed(name: &str, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // A kernel before 6.3 does not know EXEC and needs none.
    let fd = memfd_create(name, flags | MemfdFlags::EXEC).or_else(|_| memfd_create(name, flags))?;
    // Where a standard stream was closed its number would be this one's, and the next that is put there would take it away.
    let fd = if fd.as_raw_fd() < FIRST_OWN { fcntl_dupfd_cloexec(&fd, FIRST_OWN)? } else { fd };
    let mut file = File::from(fd);
    fill(&mut file)?;
    file.flush()?;
    let fd = OwnedFd::from(file);
    // Nothing maps the copy writable, so forbidding future writes forbids all. The older WRITE is refused now and then,
    // while the kernel still holds a page of what was just written; kernels before 5.1 know nothing else.
    let rest = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&fd, SealFlags::FUTURE_WRITE | rest)
        .or_else(|_| fcntl_add_seals(&fd, SealFlags::WRITE | rest))?;
    Ok(fd)
}
