//! sha256sum.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use nxvfs_abi::types::mode;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::base::{Error, Result};
use crate::cli::failure::{Done, ShellError, about};
use crate::cli::shell::Shell;
use crate::cli::text::{hex, join, lossy, shown};

use super::content::Reader;

/// Print SHA-256 sums
#[derive(Args)]
#[command(after_help = "Examples:
  sha256sum /rom/readme.txt
  sha256sum -r /rom

The form is that of sha256sum(1). With -r: 'find DIR -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum'.")]
pub(in crate::cli) struct Sha256Sum {
    /// Of a directory: all regular files below, sorted by path; symbolic links are not followed
    #[arg(short)]
    recursive: bool,
    /// The files
    #[arg(required = true)]
    paths: Vec<OsString>,
}

#[derive(Serialize)]
struct Document {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    sha256: String,
}

impl Sha256Sum {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        shell.out.begin_list()?;
        for path in self.paths.iter().map(|p| p.as_bytes()) {
            let directory =
                self.recursive && shell.task.stat(path).is_ok_and(|s| s.attr.file_type() == mode::S_IFDIR);
            if directory { below(shell, path, &mut Vec::new())? } else { one(shell, path)? }
        }
        shell.out.end_list()
    }
}

/// The files below a directory, in the order of their whole paths: among siblings a directory stands where its name
/// with a slash stands. `above` are the directories on the way, to notice one that contains itself.
fn below(shell: &mut Shell, dir: &[u8], above: &mut Vec<Identity>) -> Done {
    let (entries, identity) = match entries(shell, dir) {
        Ok(found) => found,
        Err(error) => {
            shell.complain(&about("sha256sum", dir)(error));
            return Ok(());
        }
    };
    if above.contains(&identity) {
        shell.complain(&Error::from(ShellError::Cycle { path: shown(dir) }).doing("sha256sum"));
        return Ok(());
    }
    above.push(identity);
    for name in entries {
        match name.strip_suffix(b"/") {
            Some(name) => below(shell, &join(dir, name), above)?,
            None => one(shell, &join(dir, &name))?,
        }
    }
    above.pop();
    Ok(())
}

/// A directory's volume and inode.
type Identity = (u64, u64);

/// Names of the regular files and, with a slash, of the directories; sorted. And which directory it is.
fn entries(shell: &mut Shell, dir: &[u8]) -> Result<(Vec<Vec<u8>>, Identity)> {
    let status = shell.task.stat(dir)?;
    let (mut names, mut errors) = (Vec::new(), Vec::new());
    for record in shell.task.opendir(dir)? {
        let mut name = record?.name;
        if name == b"." || name == b".." {
            continue;
        }
        // Not the type that readdir tells: it may be unknown, or a mount point.
        match shell.task.lstat(join(dir, &name)).map(|s| s.attr.file_type()) {
            Ok(mode::S_IFDIR) => name.push(b'/'),
            Ok(mode::S_IFREG) => {}
            Ok(_) => continue,
            Err(error) => {
                errors.push(about("sha256sum", &join(dir, &name))(error));
                continue;
            }
        }
        names.push(name);
    }
    errors.iter().for_each(|error| shell.complain(error));
    names.sort_unstable();
    Ok((names, (status.dev, status.attr.ino)))
}

fn one(shell: &mut Shell, path: &[u8]) -> Done {
    let sum = match sum(shell, path) {
        Ok(sum) => sum,
        Err(error) => {
            shell.complain(&about("sha256sum", path)(error));
            return Ok(());
        }
    };
    if shell.out.json {
        let (path, path_bytes) = lossy(path);
        return shell.out.item(&Document { path, path_bytes, sha256: sum });
    }
    // As sha256sum(1): a name that would break the line is written with escapes, and the line says so.
    let escaped = path.iter().any(|b| matches!(b, b'\n' | b'\r' | b'\\'));
    write!(shell.out, "{}{sum}  ", if escaped { "\\" } else { "" })?;
    for byte in path {
        match byte {
            b'\n' => shell.out.bytes(b"\\n")?,
            b'\r' => shell.out.bytes(b"\\r")?,
            b'\\' => shell.out.bytes(b"\\\\")?,
            _ => shell.out.bytes(&[*byte])?,
        }
    }
    Ok(writeln!(shell.out)?)
}

fn sum(shell: &Shell, path: &[u8]) -> Result<String> {
    let mut reader = Reader::open(&shell.task, path, 0, u64::MAX)?;
    let mut hasher = Sha256::new();
    loop {
        let chunk = reader.next()?;
        if chunk.is_empty() {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(chunk);
    }
}
