//! `sys/mman.h`: views of the host's files; memory that is no view is the operating system's.

use std::ffi::{c_int, c_void};
use std::ptr::with_exposed_provenance_mut;

use nxvfs::mapping::{MapRequest, Prot, Sync};
use nxvfs::{Errno, Result};

use crate::call::{caught, done, fail};
use crate::host::with_task;
use crate::window::ours;

/// Whether views of the host are there; without a host there are none.
fn touches(address: *mut c_void, len: usize) -> bool {
    caught(|| with_task(|task| Ok(task.maps(address.expose_provenance(), len)))).unwrap_or(false)
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
        if fixed && touches(address, len) {
            // The views there end as views, before something else takes their place.
            let _ = caught(|| with_task(|task| task.munmap(address.expose_provenance(), len)));
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
    if touches(address, len) {
        return done(|| with_task(|task| task.munmap(address.expose_provenance(), len)));
    }
    // SAFETY: the caller's word.
    unsafe { libc::munmap(address, len) }
}

/// POSIX `mprotect`.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mprotect(address: *mut c_void, len: usize, prot: c_int) -> c_int {
    if touches(address, len) {
        return done(|| {
            let prot = Prot::from_bits(prot as u32)?;
            with_task(|task| task.mprotect(address.expose_provenance(), len, prot))
        });
    }
    // SAFETY: the caller's word.
    unsafe { libc::mprotect(address, len, prot) }
}

/// POSIX `msync`.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_msync(address: *mut c_void, len: usize, flags: c_int) -> c_int {
    if touches(address, len) {
        return done(|| {
            let how = sync_flags(flags)?;
            with_task(|task| task.msync(address.expose_provenance(), len, how))
        });
    }
    // SAFETY: the caller's word.
    unsafe { libc::msync(address, len, flags) }
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
    if touches(address, len) && !harmless {
        return done(|| if advice == libc::MADV_DONTNEED { Ok(()) } else { Err(Errno::EINVAL.into()) });
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
