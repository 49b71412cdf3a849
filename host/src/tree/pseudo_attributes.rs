//! Attributes of the host's own nodes.

use nxvfs_abi::filesystem::{
    SET_ATIME, SET_BTIME, SET_GID, SET_MODE, SET_MTIME, SET_SIZE, SET_UID, SetAttr, StatFs,
};
use nxvfs_abi::{Ctx, Grow};

use super::access::Caller;
use super::attributes::with_loan_ended;
use super::inode::Inode;
use super::pseudo::{PseudoKind, PseudoNode, now};
use super::{NAME_MAX_BYTES, NAMES_MAX, Tree};
use crate::base::sync::{Ordering, write};
use crate::base::{Errno, Result};

/// NuttX's `PROC_SUPER_MAGIC` in `statfs` of its pseudo file system; Linux's of /proc.
const PSEUDO_MAGIC: u32 = 0x9fa0;

impl PseudoNode {
    /// Changes attributes, with what follows for set-user-id and its like; whether the caller may was asked before. POSIX
    /// chmod, chown, utimensat, truncate. Errors: EPERM (made for one look), EINVAL (a length of what has none), EFBIG.
    pub(super) fn set_attr(&self, caller: &Caller, set: &SetAttr) -> Result<()> {
        if self.is_passing() {
            return Err(Errno::EPERM.into());
        }
        if set.valid & SET_SIZE != 0 {
            let PseudoKind::File(file) = self.kind() else { return Err(Errno::EINVAL.into()) };
            file.truncate(set.size_bytes)?;
            self.modified(&caller.ctx());
        }
        let mut attr = write(&self.attr);
        let set = with_loan_ended(caller, &attr, set);
        let has = |flag: u32| set.valid & flag != 0;
        if has(SET_UID) {
            attr.uid = set.uid;
        }
        if has(SET_GID) {
            attr.gid = set.gid;
        }
        if has(SET_MODE) {
            attr.mode = attr.file_type() | set.mode & 0o7777;
        }
        if has(SET_ATIME) {
            attr.atime = set.atime;
        }
        if has(SET_MTIME) {
            attr.mtime = set.mtime;
        }
        if has(SET_BTIME) {
            attr.btime = set.btime;
        }
        if set.valid != 0 {
            attr.ctime = now();
        }
        Ok(())
    }
}

impl Tree {
    /// Sizes of what holds a node: its volume, or for the host's own tree the budget of its files.
    pub fn statfs(&self, ctx: &Ctx, inode: &Inode) -> Result<StatFs> {
        if let Some(mount) = inode.mount() {
            return mount.statfs(ctx);
        }
        let block = rustix::param::page_size() as u64;
        let (blocks, used) = (self.files.limit_bytes() / block, self.files.used_bytes() / block);
        Ok(StatFs {
            magic: PSEUDO_MAGIC,
            block_size_bytes: block as u32,
            name_max_bytes: NAME_MAX_BYTES,
            blocks,
            blocks_free: blocks.saturating_sub(used),
            blocks_available: blocks.saturating_sub(used),
            files: NAMES_MAX as u64,
            files_free: NAMES_MAX.saturating_sub(self.names.load(Ordering::Relaxed)) as u64,
            ..Grow::empty()
        })
    }
}
