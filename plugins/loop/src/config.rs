//! What the user asked for, checked. No file is touched here.

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use nxvfs_sdk::{Errno, Fail, Params, Result, VfsFile};

/// The contract's bounds of a sector's size.
const SECTOR_SIZES_BYTES: RangeInclusive<u64> = 512..=65_536;

/// The parameters of one device.
#[derive(Debug)]
pub(crate) struct Config {
    /// File or block device of the operating system; or the path of `vfs`.
    pub(crate) path: PathBuf,
    /// The file of the VFS, if the device lies on one.
    pub(crate) vfs: Option<VfsFile>,
    /// Bytes of a sector.
    pub(crate) sector_size_bytes: u32,
    /// Where in the file the medium begins.
    pub(crate) offset_bytes: u64,
    /// How many bytes from there may be used; without it, all up to the file's end.
    pub(crate) limit_bytes: Option<NonZeroU64>,
    /// How the file is opened.
    pub(crate) access: Access,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Never written.
    ReadOnly,
    /// Written; a file that does not permit it is refused.
    Writable,
    /// Written if that is permitted, else read-only.
    WritableIfPermitted,
}

impl Access {
    /// Whether a file that could not be opened for writing is tried again for reading.
    pub(crate) fn falls_back(self, errno: Errno) -> bool {
        self == Self::WritableIfPermitted && matches!(errno, Errno::EACCES | Errno::EPERM | Errno::EROFS)
    }
}

impl Config {
    /// Reads the parameters. Errors: EINVAL.
    pub(crate) fn new(params: &Params<'_>) -> Result<Self> {
        let (path, vfs) = match params.file("vfs") {
            Some((path, _)) if !params.path("file").as_os_str().is_empty() => {
                return Err(Fail::new(Errno::EINVAL, "two files for the loop device")
                    .place("file and vfs")
                    .expected("a path of the operating system or one of the VFS")
                    .found(format_args!("both, and vfs={}", path.display()))
                    .remedy("leave one of them away"));
            }
            Some((path, vfs)) => (path, Some(vfs)),
            None => (params.path("file"), None),
        };
        Self::checked(
            path,
            vfs,
            params.uint("sector_size"),
            params.size("offset"),
            params.size("sizelimit"),
            params.given("ro").then(|| params.bool("ro")),
        )
    }

    /// As [`Self::new`]; `ro` is `None` if the user did not give it.
    fn checked(
        path: &Path,
        vfs: Option<VfsFile>,
        sector_size_bytes: u64,
        offset_bytes: u64,
        limit_bytes: u64,
        ro: Option<bool>,
    ) -> Result<Self> {
        if path.as_os_str().is_empty() {
            return Err(Fail::new(Errno::EINVAL, "no file for the loop device")
                .place("file")
                .expected("a path of the operating system")
                .found("none")
                .remedy("give file=disk.img, or vfs=/tmp/disk.img for a file of the VFS"));
        }
        if !sector_size_bytes.is_power_of_two() || !SECTOR_SIZES_BYTES.contains(&sector_size_bytes) {
            return Err(Fail::new(Errno::EINVAL, "no such sector size")
                .place("sector_size")
                .expected("a power of two from 512 to 65536 bytes")
                .found(sector_size_bytes)
                .remedy("leave it away for 512"));
        }
        let access = match ro {
            Some(true) => Access::ReadOnly,
            Some(false) => Access::Writable,
            None => Access::WritableIfPermitted,
        };
        Ok(Self {
            path: path.to_owned(),
            vfs,
            sector_size_bytes: sector_size_bytes as u32,
            offset_bytes,
            limit_bytes: NonZeroU64::new(limit_bytes),
            access,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(path: &str, sector_size: u64, ro: Option<bool>) -> Result<Config> {
        Config::checked(Path::new(path), None, sector_size, 7, 0, ro)
    }

    #[test]
    fn every_sector_size_of_the_contract_is_taken_and_no_other() {
        for sector_size in (0..=131_072).chain([u64::from(u32::MAX) + 513, 1 << 32, 1 << 63, u64::MAX]) {
            let legal = (9..=16).any(|shift| sector_size == 1 << shift);
            match config("disk.img", sector_size, None) {
                Ok(config) => assert!(legal && u64::from(config.sector_size_bytes) == sector_size),
                Err(fail) => {
                    assert!(!legal, "{sector_size} was refused");
                    assert_eq!(fail.errno(), Errno::EINVAL);
                }
            }
        }
    }

    #[test]
    fn only_a_user_who_left_ro_away_gets_a_read_only_device_instead_of_a_refusal() {
        for (ro, access, falls_back) in [
            (None, Access::WritableIfPermitted, true),
            (Some(false), Access::Writable, false),
            (Some(true), Access::ReadOnly, false),
        ] {
            let config = config("disk.img", 512, ro).unwrap();
            assert_eq!((config.access, config.offset_bytes, config.limit_bytes), (access, 7, None));
            for errno in [Errno::EACCES, Errno::EPERM, Errno::EROFS] {
                assert_eq!(access.falls_back(errno), falls_back);
            }
            for errno in [Errno::ENOENT, Errno::EBUSY, Errno::EIO, Errno::EISDIR, Errno::EMFILE] {
                assert!(!access.falls_back(errno));
            }
        }
    }

    #[test]
    fn refusals_say_what_is_wrong_and_what_to_do() {
        for (result, sentence) in [
            (
                config("", 512, None),
                "no file for the loop device: file: found none, expected a path of the operating system; \
                 give file=disk.img, or vfs=/tmp/disk.img for a file of the VFS (EINVAL)",
            ),
            (
                config("disk.img", 1000, None),
                "no such sector size: sector_size: found 1000, expected a power of two from 512 to 65536 bytes; \
                 leave it away for 512 (EINVAL)",
            ),
        ] {
            assert_eq!(result.unwrap_err().to_string(), sentence);
        }
    }
}
