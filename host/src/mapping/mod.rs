//! Floor 5: files in memory.
//!
//! A **view** is a mapping of its own: protected, unmapped by pages, gone with its task. It shows the medium in place
//! where that can be, else a **copy** in memory that all views of the file share. A **borrow** is an address inside the
//! device's grant: costs nothing to use, read-only, and cannot be taken back, so it keeps the volume mounted. View and
//! borrow pin what they show: those bytes of the medium hold this file's content or nothing.

#![allow(unsafe_code, reason = "maps and unmaps memory, and copies from it")]

mod budget;
mod content;
mod decide;
mod explain;
mod fault;
mod mapped;
#[allow(clippy::module_inception, reason = "it has the type of that name")]
mod mapping;
pub mod pages;
mod place;
mod ranges;
mod region;
mod regions;
mod request;
mod view;
mod vma;

pub use decide::Asker;
pub use explain::{Explanation, explain};
pub use fault::touch;
pub use mapping::Mapping;
pub use place::{Borrow, Source};
pub use regions::{GivenUp, Regions, Row, Sync};
pub use request::{Advice, MapRequest, Place, Prot, flag};
pub use vma::reserve;

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
        /// Numbers that mean nothing.
        Flags { name: &'static str, found: u32, expected: &'static str } => EINVAL,
            what: "arguments of a mapping that make no sense", place: "{name}", expected: "{expected}",
            found: "{found:#x}";
        /// A fixed address that cannot be.
        Unaligned { found: usize, lead: u64 } => EINVAL, what: "not an address for this mapping",
            expected: "a page's first address plus {lead}, because the first byte lies so far into its page",
            found: "{found:#x}";
        /// Stores could not be brought back.
        NoDrain { path: String } => EROFS, what: "cannot be mapped shared and writable", place: "{path}",
            found: "a mapper that brings nothing back", remedy: "map it private or read-only";
        /// Pages of a range are not the task's.
        Hole { address: usize, len: usize } => ENOMEM, what: "not mapped, or not all of it",
            found: "{len} bytes at {address:#x}";
        /// A range that is not the task's.
        NotMapped { address: usize, len: usize } => EINVAL, what: "not a mapping of this task",
            found: "{len} bytes at {address:#x}";
    }
}
