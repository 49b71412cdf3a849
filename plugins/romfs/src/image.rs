//! The medium, bounded by the volume's size: no read goes beyond either.

use nxvfs_sdk::{Fail, Medium};

use crate::flaw::Fault;
use crate::format::{HEADER_MAX_BYTES, Header, verify_pointer};

/// Room for one header.
pub(crate) type HeaderBytes = [u8; HEADER_MAX_BYTES];

/// A volume on its medium.
pub(crate) struct Image {
    medium: Medium,
    full_size_bytes: u32,
}

impl Image {
    /// `full_size_bytes` is at most the medium's length.
    pub(crate) fn new(medium: Medium, full_size_bytes: u32) -> Self {
        Self { medium, full_size_bytes }
    }

    pub(crate) fn medium(&self) -> &Medium {
        &self.medium
    }

    pub(crate) fn full_size_bytes(&self) -> u32 {
        self.full_size_bytes
    }

    /// Fills `buf` from `offset` on, as far as the volume goes, and answers what was filled.
    pub(crate) fn fill<'b>(&self, offset: u32, buf: &'b mut [u8]) -> Result<&'b [u8], Fail> {
        let room = self.full_size_bytes.saturating_sub(offset) as usize;
        let len = room.min(buf.len());
        self.medium.read_meta_at(offset.into(), &mut buf[..len])?;
        Ok(&buf[..len])
    }

    /// Reads one header, wherever it is. Its checksum is not yet verified.
    pub(crate) fn header<'b>(&self, offset: u32, buf: &'b mut HeaderBytes) -> Result<Header<'b>, Fault> {
        let bytes = self.fill(offset, buf).map_err(Fault::Device)?;
        Ok(Header::parse(offset, bytes)?)
    }

    /// Reads the next header of a list, which the header at `from` points to.
    pub(crate) fn entry<'b>(
        &self,
        from: u32,
        next: u32,
        buf: &'b mut HeaderBytes,
    ) -> Result<Header<'b>, Fault> {
        let offset = verify_pointer("list of entries leaves the volume", from, next, self.full_size_bytes)?;
        self.header(offset, buf)
    }
}
