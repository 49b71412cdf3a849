//! The rules for plugin files: nobody but root and the current user may have written what is going to run here.
//!
//! They are checked on the opened descriptor, so that no rename comes between check and use. A file that its group may
//! write passes if the group is root's or the current one: a umask of 002, which goes with a group for each user, makes
//! such files. The refusals are `EACCES`, as those of execve(2).

use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::base::error::teach;
use crate::base::{Error, Result};

#[cfg(test)]
mod tests;

teach! {
    /// Why a file may not be loaded.
    pub enum RuleError {
        /// A directory, a device and so on.
        NotRegular { path: String, found: &'static str } => EACCES, what: "not a plugin file", place: "{path}",
            expected: "a regular file", found: "{found}", remedy: "give the path of the plugin's .so file";
        /// Belongs to another user.
        ForeignOwner { path: String, uid: u32, trusted: String } => EACCES, what: "plugin file of another user",
            place: "{path}", expected: "one that belongs to user {trusted}", found: "user {uid}",
            remedy: "copy it, or chown it, or pass --allow-unsafe-plugin-files if you trust that user";
        /// Everybody may change it.
        WorldWritable { path: String, mode: u32 } => EACCES, what: "plugin file that everybody may write",
            place: "{path}", expected: "no write permission for others", found: "mode {mode:04o}",
            remedy: "chmod o-w it, or pass --allow-unsafe-plugin-files";
        /// A group of other users may change it.
        GroupWritable { path: String, mode: u32, gid: u32, trusted: String } => EACCES,
            what: "plugin file that a group may write", place: "{path}",
            expected: "no write permission for groups other than {trusted}", found: "mode {mode:04o}, group {gid}",
            remedy: "chmod g-w it, or pass --allow-unsafe-plugin-files";
    }
}

/// Opens a plugin file to read it. A FIFO or a device is refused rather than opened: it could wait, or do something.
pub fn open(path: &Path) -> Result<File> {
    let doing = |error| Error::from(error).doing(format_args!("open {}", shown(path)));
    regular(path, &std::fs::metadata(path).map_err(doing)?)?;
    // In case it became a FIFO in between; without effect on a regular file.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = file.map_err(doing)?;
    regular(path, &file.metadata().map_err(doing)?)?;
    Ok(file)
}

/// Judges an opened plugin file. `lift_owner_rule` leaves only the demand that it is a regular file. The path is for
/// the sentence.
pub fn check(file: &File, path: &Path, lift_owner_rule: bool) -> Result<()> {
    let metadata =
        file.metadata().map_err(|e| Error::from(e).doing(format_args!("look at {}", shown(path))))?;
    regular(path, &metadata)?;
    if lift_owner_rule {
        return Ok(());
    }
    let facts = Facts { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() & 0o7777 };
    let euid = rustix::process::geteuid().as_raw();
    let egid = rustix::process::getegid().as_raw();
    Ok(judge(path, facts, euid, egid)?)
}

#[derive(Clone, Copy)]
struct Facts {
    uid: u32,
    gid: u32,
    mode: u32,
}

fn judge(path: &Path, facts: Facts, euid: u32, egid: u32) -> Result<(), RuleError> {
    let Facts { uid, gid, mode } = facts;
    let path = shown(path);
    let trusted = |own: u32| if own == 0 { "0".to_owned() } else { format!("0 or {own}") };
    if uid != 0 && uid != euid {
        return Err(RuleError::ForeignOwner { path, uid, trusted: trusted(euid) });
    }
    if mode & 0o002 != 0 {
        return Err(RuleError::WorldWritable { path, mode });
    }
    if mode & 0o020 != 0 && gid != 0 && gid != egid {
        return Err(RuleError::GroupWritable { path, mode, gid, trusted: trusted(egid) });
    }
    Ok(())
}

fn regular(path: &Path, metadata: &Metadata) -> Result<(), RuleError> {
    let kind = metadata.file_type();
    let found = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () if kind.is_block_device() || kind.is_char_device() => "a device",
        () => "something else",
    };
    Err(RuleError::NotRegular { path: shown(path), found })
}

/// A path as it may stand in a sentence: names of files are input from outside, too.
pub(super) fn shown(path: &Path) -> String {
    let mut shown = String::new();
    for c in path.to_string_lossy().chars() {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}
