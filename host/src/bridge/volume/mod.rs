//! Calls of a file system.

mod content;
mod extents;
mod listing;
mod names;
mod whole;
mod xattr;

use nxvfs_abi::Ctx;
use nxvfs_abi::Grow;
use nxvfs_abi::filesystem::*;
use nxvfs_abi::types::mode;

pub use listing::DirItem;
pub use whole::{FindingItem, MountRequest, ProbeFound, check, format, mount, probe};

use super::instance::Instance;
use super::tokens::{self, Target};
use crate::base::{Errno, Result};

/// What the file system told when it was mounted.
#[derive(Clone, Copy, Debug)]
pub struct VolumeInfo {
    /// `INFO_*` flags.
    pub flags: u32,
    /// The root's node.
    pub root: u64,
    /// Longest name in bytes.
    pub name_max_bytes: u32,
    /// Magic number.
    pub magic: u32,
}

/// A node that was found or made.
#[derive(Clone, Copy)]
pub struct FoundNode {
    /// The node; its count went up by one.
    pub node: u64,
    /// Its attributes.
    pub attr: Attr,
    /// How long the name may be trusted, in nanoseconds.
    pub valid_ns: u64,
    /// How long the attributes may be trusted.
    pub attr_valid_ns: u64,
}

/// What a lookup found.
pub enum Lookup {
    /// The node.
    Found(FoundNode),
    /// There is no such name, and that may be remembered.
    Missing {
        /// So long, in nanoseconds.
        valid_ns: u64,
    },
}

/// A node that was made and opened.
pub struct OpenedNode {
    /// The node.
    pub found: FoundNode,
    /// The file system's number of the opening.
    pub handle: u64,
}

/// A mounted volume.
pub struct Volume {
    instance: Instance,
    ops: FileSystemOps,
    info: VolumeInfo,
    medium_len_bytes: u64,
    /// Token of the device, or 0.
    device: u64,
}

/// One call of a slot that answers 0, with the default errno of an absent one.
macro_rules! slot {
    ($self:ident, $ctx:ident, $slot:ident, absent = $default:ident, |$fs:ident, $c:ident| $call:expr) => {{
        let Some($slot) = $self.ops.$slot else { return Err(Errno::$default.into()) };
        // SAFETY: every pointer handed over is valid until the call returns, and `fs` is the volume's own.
        let answer = $self.instance.call($ctx, |$fs, $c| i64::from(unsafe { $call }));
        absent_is(answer, Errno::$default)?
    }};
}

use slot;

impl Volume {
    /// The instance.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// What the file system told when it was mounted.
    pub fn info(&self) -> &VolumeInfo {
        &self.info
    }

    /// Ends the volume, once no call is under way. Errors: ETIMEDOUT it was revoked and a call does not return, and
    /// then it is not ended but given up; and the file system's.
    pub fn unmount(&self, ctx: &Ctx) -> Result<()> {
        let answer = self.instance.end(ctx, |fs, ctx| match self.ops.unmount {
            // SAFETY: the last call.
            Some(unmount) => i64::from(unsafe { unmount(fs, ctx) }),
            // Nothing to do, and yet no call follows.
            None => 0,
        });
        match answer {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(()),
            other => other.map(drop),
        }
    }

    pub(super) fn found(&self, slot: &'static str, entry: &Entry, attr: &Attr) -> Result<FoundNode> {
        let known = matches!(
            attr.file_type(),
            mode::S_IFREG
                | mode::S_IFDIR
                | mode::S_IFLNK
                | mode::S_IFBLK
                | mode::S_IFCHR
                | mode::S_IFIFO
                | mode::S_IFSOCK
        );
        if entry.node == 0 || !known || attr.size_bytes > i64::MAX as u64 {
            let claim = format!("node {} of mode {:o} with {} bytes", entry.node, attr.mode, attr.size_bytes);
            return Err(self.instance.lie(slot, claim));
        }
        Ok(FoundNode {
            node: entry.node,
            attr: *attr,
            valid_ns: entry.valid_ns,
            attr_valid_ns: entry.attr_valid_ns,
        })
    }

    #[inline]
    pub(super) fn at_most(&self, slot: &'static str, done: u64, asked: usize) -> Result<usize> {
        if done > asked as u64 {
            return Err(self.instance.lie(slot, format!("{done} bytes of {asked} asked for")));
        }
        Ok(done as usize)
    }

    /// Sizes; `None` if the file system does not tell.
    pub fn statfs(&self, ctx: &Ctx) -> Result<Option<StatFs>> {
        let Some(statfs) = self.ops.statfs else { return Ok(None) };
        let mut out = StatFs::empty();
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: `out` is valid until the call returns.
            i64::from(unsafe { statfs(fs, c, StatFsOut(&raw mut out)) })
        });
        match answer {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(None),
            other => other.map(|_| Some(out)),
        }
    }

    /// Brings the whole volume to the medium.
    pub fn sync(&self, ctx: &Ctx) -> Result<()> {
        let Some(sync) = self.ops.sync else { return self.flush_device() };
        // SAFETY: nothing but the context crosses.
        match self.instance.call(ctx, |fs, c| i64::from(unsafe { sync(fs, c) })) {
            Err(e) if e.errno() == Errno::ENOSYS => self.flush_device(),
            other => other.map(drop),
        }
    }

    /// What an absent `sync` means.
    fn flush_device(&self) -> Result<()> {
        match tokens::find(self.device) {
            Ok(Target::Device(device)) => device.flush(),
            _ => Ok(()),
        }
    }
}

fn nothing_if_absent(result: Result<u64>) -> Result<()> {
    match result {
        Err(e) if e.errno() == Errno::ENOSYS => Ok(()),
        other => other.map(drop),
    }
}
