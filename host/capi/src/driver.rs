//! Character drivers of the program's own.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use nxvfs::base::wait::{Relay, wake};
use nxvfs::bridge::CheckedGrant;
use nxvfs::device::{Openable, Stream};
use nxvfs::{Errno, Result};
use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLIN, POLLOUT};

use crate::call::{done, fill, utf8};
use crate::host::with_task;
use crate::ioctl::{Shape, shape};

/// `nx_memory` of C.
#[repr(C)]
pub struct Memory {
    fd: c_int,
    writable: c_int,
    offset: i64,
    len: usize,
}

/// `nx_driver` of C: size first, so that a program built with a shorter one goes on working.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Driver {
    size: usize,
    open: Option<unsafe extern "C" fn(arg: *mut c_void, flags: c_int, file: *mut *mut c_void) -> c_int>,
    close: Option<unsafe extern "C" fn(arg: *mut c_void, file: *mut c_void)>,
    read: Option<
        unsafe extern "C" fn(*mut c_void, file: *mut c_void, buf: *mut c_void, len: usize, at: i64) -> isize,
    >,
    write: Option<
        unsafe extern "C" fn(
            *mut c_void,
            file: *mut c_void,
            buf: *const c_void,
            len: usize,
            at: i64,
        ) -> isize,
    >,
    length: Option<unsafe extern "C" fn(arg: *mut c_void, file: *mut c_void) -> i64>,
    ioctl: Option<
        unsafe extern "C" fn(arg: *mut c_void, file: *mut c_void, command: c_uint, argument: usize) -> c_int,
    >,
    poll: Option<unsafe extern "C" fn(arg: *mut c_void, file: *mut c_void) -> c_int>,
    mmap: Option<unsafe extern "C" fn(arg: *mut c_void, file: *mut c_void, memory: *mut Memory) -> c_int>,
}

/// A node that a driver of the program's made.
struct Node {
    driver: Driver,
    arg: *mut c_void,
    /// Who waits for news of the node.
    relay: Relay,
}

// SAFETY: the program promises that its functions may be called from any thread with this argument.
unsafe impl Send for Node {}
// SAFETY: as above, and that calls may overlap.
unsafe impl Sync for Node {}

/// What `register` hands the host.
struct Registered(Arc<Node>);

/// One opening.
struct Opening {
    node: Arc<Node>,
    file: *mut c_void,
}

// SAFETY: what the program's `open` answered is its own matter, under the same promise.
unsafe impl Send for Opening {}
// SAFETY: as above.
unsafe impl Sync for Opening {}

/// A count that a driver answered, at most what was asked for. Errors: the driver's; EIO more than that.
fn count(answer: isize, asked: usize) -> Result<usize> {
    match usize::try_from(answer) {
        Ok(count) if count <= asked => Ok(count),
        Ok(_) => Err(Errno::EIO.into()),
        Err(_) => Err(failure(answer as i64)),
    }
}

/// The errno of a negative answer.
fn failure(answer: i64) -> nxvfs::Error {
    let errno = answer.checked_neg().and_then(|errno| i32::try_from(errno).ok());
    errno.and_then(Errno::new).unwrap_or(Errno::EIO).into()
}

impl Openable for Registered {
    fn open(&self, _ctx: &Ctx, flags: u32) -> Result<Arc<dyn Stream>> {
        let (node, mut file) = (self.0.clone(), std::ptr::null_mut());
        if let Some(open) = node.driver.open {
            // SAFETY: the program's function with its argument, and a place for one pointer.
            match unsafe { open(node.arg, flags as c_int, &raw mut file) } {
                answer if answer < 0 => return Err(failure(answer.into())),
                _ => {}
            }
        }
        Ok(Arc::new(Opening { node, file }))
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(close) = self.node.driver.close {
            // SAFETY: the program's function with its arguments, once for each opening.
            unsafe { close(self.node.arg, self.file) }
        }
    }
}

impl Stream for Opening {
    fn read(&self, _ctx: &Ctx, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let read = self.node.driver.read.ok_or(Errno::EINVAL)?;
        let len = buf.len();
        // SAFETY: the program's function with its arguments, and memory of this length.
        count(unsafe { read(self.node.arg, self.file, buf.as_mut_ptr().cast(), len, offset as i64) }, len)
    }

    fn write(&self, _ctx: &Ctx, offset: u64, buf: &[u8], flags: u32) -> Result<usize> {
        let write = self.node.driver.write.ok_or(Errno::EINVAL)?;
        let append = flags & nxvfs_abi::types::open::O_APPEND != 0 && self.has_position();
        let at = if append { self.len_bytes() } else { offset };
        let len = buf.len();
        // SAFETY: as above.
        count(unsafe { write(self.node.arg, self.file, buf.as_ptr().cast(), len, at as i64) }, len)
    }

    fn has_position(&self) -> bool {
        self.node.driver.length.is_some()
    }

    fn len_bytes(&self) -> u64 {
        // SAFETY: as above.
        let told = self.node.driver.length.map_or(0, |length| unsafe { length(self.node.arg, self.file) });
        u64::try_from(told).unwrap_or(0)
    }

