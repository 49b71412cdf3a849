//! Opening an image file: what is refused, how it is locked, and that its space on the disk exists.

use std::fs::{File, FileType, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nxvfs_sdk::{Errno, Fail, Result};
use rustix::fs::{FallocateFlags, FlockOperation, Mode, OFlags, fallocate, flock, open};

use crate::config::Access;

/// An opened image. The lock lasts as long as a descriptor of this opening, a duplicate too.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) file: File,
    /// Not 0.
    pub(crate) len_bytes: u64,
}

impl Image {
    /// Opens a regular file and locks it: alone if it will be written, with other readers if not. Errors: EINVAL what
    /// is no regular file, or empty; EISDIR, EBUSY locked by another; what opening a file answers.
    pub(crate) fn open(path: &Path, access: Access) -> Result<Self> {
        // Looked at before it is opened, because opening a device may do something, and after, because the path may
        // lead elsewhere by then. Not to wait keeps a FIFO that was slipped in from blocking.
        regular(path, &std::fs::metadata(path).map_err(|error| cannot_open(path, access, error.into()))?)?;
        let direction = if access == Access::Shared { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = direction | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file =
            open(path, flags, Mode::empty()).map_err(|error| cannot_open(path, access, error.into()))?;
        let file = File::from(file);
        lock(&file, path, access)?;
        // The length is asked for under the lock.
        let metadata = file.metadata()?;
        regular(path, &metadata)?;
        if metadata.len() == 0 {
            return Err(Fail::new(Errno::EINVAL, "image is empty")
                .place(path.display())
                .expected("1 byte or more")
                .found("0 bytes")
                .remedy("leave image= away and give sectors= for an empty disk"));
        }
        if access == Access::Shared {
            allocate(&file, path, &metadata)?;
        }
        Ok(Self { file, len_bytes: metadata.len() })
    }
}

/// Says why an image cannot be opened.
fn cannot_open(path: &Path, access: Access, fail: Fail) -> Fail {
    let errno = fail.errno();
    let fail = Fail::new(errno, "image cannot be opened").place(path.display()).found(errno.text());
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::ENAMETOOLONG => {
            fail.remedy("is the path right? It is one of the operating system, not of the VFS")
        }
        Errno::EACCES | Errno::EPERM | Errno::EROFS if access == Access::Shared => {
            fail.remedy("shared=y must write to the file; ro=y only reads it")
        }
        Errno::EACCES => fail.remedy("permit this user to read the file"),
        _ => fail,
    }
}

/// Refuses everything but a regular file.
fn regular(path: &Path, metadata: &Metadata) -> Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = metadata.file_type();
    let errno = if kind.is_dir() { Errno::EISDIR } else { Errno::EINVAL };
    Err(Fail::new(errno, "image is not a regular file")
        .place(path.display())
        .expected("a regular file")
        .found(name_of(kind))
        .remedy("copy what you need into a file, and name that"))
}

fn name_of(kind: FileType) -> &'static str {
    match () {
        () if kind.is_dir() => "a directory",
        () if kind.is_block_device() => "a block device",
        () if kind.is_char_device() => "a character device",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "something else",
    }
}

/// Locks the file against other RAM disks, of this process or another, and whoever else uses `flock`: one that writes
/// excludes all others.
fn lock(file: &File, path: &Path, access: Access) -> Result<()> {
    let (operation, found, remedy) = match access {
        Access::Shared => (
            FlockOperation::NonBlockingLockExclusive,
            "a lock of another user of the file",
            "detach the other device; only one may write to an image",
        ),
        Access::Private | Access::ReadOnly => (
            FlockOperation::NonBlockingLockShared,
            "a lock of another that writes to the file",
            "detach the device that has it with shared=y, or copy the file first",
        ),
    };
    match flock(file, operation) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(Fail::new(Errno::EBUSY, "image is in use").place(path.display()).found(found).remedy(remedy))
        }
        Err(error) => {
            log::warn!("{}: cannot be locked, so nothing keeps others from it: {error}", path.display());
            Ok(())
        }
    }
}

