//! `aio.h`: the host's transfers for its own files, the C library's for the operating system's.
//!
//! A table has the request of each control block that was accepted, until its result is taken and another is asked for. Of
//! the block itself only the fields that POSIX names are read, and nothing is written. `aio_error` and `aio_return` may
//! be called by handlers of signals: they allocate nothing, and while a thread has the table it gets no signal.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nxvfs::file::{Aio, AioBuffer, AioNotice, AioOp, AioRequest, Cancelled};
use nxvfs::{Errno, Result, Task};

use crate::call::{answer, done, fail, read, set_errno};
use crate::host::with_task;
use crate::signals::Quiet;
use crate::window::ours;

/// The largest difference that a priority may make; it makes none. POSIX `AIO_PRIO_DELTA_MAX`.
const MOST_PRIORITY: c_int = 20;
/// Control blocks in one list. POSIX `AIO_LISTIO_MAX` is not defined: there is no limit but this.
const MOST_BLOCKS: c_int = 4096;

/// What became of a control block.
enum Block {
    Accepted(Arc<Aio>),
    /// Of a list: it was not.
    Refused(Errno),
}

#[derive(Default)]
struct Table {
    blocks: HashMap<usize, Block>,
    /// Size at which those whose result was taken are thrown out.
    sweep_at: usize,
}

impl Table {
    fn insert(&mut self, block: usize, state: Block) {
        const SWEEP_LEAST: usize = 64;
        if self.blocks.len() >= self.sweep_at {
            self.blocks.retain(|_, block| !matches!(block, Block::Accepted(aio) if aio.is_taken()));
            self.sweep_at = (self.blocks.len() * 2).max(SWEEP_LEAST);
        }
        self.blocks.insert(block, state);
    }
}

static BLOCKS: LazyLock<Mutex<Table>> = LazyLock::new(Mutex::default);

/// The table, for a thread that gets no signal meanwhile.
struct Blocks {
    // In this order: signals come when the lock is gone.
    table: MutexGuard<'static, Table>,
    _quiet: Quiet,
}

