//! vfat: FAT12, FAT16 and FAT32 with long names, read and write.
//!
//! | file | holds |
//! |---|---|
//! | `format` | the bytes: boot sector, table, slots, names, times; no I/O, no state |
//! | `driver` | the contract's functions, each a line to one of the below |
//! | `mount`, `options` | mounting; what the user asked for, checked |
//! | `disk` | the medium, and in which order writes reach it |
//! | `fat`, `space`, `bits` | the table in memory; which clusters are free |
//! | `extents` | where the clusters of a file lie |
//! | `dir` | a directory: slots, names by hash, free slots |
//! | `inode` | one file or directory, however often it is named, known or opened |
//! | `core` | all that is known of a volume, under one lock; the order of writes (`core::commit`); names; renames |
//! | `file`, `attributes` | what is done with a node's content and attributes |
//! | `mkfs`, `check` | an empty volume; the examination of one |
//!
//! # Locks
//!
//! In the order in which they may be taken; whoever holds one takes only what stands below it.
//!
//! 1. `Inode::resize`: held by who changes a file's length or clusters, while data are copied.
//! 2. `VFat::core`: everything of the volume. Never held while file content is copied.
//! 3. `Inode::data`, a leaf: held for a few instructions.
//!
//! A copy looks up where content lies under `data` and counts itself there. Clusters that are cut off are given to
//! others by a commit only, and only if no copy that was counted before is under way and no mapping pins the node
//! (`Inode::is_still`). As both happen under `data`, a copy that was counted later does not see those clusters. So calls
//! may overlap: the driver is parallel.

#![forbid(unsafe_code)]

mod attributes;
mod bits;
mod check;
mod core;
mod dir;
mod disk;
mod driver;
mod extents;
mod fat;
mod file;
pub mod format;
mod hash;
mod inode;
mod mkfs;
mod mount;
mod options;
mod space;
mod sync;
mod xattr;

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

pub use attributes::{GET_ATTRIBUTES, GET_LABEL, GET_VOLUME_ID, SET_ATTRIBUTES, SET_LABEL};

/// A mounted FAT volume.
pub struct VFat {
    volume: core::Volume,
    core: Mutex<core::Core>,
    /// It was not unmounted properly before this mount, and was not checked since.
    was_dirty: AtomicBool,
}

nxvfs_sdk::plugin! {
    name: "vfat",
    entry: "vfat",
    drivers: [filesystem "vfat" => VFat, parallel],
    params: [
        "uid": uint = "0", "owner of all files; who mounts the volume unless given";
        "gid": uint = "0", "group of all files; that of who mounts the volume unless given";
        "umask": str = "022", "permissions that no node has, octal";
        "fmask": str = "022", "permissions that no file has, octal; umask unless given";
        "dmask": str = "022", "permissions that no directory has, octal; umask unless given";
        "codepage": uint = "437", "code page of short names: 437 or 850";
        "iocharset": str = "utf8", "how names are written: utf8";
        "shortname": str = "mixed", "how short names are shown and made: lower, win95, winnt or mixed";
        "tz": str = "UTC", "zone of the volume's times: UTC, +HH:MM, -HH:MM or minutes ahead of UTC";
        "sync": bool = "n", "every change is on the medium when its call returns";
        "discard": bool = "n", "tell the device which clusters are no longer needed";
        "quiet": bool = "n", "ignore changes of owner and mode that FAT cannot hold";
        "errors": str = "remount-ro", "when the volume contradicts itself: remount-ro or continue";
        "mmap": bool = "y", "let files be mapped in place where the medium allows";
        "bigdirs": bool = "y", "let directories have more than 65536 slots, which Windows does not show";
        "F": uint = "0", "mkfs: width of the table's entries, 12, 16 or 32; 0 by size";
        "s": uint = "0", "mkfs: sectors of a cluster, a power of two; 0 by size";
        "S": uint = "0", "mkfs: bytes of a sector, 512 to 4096; 0 for the device's";
        "n": str = "", "mkfs: label of the volume, up to eleven characters";
        "i": str = "", "mkfs: number of the volume, hexadecimal; empty for one made of the time";
        "R": uint = "0", "mkfs: reserved sectors; 0 for 1, on FAT32 32";
        "r": uint = "0", "mkfs: entries of the root directory on FAT12 and FAT16; 0 by size";
        "f": uint = "2", "mkfs: number of tables, 1 to 4";
        "M": uint = "0", "mkfs: medium type, 0xf0 or 0xf8 to 0xff; 0 by size";
        "h": uint = "0", "mkfs: hidden sectors before the volume";
        "a": bool = "n", "mkfs: do not round tables and root directory to clusters";
        "align": size = "4096", "mkfs: the data area begins at a multiple of this; 0 to lay it out exactly as mkfs.fat";
    ],
}
