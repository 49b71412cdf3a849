//! From a path to what the kernel executes.

use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

use nxvfs_abi::types::{mode, open};

use super::super::{At, Task, shown};
use crate::base::error::teach;
use crate::base::sync::Arc;
use crate::base::{Errno, Result, sealed};
use crate::file::{OpenFile, Opener};
use crate::tree::{Caller, EXECUTE};

teach! {
    /// Why a program does not run.
    pub enum ProgramError {
        /// Not a file.
        Kind { path: String } => EACCES, what: "not a program", place: "{path}", expected: "a regular file";
        /// The mode bits.
        Denied { path: String } => EACCES, what: "may not be executed", place: "{path}",
            remedy: "'chmod 755' it if the volume keeps modes; a volume mounted with -o noexec runs nothing";
        /// Neither ELF nor script.
        Format { path: String } => ENOEXEC, what: "neither a program nor a script", place: "{path}",
            expected: "ELF, or a first line '#!INTERPRETER [ARGUMENT]'";
        /// The script's interpreter.
        NoInterpreter { path: String, script: String } => ENOENT, what: "no such interpreter", place: "{script}",
            expected: "{path} in the tree of files of this host",
            remedy: "put it there, or name another in the first line: programs of the operating system do not count";
        /// Interpreters that are scripts.
        Deep { path: String } => ELOOP, what: "too many scripts that run scripts", place: "{path}";
        /// Larger than is taken.
        Large { path: String } => EFBIG, what: "too large for a program", place: "{path}", expected: "at most 1 GiB";
        /// The kernel knows the program, but not what loads it.
        Loader { path: String } => ENOENT, what: "the program needs a loader that the operating system lacks",
            place: "{path}", remedy: "link the program statically";
    }
}

/// The largest program.
const MOST_BYTES: u64 = 1 << 30;
/// So much of a script's first line counts. Linux `BINPRM_BUF_SIZE`.
const LINE_BYTES: usize = 256;
/// How many scripts may run each other. Linux.
const MOST_SCRIPTS: usize = 5;
const CHUNK_BYTES: usize = 1 << 18;

/// What the kernel executes.
pub struct Executable {
    /// The program, sealed; closed on execution.
    pub program: OwnedFd,
    /// Its arguments, the name first.
    pub argv: Vec<Vec<u8>>,
    /// Scripts, which their interpreters open by number: they stay until the program ends.
    pub scripts: Vec<OwnedFd>,
}

/// Who opens the scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// Another process, while this one keeps them.
    Child,
    /// This process, after it has become the program: the scripts must then not be closed on execution.
    Itself,
}

impl Task {
    /// Finds a program. A script's interpreter is looked up in the tree, and gets the script as a file in memory. Errors:
    /// those of the walk, and of [`ProgramError`].
    pub fn executable(&self, path: &[u8], argv: Vec<Vec<u8>>, by: Executor) -> Result<Executable> {
        let (mut path, mut argv, mut scripts) = (path.to_vec(), argv, Vec::new());
        let mut script: Option<String> = None;
        loop {
            let place = String::from_utf8_lossy(&path).into_owned();
            let (file, len) = self.program_file(&path).map_err(|e| match (e.errno(), &script) {
                (Errno::ENOENT, Some(script)) => {
                    ProgramError::NoInterpreter { path: place.clone(), script: script.clone() }.into()
                }
                _ => e,
            })?;
            let copy = copy(&file, len, &place)?;
            let mut head = [0; LINE_BYTES];
            let head_len = rustix::io::pread(&copy, &mut head, 0)?;
            let head = &head[..head_len];
            if head.starts_with(b"\x7fELF") {
                return Ok(Executable { program: copy, argv, scripts });
            }
            let Some((interpreter, argument)) = interpreter(head) else {
                return Err(ProgramError::Format { path: place }.into());
            };
            if scripts.len() == MOST_SCRIPTS {
                return Err(ProgramError::Deep { path: place }.into());
            }
            // The interpreter opens the script by name, and its names are the operating system's.
            let opened = match by {
                Executor::Child => format!("/proc/{}/fd/{}", std::process::id(), copy.as_raw_fd()),
                Executor::Itself => format!("/proc/self/fd/{}", copy.as_raw_fd()),
            };
            let given = argv.into_iter().skip(1);
            let first = [Some(interpreter.to_vec()), argument.map(<[u8]>::to_vec), Some(opened.into_bytes())];
            argv = first.into_iter().flatten().chain(given).collect();
            path = interpreter.to_vec();
            script = Some(place);
            scripts.push(copy);
        }
    }

