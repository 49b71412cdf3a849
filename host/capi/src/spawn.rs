//! Programs of the tree: `spawn.h`, of `unistd.h` the `exec` family, of `sys/wait.h` what waits.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{CString, c_char, c_int, c_short};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::{LazyLock, Mutex, PoisonError};

use nxvfs::task::{Child, Executor, Exit, Program, Standard};
use nxvfs::{Errno, Result, Task};

use crate::call::{answer, fill, number, os_errno, quietly, text};
use crate::host::{is_child, task, with_task};
use crate::varargs::List;
use crate::window::ours;

/// Programs whose output may still be on its way when the operating system tells of their end.
static CHILDREN: LazyLock<Mutex<HashMap<c_int, Child>>> = LazyLock::new(Mutex::default);

/// Whether a process has not been waited for.
fn is_there(pid: c_int) -> bool {
    // SAFETY: numbers only; no signal is sent.
    quietly(|| unsafe { libc::kill(pid, 0) == 0 })
}

/// The strings of a list that a null pointer ends. Errors: EFAULT, E2BIG.
///
/// # Safety
/// `list` is null or such a list.
unsafe fn strings(list: *const *const c_char) -> Result<Vec<Vec<u8>>> {
    const MOST: usize = 1 << 16;
    if list.is_null() {
        return Err(Errno::EFAULT.into());
    }
    let mut all = Vec::new();
    for i in 0..MOST {
        // SAFETY: the caller's word: the list goes on up to the null pointer.
        let at = unsafe { list.add(i).read() };
        if at.is_null() {
            return Ok(all);
        }
        // SAFETY: the caller's word.
        all.push(unsafe { text(at) }?.to_vec());
    }
    Err(Errno::E2BIG.into())
}

/// The environment of this process.
fn environment() -> Vec<Vec<u8>> {
    let entry = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        [name.as_bytes(), b"=", value.as_bytes()].concat()
    };
    std::env::vars_os().map(entry).collect()
}

/// The paths of a name that `$PATH` may lead to.
fn search(name: &[u8]) -> Vec<Vec<u8>> {
    if name.contains(&b'/') || name.is_empty() {
        return vec![name.to_vec()];
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin".into());
    let dirs = path.as_bytes().split(|b| *b == b':');
    dirs.map(|dir| if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }).collect()
}

