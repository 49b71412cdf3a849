//! `struct aiocb`: what a program asks for in it, and how that stands.
//!
//! The state of a request lies in the block itself, in the fields that glibc keeps for whoever does the request: so a handler of
//! signals may ask for it, without a lock, and nothing is left of a block whose result was taken. A mark, which depends on the
//! block's address, says that the state is ours; a block that was never submitted, or was copied, has none.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicI32, AtomicIsize, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nxvfs::file::{AioBuffer, AioNotice, AioOp, AioOwner, AioRequest};
use nxvfs::{Errno, Result, Task};

use crate::host::is_child;
use crate::window::ours;

/// The largest difference that a priority may make; it makes none. POSIX `AIO_PRIO_DELTA_MAX`.
const MOST_PRIORITY: c_int = 20;

/// glibc's struct.
#[repr(C)]
struct Layout {
    fd: c_int,
    opcode: c_int,
    priority: c_int,
    buf: *mut u8,
    len: usize,
    event: libc::sigevent,
    /// Not used by glibc any more.
    mark: AtomicU64,
    priority_of_thread: [c_int; 2],
    code: AtomicI32,
    result: AtomicIsize,
    offset: i64,
    reserved: [u8; 32],
}

const _: () = {
    assert!(size_of::<Layout>() == size_of::<libc::aiocb>());
    assert!(std::mem::offset_of!(Layout, event) == std::mem::offset_of!(libc::aiocb, aio_sigevent));
    assert!(std::mem::offset_of!(Layout, offset) == std::mem::offset_of!(libc::aiocb, aio_offset));
};

/// Requests that were over; who waits for one sleeps on it.
static ENDED: AtomicU32 = AtomicU32::new(0);

/// A control block whose state is ours, or becomes it. It is there until its request is over: the program's word.
#[derive(Clone, Copy)]
pub(crate) struct Block(*mut Layout);

// SAFETY: POSIX lends the block to the request, whichever thread does it; its state is atomic.
unsafe impl Send for Block {}

impl Block {
    /// # Safety
    /// `block` points to a control block, which stays until a request that is submitted with it is over.
    pub(crate) unsafe fn of(block: *const libc::aiocb) -> Self {
        Self(block.cast_mut().cast())
    }

    /// By what the request can be cancelled.
    pub(crate) fn tag(self) -> u64 {
        self.0.addr() as u64
    }

    fn mark(self) -> u64 {
        const OURS: u64 = u64::from_le_bytes(*b"nxvfsaio");
        self.tag() ^ OURS
    }

    fn fields(&self) -> (&AtomicU64, &AtomicI32, &AtomicIsize) {
        // SAFETY: the block is there: the word of who made this value. Only its atomic fields are referred to.
        unsafe { (&(*self.0).mark, &(*self.0).code, &(*self.0).result) }
    }

    /// How the request stands: EINPROGRESS, 0, or why it failed; `None`: there is none of ours. A child made by `fork` has
    /// none that goes on.
    pub(crate) fn state(self) -> Option<c_int> {
        let (mark, code, _) = self.fields();
        if mark.load(Ordering::Acquire) != self.mark() {
            return None;
        }
        match code.load(Ordering::Acquire) {
            going if going == Errno::EINPROGRESS.get() && is_child() => None,
            code => Some(code),
        }
    }

    pub(crate) fn is_going_on(self) -> bool {
        self.state() == Some(Errno::EINPROGRESS.get())
    }

    /// A request begins. Errors: EINVAL the last one is not over.
    pub(crate) fn begin(self) -> Result<()> {
        if self.is_going_on() {
            return Err(Errno::EINVAL.into());
        }
        let (mark, code, _) = self.fields();
        code.store(Errno::EINPROGRESS.get(), Ordering::Relaxed);
        mark.store(self.mark(), Ordering::Release);
        Ok(())
    }

