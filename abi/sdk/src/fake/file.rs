//! An opened file.

use nxvfs_abi::types::CtxIn;

use super::mounted::ask;
use super::services::{call, call_unit};
use super::{Mounted, Result, ctx, demand, slot};
use crate::FileSystem;

/// An opened file; released when it is dropped.
pub struct File<'v, T: FileSystem> {
    volume: &'v Mounted<T>,
    node: u64,
    handle: u64,
}

impl<'v, T: FileSystem> File<'v, T> {
    pub(super) fn new(volume: &'v Mounted<T>, node: u64, handle: u64) -> Self {
        Self { volume, node, handle }
    }

    /// Reads up to `buf.len()` bytes; fewer only at the end.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let (len, buf) = (buf.len(), buf.as_mut_ptr());
        let got = ask!(self.volume, call, read(self.node, self.handle, offset, buf, len))?;
        demand(got <= len as u64, format_args!("read answered {got} of {len} bytes"));
        Ok(got as usize)
    }

    /// Writes up to `buf.len()` bytes; `flags` are open flags.
    pub fn write_at(&self, offset: u64, buf: &[u8], flags: u32) -> Result<usize> {
        let (len, buf) = (buf.len(), buf.as_ptr());
        let done = ask!(self.volume, call, write(self.node, self.handle, offset, buf, len, flags))?;
        demand(done <= len as u64, format_args!("write answered {done} of {len} bytes"));
        Ok(done as usize)
    }

    /// One descriptor was closed.
    pub fn flush(&self) -> Result<()> {
        ask!(self.volume, call_unit, flush(self.node, self.handle))
    }

    /// Brings the file to the medium.
    pub fn fsync(&self, data_only: bool) -> Result<()> {
        ask!(self.volume, call_unit, fsync(self.node, self.handle, data_only.into()))
    }

    /// Reserves, zeroes or frees space.
    pub fn fallocate(&self, mode: u32, offset: u64, len: u64) -> Result<()> {
        ask!(self.volume, call_unit, fallocate(self.node, self.handle, mode, offset, len))
    }

    /// Finds data or a hole.
    pub fn seek(&self, offset: u64, whence: u32) -> Result<u64> {
        ask!(self.volume, call, seek(self.node, self.handle, offset, whence))
    }

    /// Runs a command whose argument leads to memory.
    pub fn ioctl(&self, command: u32, memory: &mut [u8]) -> Result<u64> {
        let (arg, len) = (memory.as_mut_ptr() as usize, memory.len());
        ask!(self.volume, call, ioctl(self.node, self.handle, command, arg, len))
    }
}

impl<T: FileSystem> Drop for File<'_, T> {
    fn drop(&mut self) {
        let released: Result<()> = ask!(self.volume, call_unit, release(self.node, self.handle));
        if !std::thread::panicking() {
            demand(released.is_ok(), "release failed");
        }
    }
}
