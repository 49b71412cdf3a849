//! What a user asks of a mapping.

/// What may be done with the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prot {
    /// Read.
    pub read: bool,
    /// Write.
    pub write: bool,
    /// Execute.
    pub execute: bool,
}

impl Prot {
    /// Reading only.
    pub const READ: Self = Self { read: true, write: false, execute: false };
    /// Reading and writing.
    pub const READ_WRITE: Self = Self { read: true, write: true, execute: false };
    /// Reading and executing.
    pub const READ_EXECUTE: Self = Self { read: true, write: false, execute: true };
}

/// What shall be mapped.
#[derive(Clone, Copy, Debug)]
pub struct MapRequest {
    /// First byte in the file; any number, not only multiples of the page.
    pub offset: u64,
    /// Bytes.
    pub len: usize,
    /// What may be done with the pages.
    pub prot: Prot,
    /// Stores go to the file (`MAP_SHARED`), or to pages of the view's own (`MAP_PRIVATE`).
    pub shared: bool,
    /// In place or not at all (`MAP_XIP_STRICT`).
    pub strict: bool,
}

impl MapRequest {
    /// A shared read-only view of a range.
    pub const fn read(offset: u64, len: usize) -> Self {
        Self { offset, len, prot: Prot::READ, shared: true, strict: false }
    }
}
