//! Of `unistd.h` the `exec` family: this process becomes a program of the tree.

use std::ffi::{CString, c_char, c_int};
use std::os::fd::AsRawFd;

use nxvfs::task::{Executor, Exit, Prepared};
use nxvfs::{Errno, Result, Task};

use crate::actions::Attributes;
use crate::call::{answer, os_errno, text};
use crate::host::{task, with_task};
use crate::spawn::{each_path, environment, prepare, strings};
use crate::varargs::List;
use crate::window::ours;

/// Pointers for the kernel, with the null pointer that ends them.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

fn c_strings(strings: &[Vec<u8>]) -> Result<Vec<CString>> {
    strings.iter().map(|text| CString::new(&text[..]).map_err(|_| Errno::EINVAL.into())).collect()
}

/// This process becomes the program, or does as if: it answers only a failure.
fn become_program(path: &[u8], argv: &[Vec<u8>], environment: &[Vec<u8>]) -> Result<c_int> {
    let task = task()?;
    // A child made by vfork has this memory, and the host's threads are in the other process.
    let vforked = std::process::id() != task.host().process();
    if (0..3).any(|fd| ours(fd).is_some()) {
        if vforked {
            return Err(Errno::ENOTSUP.into());
        }
        return Err(attend_and_end(&task, path, argv, environment));
    }
    let first = if argv.is_empty() { vec![path.to_vec()] } else { argv.to_vec() };
    let executable = task.executable(path, first, Executor::Itself)?;
    for script in &executable.scripts {
        // SAFETY: a number of our own: the interpreter opens it.
        unsafe { libc::fcntl(script.as_raw_fd(), libc::F_SETFD, 0) };
    }
    let (argv, environment) = (c_strings(&executable.argv)?, c_strings(environment)?);
    if !vforked && let Err(e) = task.host().sync() {
        eprintln!("libnxvfs: {e}");
    }
    // A child made by vfork leaves the memory to its parent: what it held would be held for ever.
    drop(task);
    // SAFETY: both lists end in a null pointer, and their strings are there.
    unsafe {
        libc::fexecve(
            executable.program.as_raw_fd(),
            pointers(&argv).as_ptr().cast(),
            pointers(&environment).as_ptr().cast(),
        )
    };
    Err(os_errno())
}

/// The program's standard streams are files of the host, so this process stays to serve them, and ends as the program does.
fn attend_and_end(task: &Task, path: &[u8], argv: &[Vec<u8>], environment: &[Vec<u8>]) -> nxvfs::Error {
    let prepared = prepare(task, path, argv, environment, &[], &Attributes::default());
    let child = match prepared.and_then(Prepared::start) {
        Ok(child) => child,
        Err(e) => return e,
    };
    let exit = child.wait_through();
    if let Err(e) = task.host().sync() {
        eprintln!("libnxvfs: {e}");
    }
    // SAFETY: ends the process.
    unsafe {
        match exit {
            Ok(Exit::Status(status)) => libc::_exit(status),
            Ok(Exit::Signal(signal)) => {
                libc::signal(signal, libc::SIG_DFL);
                libc::raise(signal);
                libc::_exit(128 + signal)
            }
            Err(_) => libc::_exit(127),
        }
    }
}

/// POSIX `execve`.
///
/// # Safety
/// `path` is null or ends in NUL; the lists are null, or strings up to a null pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_execve(
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let (path, argv) = unsafe { (text(path)?, strings(argv)?) };
        // SAFETY: as above. As Linux: no environment is an empty one.
        let environment = if envp.is_null() { Vec::new() } else { unsafe { strings(envp) }? };
        become_program(path, &argv, &environment)
    })
}

/// POSIX `execv`.
///
/// # Safety
/// As [`nx_execve`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_execv(path: *const c_char, argv: *const *const c_char) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let (path, argv) = unsafe { (text(path)?, strings(argv)?) };
        become_program(path, &argv, &environment())
    })
}

/// POSIX `execvp`.
///
/// # Safety
/// As [`nx_execve`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_execvp(name: *const c_char, argv: *const *const c_char) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let (name, argv) = unsafe { (text(name)?, strings(argv)?) };
        each_path(name, |path| become_program(path, &argv, &environment()))
    })
}

/// glibc `execvpe`.
///
/// # Safety
/// As [`nx_execve`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_execvpe(
    name: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let (name, argv) = unsafe { (text(name)?, strings(argv)?) };
        // SAFETY: as above.
        let environment = if envp.is_null() { Vec::new() } else { unsafe { strings(envp) }? };
        each_path(name, |path| become_program(path, &argv, &environment))
    })
}

/// POSIX `fexecve`, by the path that the file has now.
///
/// # Safety
/// The lists are null, or strings up to a null pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_fexecve(
    fd: c_int,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    let Some(number) = ours(fd) else {
        // SAFETY: the caller's word.
        return unsafe { libc::fexecve(fd, argv.cast(), envp.cast()) };
    };
    answer(|| {
        let path = with_task(|task| task.path_of(number))?;
        // SAFETY: the caller's word.
        let argv = unsafe { strings(argv) }?;
        // SAFETY: as above.
        let environment = if envp.is_null() { Vec::new() } else { unsafe { strings(envp) }? };
        become_program(&path, &argv, &environment)
    })
}

/// The arguments of `execl`, up to the null pointer.
///
/// # Safety
/// They are there.
unsafe fn arguments(first: *const c_char, list: &mut List) -> Result<Vec<Vec<u8>>> {
    let (mut all, mut at) = (Vec::new(), first);
    while !at.is_null() {
        // SAFETY: the caller's word.
        unsafe {
            all.push(text(at)?.to_vec());
            at = list.pointer();
        }
    }
    Ok(all)
}

/// `execl` with its list.
///
/// # Safety
/// As `nx_execl`.
pub(crate) unsafe extern "C" fn execl_of(
    path: *const c_char,
    first: *const c_char,
    list: *mut List,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word; the list is that of the call.
        let (path, argv) = unsafe { (text(path)?, arguments(first, &mut *list)?) };
        become_program(path, &argv, &environment())
    })
}

/// `execlp` with its list.
///
/// # Safety
/// As `nx_execlp`.
pub(crate) unsafe extern "C" fn execlp_of(
    name: *const c_char,
    first: *const c_char,
    list: *mut List,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word; the list is that of the call.
        let (name, argv) = unsafe { (text(name)?, arguments(first, &mut *list)?) };
        each_path(name, |path| become_program(path, &argv, &environment()))
    })
}

/// `execle` with its list.
///
/// # Safety
/// As `nx_execle`.
pub(crate) unsafe extern "C" fn execle_of(
    path: *const c_char,
    first: *const c_char,
    list: *mut List,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word; the list is that of the call.
        let (path, argv, envp) = unsafe {
            let argv = arguments(first, &mut *list)?;
            let envp: *const *const c_char =
                if first.is_null() { std::ptr::null() } else { (*list).pointer() };
            (text(path)?, argv, envp)
        };
        // SAFETY: as above.
        let environment = if envp.is_null() { Vec::new() } else { unsafe { strings(envp) }? };
        become_program(path, &argv, &environment)
    })
}
