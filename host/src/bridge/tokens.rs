//! Tokens: how a plugin names a host's object. Index and generation, so that a stale one finds nothing.

use nxvfs_abi::block::Geometry;

use crate::base::sync::{Arc, OnceLock, RwLock, read, write};
use crate::base::{Errno, Result};

use super::grant::CheckedGrant;

/// A block device, as services offer it to a file system: by bytes.
pub trait DeviceService: Send + Sync {
    /// The shape.
    fn geometry(&self) -> Geometry;
    /// Reads bytes; all of them or an error.
    fn read(&self, offset: u64, buf: &mut [u8], flags: u32) -> Result<()>;
    /// Writes bytes; all of them or an error.
    fn write(&self, offset: u64, buf: &[u8], flags: u32) -> Result<()>;
    /// Brings everything to the medium.
    fn flush(&self) -> Result<()>;
    /// Orders earlier writes before later ones.
    fn barrier(&self) -> Result<()>;
    /// Gives bytes up.
    fn discard(&self, offset: u64, len: u64) -> Result<()>;
    /// The medium as memory, if this user may have it so.
    fn xip(&self) -> Option<CheckedGrant>;
}

/// A mount, as services offer it to its own file system. Only marks: called under a plugin's call.
pub trait MountService: Send + Sync {
    /// A name changed beneath the host.
    fn invalidate_entry(&self, dir: u64, name: &[u8]);
    /// A node changed beneath the host.
    fn invalidate_node(&self, node: u64, offset: u64, len: u64);
}

/// A file of the VFS, as services offer it to a mapper or to a driver over a file.
pub trait FileService: Send + Sync {
    /// Reads up to `buf.len()` bytes; 0 at the end.
    fn read(&self, offset: u64, buf: &mut [u8]) -> Result<usize>;
    /// Writes up to `buf.len()` bytes; an empty buffer asks whether the file may be written.
    fn write(&self, offset: u64, buf: &[u8]) -> Result<usize>;
    /// Length in bytes.
    fn len_bytes(&self) -> Result<u64> {
        Err(Errno::ENOTSUP.into())
    }
    /// Brings the file to its medium.
    fn sync(&self, _data_only: bool) -> Result<()> {
        Err(Errno::ENOTSUP.into())
    }
    /// Makes a hole.
    fn discard(&self, _offset: u64, _len: u64) -> Result<()> {
        Err(Errno::ENOTSUP.into())
    }
}

/// What a token leads to.
#[derive(Clone)]
pub enum Target {
    /// A block device.
    Device(Arc<dyn DeviceService>),
    /// A mount.
    Mount(Arc<dyn MountService>),
    /// A file.
    File(Arc<dyn FileService>),
}

#[derive(Default)]
struct Slots {
    slots: Vec<(u32, Option<Target>)>,
    free: Vec<u32>,
}

static SLOTS: OnceLock<RwLock<Slots>> = OnceLock::new();

fn slots() -> &'static RwLock<Slots> {
    SLOTS.get_or_init(RwLock::default)
}

/// A token that leads to its target until it is dropped.
#[derive(Debug)]
pub struct Token(u64);

impl Token {
    /// Makes a token. Never 0.
    pub fn new(target: Target) -> Self {
        let mut all = write(slots());
        let index = match all.free.pop() {
            Some(index) => index,
            None => {
                all.slots.push((0, None));
                (all.slots.len() - 1) as u32
            }
        };
        let slot = &mut all.slots[index as usize];
        // A generation is never 0, so that no token is.
        slot.0 = slot.0.wrapping_add(1).max(1);
        slot.1 = Some(target);
        Self(u64::from(slot.0) << 32 | u64::from(index))
    }

    /// The number that the plugin gets.
    pub fn number(&self) -> u64 {
        self.0
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let index = self.0 as u32;
        let mut all = write(slots());
        let target = all.slots[index as usize].1.take();
        all.free.push(index);
        drop(all);
        // Outside the lock: the target's own end may drop tokens.
        drop(target);
    }
}

/// What a number leads to. Errors: EBADF for a number that is no live token.
pub(super) fn find(number: u64) -> Result<Target> {
    let all = read(slots());
    match all.slots.get(number as u32 as usize) {
        Some((generation, Some(target))) if *generation == (number >> 32) as u32 => Ok(target.clone()),
        _ => Err(Errno::EBADF.into()),
    }
}
