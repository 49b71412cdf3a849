//! The calls of the operating system that look for names, and what they tell of an inode.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nxvfs_sdk::{Attr, Errno, Fail, Grow, Result, Timespec};
use rustix::fs::{
    AtFlags, Mode, OFlags, ResolveFlags, Statx, StatxFlags, StatxTimestamp, open, openat, openat2, statx,
};

/// Which file an inode is. The time of its birth is another one if the number is given to another file; file systems that
/// do not tell it have zero there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: (u32, u32),
    ino: u64,
    birth: (i64, u32),
}

/// What the operating system tells of an inode.
pub(crate) struct Told {
    pub(crate) identity: Identity,
    pub(crate) attr: Attr,
}

/// How names are looked for.
pub(crate) struct Beneath {
    resolve: ResolveFlags,
    /// `/proc/self/fd`, where a descriptor of this process's can be opened again.
    descriptors: OwnedFd,
    /// The device of the folder.
    device: (u32, u32),
}

/// A name as the operating system takes it. The host has refused what is none; a slash or a NUL would be another path.
pub(crate) fn plain(name: &[u8]) -> Result<&OsStr> {
    match name {
        b"" | b"." | b".." => Err(Errno::EINVAL.into()),
        _ if name.len() > 255 => Err(Errno::ENAMETOOLONG.into()),
        _ if name.iter().any(|byte| matches!(byte, 0 | b'/')) => Err(Errno::EINVAL.into()),
        _ => Ok(OsStr::from_bytes(name)),
    }
}

impl Beneath {
    /// Opens the folder. Errors: those of opening it; ENOTDIR; ENOTSUP where the operating system lacks what is needed.
    pub(crate) fn new(path: &Path, xdev: bool) -> Result<(Self, OwnedFd)> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let cannot = |error: rustix::io::Errno| {
            let fail = Fail::from(error);
            let errno = fail.errno();
            Fail::new(errno, "the folder cannot be opened").place(path.display()).found(errno.text()).remedy(
                "is the path right? It is one of the operating system, and begins at the program's working directory",
            )
        };
        let folder = open(path, flags, Mode::empty()).map_err(cannot)?;
        let descriptors = open("/proc/self/fd", flags, Mode::empty()).map_err(|_| {
            Fail::new(Errno::ENOTSUP, "/proc is needed, to open files by their descriptors")
                .place("/proc/self/fd")
                .remedy("mount it: mount -t proc proc /proc")
        })?;
        let no_xdev = if xdev { ResolveFlags::empty() } else { ResolveFlags::NO_XDEV };
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS | no_xdev;
        openat2(&folder, ".", flags, Mode::empty(), resolve).map_err(|error| {
            Fail::new(Errno::ENOTSUP, "openat2 is needed, to stay below the folder")
                .found(error)
                .remedy("use Linux 5.6 or newer, and a sandbox that permits the call")
        })?;
        let mut beneath = Self { resolve, descriptors, device: (0, 0) };
        beneath.device = beneath.tell(&folder)?.identity.device;
        Ok((beneath, folder))
    }

    /// Finds a name in a directory, without opening what it leads to. Errors: ENOENT, EXDEV a mount point.
    pub(crate) fn find(&self, dir: impl AsFd, name: &[u8]) -> Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat2(dir, plain(name)?, flags, Mode::empty(), self.resolve).map_err(|error| match error {
            rustix::io::Errno::XDEV => Fail::new(Errno::EXDEV, "another volume is mounted there")
                .place(name.escape_ascii())
                .remedy("mount with -o xdev to go into it"),
            _ => error.into(),
        })
    }

    /// Makes a regular file and opens it. Errors: EEXIST.
    pub(crate) fn make(&self, dir: impl AsFd, name: &[u8], mode: u32) -> Result<OwnedFd> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode & 0o7777);
        Ok(openat2(dir, plain(name)?, flags, mode, self.resolve)?)
    }

    /// Opens the inode of a descriptor. Only for regular files and directories.
    pub(crate) fn open(&self, handle: impl AsFd, flags: OFlags) -> Result<OwnedFd> {
        let number = handle.as_fd().as_raw_fd().to_string();
        Ok(openat(&self.descriptors, number, flags | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())?)
    }

    /// Does something with the path by which a descriptor's inode is reached: a directory and a name in it, to be followed.
    pub(crate) fn by_path<R>(
        &self,
        handle: impl AsFd,
        act: impl FnOnce(&OwnedFd, &str) -> rustix::io::Result<R>,
    ) -> Result<R> {
        Ok(act(&self.descriptors, &handle.as_fd().as_raw_fd().to_string())?)
    }

    /// What the operating system tells of an inode.
    pub(crate) fn tell(&self, handle: impl AsFd) -> Result<Told> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
        let told = statx(handle, "", AtFlags::EMPTY_PATH, wanted)?;
        let identity = Identity {
            device: (told.stx_dev_major, told.stx_dev_minor),
            ino: told.stx_ino,
            birth: (told.stx_btime.tv_sec, told.stx_btime.tv_nsec),
        };
        let attr = attr(&told, self.number(identity.device, told.stx_ino));
        Ok(Told { identity, attr })
    }

    /// The number that users see of an inode: on another device than the folder's it might be one of the folder's.
    pub(crate) fn number_beside(&self, other: Identity, ino: u64) -> u64 {
        self.number(other.device, ino)
    }

    fn number(&self, device: (u32, u32), ino: u64) -> u64 {
        if device == self.device {
            return ino;
        }
        let device = u64::from(device.0) << 32 | u64::from(device.1);
        ino ^ device.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

fn attr(told: &Statx, ino: u64) -> Attr {
    let time = |time: StatxTimestamp| Timespec {
        seconds: time.tv_sec,
        nanoseconds: time.tv_nsec,
        ..Timespec::default()
    };
    Attr {
        ino,
        mode: told.stx_mode.into(),
        size_bytes: told.stx_size,
        blocks: told.stx_blocks,
        nlink: told.stx_nlink,
        uid: told.stx_uid,
        gid: told.stx_gid,
        block_size_bytes: told.stx_blksize,
        rdev: u64::from(told.stx_rdev_major) << 32 | u64::from(told.stx_rdev_minor),
        atime: time(told.stx_atime),
        mtime: time(told.stx_mtime),
        ctime: time(told.stx_ctime),
        btime: time(told.stx_btime),
        ..Grow::empty()
    }
}
