//! Starting a program.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nxvfs_abi::Ctx;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::super::Task;
use super::child::{Attendants, Child, Shared};
use super::executable::{Executor, ProgramError};
use super::pump::{drain, feed};
use crate::base::sync::Arc;
use crate::base::wait::Relay;
use crate::base::{Errno, Error, Result};
use crate::bridge::{Inheritance, Inherited, spawn_quiet};
use crate::file::KeptOpen;

/// What a program has as its standard input, output or error.
#[derive(Debug, Default)]
pub enum Standard {
    /// What this process has.
    #[default]
    Inherit,
    /// Nothing comes, and everything goes.
    Null,
    /// A descriptor of the task, through a pipe.
    File(u32),
    /// A descriptor of the operating system, as it is.
    Os(OwnedFd),
}

/// A program to run.
pub struct Program {
    path: Vec<u8>,
    argv: Vec<Vec<u8>>,
    environment: Option<Vec<(OsString, OsString)>>,
    standard: [Standard; 3],
    group: Option<i32>,
    blocked: Option<Vec<i32>>,
    numbers: Vec<(i32, Inherited)>,
    reap: bool,
}

impl Program {
    /// The program at a path of the tree, with the path as its name, no arguments, and this process's environment and
    /// standard streams.
    pub fn new(path: impl AsRef<[u8]>) -> Self {
        let path = path.as_ref().to_vec();
        Self {
            argv: vec![path.clone()],
            path,
            environment: None,
            standard: Default::default(),
            group: None,
            blocked: None,
            numbers: Vec::new(),
            reap: true,
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.argv.push(arg.as_ref().to_vec());
        self
    }

    /// All arguments, the name first. POSIX `argv`. Without any the path is the name.
    #[must_use]
    pub fn argv(mut self, argv: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.argv = argv.into_iter().collect();
        if self.argv.is_empty() {
            self.argv.push(self.path.clone());
        }
        self
    }

    /// The whole environment, as `NAME=VALUE`. POSIX `envp`. What has no `=` is left out.
    #[must_use]
    pub fn environment(mut self, environment: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let split = |entry: Vec<u8>| {
            let at = entry.iter().skip(1).position(|b| *b == b'=')? + 1;
            Some((OsString::from_vec(entry[..at].to_vec()), OsString::from_vec(entry[at + 1..].to_vec())))
        };
        self.environment = Some(environment.into_iter().filter_map(split).collect());
        self
    }

    /// Standard input.
    #[must_use]
    pub fn stdin(mut self, what: Standard) -> Self {
        self.standard[0] = what;
        self
    }

    /// Standard output.
    #[must_use]
    pub fn stdout(mut self, what: Standard) -> Self {
        self.standard[1] = what;
        self
    }

    /// Standard error. If it is the same open file as standard output, both share a pipe and keep their order.
    #[must_use]
    pub fn stderr(mut self, what: Standard) -> Self {
        self.standard[2] = what;
        self
    }

    /// The process group; 0 is one of its own. POSIX `POSIX_SPAWN_SETPGROUP`.
    #[must_use]
    pub fn group(mut self, group: i32) -> Self {
        self.group = Some(group);
        self
    }

    /// The signals that are blocked in it, instead of those that the thread blocks which starts it. POSIX
    /// `POSIX_SPAWN_SETSIGMASK`.
    #[must_use]
    pub fn blocked(mut self, signals: impl IntoIterator<Item = i32>) -> Self {
        self.blocked = Some(signals.into_iter().collect());
        self
    }

    /// What one of its numbers from 3 on is, instead of what it inherits.
    #[must_use]
    pub fn number(mut self, fd: i32, what: Inherited) -> Self {
        self.numbers.push((fd, what));
        self
    }

    /// Leaves it to the rest of this process to ask the operating system how the program ended (`waitpid`).
    #[must_use]
    pub fn unreaped(mut self) -> Self {
        self.reap = false;
        self
    }
}

/// The pipes of one program, on this process's side.
#[derive(Default)]
struct Pipes {
    feeds: Option<(KeptOpen, OwnedFd)>,
    drains: Vec<(KeptOpen, OwnedFd)>,
}

impl Task {
    /// Runs a program of the tree. POSIX `posix_spawn`. Its user, working directory and limits are those of this process:
    /// the task's mean nothing to the operating system.
    ///
    /// Errors: those of the walk; EACCES not a regular file, or it may not be executed; ENOEXEC; ENOENT also the
    /// interpreter or loader, with a sentence; ELOOP scripts that run scripts; EBADF a standard stream is not open for
    /// that; EINVAL a zero byte in an argument; ENOMEM, EAGAIN, EMFILE.
    pub fn spawn(&self, program: Program) -> Result<Child> {
        self.prepare(program)?.start()
    }

    /// Does what can be done of [`Task::spawn`] without a process: everything that calls file systems. Errors: as there.
    pub fn prepare(&self, program: Program) -> Result<Prepared> {
        let place = String::from_utf8_lossy(&program.path).into_owned();
        self.prepared(program).map_err(|e| e.doing(format_args!("run {place}")))
    }

