//! tmpfs: a file system in memory. It behaves as Linux's tmpfs does: links, modes, owners, special nodes, holes,
//! reservations and extended attributes included. When it is unmounted, everything is gone.
//!
//! What differs from Linux, on purpose:
//!
//! * `size` and `nr_inodes` are 0, without a limit, unless given (Linux: half of the memory). A volume without a limit
//!   tells a size of 2^63 bytes, so that what is used is still seen.
//! * `FALLOC_ZERO_RANGE` works, and a reservation takes space of the volume but no memory until it is written.
//! * The access time follows the first rule of `relatime` only: a read sets it if the file was modified or changed
//!   since the last one. A daily refresh there is not.
//!
//! | file | holds |
//! |---|---|
//! | `driver` | the contract's functions, each a line to one of the below |
//! | `options` | what the user asked for, checked |
//! | `space` | how much is used, and how much there may be |
//! | `pages`, `ranges` | the sparse content of a file: its pages, and what is reserved without any |
//! | `content` | the same as bytes: read, write, truncate, allocate, seek |
//! | `directory` | the entries of a directory and their cookies |
//! | `meta`, `xattr` | modes, owners and times; extended attributes |
//! | `inode` | one node: all of the above together |
//! | `nodes` | the nodes that the host knows, and how often |
//! | `names`, `rename` | names made, taken away and moved |
//! | `data` | what is done with a node's content and attributes |
//!
//! # Locks
//!
//! In the order in which they may be taken; whoever holds one takes only what stands below it.
//!
//! 1. `TmpFs::renames`, as Linux's `s_vfs_rename_mutex`: held by a rename from one directory to another, so that what
//!    lies below what does not change while it is asked whether a directory would move into itself.
//! 2. The entries of a directory. Two at once are held by a rename only, the lower number first. Nobody holds a
//!    parent's and, because it is the parent's, a child's: whether a directory is empty, and that it is and stays so
//!    because it was removed, is one atomic number (`Directory::population`). So the order by numbers is enough.
//! 3. The content of a file: shared by those who read, exclusive for those who change. Never taken under a directory's
//!    lock, so that no name waits for data to be copied. The extended attributes of a node likewise.
//! 4. Leaves, held for a few instructions and one at a time: a node's `Meta`, a directory's parent, a part of `Nodes`.
//!
//! Space is counted by atomic numbers. A node gives back what it used when it is dropped; one that may hold data is
//! never dropped under a directory's lock.

#![forbid(unsafe_code)]

mod content;
mod data;
mod directory;
mod driver;
mod inode;
mod meta;
mod names;
mod nodes;
mod options;
mod pages;
mod ranges;
mod rename;
mod space;
mod sync;
mod xattr;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use crate::inode::Inode;
use crate::nodes::Nodes;
use crate::space::Space;

/// Linux's magic number of a tmpfs.
const MAGIC: u32 = 0x0102_1994;
/// Longest name in bytes.
const NAME_MAX_BYTES: usize = 255;

/// A mounted tmpfs volume.
pub struct TmpFs {
    root: Arc<Inode>,
    nodes: Nodes,
    space: Arc<Space>,
    renames: Mutex<()>,
    read_only: AtomicBool,
    volume_id: u64,
}

impl Drop for TmpFs {
    /// Takes the tree apart without recursion: it may be deeper than a stack is long.
    fn drop(&mut self) {
        let mut left = vec![self.root.clone()];
        while let Some(inode) = left.pop() {
            if let Ok(directory) = inode.directory() {
                left.extend(sync::write(&directory.entries).drain());
            }
        }
    }
}

nxvfs_sdk::plugin! {
    name: "tmpfs",
    entry: "tmpfs",
    drivers: [filesystem "tmpfs" => TmpFs, parallel],
    params: [
        "size": size = "0", "most bytes of content, rounded up to pages; 0 is no limit";
        "nr_inodes": uint = "0", "most inodes and further names of files; 0 is no limit";
        "mode": uint = "0o1777", "permissions of the root directory";
        "uid": uint = "0", "owner of the root directory; who mounts it unless given";
        "gid": uint = "0", "group of the root directory; that of who mounts it unless given";
    ],
}
