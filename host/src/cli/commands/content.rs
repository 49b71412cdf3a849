//! cat, and how commands read files.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use nxvfs_abi::types::open;
use serde::Serialize;

use crate::Task;
use crate::base::Result;
use crate::cli::failure::{Done, Failure, ShellError, about};
use crate::cli::output::Output;
use crate::cli::shell::Shell;
use crate::cli::text::{lossy, shown};

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 1 << 16;
/// Content that is put into one JSON document.
const MAX_DOCUMENT_BYTES: u64 = 1 << 24;

/// A file that is read from some offset on and closed in the end.
pub(super) struct Reader<'t> {
    task: &'t Task,
    fd: u32,
    offset: u64,
    left: u64,
    buf: Vec<u8>,
}

impl<'t> Reader<'t> {
    /// Opens a file to read `len` bytes from `offset`, or what there is.
    pub(super) fn open(task: &'t Task, path: &[u8], offset: u64, len: u64) -> Result<Self> {
        let fd = task.open(path, open::O_RDONLY, 0)?;
        Ok(Self { task, fd, offset, left: len, buf: vec![0; CHUNK_BYTES] })
    }

    /// The next bytes; none at the end.
    pub(super) fn next(&mut self) -> Result<&[u8]> {
        let want = self.left.min(CHUNK_BYTES as u64) as usize;
        let mut have = 0;
        // Whole chunks, so that two files can be compared chunk by chunk.
        while have < want {
            match self.task.pread(self.fd, &mut self.buf[have..want], self.offset)? {
                0 => break,
                read => {
                    have += read;
                    self.offset += read as u64;
                }
            }
        }
        self.left -= have as u64;
        Ok(&self.buf[..have])
    }

    /// Refuses to print a file into itself, which would never end.
    pub(super) fn is_not(&self, out: &Output, path: &[u8]) -> Result<()> {
        let Some(file) = out.file() else { return Ok(()) };
        let status = self.task.fstat(self.fd)?;
        match file == (status.dev, status.attr.ino) {
            true => Err(ShellError::OwnOutput { path: shown(path) }.into()),
            false => Ok(()),
        }
    }

    /// Everything that is left, if it fits into a document.
    pub(super) fn all(&mut self, path: &[u8]) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let chunk = self.next()?;
            if chunk.is_empty() {
                return Ok(all);
            }
            all.extend_from_slice(chunk);
            if all.len() as u64 > MAX_DOCUMENT_BYTES {
                let (path, max_bytes) = (shown(path), MAX_DOCUMENT_BYTES);
                return Err(ShellError::LargeDocument { path, max_bytes }.into());
            }
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // It was only read: there are no late errors to report.
        let _ = self.task.close(self.fd);
    }
}

/// Print the content of files
#[derive(Args)]
#[command(after_help = "Example:
  cat /rom/readme.txt")]
#[group(skip)]
pub(in crate::cli) struct Cat {
    /// The files
    #[arg(required = true)]
    pub(in crate::cli) paths: Vec<OsString>,
}

#[derive(Serialize)]
struct CatDocument {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    len_bytes: u64,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_bytes: Option<String>,
}

impl Cat {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let mut documents = Vec::new();
        for path in self.paths.iter().map(|p| p.as_bytes()) {
            let result = match shell.out.json {
                true => whole(&shell.task, path).map(|d| documents.push(d)).map_err(Failure::from),
                false => copy(&shell.task, path, &mut shell.out),
            };
            match result {
                Err(Failure::Error(error)) => shell.complain(&about("cat", path)(error)),
                other => other?,
            }
        }
        if shell.out.json { shell.out.documents(&documents, self.paths.len() == 1) } else { Ok(()) }
    }
}

fn copy(task: &Task, path: &[u8], out: &mut Output) -> Done {
    let mut reader = Reader::open(task, path, 0, u64::MAX)?;
    reader.is_not(out, path)?;
    loop {
        let chunk = reader.next()?;
        if chunk.is_empty() {
            return Ok(());
        }
        out.bytes(chunk)?;
    }
}

fn whole(task: &Task, path: &[u8]) -> Result<CatDocument> {
    let content = Reader::open(task, path, 0, u64::MAX)?.all(path)?;
    let (text, text_bytes) = lossy(&content);
    let (path, path_bytes) = lossy(path);
    Ok(CatDocument { path, path_bytes, len_bytes: content.len() as u64, text, text_bytes })
}
