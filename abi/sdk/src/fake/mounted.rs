//! A mounted file system: safe methods over its table, one for each slot, with the answers checked.

use std::ffi::c_void;
use std::marker::PhantomData;

use nxvfs_abi::filesystem::*;
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Errno, Extent, Grow, Str, grow};

use super::filesystem::with_args;
use super::services::{call, call_unit};
use super::{Device, Error, File, Result, Sentence, Value, ctx, demand, slot};
use crate::FileSystem;

/// How many extents the fake host takes at a time.
const EXTENTS: usize = 16;

/// A node that was found or made; its count went up by one.
#[derive(Clone, Copy)]
pub struct Found {
    /// The node.
    pub node: u64,
    /// Its attributes.
    pub attr: Attr,
    /// How long the name may be trusted.
    pub valid_ns: u64,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name.
    pub name: Vec<u8>,
    /// Number of the inode.
    pub ino: u64,
    /// `S_IFMT` bits, or 0.
    pub file_type: u32,
    /// Where to go on after this entry.
    pub next_cookie: u64,
}

/// What [`Mounted::readdir_from`] collects.
struct Listing {
    entries: Vec<Entry>,
    limit: usize,
}

unsafe extern "C" fn take_entry(arg: *mut c_void, entry: DirEntryIn) -> i32 {
    // SAFETY: `readdir_from` passes its listing, which nobody else uses during the call; the SDK passes a valid entry.
    unsafe {
        let listing = &mut *arg.cast::<Listing>();
        if listing.entries.len() >= listing.limit {
            return 1;
        }
        if let Some(entry) = grow::read(entry.0) {
            listing.entries.push(Entry {
                name: entry.name.bytes().unwrap_or(b"").to_vec(),
                ino: entry.ino,
                file_type: entry.file_type,
                next_cookie: entry.next_cookie,
            });
        }
    }
    0
}

/// A mounted volume of the file system `T`; ends when it is dropped.
pub struct Mounted<T: FileSystem> {
    pub(super) ops: FileSystemOps,
    pub(super) fs: *mut c_void,
    info: MountInfo,
    root_attr: Attr,
    device: Option<Device>,
    driver: PhantomData<T>,
}

// SAFETY: `fs` leads to a `T`, which is `Send` and `Sync`; the other pointers are functions.
unsafe impl<T: FileSystem> Send for Mounted<T> {}
// SAFETY: as above.
unsafe impl<T: FileSystem> Sync for Mounted<T> {}

/// Runs one slot of the volume: `ask!(self, call_unit, slot(arguments after the context))`.
macro_rules! ask {
    ($volume:expr, $call:ident, $slot:ident($($arg:expr),*)) => {{
        let (volume, ctx) = (&*$volume, ctx());
        // SAFETY: `fs` is what `mount` stored and is not ended; every argument is valid for the call.
        $call(|| unsafe { slot!(volume.ops, $slot)(volume.fs, CtxIn(&ctx), $($arg),*) })
    }};
}

pub(super) use ask;

/// Runs a slot that answers a node.
macro_rules! ask_found {
    ($self:ident, $slot:ident($($arg:expr),*)) => {{
        let (mut entry, mut attr) = (nxvfs_abi::filesystem::Entry::empty(), Attr::empty());
        let (entry_out, attr_out) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
        ask!($self, call_unit, $slot($($arg,)* entry_out, attr_out))
            .map(|()| Found { node: entry.node, attr, valid_ns: entry.valid_ns })
    }};
}

/// Runs a slot that tells which node lost a name.
macro_rules! ask_removed {
    ($self:ident, $slot:ident($($arg:expr),*)) => {{
        let mut removed = Removed::empty();
        let out = RemovedOut(&raw mut removed);
        ask!($self, call_unit, $slot($($arg,)* out)).map(|()| removed)
    }};
}

impl<T: FileSystem> Mounted<T> {
    pub(super) fn new(
        ops: FileSystemOps,
        fs: *mut c_void,
        info: MountInfo,
        root_attr: Attr,
        device: Option<Device>,
    ) -> Self {
        Self { ops, fs, info, root_attr, device, driver: PhantomData }
    }

    /// The root directory's node.
    pub fn root(&self) -> u64 {
        self.info.root
    }

