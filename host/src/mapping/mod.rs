//! Floor 5: files in memory.
//!
//! A **view** is a mapping of its own: protected, unmapped by pages, gone with its task. A **borrow** is an address
//! inside the device's grant: costs nothing to use, read-only, and cannot be taken back, so it keeps the volume
//! mounted. Both pin what they show: those bytes of the medium hold this file's content or nothing.

#![allow(unsafe_code, reason = "maps and unmaps memory, and copies from it")]

mod explain;
mod place;
mod regions;
mod request;
mod view;
mod vma;

pub use explain::{Explanation, explain};
pub use place::{Borrow, Source};
pub use regions::{Region, Regions};
pub use request::{MapRequest, Prot};
pub use view::Mapping;

use crate::base::error::teach;

teach! {
    /// Why a file is not mapped.
    pub enum MapError {
        /// Length 0.
        Empty {} => EINVAL, what: "a mapping of no bytes", expected: "a length of 1 or more";
        /// Beyond what can be counted.
        Overflow { offset: u64, len: usize } => EOVERFLOW, what: "a mapping beyond the largest offset",
            found: "{len} bytes at {offset}";
        /// Not a file or a device.
        Kind { path: String } => ENODEV, what: "cannot be mapped", place: "{path}",
            expected: "a regular file or a block device";
        /// The descriptor's mode.
        Access { path: String, needed: &'static str } => EACCES, what: "the descriptor does not allow this mapping",
            place: "{path}", expected: "open for {needed}";
        /// Beyond the end.
        Beyond { path: String, offset: u64, len: usize, end: u64 } => ENXIO, what: "beyond the end of the file",
            place: "{path}", expected: "up to the last page of {end} bytes", found: "{len} bytes at {offset}",
            remedy: "in place there is nothing after the end; map less";
        /// Not in place, and not otherwise.
        NotInPlace { path: String, reason: String } => ENODEV, what: "cannot be mapped in place", place: "{path}",
            found: "{reason}", remedy: "see 'explain'; read() works";
        /// The caller demanded in place.
        Strict { path: String, reason: String } => ENXIO, what: "cannot be mapped in place", place: "{path}",
            found: "{reason}", remedy: "leave MAP_XIP_STRICT out if a copy will do";
        /// A range that is not the task's.
        NotMapped { address: usize, len: usize } => EINVAL, what: "not a mapping of this task",
            found: "{len} bytes at {address:#x}";
    }
}
