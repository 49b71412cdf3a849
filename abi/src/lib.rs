//! # The contract between the nxvfs host and its plugins
//!
//! Everything that crosses from a plugin to the host or back is defined here, once, in a shape that a C
//! compiler lays out the same way: plain `#[repr(C)]` tables of function pointers, structs of integers and
//! pointers, and numbers. The C headers in `include/nxvfs/` say the same; a test compares every size, offset
//! and constant. This crate knows nothing of the host.
//!
//! ## Rules that every part keeps
//!
//! * **Tables grow at the end.** A table begins with its size in bytes. A slot that is null, or lies beyond the
//!   other side's size, or answers [`Errno::ENOSYS`], has the default that its comment names.
//! * **Structs that may grow** begin with `size`, are never embedded by value in another struct, and cross as
//!   pointers. The caller zeroes the struct and sets `size`; the callee writes at most that many bytes and sets
//!   `size` to what it filled. See [`grow`].
//! * **Arrays** cross as pointer, count and stride, so that their elements may grow.
//! * **Frozen structs** never change: [`Str`], [`Timespec`], [`Extent`].
//! * **Results** are integers: zero or more is a value or a count, less than zero is a negated [`Errno`].
//! * **Buffers** belong to the caller and are valid for the call only. Ownership never crosses: who allocated, frees.
//! * **No panic and no exception crosses.** A plugin catches its own.
//!
//! ## Tags in the comments of functions
//!
//! | tag | meaning |
//! |---|---|
//! | `[any thread]` | called from any thread; calls into one *instance* overlap only if its driver is `PARALLEL` |
//! | `[once]` | called once for the object, before or after every other call to it |
//! | `[blocks]` | may do I/O and take long; never waits for an *event* (it answers `EAGAIN` instead) |
//! | `[brief]` | must return without I/O or waiting |
//! | `[services]` | may call every service; the host never re-enters the same instance from them |
//!
//! `log`, `clock`, `wake`, `report_error` and `report_panic` may be called from every function of a plugin, tagged or
//! not; the two reports from the thread of the call.
//!
//! The contract is one of 64-bit machines: sizes and offsets are stated for 8-byte pointers.

#![allow(unsafe_code, reason = "this crate is the boundary: tables of C function pointers")]

pub mod block;
pub mod character;
pub mod errno;
pub mod filesystem;
pub mod grow;
pub mod ioctl;
pub mod manifest;
pub mod mapper;
pub mod plugin;
pub mod services;
pub mod types;

pub use errno::Errno;
pub use grow::Grow;
pub use types::{Ctx, Extent, Str, Timespec};

/// The ABI's major version. Sides with different majors refuse each other.
pub const ABI_MAJOR: u16 = 1;
/// The ABI's minor version. A different minor never refuses: the smaller side's tables and structs hold.
pub const ABI_MINOR: u16 = 0;

const _: () = assert!(size_of::<usize>() == 8, "the contract is stated for 64-bit machines");

#[doc(hidden)]
pub use abi_stable;
#[doc(hidden)]
pub use inventory;