    /// The root directory's attributes, as `mount` told them.
    pub fn root_attr(&self) -> &Attr {
        &self.root_attr
    }

    /// What the file system told of itself.
    pub fn info(&self) -> &MountInfo {
        &self.info
    }

    /// Finds a name in a directory. That there is none is `ENOENT`, however the driver says it.
    pub fn lookup(&self, dir: u64, name: &[u8]) -> Result<Found> {
        let found = ask_found!(self, lookup(dir, Str::new(name)))?;
        if found.node == 0 {
            return Err(Error::new(Errno::ENOENT, Sentence::default()));
        }
        Ok(found)
    }

    /// Finds a path from the root on, without following links; a real host would forget the nodes on the way later.
    pub fn walk(&self, path: &str) -> Result<Found> {
        let mut at = Found { node: self.root(), attr: self.root_attr, valid_ns: u64::MAX };
        for name in path.split('/').filter(|name| !name.is_empty()) {
            at = self.lookup(at.node, name.as_bytes())?;
        }
        Ok(at)
    }

    /// Takes `count` away from a node's count.
    pub fn forget(&self, node: u64, count: u64) {
        // SAFETY: `fs` is what `mount` stored and is not ended.
        let _ = call_unit(|| unsafe {
            slot!(self.ops, forget)(self.fs, node, count);
            0
        });
    }

    /// All entries of a directory.
    pub fn readdir(&self, dir: u64) -> Result<Vec<Entry>> {
        self.readdir_from(dir, 0, usize::MAX)
    }

    /// Entries of a directory from a cookie on, at most `limit`.
    pub fn readdir_from(&self, dir: u64, cookie: u64, limit: usize) -> Result<Vec<Entry>> {
        let (entries, outcome) = self.readdir_until_failure(dir, cookie, limit);
        outcome.map(|()| entries)
    }

    /// As [`Self::readdir_from`], with the entries that came before a failure.
    pub fn readdir_until_failure(&self, dir: u64, cookie: u64, limit: usize) -> (Vec<Entry>, Result<()>) {
        let mut listing = Listing { entries: Vec::new(), limit };
        let (emit, arg) = (EmitEntry(Some(take_entry)), (&raw mut listing).cast());
        let outcome = ask!(self, call_unit, readdir(dir, cookie, emit, arg));
        let name_max = if self.info.name_max_bytes == 0 { 255 } else { self.info.name_max_bytes as usize };
        for Entry { name, next_cookie, .. } in &listing.entries {
            let plain =
                !name.is_empty() && name.len() <= name_max && !name.iter().any(|b| matches!(b, 0 | b'/'));
            let dots = matches!(name.as_slice(), b"." | b"..");
            demand(plain && !dots, format_args!("readdir emitted the name '{}'", name.escape_ascii()));
            let cookie_fits = (1..COOKIE_LIMIT).contains(next_cookie);
            demand(cookie_fits, format_args!("readdir emitted the cookie {next_cookie:#x}"));
        }
        (listing.entries, outcome)
    }

    /// Attributes of a node.
    pub fn getattr(&self, node: u64) -> Result<Attr> {
        let mut attr = Attr::empty();
        let out = AttrOut(&raw mut attr);
        ask!(self, call_unit, getattr(node, out)).map(|()| attr)
    }

    /// Changes attributes.
    pub fn setattr(&self, node: u64, set: &SetAttr) -> Result<Attr> {
        let mut attr = Attr::empty();
        let out = AttrOut(&raw mut attr);
        ask!(self, call_unit, setattr(node, SetAttrIn(set), out)).map(|()| attr)
    }

    /// A link's target.
    pub fn readlink(&self, node: u64) -> Result<Vec<u8>> {
        let mut target = vec![0; 4096];
        loop {
            let len = ask!(self, call, readlink(node, target.as_mut_ptr(), target.len()))? as usize;
            if len <= target.len() {
                target.truncate(len);
                return Ok(target);
            }
            target.resize(len, 0);
        }
    }

    /// Makes a symbolic link.
    pub fn symlink(&self, dir: u64, name: &[u8], target: &[u8]) -> Result<Found> {
        ask_found!(self, symlink(dir, Str::new(name), Str::new(target)))
    }

