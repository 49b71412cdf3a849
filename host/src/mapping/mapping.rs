//! A view as a value.

use std::ops::Range;
use std::ptr;

use super::decide::{Asker, Fresh, map};
use super::place::Source;
use super::request::{MapRequest, Prot};
use super::view::Piece;
use crate::base::{Errno, Result};
use crate::tree::Tier;

/// A view as a value: unmapped when dropped. Anyone may change the file beneath it, so its bytes are copied in and out
/// and never lent as a slice; [`Mapping::as_ptr`] is for who knows better. Touching what was cut from the file meanwhile
/// is SIGBUS, as POSIX has it.
pub struct Mapping {
    piece: Piece,
    address: usize,
    len: usize,
    prot: Prot,
}

impl Mapping {
    /// Maps a range of a file or device; errors as the task's `map`.
    pub fn new(source: &Source, asker: &Asker<'_>, request: &MapRequest) -> Result<Self> {
        let Fresh { piece, address } = map(source, asker, request)?;
        Ok(Self { piece, address, len: request.len, prot: request.prot })
    }

    /// The address of the first byte that was asked for.
    pub fn as_ptr(&self) -> *const u8 {
        ptr::with_exposed_provenance(self.address)
    }

    /// Bytes that were asked for.
    #[allow(clippy::len_without_is_empty, reason = "a mapping of no bytes cannot be made")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// How the file is mapped.
    pub fn tier(&self) -> Tier {
        self.piece.view.tier()
    }

    /// Copies bytes out. Errors: EINVAL beyond the mapping, EACCES without the right to read.
    pub fn read_at(&self, offset: usize, buf: &mut [u8]) -> Result<()> {
        self.check(offset, buf.len(), self.prot.read)?;
        // SAFETY: the range lies inside pages that this value keeps mapped readable; nobody has a reference to them.
        unsafe { ptr::copy(self.as_ptr().add(offset), buf.as_mut_ptr(), buf.len()) };
        Ok(())
    }

    /// Copies bytes in. Errors: EINVAL beyond the mapping, EACCES without the right to write.
    pub fn write_at(&self, offset: usize, buf: &[u8]) -> Result<()> {
        self.check(offset, buf.len(), self.prot.write)?;
        // SAFETY: as in `read_at`; the pages are mapped writable.
        unsafe { ptr::copy(buf.as_ptr(), self.as_ptr().add(offset).cast_mut(), buf.len()) };
        Ok(())
    }

    /// Brings what was stored to the medium. Errors: the file system's.
    pub fn sync(&self) -> Result<()> {
        let Range { start, end } = self.piece.pages;
        self.piece.view.write_back(&(start..end))?;
        self.piece.view.sync()
    }

    fn check(&self, offset: usize, len: usize, allowed: bool) -> Result<()> {
        if !allowed {
            return Err(Errno::EACCES.into());
        }
        if offset > self.len || len > self.len - offset {
            return Err(Errno::EINVAL.into());
        }
        Ok(())
    }
}