fn blocks() -> Blocks {
    let quiet = Quiet::new();
    Blocks { table: BLOCKS.lock().unwrap_or_else(PoisonError::into_inner), _quiet: quiet }
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
struct Event {
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
fn notice(event: Event) -> Result<AioNotice> {
    match (event.notify, event.function) {
        (SIGEV_NONE, _) => Ok(AioNotice::None),
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

/// A control block's fields, checked. Errors: EFAULT, EINVAL.
struct Given {
    fd: c_int,
    opcode: c_int,
    offset: i64,
    start: *mut u8,
    len: usize,
    event: Event,
}

/// # Safety
/// `block` is null or points to a control block.
unsafe fn given(block: *const libc::aiocb) -> Result<Given> {
    if block.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: the caller's word; the event's first fields are those of `Event` on 64 bits.
    let (fields, event) = unsafe { (&*block, (&raw const (*block).aio_sigevent).cast::<Event>().read()) };
    Ok(Given {
        fd: fields.aio_fildes,
        opcode: fields.aio_lio_opcode,
        offset: fields.aio_offset,
        start: fields.aio_buf.cast(),
        len: fields.aio_nbytes,
        event,
    })
    .and_then(|given| match fields.aio_reqprio {
        0..=MOST_PRIORITY => Ok(given),
        _ => Err(Errno::EINVAL.into()),
    })
}

/// What is to be done with a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Do {
    Read,
    Write,
    Sync { data_only: bool },
}

impl Given {
    /// The request of the host's. Errors: EBADF first; EINVAL, EFAULT.
    fn request(&self, task: &Task, what: Do) -> Result<AioRequest> {
        let fd = ours(self.fd).ok_or(Errno::EBADF)?;
        task.file(fd)?;
        let notice = notice(self.event)?;
        if let Do::Sync { data_only } = what {
            return Ok(AioRequest { fd, op: AioOp::Sync { data_only }, offset: 0, notice });
        }
        let offset = u64::try_from(self.offset).map_err(|_| Errno::EINVAL)?;
        crate::call::check_buffer(self.start.is_null(), self.len)?;
        // Of no bytes there need be no memory.
        let start = if self.len == 0 { std::ptr::dangling_mut() } else { self.start };
        let lent = Box::new(Lent { start, len: self.len });
        let op = if what == Do::Read { AioOp::Read(lent) } else { AioOp::Write(lent) };
        Ok(AioRequest { fd, op, offset, notice })
    }
}

/// Errors: EINVAL the block's last request is not over.
fn must_be_over(table: &Table, block: usize) -> Result<()> {
    match table.blocks.get(&block) {
        Some(Block::Accepted(aio)) if !aio.is_over() => Err(Errno::EINVAL.into()),
        _ => Ok(()),
    }
}

/// # Safety
/// `block` is null or points to a control block that stays, with its buffer, until the request is over.
unsafe fn submit(block: *mut libc::aiocb, what: Do, system: impl FnOnce() -> c_int) -> c_int {
    // SAFETY: the caller's word.
    let given = match unsafe { given(block) } {
        Ok(given) => given,
        Err(e) => {
            fail(e);
            return -1;
        }
    };
    if ours(given.fd).is_none() {
        blocks().table.blocks.remove(&block.expose_provenance());
        return system();
    }
    done(|| {
        with_task(|task| {
            let block = block.expose_provenance();
            let request = given.request(task, what)?;
            // Held until the block is there: who is told of the end looks for it.
            let mut all = blocks();
            must_be_over(&all.table, block)?;
            let aio = task.aio_submit(request)?;
            all.table.insert(block, Block::Accepted(aio));
            Ok(())
        })
    })
}

/// POSIX `aio_read`.
///
/// # Safety
/// `block` is null or points to a control block that stays, with its buffer, until the request is over.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_aio_read(block: *mut libc::aiocb) -> c_int {
    // SAFETY: the caller's word.
    unsafe { submit(block, Do::Read, || libc::aio_read(block)) }
}

/// POSIX `aio_write`.
///
/// # Safety
/// As [`nx_aio_read`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_aio_write(block: *mut libc::aiocb) -> c_int {
    // SAFETY: the caller's word.
    unsafe { submit(block, Do::Write, || libc::aio_write(block)) }
}

/// POSIX `aio_fsync`.
///
/// # Safety
/// As [`nx_aio_read`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_aio_fsync(op: c_int, block: *mut libc::aiocb) -> c_int {
    let data_only = match op {
        libc::O_SYNC => false,
        libc::O_DSYNC => true,
        _ => {
            fail(Errno::EINVAL.into());
            return -1;
        }
    };
    // SAFETY: the caller's word.
    unsafe { submit(block, Do::Sync { data_only }, || libc::aio_fsync(op, block)) }
}

fn state(block: *const libc::aiocb) -> Option<Result<(), Errno>> {
    match blocks().table.blocks.get(&block.expose_provenance())? {
        // It is as if nothing had been asked for.
        Block::Accepted(aio) if aio.is_taken() => None,
        Block::Accepted(aio) => Some(aio.error()),
        Block::Refused(errno) => Some(Err(*errno)),
    }
}

/// POSIX `aio_error`.
///
/// # Safety
/// `block` is null or points to a control block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_aio_error(block: *const libc::aiocb) -> c_int {
    // SAFETY: the caller's word.
    let fd = match unsafe { given(block) } {
        Ok(given) => given.fd,
        Err(e) => return e.errno().get(),
    };
    match state(block) {
        Some(state) => state.map_or_else(Errno::get, |()| 0),
        None if ours(fd).is_some() => Errno::EINVAL.get(),
        // SAFETY: the caller's word.
        None => unsafe { libc::aio_error(block) },
    }
}