    /// Opens a program for the host, which may read what the caller may only execute.
    fn program_file(&self, path: &[u8]) -> Result<(Arc<OpenFile>, u64)> {
        let dentry = self.find_at(At::Cwd, path, 0, 0)?;
        if dentry.inode().file_type() != mode::S_IFREG {
            return Err(ProgramError::Kind { path: shown(&dentry) }.into());
        }
        self.may_reach(&dentry, EXECUTE).map_err(|e| match e.errno() {
            Errno::EACCES => ProgramError::Denied { path: shown(&dentry) }.into(),
            _ => e,
        })?;
        let (caller, base) = (Caller::host(), self.host.tree().root());
        let opener = Opener { tree: self.host.tree(), caller: &caller, base: &base };
        let file = OpenFile::open_found(&opener, &dentry, open::O_RDONLY)?;
        let len = file.len_bytes(&caller.ctx())?;
        Ok((file, len))
    }
}

fn copy(file: &OpenFile, len: u64, place: &str) -> Result<OwnedFd> {
    if len > MOST_BYTES {
        return Err(ProgramError::Large { path: place.to_owned() }.into());
    }
    let name = place.rsplit('/').next().unwrap_or_default();
    // A name of the kernel's is at most 249 bytes, and is only for people.
    let name: String = name.chars().filter(|c| *c != '\0').take(60).collect();
    sealed(&name, |out| {
        let (ctx, mut buf, mut at) = (crate::bridge::host_ctx(), vec![0; CHUNK_BYTES], 0);
        loop {
            let done = file.pread(&ctx, &mut buf, at)?;
            if done == 0 {
                return Ok(());
            }
            at += done as u64;
            if at > MOST_BYTES {
                return Err(ProgramError::Large { path: place.to_owned() }.into());
            }
            out.write_all(&buf[..done])?;
        }
    })
}

/// The interpreter and its one argument, as Linux reads the first line of a script.
fn interpreter(head: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let rest = head.strip_prefix(b"#!")?;
    let blank = |b: &u8| *b == b' ' || *b == b'\t';
    let end = rest.iter().position(|b| *b == b'\n' || *b == 0);
    let line = rest[..end.unwrap_or(rest.len())].trim_ascii();
    let cut = line.iter().position(blank);
    // A name that goes on beyond what was read is no name.
    if line.is_empty() || (cut.is_none() && end.is_none() && head.len() == LINE_BYTES) {
        return None;
    }
    let (name, argument) = line.split_at(cut.unwrap_or(line.len()));
    let argument = argument.trim_ascii();
    Some((name, if argument.is_empty() { None } else { Some(argument) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_read_as_linux_reads_it() {
        let of = |text: &str| {
            interpreter(text.as_bytes()).map(|(name, argument)| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                (text(name), argument.map(text))
            })
        };
        let is = |name: &str, argument: Option<&str>| Some((name.to_owned(), argument.map(str::to_owned)));
        assert_eq!(of("#!/bin/sh\necho"), is("/bin/sh", None));
        assert_eq!(of("#! \t/bin/sh  -e x \t\n"), is("/bin/sh", Some("-e x")));
        assert_eq!(of("#!sh"), is("sh", None));
        assert_eq!(of("#!\n/bin/sh"), None);
        assert_eq!(of("#!   "), None);
        assert_eq!(of("/bin/sh"), None);
        assert_eq!(of(&format!("#!/{}", "x".repeat(253))), None);
        assert_eq!(of(&format!("#!/sh {}", "x".repeat(250))), is("/sh", Some(&"x".repeat(250))));
    }
}
