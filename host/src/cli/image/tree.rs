//! `image tree`: all files of a volume, as a picture of lines.

use std::io::Write;

use nxvfs_abi::types::mode;

use crate::base::Error;
use crate::cli::commands::{Identity, StatDocument, entries, identity, is_directory};
use crate::cli::failure::{Done, ShellError, about};
use crate::cli::shell::Shell;
use crate::cli::text::{join, shown};
use crate::tree::Stat;

use super::walk;

/// Shows a directory with all that is in it.
pub(super) fn tree(shell: &mut Shell, path: &[u8]) -> Done {
    if shell.out.json {
        return documents(shell, path);
    }
    let status = shell.task.lstat(path).map_err(about("tree", path))?;
    shell.out.kind_name(path, status.attr.mode)?;
    writeln!(shell.out)?;
    let mut picture = Picture::default();
    if is_directory(&status) {
        picture.directory(shell, path, &status)?;
    }
    let count = |n: u64, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let directories = count(picture.directories, "directory", "directories");
    Ok(writeln!(shell.out, "\n{directories}, {}", count(picture.files, "file", "files"))?)
}

fn documents(shell: &mut Shell, path: &[u8]) -> Done {
    shell.out.begin_list()?;
    walk::each(shell, "tree", path, &mut |shell, path, status| {
        let link = status.attr.file_type() == mode::S_IFLNK;
        match link.then(|| shell.task.readlink(path)).transpose() {
            Ok(target) => shell.out.item(&StatDocument::new(path, status, target.as_deref())),
            Err(error) => {
                shell.complain(&about("tree", path)(error));
                Ok(())
            }
        }
    })?;
    shell.out.end_list()
}

#[derive(Default)]
struct Picture {
    /// The lines at the left, one piece for each directory on the way.
    lead: String,
    above: Vec<Identity>,
    directories: u64,
    files: u64,
}

impl Picture {
    fn directory(&mut self, shell: &mut Shell, path: &[u8], status: &Stat) -> Done {
        if self.above.contains(&identity(status)) {
            shell.complain(&Error::from(ShellError::Cycle { path: shown(path) }).doing("tree"));
            return Ok(());
        }
        let entries = match entries(shell, "tree", path) {
            Ok(entries) => entries,
            Err(error) => {
                shell.complain(&about("tree", path)(error));
                return Ok(());
            }
        };
        self.above.push(identity(status));
        let count = entries.len();
        for (number, (name, kind)) in entries.into_iter().enumerate() {
            self.entry(shell, &join(path, &name), &name, kind, number + 1 == count)?;
        }
        self.above.pop();
        Ok(())
    }

    fn entry(&mut self, shell: &mut Shell, path: &[u8], name: &[u8], kind: u32, last: bool) -> Done {
        shell.out.bytes(self.lead.as_bytes())?;
        shell.out.bytes(if last { "└── " } else { "├── " }.as_bytes())?;
        // Of most files nothing more is needed, and looking at each would take longer than everything else.
        if !matches!(kind, 0 | mode::S_IFDIR | mode::S_IFLNK) && !shell.out.coloured() {
            self.files += 1;
            shell.out.name(name)?;
            return Ok(writeln!(shell.out)?);
        }
        let status = shell.task.lstat(path);
        shell.out.kind_name(name, status.as_ref().map_or(0, |s| s.attr.mode))?;
        let status = match status {
            Ok(status) => status,
            Err(error) => {
                writeln!(shell.out)?;
                shell.complain(&about("tree", path)(error));
                return Ok(());
            }
        };
        if status.attr.file_type() == mode::S_IFLNK {
            match shell.task.readlink(path) {
                Ok(target) => {
                    write!(shell.out, " -> ")?;
                    shell.out.name(&target)?;
                }
                Err(error) => shell.complain(&about("tree", path)(error)),
            }
        }
        writeln!(shell.out)?;
        if !is_directory(&status) {
            self.files += 1;
            return Ok(());
        }
        self.directories += 1;
        let len = self.lead.len();
        self.lead.push_str(if last { "    " } else { "│   " });
        let done = self.directory(shell, path, &status);
        self.lead.truncate(len);
        done
    }
}