    /// It is as if nothing had been asked for.
    pub(crate) fn forget(self) {
        let (mark, ..) = self.fields();
        let _ = mark.compare_exchange(self.mark(), 0, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// The request was not accepted, and the block tells why.
    pub(crate) fn refuse(self, errno: Errno) {
        let (mark, code, _) = self.fields();
        code.store(errno.get(), Ordering::Relaxed);
        mark.store(self.mark(), Ordering::Release);
    }

    fn end(self, result: Result<usize, Errno>) {
        let (_, code, value) = self.fields();
        value.store(result.map_or(-1, |done| done as isize), Ordering::Relaxed);
        // From here on the block is the program's again.
        code.store(result.map_or_else(Errno::get, |_| 0), Ordering::Release);
        ENDED.fetch_add(1, Ordering::Release);
        futex(libc::FUTEX_WAKE, c_int::MAX as u32, None);
    }

    /// The result, once. Errors: EINVAL it is not over, or there is none.
    pub(crate) fn take(self) -> Result<isize, Errno> {
        let code = self.state().filter(|code| *code != Errno::EINPROGRESS.get()).ok_or(Errno::EINVAL)?;
        let (mark, _, value) = self.fields();
        let value = value.load(Ordering::Relaxed);
        mark.compare_exchange(self.mark(), 0, Ordering::AcqRel, Ordering::Relaxed)
            .map_err(|_| Errno::EINVAL)?;
        match Errno::new(code) {
            None => Ok(value),
            Some(errno) => Err(errno),
        }
    }
}

/// As the system call, on the count of ends. Answers what it answers.
fn futex(op: c_int, value: u32, left: Option<Duration>) -> c_int {
    let left = left.map(|left| libc::timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    let left = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: a word that is there, and a time or null.
    unsafe {
        libc::syscall(libc::SYS_futex, ENDED.as_ptr(), op | libc::FUTEX_PRIVATE_FLAG, value, left) as c_int
    }
}

/// Sleeps until it answers true, which it is asked for after each end. Takes no lock and allocates nothing. Errors: EAGAIN the time
/// is over; EINTR a signal.
pub(crate) fn wait_until(is_over: impl Fn() -> bool, timeout: Option<Duration>) -> Result<(), Errno> {
    // A time that no clock reaches is for ever.
    let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let seen = ENDED.load(Ordering::Acquire);
        if is_over() {
            return Ok(());
        }
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Errno::EAGAIN);
        }
        if futex(libc::FUTEX_WAIT, seen, left) < 0 && crate::call::os_errno().errno() == Errno::EINTR {
            return Err(Errno::EINTR);
        }
    }
}

/// Memory of the program, lent until the request is over.
struct Lent {
    start: *mut u8,
    len: usize,
}

// SAFETY: POSIX lends the buffer to the request, whichever thread does it.
unsafe impl Send for Lent {}

impl AioBuffer for Lent {
    fn bytes(&self) -> &[u8] {
        // SAFETY: of this length and nobody else's until the request is over: the caller's word at `aio_write`.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, at `aio_read`.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.len) }
    }
}

/// The part of `struct sigevent` that every notice needs.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Event {
    value: usize,
    signal: c_int,
    notify: c_int,
    function: Option<unsafe extern "C" fn(usize)>,
    attributes: *mut c_void,
}

const SIGEV_SIGNAL: c_int = 0;
const SIGEV_NONE: c_int = 1;
const SIGEV_THREAD: c_int = 2;

