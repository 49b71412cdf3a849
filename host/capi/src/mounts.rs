//! Volumes.

use std::ffi::{c_char, c_int, c_ulong};

use nxvfs::plugin::params::parse_assignments;
use nxvfs::{Errno, MountOptions};

use crate::call::{answer, utf8};
use crate::host::with_task;

/// Linux's number.
const MS_RDONLY: c_ulong = 1;

/// Mounts a volume.
///
/// # Safety
/// Each pointer is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_mount(
    source: *const c_char,
    target: *const c_char,
    fs: *const c_char,
    flags: c_ulong,
    data: *const c_char,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word, here and below.
        let (target, fs) = unsafe { (utf8(target)?, utf8(fs)?) };
        // SAFETY: as above.
        let optional = |p: *const c_char| if p.is_null() { Ok(None) } else { unsafe { utf8(p) }.map(Some) };
        let (source, data) =
            (optional(source)?.filter(|s| !s.is_empty()), optional(data)?.unwrap_or_default());
        if flags & !MS_RDONLY != 0 {
            return Err(Errno::EINVAL.into());
        }
        let mut options = MountOptions::parse(parse_assignments(data))?;
        options.read_only |= flags & MS_RDONLY != 0;
        with_task(|task| task.host().mount(source, target, fs, &options).map(drop))?;
        Ok(0)
    })
}

/// Unmounts a volume.
///
/// # Safety
/// `target` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_umount2(target: *const c_char, flags: c_int) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let target = unsafe { utf8(target) }?;
        if flags != 0 {
            return Err(Errno::EINVAL.into());
        }
        with_task(|task| task.host().unmount(target))?;
        Ok(0)
    })
}
