//! What the user asked for, checked. No file is touched here.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use nxvfs_sdk::{Errno, Fail, Params, Result};

/// The contract's bounds of a sector's size.
const SECTOR_SIZES_BYTES: RangeInclusive<u64> = 512..=65_536;

/// The parameters of one device.
#[derive(Debug)]
pub(crate) struct Config {
    /// Number of sectors; 0 for as many as the image needs.
    pub(crate) sectors: u64,
    /// Bytes of a sector.
    pub(crate) sector_size_bytes: u32,
    /// What the disk holds at first.
    pub(crate) content: Content,
}

/// What a disk holds at first, and where writes go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Zeroes, in memory of its own. A disk of zeroes that cannot be written is of use in tests.
    Zeroes { writable: bool },
    /// The content of a file.
    Image { path: PathBuf, access: Access },
}

/// How an image file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Copied into memory; writes stay there.
    Private,
    /// Never written; mapped where that is possible.
    ReadOnly,
    /// Mapped; writes reach the file.
    Shared,
}

impl Config {
    /// Reads the parameters. Errors: EINVAL.
    pub(crate) fn new(params: &Params<'_>) -> Result<Self> {
        let (sectors, sector_size_bytes) = (params.uint("sectors"), params.uint("sector_size"));
        Self::checked(
            sectors,
            sector_size_bytes,
            params.path("image"),
            params.bool("ro"),
            params.bool("shared"),
        )
    }

    /// As [`Self::new`]; an empty `image` means none.
    fn checked(sectors: u64, sector_size_bytes: u64, image: &Path, ro: bool, shared: bool) -> Result<Self> {
        if !sector_size_bytes.is_power_of_two() || !SECTOR_SIZES_BYTES.contains(&sector_size_bytes) {
            return Err(Fail::new(Errno::EINVAL, "no such sector size")
                .place("sector_size")
                .expected("a power of two from 512 to 65536 bytes")
                .found(sector_size_bytes)
                .remedy("leave it away for 512"));
        }
        if ro && shared {
            return Err(Fail::new(Errno::EINVAL, "parameters contradict each other")
                .place("ro and shared")
                .expected("at most one of them")
                .found("both")
                .remedy("ro=y never writes to the image, shared=y writes back to it: leave one away"));
        }
        let has_image = !image.as_os_str().is_empty();
        if shared && !has_image {
            return Err(Fail::new(Errno::EINVAL, "nothing to write back to")
                .place("shared")
                .expected("image=FILE beside it")
                .found("no image")
                .remedy("name the file, or leave shared away"));
        }
        if sectors == 0 && !has_image {
            return Err(Fail::new(Errno::EINVAL, "size of the RAM disk is not known")
                .place("sectors")
                .expected("1 or more, or image=FILE")
                .found("neither")
                .remedy("give sectors=32768 for 16 MiB with sectors of 512 bytes"));
        }
        let content = if has_image {
            let access = match (ro, shared) {
                (true, _) => Access::ReadOnly,
                (_, true) => Access::Shared,
                _ => Access::Private,
            };
            Content::Image { path: image.to_owned(), access }
        } else {
            Content::Zeroes { writable: !ro }
        };
        Ok(Self { sectors, sector_size_bytes: sector_size_bytes as u32, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &str = "";

    fn config(sectors: u64, sector_size: u64, image: &str, ro: bool, shared: bool) -> Result<Config> {
        Config::checked(sectors, sector_size, Path::new(image), ro, shared)
    }

    #[test]
    fn every_sector_size_of_the_contract_is_taken_and_no_other() {
        for sector_size in (0..=131_072).chain([u64::from(u32::MAX) + 513, 1 << 32, 1 << 63, u64::MAX]) {
            let legal = (9..=16).any(|shift| sector_size == 1 << shift);
            match config(1, sector_size, NONE, false, false) {
                Ok(config) => assert!(legal && u64::from(config.sector_size_bytes) == sector_size),
                Err(fail) => {
                    assert!(!legal, "{sector_size} was refused");
                    assert_eq!(fail.errno(), Errno::EINVAL);
                }
            }
        }
    }

    #[test]
    fn the_access_follows_from_ro_and_shared() {
        let image = |access| Content::Image { path: "disk.img".into(), access };
        for (path, ro, shared, content) in [
            (NONE, false, false, Content::Zeroes { writable: true }),
            (NONE, true, false, Content::Zeroes { writable: false }),
            ("disk.img", false, false, image(Access::Private)),
            ("disk.img", true, false, image(Access::ReadOnly)),
            ("disk.img", false, true, image(Access::Shared)),
        ] {
            assert_eq!(config(8, 512, path, ro, shared).unwrap().content, content);
        }
    }

    #[test]
    fn refusals_say_what_is_wrong_and_what_to_do() {
        for (result, sentence) in [
            (
                config(8, 1000, NONE, false, false),
                "no such sector size: sector_size: found 1000, expected a power of two from 512 to 65536 bytes; \
                 leave it away for 512 (EINVAL)",
            ),
            (
                config(8, 512, "disk.img", true, true),
                "parameters contradict each other: ro and shared: found both, expected at most one of them; \
                 ro=y never writes to the image, shared=y writes back to it: leave one away (EINVAL)",
            ),
            (
                config(8, 512, NONE, false, true),
                "nothing to write back to: shared: found no image, expected image=FILE beside it; \
                 name the file, or leave shared away (EINVAL)",
            ),
            (
                config(0, 512, NONE, false, false),
                "size of the RAM disk is not known: sectors: found neither, expected 1 or more, or image=FILE; \
                 give sectors=32768 for 16 MiB with sectors of 512 bytes (EINVAL)",
            ),
        ] {
            assert_eq!(result.unwrap_err().to_string(), sentence);
        }
    }
}
