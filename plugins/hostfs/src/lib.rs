//! hostfs: a folder of the operating system as a volume.
//!
//! The folder is opened once, at mount. From then on no path is used: each name is looked for in the descriptor of its
//! directory, by `openat2` with `RESOLVE_BENEATH`, `RESOLVE_NO_MAGICLINKS` and `RESOLVE_NO_SYMLINKS`, without `xdev` also
//! `RESOLVE_NO_XDEV`. So nothing leads out: not `..`, not an absolute path, not a symbolic link that somebody puts where a
//! directory was. Links are told to the host as the text that they are, and the host follows them inside the VFS.
//!
//! What is found is kept as a descriptor of its inode (`O_PATH`), with which nothing can be done but ask and open again.
//! Files are opened through it, never by name, so a file that was put in another's place is never taken for it. Only
//! regular files and directories are opened at all: a FIFO would wait, a device would do something.
//!
//! | file | holds |
//! |---|---|
//! | `driver` | the contract's functions, each a line to one of the below |
//! | `beneath` | the calls of the operating system that look for names |
//! | `nodes` | the nodes that the host knows, how often, and the descriptors of some of them |
//! | `handles` | how many of these there are |
//! | `listing` | the entries of a directory, in an order that stands |
//! | `names` | names made, taken away and moved |
//! | `data`, `attributes` | content; owners, modes, times, extended attributes |
//!
//! Locks: the table of nodes; the listings; for each node its descriptor, then its place; the queue of descriptors. None
//! is held while another of these or the operating system is waited for, except a node's own while it is opened again.

#![forbid(unsafe_code)]

mod attributes;
mod beneath;
mod data;
mod driver;
mod handles;
mod listing;
mod names;
mod nodes;
mod sync;

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;

use crate::beneath::Beneath;
use crate::listing::Listings;
use crate::nodes::Nodes;

/// Magic number of the volume: "nxhf".
const MAGIC: u32 = 0x6e78_6866;

/// A mounted folder.
pub struct HostFs {
    nodes: Nodes,
    beneath: Beneath,
    listings: Listings,
    /// The folder, opened for reading: for `statfs` and `sync`.
    folder: OwnedFd,
    read_only: AtomicBool,
    volume_id: u64,
}

nxvfs_sdk::plugin! {
    name: "hostfs",
    entry: "hostfs",
    drivers: [filesystem "hostfs" => HostFs, parallel],
    params: [
        "path": path = "", "the folder of the operating system; needed";
        "xdev": bool = "n", "go into what is mounted inside the folder";
        "handles": uint = "256", "descriptors that are kept for nodes that nobody has open; at least 16";
    ],
}
