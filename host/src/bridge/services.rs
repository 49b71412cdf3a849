//! The services table: C functions by which plugins ask the host. Each finds its object by token and guards against
//! a panic of the host's own, which must not cross either.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use log::{Level, Record};
use nxvfs_abi::block::{Geometry, GeometryOut, XIP_WRITABLE, XipGrant, XipGrantOut};
use nxvfs_abi::services::{ErrorTextIn, SERVICES_STATIC, Services, clock, level};
use nxvfs_abi::{ABI_MAJOR, ABI_MINOR, Errno, Grow, Str, Timespec, grow};
use rustix::time::{ClockId, clock_gettime};

use super::frame::Frame;
use super::tokens::{DeviceService, FileService, MountService, Target, find};
use crate::base::sync::Arc;
use crate::base::{Detail, Result};

/// The table for plugins that are loaded, or for those that are linked statically.
pub(super) fn table(linked_statically: bool) -> *const Services {
    static LOADED: OnceLock<Services> = OnceLock::new();
    static LINKED: OnceLock<Services> = OnceLock::new();
    let (cell, flags) = if linked_statically { (&LINKED, SERVICES_STATIC) } else { (&LOADED, 0) };
    cell.get_or_init(|| Services {
        size: size_of::<Services>() as u32,
        flags,
        abi_major: ABI_MAJOR,
        abi_minor: ABI_MINOR,
        log_level: crate::base::log::level(),
        log: Some(log_line),
        clock: Some(read_clock),
        report_error: Some(report_error),
        report_panic: Some(report_panic),
        device_geometry: Some(device_geometry),
        device_read: Some(device_read),
        device_write: Some(device_write),
        device_flush: Some(device_flush),
        device_barrier: Some(device_barrier),
        device_discard: Some(device_discard),
        device_xip: Some(device_xip),
        file_read: Some(file_read),
        file_write: Some(file_write),
        invalidate_entry: Some(invalidate_entry),
        invalidate_node: Some(invalidate_node),
        wake: Some(wake),
        file_len: Some(file_len),
        file_sync: Some(file_sync),
        file_discard: Some(file_discard),
    })
}

fn guard(body: impl FnOnce() -> Result<i64>) -> i64 {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(error)) => {
            // The reason travels with the call, in case the plugin fails with it.
            Frame::report(error.detail().into_owned());
            i64::from(error.errno().wire())
        }
        Err(_) => i64::from(Errno::EIO.wire()),
    }
}

fn unit(body: impl FnOnce() -> Result<()>) -> i32 {
    guard(|| body().map(|()| 0)) as i32
}

fn device(token: u64) -> Result<Arc<dyn DeviceService>> {
    match find(token)? {
        Target::Device(device) => Ok(device),
        _ => Err(Errno::EBADF.into()),
    }
}

fn mount(token: u64) -> Result<Arc<dyn MountService>> {
    match find(token)? {
        Target::Mount(mount) => Ok(mount),
        _ => Err(Errno::EBADF.into()),
    }
}

fn file(token: u64) -> Result<Arc<dyn FileService>> {
    match find(token)? {
        Target::File(file) => Ok(file),
        _ => Err(Errno::EBADF.into()),
    }
}

/// A plugin's text, cut to what a line can bear.
///
/// # Safety
/// As [`Str::bytes`].
unsafe fn text(s: Str) -> String {
    const LONGEST: usize = 4096;
    // SAFETY: the caller's.
    let bytes = unsafe { s.bytes() }.unwrap_or(b"");
    String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST)]).into_owned()
}

unsafe extern "C" fn log_line(level: u32, target: Str, message: Str, file: Str, line: u32) {
    let _ = catch_unwind(|| {
        let level = match level {
            level::ERROR => Level::Error,
            level::WARN => Level::Warn,
            level::INFO => Level::Info,
            level::DEBUG => Level::Debug,
            _ => Level::Trace,
        };
        if level > log::max_level() {
            return;
        }
        // SAFETY: the plugin vouches for its strings during the call.
        let (target, message, file) = unsafe { (text(target), text(message), text(file)) };
        log::logger().log(
            &Record::builder()
                .level(level)
                .target(&format!("plugin::{target}"))
                .file((!file.is_empty()).then_some(&file))
                .line((line != 0).then_some(line))
                .args(format_args!("{message}"))
                .build(),
        );
    });
}

unsafe extern "C" fn read_clock(which: u32, out: *mut Timespec) -> i32 {
    let id = match which {
        clock::REALTIME => ClockId::Realtime,
        clock::MONOTONIC => ClockId::Monotonic,
        clock::REALTIME_COARSE => ClockId::RealtimeCoarse,
        _ => return Errno::EINVAL.wire(),
    };
    if out.is_null() {
        return Errno::EFAULT.wire();
    }
    let now = clock_gettime(id);
    // SAFETY: not null; the plugin vouches that it is writable.
    unsafe { out.write(Timespec { seconds: now.tv_sec, nanoseconds: now.tv_nsec as u32, reserved: 0 }) };
    0
}

