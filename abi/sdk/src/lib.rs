//! # Writing an nxvfs plugin in Rust
//!
//! Implement one of the traits, name it in [`plugin!`], and build the crate as `["rlib", "cdylib"]`: the `.so` is
//! loaded by any host, the rlib can be linked into one. No `unsafe` is needed.
//!
//! * [`FileSystem`]: four functions (`mount`, `lookup`, `readdir`, `read`) make a read-only file system; the others
//!   have the defaults that their comments name.
//! * [`BlockDriver`], [`CharacterDriver`], [`Mapper`]: likewise.
//! * [`Medium`]: the block device below a file system, as bytes, in place where the device allows it.
//! * [`VfsFile`]: a file of the VFS, for a device that lies on one.
//! * [`MemoryObject`]: page-aligned memory that can be mapped elsewhere; what a driver stands on to offer XIP.
//! * [`Fail`]: an errno with a sentence. Refusals say what, where, expected, found and remedy.
//! * [`fake`]: a host in the test's own process, to try a driver by `cargo test` without any other.
//!
//! Log with the `log` crate: lines appear in the host's log as `plugin::NAME`. A panic is caught at the boundary,
//! answered as EIO, reported, and takes the instance out of service.

#![allow(unsafe_code, reason = "turns safe traits into tables of C functions")]

mod attach;
mod block;
mod character;
mod export;
mod fail;
pub mod fake;
mod filesystem;
mod guard;
mod host;
mod logger;
mod mapper;
mod medium;
mod memory;
mod params;
mod vfs_file;

pub use attach::Attach;
pub use block::{BlockDriver, Grant, IoctlArg};
pub use character::CharacterDriver;
pub use fail::{Fail, Result};
pub use filesystem::{Check, Emit, FileSystem, Found, Mount, Probe, Volume};
pub use host::{now, now_coarse, wake};
pub use mapper::{Mapper, Plan};
pub use medium::Medium;
pub use memory::MemoryObject;
pub use nxvfs_abi as abi;
pub use nxvfs_abi::block::{Geometry, IO_META, WRITE_FUA};
pub use nxvfs_abi::filesystem::{Attr, Removed, SetAttr, StatFs};
pub use nxvfs_abi::types::{Ctx, Extent, Timespec, mode, open};
pub use nxvfs_abi::{Errno, Grow, ioctl};
pub use params::Params;
pub use vfs_file::VfsFile;

/// The parts of [`plugin!`] that its expansion names.
#[doc(hidden)]
pub mod macro_support {
    pub use crate::block::table as block_table;
    pub use crate::character::table as character_table;
    pub use crate::export::{descriptor, driver, exit, init, keep, root_result, set_log_level, to_array};
    pub use crate::filesystem::table as filesystem_table;
    pub use crate::mapper::table as mapper_table;
    pub use nxvfs_abi::abi_stable;
    pub use nxvfs_abi::inventory;
    pub use nxvfs_abi::plugin::*;
}
