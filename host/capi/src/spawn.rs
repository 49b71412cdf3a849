//! Starting programs of the tree: of `spawn.h`, `posix_spawn`.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nxvfs::task::{Inherited, Prepared, Program, Standard};
use nxvfs::{Errno, Result, Task};

use crate::actions::{Action, Attributes, FileActions, actions_of, attributes_of};
use crate::call::{number, os_errno, text};
use crate::children::start;
use crate::host::with_task;
use crate::window::ours;

/// The strings of a list that a null pointer ends. Errors: EFAULT, E2BIG.
///
/// # Safety
/// `list` is null or such a list.
pub(crate) unsafe fn strings(list: *const *const c_char) -> Result<Vec<Vec<u8>>> {
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
pub(crate) fn environment() -> Vec<Vec<u8>> {
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
pub(crate) fn each_path<R>(name: &[u8], mut attempt: impl FnMut(&[u8]) -> Result<R>) -> Result<R> {
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

    /// What the program gets as its standard streams.
    fn standard(&self) -> Result<[Standard; 3]> {
        Ok([self.stream(0)?, self.stream(1)?, self.stream(2)?])
    }

    /// What the program gets by other numbers. Errors: ENOTSUP a file of the host's, which reaches it as a standard stream
    /// only; EMFILE.
    fn others(&self) -> Result<Vec<(c_int, Inherited)>> {
        let other = |(fd, lead): (&c_int, &Lead)| {
            Ok((
                *fd,
                match *lead {
                    Lead::Nothing => Inherited::Closed,
                    Lead::Os(number) if number == *fd => Inherited::Open,
                    Lead::Os(number) => Inherited::Copy(copy(number)?),
                    Lead::Host(_) => return Err(Errno::ENOTSUP.into()),
                },
            ))
        };
        // A placeholder of the window is closed there already.
        let told = |(fd, lead): &(&c_int, &Lead)| **lead != Lead::Nothing || ours(**fd).is_none();
        self.leads.range(3..).filter(told).map(other).collect()
    }

    fn stream(&self, fd: c_int) -> Result<Standard> {
        Ok(match self.lead(fd) {
            Ok(Lead::Os(number)) if number == fd => Standard::Inherit,
            Ok(Lead::Os(number)) => Standard::Os(copy(number)?),
            Ok(Lead::Host(number)) => Standard::File(number),
            Ok(Lead::Nothing) | Err(_) => Standard::Null,
        })
    }
}

/// A descriptor of the operating system's once more. Errors: EBADF, EMFILE.
fn copy(fd: c_int) -> Result<OwnedFd> {
    // SAFETY: a number only.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(os_errno());
    }
    // SAFETY: made just now, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

impl Drop for Numbers<'_> {
    fn drop(&mut self) {
        for fd in self.opened.drain(..) {
            // The program has what it needs of it.
            let _ = self.task.close(fd);
        }
    }
}

/// A program, up to its process. Errors: as `posix_spawn`.
pub(crate) fn prepare(
    task: &Task,
    path: &[u8],
    argv: &[Vec<u8>],
    environment: &[Vec<u8>],
    actions: &[Action],
    attributes: &Attributes,
) -> Result<Prepared> {
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
    for (fd, what) in numbers.others()? {
        program = program.number(fd, what);
    }
    if let Some(group) = attributes.group {
        program = program.group(group);
    }
    if let Some(blocked) = &attributes.blocked {
        program = program.blocked(blocked.iter().copied());
    }
    task.prepare(program)
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
            |path: &[u8]| with_task(|task| prepare(task, path, &argv, &environment, actions, &attributes));
        let number = start(if searches { each_path(name, run) } else { run(name) }?)?;
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