    fn prepared(&self, program: Program) -> Result<Prepared> {
        let Program { path, argv, environment, standard, group, blocked, numbers, reap } = program;
        let named =
            environment.iter().flatten().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]);
        if argv.iter().map(Vec::as_slice).chain(named).any(|word| word.contains(&0)) {
            return Err(Errno::EINVAL.into());
        }
        let inheritance = Inheritance::new(blocked.as_deref(), numbers)?;
        let executable = self.executable(&path, argv, Executor::Child)?;
        let image = inheritance.out_of_the_way(executable.program)?;
        let mut words = executable.argv.iter().map(|word| OsStr::from_bytes(word));
        let mut command = Command::new(format!("/proc/self/fd/{}", image.as_raw_fd()));
        command.arg0(words.next().ok_or(Errno::EINVAL)?).args(words);
        if let Some(environment) = environment {
            command.env_clear().envs(environment);
        }
        if let Some(group) = group {
            command.process_group(group);
        }
        inheritance.apply(&mut command);
        let mut pipes = Pipes::default();
        let [stdin, stdout, stderr] = standard;
        let shared_output = self.same_file(&stdout, &stderr);
        command.stdin(self.input(stdin, &mut pipes)?);
        let (out, copy) = self.output(stdout, &mut pipes, shared_output)?;
        command.stdout(out);
        match copy {
            Some(copy) => command.stderr(copy),
            None => command.stderr(self.output(stderr, &mut pipes, false)?.0),
        };
        let (ctx, scripts) = (self.caller.ctx(), executable.scripts);
        Ok(Prepared { path, command, image, pipes, scripts, ctx, reap })
    }

    fn same_file(&self, one: &Standard, other: &Standard) -> bool {
        match (one, other) {
            (Standard::File(one), Standard::File(other)) => {
                let files = (self.descriptors.get(*one), self.descriptors.get(*other));
                matches!(files, (Ok(one), Ok(other)) if Arc::ptr_eq(&one, &other))
            }
            _ => false,
        }
    }

    fn input(&self, what: Standard, pipes: &mut Pipes) -> Result<Stdio> {
        Ok(match what {
            Standard::Inherit => Stdio::inherit(),
            Standard::Null => Stdio::null(),
            Standard::Os(fd) => fd.into(),
            Standard::File(fd) => {
                let file = self.descriptors.get(fd)?;
                if !file.flags().readable() {
                    return Err(Errno::EBADF.into());
                }
                let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
                not_waiting(&ours)?;
                pipes.feeds = Some((KeptOpen::new(file), ours));
                theirs.into()
            }
        })
    }

    fn output(&self, what: Standard, pipes: &mut Pipes, twice: bool) -> Result<(Stdio, Option<Stdio>)> {
        Ok(match what {
            Standard::Inherit => (Stdio::inherit(), None),
            Standard::Null => (Stdio::null(), None),
            Standard::Os(fd) => (fd.into(), None),
            Standard::File(fd) => {
                let file = self.descriptors.get(fd)?;
                if !file.flags().writable() {
                    return Err(Errno::EBADF.into());
                }
                let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
                not_waiting(&ours)?;
                pipes.drains.push((KeptOpen::new(file), ours));
                let copy = if twice { Some(theirs.try_clone()?.into()) } else { None };
                (theirs.into(), copy)
            }
        })
    }
}

/// A program that only needs its process.
pub struct Prepared {
    path: Vec<u8>,
    command: Command,
    /// What is executed: open until the process has it.
    image: OwnedFd,
    pipes: Pipes,
    scripts: Vec<OwnedFd>,
    ctx: Ctx,
    reap: bool,
}

impl Prepared {
    /// Starts it; calls nothing but the operating system. Errors: ENOENT the interpreter or loader; ENOEXEC, ENOMEM, EAGAIN.
    pub fn start(self) -> Result<Child> {
        let Self { path, mut command, image, pipes, scripts, ctx, reap } = self;
        let place = String::from_utf8_lossy(&path).into_owned();
        let started = command.spawn();
        // This process's copies of the program's ends, so that their end is seen.
        drop(command);
        drop(image);
        let started = started.map_err(|e| match Error::from(e) {
            e if e.errno() == Errno::ENOENT => ProgramError::Loader { path: place.clone() }.into(),
            e => e,
        });
        started
            .and_then(|mut started| {
                attend(started.id(), pipes, scripts, &ctx, reap).inspect_err(|_| {
                    // Nobody would look after it. That it cannot be killed means that it has ended.
                    let _ = started.kill();
                    let _ = started.wait();
                })
            })
            .map_err(|e| e.doing(format_args!("run {place}")))
    }
}

/// Starts the threads that look after a program.
fn attend(pid: u32, pipes: Pipes, scripts: Vec<OwnedFd>, ctx: &Ctx, reap: bool) -> Result<Child> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::ESRCH)?;
    let process = Arc::new(pidfd_open(pid, PidfdFlags::empty())?);
    let shared = Arc::new(Shared::default());
    let mut attendants = Attendants { feeder: None, drains: Vec::new(), scripts };
    if let Some((file, pipe)) = pipes.feeds {
        let relay = Relay::new();
        let ctx = Ctx { cancel: relay.token(), ..*ctx };
        let (shared, process) = (shared.clone(), process.clone());
        let feeder = spawn_quiet("program-input", move || {
            if let Err(e) = feed(&file, &ctx, &pipe, &process) {
                shared.trouble(e.doing("standard input"));
            }
        })?;
        attendants.feeder = Some((feeder, relay));
    }
    for (file, pipe) in pipes.drains {
        let ctx = Ctx { cancel: 0, ..*ctx };
        let (shared, process) = (shared.clone(), process.clone());
        attendants.drains.push(spawn_quiet("program-output", move || {
            if let Err(e) = drain(&file, &ctx, &pipe, &process) {
                shared.trouble(e.doing("standard output"));
            }
        })?);
    }
    Child::new(pid, process, shared, attendants, (reap, ctx.cancel))
}

/// Only this side of the pipe: the program's end waits, as any does.
fn not_waiting(fd: &OwnedFd) -> Result<()> {
    Ok(fcntl_setfl(fd, fcntl_getfl(fd)? | OFlags::NONBLOCK)?)
}
