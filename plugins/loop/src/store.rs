//! The file below a device: one of the operating system, or one of the VFS, reached through the host.

use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::FileExt;

use nxvfs_sdk::{Errno, Fail, Result, VfsFile};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno as OsErrno;

use crate::backing::{Backing, Kind};
use crate::config::{Access, Config};

/// How far behind the end of the file a hole is tried: so far that nobody makes the file grow there meanwhile.
const TRIAL_DISTANCE_BYTES: u64 = 1 << 30;

/// An opened file.
pub(crate) enum Store {
    /// Of the operating system, locked.
    Os { file: File, kind: Kind },
    /// Of the VFS, where the host sees to it that no two devices write it.
    Vfs(VfsFile),
}

/// What became of a transfer, as far as it matters to the medium.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The file ends before.
    End,
    /// It cannot be done with this file.
    Unsupported,
    /// Anything else: an errno of the contract, and the file's own words.
    Failed(Errno, String),
}

impl Trouble {
    /// The errno, and what was found.
    pub(crate) fn told(self) -> (Errno, String) {
        match self {
            Self::End => (Errno::EIO, "the end of the file".to_owned()),
            Self::Unsupported => (Errno::EIO, "a file that does not offer it".to_owned()),
            Self::Failed(errno, words) => (errno, words),
        }
    }
}

impl Store {
    /// Opens what `config` names. Answers its length and whether it may be written. Errors: as [`Backing::open`]; of a
    /// file of the VFS that may not be written and must, EROFS.
    pub(crate) fn open(config: &mut Config) -> Result<(Self, u64, bool)> {
        let Some(vfs) = config.vfs.take() else {
            let Backing { file, kind, len_bytes, writable } = Backing::open(&config.path, config.access)?;
            return Ok((Self::Os { file, kind }, len_bytes, writable));
        };
        let (len_bytes, permitted) = (vfs.len_bytes()?, vfs.writable()?);
        if config.access == Access::Writable && !permitted {
            return Err(Fail::new(Errno::EROFS, "file cannot be opened")
                .place(config.path.display())
                .found("a file of the VFS that cannot be written")
                .remedy("ro=n must write to the file; leave ro away to read it only"));
        }
        Ok((Self::Vfs(vfs), len_bytes, permitted && config.access != Access::ReadOnly))
    }

    pub(crate) fn read(&self, buf: &mut [u8], offset: u64) -> std::result::Result<(), Trouble> {
        match self {
            Self::Os { file, .. } => file.read_exact_at(buf, offset).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => Trouble::End,
                _ => Trouble::Failed(Errno::EIO, error.to_string()),
            }),
            Self::Vfs(file) => {
                let mut done = 0;
                while done < buf.len() {
                    match file.read_at(offset + done as u64, &mut buf[done..]) {
                        Ok(0) => return Err(Trouble::End),
                        Ok(len) => done += len,
                        Err(fail) => return Err(Trouble::Failed(Errno::EIO, fail.errno().text().to_owned())),
                    }
                }
                Ok(())
            }
        }
    }

    pub(crate) fn write(&self, buf: &[u8], offset: u64) -> std::result::Result<(), Trouble> {
        match self {
            Self::Os { file, .. } => file.write_all_at(buf, offset).map_err(|error| of_write(&error)),
            Self::Vfs(file) => {
                let mut done = 0;
                while done < buf.len() {
                    match file.write_at(offset + done as u64, &buf[done..]) {
                        // A file that takes nothing and says nothing would be asked for ever.
                        Ok(0) => return Err(Trouble::Failed(Errno::ENOSPC, "nothing was taken".to_owned())),
                        Ok(len) => done += len,
                        Err(fail) => return Err(of_vfs_write(&fail)),
                    }
                }
                Ok(())
            }
        }
    }

    /// Brings everything written to the medium below the file.
    pub(crate) fn flush(&self) -> std::result::Result<(), Trouble> {
        match self {
            Self::Os { file, .. } => file.sync_data().map_err(|error| of_write(&error)),
            Self::Vfs(file) => file.sync(true).map_err(|fail| of_vfs_write(&fail)),
        }
    }

    /// Makes a hole; the file's length stays.
    pub(crate) fn punch(&self, offset: u64, len: u64) -> std::result::Result<(), Trouble> {
        match self {
            Self::Os { file, .. } => match punch(file, offset, len) {
                Ok(()) => Ok(()),
                // EINVAL: a block device whose own sectors are larger than ours.
                Err(OsErrno::OPNOTSUPP | OsErrno::NOSYS | OsErrno::INVAL) => Err(Trouble::Unsupported),
                Err(error) => Err(of_write(&error.into())),
            },
            Self::Vfs(file) => match file.discard(offset, len) {
                Err(fail) if fail.errno() == Errno::ENOTSUP => Err(Trouble::Unsupported),
                done => done.map_err(|fail| of_vfs_write(&fail)),
            },
        }
    }

    /// Whether holes can be made everywhere. A block device may refuse some ranges and not others, and a file of the
    /// VFS is not tried, so these never promise zeroes.
    pub(crate) fn punches(&self) -> bool {
        let Self::Os { file, kind: Kind::File } = self else { return false };
        let behind = file.metadata().ok().and_then(|m| m.len().checked_add(TRIAL_DISTANCE_BYTES));
        behind.is_some_and(|offset| punch(file, offset, 1).is_ok())
    }
}

fn punch(file: &File, offset_bytes: u64, len_bytes: u64) -> rustix::io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::io::retry_on_intr(|| fallocate(file, flags, offset_bytes, len_bytes))
}

/// What the operating system answers to a write, with an errno of the contract.
fn of_write(error: &Error) -> Trouble {
    let errno = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Errno::ENOSPC,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Errno::EROFS,
        _ => Errno::EIO,
    };
    Trouble::Failed(errno, error.to_string())
}

/// What the VFS answers to a write, likewise.
fn of_vfs_write(fail: &Fail) -> Trouble {
    let errno = match fail.errno() {
        Errno::ENOSPC | Errno::EFBIG => Errno::ENOSPC,
        Errno::EROFS | Errno::EACCES | Errno::EPERM => Errno::EROFS,
        _ => Errno::EIO,
    };
    Trouble::Failed(errno, fail.errno().text().to_owned())
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
            assert!(matches!(of_write(&os.into()), Trouble::Failed(e, _) if e == errno), "{os}");
        }
        for (vfs, errno) in [
            (Errno::ENOSPC, Errno::ENOSPC),
            (Errno::EFBIG, Errno::ENOSPC),
            (Errno::EROFS, Errno::EROFS),
            (Errno::EACCES, Errno::EROFS),
            (Errno::ESTALE, Errno::EIO),
        ] {
            assert!(matches!(of_vfs_write(&vfs.into()), Trouble::Failed(e, _) if e == errno), "{vfs:?}");
        }
    }
}
