//! ls.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use nxvfs_abi::types::mode;

use crate::base::{Errno, Error, Result};
use crate::cli::failure::{Done, ShellError, about};
use crate::cli::shell::Shell;
use crate::cli::text::{join, shown};
use crate::tree::Stat as Status;

use super::entry::{Entry, show};

/// Entries of one directory that are sorted in memory; more are not listed.
const MAX_ENTRIES: usize = 1 << 20;

/// List directories, sorted by the bytes of the names
#[derive(Args)]
#[command(after_help = "Examples:
  ls -l /rom
  ls -lR /rom

Times are in UTC. Owners are numbers. An entry that cannot be looked at is listed with question marks.")]
#[group(skip)]
pub(in crate::cli) struct Ls {
    /// Type and mode, links, owner, group, size (of a device: its number), time of the last change, target
    #[arg(short)]
    long: bool,
    /// Also names that begin with a dot
    #[arg(short)]
    all: bool,
    /// Also what is below, directory by directory
    #[arg(short = 'R')]
    recursive: bool,
    /// Directories or files
    pub(in crate::cli) paths: Vec<OsString>,
}

impl Ls {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let here = [OsString::from(".")];
        let paths = if self.paths.is_empty() { &here[..] } else { &self.paths };
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        for path in paths.iter().map(|p| p.as_bytes()) {
            match self.argument(shell, path) {
                Ok(status) if status.attr.file_type() == mode::S_IFDIR => directories.push((path, status)),
                Ok(status) => match self.entry(shell, path, path.to_vec(), Some(status)) {
                    Ok(entry) => files.push(entry),
                    Err(error) => shell.complain(&about("ls", path)(error)),
                },
                Err(error) => shell.complain(&about("ls", path)(error)),
            }
        }
        shell.out.begin_list()?;
        show(&mut shell.out, self.long, None, &files)?;
        let titled = self.recursive || paths.len() > 1;
        let mut blank = !files.is_empty();
        for (path, status) in directories {
            self.directory(shell, path, titled, &mut blank, &mut vec![(status.dev, status.attr.ino)])?;
        }
        shell.out.end_list()
    }

    /// What a path of the command line stands for: a link stands for its target unless its own attributes are shown.
    fn argument(&self, shell: &Shell, path: &[u8]) -> Result<Status> {
        if !self.long {
            match shell.task.stat(path) {
                Err(e) if matches!(e.errno(), Errno::ENOENT | Errno::ELOOP) => {}
                other => return other,
            }
        }
        shell.task.lstat(path)
    }

    fn needs_status(&self, shell: &Shell) -> bool {
        self.long || self.recursive || shell.out.json || shell.out.coloured()
    }

    fn entry(&self, shell: &Shell, path: &[u8], name: Vec<u8>, status: Option<Status>) -> Result<Entry> {
        let link = status.as_ref().is_some_and(|s| s.attr.file_type() == mode::S_IFLNK);
        let target =
            (link && (self.long || shell.out.json)).then(|| shell.task.readlink(path)).transpose()?;
        Ok(Entry { name, status, target })
    }

    /// Lists a directory, and with `-R` those below. `above` are the directories on the way, to notice a volume
    /// whose directories contain themselves.
    fn directory(
        &self,
        shell: &mut Shell,
        path: &[u8],
        titled: bool,
        blank: &mut bool,
        above: &mut Vec<(u64, u64)>,
    ) -> Done {
        let names = match self.names(shell, path) {
            Ok(names) => names,
            Err(error) => {
                shell.complain(&about("ls", path)(error));
                return Ok(());
            }
        };
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            let full = join(path, &name);
            let status = match self.needs_status(shell) {
                true => shell.task.lstat(&full).map(Some),
                false => Ok(None),
            };
            let entry = status.and_then(|status| self.entry(shell, &full, name.clone(), status));
            entries.push(entry.unwrap_or_else(|error| {
                shell.complain(&about("ls", &full)(error));
                Entry { name, status: None, target: None }
            }));
        }
        if titled && !shell.out.json {
            if *blank {
                writeln!(shell.out)?;
            }
            shell.out.name(path)?;
            writeln!(shell.out, ":")?;
        }
        *blank = true;
        show(&mut shell.out, self.long, Some(path), &entries)?;
        if !self.recursive {
            return Ok(());
        }
        let below = entries.into_iter().filter(|e| e.name != b"." && e.name != b"..").filter_map(|e| {
            let status = e.status.filter(|s| s.attr.file_type() == mode::S_IFDIR)?;
            Some((e.name, (status.dev, status.attr.ino)))
        });
        for (name, identity) in below.collect::<Vec<_>>() {
            let full = join(path, &name);
            if above.contains(&identity) {
                shell.complain(&Error::from(ShellError::Cycle { path: shown(&full) }).doing("ls"));
                continue;
            }
            above.push(identity);
            self.directory(shell, &full, true, blank, above)?;
            above.pop();
        }
        Ok(())
    }

    /// The names of a directory that are to be shown, sorted. An error on the way is told and what was read is used.
    fn names(&self, shell: &mut Shell, path: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        let mut trouble = None;
        for record in shell.task.opendir(path)? {
            match record {
                Ok(record) if record.name.starts_with(b".") && !self.all => {}
                Ok(_) if names.len() == MAX_ENTRIES => {
                    trouble = Some(ShellError::LargeDirectory { path: shown(path), max: MAX_ENTRIES }.into());
                    break;
                }
                Ok(record) => names.push(record.name),
                Err(error) => {
                    trouble = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = trouble {
            shell.complain(&about("ls", path)(error));
        }
        names.sort_unstable();
        Ok(names)
    }
}
