//! hexdump.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use serde::Serialize;

use crate::Task;
use crate::cli::failure::{Done, Failure, about};
use crate::cli::output::Output;
use crate::cli::shell::Shell;
use crate::cli::text::{bytes_argument, hex, lossy};

use super::content::Reader;

/// Print bytes of a file or device in hexadecimal
#[derive(Args)]
#[command(after_help = "Example:
  hexdump -s 0x200 -n 64 /dev/ram0

The form is that of 'hexdump -C': a line like the one before is left out and marked by '*'.")]
pub(in crate::cli) struct Hexdump {
    /// Bytes to pass over; decimal, 0x…, or with K, M, G
    #[arg(short, value_name = "SKIP", default_value = "0", value_parser = bytes_argument)]
    skip: u64,
    /// Bytes to print
    #[arg(short = 'n', value_name = "LEN", value_parser = bytes_argument)]
    len: Option<u64>,
    /// The file
    path: OsString,
}

#[derive(Serialize)]
struct HexdumpDocument {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    offset: u64,
    len_bytes: u64,
    data_bytes: String,
}

impl Hexdump {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let name = self.path.as_bytes();
        self.dump(&shell.task, &mut shell.out).map_err(|failure| match failure {
            Failure::Error(error) => about("hexdump", name)(error).into(),
            other => other,
        })
    }

    fn dump(&self, task: &Task, out: &mut Output) -> Done {
        let path = self.path.as_bytes();
        let mut reader = Reader::open(task, path, self.skip, self.len.unwrap_or(u64::MAX))?;
        if out.json {
            let content = reader.all(path)?;
            let (len_bytes, data_bytes) = (content.len() as u64, hex(&content));
            let (path, path_bytes) = lossy(path);
            return out.document(&HexdumpDocument {
                path,
                path_bytes,
                offset: self.skip,
                len_bytes,
                data_bytes,
            });
        }
        reader.is_not(out, path)?;
        let mut lines = Lines::new(self.skip);
        loop {
            let chunk = reader.next()?;
            if chunk.is_empty() {
                return lines.end(out);
            }
            lines.add(chunk, out)?;
        }
    }
}

/// Lines of 16 bytes as `hexdump -C` writes them.
pub(super) struct Lines {
    offset: u64,
    before: Vec<u8>,
    starred: bool,
}

impl Lines {
    pub(super) fn new(offset: u64) -> Self {
        Self { offset, before: Vec::new(), starred: false }
    }

    /// Writes bytes; all but the last call give a multiple of 16.
    pub(super) fn add(&mut self, bytes: &[u8], out: &mut Output) -> Done {
        for line in bytes.chunks(16) {
            if line == self.before {
                if !std::mem::replace(&mut self.starred, true) {
                    writeln!(out, "*")?;
                }
            } else {
                let pair: Vec<String> = line.chunks(8).map(spaced).collect();
                let digits = pair.join("  ");
                let shown = |b: &u8| if matches!(b, b' '..=b'~') { char::from(*b) } else { '.' };
                let text: String = line.iter().map(shown).collect();
                writeln!(out, "{:08x}  {digits:48}  |{text}|", self.offset)?;
                self.before = line.to_vec();
                self.starred = false;
            }
            self.offset += line.len() as u64;
        }
        Ok(())
    }

    /// The line with the end's offset.
    pub(super) fn end(&self, out: &mut Output) -> Done {
        match self.before.is_empty() {
            true => Ok(()),
            false => Ok(writeln!(out, "{:08x}", self.offset)?),
        }
    }
}

fn spaced(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
}
