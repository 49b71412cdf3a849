//! Changes of attributes, and who may make them.

use nxvfs_abi::filesystem::{
    Attr, SET_ATIME, SET_BTIME, SET_GID, SET_MODE, SET_MTIME, SET_SIZE, SET_UID, SetAttr,
};
use nxvfs_abi::types::mode;
use nxvfs_abi::{Ctx, Grow, Timespec};

use super::Tree;
use super::access::{Caller, WRITE, loan};
use super::inode::{Inode, VolumeNode};
use super::pseudo::now;
use crate::base::{Errno, Result};
use crate::device::Change;

/// What shall become of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// It stays. POSIX `UTIME_OMIT`.
    Keep,
    /// The present. POSIX `UTIME_NOW`.
    Now,
    /// This time.
    At(Timespec),
}

impl From<Option<Timespec>> for NewTime {
    fn from(time: Option<Timespec>) -> Self {
        time.map_or(Self::Keep, Self::At)
    }
}

impl Tree {
    /// Changes attributes of what a path named. Errors: EROFS, EPERM (not the owner), EACCES (a length without the right
    /// to write), EINVAL (a length of what has none), and the file system's.
    pub fn set_attr(&self, caller: &Caller, inode: &Inode, set: &SetAttr) -> Result<()> {
        if let Some(mount) = inode.mount() {
            let _change = mount.change()?;
        }
        permit(caller, &inode.attr(&caller.ctx())?, set)?;
        self.set_attr_as_opened(caller, inode, set)
    }

    /// Changes attributes of an open file, whose opening was the permission. Errors: as [`Tree::set_attr`].
    pub fn set_attr_as_opened(&self, caller: &Caller, inode: &Inode, set: &SetAttr) -> Result<()> {
        let node = match inode {
            Inode::Volume(node) => node,
            Inode::Pseudo(node) => return node.set_attr(caller, set),
        };
        let _change = node.mount().change()?;
        let ctx = caller.ctx();
        node.set(&ctx, &with_loan_ended(caller, &node.attr(&ctx)?, set))
    }

    /// Sets times. POSIX `utimensat`: to the present for whoever may write, else for the owner. Errors: EINVAL no such
    /// nanosecond; EACCES, EPERM; EROFS; and the file system's.
    pub fn set_times(&self, caller: &Caller, inode: &Inode, atime: NewTime, mtime: NewTime) -> Result<()> {
        let bad = |time| matches!(time, NewTime::At(t) if t.nanoseconds > 999_999_999);
        if bad(atime) || bad(mtime) {
            return Err(Errno::EINVAL.into());
        }
        let mut set = SetAttr::empty();
        let present = now();
        for (flag, time) in [(SET_ATIME, atime), (SET_MTIME, mtime)] {
            let value = match time {
                NewTime::Keep => continue,
                NewTime::Now => present,
                NewTime::At(time) => time,
            };
            set.valid |= flag;
            *(if flag == SET_ATIME { &mut set.atime } else { &mut set.mtime }) = value;
        }
        if set.valid == 0 {
            return Ok(());
        }
        if (atime, mtime) != (NewTime::Now, NewTime::Now) {
            return self.set_attr(caller, inode, &set);
        }
        let attr = inode.attr(&caller.ctx())?;
        if let Some(mount) = inode.mount() {
            let _change = mount.change()?;
        }
        if !caller.owns(&attr) && !caller.may(&attr, WRITE) {
            return Err(Errno::EACCES.into());
        }
        self.set_attr_as_opened(caller, inode, &set)
    }
}

impl VolumeNode {
    fn set(&self, ctx: &Ctx, set: &SetAttr) -> Result<()> {
        if set.valid & SET_SIZE == 0 {
            return self.set_below(ctx, set);
        }
        self.change(Change::Resize(set.size_bytes), &mut || self.set_below(ctx, set))
    }

    fn set_below(&self, ctx: &Ctx, set: &SetAttr) -> Result<()> {
        let seen = self.ask();
        let answer = self.mount().volume().setattr(ctx, self.node(), set);
        match &answer {
            Ok(attr) if attr.file_type() == self.known_attr().file_type() => self.learn(*attr, seen),
            // Whatever it did is asked for.
            _ => self.distrust(),
        }
        answer.map(drop)
    }

    /// Content was written. POSIX `write`: by others than user 0 that ends what the file lends to who runs it.
    pub fn written(&self, ctx: &Ctx) -> Result<()> {
        if ctx.uid == 0 || loan(self.known_attr().mode) == 0 {
            return Ok(());
        }
        // Asked anew: the file system may have done it itself.
        let mode = self.attr(ctx)?.mode;
        match loan(mode) {
            0 => Ok(()),
            lent => self.set(ctx, &SetAttr { valid: SET_MODE, mode: mode & 0o7777 & !lent, ..Grow::empty() }),
        }
    }
}

/// What a change takes along: POSIX `chmod` by one who is not of the group clears `S_ISGID`; `chown` and a new length
/// end what a program lends.
pub(super) fn with_loan_ended(caller: &Caller, attr: &Attr, set: &SetAttr) -> SetAttr {
    let mut set = *set;
    let has = |flags: u32| set.valid & flags != 0;
    let ended =
        has(SET_UID | SET_GID) && attr.file_type() != mode::S_IFDIR || has(SET_SIZE) && caller.uid != 0;
    // Without the right to execute for the group it means something else, which is for the group's members.
    let stranger = !caller.is_free() && !caller.is_member(attr.gid);
    let foreign = if stranger { mode::S_ISGID } else { 0 };
    let lent = loan(attr.mode) | attr.mode & foreign;
    if has(SET_MODE) && stranger {
        set.mode &= !mode::S_ISGID;
    } else if ended && lent != 0 && !has(SET_MODE) {
        (set.valid, set.mode) = (set.valid | SET_MODE, attr.mode & 0o7777 & !lent);
    }
    set
}

/// POSIX chmod, chown, utimensat and truncate: who may change what.
fn permit(caller: &Caller, attr: &Attr, set: &SetAttr) -> Result<()> {
    if caller.is_free() {
        return Ok(());
    }
    let owner = caller.uid == attr.uid;
    let has = |flags: u32| set.valid & flags != 0;
    let group_given_away = has(SET_GID) && (!owner || set.gid != attr.gid && !caller.is_member(set.gid));
    let forbidden = has(SET_MODE | SET_ATIME | SET_MTIME | SET_BTIME) && !owner
        || has(SET_UID) && (set.uid != attr.uid || !owner)
        || group_given_away;
    if forbidden {
        return Err(Errno::EPERM.into());
    }
    if has(SET_SIZE) && !caller.may(attr, WRITE) {
        return Err(Errno::EACCES.into());
    }
    Ok(())
}
