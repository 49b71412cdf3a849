//! The file system's side: the trait that an author implements.

mod thunks;
mod values;

use std::ops::ControlFlow;

use nxvfs_abi::filesystem::{Attr, Removed, SetAttr, StatFs};
use nxvfs_abi::{Ctx, Extent};

pub use thunks::table;
pub use values::{Check, Emit, Found, Mount, Probe, Volume};

use crate::Result;
use crate::guard::absent;

/// A mounted file system. The host calls from any thread; calls overlap only if [`crate::plugin!`] says `parallel`.
///
/// See [`nxvfs_abi::filesystem::FileSystemOps`] for the meaning of each function; the default of those that are
/// left out is the one named there for an absent slot.
#[allow(unused_variables, reason = "defaults ignore their arguments")]
pub trait FileSystem: Sized + Send + Sync + 'static {
    /// What an opening of a file keeps; `()` if nothing.
    type File: Default + Send + Sync + 'static;

    /// Mounts a volume. Errors: EINVAL no such file system there, EUCLEAN a damaged one.
    fn mount(ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)>;
    /// Finds a name in a directory. Errors: ENOENT.
    fn lookup(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Found>;
    /// Emits a directory's entries from `cookie` on, without `.` and `..`.
    fn readdir(&self, ctx: &Ctx, dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()>;
    /// Reads up to `buf.len()` bytes at `offset`; fewer only at the end of the file.
    fn read(&self, ctx: &Ctx, node: u64, file: &Self::File, offset: u64, buf: &mut [u8]) -> Result<usize>;

    /// Says whether the device holds such a file system; `None` if not.
    fn probe(ctx: &Ctx, mount: &Mount<'_>) -> Result<Option<Probe>> {
        absent()
    }
    /// Makes an empty file system on the device.
    fn format(ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        absent()
    }
    /// Examines an unmounted volume.
    fn check(ctx: &Ctx, mount: &Mount<'_>, check: &mut Check<'_>) -> Result<()> {
        absent()
    }
    /// Ends the volume; the value is dropped afterwards.
    fn unmount(&self, ctx: &Ctx) -> Result<()> {
        Ok(())
    }
    /// Changes flags and options.
    fn remount(&self, ctx: &Ctx, mount: &Mount<'_>) -> Result<()> {
        absent()
    }
    /// Sizes of the volume.
    fn statfs(&self, ctx: &Ctx) -> Result<StatFs> {
        absent()
    }
    /// Brings everything to the medium.
    fn sync(&self, ctx: &Ctx) -> Result<()> {
        absent()
    }
    /// How long the host may remember that a name is not there, in nanoseconds; `u64::MAX` until it makes the name
    /// itself. 0 if names can appear without the host.
    fn absent_valid_ns(&self) -> u64 {
        u64::MAX
    }
    /// Takes `count` away from a node's count.
    fn forget(&self, node: u64, count: u64) {}
    /// Attributes of a node.
    fn getattr(&self, ctx: &Ctx, node: u64) -> Result<Attr> {
        absent()
    }
    /// Changes attributes, all or none.
    fn setattr(&self, ctx: &Ctx, node: u64, set: &SetAttr) -> Result<Attr> {
        absent()
    }
    /// Copies a link's target; answers its length, which may be more than the buffer.
    fn readlink(&self, ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        absent()
    }
    /// Makes a symbolic link.
    fn symlink(&self, ctx: &Ctx, dir: u64, name: &[u8], target: &[u8]) -> Result<Found> {
        absent()
    }
    /// Gives a node one more name.
    fn link(&self, ctx: &Ctx, node: u64, dir: u64, name: &[u8]) -> Result<Found> {
        absent()
    }
    /// Makes a special node.
    fn mknod(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, rdev: u64) -> Result<Found> {
        absent()
    }
    /// Makes a directory.
    fn mkdir(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32) -> Result<Found> {
        absent()
    }
    /// Takes a name away.
    fn unlink(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        absent()
    }
    /// Takes an empty directory away.
    fn rmdir(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        absent()
    }
    /// Renames; `flags` are `RENAME_*`.
    #[allow(clippy::too_many_arguments, reason = "two names in two directories")]
    fn rename(
        &self,
        ctx: &Ctx,
        dir: u64,
        name: &[u8],
        new_dir: u64,
        new_name: &[u8],
        flags: u32,
    ) -> Result<Removed> {
        absent()
    }
    /// Makes a regular file and opens it.
    fn create(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, flags: u32) -> Result<(Found, Self::File)> {
        absent()
    }
    /// Opens a regular file.
    fn open(&self, ctx: &Ctx, node: u64, flags: u32) -> Result<Self::File> {
        Ok(Self::File::default())
    }
    /// Ends an opening; `file` is dropped afterwards.
    fn release(&self, ctx: &Ctx, node: u64, file: &Self::File) -> Result<()> {
        Ok(())
    }
    /// Writes up to `buf.len()` bytes at `offset`, or at the end if `flags` has `O_APPEND`.
    fn write(
        &self,
        ctx: &Ctx,
        node: u64,
        file: &Self::File,
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        absent()
    }
    /// One descriptor was closed.
    fn flush(&self, ctx: &Ctx, node: u64, file: &Self::File) -> Result<()> {
        Ok(())
    }
    /// Brings one node to the medium; `file` is `None` for a directory.
    fn fsync(&self, ctx: &Ctx, node: u64, file: Option<&Self::File>, data_only: bool) -> Result<()> {
        absent()
    }
    /// Reserves, zeroes or frees space; `mode` is `FALLOC_*`.
    fn fallocate(
        &self,
        ctx: &Ctx,
        node: u64,
        file: &Self::File,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        absent()
    }
    /// Finds data or a hole; `whence` is `SEEK_DATA` or `SEEK_HOLE`.
    fn seek(&self, ctx: &Ctx, node: u64, file: &Self::File, offset: u64, whence: u32) -> Result<u64> {
        absent()
    }
    /// Copies an extended attribute; answers its length; with an empty buffer only that.
    fn getxattr(&self, ctx: &Ctx, node: u64, name: &[u8], buf: &mut [u8]) -> Result<usize> {
        absent()
    }
    /// Sets an extended attribute.
    fn setxattr(&self, ctx: &Ctx, node: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        absent()
    }
    /// Copies the names of all extended attributes, each ended by a NUL; answers the length.
    fn listxattr(&self, ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        absent()
    }
    /// Takes an extended attribute away.
    fn removexattr(&self, ctx: &Ctx, node: u64, name: &[u8]) -> Result<()> {
        absent()
    }
    /// Any command; `file` is `None` for a directory.
    fn ioctl(
        &self,
        ctx: &Ctx,
        node: u64,
        file: Option<&Self::File>,
        command: u32,
        arg: &mut crate::IoctlArg<'_>,
    ) -> Result<i64> {
        absent()
    }
    /// Where the content from `offset` lies on the medium, in order and without gaps: hands extents to `push` until
    /// it answers `Break`. Answers a pin: until [`FileSystem::unpin`] those bytes hold this file's content or
    /// nothing. With `len` 0 the host only asks whether mapping is offered: answer any pin and push nothing.
    fn map_extents(
        &self,
        ctx: &Ctx,
        node: u64,
        offset: u64,
        len: u64,
        push: &mut dyn FnMut(Extent) -> ControlFlow<()>,
    ) -> Result<u64> {
        absent()
    }
    /// Which parts of the medium are free, in order and apart, from the medium's byte `offset` on: hands extents with a
    /// `file_offset` of 0 to `push` until it answers `Break`.
    fn free_extents(
        &self,
        ctx: &Ctx,
        offset: u64,
        push: &mut dyn FnMut(Extent) -> ControlFlow<()>,
    ) -> Result<()> {
        absent()
    }
    /// Lets a pin go.
    fn unpin(&self, node: u64, pin: u64) {}
}
