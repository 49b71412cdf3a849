//! cmp.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{Done, Failure, about};
use crate::cli::shell::Shell;
use crate::cli::text::shown;

use super::content::Reader;

/// Compare two files byte by byte; fails if they differ
#[derive(Args)]
#[command(after_help = "Example:
  cmp /rom/a.bin /dev/ram0")]
pub(in crate::cli) struct Cmp {
    /// A file
    a: OsString,
    /// Another file
    b: OsString,
}

#[derive(Serialize)]
struct CmpDocument {
    equal: bool,
    /// Offset of the first byte that differs, or where the shorter file ends.
    first_difference: Option<u64>,
    /// `a` or `b`: the file that ends there.
    shorter: Option<&'static str>,
}

impl Cmp {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let (a, b) = (self.a.as_bytes(), self.b.as_bytes());
        let (offset, line, shorter) = {
            let mut left = Reader::open(&shell.task, a, 0, u64::MAX).map_err(about("cmp", a))?;
            let mut right = Reader::open(&shell.task, b, 0, u64::MAX).map_err(about("cmp", b))?;
            let (mut offset, mut line) = (0, 1);
            loop {
                let one = left.next().map_err(about("cmp", a))?;
                let other = right.next().map_err(about("cmp", b))?;
                let same = one.iter().zip(other).take_while(|(x, y)| x == y).count();
                offset += same as u64;
                line += one[..same].iter().filter(|c| **c == b'\n').count();
                match (same == one.len(), same == other.len()) {
                    (true, true) if one.is_empty() => break (None, line, None),
                    (true, true) => {}
                    (true, false) => break (Some(offset), line, Some(("a", a))),
                    (false, true) => break (Some(offset), line, Some(("b", b))),
                    (false, false) => break (Some(offset), line, None),
                }
            }
        };
        let equal = offset.is_none();
        if shell.out.json {
            let shorter = shorter.map(|(which, _)| which);
            shell.out.document(&CmpDocument { equal, first_difference: offset, shorter })?;
        } else if let Some(offset) = offset {
            match shorter {
                Some((_, path)) => writeln!(shell.out, "cmp: EOF on {} after byte {offset}", shown(path))?,
                None => {
                    let byte = offset + 1;
                    writeln!(shell.out, "{} {} differ: byte {byte}, line {line}", shown(a), shown(b))?;
                }
            }
        }
        if equal { Ok(()) } else { Err(Failure::Said) }
    }
}
