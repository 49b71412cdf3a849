//! Extended attributes.

use nxvfs_abi::{Ctx, Str};

use super::{Volume, slot};
use crate::base::{Errno, Result};
use crate::bridge::instance::absent_is;

/// Longest value, and longest list of names. Linux's `XATTR_SIZE_MAX` and `XATTR_LIST_MAX`.
const MAX_BYTES: usize = 64 * 1024;

impl Volume {
    /// The value of an attribute. Errors: ENODATA, ENOTSUP, E2BIG longer than 64 KiB.
    pub fn getxattr(&self, ctx: &Ctx, node: u64, name: &[u8]) -> Result<Vec<u8>> {
        let Some(getxattr) = self.ops.getxattr else { return Err(Errno::ENOTSUP.into()) };
        self.sized("getxattr", Errno::ENOTSUP, |buf| {
            self.instance.call(ctx, |fs, c| {
                // SAFETY: the name, and `buf` for its length, are valid until the call returns.
                unsafe { getxattr(fs, c, node, Str::new(name), buf.as_mut_ptr(), buf.len()) }
            })
        })
    }

    /// The names of all attributes, each ended by a NUL. Errors: E2BIG longer than 64 KiB.
    pub fn listxattr(&self, ctx: &Ctx, node: u64) -> Result<Vec<u8>> {
        let Some(listxattr) = self.ops.listxattr else { return Ok(Vec::new()) };
        let listed = self.sized("listxattr", Errno::ENOTSUP, |buf| {
            self.instance.call(ctx, |fs, c| {
                // SAFETY: `buf` is valid for its length until the call returns.
                unsafe { listxattr(fs, c, node, buf.as_mut_ptr(), buf.len()) }
            })
        });
        match listed {
            Err(e) if e.errno() == Errno::ENOTSUP => Ok(Vec::new()),
            Ok(names) if names.last().is_some_and(|last| *last != 0) => {
                Err(self.instance.lie("listxattr", "a name without an end"))
            }
            listed => listed,
        }
    }

    /// Sets an attribute; `flags` are those of the contract. Errors: EEXIST, ENODATA, ENOTSUP, E2BIG, and the file system's.
    pub fn setxattr(&self, ctx: &Ctx, node: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        if value.len() > MAX_BYTES {
            return Err(Errno::E2BIG.into());
        }
        slot!(self, ctx, setxattr, absent = ENOTSUP, |fs, c| {
            setxattr(fs, c, node, Str::new(name), Str::new(value), flags)
        });
        Ok(())
    }

    /// Takes an attribute away. Errors: ENODATA, ENOTSUP.
    pub fn removexattr(&self, ctx: &Ctx, node: u64, name: &[u8]) -> Result<()> {
        slot!(self, ctx, removexattr, absent = ENOTSUP, |fs, c| removexattr(fs, c, node, Str::new(name)));
        Ok(())
    }

    /// Asks for a length, then for so many bytes; again if it grew in between.
    fn sized(
        &self,
        slot: &'static str,
        absent: Errno,
        mut ask: impl FnMut(&mut [u8]) -> Result<u64>,
    ) -> Result<Vec<u8>> {
        const TRIES: usize = 8;
        for _ in 0..TRIES {
            let len = absent_is(ask(&mut []), absent)?;
            if len > MAX_BYTES as u64 {
                return Err(Errno::E2BIG.into());
            }
            if len == 0 {
                return Ok(Vec::new());
            }
            let mut bytes = vec![0; len as usize];
            match ask(&mut bytes) {
                Err(e) if e.errno() == Errno::ERANGE => {}
                done => {
                    bytes.truncate(self.at_most(slot, done?, bytes.len())?);
                    return Ok(bytes);
                }
            }
        }
        Err(Errno::EIO.into())
    }
}
