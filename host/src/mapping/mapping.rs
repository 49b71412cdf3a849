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
/// and never lent as a slice; [`Mapping::as_ptr`] is for who knows better. Touching by address what was cut from the file
/// meanwhile is SIGBUS, as POSIX has it; copying it is an error.
pub struct Mapping {
    piece: Piece,
    address: usize,
    len: usize,
    /// So many bytes from the first are there as long as the view is: the file's, which never changes. Others may be
    /// cut off at any time, and then a plain copy would end the process.
    certain: usize,
    prot: Prot,
}

impl Mapping {
    /// Maps a range of a file or device; errors as the task's `map`.
    pub fn new(source: &Source, asker: &Asker<'_>, request: &MapRequest) -> Result<Self> {
        let Fresh { piece, address } = map(source, asker, request)?;
        let certain = match piece.view.tier() {
            Tier::Xip if !source.may_change() => {
                let left = source.len_bytes(asker.ctx)?.saturating_sub(request.offset);
                left.min(request.len as u64) as usize
            }
            _ => 0,
        };
        Ok(Self { piece, address, len: request.len, certain, prot: request.prot })
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

    /// Copies bytes out. Errors: EINVAL beyond the mapping, EACCES without the right to read, EFAULT bytes behind the end
    /// of the file's last page, or that cannot be read.
    pub fn read_at(&self, offset: usize, buf: &mut [u8]) -> Result<()> {
        self.check(offset, buf.len(), self.prot.read)?;
        if offset + buf.len() > self.certain {
            return copy_out(self.address + offset, buf);
        }
        // SAFETY: the range lies inside pages that this value keeps mapped readable and that always have bytes; nobody
        // has a reference to them.
        unsafe { ptr::copy(self.as_ptr().add(offset), buf.as_mut_ptr(), buf.len()) };
        Ok(())
    }

    /// Copies bytes in. Errors: EINVAL beyond the mapping, EACCES without the right to write, EFAULT as
    /// [`Mapping::read_at`].
    pub fn write_at(&self, offset: usize, buf: &[u8]) -> Result<()> {
        self.check(offset, buf.len(), self.prot.write)?;
        if offset + buf.len() > self.certain {
            return copy_in(self.address + offset, buf);
        }
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

/// Copies from pages that may have no bytes: the kernel does it, and answers where a plain copy would be a signal.
fn copy_out(from: usize, buf: &mut [u8]) -> Result<()> {
    let there = libc::iovec { iov_base: ptr::with_exposed_provenance_mut(from), iov_len: buf.len() };
    let here = libc::iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    // SAFETY: `here` is a buffer of this process; `there` is only read, by a call that checks every page.
    let done = unsafe { libc::process_vm_readv(own_process(), &raw const here, 1, &raw const there, 1, 0) };
    all(done, buf.len())
}

/// Copies into such pages, likewise.
fn copy_in(to: usize, buf: &[u8]) -> Result<()> {
    let there = libc::iovec { iov_base: ptr::with_exposed_provenance_mut(to), iov_len: buf.len() };
    let here = libc::iovec { iov_base: buf.as_ptr().cast_mut().cast(), iov_len: buf.len() };
    // SAFETY: `here` is only read; `there` lies inside a writable view, to which no reference exists.
    let done = unsafe { libc::process_vm_writev(own_process(), &raw const here, 1, &raw const there, 1, 0) };
    all(done, buf.len())
}

fn own_process() -> libc::pid_t {
    rustix::process::getpid().as_raw_nonzero().get()
}

fn all(done: isize, asked: usize) -> Result<()> {
    match usize::try_from(done) {
        Ok(done) if done == asked => Ok(()),
        Ok(_) => Err(Errno::EFAULT.into()),
        Err(_) => Err(std::io::Error::last_os_error().into()),
    }
}
