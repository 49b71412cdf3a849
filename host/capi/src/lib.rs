//! `libnxvfs.so`: the host for programs in C. `include/nxvfs.h` says what each function does, `include/nxvfs/posix.h` gives
//! them their POSIX names, `docs/c-library.md` says how the library lives in a process.
//!
//! No panic leaves the library: it is EIO. Nothing but names with `nx_` is exported. A file per header of POSIX; `window`
//! knows whose a descriptor is, `host` has the one host, `call` is the edge.

#![allow(unsafe_code, reason = "takes pointers of C programs, and is called by them")]
#![allow(unreachable_pub, reason = "C programs reach by name what Rust does not")]

mod actions;
mod aio;
mod aiocb;
mod call;
mod children;
mod copying;
mod dirent;
mod driver;
mod exec;
mod fcntl;
mod generated;
mod host;
mod ioctl;
mod limits;
mod mman;
mod mounts;
mod names;
mod poll;
mod ready;
mod reopen;
mod select;
mod signals;
mod spawn;
mod stat;
mod statfs;
mod stdio;
mod temp;
mod terminal;
mod times;
mod transfer;
mod varargs;
mod walk;
mod window;

// The plugins that are linked into the library.
use nxvfs_builtin as _;
