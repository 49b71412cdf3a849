//! Changes of attributes, and who may make them.

use nxvfs_abi::filesystem::{
    Attr, SET_ATIME, SET_BTIME, SET_GID, SET_MODE, SET_MTIME, SET_SIZE, SET_UID, SetAttr,
};

use super::access::{Caller, WRITE};
use super::inode::Inode;
use super::{Tree, TreeError};
use crate::base::{Errno, Result};
use crate::device::Change;

impl Tree {
    /// Changes attributes of what a path named. Errors: EROFS, EPERM (not the owner; the host's own tree), EACCES (a
    /// length without the right to write), and the file system's.
    pub fn set_attr(&self, caller: &Caller, inode: &Inode, set: &SetAttr) -> Result<()> {
        if let Some(mount) = inode.mount() {
            mount.need_writable()?;
            permit(caller, &inode.attr(&caller.ctx())?, set)?;
        }
        self.set_attr_as_opened(caller, inode, set)
    }

    /// Changes attributes of an open file, whose opening was the permission. Errors: as [`Tree::set_attr`].
    pub fn set_attr_as_opened(&self, caller: &Caller, inode: &Inode, set: &SetAttr) -> Result<()> {
        let Inode::Volume(node) = inode else {
            let action = "change attributes".to_owned();
            return Err(TreeError::PseudoOnly { path: String::new(), action }.into());
        };
        let mount = node.mount();
        mount.need_writable()?;
        let _alive = mount.enter()?;
        let mut below = || {
            let done = mount.volume().setattr(&caller.ctx(), node.node(), set);
            node.expire();
            done.map(drop)
        };
        if set.valid & SET_SIZE == 0 {
            return below();
        }
        node.change(Change::Resize(set.size_bytes), &mut below)
    }
}

/// POSIX chmod, chown, utimensat and truncate: who may change what.
fn permit(caller: &Caller, attr: &Attr, set: &SetAttr) -> Result<()> {
    if caller.uid == 0 {
        return Ok(());
    }
    let owner = caller.uid == attr.uid;
    let has = |flags: u32| set.valid & flags != 0;
    let group_given_away = has(SET_GID)
        && set.gid != attr.gid
        && !(owner && (set.gid == caller.gid || caller.groups.contains(&set.gid)));
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
