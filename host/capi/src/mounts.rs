//! Volumes.

use std::borrow::Cow;
use std::ffi::{c_char, c_int, c_ulong};

use nxvfs::plugin::params::parse_assignments;
use nxvfs::tree::{MountFlags, UnmountFlags};
use nxvfs::{Errno, MountOptions, Result, Task};

use crate::call::{answer, optional, utf8};
use crate::host::with_task;

/// The flags that are known, with Linux's numbers.
const KNOWN: u32 = MountFlags::RDONLY
    | MountFlags::NOSUID
    | MountFlags::NODEV
    | MountFlags::NOEXEC
    | MountFlags::SYNCHRONOUS
    | MountFlags::REMOUNT
    | MountFlags::DIRSYNC
    | MountFlags::NOATIME
    | MountFlags::RELATIME;

/// A path from the root on: the host knows no working directory. Errors: EINVAL it is not UTF-8.
fn absolute<'a>(task: &Task, path: &'a str) -> Result<Cow<'a, str>> {
    if path.starts_with('/') || path.is_empty() {
        return Ok(path.into());
    }
    let cwd = String::from_utf8(task.getcwd()).map_err(|_| Errno::EINVAL)?;
    Ok(format!("{}/{path}", cwd.trim_end_matches('/')).into())
}

/// Mounts a volume, or changes its options.
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
        let (source, data) = unsafe { (optional(source)?, optional(data)?) };
        let (source, data) = (source.filter(|s| !s.is_empty()), data.unwrap_or_default());
        let flags = u32::try_from(flags).ok().filter(|flags| flags & !KNOWN == 0).ok_or(Errno::EINVAL)?;
        let mut options = MountOptions::parse(parse_assignments(data))?;
        options.flags.set |= flags;
        with_task(|task| {
            let target = absolute(task, target)?;
            match options.remount() {
                true => task.host().remount(&target, &options),
                false => task.host().mount(source, &target, fs, &options).map(drop),
            }
        })?;
        Ok(0)
    })
}

/// Unmounts a volume that nobody uses.
///
/// # Safety
/// `target` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_umount(target: *const c_char) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_umount2(target, 0) }
}

/// Unmounts a volume, in a way that the flags say.
///
/// # Safety
/// `target` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_umount2(target: *const c_char, flags: c_int) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let target = unsafe { utf8(target) }?;
        with_task(|task| task.host().unmount_with(&absolute(task, target)?, UnmountFlags(flags as u32)))?;
        Ok(0)
    })
}