/// Tries the paths of a name. Errors: as the last one's, but EACCES if it was one's.
fn each_path<R>(name: &[u8], mut attempt: impl FnMut(&[u8]) -> Result<R>) -> Result<R> {
    let mut failure = Errno::ENOENT.into();
    for path in search(name) {
        match attempt(&path) {
            Err(e) if matches!(e.errno(), Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(e) if e.errno() == Errno::EACCES => failure = e,
            done => return done,
        }
    }
    Err(failure)
}

// posix_spawn_file_actions_t: what is done with them is ours, so their memory is, too.

enum Action {
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
unsafe fn actions_of<'a>(actions: *mut FileActions) -> Result<&'a mut Vec<Action>> {
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

/// What a number of the program to be leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    Host(u32),
    Os(c_int),
    Nothing,
}

/// The program's numbers that differ from this process's, and what was opened for it.
struct Numbers<'t> {
    task: &'t Task,
    leads: BTreeMap<c_int, Lead>,
    opened: Vec<u32>,
}

impl Numbers<'_> {
    fn lead(&self, fd: c_int) -> Result<Lead> {
        match self.leads.get(&fd) {
            Some(Lead::Nothing) => Err(Errno::EBADF.into()),
            Some(lead) => Ok(*lead),
            None => match ours(fd) {
                Some(fd) => self.task.file(fd).map(|_| Lead::Host(fd)),
                // SAFETY: asks only.
                None if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 => Err(os_errno()),
                None => Ok(Lead::Os(fd)),
            },
        }
    }

    fn act(&mut self, action: &Action) -> Result<()> {
        let (to, lead) = match action {
            Action::Open { to, path, flags, mode } => {
                let fd = self.task.open(path, *flags as u32, mode & 0o7777)?;
                self.opened.push(fd);
                (*to, Lead::Host(fd))
            }
            Action::Close(fd) => (*fd, Lead::Nothing),
            Action::Dup { from, to } => (*to, self.lead(*from)?),
        };
        self.leads.insert(to, lead);
        Ok(())
    }

    /// What the program gets. Errors: ENOTSUP a number beyond its standard streams that would have to be made.
    fn standard(&self) -> Result<[Standard; 3]> {
        for (fd, lead) in self.leads.range(3..) {
            // The host's files do not reach the program by other numbers: so they are closed there already.
            let closed =
                *lead == Lead::Nothing && (ours(*fd).is_some() || self.lead_of_process(*fd).is_none());
            if !closed && *lead != Lead::Os(*fd) {
                return Err(Errno::ENOTSUP.into());
            }
        }
        Ok([self.stream(0)?, self.stream(1)?, self.stream(2)?])
    }

    fn lead_of_process(&self, fd: c_int) -> Option<c_int> {
        // SAFETY: asks only.
        (unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0).then_some(fd)
    }

    fn stream(&self, fd: c_int) -> Result<Standard> {
        Ok(match self.lead(fd) {
            Ok(Lead::Os(number)) if number == fd => Standard::Inherit,
            Ok(Lead::Os(number)) => {
                // SAFETY: a number only.
                let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
                if copy < 0 {
                    return Err(os_errno());
                }
                // SAFETY: made just now, and nobody else's.
                Standard::Os(unsafe { OwnedFd::from_raw_fd(copy) })
            }
            Ok(Lead::Host(number)) => Standard::File(number),
            Ok(Lead::Nothing) | Err(_) => Standard::Null,
        })
    }
}

impl Drop for Numbers<'_> {
    fn drop(&mut self) {
        for fd in self.opened.drain(..) {
            // The program has what it needs of it.
            let _ = self.task.close(fd);
        }
    }
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
struct Attributes {
    group: Option<i32>,
    mask: Option<libc::sigset_t>,
}

/// Errors: ENOTSUP what cannot be given to the program.
///
/// # Safety
/// `attributes` is null, or was initialised.
unsafe fn attributes_of(attributes: *const libc::posix_spawnattr_t) -> Result<Attributes> {
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
            found.mask = Some(mask);
        }
    }
    Ok(found)
}

/// Runs something with a mask of signals, which a program that it starts inherits.
fn with_mask<R>(mask: Option<libc::sigset_t>, body: impl FnOnce() -> R) -> R {
    let Some(mask) = mask else { return body() };
    // SAFETY: both sets are there; the second is filled.
    let before = unsafe {
        let mut before = std::mem::zeroed();
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, &raw mut before);
        before
    };
    let answer = body();
    // SAFETY: the set was filled above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, std::ptr::null_mut()) };
    answer
}

fn spawn(
    task: &Task,
    path: &[u8],
    argv: &[Vec<u8>],
    environment: &[Vec<u8>],
    actions: &[Action],
    attributes: &Attributes,
) -> Result<Child> {
    let mut numbers = Numbers { task, leads: BTreeMap::new(), opened: Vec::new() };
    actions.iter().try_for_each(|action| numbers.act(action))?;
    let [stdin, stdout, stderr] = numbers.standard()?;
    let mut program = Program::new(path)
        .argv(argv.iter().cloned())
        .environment(environment.iter().cloned())
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .unreaped();
    if let Some(group) = attributes.group {
        program = program.group(group);
    }
    with_mask(attributes.mask, || task.spawn(program))
}

