//! The services that the fake host offers, and what drivers say on the way to a failure.

use std::cell::RefCell;
use std::sync::Once;
use std::time::{SystemTime, UNIX_EPOCH};

use nxvfs_abi::block::{Geometry, GeometryOut, XIP_WRITABLE, XipGrant, XipGrantOut};
use nxvfs_abi::services::{ErrorTextIn, SERVICES_STATIC, Services, ServicesIn, clock as clocks};
use nxvfs_abi::{ABI_MAJOR, ABI_MINOR, Errno, Grow, Str, Timespec, grow};

use super::{Error, Result, Sentence, device, vfs_file, waiter};
use crate::{guard, host};

/// Marks this table among services tables; a real host never sets it.
const SERVICES_FAKE: u32 = 1 << 31;

static TABLE: Services = Services {
    size: size_of::<Services>() as u32,
    flags: SERVICES_STATIC | SERVICES_FAKE,
    abi_major: ABI_MAJOR,
    abi_minor: ABI_MINOR,
    log_level: nxvfs_abi::services::level::TRACE,
    log: Some(log),
    clock: Some(clock),
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
    invalidate_entry: None,
    invalidate_node: None,
    wake: Some(wake),
    file_len: Some(file_len),
    file_sync: Some(file_sync),
    file_discard: Some(file_discard),
};

/// What the call on this thread has said so far.
#[derive(Default)]
struct Said {
    sentence: Option<Sentence>,
    panic: Option<String>,
}

thread_local! {
    static SAID: RefCell<Said> = RefCell::default();
}

/// Makes the fake host's services those of this process.
fn adopt() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the table is a static.
        unsafe { host::adopt(ServicesIn(&raw const TABLE)) };
    });
    let ours = host::services().is_some_and(|s| s.flags & SERVICES_FAKE != 0);
    assert!(
        ours,
        "a process has either a real host or the fake one: move this test into a binary of its own"
    );
}

/// Calls a driver's function: its answer, or its failure with the sentence that it reported. A panic that the driver
/// caught at the boundary goes on here, so that no test takes it for a refusal.
#[track_caller]
pub(super) fn call(body: impl FnOnce() -> i64) -> Result<u64> {
    adopt();
    SAID.take();
    let answer = body();
    let said = SAID.take();
    if let Some(panic) = said.panic {
        panic!("the driver panicked: {panic}");
    }
    Errno::check(answer).map_err(|errno| Error::new(errno, said.sentence.unwrap_or_default()))
}

/// As [`call`], for functions that answer an `i32`.
#[track_caller]
pub(super) fn call_unit(body: impl FnOnce() -> i32) -> Result<()> {
    call(|| i64::from(body())).map(|_| ())
}

/// # Safety
/// As [`Str::bytes`].
unsafe fn text(s: Str) -> String {
    // SAFETY: passed on to the caller.
    String::from_utf8_lossy(unsafe { s.bytes() }.unwrap_or(b"")).into_owned()
}

// The functions below are called by the SDK only, which keeps the contract of each slot: buffers and strings are
// valid for the call. "By the contract" leans on that.

unsafe extern "C" fn report_error(wire: ErrorTextIn) {
    // SAFETY: by the contract.
    let Some(wire) = (unsafe { grow::read(wire.0) }) else { return };
    // SAFETY: by the contract.
    let sentence = unsafe {
        Sentence {
            what: text(wire.what),
            place: text(wire.place),
            expected: text(wire.expected),
            found: text(wire.found),
            remedy: text(wire.remedy),
        }
    };
    SAID.with_borrow_mut(|said| said.sentence = Some(sentence));
}

unsafe extern "C" fn report_panic(message: Str) {
    // SAFETY: by the contract.
    let message = unsafe { text(message) };
    SAID.with_borrow_mut(|said| said.panic = Some(message));
}

unsafe extern "C" fn log(level: u32, target: Str, message: Str, _file: Str, _line: u32) {
    // SAFETY: by the contract.
    let (target, message) = unsafe { (text(target), text(message)) };
    eprintln!("[{level}] plugin::{target}: {message}");
}

unsafe extern "C" fn clock(which: u32, out: *mut Timespec) -> i32 {
    let now = match which {
        clocks::REALTIME | clocks::REALTIME_COARSE => SystemTime::now().duration_since(UNIX_EPOCH),
        clocks::MONOTONIC => {
            static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
            Ok(START.get_or_init(std::time::Instant::now).elapsed())
        }
        _ => return Errno::EINVAL.wire(),
    };
    let now = now.unwrap_or_default();
    let time =
        Timespec { seconds: now.as_secs() as i64, nanoseconds: now.subsec_nanos(), ..Timespec::default() };
    // SAFETY: by the contract.
    unsafe { out.write(time) };
    0
}

