//! The sectors of a file, and what can be done with them.

use std::fmt;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;

use nxvfs_sdk::abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_DISCARD_ZEROES, GEOMETRY_WRITABLE};
use nxvfs_sdk::{Errno, Fail, Geometry, Grow, Result};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno as OsErrno;

use crate::backing::{Backing, Kind};
use crate::config::Config;
use crate::window::Window;

/// How far behind the end of the file a hole is tried: so far that nobody makes the file grow there meanwhile.
const TRIAL_DISTANCE_BYTES: u64 = 1 << 30;

/// An opened file, divided into sectors.
pub(crate) struct Medium {
    path: PathBuf,
    file: File,
    kind: Kind,
    window: Window,
    writable: bool,
    /// Whether discarded sectors are sure to read as zeroes; tried at the first question.
    punches: OnceLock<bool>,
}

impl Medium {
    /// Opens the file that `config` names. After a failure nothing is held. Errors: as [`Backing::open`] and
    /// [`Window::new`].
    pub(crate) fn new(config: Config) -> Result<Self> {
        let Backing { file, kind, len_bytes, writable } = Backing::open(&config.path, config.access)?;
        let window = Window::new(&config, len_bytes)?;
        Ok(Self { path: config.path, file, kind, window, writable, punches: OnceLock::new() })
    }

    pub(crate) fn window(&self) -> Window {
        self.window
    }

    pub(crate) fn geometry(&self) -> Geometry {
        let mut flags = GEOMETRY_AVAILABLE;
        if self.writable {
            flags |= GEOMETRY_WRITABLE;
        }
        if self.punches() {
            flags |= GEOMETRY_DISCARD_ZEROES;
        }
        Geometry {
            flags,
            sector_size_bytes: self.window.sector_size_bytes(),
            sector_count: self.window.sector_count(),
            ..Grow::empty()
        }
    }

    pub(crate) fn read(&self, start_sector: u64, buf: &mut [u8]) -> Result<()> {
        let offset = self.window.offset_bytes(start_sector, self.window.sectors_of(buf.len())?)?;
        self.file.read_exact_at(buf, offset).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Fail::new(Errno::EIO, "file ends before the medium does")
                .place(format_args!("{}, from byte {offset} on", self.path.display()))
                .expected(format_args!("{} bytes", buf.len()))
                .found("fewer")
                .remedy("was it cut after it was attached? Restore its length, or detach the device"),
            _ => self.failed(Errno::EIO, "sectors cannot be read", offset, &error),
        })
    }

    pub(crate) fn write(&self, start_sector: u64, buf: &[u8]) -> Result<()> {
        self.must_be_writable()?;
        let offset = self.window.offset_bytes(start_sector, self.window.sectors_of(buf.len())?)?;
        self.file
            .write_all_at(buf, offset)
            .map_err(|error| self.failed(errno_of_write(&error), "sectors cannot be written", offset, &error))
    }

    /// Makes a hole, which reads as zeroes and takes no space. Where that cannot be done, nothing happens.
    pub(crate) fn discard(&self, start_sector: u64, sector_count: u64) -> Result<()> {
        self.must_be_writable()?;
        let offset = self.window.offset_bytes(start_sector, sector_count)?;
        if sector_count == 0 {
            return Ok(());
        }
        // The range lies in the file.
        let len = sector_count * u64::from(self.window.sector_size_bytes());
        match punch(&self.file, offset, len) {
            Ok(()) => Ok(()),
            // EINVAL: a block device whose own sectors are larger than ours.
            Err(OsErrno::OPNOTSUPP | OsErrno::NOSYS | OsErrno::INVAL) if !self.punches() => Ok(()),
            Err(error) => {
                let error = Error::from(error);
                Err(self.failed(errno_of_write(&error), "sectors cannot be discarded", offset, &error))
            }
        }
    }

    /// Brings everything written to the medium below the file.
    pub(crate) fn flush(&self) -> Result<()> {
        if !self.writable {
            return Ok(());
        }
        self.file.sync_data().map_err(|error| {
            Fail::new(errno_of_write(&error), "changes did not reach the file")
                .place(self.path.display())
                .found(error)
                .remedy("what was written since the last flush may be lost")
        })
    }

    /// Whether holes can be made. A block device may refuse some ranges and not others, so it never promises zeroes.
    fn punches(&self) -> bool {
        *self.punches.get_or_init(|| {
            let behind = || self.file.metadata().ok()?.len().checked_add(TRIAL_DISTANCE_BYTES);
            let tried = || behind().is_some_and(|offset| punch(&self.file, offset, 1).is_ok());
            self.writable && self.kind == Kind::File && tried()
        })
    }

    fn must_be_writable(&self) -> Result<()> {
        if self.writable {
            return Ok(());
        }
        Err(Fail::new(Errno::EROFS, "loop device is read-only")
            .place(self.path.display())
            .remedy("attach it without ro=y; does the file permit writing?"))
    }

    fn failed(&self, errno: Errno, what: &str, offset_bytes: u64, error: &Error) -> Fail {
        Fail::new(errno, what)
            .place(format_args!("{}, from byte {offset_bytes} on", self.path.display()))
            .found(error)
    }
}

/// Makes a hole; the file's length stays.
fn punch(file: &File, offset_bytes: u64, len_bytes: u64) -> rustix::io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::io::retry_on_intr(|| fallocate(file, flags, offset_bytes, len_bytes))
}

/// The errno of the contract for what the operating system answers to a write.
fn errno_of_write(error: &Error) -> Errno {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Errno::ENOSPC,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Errno::EROFS,
        _ => Errno::EIO,
    }
}

impl fmt::Display for Medium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, size) = (self.window.sector_count(), self.window.sector_size_bytes());
        write!(f, "{count} sectors of {size} bytes in {}", self.path.display())?;
        if self.window.start_bytes() != 0 {
            write!(f, " from byte {} on", self.window.start_bytes())?;
        }
        if self.writable { Ok(()) } else { f.write_str(", read-only") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_answers_an_errno_of_the_contract() {
        for (os, errno) in [
            (OsErrno::NOSPC, Errno::ENOSPC),
            (OsErrno::DQUOT, Errno::ENOSPC),
            (OsErrno::FBIG, Errno::ENOSPC),
            (OsErrno::ROFS, Errno::EROFS),
            (OsErrno::PERM, Errno::EROFS),
            (OsErrno::IO, Errno::EIO),
            (OsErrno::NOMEM, Errno::EIO),
            (OsErrno::INVAL, Errno::EIO),
        ] {
            assert_eq!(errno_of_write(&os.into()), errno, "{os}");
        }
    }
}
