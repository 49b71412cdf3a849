//! Attributes of nodes and volumes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{FileAttr, FileType, INodeNo, TimeOrNow};
use nxvfs_abi::filesystem::{
    Attr, SET_ATIME, SET_GID, SET_MODE, SET_MTIME, SET_SIZE, SET_UID, SetAttr, StatFs,
};
use nxvfs_abi::types::mode;
use nxvfs_abi::{Grow, Timespec};

use super::door::{Door, Stale, valid};
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::tree::{Caller, Dentry, Inode, PseudoKind, VolumeNode};

/// What shall become of a node's attributes.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) mode: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) size_bytes: Option<u64>,
    pub(super) atime: Option<TimeOrNow>,
    pub(super) mtime: Option<TimeOrNow>,
}

impl Wanted {
    fn set(&self) -> SetAttr {
        let mut set = SetAttr::empty();
        let mut has = |flag, given: bool| set.valid |= if given { flag } else { 0 };
        has(SET_MODE, self.mode.is_some());
        has(SET_UID, self.uid.is_some());
        has(SET_GID, self.gid.is_some());
        has(SET_SIZE, self.size_bytes.is_some());
        has(SET_ATIME, self.atime.is_some());
        has(SET_MTIME, self.mtime.is_some());
        set.mode = self.mode.unwrap_or(0) & 0o7777;
        set.uid = self.uid.unwrap_or(0);
        set.gid = self.gid.unwrap_or(0);
        set.size_bytes = self.size_bytes.unwrap_or(0);
        set.atime = self.atime.map(moment).unwrap_or(set.atime);
        set.mtime = self.mtime.map(moment).unwrap_or(set.mtime);
        set
    }
}

fn moment(time: TimeOrNow) -> Timespec {
    let time = match time {
        TimeOrNow::SpecificTime(time) => time,
        TimeOrNow::Now => SystemTime::now(),
    };
    let (seconds, nanoseconds) = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => (after.as_secs() as i64, after.subsec_nanos()),
        // Nanoseconds count upwards from the second. The library (fuser 0.18.0) takes both off the epoch, and so they are
        // still apart here.
        Err(before) => (-(before.duration().as_secs() as i64), before.duration().subsec_nanos()),
    };
    Timespec { seconds, nanoseconds, reserved: 0 }
}

fn system_time(time: Timespec) -> SystemTime {
    let nanoseconds = Duration::from_nanos(time.nanoseconds.min(999_999_999).into());
    let whole = Duration::from_secs(time.seconds.unsigned_abs());
    let base = if time.seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    base.and_then(|base| base.checked_add(nanoseconds)).unwrap_or(UNIX_EPOCH)
}

/// The type that programs outside see, of `S_IFMT` bits in the host's own tree (`own`) or a volume. Devices of the host's
/// own are files for them: by its number the kernel would lead to a device of its own.
pub(super) fn kind(bits: u32, own: bool) -> FileType {
    match bits {
        mode::S_IFDIR => FileType::Directory,
        mode::S_IFLNK => FileType::Symlink,
        mode::S_IFIFO => FileType::NamedPipe,
        mode::S_IFSOCK => FileType::Socket,
        mode::S_IFCHR if !own => FileType::CharDevice,
        mode::S_IFBLK if !own => FileType::BlockDevice,
        _ => FileType::RegularFile,
    }
}

/// A device's number as Linux packs it into 32 bits (`new_encode_dev`).
fn packed(rdev: u64) -> u32 {
    let (major, minor) = ((rdev >> 32) as u32, rdev as u32);
    minor & 0xff | (major & 0xfff) << 8 | (minor & !0xff) << 12
}

/// [`packed`] back.
pub(super) fn unpacked(rdev: u32) -> u64 {
    let (major, minor) = (rdev >> 8 & 0xfff, rdev & 0xff | rdev >> 12 & 0xf_ff00);
    u64::from(major) << 32 | u64::from(minor)
}

pub(super) fn file_attr(number: u64, inode: &Inode, attr: &Attr) -> FileAttr {
    let size = match inode {
        Inode::Pseudo(node) => match node.kind() {
            PseudoKind::Block(device) => device.len_bytes(),
            _ => attr.size_bytes,
        },
        Inode::Volume(_) => attr.size_bytes,
    };
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks: attr.blocks,
        atime: system_time(attr.atime),
        mtime: system_time(attr.mtime),
        ctime: system_time(attr.ctime),
        crtime: system_time(attr.btime),
        kind: kind(inode.file_type(), matches!(inode, Inode::Pseudo(_))),
        perm: (attr.mode & 0o7777) as u16,
        nlink: attr.nlink,
        uid: attr.uid,
        gid: attr.gid,
        rdev: packed(attr.rdev),
        blksize: attr.block_size_bytes,
        flags: 0,
    }
}

