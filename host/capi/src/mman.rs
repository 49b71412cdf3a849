//! `sys/mman.h`: views of the host's files; memory that is no view is the operating system's. A range may have both.

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::ptr::with_exposed_provenance_mut;

use nxvfs::mapping::{MapRequest, Prot, Sync};
use nxvfs::{Errno, Result};

use crate::call::{caught, done, fail, os_errno};
use crate::host::with_task;
use crate::window::ours;

/// A range of addresses, by whose pages they are.
struct Parts {
    views: Vec<Range<usize>>,
    others: Vec<Range<usize>>,
}

impl Parts {
    /// Without a host there are no views.
    fn of(address: *mut c_void, len: usize) -> Self {
        let at = address.expose_provenance();
        let views = caught(|| with_task(|task| Ok(task.mapped_within(at, len)))).unwrap_or_default();
        if views.is_empty() {
            return Self { views, others: Vec::new() };
        }
        let page = page();
        let end = at.saturating_add(len).checked_next_multiple_of(page).unwrap_or(at);
        let (mut others, mut from) = (Vec::new(), at - at % page);
        for view in views.iter().cloned().chain(std::iter::once(end..end)) {
            if from < view.start {
                others.push(from..view.start);
            }
            from = view.end;
        }
        Self { views, others }
    }

    fn has_views(&self) -> bool {
        !self.views.is_empty()
    }

    /// Does something with the operating system's pages. Errors: what it left in errno.
    fn each_other(&self, body: impl Fn(*mut c_void, usize) -> c_int) -> Result<()> {
        self.others.iter().try_for_each(|pages| match body(at(pages.start), pages.len()) {
            0 => Ok(()),
            _ => Err(os_errno()),
        })
    }

    fn each_view(&self, body: impl Fn(usize, usize) -> Result<()>) -> Result<()> {
        self.views.iter().try_for_each(|pages| body(pages.start, pages.len()))
    }
}

fn at(address: usize) -> *mut c_void {
    with_exposed_provenance_mut(address)
}

fn page() -> usize {
    // SAFETY: asks only.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Errors: EINVAL.
fn aligned(address: *mut c_void) -> Result<()> {
    if address.addr().is_multiple_of(page()) { Ok(()) } else { Err(Errno::EINVAL.into()) }
}

/// `mmap` of the operating system over views: they end only if it can be.
///
/// # Safety
/// As [`nx_mmap`].
unsafe fn over_views(
    address: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> Result<*mut c_void> {
    aligned(address)?;
    let map = |address: *mut c_void, flags: c_int| {
        // SAFETY: the caller's word, and for a place of the kernel's choice nothing is needed.
        let mapped = unsafe { libc::mmap(address, len, prot, flags, fd, offset) };
        if mapped == libc::MAP_FAILED { Err(os_errno()) } else { Ok(mapped) }
    };
    // Whatever is wrong with it comes out elsewhere first.
    let tried = map(std::ptr::null_mut(), flags & !libc::MAP_FIXED)?;
    // SAFETY: mapped just now.
    unsafe { libc::munmap(tried, len) };
    let parts = Parts::of(address, len);
    let gone = with_task(|task| Ok(task.give_up_pages(address.expose_provenance(), len)));
    let mapped = map(address, flags);
    if mapped.is_err() {
        // SAFETY: pages of views that were given up.
        let unmapped = parts.each_view(|from, len| unsafe {
            libc::munmap(at(from), len);
            Ok(())
        });
        drop(unmapped);
    }
    drop(gone);
    mapped
}

/// POSIX `mmap`.
///
/// # Safety
/// As the C library's: with `MAP_FIXED` nobody uses what is at the address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mmap(
    address: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    let fixed = flags & libc::MAP_FIXED != 0 && flags & libc::MAP_FIXED_NOREPLACE == 0;
    let host = if flags & libc::MAP_ANONYMOUS != 0 { None } else { ours(fd) };
    let Some(fd) = host else {
        if fixed && Parts::of(address, len).has_views() {
            // SAFETY: the caller's word.
            return caught(|| unsafe { over_views(address, len, prot, flags, fd, offset) }).unwrap_or_else(
                |e| {
                    fail(e);
                    libc::MAP_FAILED
                },
            );
        }
        // SAFETY: the caller's word.
        return unsafe { libc::mmap(address, len, prot, flags, fd, offset) };
    };
    let mapped = caught(|| {
        with_task(|task| {
            task.file(fd)?;
            let offset = u64::try_from(offset).map_err(|_| Errno::EINVAL)?;
            let (prot, flags) = (prot as u32, flags as u32);
            let request = MapRequest::from_posix(address.expose_provenance(), len, prot, flags, offset)?;
            task.mmap(fd, &request)
        })
    });
    match mapped {
        Ok(at) => with_exposed_provenance_mut(at),
        Err(e) => {
            fail(e);
            libc::MAP_FAILED
        }
    }
}

/// POSIX `munmap`.
///
/// # Safety
/// Nobody uses what is at the address.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_munmap(address: *mut c_void, len: usize) -> c_int {
    let parts = Parts::of(address, len);
    if len == 0 || !parts.has_views() {
        // SAFETY: the caller's word.
        return unsafe { libc::munmap(address, len) };
    }
    done(|| {
        if !parts.others.is_empty() {
            aligned(address)?;
        }
        // First what can fail. SAFETY: the caller's word.
        parts.each_other(|from, len| unsafe { libc::munmap(from, len) })?;
        parts.each_view(|from, len| with_task(|task| task.munmap(from, len)))
    })
}

