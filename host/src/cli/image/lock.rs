//! The image as a file of the operating system: opened, locked, and where its journal is.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno as System;

use super::get::system;
use super::refusal::ImageError;
use crate::base::Result;

/// An image that this program has locked, as long as the value lives: with others that read, or alone.
pub(super) struct Locked {
    /// The image.
    pub(super) file: File,
    /// Without links, so that all who change it look for the journal in one place.
    pub(super) path: PathBuf,
    /// Whether it is a regular file.
    pub(super) regular: bool,
    /// Its length.
    pub(super) len_bytes: u64,
}

impl Locked {
    /// Opens and locks an image. The lock is advisory (`flock(2)`), the one that the block drivers take too. Errors:
    /// EBUSY somebody else has it; EINVAL it is to be changed and is no regular file; the system's.
    pub(super) fn open(path: &Path, change: bool) -> Result<Self> {
        let path = path.canonicalize().map_err(system(path))?;
        let file = OpenOptions::new().read(true).write(change).open(&path).map_err(system(&path))?;
        let metadata = file.metadata().map_err(system(&path))?;
        let regular = metadata.is_file();
        if change && !regular {
            return Err(ImageError::NotRegular { path: path.display().to_string() }.into());
        }
        let (operation, how) = match change {
            true => (FlockOperation::NonBlockingLockExclusive, "exclusive"),
            false => (FlockOperation::NonBlockingLockShared, "shared"),
        };
        match flock(&file, operation) {
            Ok(()) => {}
            Err(System::AGAIN) => {
                return Err(ImageError::InUse { path: path.display().to_string(), how }.into());
            }
            Err(e) => log::warn!("{}: cannot be locked: {e}", path.display()),
        }
        Ok(Self { file, path, regular, len_bytes: metadata.len() })
    }

    /// Where a change is gathered.
    pub(super) fn journal(&self) -> PathBuf {
        journal_of(&self.path)
    }
}

/// The journal of an image: beside it, so that it moves to the same medium.
pub(super) fn journal_of(image: &Path) -> PathBuf {
    let mut name = OsString::from(image.as_os_str());
    name.push(".nxvfs-journal");
    name.into()
}
