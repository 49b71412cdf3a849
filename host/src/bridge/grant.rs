//! The right to use a medium as memory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nxvfs_abi::block::{XIP_MEMORY_OBJECT, XipGrant};

use super::instance::Instance;
use crate::base::Result;
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

/// Duplicates the memory object of a grant and checks that it is as long as it must be.
pub(super) fn memory_object(
    instance: &Instance,
    slot: &'static str,
    grant: &XipGrant,
    len_bytes: u64,
) -> Result<Option<(Arc<OwnedFd>, u64)>> {
    if grant.flags & XIP_MEMORY_OBJECT == 0 {
        return Ok(None);
    }
    let lie = |claim: String| instance.lie(slot, claim);
    if grant.memory_fd < 0 {
        return Err(lie(format!("memory object {}", grant.memory_fd)));
    }
    // SAFETY: not -1; borrowed for the duplication only; one that is not open is answered by EBADF.
    let theirs = unsafe { BorrowedFd::borrow_raw(grant.memory_fd) };
    let ours = rustix::io::fcntl_dupfd_cloexec(theirs, 0)
        .map_err(|e| lie(format!("memory object {}: {e}", grant.memory_fd)))?;
    let size = rustix::fs::fstat(&ours)?.st_size as u64;
    let page = rustix::param::page_size() as u64;
    let end = grant.memory_offset.checked_add(len_bytes);
    if !grant.memory_offset.is_multiple_of(page) || end.is_none_or(|end| end > size.next_multiple_of(page)) {
        return Err(lie(format!("offset {} in a memory object of {size} bytes", grant.memory_offset)));
    }
    Ok(Some((Arc::new(ours), grant.memory_offset)))
}
