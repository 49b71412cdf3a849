//! `aio.h`: the host's transfers for its own files, the C library's for the operating system's. `aio_error`, `aio_return` and
//! `aio_suspend` may be called by handlers of signals: they take no lock and allocate nothing.

use std::ffi::c_int;

use nxvfs::file::{AioNotice, Cancelled};
use nxvfs::{Errno, Result, Task};

use crate::aiocb::{Do, Event, Given, given, notice, wait_until};
use crate::call::{answer, done, fail, set_errno};
use crate::host::with_task;
use crate::poll::duration;
use crate::window::ours;

/// Control blocks in one list. POSIX `AIO_LISTIO_MAX` is not defined: there is no limit but this.
const MOST_BLOCKS: c_int = 4096;

/// As [`fail`], for handlers of signals.
fn plainly<T: From<i8>>(errno: Errno) -> T {
    set_errno(errno);
    T::from(-1)
}

/// # Safety
/// `block` is null or points to a control block that stays, with its buffer, until the request is over.
unsafe fn submit(block: *mut libc::aiocb, what: Do, system: impl FnOnce() -> c_int) -> c_int {
    // SAFETY: the caller's word.
    let given = match unsafe { given(block) } {
        Ok(given) => given,
        Err(errno) => {
            fail(errno.into());
            return -1;
        }
    };
    if ours(given.fd).is_none() {
        given.block.forget();
        return system();
    }
    done(|| {
        with_task(|task| {
            let request = given.request(task, what)?;
            // Before it may be over.
            given.block.begin()?;
            task.aio_submit(request).map(drop).inspect_err(|_| given.block.forget())
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

/// POSIX `aio_error`.
///
/// # Safety
/// `block` is null or points to a control block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_aio_error(block: *const libc::aiocb) -> c_int {
    // SAFETY: the caller's word.
    let given = match unsafe { given(block) } {
        Ok(given) => given,
        Err(errno) => return errno.get(),
    };
    match given.block.state() {
        Some(code) => code,
        None if ours(given.fd).is_some() => Errno::EINVAL.get(),
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
    let given = match unsafe { given(block) } {
        Ok(given) => given,
        Err(errno) => return plainly(errno),
    };
    if given.block.state().is_none() && ours(given.fd).is_none() {
        // SAFETY: the caller's word.
        return unsafe { libc::aio_return(block) };
    }
    given.block.take().unwrap_or_else(plainly)
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
    let Ok(count) = usize::try_from(count) else { return plainly(Errno::EINVAL) };
    if list.is_null() && count > 0 {
        return plainly(Errno::EFAULT);
    }
    // SAFETY: the caller's word.
    let blocks = || (0..count).map(|i| unsafe { list.add(i).read() }).filter(|block| !block.is_null());
    // SAFETY: as above; none of them is null.
    let each = || blocks().filter_map(|block| unsafe { given(block) }.ok());
    let is_ours = |given: &Given| given.block.state().is_some() || ours(given.fd).is_some();
    let (own, all) = (each().filter(is_ours).count(), each().count());
    if own == 0 && all > 0 {
        // SAFETY: the caller's word.
        return unsafe { libc::aio_suspend(list, count as c_int, timeout) };
    }
    if own < all {
        return plainly(Errno::EINVAL);
    }
    // SAFETY: the caller's word.
    let Ok(timeout) = (unsafe { duration(timeout) }) else { return plainly(Errno::EINVAL) };
    let is_over = || all == 0 || each().any(|given| !given.block.is_going_on());
    wait_until(is_over, timeout).map_or_else(plainly, |()| 0)
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
            let told = if block.is_null() {
                task.aio_cancel(number, None)?
            } else {
                // SAFETY: the caller's word.
                let given = unsafe { given(block) }?;
                if given.fd != fd {
                    return Err(Errno::EINVAL.into());
                }
                task.aio_cancel_tagged(number, given.block.tag())?
            };
            Ok(match told {
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
                libc::LIO_READ => wanted.push((given, Do::Read)),
                libc::LIO_WRITE => wanted.push((given, Do::Write)),
                _ => return Err(Errno::EINVAL.into()),
            }
        }
        let own = wanted.iter().filter(|(given, _)| ours(given.fd).is_some()).count();
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
fn start(task: &Task, wanted: Vec<(Given, Do)>, wait: bool, event: AioNotice) -> Result<()> {
    let (mut blocks, mut requests, mut failure) = (Vec::new(), Vec::new(), None);
    for (given, what) in wanted {
        let request = given.request(task, what);
        match request.and_then(|request| given.block.begin().map(|()| request)) {
            Ok(request) => {
                blocks.push(given.block);
                requests.push(request);
            }
            // What goes on in it tells its own.
            Err(_) if given.block.is_going_on() => failure = Some(Errno::EIO),
            Err(e) => {
                given.block.refuse(e.errno());
                failure = Some(Errno::EIO);
            }
        }
    }
    let answers = task.aio_list(requests, event);
    for (block, answer) in blocks.iter().zip(answers) {
        if let Err(e) = answer {
            failure = Some(if e.errno() == Errno::EAGAIN { Errno::EAGAIN } else { Errno::EIO });
            block.refuse(e.errno());
        }
    }
    if wait {
        wait_until(|| !blocks.iter().any(|block| block.is_going_on()), None)?;
        if blocks.iter().any(|block| block.state() != Some(0)) {
            failure = failure.or(Some(Errno::EIO));
        }
    }
    failure.map_or(Ok(()), |errno| Err(errno.into()))
}