/// How an end is told. Errors: EINVAL another way; no such signal; no function.
pub(crate) fn notice(event: Event) -> Result<AioNotice> {
    match (event.notify, event.function) {
        // Signal 0 is none, as for `kill`: a block of zeroes asks for it.
        (SIGEV_NONE, _) | (SIGEV_SIGNAL, _) if event.notify == SIGEV_NONE || event.signal == 0 => {
            Ok(AioNotice::None)
        }
        (SIGEV_SIGNAL, _) => {
            if !(1..=libc::SIGRTMAX()).contains(&event.signal) {
                return Err(Errno::EINVAL.into());
            }
            let (signal, value) = (event.signal, event.value);
            Ok(AioNotice::Call(Box::new(move || send(signal, value))))
        }
        (SIGEV_THREAD, Some(function)) => {
            let value = event.value;
            // SAFETY: the program gave the function for this value.
            Ok(AioNotice::Call(Box::new(move || unsafe { function(value) })))
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Queues a signal to this process, as the end of a transfer has it.
fn send(signal: c_int, value: usize) {
    const SI_ASYNCIO: c_int = -4;
    /// `siginfo_t` of a queued signal on 64 bits.
    #[repr(C)]
    struct Info {
        signal: c_int,
        errno: c_int,
        code: c_int,
        pad: c_int,
        pid: c_int,
        uid: u32,
        value: usize,
        rest: [u64; 12],
    }
    // SAFETY: asks only.
    let (pid, uid) = unsafe { (libc::getpid(), libc::getuid()) };
    let info = Info { signal, errno: 0, code: SI_ASYNCIO, pad: 0, pid, uid, value, rest: [0; 12] };
    // SAFETY: reads the struct, which is as long as the kernel's. That the queue is full loses the signal, as POSIX has it.
    unsafe { libc::syscall(libc::SYS_rt_sigqueueinfo, pid, signal, &raw const info) };
}

/// A control block's fields.
pub(crate) struct Given {
    pub(crate) fd: c_int,
    pub(crate) opcode: c_int,
    priority: c_int,
    offset: i64,
    start: *mut u8,
    len: usize,
    event: Event,
    pub(crate) block: Block,
}

/// Errors: EFAULT.
///
/// # Safety
/// `block` is null, or as for [`Block::of`].
pub(crate) unsafe fn given(block: *const libc::aiocb) -> Result<Given, Errno> {
    if block.is_null() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: the caller's word; the event's first fields are those of `Event` on 64 bits.
    unsafe {
        let fields = &raw const *block.cast::<Layout>();
        Ok(Given {
            fd: (*fields).fd,
            opcode: (*fields).opcode,
            priority: (*fields).priority,
            offset: (*fields).offset,
            start: (*fields).buf,
            len: (*fields).len,
            event: (&raw const (*fields).event).cast::<Event>().read(),
            block: Block::of(block),
        })
    }
}

/// What is to be done with a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Do {
    Read,
    Write,
    Sync { data_only: bool },
}

impl Given {
    /// The request of the host's. Errors: EBADF first, also not open for that; EINVAL, EFAULT.
    pub(crate) fn request(&self, task: &Task, what: Do) -> Result<AioRequest> {
        let fd = ours(self.fd).ok_or(Errno::EBADF)?;
        let flags = task.file(fd)?.flags();
        if !(if what == Do::Read { flags.readable() } else { flags.writable() }) {
            return Err(Errno::EBADF.into());
        }
        if !(0..=MOST_PRIORITY).contains(&self.priority) {
            return Err(Errno::EINVAL.into());
        }
        let notice = notice(self.event)?;
        let block = self.block;
        let owner = Some(AioOwner { tag: block.tag(), ended: Box::new(move |result| block.end(result)) });
        if let Do::Sync { data_only } = what {
            return Ok(AioRequest { fd, op: AioOp::Sync { data_only }, offset: 0, notice, owner });
        }
        let offset = u64::try_from(self.offset).map_err(|_| Errno::EINVAL)?;
        crate::call::check_buffer(self.start.is_null(), self.len)?;
        // Of no bytes there need be no memory.
        let start = if self.len == 0 { std::ptr::dangling_mut() } else { self.start };
        let lent = Box::new(Lent { start, len: self.len });
        let op = if what == Do::Read { AioOp::Read(lent) } else { AioOp::Write(lent) };
        Ok(AioRequest { fd, op, offset, notice, owner })
    }
}
