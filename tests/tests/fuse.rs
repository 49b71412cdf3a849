//! `nxvfs mount`, as programs of the operating system see it: each volume is a folder, and each test ends what it mounted.
//! They need root, /dev/fuse and fusermount3.

#[path = "fuse/card.rs"]
mod card;
#[path = "fuse/mounted.rs"]
mod mounted;

#[path = "fuse/alike.rs"]
mod alike;
#[path = "fuse/attributes.rs"]
mod attributes;
#[path = "fuse/boards.rs"]
mod boards;
#[path = "fuse/crowd.rs"]
mod crowd;
#[path = "fuse/ending.rs"]
mod ending;
#[path = "fuse/evil.rs"]
mod evil;
#[path = "fuse/killed.rs"]
mod killed;
#[path = "fuse/long.rs"]
mod long;
#[path = "fuse/refusals.rs"]
mod refusals;
#[path = "fuse/romfs.rs"]
mod romfs;
#[path = "fuse/spellings.rs"]
mod spellings;
#[path = "fuse/vfat_programs.rs"]
mod vfat_programs;
#[path = "fuse/waiting.rs"]
mod waiting;

use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs a command of sh in a folder, which must succeed; answers what it printed.
#[track_caller]
pub(crate) fn sh(folder: &Path, command: &str) -> String {
    let mut sh = Command::new("sh");
    sh.args(["-ec", command])
        .current_dir(folder)
        .env("LC_ALL", "C.UTF-8")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = sh.output().expect("sh");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {}: {said}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// The paths of all that is below a folder, in order.
pub(crate) fn files_of(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        sh(folder, "find . -mindepth 1 -printf '%P\\n'").lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// Fails unless both folders hold the same names, types, links and contents.
#[track_caller]
pub(crate) fn equal_trees(expected: &Path, found: &Path) {
    assert_eq!(files_of(found), files_of(expected));
    for name in files_of(expected) {
        let (there, here) = (expected.join(&name), found.join(&name));
        let kind = there.symlink_metadata().expect("a node").file_type();
        assert_eq!(here.symlink_metadata().expect("a node").file_type(), kind, "{name}");
        if kind.is_symlink() {
            assert_eq!(fs::read_link(here).expect("a link"), fs::read_link(there).expect("a link"), "{name}");
        } else if kind.is_file() {
            let (here, there) = (fs::read(here).expect("a file"), fs::read(there).expect("a file"));
            assert!(here == there, "{name} holds something else");
        }
    }
}
