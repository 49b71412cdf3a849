//! A volume of our tmpfs beside Linux's own: programs must see no difference.

#[path = "alike/content.rs"]
mod content;
#[path = "alike/locks.rs"]
mod locks;
#[path = "alike/names.rs"]
mod names;
#[path = "alike/nodes.rs"]
mod nodes;
#[path = "alike/rights.rs"]
mod rights;

use std::fmt::Debug;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::mounted::{Mounted, Tmpfs};

/// A trial in a folder, and what was seen.
pub(crate) struct Trial {
    root: PathBuf,
    seen: Vec<String>,
}

impl Trial {
    /// A path in the folder.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Notes what came out of something.
    pub(crate) fn note(&mut self, what: &str, outcome: impl Debug) {
        self.seen.push(format!("{what}: {outcome:?}").replace(self.root.to_str().expect("text"), "…"));
    }

    /// Notes whether a call was refused, and how.
    pub(crate) fn call<T: Debug>(&mut self, what: &str, result: rustix::io::Result<T>) {
        self.note(what, result.map_err(|e| std::io::Error::from(e).raw_os_error()));
    }

    /// Likewise, where what is answered does not count or differs from system to system.
    pub(crate) fn done<T, E: Into<std::io::Error>>(&mut self, what: &str, result: Result<T, E>) -> Option<T> {
        let result = result.map_err(|e| e.into().raw_os_error());
        self.note(what, result.as_ref().map(drop));
        result.ok()
    }

    /// Notes what `stat` says, as far as it is the file's own.
    pub(crate) fn stat(&mut self, name: &str) {
        let seen = self.at(name).symlink_metadata().map_err(|e| e.raw_os_error()).map(|m| {
            let (owner, device) = (format!("{}:{}", m.uid(), m.gid()), format!("{:x}", m.rdev()));
            // How long a directory is, is each file system's own affair.
            let len = if m.is_dir() { 0 } else { m.len() };
            (format!("{:o}", m.mode()), owner, m.nlink(), len, device)
        });
        self.note(&format!("stat {name}"), seen);
    }

    /// Runs a command of sh there; notes its status and output.
    pub(crate) fn sh(&mut self, command: &str) {
        let mut sh = Command::new("sh");
        sh.args(["-c", command]).current_dir(&self.root).env("LC_ALL", "C.UTF-8");
        let output = sh.output().expect("sh");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.note(command, (output.status.code(), text(&output.stdout), text(&output.stderr)));
    }

    /// Likewise, as a user who owns nothing.
    pub(crate) fn nobody(&mut self, command: &str) {
        let command = command.replace('\'', "'\\''");
        self.sh(&format!("setpriv --reuid 65534 --regid 65534 --clear-groups sh -c '{command}'"));
    }
}

fn seen(root: &Path, body: impl Fn(&mut Trial)) -> Vec<String> {
    let mut trial = Trial { root: root.to_owned(), seen: Vec::new() };
    body(&mut trial);
    assert!(!trial.seen.is_empty(), "nothing was tried");
    trial.seen
}

/// Runs a body in both; what it notes must be equal.
#[track_caller]
pub(crate) fn alike(body: impl Fn(&mut Trial)) {
    let linux = Tmpfs::new();
    let expected = seen(linux.path(), &body);
    let ours = Mounted::tmpfs();
    let found = seen(ours.path(), &body);
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(found, expected, "ours on the left, Linux on the right");
    }
    assert_eq!(found.len(), expected.len());
    ours.unmount();
}
