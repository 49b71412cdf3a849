//! Who calls, and what the mode bits let them do.

use nxvfs_abi::filesystem::Attr;
use nxvfs_abi::{Ctx, Grow};

/// Permission to execute a file or search a directory.
pub const EXECUTE: u32 = 1;
/// Permission to write.
pub const WRITE: u32 = 2;
/// Permission to read.
pub const READ: u32 = 4;

/// The credentials of a call.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Number of the task; 0 for the host.
    pub task: u64,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// File mode mask.
    pub umask: u32,
    /// Whose end ends this caller's sleep: the token of a [`Relay`](crate::base::wait::Relay), or 0.
    pub cancel: u64,
}

impl Caller {
    /// The host itself: user 0.
    pub fn host() -> Self {
        Self { task: 0, uid: 0, gid: 0, groups: Vec::new(), umask: 0o022, cancel: 0 }
    }

    /// The form that crosses to plugins.
    pub fn ctx(&self) -> Ctx {
        Ctx {
            uid: self.uid,
            gid: self.gid,
            umask: self.umask,
            task: self.task,
            cancel: self.cancel,
            ..Grow::empty()
        }
    }

    /// Whether the mode bits allow `want` ([`READ`], [`WRITE`], [`EXECUTE`]). User 0 may do everything, but execute
    /// only what somebody may execute (POSIX, XBD 4.7).
    pub fn may(&self, attr: &Attr, want: u32) -> bool {
        let mode = attr.mode;
        if self.uid == 0 {
            let directory = attr.file_type() == nxvfs_abi::types::mode::S_IFDIR;
            return want & EXECUTE == 0 || directory || mode & 0o111 != 0;
        }
        let bits = if attr.uid == self.uid {
            mode >> 6
        } else if attr.gid == self.gid || self.groups.contains(&attr.gid) {
            mode >> 3
        } else {
            mode
        };
        bits & want == want
    }
}
