//! Who calls, and what the mode bits let them do.

use nxvfs_abi::filesystem::Attr;
use nxvfs_abi::types::mode;
use nxvfs_abi::{Ctx, Grow};

use crate::base::sync::{AtomicU32, Ordering};
use crate::base::{Errno, Result};

/// Permission to execute a file or search a directory.
pub const EXECUTE: u32 = 1;
/// Permission to write.
pub const WRITE: u32 = 2;
/// Permission to read.
pub const READ: u32 = 4;

/// The credentials of a call.
#[derive(Debug)]
pub struct Caller {
    /// Number of the task; 0 for the host.
    pub task: u64,
    /// Effective user.
    pub uid: u32,
    /// Effective group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    umask: AtomicU32,
    /// Whose end ends this caller's sleep: the token of a [`Relay`](crate::base::wait::Relay), or 0.
    pub cancel: u64,
    /// Somebody whose word counts has compared the mode bits with all that the caller is, so that they are not looked at
    /// again: the kernel did, for what comes from it. What the caller makes is its own nevertheless.
    pub vouched: bool,
}

impl Clone for Caller {
    fn clone(&self) -> Self {
        Self { groups: self.groups.clone(), umask: AtomicU32::new(self.umask()), ..*self }
    }
}

impl Caller {
    /// The credentials of a task, with the usual mask.
    pub fn new(task: u64, uid: u32, gid: u32, groups: &[u32]) -> Self {
        Self {
            task,
            uid,
            gid,
            groups: groups.to_vec(),
            umask: AtomicU32::new(0o022),
            cancel: 0,
            vouched: false,
        }
    }

    /// The host itself: user 0.
    pub fn host() -> Self {
        Self::new(0, 0, 0, &[])
    }

    /// The file mode mask: permission bits that new files do not get.
    pub fn umask(&self) -> u32 {
        self.umask.load(Ordering::Relaxed)
    }

    /// Changes the mask and answers the old one.
    pub fn set_umask(&self, mask: u32) -> u32 {
        self.umask.swap(mask & 0o777, Ordering::Relaxed)
    }

    /// The form that crosses to plugins.
    pub fn ctx(&self) -> Ctx {
        Ctx {
            uid: self.uid,
            gid: self.gid,
            umask: self.umask(),
            task: self.task,
            cancel: self.cancel,
            ..Grow::empty()
        }
    }

    /// Whether the mode bits allow `want` ([`READ`], [`WRITE`], [`EXECUTE`]). User 0 may do everything, but execute
    /// only what somebody may execute (POSIX, XBD 4.7).
    pub fn may(&self, attr: &Attr, want: u32) -> bool {
        let mode = attr.mode;
        if self.vouched {
            return true;
        }
        if self.uid == 0 {
            let directory = attr.file_type() == mode::S_IFDIR;
            return want & EXECUTE == 0 || directory || mode & 0o111 != 0;
        }
        let bits = if attr.uid == self.uid {
            mode >> 6
        } else if self.is_member(attr.gid) {
            mode >> 3
        } else {
            mode
        };
        bits & want == want
    }

    /// Whether owner and mode of a file do not bind it: user 0, and who is vouched for.
    pub fn is_free(&self) -> bool {
        self.uid == 0 || self.vouched
    }

    /// Whether it is of that group.
    pub fn is_member(&self, gid: u32) -> bool {
        gid == self.gid || self.groups.contains(&gid)
    }

    /// Whether it may do what only the owner may.
    pub fn owns(&self, attr: &Attr) -> bool {
        self.is_free() || self.uid == attr.uid
    }

    /// POSIX: from a directory with the sticky bit (`S_ISVTX`) only the owner of the entry or of the directory takes
    /// a name away. Errors: EPERM.
    pub fn may_take(&self, dir: &Attr, victim: &Attr) -> Result<()> {
        if dir.mode & mode::S_ISVTX == 0 || self.owns(dir) || self.owns(victim) {
            return Ok(());
        }
        Err(Errno::EPERM.into())
    }

    /// With whose credentials, and with which mode, a node is made in a directory. With `S_ISGID` the directory hands
    /// down its group, and the bit itself to directories; a program gets the bit only from a member of that group.
    pub fn making_in(&self, dir: &Attr, mode: u32) -> (Ctx, u32) {
        let ctx = self.ctx();
        if dir.mode & mode::S_ISGID == 0 {
            return (ctx, mode);
        }
        const PROGRAM: u32 = mode::S_ISGID | 0o010;
        let mode = match mode & mode::S_IFMT {
            mode::S_IFDIR => mode | mode::S_ISGID,
            _ if mode & PROGRAM == PROGRAM && !self.is_free() && !self.is_member(dir.gid) => {
                mode & !mode::S_ISGID
            }
            _ => mode,
        };
        (Ctx { gid: dir.gid, ..ctx }, mode)
    }
}

/// The bits by which a program runs as its owner or group, as far as these attributes have them; they end when
/// others change owner or content. Without the right to execute for the group `S_ISGID` means something else.
pub(super) fn loan(mode: u32) -> u32 {
    let group = if mode & 0o010 != 0 { mode::S_ISGID } else { 0 };
    mode & (mode::S_ISUID | group)
}