impl Door {
    /// What the kernel is told of a node, and how long that holds.
    pub(super) fn attributes(
        &self,
        caller: &Caller,
        number: u64,
        dentry: &Dentry,
    ) -> Result<(FileAttr, Duration)> {
        let inode = dentry.inode();
        Ok((file_attr(number, inode, &inode.attr(&caller.ctx())?), valid(inode)))
    }

    /// Changes attributes; answers the new ones.
    pub(super) fn set_attributes(
        &self,
        caller: &Caller,
        number: u64,
        wanted: &Wanted,
    ) -> Result<(FileAttr, Duration)> {
        let dentry = self.nodes.get(number)?;
        let set = wanted.set();
        if set.valid & SET_SIZE != 0 && set.size_bytes > i64::MAX as u64 {
            return Err(Errno::EFBIG.into());
        }
        let device =
            matches!(dentry.inode(), Inode::Pseudo(node) if !matches!(node.kind(), PseudoKind::File(_)));
        if set.valid == SET_SIZE && device {
            // The kernel takes a device for a file, and `>` cuts it first.
            return self.attributes(caller, number, &dentry);
        }
        if set.valid != 0 {
            self.tree().set_attr(caller, dentry.inode(), &set)?;
        }
        self.attributes(caller, number, &dentry)
    }

    /// Sizes of the volume that a node is on.
    pub(super) fn sizes(&self, caller: &Caller, number: u64) -> Result<StatFs> {
        let dentry = self.nodes.get(number)?;
        self.tree().statfs(&caller.ctx(), dentry.inode())
    }

    /// Others than the owner wrote: that ends what the file lends to who runs it. POSIX `write`.
    pub(super) fn written_by_others(&self, number: u64) -> Result<()> {
        let dentry = self.nodes.get(number)?;
        // Not user 0, whose writes end nothing; who it is the kernel keeps for itself.
        let mut writer = Caller::new(self.task.id(), u32::MAX, u32::MAX, &[]);
        writer.vouched = true;
        if let Inode::Volume(node) = dentry.inode() {
            node.written(&writer.ctx())?;
            self.outdated(Stale::Attributes(number));
        }
        Ok(())
    }

    /// Errors: ENOTSUP the name is of no space that Linux has for what file systems keep.
    fn attribute_node(&self, number: u64, name: &[u8]) -> Result<Arc<VolumeNode>> {
        const SPACES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
        match SPACES.iter().any(|space| name.starts_with(space)) {
            true => self.volume_node(number),
            false => Err(Errno::ENOTSUP.into()),
        }
    }

    fn volume_node(&self, number: u64) -> Result<Arc<VolumeNode>> {
        match self.nodes.get(number)?.inode() {
            Inode::Volume(node) => Ok(node.clone()),
            Inode::Pseudo(_) => Err(Errno::ENOTSUP.into()),
        }
    }

    /// An extended attribute. Errors: ENODATA, ENOTSUP.
    pub(super) fn extended(&self, caller: &Caller, number: u64, name: &[u8]) -> Result<Vec<u8>> {
        let node = self.attribute_node(number, name)?;
        node.mount().volume().getxattr(&caller.ctx(), node.node(), name)
    }

    /// The names of the extended attributes.
    pub(super) fn extended_names(&self, caller: &Caller, number: u64) -> Result<Vec<u8>> {
        match self.volume_node(number) {
            Ok(node) => node.mount().volume().listxattr(&caller.ctx(), node.node()),
            Err(e) if e.errno() == Errno::ENOTSUP => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }

    /// Sets (`Some`) or takes away an extended attribute.
    pub(super) fn set_extended(
        &self,
        caller: &Caller,
        number: u64,
        name: &[u8],
        value: Option<(&[u8], u32)>,
    ) -> Result<()> {
        let node = self.attribute_node(number, name)?;
        let (ctx, volume) = (caller.ctx(), node.mount().volume());
        if node.mount().read_only() {
            return Err(Errno::EROFS.into());
        }
        match value {
            Some((value, flags)) => volume.setxattr(&ctx, node.node(), name, value, flags),
            None => volume.removexattr(&ctx, node.node(), name),
        }?;
        node.expire();
        // It may be another way to say what the mode says.
        self.outdated(Stale::Attributes(number));
        Ok(())
    }
}

/// Attributes of no node, for the answer that there is none.
pub(super) fn nothing() -> FileAttr {
    file_attr_of(0, FileType::RegularFile)
}

/// Attributes of a directory of which only the number counts.
pub(super) fn directory(number: u64) -> FileAttr {
    file_attr_of(number, FileType::Directory)
}

fn file_attr_of(number: u64, kind: FileType) -> FileAttr {
    FileAttr {
        ino: INodeNo(number),
        size: 0,
        blocks: 0,
        atime: UNIX_EPOCH,
        mtime: UNIX_EPOCH,
        ctime: UNIX_EPOCH,
        crtime: UNIX_EPOCH,
        kind,
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 0,
        flags: 0,
    }
}
