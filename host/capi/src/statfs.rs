//! `sys/statfs.h` and `sys/statvfs.h`: sizes of volumes.

use std::ffi::{c_char, c_int, c_ulong};

use nxvfs::task::StatVfs;
use nxvfs::tree::MountFlags;

use crate::call::{done, fill, on_fd, text};
use crate::host::with_task;

/// `ST_*` of C, which has `MS_RELATIME` at another place.
fn flags(of: MountFlags) -> c_ulong {
    const SAME: u32 = MountFlags::RDONLY
        | MountFlags::NOSUID
        | MountFlags::NODEV
        | MountFlags::NOEXEC
        | MountFlags::SYNCHRONOUS
        | MountFlags::NOATIME;
    let relatime = if of.has(MountFlags::RELATIME) { libc::ST_RELATIME } else { 0 };
    c_ulong::from(of.0 & SAME) | relatime
}

/// `struct statfs` of the C library, whose last fields the crate `libc` keeps to itself.
#[repr(C)]
pub struct StructStatfs {
    f_type: i64,
    f_bsize: i64,
    f_blocks: u64,
    f_bfree: u64,
    f_bavail: u64,
    f_files: u64,
    f_ffree: u64,
    f_fsid: [u32; 2],
    f_namelen: i64,
    f_frsize: i64,
    f_flags: c_ulong,
    f_spare: [i64; 4],
}

const _: () = assert!(size_of::<StructStatfs>() == size_of::<libc::statfs>());

fn struct_statfs(told: &StatVfs) -> StructStatfs {
    let sizes = &told.sizes;
    StructStatfs {
        f_type: sizes.magic.into(),
        f_bsize: sizes.block_size_bytes.into(),
        f_blocks: sizes.blocks,
        f_bfree: sizes.blocks_free,
        f_bavail: sizes.blocks_available,
        f_files: sizes.files,
        f_ffree: sizes.files_free,
        f_fsid: [sizes.volume_id as u32, (sizes.volume_id >> 32) as u32],
        f_namelen: sizes.name_max_bytes.into(),
        f_frsize: sizes.block_size_bytes.into(),
        f_flags: flags(told.flags),
        f_spare: [0; 4],
    }
}

fn struct_statvfs(told: &StatVfs) -> libc::statvfs {
    // SAFETY: a struct of numbers.
    let mut out: libc::statvfs = unsafe { std::mem::zeroed() };
    let sizes = &told.sizes;
    out.f_bsize = sizes.block_size_bytes.into();
    out.f_frsize = sizes.block_size_bytes.into();
    out.f_blocks = sizes.blocks;
    out.f_bfree = sizes.blocks_free;
    out.f_bavail = sizes.blocks_available;
    out.f_files = sizes.files;
    out.f_ffree = sizes.files_free;
    out.f_favail = sizes.files_free;
    out.f_fsid = sizes.volume_id;
    out.f_flag = flags(told.flags);
    out.f_namemax = sizes.name_max_bytes.into();
    out
}

/// Linux `statfs`.
///
/// # Safety
/// `path` is null or ends in NUL; `out` is null or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_statfs(path: *const c_char, out: *mut StructStatfs) -> c_int {
    // SAFETY: the caller's word.
    unsafe { of_path(path, out, struct_statfs) }
}

/// POSIX `statvfs`.
///
/// # Safety
/// As [`nx_statfs`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_statvfs(path: *const c_char, out: *mut libc::statvfs) -> c_int {
    // SAFETY: the caller's word.
    unsafe { of_path(path, out, struct_statvfs) }
}

/// # Safety
/// As [`nx_statfs`].
unsafe fn of_path<T>(path: *const c_char, out: *mut T, make: fn(&StatVfs) -> T) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        let told = with_task(|task| task.statvfs(path))?;
        // SAFETY: the caller's word.
        unsafe { fill(out, make(&told)) }
    })
}

/// Linux `fstatfs`.
///
/// # Safety
/// `out` is null or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fstatfs(fd: c_int, out: *mut StructStatfs) -> c_int {
    on_fd(
        fd,
        // SAFETY: the caller's word.
        |task, fd| unsafe { fill(out, struct_statfs(&task.fstatvfs(fd)?)) }.map(|()| 0),
        // SAFETY: the caller's word.
        || unsafe { libc::fstatfs(fd, out.cast()) },
    )
}

/// POSIX `fstatvfs`.
///
/// # Safety
/// `out` is null or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fstatvfs(fd: c_int, out: *mut libc::statvfs) -> c_int {
    on_fd(
        fd,
        // SAFETY: the caller's word.
        |task, fd| unsafe { fill(out, struct_statvfs(&task.fstatvfs(fd)?)) }.map(|()| 0),
        // SAFETY: the caller's word.
        || unsafe { libc::fstatvfs(fd, out) },
    )
}
