//! How much memory a disk may take.
//!
//! All pages of a disk are made present when it is attached. The system would grant more than it has, and then end
//! some process, most likely this one, to find the pages. So a disk that cannot fit is refused beforehand. This is an
//! estimate made at one moment: it stops mistakes, not races.

use std::fmt::Display;
use std::path::{Component, Path};

use nxvfs_sdk::{Errno, Fail, Result};

/// Refuses memory that the system does not have; `place` is what asks for so much. Errors: ENOMEM.
pub(crate) fn check(len_bytes: usize, place: impl Display) -> Result<()> {
    let free = free_bytes();
    if free.is_some_and(|free| len_bytes as u64 > free) {
        return Err(Fail::new(Errno::ENOMEM, "not enough memory for the RAM disk")
            .place(place)
            .expected(format_args!("at most {} bytes, the memory that is free", free.unwrap_or(0)))
            .found(format_args!("{len_bytes} bytes"))
            .remedy(
                "make it smaller; over an image of its own length a disk takes none with ro=y or shared=y",
            ));
    }
    Ok(())
}

/// Bytes of memory that can be had; `None` if the system does not tell.
fn free_bytes() -> Option<u64> {
    let available = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available_bytes(&text));
    let limit = std::fs::read_to_string("/proc/self/cgroup").ok().and_then(|text| {
        let group = own_group(&text)?;
        lowest_limit_bytes(Path::new("/sys/fs/cgroup"), group)
    });
    available.into_iter().chain(limit).min()
}

/// `MemAvailable` of `/proc/meminfo`.
fn available_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The control group (version 2) that `/proc/self/cgroup` names, relative to the tree's root.
fn own_group(cgroup: &str) -> Option<&Path> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::/")).map(Path::new)
}

/// The lowest memory limit of a control group and of those it lies in. What the group uses already is not taken
/// away: most of it may be cached files, which give way.
fn lowest_limit_bytes(tree: &Path, group: &Path) -> Option<u64> {
    if group.components().any(|part| part == Component::ParentDir) {
        return None; // A group outside this process's view of the tree.
    }
    let limits = group.ancestors().filter_map(|group| {
        std::fs::read_to_string(tree.join(group).join("memory.max")).ok()?.trim().parse().ok()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_available_memory_is_found() {
        let text =
            "MemTotal:       24683520 kB\nMemFree:  1 kB\nMemAvailable:   24305932 kB\nBuffers: 3 kB\n";
        assert_eq!(available_bytes(text), Some(24_305_932 * 1024));
        for odd in [
            "",
            "MemAvailable:",
            "MemAvailable: 12",
            "MemAvailable: x kB",
            "MemAvailable: 99999999999999999 kB",
        ] {
            assert_eq!(available_bytes(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn the_lowest_limit_of_all_groups_counts() {
        let tree = tempfile::tempdir().unwrap();
        let inner = tree.path().join("user/job");
        std::fs::create_dir_all(&inner).unwrap();
        let text = "1:cpu:/x\n0::/user/job\n";
        assert_eq!(own_group(text), Some(Path::new("user/job")));
        assert_eq!(lowest_limit_bytes(tree.path(), own_group(text).unwrap()), None);
        std::fs::write(inner.join("memory.max"), "max\n").unwrap();
        assert_eq!(lowest_limit_bytes(tree.path(), own_group(text).unwrap()), None);
        std::fs::write(tree.path().join("user/memory.max"), "8192\n").unwrap();
        assert_eq!(lowest_limit_bytes(tree.path(), own_group(text).unwrap()), Some(8192));
        std::fs::write(inner.join("memory.max"), "4096\n").unwrap();
        assert_eq!(lowest_limit_bytes(tree.path(), own_group(text).unwrap()), Some(4096));
        assert_eq!(lowest_limit_bytes(tree.path(), Path::new("../user")), None);
        assert_eq!(own_group("1:cpu:/x\n"), None);
        assert_eq!(own_group("0::/\n"), Some(Path::new("")));
    }

    #[test]
    fn more_than_there_is_is_refused() {
        check(4096, "sectors").unwrap();
        let fail = check(1 << 60, "sectors").unwrap_err();
        assert_eq!(fail.errno(), Errno::ENOMEM);
        assert!(
            fail.to_string().contains("sectors: found 1152921504606846976 bytes, expected at most "),
            "{fail}"
        );
    }
}