    fn poll(&self, _ctx: &Ctx, waiter: u64) -> Result<u32> {
        let Some(poll) = self.node.driver.poll else { return Ok(POLLIN | POLLOUT) };
        // First armed, then asked: no news get lost in between.
        self.node.relay.queue().arm(waiter);
        // SAFETY: as above.
        let told = unsafe { poll(self.node.arg, self.file) };
        u32::try_from(told).map_err(|_| failure(told.into()))
    }

    fn waits(&self) -> bool {
        self.node.driver.poll.is_some()
    }

    fn ioctl(&self, _ctx: &Ctx, command: u32, arg: &mut [u8]) -> Result<u64> {
        let ioctl = self.node.driver.ioctl.ok_or(Errno::ENOTTY)?;
        let argument = match shape(command) {
            Shape::Value => match (arg.first_chunk::<8>(), arg.first_chunk::<4>()) {
                (Some(value), _) => usize::from_ne_bytes(*value),
                (None, Some(value)) => u32::from_ne_bytes(*value) as usize,
                (None, None) => 0,
            },
            // A user in Rust may give less than the driver may use.
            Shape::Memory(len) | Shape::Sized(len) if arg.len() < len => return Err(Errno::EINVAL.into()),
            _ => arg.as_mut_ptr().expose_provenance(),
        };
        // SAFETY: as above, with memory as long as the command says.
        let answer = unsafe { ioctl(self.node.arg, self.file, command, argument) };
        u64::try_from(answer).map_err(|_| failure(answer.into()))
    }

    fn memory(&self) -> Option<CheckedGrant> {
        let mmap = self.node.driver.mmap?;
        let mut memory = Memory { fd: -1, writable: 0, offset: 0, len: 0 };
        // SAFETY: as above, and a struct to fill.
        if unsafe { mmap(self.node.arg, self.file, &raw mut memory) } < 0 {
            return None;
        }
        granted(&memory).inspect_err(|e| log::warn!("a driver's mmap: {e}")).ok()
    }
}

/// A memory object of the program's, checked and duplicated. Errors: EBADF, EINVAL.
fn granted(memory: &Memory) -> Result<CheckedGrant> {
    if memory.fd < 0 {
        return Err(Errno::EBADF.into());
    }
    // SAFETY: not -1; borrowed for the duplication only; one that is not open is answered by EBADF.
    let fd: OwnedFd = unsafe { BorrowedFd::borrow_raw(memory.fd) }.try_clone_to_owned()?;
    // SAFETY: asks only.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    let offset = u64::try_from(memory.offset).map_err(|_| Errno::EINVAL)?;
    let len_bytes = memory.len as u64;
    let size = std::fs::File::from(fd.try_clone()?).metadata()?.len().next_multiple_of(page);
    let fits = offset.checked_add(len_bytes).is_some_and(|end| end <= size);
    if len_bytes == 0 || !offset.is_multiple_of(page) || !fits {
        return Err(Errno::EINVAL.into());
    }
    // Views map the object; nobody is told an address of it.
    Ok(CheckedGrant {
        base: 0,
        len_bytes,
        writable: memory.writable != 0,
        object: Some((Arc::new(fd), offset)),
    })
}

/// Makes a character device of the program's own.
///
/// # Safety
/// `path` is null or ends in NUL; `driver` is null or as long as it says; `node` is null or has room. The functions may
/// be called with `arg` from any thread until the node is taken away and nobody has it open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_register_driver(
    path: *const c_char,
    driver: *const Driver,
    mode: u32,
    arg: *mut c_void,
    node: *mut u64,
) -> c_int {
    done(|| {
        // SAFETY: the caller's word.
        let path = unsafe { utf8(path) }?;
        // SAFETY: the caller's word.
        let driver = unsafe { copied(driver) }?;
        let made = Arc::new(Node { driver, arg, relay: Relay::new() });
        let token = made.relay.token();
        // SAFETY: the caller's word, here and below.
        let before = (!node.is_null()).then(|| unsafe { node.read() });
        if before.is_some() {
            // Before anybody can call the driver, which may need it.
            // SAFETY: as above.
            unsafe { fill(node, token) }?;
        }
        with_task(|task| task.host().register(path, Arc::new(Registered(made)), mode & 0o7777)).inspect_err(
            |_| {
                if let Some(before) = before {
                    // SAFETY: as above.
                    unsafe { node.write(before) };
                }
            },
        )
    })
}

/// A table in our own length: what the program's does not have is null. Errors: EFAULT, EINVAL no size that can be.
///
/// # Safety
/// `driver` is null or as long as it says.
unsafe fn copied(driver: *const Driver) -> Result<Driver> {
    if driver.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: not null, and at least a size.
    let size = unsafe { (&raw const (*driver).size).read() };
    if !(size_of::<usize>()..=1 << 12).contains(&size) || !size.is_multiple_of(size_of::<usize>()) {
        return Err(Errno::EINVAL.into());
    }
    // SAFETY: all null is a driver without a function.
    let mut own: Driver = unsafe { std::mem::zeroed() };
    let len = size.min(size_of::<Driver>());
    // SAFETY: both are as long as this.
    unsafe { std::ptr::copy_nonoverlapping(driver.cast::<u8>(), (&raw mut own).cast::<u8>(), len) };
    Ok(own)
}

/// Tells everyone who waits for a node that there are news.
#[unsafe(no_mangle)]
pub extern "C" fn nx_notify(node: u64, events: c_int) -> c_int {
    done(|| Ok(wake(node, events as u32)?))
}