unsafe extern "C" fn wake(token: u64, events: u32) -> i32 {
    if waiter::wake(token, events) { 0 } else { Errno::EBADF.wire() }
}

/// The answer of a service about a device.
fn answer(result: std::result::Result<i64, Errno>) -> i64 {
    result.unwrap_or_else(|errno| i64::from(errno.wire()))
}

unsafe extern "C" fn device_geometry(token: u64, out: GeometryOut) -> i32 {
    answer(device::find(token).map(|device| {
        let geometry: Geometry = device.geometry();
        // SAFETY: by the contract.
        unsafe { grow::fill(out.0, &geometry) };
        0
    })) as i32
}

unsafe extern "C" fn device_read(token: u64, offset: u64, buf: *mut u8, len: usize, _flags: u32) -> i64 {
    answer(device::find(token).and_then(|device| {
        // SAFETY: by the contract.
        let buf = unsafe { guard::buffer_mut(buf, len) }.map_err(|_| Errno::EFAULT)?;
        device.serve_read(offset, buf).map(|()| len as i64)
    }))
}

unsafe extern "C" fn device_write(token: u64, offset: u64, buf: *const u8, len: usize, _flags: u32) -> i64 {
    answer(device::find(token).and_then(|device| {
        // SAFETY: by the contract.
        let buf = unsafe { guard::buffer(buf, len) }.map_err(|_| Errno::EFAULT)?;
        device.serve_write(offset, buf).map(|()| len as i64)
    }))
}

unsafe extern "C" fn device_flush(token: u64) -> i32 {
    let flushed = device::find(token).map(|device| device.note(|| device::Record::Flush));
    answer(flushed.map(|()| 0)) as i32
}

unsafe extern "C" fn device_barrier(token: u64) -> i32 {
    let ordered = device::find(token).map(|device| device.note(|| device::Record::Barrier));
    answer(ordered.map(|()| 0)) as i32
}

unsafe extern "C" fn device_discard(token: u64, offset: u64, len: u64) -> i32 {
    answer(device::find(token).and_then(|device| device.serve_discard(offset, len)).map(|()| 0)) as i32
}

unsafe extern "C" fn device_xip(token: u64, out: XipGrantOut) -> i32 {
    answer(device::find(token).and_then(|device| {
        let memory = device.granted().ok_or(Errno::ENXIO)?;
        let grant = XipGrant {
            flags: if device.is_read_only() { 0 } else { XIP_WRITABLE },
            base: memory.base(),
            len_bytes: memory.len() as u64,
            memory_fd: memory.raw_fd(),
            ..Grow::empty()
        };
        // SAFETY: by the contract.
        unsafe { grow::fill(out.0, &grant) };
        Ok(0)
    })) as i32
}

unsafe extern "C" fn file_read(token: u64, offset: u64, buf: *mut u8, len: usize) -> i64 {
    answer(vfs_file::find(token).and_then(|file| {
        // SAFETY: by the contract.
        let buf = unsafe { guard::buffer_mut(buf, len) }.map_err(|_| Errno::EFAULT)?;
        file.serve_read(offset, buf).map(|done| done as i64)
    }))
}

unsafe extern "C" fn file_write(token: u64, offset: u64, buf: *const u8, len: usize) -> i64 {
    answer(vfs_file::find(token).and_then(|file| {
        // SAFETY: by the contract.
        let buf = unsafe { guard::buffer(buf, len) }.map_err(|_| Errno::EFAULT)?;
        file.serve_write(offset, buf).map(|done| done as i64)
    }))
}

unsafe extern "C" fn file_len(token: u64) -> i64 {
    answer(vfs_file::find(token).map(|file| file.serve_len() as i64))
}

unsafe extern "C" fn file_sync(token: u64, _data_only: u32) -> i32 {
    answer(vfs_file::find(token).and_then(|file| file.serve_sync()).map(|()| 0)) as i32
}

unsafe extern "C" fn file_discard(token: u64, offset: u64, len: u64) -> i32 {
    answer(vfs_file::find(token).and_then(|file| file.serve_discard(offset, len)).map(|()| 0)) as i32
}