/// POSIX `aio_return`.
///
/// # Safety
/// As [`nx_aio_error`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_aio_return(block: *mut libc::aiocb) -> isize {
    // SAFETY: the caller's word.
    let fd = match unsafe { given(block) } {
        Ok(given) => given.fd,
        Err(e) => {
            fail(e);
            return -1;
        }
    };
    let over = match blocks().table.blocks.get_mut(&block.expose_provenance()) {
        // Its result is not there yet: as what was never asked for.
        Some(Block::Accepted(aio)) if !aio.is_over() => Some(Err(Errno::EINVAL)),
        Some(Block::Accepted(aio)) => Some(aio.finish_plainly()),
        Some(Block::Refused(errno)) => Some(Err(*errno)),
        None if ours(fd).is_some() => Some(Err(Errno::EINVAL)),
        None => None,
    };
    match over {
        Some(Ok(done)) => done as isize,
        Some(Err(errno)) => {
            set_errno(errno);
            -1
        }
        // SAFETY: the caller's word.
        None => unsafe { libc::aio_return(block) },
    }
}

/// The requests of a list; `None` if they are the operating system's. Errors: EINVAL of both sides.
fn requests(list: &[*const libc::aiocb]) -> Result<Option<Vec<Arc<Aio>>>> {
    let all = blocks();
    let (mut found, mut others) = (Vec::new(), 0);
    for block in list.iter().filter(|block| !block.is_null()) {
        match all.table.blocks.get(&block.expose_provenance()) {
            Some(Block::Accepted(aio)) => found.push(aio.clone()),
            Some(Block::Refused(_)) => {}
            None => others += 1,
        }
    }
    match (found.is_empty(), others) {
        (false, 1..) => Err(Errno::EINVAL.into()),
        (true, 1..) => Ok(None),
        _ => Ok(Some(found)),
    }
}

/// POSIX `aio_suspend`.
///
/// # Safety
/// `list` is null or has `count` addresses of control blocks, or null; `timeout` is null or a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_aio_suspend(
    list: *const *const libc::aiocb,
    count: c_int,
    timeout: *const libc::timespec,
) -> c_int {
    let own = crate::call::caught(|| {
        let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the caller's word.
        requests(unsafe { crate::call::slice(list, count) }?)
    });
    match own {
        // SAFETY: the caller's word.
        Ok(None) => unsafe { libc::aio_suspend(list, count, timeout) },
        own => done(|| {
            let own = own?.unwrap_or_default();
            let timeout = match timeout.is_null() {
                true => None,
                // SAFETY: the caller's word.
                false => Some(duration(unsafe { read(timeout) }?)?),
            };
            let of: Vec<Option<&Aio>> = own.iter().map(|aio| Some(&**aio)).collect();
            if of.is_empty() {
                return Ok(());
            }
            with_task(|task| task.aio_suspend(&of, timeout))
        }),
    }
}

/// Errors: EINVAL.
fn duration(time: libc::timespec) -> Result<Duration> {
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Errno::EINVAL)?;
    let nanoseconds = u32::try_from(time.tv_nsec).ok().filter(|n| *n < 1_000_000_000).ok_or(Errno::EINVAL)?;
    Ok(Duration::new(seconds, nanoseconds))
}

/// POSIX `aio_cancel`.
///
/// # Safety
/// `block` is null or points to a control block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_aio_cancel(fd: c_int, block: *mut libc::aiocb) -> c_int {
    let Some(number) = ours(fd) else {
        // SAFETY: the caller's word.
        return unsafe { libc::aio_cancel(fd, block) };
    };
    answer(|| {
        with_task(|task| {
            task.file(number)?;
            let only = match block.is_null() {
                true => None,
                // SAFETY: the caller's word.
                false if unsafe { given(block) }?.fd != fd => return Err(Errno::EINVAL.into()),
                false => match blocks().table.blocks.get(&block.expose_provenance()) {
                    Some(Block::Accepted(aio)) => Some(aio.clone()),
                    _ => return Ok(libc::AIO_ALLDONE),
                },
            };
            Ok(match task.aio_cancel(number, only.as_deref())? {
                Cancelled::All => libc::AIO_CANCELED,
                Cancelled::NotAll => libc::AIO_NOTCANCELED,
                Cancelled::Over => libc::AIO_ALLDONE,
            })
        })
    })
}

