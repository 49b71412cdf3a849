//! Extended attributes of one node. Any name is kept; who may use which namespace is the host's to say.

use std::collections::BTreeMap;

use nxvfs_sdk::abi::filesystem::{XATTR_CREATE, XATTR_REPLACE};
use nxvfs_sdk::{Errno, Result};

use crate::space::Space;

const NAME_MAX_BYTES: usize = 255;
const VALUE_MAX_BYTES: usize = 64 * 1024;
/// Most bytes of all names together, each with its NUL, so that they can always be listed.
const LIST_MAX_BYTES: usize = 64 * 1024;
/// What one attribute takes beside its name and value, rounded.
const OVERHEAD_BYTES: usize = 64;

/// The attributes of a node. They take their bytes from the volume's room for inodes.
#[derive(Default)]
pub(crate) struct Xattrs {
    values: BTreeMap<Box<[u8]>, Box<[u8]>>,
    /// Bytes of all names, each with its NUL.
    list_bytes: usize,
    /// What was taken from the volume.
    pub(crate) cost_bytes: u64,
}

fn check(name: &[u8]) -> Result<()> {
    match name.len() {
        1..=NAME_MAX_BYTES if name.contains(&0) => Err(Errno::EINVAL.into()),
        1..=NAME_MAX_BYTES => Ok(()),
        _ => Err(Errno::ERANGE.into()),
    }
}

fn cost(name: &[u8], value: &[u8]) -> u64 {
    (name.len() + value.len() + OVERHEAD_BYTES) as u64
}

/// Copies into a buffer that must be long enough, unless only the length is asked for. Errors: ERANGE.
fn copy<'a>(len: usize, parts: impl Iterator<Item = &'a [u8]>, buf: &mut [u8]) -> Result<usize> {
    if buf.is_empty() {
        return Ok(len);
    }
    if buf.len() < len {
        return Err(Errno::ERANGE.into());
    }
    let mut at = 0;
    for part in parts {
        buf[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    Ok(len)
}

impl Xattrs {
    pub(crate) fn get(&self, name: &[u8], buf: &mut [u8]) -> Result<usize> {
        check(name)?;
        let value = self.values.get(name).ok_or(Errno::ENODATA)?;
        copy(value.len(), [&**value].into_iter(), buf)
    }

    pub(crate) fn list(&self, buf: &mut [u8]) -> Result<usize> {
        copy(self.list_bytes, self.values.keys().flat_map(|name| [name, &b"\0"[..]]), buf)
    }

    pub(crate) fn set(&mut self, space: &Space, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        check(name)?;
        let old = self.values.get(name);
        let refusal = match old {
            _ if flags & !(XATTR_CREATE | XATTR_REPLACE) != 0 => Some(Errno::EINVAL),
            Some(_) if flags & XATTR_CREATE != 0 => Some(Errno::EEXIST),
            None if flags & XATTR_REPLACE != 0 => Some(Errno::ENODATA),
            _ if value.len() > VALUE_MAX_BYTES => Some(Errno::E2BIG),
            None if self.list_bytes + name.len() + 1 > LIST_MAX_BYTES => Some(Errno::ENOSPC),
            _ => None,
        };
        if let Some(errno) = refusal {
            return Err(errno.into());
        }
        let (before, after) = (old.map_or(0, |old| cost(name, old)), cost(name, value));
        if !space.inodes.take(after.saturating_sub(before)) {
            return Err(Errno::ENOSPC.into());
        }
        space.inodes.give(before.saturating_sub(after));
        self.cost_bytes = self.cost_bytes - before + after;
        if self.values.insert(name.into(), value.into()).is_none() {
            self.list_bytes += name.len() + 1;
        }
        Ok(())
    }

    pub(crate) fn remove(&mut self, space: &Space, name: &[u8]) -> Result<()> {
        check(name)?;
        let value = self.values.remove(name).ok_or(Errno::ENODATA)?;
        let freed = cost(name, &value);
        self.list_bytes -= name.len() + 1;
        self.cost_bytes -= freed;
        space.inodes.give(freed);
        Ok(())
    }
}
