//! Where commands on several files put things, and what is below a directory.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use nxvfs_abi::types::mode;

use crate::Task;
use crate::base::{Errno, Error, Result};
use crate::cli::failure::{ShellError, about};
use crate::cli::shell::Shell;
use crate::cli::text::{join, shown};
use crate::tree::Stat;

/// Entries of one directory that are held in memory; more are not used.
const MAX_ENTRIES: usize = 1 << 20;

/// A volume and an inode: which file it is.
pub(in crate::cli) type Identity = (u64, u64);

/// Which file a status is of.
pub(in crate::cli) fn identity(status: &Stat) -> Identity {
    (status.dev, status.attr.ino)
}

/// Whether a status is that of a directory.
pub(in crate::cli) fn is_directory(status: &Stat) -> bool {
    status.attr.file_type() == mode::S_IFDIR
}

/// The directory part of a path and its last name; slashes at the end do not count.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|b| *b != b'/').map_or(0, |at| at + 1);
    let start = path[..end].iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
    (&path[..start], &path[start..end])
}

/// The last name of a path, if it is a real one.
pub(in crate::cli) fn basename(path: &[u8]) -> Option<&[u8]> {
    has_name(path).then(|| split(path).1)
}

/// Whether the last name of a path is a real one, which can come and go.
pub(super) fn has_name(path: &[u8]) -> bool {
    !matches!(split(path).1, b"" | b"." | b"..")
}

/// A path whose name is to be taken away, without slashes at its end. They would lead through a link to a directory
/// that was not named. Errors: EINVAL no name, ENOTDIR a slash after what is no directory.
pub(super) fn removable<'p>(task: &Task, path: &'p [u8]) -> Result<&'p [u8]> {
    if !has_name(path) {
        return Err(ShellError::NoName { path: shown(path) }.into());
    }
    let (dir, name) = split(path);
    let bare = &path[..dir.len() + name.len()];
    match bare.len() == path.len() || is_directory(&task.lstat(bare)?) {
        true => Ok(bare),
        false => Err(Errno::ENOTDIR.into()),
    }
}

/// The path of `source` in a directory: what has no name of its own (`.`, `/`) goes right into it.
pub(super) fn inside(dir: &[u8], source: &[u8]) -> Vec<u8> {
    if has_name(source) { join(dir, split(source).1) } else { dir.to_vec() }
}

/// The sources of a command with the paths that they get: `target`, or below it if it is a directory.
pub(super) fn destinations(
    task: &Task,
    command: &str,
    sources: &[OsString],
    target: &[u8],
) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let directory = task.stat(target).is_ok_and(|s| is_directory(&s));
    if sources.len() > 1 && !directory {
        return Err(Error::from(ShellError::NoDirectory { path: shown(target) }).doing(command));
    }
    let place = |source: &[u8]| if directory { inside(target, source) } else { target.to_vec() };
    Ok(sources.iter().map(|s| (s.as_bytes().to_vec(), place(s.as_bytes()))).collect())
}

/// The absolute path of a name itself: links on the way are followed, one in the last place is not.
pub(super) fn spot(task: &Task, path: &[u8]) -> Result<Vec<u8>> {
    if !has_name(path) {
        return task.canonical(path);
    }
    let (dir, name) = split(path);
    Ok(join(&task.canonical(if dir.is_empty() { b"." } else { dir })?, name))
}

/// Whether `path` is `top` or lies below it; both are absolute and without links.
pub(super) fn is_within(path: &[u8], top: &[u8]) -> bool {
    let top = top.strip_suffix(b"/").unwrap_or(top);
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// Refuses to take away what volumes are mounted in, before anything is done.
pub(super) fn without_mounts(shell: &Shell, path: &[u8]) -> Result<()> {
    let top = spot(&shell.task, path)?;
    match shell.host.mounts().into_iter().find(|mount| is_within(mount.path.as_bytes(), &top)) {
        Some(mount) => Err(ShellError::MountedBelow { path: shown(path), mount: mount.path }.into()),
        None => Ok(()),
    }
}

/// The names in a directory without `.` and `..`, sorted. An error on the way is told and what was read is used.
pub(in crate::cli) fn names(shell: &mut Shell, command: &str, dir: &[u8]) -> Result<Vec<Vec<u8>>> {
    Ok(entries(shell, command, dir)?.into_iter().map(|(name, _)| name).collect())
}

/// As [`names`], with the type of each (`S_IFMT` bits of the mode); 0 where only its status tells.
pub(in crate::cli) fn entries(shell: &mut Shell, command: &str, dir: &[u8]) -> Result<Vec<(Vec<u8>, u32)>> {
    let (mut entries, mut trouble) = (Vec::new(), None);
    for record in shell.task.opendir(dir)? {
        match record {
            Ok(record) if record.name == b"." || record.name == b".." => {}
            Ok(_) if entries.len() == MAX_ENTRIES => {
                trouble = Some(ShellError::LargeDirectory { path: shown(dir), max: MAX_ENTRIES }.into());
                break;
            }
            Ok(record) => entries.push((record.name, record.file_type)),
            Err(error) => {
                trouble = Some(error);
                break;
            }
        }
    }
    if let Some(error) = trouble {
        shell.complain(&about(command, dir)(error));
    }
    entries.sort_unstable();
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(split(b"/a/b//"), (&b"/a/"[..], &b"b"[..]));
        assert_eq!(split(b"b"), (&b""[..], &b"b"[..]));
        assert_eq!(split(b"//"), (&b""[..], &b""[..]));
        assert_eq!(inside(b"/d", b"x/y/"), b"/d/y");
        assert_eq!(inside(b"/d", b"x/.."), b"/d");
        assert!(is_within(b"/a/b", b"/a") && is_within(b"/a", b"/a") && is_within(b"/a", b"/"));
        assert!(!is_within(b"/ab", b"/a") && !is_within(b"/", b"/a"));
    }
}