/// Linux `mremap`, of the operating system's pages. The fourth argument is an `int`, the fifth, which C declares as variable, a
/// pointer: a register in both cases.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mremap(
    old: *mut c_void,
    old_len: usize,
    new_len: usize,
    flags: c_int,
    new: *mut c_void,
) -> *mut c_void {
    let fixed = flags & libc::MREMAP_FIXED != 0;
    // Of an old length of 0 a second mapping is made.
    if Parts::of(old, old_len.max(1)).has_views() || fixed && Parts::of(new, new_len).has_views() {
        fail(Errno::EINVAL.into());
        return libc::MAP_FAILED;
    }
    // SAFETY: the caller's word.
    unsafe { libc::mremap(old, old_len, new_len, flags, new) }
}

/// POSIX `mprotect`.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mprotect(address: *mut c_void, len: usize, prot: c_int) -> c_int {
    let parts = Parts::of(address, len);
    if !parts.has_views() {
        // SAFETY: the caller's word.
        return unsafe { libc::mprotect(address, len, prot) };
    }
    done(|| {
        aligned(address)?;
        let of_views = Prot::from_bits(prot as u32)?;
        with_task(|task| task.may_protect(address.expose_provenance(), len, of_views))?;
        // It does nothing but say whether all pages are mapped. SAFETY: asks only.
        parts.each_other(|from, len| unsafe { libc::msync(from, len, libc::MS_ASYNC) })?;
        // SAFETY: the caller's word.
        parts.each_other(|from, len| unsafe { libc::mprotect(from, len, prot) })?;
        parts.each_view(|from, len| with_task(|task| task.mprotect(from, len, of_views)))
    })
}

/// POSIX `msync`.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_msync(address: *mut c_void, len: usize, flags: c_int) -> c_int {
    let parts = Parts::of(address, len);
    if !parts.has_views() {
        // SAFETY: the caller's word.
        return unsafe { libc::msync(address, len, flags) };
    }
    done(|| {
        let how = sync_flags(flags)?;
        aligned(address)?;
        let of_views = parts.each_view(|from, len| with_task(|task| task.msync(from, len, how)));
        // Whatever became of those. SAFETY: the caller's word.
        let of_others = parts.each_other(|from, len| unsafe { libc::msync(from, len, flags) });
        of_views.and(of_others)
    })
}

/// `MS_INVALIDATE` changes nothing: all views of a file show the same. Errors: EINVAL both or unknown flags.
fn sync_flags(flags: c_int) -> Result<Sync> {
    match flags & !libc::MS_INVALIDATE {
        0 | libc::MS_ASYNC => Ok(Sync::Async),
        libc::MS_SYNC => Ok(Sync::Full),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Linux `madvise`. Of views the advice that changes nothing they show is given on.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_madvise(address: *mut c_void, len: usize, advice: c_int) -> c_int {
    let harmless = (libc::MADV_NORMAL..=libc::MADV_WILLNEED).contains(&advice);
    let parts = Parts::of(address, len);
    if parts.has_views() && !harmless {
        return done(|| {
            aligned(address)?;
            if advice != libc::MADV_DONTNEED {
                return Err(Errno::EINVAL.into());
            }
            // SAFETY: the caller's word.
            parts.each_other(|from, len| unsafe { libc::madvise(from, len, advice) })
        });
    }
    // SAFETY: the caller's word.
    unsafe { libc::madvise(address, len, advice) }
}

/// POSIX `posix_madvise`.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_posix_madvise(address: *mut c_void, len: usize, advice: c_int) -> c_int {
    // The C library's asks the kernel for nothing that changes what pages show.
    // SAFETY: the caller's word.
    unsafe { libc::posix_madvise(address, len, advice) }
}
