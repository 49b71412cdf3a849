//! Modes, owners, times and the number of names.

use nxvfs_sdk::abi::filesystem::{
    SET_ATIME, SET_BTIME, SET_GID, SET_MODE, SET_MTIME, SET_SIZE, SET_UID, SetAttr,
};
use nxvfs_sdk::{Ctx, Errno, Result, Timespec, mode};

/// Most names that a node may have. Linux knows no bound and would turn over; this one is out of reach of its memory.
pub(crate) const LINK_MAX: u32 = i32::MAX as u32;

/// The bits of a mode that `chmod` sets.
pub(crate) const PERMISSIONS: u32 = 0o7777;
const S_IXGRP: u32 = 0o010;
const KNOWN: u32 = SET_MODE | SET_UID | SET_GID | SET_SIZE | SET_ATIME | SET_MTIME | SET_BTIME;

/// What is known of a node beside its content.
#[derive(Clone, Copy)]
pub(crate) struct Meta {
    /// Without the type, which never changes.
    pub(crate) permissions: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) nlink: u32,
    pub(crate) atime: Timespec,
    pub(crate) mtime: Timespec,
    pub(crate) ctime: Timespec,
    pub(crate) btime: Timespec,
}

impl Meta {
    /// A node that begins now.
    pub(crate) fn new(file_type: u32, permissions: u32, (uid, gid): (u32, u32), now: Timespec) -> Self {
        Self {
            permissions: permissions & PERMISSIONS,
            uid,
            gid,
            // A directory is also named by its own `.`.
            nlink: if file_type == mode::S_IFDIR { 2 } else { 1 },
            atime: now,
            mtime: now,
            ctime: now,
            btime: now,
        }
    }

    /// A node made in this directory by the caller. With the set-gid bit a directory hands down its group, and the bit
    /// itself to directories; a program does not get the bit from someone who is not of that group.
    pub(crate) fn made_here(&self, ctx: &Ctx, file_type: u32, permissions: u32, now: Timespec) -> Self {
        if self.permissions & mode::S_ISGID == 0 {
            return Self::new(file_type, permissions, (ctx.uid, ctx.gid), now);
        }
        let program = mode::S_ISGID | S_IXGRP;
        let foreign = ctx.uid != 0 && ctx.gid != self.gid;
        let permissions = match file_type {
            mode::S_IFDIR => permissions | mode::S_ISGID,
            _ if foreign && permissions & program == program => permissions & !mode::S_ISGID,
            _ => permissions,
        };
        Self::new(file_type, permissions, (ctx.uid, self.gid), now)
    }

    /// The content was changed: by others than root this also ends what the file lends to who runs it.
    pub(crate) fn content_changed(&mut self, ctx: &Ctx, now: Timespec) {
        (self.mtime, self.ctime) = (now, now);
        if ctx.uid != 0 {
            self.end_loan();
        }
    }

    /// A name of the node came or went.
    pub(crate) fn names_changed(&mut self, now: Timespec) {
        self.ctime = now;
    }

    /// An entry of the directory came, went or changed, and with it `subdirectories`.
    pub(crate) fn entries_changed(&mut self, subdirectories: i32, now: Timespec) {
        self.nlink = self.nlink.saturating_add_signed(subdirectories);
        (self.mtime, self.ctime) = (now, now);
    }

    /// The bits by which a program runs as its owner or group. Without the right to execute for the group, set-gid
    /// means something else.
    fn end_loan(&mut self) {
        self.permissions &= !mode::S_ISUID;
        if self.permissions & S_IXGRP != 0 {
            self.permissions &= !mode::S_ISGID;
        }
    }

    /// Changes what `set` says; it was checked.
    pub(crate) fn set(&mut self, ctx: &Ctx, file_type: u32, set: &SetAttr, now: Timespec) {
        let has = |flag| set.valid & flag != 0;
        self.ctime = now;
        if has(SET_SIZE) {
            self.content_changed(ctx, now);
        }
        if has(SET_UID | SET_GID) && file_type != mode::S_IFDIR {
            self.end_loan();
        }
        if has(SET_MODE) {
            self.permissions = set.mode & PERMISSIONS;
        }
        for (flag, field, value) in [(SET_UID, &mut self.uid, set.uid), (SET_GID, &mut self.gid, set.gid)] {
            if has(flag) {
                *field = value;
            }
        }
        for (flag, field, value) in [
            (SET_ATIME, &mut self.atime, set.atime),
            (SET_MTIME, &mut self.mtime, set.mtime),
            (SET_BTIME, &mut self.btime, set.btime),
        ] {
            if has(flag) {
                *field = value;
            }
        }
    }

    /// Whether a read would set the access time.
    pub(crate) fn atime_is_stale(&self) -> bool {
        self.atime <= self.mtime || self.atime <= self.ctime
    }
}

/// Refuses changes that cannot be, before any is made. Errors: EINVAL, ENOTSUP (a link has no mode of its own).
pub(crate) fn check(file_type: u32, set: &SetAttr) -> Result<()> {
    let has = |flag| set.valid & flag != 0;
    if has(!KNOWN) {
        return Err(Errno::EINVAL.into());
    }
    if has(SET_MODE) && file_type == mode::S_IFLNK {
        return Err(Errno::ENOTSUP.into());
    }
    // "No owner" is how POSIX spells "leave it"; the host does not pass that on.
    let nobody =
        [(SET_UID, set.uid), (SET_GID, set.gid)].iter().any(|(flag, id)| has(*flag) && *id == u32::MAX);
    let times = [(SET_ATIME, set.atime), (SET_MTIME, set.mtime), (SET_BTIME, set.btime)];
    let bad_time = times.iter().any(|(flag, time)| has(*flag) && time.nanoseconds >= 1_000_000_000);
    if nobody || bad_time { Err(Errno::EINVAL.into()) } else { Ok(()) }
}
