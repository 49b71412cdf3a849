//! Opening the file behind a device: what is refused, how it is locked, and when reading alone is enough.

use std::fs::{File, FileType, Metadata};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nxvfs_sdk::{Errno, Fail, Result};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};

use crate::config::Access;

/// What an opened path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A block device of the operating system.
    Device,
}

/// An opened and locked file. The lock lasts as long as the descriptor.
#[derive(Debug)]
pub(crate) struct Backing {
    pub(crate) file: File,
    pub(crate) kind: Kind,
    pub(crate) len_bytes: u64,
    pub(crate) writable: bool,
}

impl Backing {
    /// Opens a file and locks it: alone if it will be written, with other readers if not. Errors: EINVAL what is
    /// neither a regular file nor a block device; EISDIR, EBUSY locked by another; what opening a file answers.
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self> {
        // Looked at before it is opened, because opening a character device may do something, and after, because the
        // path may lead elsewhere by then. Not to wait keeps a FIFO that was slipped in from blocking.
        let metadata = std::fs::metadata(path).map_err(|error| cannot_open(path, access, error.into()))?;
        kind(path, &metadata)?;
        let (mut file, writable) = open_as(path, access, &metadata)?;
        let kind = kind(path, &file.metadata()?)?;
        lock(&file, path, writable)?;
        // The length is asked for under the lock; a block device tells it by its end only.
        let len_bytes =
            file.seek(SeekFrom::End(0)).map_err(|error| cannot_open(path, access, error.into()))?;
        Ok(Self { file, kind, len_bytes, writable })
    }
}

/// Opens for writing, if that is wanted and permitted, or else for reading. Answers which it was.
fn open_as(path: &Path, access: Access, metadata: &Metadata) -> Result<(File, bool)> {
    let flags = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    if access != Access::ReadOnly {
        match open_writable(path, flags, metadata) {
            Ok(file) => return Ok((file, true)),
            Err(error) => {
                let fail = Fail::from(error);
                if !access.falls_back(fail.errno()) {
                    return Err(cannot_open(path, access, fail));
                }
                log::warn!("{}: opened read-only, because it cannot be written: {error}", path.display());
            }
        }
    }
    let file = open(path, flags | OFlags::RDONLY, Mode::empty());
    Ok((file.map_err(|error| cannot_open(path, access, error.into()))?.into(), false))
}

/// Linux gives a block device alone to whoever asks, unless it is mounted: nobody writes below a file system. It also
/// opens a read-only device for writing, and refuses the writes: so that is asked for first.
fn open_writable(path: &Path, mut flags: OFlags, metadata: &Metadata) -> rustix::io::Result<File> {
    if metadata.file_type().is_block_device() {
        let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        let read_only = std::fs::read(format!("/sys/dev/block/{major}:{minor}/ro"));
        if read_only.is_ok_and(|text| text.starts_with(b"1")) {
            return Err(rustix::io::Errno::ROFS);
        }
        flags |= OFlags::EXCL;
    }
    Ok(open(path, flags | OFlags::RDWR, Mode::empty())?.into())
}

/// Says why a file cannot be opened.
fn cannot_open(path: &Path, access: Access, fail: Fail) -> Fail {
    let errno = fail.errno();
    let fail = Fail::new(errno, "file cannot be opened").place(path.display()).found(errno.text());
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG => {
            fail.remedy("is the path right? It is one of the operating system, not of the VFS")
        }
        Errno::EACCES | Errno::EPERM | Errno::EROFS if access == Access::Writable => {
            fail.remedy("ro=n must write to the file; leave ro away to read it only")
        }
        Errno::EACCES => fail.remedy("permit this user to read the file"),
        Errno::EBUSY => {
            fail.remedy("the system or another program uses the device; unmount it there, or give ro=y")
        }
        _ => fail,
    }
}

/// Refuses everything but a regular file and a block device.
fn kind(path: &Path, metadata: &Metadata) -> Result<Kind> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(Kind::File);
    }
    if kind.is_block_device() {
        return Ok(Kind::Device);
    }
    let errno = if kind.is_dir() { Errno::EISDIR } else { Errno::EINVAL };
    Err(Fail::new(errno, "file cannot be a medium")
        .place(path.display())
        .expected("a regular file or a block device")
        .found(name_of(kind))
        .remedy("copy what you need into a file, and name that"))
}

fn name_of(kind: FileType) -> &'static str {
    match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_char_device() => "a character device",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "something else",
    }
}

/// Locks the file against other devices, of this process or another, and whoever else uses `flock`: one that writes
/// excludes all others.
fn lock(file: &File, path: &Path, writable: bool) -> Result<()> {
    let (operation, found, remedy) = if writable {
        (
            FlockOperation::NonBlockingLockExclusive,
            "a lock of another user of the file",
            "detach the other device; or, if none of them writes, give ro=y to all",
        )
    } else {
        (
            FlockOperation::NonBlockingLockShared,
            "a lock of another that writes to the file",
            "detach the device that writes, or copy the file first",
        )
    };
    match flock(file, operation) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(Fail::new(Errno::EBUSY, "file is in use").place(path.display()).found(found).remedy(remedy))
        }
        Err(error) => {
            log::warn!("{}: cannot be locked, so nothing keeps others from it: {error}", path.display());
            Ok(())
        }
    }
}