/// # Safety
/// As [`nx_posix_spawn`].
unsafe fn spawn_of(
    pid: *mut c_int,
    name: *const c_char,
    actions: *const FileActions,
    attributes: *const libc::posix_spawnattr_t,
    lists: (*const *const c_char, *const *const c_char),
    searches: bool,
) -> c_int {
    number(|| {
        // SAFETY: the caller's word.
        let (name, argv) = unsafe { (text(name)?, strings(lists.0)?) };
        // SAFETY: as above.
        let environment = if lists.1.is_null() { environment() } else { unsafe { strings(lists.1) }? };
        let none = Vec::new();
        let actions = match actions.is_null() {
            true => &none,
            // SAFETY: as above.
            false => unsafe { actions_of(actions.cast_mut()) }?,
        };
        // SAFETY: as above.
        let attributes = unsafe { attributes_of(attributes) }?;
        let run =
            |path: &[u8]| with_task(|task| spawn(task, path, &argv, &environment, actions, &attributes));
        let child = if searches { each_path(name, run) } else { run(name) }?;
        let number = child.id();
        let mut children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that were asked after in another way.
        children.retain(|number, child| child.try_wait().is_none() || is_there(*number));
        children.insert(number, child);
        drop(children);
        if !pid.is_null() {
            // SAFETY: as above.
            unsafe { pid.write(number) };
        }
        Ok(())
    })
}

/// POSIX `posix_spawn`.
///
/// # Safety
/// `pid` is null or has room; `path` is null or ends in NUL; `actions` and `attributes` are null or initialised; `argv`
/// and `envp` are null, or strings up to a null pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_posix_spawn(
    pid: *mut c_int,
    path: *const c_char,
    actions: *const FileActions,
    attributes: *const libc::posix_spawnattr_t,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    // SAFETY: the caller's word.
    unsafe { spawn_of(pid, path, actions, attributes, (argv, envp), false) }
}

/// POSIX `posix_spawnp`.
///
/// # Safety
/// As [`nx_posix_spawn`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_posix_spawnp(
    pid: *mut c_int,
    name: *const c_char,
    actions: *const FileActions,
    attributes: *const libc::posix_spawnattr_t,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    // SAFETY: the caller's word.
    unsafe { spawn_of(pid, name, actions, attributes, (argv, envp), true) }
}

/// Whether a program that has ended still has output on its way: somebody who must not wait is told that it has not ended.
fn is_lingering(pid: c_int, options: c_int) -> bool {
    let (kind, id) = match pid {
        -1 => (libc::P_ALL, 0),
        0 => (libc::P_PGID, 0),
        pid if pid > 0 => (libc::P_PID, pid as libc::id_t),
        group => (libc::P_PGID, group.unsigned_abs()),
    };
    let look = libc::WEXITED | libc::WNOWAIT | libc::WNOHANG | options & libc::WSTOPPED;
    // SAFETY: a struct of numbers, which the call fills.
    let mut told: libc::siginfo_t = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let ended = match unsafe { libc::waitid(kind, id, &raw mut told, look) } {
        // SAFETY: it tells of a child.
        0 => unsafe { told.si_pid() },
        _ => return false,
    };
    let children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    children.get(&ended).is_some_and(|child| child.try_wait().is_none())
}

/// POSIX `waitpid`.
///
/// # Safety
/// `status` is null or has room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int {
    if options & libc::WNOHANG != 0 && !is_child() && quietly(|| is_lingering(pid, options)) {
        return 0;
    }
    let mut told = 0;
    // SAFETY: the status is there.
    let ended = unsafe { libc::waitpid(pid, &raw mut told, options) };
    if ended > 0 && (libc::WIFEXITED(told) || libc::WIFSIGNALED(told)) && !is_child() {
        let child = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).remove(&ended);
        // What the program wrote is in its files before anybody is told that it ended.
        drop(child.map(|child| child.wait()));
    }
    if ended > 0 && !status.is_null() {
        // SAFETY: the caller's word.
        unsafe { status.write(told) };
    }
    ended
}

/// POSIX `wait`.
///
/// # Safety
/// As [`nx_waitpid`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_wait(status: *mut c_int) -> c_int {
    // SAFETY: the caller's word.
    unsafe { nx_waitpid(-1, status, 0) }
}

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
    let child = match spawn(task, path, argv, environment, &[], &Attributes::default()) {
        Ok(child) => child,
        Err(e) => return e,
    };
    let exit = child.wait();
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
