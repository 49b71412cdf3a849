//! Where content lies on the medium.

use std::ptr;

use nxvfs_abi::ioctl::FIOC_MMAP;
use nxvfs_abi::{Ctx, Extent};

use super::Volume;
use crate::base::{Errno, Error, Result};
use crate::bridge::instance::absent_is;

impl Volume {
    /// Whether files of this volume can be mapped in place at all. Asked once, at mount.
    pub fn offers_extents(&self, ctx: &Ctx) -> bool {
        self.offers_map_extents(ctx)
            || self.address_by_ioctl(ctx, self.info.root, 0).is_ok_and(|a| a.is_some())
    }

    /// A file system written in NuttX's way: the address of a file's first byte, by `FIOC_MMAP`. `None` if it does
    /// not know the command; an address of 0 means that it knows it, but this node has none.
    pub fn address_by_ioctl(&self, ctx: &Ctx, node: u64, handle: u64) -> Result<Option<usize>> {
        let mut address = [0; size_of::<usize>()];
        match self.ioctl_bytes(ctx, node, handle, FIOC_MMAP, &mut address) {
            Ok(_) => Ok(Some(usize::from_ne_bytes(address))),
            Err(e) if e.errno() == Errno::ENOTTY => Ok(None),
            // It knows the command and refuses it here: a directory, say.
            Err(_) => Ok(Some(0)),
        }
    }

    fn offers_map_extents(&self, ctx: &Ctx) -> bool {
        let Some(map) = self.ops.map_extents else { return false };
        let (root, mut pin) = (self.info.root, 0);
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: a capacity of 0 extents, so the null pointer is not used.
            unsafe { map(fs, c, root, 0, 0, ptr::null_mut(), 0, size_of::<Extent>() as u32, &raw mut pin) }
        });
        !matches!(answer, Err(e) if e.errno() == Errno::ENOSYS)
    }

    /// Where content lies on the medium, pinned: the extents from `offset` on, which may cover less than `len`, and
    /// the pin. Checked: inside the medium, in order, without gaps, within the range.
    pub fn map_extents(&self, ctx: &Ctx, node: u64, offset: u64, len: u64) -> Result<(Vec<Extent>, u64)> {
        const CAPACITY: usize = 64;
        let Some(map) = self.ops.map_extents else { return Err(Errno::ENOTSUP.into()) };
        let (mut extents, mut pin) = ([Extent::default(); CAPACITY], 0);
        let (first, stride) = (extents.as_mut_ptr(), size_of::<Extent>() as u32);
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: room for `CAPACITY` extents, valid until the call returns.
            unsafe { map(fs, c, node, offset, len, first, CAPACITY as u32, stride, &raw mut pin) }
        });
        let count = absent_is(answer, Errno::ENOTSUP)?;
        if count > CAPACITY as u64 {
            return Err(self.instance.lie("map_extents", format!("{count} extents of {CAPACITY}")));
        }
        let extents = &extents[..count as usize];
        match self.extents_lie(extents, offset, len) {
            None => Ok((extents.to_vec(), pin)),
            Some(claim) => {
                if count > 0 {
                    self.unpin(node, pin);
                }
                Err(self.instance.lie("map_extents", claim))
            }
        }
    }

    /// Records that an address by ioctl cannot be.
    pub fn address_lie(&self, claim: String) -> Error {
        self.instance.lie("ioctl FIOC_MMAP", claim)
    }

    fn extents_lie(&self, extents: &[Extent], offset: u64, len: u64) -> Option<String> {
        let mut at = offset;
        for e in extents {
            let end = e.medium_offset.checked_add(e.len_bytes);
            let inside = end.is_some_and(|end| end <= self.medium_len_bytes);
            let next = at.checked_add(e.len_bytes).filter(|next| next - offset <= len);
            if e.file_offset != at || e.len_bytes == 0 || !inside || next.is_none() {
                return Some(format!(
                    "file offset {} at medium offset {}, {} bytes, for {len} bytes from {offset} on a medium of {} bytes",
                    e.file_offset, e.medium_offset, e.len_bytes, self.medium_len_bytes
                ));
            }
            at = next.unwrap_or(at);
        }
        None
    }

    /// Which parts of the medium are free, from a byte of it on, in order: at most as many as fit into an answer, and none
    /// where there are no more. Checked: inside the medium, in order. Errors: ENOTSUP it does not know.
    pub fn free_extents(&self, ctx: &Ctx, offset: u64) -> Result<Vec<Extent>> {
        const CAPACITY: usize = 256;
        let Some(free) = self.ops.free_extents else { return Err(Errno::ENOTSUP.into()) };
        let mut extents = [Extent::default(); CAPACITY];
        let (first, stride) = (extents.as_mut_ptr(), size_of::<Extent>() as u32);
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: room for `CAPACITY` extents, valid until the call returns.
            unsafe { free(fs, c, offset, first, CAPACITY as u32, stride) }
        });
        let count = absent_is(answer, Errno::ENOTSUP)?;
        let Some(extents) = usize::try_from(count).ok().and_then(|count| extents.get(..count)) else {
            return Err(self.instance.lie("free_extents", format!("{count} extents of {CAPACITY}")));
        };
        let mut at = offset;
        for e in extents {
            let end = e.medium_offset.checked_add(e.len_bytes).filter(|end| *end <= self.medium_len_bytes);
            match end {
                Some(end) if e.medium_offset >= at && e.len_bytes > 0 && e.file_offset == 0 => at = end,
                _ => {
                    let (from, len, medium) = (e.medium_offset, e.len_bytes, self.medium_len_bytes);
                    let claim =
                        format!("{len} free bytes at {from}, from {at} on, on a medium of {medium} bytes");
                    return Err(self.instance.lie("free_extents", claim));
                }
            }
        }
        Ok(extents.to_vec())
    }

    /// Lets a pin go.
    pub fn unpin(&self, node: u64, pin: u64) {
        if let Some(unpin) = self.ops.unpin {
            // SAFETY: numbers only.
            self.instance.notify(|fs| unsafe { unpin(fs, node, pin) });
        }
    }
}
