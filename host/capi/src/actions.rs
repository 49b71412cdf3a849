//! What a program shall have, of `spawn.h`: `posix_spawn_file_actions_t`, whose memory is ours because what is done with them is,
//! and attributes.

use std::ffi::{c_char, c_int, c_short};

use nxvfs::{Errno, Result};

use crate::call::{fill, number, text};

pub(crate) enum Action {
    Open { to: c_int, path: Vec<u8>, flags: c_int, mode: u32 },
    Close(c_int),
    Dup { from: c_int, to: c_int },
}

/// glibc's struct: one of its pointers leads to the actions.
#[repr(C)]
pub struct FileActions {
    allocated: c_int,
    used: c_int,
    actions: *mut Vec<Action>,
    pad: [c_int; 16],
}

/// # Safety
/// `actions` is null, or what `init` was called for.
pub(crate) unsafe fn actions_of<'a>(actions: *mut FileActions) -> Result<&'a mut Vec<Action>> {
    if actions.is_null() {
        return Err(Errno::EFAULT.into());
    }
    // SAFETY: the caller's word.
    unsafe { (*actions).actions.as_mut() }.ok_or_else(|| Errno::EINVAL.into())
}

/// POSIX `posix_spawn_file_actions_init`.
///
/// # Safety
/// `actions` is null or has room for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_posix_spawn_file_actions_init(actions: *mut FileActions) -> c_int {
    let list = Box::into_raw(Box::default());
    // SAFETY: the caller's word.
    let made = number(|| unsafe {
        fill(actions, FileActions { allocated: 0, used: 0, actions: list, pad: [0; 16] })
    });
    if made != 0 {
        // SAFETY: it was not handed out.
        drop(unsafe { Box::from_raw(list) });
    }
    made
}

/// POSIX `posix_spawn_file_actions_destroy`.
///
/// # Safety
/// `actions` is null, or what `init` was called for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_posix_spawn_file_actions_destroy(actions: *mut FileActions) -> c_int {
    number(|| {
        // SAFETY: the caller's word.
        let list = unsafe { actions_of(actions) }?;
        // SAFETY: as above; it came from a box, and nobody has it any more.
        unsafe {
            drop(Box::from_raw(std::ptr::from_mut(list)));
            (*actions).actions = std::ptr::null_mut();
        }
        Ok(())
    })
}

/// # Safety
/// As [`nx_posix_spawn_file_actions_destroy`].
unsafe fn add(actions: *mut FileActions, fds: &[c_int], action: impl FnOnce() -> Result<Action>) -> c_int {
    number(|| {
        // SAFETY: the caller's word.
        let list = unsafe { actions_of(actions) }?;
        if fds.iter().any(|fd| *fd < 0) {
            return Err(Errno::EBADF.into());
        }
        list.push(action()?);
        Ok(())
    })
}

/// POSIX `posix_spawn_file_actions_addopen`.
///
/// # Safety
/// `actions` is null, or what `init` was called for; `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_posix_spawn_file_actions_addopen(
    actions: *mut FileActions,
    to: c_int,
    path: *const c_char,
    flags: c_int,
    mode: u32,
) -> c_int {
    // SAFETY: the caller's word.
    unsafe { add(actions, &[to], || Ok(Action::Open { to, path: text(path)?.to_vec(), flags, mode })) }
}

/// POSIX `posix_spawn_file_actions_addclose`.
///
/// # Safety
/// As [`nx_posix_spawn_file_actions_destroy`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_posix_spawn_file_actions_addclose(actions: *mut FileActions, fd: c_int) -> c_int {
    // SAFETY: the caller's word.
    unsafe { add(actions, &[fd], || Ok(Action::Close(fd))) }
}

/// POSIX `posix_spawn_file_actions_adddup2`.
///
/// # Safety
/// As [`nx_posix_spawn_file_actions_destroy`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_posix_spawn_file_actions_adddup2(
    actions: *mut FileActions,
    from: c_int,
    to: c_int,
) -> c_int {
    // SAFETY: the caller's word.
    unsafe { add(actions, &[from, to], || Ok(Action::Dup { from, to })) }
}

/// What the host cannot do for a program. glibc's own functions would take [`FileActions`] for theirs.
macro_rules! refused {
    ($($name:ident($arg:ty),)*) => {$(
        /// glibc's function of that name: ENOTSUP.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name(_actions: *mut FileActions, _what: $arg) -> c_int {
            Errno::ENOTSUP.get()
        }
    )*};
}

refused! {
    nx_posix_spawn_file_actions_addchdir_np(*const c_char),
    nx_posix_spawn_file_actions_addfchdir_np(c_int),
    nx_posix_spawn_file_actions_addclosefrom_np(c_int),
    nx_posix_spawn_file_actions_addtcsetpgrp_np(c_int),
}

unsafe extern "C" {
    fn posix_spawnattr_getflags(attributes: *const libc::posix_spawnattr_t, flags: *mut c_short) -> c_int;
    fn posix_spawnattr_getpgroup(attributes: *const libc::posix_spawnattr_t, group: *mut c_int) -> c_int;
    fn posix_spawnattr_getsigmask(
        attributes: *const libc::posix_spawnattr_t,
        mask: *mut libc::sigset_t,
    ) -> c_int;
}

/// What attributes ask for.
#[derive(Default)]
pub(crate) struct Attributes {
    pub(crate) group: Option<i32>,
    /// The signals that are blocked.
    pub(crate) blocked: Option<Vec<c_int>>,
}

/// Errors: ENOTSUP what cannot be given to the program.
///
/// # Safety
/// `attributes` is null, or was initialised.
pub(crate) unsafe fn attributes_of(attributes: *const libc::posix_spawnattr_t) -> Result<Attributes> {
    const USEVFORK: c_short = 0x40;
    let known = (libc::POSIX_SPAWN_SETPGROUP | libc::POSIX_SPAWN_SETSIGMASK) as c_short | USEVFORK;
    let mut found = Attributes::default();
    if attributes.is_null() {
        return Ok(found);
    }
    let (mut flags, mut group) = (0, 0);
    // SAFETY: the caller's word; each call fills what it is given.
    unsafe {
        posix_spawnattr_getflags(attributes, &raw mut flags);
        if flags & !known != 0 {
            return Err(Errno::ENOTSUP.into());
        }
        if flags & libc::POSIX_SPAWN_SETPGROUP as c_short != 0 {
            posix_spawnattr_getpgroup(attributes, &raw mut group);
            found.group = Some(group);
        }
        if flags & libc::POSIX_SPAWN_SETSIGMASK as c_short != 0 {
            let mut mask = std::mem::zeroed();
            posix_spawnattr_getsigmask(attributes, &raw mut mask);
            let is_in = |signal: &c_int| libc::sigismember(&raw const mask, *signal) == 1;
            found.blocked = Some((1..=libc::SIGRTMAX()).filter(is_in).collect());
        }
    }
    Ok(found)
}
