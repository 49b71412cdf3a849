//! `libnxvfs.so`: the host for programs in C. `include/nxvfs.h` says what each function does.
//!
//! No panic leaves the library: it is EIO. Nothing but names with `nx_` is exported.

#![allow(unsafe_code, reason = "takes pointers of C programs, and is called by them")]
#![allow(unreachable_pub, reason = "C programs reach by name what Rust does not")]

mod call;
mod files;
mod generated;
mod host;
mod mounts;

// The plugins that are linked into the library.
use nxvfs_builtin as _;