/// POSIX `lio_listio`.
///
/// # Safety
/// `list` is null or has `count` addresses of control blocks as for [`nx_aio_read`], or null; `event` is null or says how
/// the end is told.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_lio_listio(
    mode: c_int,
    list: *const *mut libc::aiocb,
    count: c_int,
    event: *mut libc::sigevent,
) -> c_int {
    let parsed = crate::call::caught(|| {
        if !matches!(mode, libc::LIO_WAIT | libc::LIO_NOWAIT) || !(0..=MOST_BLOCKS).contains(&count) {
            return Err(Errno::EINVAL.into());
        }
        // SAFETY: the caller's word.
        let list = unsafe { crate::call::slice(list, count as usize) }?;
        let mut wanted = Vec::new();
        for block in list.iter().filter(|block| !block.is_null()) {
            // SAFETY: the caller's word.
            let given = unsafe { given(*block) }?;
            match given.opcode {
                libc::LIO_NOP => {}
                libc::LIO_READ => wanted.push((block.expose_provenance(), given, Do::Read)),
                libc::LIO_WRITE => wanted.push((block.expose_provenance(), given, Do::Write)),
                _ => return Err(Errno::EINVAL.into()),
            }
        }
        let own = wanted.iter().filter(|(_, given, _)| ours(given.fd).is_some()).count();
        match own {
            0 if !wanted.is_empty() => Ok(None),
            own if own < wanted.len() => Err(Errno::EINVAL.into()),
            _ => Ok(Some(wanted)),
        }
    });
    match parsed {
        // SAFETY: the caller's word.
        Ok(None) => unsafe { libc::lio_listio(mode, list, count, event) },
        parsed => done(|| {
            let event = match event.is_null() || mode == libc::LIO_WAIT {
                true => AioNotice::None,
                // SAFETY: the caller's word.
                false => notice(unsafe { event.cast::<Event>().read() })?,
            };
            with_task(|task| start(task, parsed?.unwrap_or_default(), mode == libc::LIO_WAIT, event))
        }),
    }
}

/// Starts the requests of a list. Errors: EAGAIN, EIO, EINTR; each block tells its own.
fn start(task: &Task, wanted: Vec<(usize, Given, Do)>, wait: bool, event: AioNotice) -> Result<()> {
    let (mut numbers, mut requests, mut failure) = (Vec::new(), Vec::new(), None);
    for (block, given, what) in wanted {
        let over = must_be_over(&blocks().table, block);
        match over.and_then(|()| given.request(task, what)) {
            Ok(request) => {
                numbers.push(block);
                requests.push(request);
            }
            Err(e) => {
                blocks().table.insert(block, Block::Refused(e.errno()));
                failure = Some(Errno::EIO);
            }
        }
    }
    // Under the table's lock, so that nobody who is told of an end finds no block.
    let mut all = blocks();
    let answers = task.aio_list(requests, event);
    let mut accepted = Vec::new();
    for (block, answer) in numbers.into_iter().zip(answers) {
        let state = match answer {
            Ok(aio) => {
                accepted.push(aio.clone());
                Block::Accepted(aio)
            }
            Err(e) => {
                failure = Some(if e.errno() == Errno::EAGAIN { Errno::EAGAIN } else { Errno::EIO });
                Block::Refused(e.errno())
            }
        };
        all.table.insert(block, state);
    }
    drop(all);
    if wait {
        task.aio_wait(&accepted)?;
    }
    failure.map_or(Ok(()), |errno| Err(errno.into()))
}