unsafe extern "C" fn report_error(report: ErrorTextIn) {
    let _ = catch_unwind(|| {
        // SAFETY: the plugin vouches for the struct during the call.
        let Some(report) = (unsafe { grow::read(report.0) }) else { return };
        // SAFETY: and for its strings.
        let [what, place, expected, found, remedy] = unsafe {
            [report.what, report.place, report.expected, report.found, report.remedy].map(|s| text(s))
        };
        Frame::report(Detail {
            what: what.into(),
            place: place.into(),
            expected: expected.into(),
            found: found.into(),
            remedy: remedy.into(),
        });
    });
}

unsafe extern "C" fn report_panic(message: Str) {
    let _ = catch_unwind(|| {
        // SAFETY: the plugin vouches for the string during the call.
        Frame::panicked(&unsafe { text(message) });
    });
}

unsafe extern "C" fn device_geometry(token: u64, out: GeometryOut) -> i32 {
    unit(|| {
        let geometry: Geometry = device(token)?.geometry();
        // SAFETY: the plugin vouches for the struct.
        unsafe { grow::fill(out.0, &geometry) };
        Ok(())
    })
}

/// A plugin's buffer that is filled.
///
/// # Safety
/// `buf` is null or leads to `len` writable bytes that nobody else uses during `'a`.
unsafe fn buffer<'a>(buf: *mut u8, len: usize) -> Result<&'a mut [u8]> {
    if len == 0 {
        return Ok(&mut []);
    }
    if buf.is_null() || len > isize::MAX as usize {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: not null, length in range, and the caller vouches for the bytes.
    Ok(unsafe { std::slice::from_raw_parts_mut(buf, len) })
}

unsafe extern "C" fn device_read(token: u64, offset: u64, buf: *mut u8, len: usize, flags: u32) -> i64 {
    guard(|| {
        // SAFETY: the plugin vouches for `len` writable bytes during the call.
        device(token)?.read(offset, unsafe { buffer(buf, len) }?, flags)?;
        Ok(len as i64)
    })
}

unsafe extern "C" fn device_write(token: u64, offset: u64, buf: *const u8, len: usize, flags: u32) -> i64 {
    guard(|| {
        // SAFETY: the plugin vouches for `len` readable bytes during the call.
        let bytes = unsafe { Str { ptr: buf, len }.bytes() }.ok_or(Errno::EFAULT)?;
        device(token)?.write(offset, bytes, flags)?;
        Ok(len as i64)
    })
}

unsafe extern "C" fn device_flush(token: u64) -> i32 {
    unit(|| device(token)?.flush())
}

unsafe extern "C" fn device_barrier(token: u64) -> i32 {
    unit(|| device(token)?.barrier())
}

unsafe extern "C" fn device_discard(token: u64, offset: u64, len: u64) -> i32 {
    unit(|| device(token)?.discard(offset, len))
}

unsafe extern "C" fn device_xip(token: u64, out: XipGrantOut) -> i32 {
    unit(|| {
        let grant = device(token)?.xip().ok_or(Errno::ENXIO)?;
        let wire = XipGrant {
            flags: if grant.writable { XIP_WRITABLE } else { 0 },
            base: grant.base as *mut u8,
            len_bytes: grant.len_bytes,
            // The memory object is the host's business: its flag stays unset.
            ..Grow::empty()
        };
        // SAFETY: the plugin vouches for the struct.
        unsafe { grow::fill(out.0, &wire) };
        Ok(())
    })
}

unsafe extern "C" fn file_read(token: u64, offset: u64, buf: *mut u8, len: usize) -> i64 {
    // SAFETY: the plugin vouches for `len` writable bytes during the call.
    guard(|| Ok(file(token)?.read(offset, unsafe { buffer(buf, len) }?)? as i64))
}

unsafe extern "C" fn file_write(token: u64, offset: u64, buf: *const u8, len: usize) -> i64 {
    guard(|| {
        // SAFETY: the plugin vouches for `len` readable bytes during the call.
        let bytes = unsafe { Str { ptr: buf, len }.bytes() }.ok_or(Errno::EFAULT)?;
        Ok(file(token)?.write(offset, bytes)? as i64)
    })
}

unsafe extern "C" fn file_len(token: u64) -> i64 {
    guard(|| i64::try_from(file(token)?.len_bytes()?).map_err(|_| Errno::EOVERFLOW.into()))
}

unsafe extern "C" fn file_sync(token: u64, data_only: u32) -> i32 {
    unit(|| file(token)?.sync(data_only != 0))
}

unsafe extern "C" fn file_discard(token: u64, offset: u64, len: u64) -> i32 {
    unit(|| file(token)?.discard(offset, len))
}

unsafe extern "C" fn invalidate_entry(token: u64, dir: u64, name: Str) -> i32 {
    unit(|| {
        // SAFETY: the plugin vouches for the string during the call.
        let name = unsafe { name.bytes() }.ok_or(Errno::EFAULT)?;
        mount(token)?.invalidate_entry(dir, name);
        Ok(())
    })
}

unsafe extern "C" fn invalidate_node(token: u64, node: u64, offset: u64, len: u64) -> i32 {
    unit(|| {
        mount(token)?.invalidate_node(node, offset, len);
        Ok(())
    })
}

unsafe extern "C" fn wake(waiter: u64, events: u32) -> i32 {
    unit(|| Ok(crate::base::wait::wake(waiter, events)?))
}