/// Gives a file with holes all its space now: a store into a hole of a mapped file, on a full disk, would be a bus
/// error, which no caller can handle. Content and length stay. Errors: ENOSPC, EDQUOT.
fn allocate(file: &File, path: &Path, metadata: &Metadata) -> Result<()> {
    // A block of `blocks` is 512 bytes on every file system.
    if metadata.blocks() >= metadata.len().div_ceil(512) {
        return Ok(());
    }
    log::info!("{}: has holes; all of its {} bytes are allocated now", path.display(), metadata.len());
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, metadata.len()) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error @ (rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT)) => {
                return Err(Fail::new(Fail::from(error).errno(), "no space to write the whole image")
                    .place(path.display())
                    .expected(format_args!("{} bytes allocated", metadata.len()))
                    .found(format_args!("{} bytes", metadata.blocks().saturating_mul(512)))
                    .remedy("free space on its disk, or leave shared away for a private copy in memory"));
            }
            Err(error) => {
                log::warn!("{}: cannot be allocated: {error}; keep space free on its disk", path.display());
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_missing_file_is_told_with_its_path() {
        let fail = Image::open(Path::new("/nowhere/disk.img"), Access::Private).unwrap_err();
        assert_eq!(
            fail.to_string(),
            "image cannot be opened: /nowhere/disk.img: found no such file or directory; is the path right? It is \
             one of the operating system, not of the VFS (ENOENT)"
        );
    }

    #[test]
    fn a_forbidden_file_is_told_with_what_was_wanted() {
        let denied = || Fail::from(Errno::EACCES);
        let path = Path::new("disk.img");
        assert_eq!(
            cannot_open(path, Access::Shared, denied()).to_string(),
            "image cannot be opened: disk.img: found permission denied; shared=y must write to the file; ro=y only \
             reads it (EACCES)"
        );
        assert_eq!(
            cannot_open(path, Access::Private, denied()).to_string(),
            "image cannot be opened: disk.img: found permission denied; permit this user to read the file (EACCES)"
        );
        // The system's own answer, which the superuser never gets.
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o000)).unwrap();
        if File::open(file.path()).is_err() {
            assert_eq!(Image::open(file.path(), Access::Private).unwrap_err().errno(), Errno::EACCES);
        }
    }

    #[test]
    fn only_regular_files_are_images() {
        let dir = tempfile::tempdir().unwrap();
        let (fifo, socket) = (dir.path().join("fifo"), dir.path().join("socket"));
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, Mode::RWXU, 0).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, errno, found) in [
            (dir.path(), Errno::EISDIR, "a directory"),
            (&fifo, Errno::EINVAL, "a FIFO"),
            (&socket, Errno::EINVAL, "a socket"),
            (Path::new("/dev/null"), Errno::EINVAL, "a character device"),
        ] {
            for access in [Access::Private, Access::ReadOnly, Access::Shared] {
                let fail = Image::open(path, access).unwrap_err();
                assert_eq!(fail.errno(), errno);
                let sentence = format!("image is not a regular file: {}: found {found}", path.display());
                assert!(fail.to_string().starts_with(&sentence), "{fail}");
            }
        }
    }

    #[test]
    fn an_empty_file_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for access in [Access::Private, Access::ReadOnly, Access::Shared] {
            let fail = Image::open(file.path(), access).unwrap_err();
            assert_eq!(fail.errno(), Errno::EINVAL);
            assert!(fail.to_string().contains("image is empty"), "{fail}");
        }
    }

    #[test]
    fn holes_of_a_shared_image_are_filled_and_its_length_stays() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        drop(Image::open(file.path(), Access::ReadOnly).unwrap());
        let before = file.as_file().metadata().unwrap();
        let image = Image::open(file.path(), Access::Shared).unwrap();
        let after = file.as_file().metadata().unwrap();
        assert_eq!((image.len_bytes, after.len()), (1 << 20, 1 << 20));
        // Where the file system of the test has no holes there was nothing to do.
        assert!(before.blocks() <= after.blocks());
        assert!(after.blocks() >= 2048, "{} blocks of 512 bytes", after.blocks());
    }
}
