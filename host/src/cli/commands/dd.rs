//! dd.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use clap::Args;
use nxvfs_abi::types::{mode, open};
use serde::Serialize;

use super::places::{identity, is_directory};
use super::transfer::{BUFFER_BYTES, Descriptor, End, pump};
use crate::Task;
use crate::base::{Errno, Result};
use crate::cli::failure::{Done, ShellError, about, at, wrote_only};
use crate::cli::shell::Shell;
use crate::cli::text::{bytes_argument, lossy, shown};

/// Copy a part of a file
#[derive(Args)]
#[command(after_help = "Examples:
  dd if=/dev/ram0 of=/tmp/image bs=4K count=16
  dd if=/tmp/boot of=/dev/ram0 seek=1

Words:
  if=FILE, of=FILE   from where, to where
  bs=N               bytes of a block; 512 if left out
  count=N            blocks to copy; up to the end if left out
  skip=N, seek=N     blocks to pass over in the source, in the target

The target ends after what is copied; with seek=, what is before stays.")]
pub(in crate::cli) struct Dd {
    /// if=FILE of=FILE [bs=N] [count=N] [skip=N] [seek=N]
    #[arg(required = true, value_name = "WORD=VALUE")]
    words: Vec<OsString>,
}

#[derive(Serialize)]
struct DdDocument {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    len_bytes: u64,
}

/// What the words say; numbers count blocks but for `block`.
struct Plan {
    from: Vec<u8>,
    to: Vec<u8>,
    block: u64,
    count: Option<u64>,
    skip: u64,
    seek: u64,
}

impl Plan {
    fn of(words: Vec<OsString>) -> Result<Self, ShellError> {
        let usage = "usage: dd if=FILE of=FILE [bs=N] [count=N] [skip=N] [seek=N]";
        let refuse = |message: String| ShellError::Usage {
            command: "dd".to_owned(),
            message,
            usage: usage.to_owned(),
        };
        let (mut from, mut to) = (None, None);
        let mut plan = Self { from: Vec::new(), to: Vec::new(), block: 512, count: None, skip: 0, seek: 0 };
        for word in words.into_iter().map(OsStringExt::into_vec) {
            let Some(at) = word.iter().position(|b| *b == b'=') else {
                return Err(refuse(format!("'{}' has no '='", shown(&word))));
            };
            let (name, value) = (&word[..at], &word[at + 1..]);
            let number = || {
                let text = shown(value);
                bytes_argument(&text).map_err(|e| refuse(format!("'{}': {e}", shown(&word))))
            };
            match name {
                b"if" => from = Some(value.to_vec()),
                b"of" => to = Some(value.to_vec()),
                b"bs" => plan.block = number()?,
                b"count" => plan.count = Some(number()?),
                b"skip" => plan.skip = number()?,
                b"seek" => plan.seek = number()?,
                _ => return Err(refuse(format!("unknown word '{}'", shown(&word)))),
            }
        }
        if plan.block == 0 {
            return Err(refuse("bs=0 copies nothing".to_owned()));
        }
        plan.from = from.ok_or_else(|| refuse("if= is missing".to_owned()))?;
        plan.to = to.ok_or_else(|| refuse("of= is missing".to_owned()))?;
        Ok(plan)
    }

    fn bytes(&self, blocks: u64) -> Result<u64> {
        blocks
            .checked_mul(self.block)
            .filter(|bytes| i64::try_from(*bytes).is_ok())
            .ok_or(Errno::EFBIG.into())
    }

    fn copy(&self, task: &Task) -> Result<u64> {
        let (skip, seek) = (self.bytes(self.skip)?, self.bytes(self.seek)?);
        let len = self.count.map_or(Ok(u64::MAX), |count| self.bytes(count))?;
        let source = Descriptor::open(task, &self.from, open::O_RDONLY, 0).map_err(at(&self.from))?;
        let status = task.stat(&self.from).map_err(at(&self.from))?;
        if is_directory(&status) {
            return Err(at(&self.from)(Errno::EISDIR.into()));
        }
        if task.stat(&self.to).is_ok_and(|there| identity(&there) == identity(&status)) {
            return Err(ShellError::SameFile { from: shown(&self.from), to: shown(&self.to) }.into());
        }
        let target =
            Descriptor::open(task, &self.to, open::O_WRONLY | open::O_CREAT, 0o666).map_err(at(&self.to))?;
        // A device has the length it has.
        if task.stat(&self.to).map_err(at(&self.to))?.attr.file_type() == mode::S_IFREG {
            task.truncate(&self.to, seek).map_err(at(&self.to))?;
        }
        let mut buf = vec![0; self.block.min(BUFFER_BYTES as u64) as usize];
        let end = End { path: &self.to, offset: seek };
        let done = pump((&source, skip), (&target, &end), len, &mut buf).map_err(at(&self.from))?;
        target.close().map_err(|e| wrote_only(&e, &self.to, done))?;
        Ok(done)
    }
}

impl Dd {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let plan = Plan::of(self.words)?;
        let len_bytes = plan.copy(&shell.task).map_err(about("dd", &plan.to))?;
        if shell.out.json {
            let (path, path_bytes) = lossy(OsString::from_vec(plan.to).as_bytes());
            return shell.out.document(&DdDocument { path, path_bytes, len_bytes });
        }
        Ok(writeln!(shell.out, "{len_bytes} bytes copied")?)
    }
}