    /// Gives a node one more name.
    pub fn link(&self, node: u64, dir: u64, name: &[u8]) -> Result<Found> {
        ask_found!(self, link(node, dir, Str::new(name)))
    }

    /// Makes a special node.
    pub fn mknod(&self, dir: u64, name: &[u8], mode: u32, rdev: u64) -> Result<Found> {
        ask_found!(self, mknod(dir, Str::new(name), mode, rdev))
    }

    /// Makes a directory.
    pub fn mkdir(&self, dir: u64, name: &[u8], mode: u32) -> Result<Found> {
        ask_found!(self, mkdir(dir, Str::new(name), mode))
    }

    /// Makes a regular file and opens it.
    pub fn create(&self, dir: u64, name: &[u8], mode: u32, flags: u32) -> Result<(Found, File<'_, T>)> {
        let mut opened = Opened::empty();
        let (mut entry, mut attr) = (nxvfs_abi::filesystem::Entry::empty(), Attr::empty());
        let (entry_out, attr_out) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
        let out = OpenedOut(&raw mut opened);
        ask!(self, call_unit, create(dir, Str::new(name), mode, flags, entry_out, attr_out, out))?;
        let found = Found { node: entry.node, attr, valid_ns: entry.valid_ns };
        Ok((found, File::new(self, entry.node, opened.handle)))
    }

    /// Takes a name that is no directory's away.
    pub fn unlink(&self, dir: u64, name: &[u8]) -> Result<Removed> {
        ask_removed!(self, unlink(dir, Str::new(name)))
    }

    /// Takes an empty directory away.
    pub fn rmdir(&self, dir: u64, name: &[u8]) -> Result<Removed> {
        ask_removed!(self, rmdir(dir, Str::new(name)))
    }

    /// Renames `from`, a directory and a name, to `to`.
    pub fn rename(&self, from: (u64, &[u8]), to: (u64, &[u8]), flags: u32) -> Result<Removed> {
        ask_removed!(self, rename(from.0, Str::new(from.1), to.0, Str::new(to.1), flags))
    }

