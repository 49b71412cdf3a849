//! The right to use a medium as memory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::base::sync::Arc;

/// A medium that may be used as memory. Valid until the device ends, which whoever holds this prevents.
#[derive(Clone, Debug)]
pub struct CheckedGrant {
    /// Address of the medium's first byte.
    pub base: usize,
    /// Bytes from there; at least the geometry's.
    pub len_bytes: u64,
    /// Whether stores reach the medium.
    pub writable: bool,
    /// The memory object and where in it the medium begins; `None` if the driver has none.
    pub object: Option<(Arc<OwnedFd>, u64)>,
}

impl CheckedGrant {
    /// The memory object.
    pub fn fd(&self) -> Option<(BorrowedFd<'_>, u64)> {
        self.object.as_ref().map(|(fd, offset)| (fd.as_fd(), *offset))
    }
}
