//! # nxvfs: a VFS host in user space
//!
//! Loads file systems and drivers as plugins at run time, mounts volumes into one tree, and maps files in place on
//! their medium where plugin and device agree that it can be done.

pub mod base;
pub mod bridge;
#[cfg(feature = "cli")]
pub mod cli;
pub mod device;
pub mod file;
#[cfg(feature = "fuse")]
pub mod fuse;
pub mod mapping;
pub mod plugin;
pub mod task;
pub mod tree;

pub use base::{Errno, Error, Result};
pub use task::{Host, HostOptions, MountOptions, Task};