    /// Opens a regular file.
    pub fn open(&self, node: u64, flags: u32) -> Result<File<'_, T>> {
        let mut opened = Opened::empty();
        let out = OpenedOut(&raw mut opened);
        ask!(self, call_unit, open(node, flags, out))?;
        Ok(File::new(self, node, opened.handle))
    }

    /// The whole content of a file, opened for it.
    pub fn read(&self, node: u64) -> Result<Vec<u8>> {
        let file = self.open(node, crate::open::O_RDONLY)?;
        let (mut content, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            let got = file.read_at(content.len() as u64, &mut chunk)?;
            if got == 0 {
                return Ok(content);
            }
            content.extend_from_slice(&chunk[..got]);
        }
    }

    /// Where a file's content lies, at most 16 extents, and the pin.
    pub fn map_extents(&self, node: u64, offset: u64, len: u64) -> Result<(Vec<Extent>, u64)> {
        let (mut extents, mut pin) = ([Extent::default(); EXTENTS], 0);
        let first = extents.as_mut_ptr();
        let stride = size_of::<Extent>() as u32;
        let count =
            ask!(self, call, map_extents(node, offset, len, first, EXTENTS as u32, stride, &mut pin))?;
        demand(count <= EXTENTS as u64, format_args!("map_extents answered {count} of {EXTENTS} extents"));
        let extents = extents[..count as usize].to_vec();
        let (mut next, end) = (offset, offset.saturating_add(len));
        for extent in &extents {
            let ordered =
                extent.file_offset == next && extent.len_bytes > 0 && extent.len_bytes <= end - next;
            demand(ordered, format_args!("map_extents left the range {offset}..{end} by {extent:?}"));
            next += extent.len_bytes;
            let medium = self.device.as_ref().map_or(0, Device::len_bytes);
            let inside = extent.medium_offset.checked_add(extent.len_bytes).is_some_and(|end| end <= medium);
            demand(inside, format_args!("map_extents left the medium of {medium} bytes by {extent:?}"));
        }
        Ok((extents, pin))
    }

    /// Which parts of the medium are free, from a byte of it on, at most 16 extents.
    pub fn free_extents(&self, offset: u64) -> Result<Vec<Extent>> {
        let mut extents = [Extent::default(); EXTENTS];
        let first = extents.as_mut_ptr();
        let stride = size_of::<Extent>() as u32;
        let count = ask!(self, call, free_extents(offset, first, EXTENTS as u32, stride))?;
        demand(count <= EXTENTS as u64, format_args!("free_extents answered {count} of {EXTENTS} extents"));
        let (mut next, medium) = (offset, self.device.as_ref().map_or(0, Device::len_bytes));
        for extent in &extents[..count as usize] {
            let end = extent.medium_offset.checked_add(extent.len_bytes).filter(|end| *end <= medium);
            let fits = extent.medium_offset >= next && extent.len_bytes > 0 && extent.file_offset == 0;
            demand(fits && end.is_some(), format_args!("free_extents answered {extent:?} from {offset} on"));
            next = end.unwrap_or(next);
        }
        Ok(extents[..count as usize].to_vec())
    }

    /// Lets a pin go.
    pub fn unpin(&self, node: u64, pin: u64) {
        // SAFETY: `fs` is what `mount` stored and is not ended.
        let _ = call_unit(|| unsafe {
            slot!(self.ops, unpin)(self.fs, node, pin);
            0
        });
    }

    /// Sizes of the volume.
    pub fn statfs(&self) -> Result<StatFs> {
        let mut sizes = StatFs::empty();
        let out = StatFsOut(&raw mut sizes);
        ask!(self, call_unit, statfs(out)).map(|()| sizes)
    }

    /// Brings everything to the medium.
    pub fn sync(&self) -> Result<()> {
        ask!(self, call_unit, sync())
    }

    /// Changes flags (`MOUNT_*`) and options.
    pub fn remount(&self, flags: u32, options: &[(&str, Value<'_>)]) -> Result<()> {
        with_args(self.device.as_ref(), flags, options, |args| ask!(self, call_unit, remount(args)))
    }

    /// Brings a directory to the medium.
    pub fn fsync_dir(&self, node: u64) -> Result<()> {
        ask!(self, call_unit, fsync(node, 0, 0))
    }

    /// Copies an extended attribute's value.
    pub fn getxattr(&self, node: u64, name: &[u8]) -> Result<Vec<u8>> {
        let len = ask!(self, call, getxattr(node, Str::new(name), std::ptr::null_mut(), 0))?;
        let mut value = vec![0; len as usize];
        let len = ask!(self, call, getxattr(node, Str::new(name), value.as_mut_ptr(), value.len()))?;
        demand(len <= value.len() as u64, "getxattr answered more than its own length");
        value.truncate(len as usize);
        Ok(value)
    }

    /// Sets an extended attribute.
    pub fn setxattr(&self, node: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        ask!(self, call_unit, setxattr(node, Str::new(name), Str::new(value), flags))
    }

    /// Names of the extended attributes, each ended by a NUL.
    pub fn listxattr(&self, node: u64) -> Result<Vec<u8>> {
        let len = ask!(self, call, listxattr(node, std::ptr::null_mut(), 0))?;
        let mut names = vec![0; len as usize];
        let len = ask!(self, call, listxattr(node, names.as_mut_ptr(), names.len()))?;
        demand(len <= names.len() as u64, "listxattr answered more than its own length");
        names.truncate(len as usize);
        Ok(names)
    }

    /// Takes an extended attribute away.
    pub fn removexattr(&self, node: u64, name: &[u8]) -> Result<()> {
        ask!(self, call_unit, removexattr(node, Str::new(name)))
    }

    /// Ends the volume and tells how that went.
    pub fn unmount(self) -> Result<()> {
        std::mem::ManuallyDrop::new(self).end()
    }

    /// Ends the volume. Called once, by `unmount` or by `drop`.
    fn end(&mut self) -> Result<()> {
        let outcome = ask!(self, call_unit, unmount());
        self.device = None;
        outcome
    }
}

impl<T: FileSystem> Drop for Mounted<T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Another panic of the driver would now end the process, and hide the first.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.end()));
        } else {
            let _ = self.end();
        }
    }
}
