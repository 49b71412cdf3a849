//! Calls of a file system.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use nxvfs_abi::filesystem::*;
use nxvfs_abi::ioctl::FIOC_MMAP;
use nxvfs_abi::plugin::KIND_FILESYSTEM;
use nxvfs_abi::types::{CtxIn, mode};
use nxvfs_abi::{Ctx, Extent, Grow, Str, grow};

use super::frame::Frame;
use super::instance::{Instance, absent_is};
use super::module::{Module, Ops};
use super::params::{self, WireParam};
use crate::base::sync::Arc;
use crate::base::{Errno, Error, Result};

/// What a mount, probe, format or check is given.
pub struct MountRequest<'a> {
    /// Driver of the module.
    pub driver: &'a str,
    /// What users know the mount by: its mount point; for probe, format and check the device.
    pub label: &'a str,
    /// What the user named as source.
    pub source: &'a str,
    /// Token of the device, or 0.
    pub device: u64,
    /// Token of the mount, or 0.
    pub mount: u64,
    /// `MOUNT_*` flags.
    pub flags: u32,
    /// The options.
    pub params: &'a [WireParam],
    /// Bytes of the device, which extents must not leave; 0 without a device.
    pub medium_len_bytes: u64,
}

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

/// An entry of a directory, checked.
pub struct DirItem<'a> {
    /// The name: neither empty, nor `.` or `..`, without `/` and NUL.
    pub name: &'a [u8],
    /// The inode's number.
    pub ino: u64,
    /// `S_IFMT` bits, or 0.
    pub file_type: u32,
    /// Where to go on.
    pub next_cookie: u64,
}

/// What a probe found.
pub struct ProbeFound {
    /// 1 to 100.
    pub score: u32,
    /// Bytes of the volume; 0 if not known.
    pub volume_bytes: u64,
    /// The label.
    pub label: String,
}

/// One finding of a check.
pub struct FindingItem {
    /// `FINDING_*`.
    pub severity: u32,
    /// Where on the medium, if anywhere in particular.
    pub medium_offset: Option<u64>,
    /// Path within the volume, or empty.
    pub path: String,
    /// What is wrong.
    pub text: String,
}

/// A mounted volume.
pub struct Volume {
    instance: Instance,
    ops: FileSystemOps,
    info: VolumeInfo,
    medium_len_bytes: u64,
}

fn table<'m>(module: &'m Module, driver: &str) -> Result<(&'m super::Driver, FileSystemOps)> {
    let driver = module.driver(KIND_FILESYSTEM, driver).ok_or(Errno::ENODEV)?;
    match driver.ops {
        Ops::FileSystem(ops) => Ok((driver, ops)),
        _ => Err(Errno::ENODEV.into()),
    }
}

/// Makes one call that no volume exists for yet.
fn module_call(
    module: &Module,
    request: &MountRequest<'_>,
    ctx: &Ctx,
    call: impl FnOnce(*mut c_void, CtxIn, MountArgsIn) -> i64,
) -> Result<u64> {
    let (result, panicked) = params::lend(request.params, |first, count, stride| {
        let args = MountArgs {
            flags: request.flags,
            device: request.device,
            mount: request.mount,
            source: Str::new(request.source.as_bytes()),
            params: first,
            param_count: count,
            param_stride: stride,
            ..Grow::empty()
        };
        Frame::run(|| call(module.raw(), CtxIn(ctx), MountArgsIn(&args)))
    });
    if panicked {
        module.note_panic(request.label);
    }
    result
}

/// Mounts a volume; answers it with its root's attributes.
pub fn mount(module: &Arc<Module>, request: &MountRequest<'_>, ctx: &Ctx) -> Result<(Volume, Attr)> {
    let (driver, ops) = table(module, request.driver)?;
    let mount = ops.mount.ok_or(Errno::ENODEV)?;
    let (mut raw, mut info, mut attr) = (ptr::null_mut(), MountInfo::empty(), Attr::empty());
    module_call(module, request, ctx, |module, ctx, args| {
        let (info, attr) = (MountInfoOut(&raw mut info), AttrOut(&raw mut attr));
        // SAFETY: every pointer is valid until the call returns.
        i64::from(unsafe { mount(module, ctx, args, &raw mut raw, info, attr) })
    })?;
    let name_max_bytes = if info.name_max_bytes == 0 { 255 } else { info.name_max_bytes };
    let volume = Volume {
        instance: Instance::new(module.clone(), raw, request.label.into(), driver.parallel),
        ops,
        info: VolumeInfo { flags: info.flags, root: info.root, name_max_bytes, magic: info.magic },
        medium_len_bytes: request.medium_len_bytes,
    };
    let lie = if info.root == 0 {
        Some("root node 0".to_owned())
    } else if attr.file_type() != mode::S_IFDIR {
        Some(format!("a root of mode {:o}", attr.mode))
    } else {
        None
    };
    if let Some(claim) = lie {
        let _ = volume.unmount(ctx);
        return Err(module.lie("mount", claim));
    }
    Ok((volume, attr))
}

/// Asks whether the device holds such a file system.
pub fn probe(module: &Module, request: &MountRequest<'_>, ctx: &Ctx) -> Result<Option<ProbeFound>> {
    let Some(probe) = table(module, request.driver)?.1.probe else { return Ok(None) };
    let mut out = ProbeInfo::empty();
    let answer = module_call(module, request, ctx, |module, ctx, args| {
        // SAFETY: every pointer is valid until the call returns.
        i64::from(unsafe { probe(module, ctx, args, ProbeInfoOut(&raw mut out)) })
    });
    match answer {
        Err(e) if e.errno() == Errno::ENOSYS => return Ok(None),
        other => other?,
    };
    let label = &out.label[..(out.label_len as usize).min(out.label.len())];
    Ok((out.score > 0).then(|| ProbeFound {
        score: out.score.min(100),
        volume_bytes: out.volume_bytes,
        label: String::from_utf8_lossy(label).into_owned(),
    }))
}

/// Makes an empty file system.
pub fn format(module: &Module, request: &MountRequest<'_>, ctx: &Ctx) -> Result<()> {
    let format = table(module, request.driver)?.1.format.ok_or(Errno::ENOTSUP)?;
    let answer = module_call(module, request, ctx, |module, ctx, args| {
        // SAFETY: every pointer is valid until the call returns.
        i64::from(unsafe { format(module, ctx, args) })
    });
    absent_is(answer, Errno::ENOTSUP).map(drop)
}

/// Examines an unmounted volume; answers how many errors and warnings are left. `emit` answers whether to go on.
pub fn check(
    module: &Module,
    request: &MountRequest<'_>,
    ctx: &Ctx,
    emit: &mut dyn FnMut(FindingItem) -> bool,
) -> Result<u64> {
    type Sink<'a> = &'a mut dyn FnMut(FindingItem) -> bool;

    unsafe extern "C" fn take(arg: *mut c_void, finding: FindingIn) -> i32 {
        let more = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: `arg` is the sink below, which is used by this call alone.
            let emit = unsafe { &mut *arg.cast::<Sink<'_>>() };
            // SAFETY: the plugin vouches for the finding during the call.
            let Some(finding) = (unsafe { grow::read(finding.0) }) else { return true };
            // SAFETY: and for its strings.
            let [path, text] = unsafe { [finding.path.bytes(), finding.text.bytes()] }
                .map(|b| String::from_utf8_lossy(b.unwrap_or(b"")).into_owned());
            let medium_offset = (finding.medium_offset != u64::MAX).then_some(finding.medium_offset);
            emit(FindingItem { severity: finding.severity, medium_offset, path, text })
        }));
        i32::from(!more.unwrap_or(false))
    }

    let check = table(module, request.driver)?.1.check.ok_or(Errno::ENOTSUP)?;
    let mut sink: Sink<'_> = emit;
    let arg = (&raw mut sink).cast();
    let answer = module_call(module, request, ctx, |module, ctx, args| {
        // SAFETY: every pointer is valid until the call returns.
        unsafe { check(module, ctx, args, EmitFinding(Some(take)), arg) }
    });
    absent_is(answer, Errno::ENOTSUP)
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

impl Volume {
    /// The instance.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// What the file system told when it was mounted.
    pub fn info(&self) -> &VolumeInfo {
        &self.info
    }

    /// Ends the volume; no call is under way.
    pub fn unmount(&self, ctx: &Ctx) -> Result<()> {
        let Some(unmount) = self.ops.unmount else { return Ok(()) };
        // SAFETY: the last call.
        let answer = self.instance.end(ctx, |fs, ctx| i64::from(unsafe { unmount(fs, ctx) }));
        match answer {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(()),
            other => other.map(drop),
        }
    }

    fn found(&self, slot: &'static str, entry: &Entry, attr: &Attr) -> Result<FoundNode> {
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

    /// Finds a name.
    pub fn lookup(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Lookup> {
        let Some(lookup) = self.ops.lookup else { return Err(Errno::EIO.into()) };
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        let answer = self.instance.call(ctx, |fs, c| {
            let (entry, attr) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
            // SAFETY: every pointer is valid until the call returns.
            i64::from(unsafe { lookup(fs, c, dir, Str::new(name), entry, attr) })
        });
        match answer {
            Ok(_) if entry.node == 0 => Ok(Lookup::Missing { valid_ns: entry.valid_ns }),
            Ok(_) => self.found("lookup", &entry, &attr).map(Lookup::Found),
            Err(e) if e.errno() == Errno::ENOENT => Ok(Lookup::Missing { valid_ns: 0 }),
            Err(e) => Err(e),
        }
    }

    /// Takes away from a node's count.
    pub fn forget(&self, node: u64, count: u64) {
        if let Some(forget) = self.ops.forget {
            // SAFETY: numbers only.
            self.instance.notify(|fs| unsafe { forget(fs, node, count) });
        }
    }

    /// Attributes; `None` if those of the last answer stand.
    pub fn getattr(&self, ctx: &Ctx, node: u64) -> Result<Option<Attr>> {
        let Some(getattr) = self.ops.getattr else { return Ok(None) };
        let mut attr = Attr::empty();
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: `attr` is valid until the call returns.
            i64::from(unsafe { getattr(fs, c, node, AttrOut(&raw mut attr)) })
        });
        match answer {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(None),
            Err(e) => Err(e),
            Ok(_) => Ok(Some(attr)),
        }
    }

    /// Changes attributes; answers the new ones.
    pub fn setattr(&self, ctx: &Ctx, node: u64, set: &SetAttr) -> Result<Attr> {
        let mut attr = Attr::empty();
        slot!(self, ctx, setattr, absent = EROFS, |fs, c| {
            setattr(fs, c, node, SetAttrIn(set), AttrOut(&raw mut attr))
        });
        Ok(attr)
    }

    /// A link's target, at most `limit` bytes; longer is ENAMETOOLONG.
    pub fn readlink(&self, ctx: &Ctx, node: u64, limit: usize) -> Result<Vec<u8>> {
        let Some(readlink) = self.ops.readlink else { return Err(Errno::EINVAL.into()) };
        let mut target = vec![0; limit];
        let len = absent_is(
            self.instance.call(ctx, |fs, c| {
                // SAFETY: `target` is valid for its length until the call returns.
                unsafe { readlink(fs, c, node, target.as_mut_ptr(), target.len()) }
            }),
            Errno::EINVAL,
        )?;
        if len > limit as u64 {
            return Err(Errno::ENAMETOOLONG.into());
        }
        target.truncate(len as usize);
        if target.contains(&0) {
            return Err(self.instance.lie("readlink", "a target with a NUL byte"));
        }
        Ok(target)
    }

    /// Makes a symbolic link.
    pub fn symlink(&self, ctx: &Ctx, dir: u64, name: &[u8], target: &[u8]) -> Result<FoundNode> {
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        slot!(self, ctx, symlink, absent = EROFS, |fs, c| {
            let (e, a) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
            symlink(fs, c, dir, Str::new(name), Str::new(target), e, a)
        });
        self.found("symlink", &entry, &attr)
    }

    /// Gives a node one more name.
    pub fn link(&self, ctx: &Ctx, node: u64, dir: u64, name: &[u8]) -> Result<FoundNode> {
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        slot!(self, ctx, link, absent = EROFS, |fs, c| {
            link(fs, c, node, dir, Str::new(name), EntryOut(&raw mut entry), AttrOut(&raw mut attr))
        });
        self.found("link", &entry, &attr)
    }

    /// Makes a special node.
    pub fn mknod(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, rdev: u64) -> Result<FoundNode> {
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        slot!(self, ctx, mknod, absent = EROFS, |fs, c| {
            let (e, a) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
            mknod(fs, c, dir, Str::new(name), mode, rdev, e, a)
        });
        self.found("mknod", &entry, &attr)
    }

    /// Makes a directory.
    pub fn mkdir(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32) -> Result<FoundNode> {
        let (mut entry, mut attr) = (Entry::empty(), Attr::empty());
        slot!(self, ctx, mkdir, absent = EROFS, |fs, c| {
            mkdir(fs, c, dir, Str::new(name), mode, EntryOut(&raw mut entry), AttrOut(&raw mut attr))
        });
        self.found("mkdir", &entry, &attr)
    }

    /// Takes a name away.
    pub fn unlink(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        let mut out = Removed::empty();
        slot!(self, ctx, unlink, absent = EROFS, |fs, c| {
            unlink(fs, c, dir, Str::new(name), RemovedOut(&raw mut out))
        });
        Ok(out)
    }

    /// Takes an empty directory away.
    pub fn rmdir(&self, ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Removed> {
        let mut out = Removed::empty();
        slot!(self, ctx, rmdir, absent = EROFS, |fs, c| {
            rmdir(fs, c, dir, Str::new(name), RemovedOut(&raw mut out))
        });
        Ok(out)
    }

    /// Renames.
    pub fn rename(
        &self,
        ctx: &Ctx,
        (dir, name): (u64, &[u8]),
        (new_dir, new_name): (u64, &[u8]),
        flags: u32,
    ) -> Result<Removed> {
        let mut out = Removed::empty();
        slot!(self, ctx, rename, absent = EROFS, |fs, c| {
            let out = RemovedOut(&raw mut out);
            rename(fs, c, dir, Str::new(name), new_dir, Str::new(new_name), flags, out)
        });
        Ok(out)
    }

    /// Makes a regular file and opens it.
    pub fn create(&self, ctx: &Ctx, dir: u64, name: &[u8], mode: u32, flags: u32) -> Result<OpenedNode> {
        let (mut entry, mut attr, mut opened) = (Entry::empty(), Attr::empty(), Opened::empty());
        slot!(self, ctx, create, absent = EROFS, |fs, c| {
            let (e, a) = (EntryOut(&raw mut entry), AttrOut(&raw mut attr));
            create(fs, c, dir, Str::new(name), mode, flags, e, a, OpenedOut(&raw mut opened))
        });
        Ok(OpenedNode { found: self.found("create", &entry, &attr)?, handle: opened.handle })
    }

    /// Opens a regular file; answers the file system's number of the opening.
    pub fn open(&self, ctx: &Ctx, node: u64, flags: u32) -> Result<u64> {
        let Some(open) = self.ops.open else { return Ok(0) };
        let mut opened = Opened::empty();
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: `opened` is valid until the call returns.
            i64::from(unsafe { open(fs, c, node, flags, OpenedOut(&raw mut opened)) })
        });
        match answer {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(0),
            other => other.map(|_| opened.handle),
        }
    }

    /// Ends an opening.
    pub fn release(&self, ctx: &Ctx, node: u64, handle: u64) -> Result<()> {
        let Some(release) = self.ops.release else { return Ok(()) };
        // SAFETY: numbers only.
        nothing_if_absent(self.instance.call(ctx, |fs, c| i64::from(unsafe { release(fs, c, node, handle) })))
    }

    /// Reads; answers how many bytes.
    #[inline]
    pub fn read(&self, ctx: &Ctx, node: u64, handle: u64, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let Some(read) = self.ops.read else { return Err(Errno::EIO.into()) };
        let done = self.instance.call(ctx, |fs, c| {
            // SAFETY: `buf` is valid for its length until the call returns.
            unsafe { read(fs, c, node, handle, offset, buf.as_mut_ptr(), buf.len()) }
        })?;
        self.at_most("read", done, buf.len())
    }

    /// Writes; answers how many bytes.
    pub fn write(
        &self,
        ctx: &Ctx,
        node: u64,
        handle: u64,
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        let Some(write) = self.ops.write else { return Err(Errno::EROFS.into()) };
        let done = self.instance.call(ctx, |fs, c| {
            // SAFETY: `buf` is valid for its length until the call returns.
            unsafe { write(fs, c, node, handle, offset, buf.as_ptr(), buf.len(), flags) }
        });
        self.at_most("write", absent_is(done, Errno::EROFS)?, buf.len())
    }

    #[inline]
    fn at_most(&self, slot: &'static str, done: u64, asked: usize) -> Result<usize> {
        if done > asked as u64 {
            return Err(self.instance.lie(slot, format!("{done} bytes of {asked} asked for")));
        }
        Ok(done as usize)
    }

    /// One descriptor was closed.
    pub fn flush(&self, ctx: &Ctx, node: u64, handle: u64) -> Result<()> {
        let Some(flush) = self.ops.flush else { return Ok(()) };
        // SAFETY: numbers only.
        nothing_if_absent(self.instance.call(ctx, |fs, c| i64::from(unsafe { flush(fs, c, node, handle) })))
    }

    /// Brings one node to the medium.
    pub fn fsync(&self, ctx: &Ctx, node: u64, handle: u64, data_only: bool) -> Result<()> {
        let Some(fsync) = self.ops.fsync else { return self.sync(ctx) };
        let data_only = u32::from(data_only);
        // SAFETY: numbers only.
        match self.instance.call(ctx, |fs, c| i64::from(unsafe { fsync(fs, c, node, handle, data_only) })) {
            Err(e) if e.errno() == Errno::ENOSYS => self.sync(ctx),
            other => other.map(drop),
        }
    }

    /// Brings the whole volume to the medium.
    pub fn sync(&self, ctx: &Ctx) -> Result<()> {
        let Some(sync) = self.ops.sync else { return Ok(()) };
        // SAFETY: nothing but the context crosses.
        nothing_if_absent(self.instance.call(ctx, |fs, c| i64::from(unsafe { sync(fs, c) })))
    }

    /// Reserves, zeroes or frees space.
    pub fn fallocate(
        &self,
        ctx: &Ctx,
        node: u64,
        handle: u64,
        mode: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        slot!(self, ctx, fallocate, absent = ENOTSUP, |fs, c| fallocate(
            fs, c, node, handle, mode, offset, len
        ));
        Ok(())
    }

    /// Finds data or a hole; `None` if the file system does not tell.
    pub fn seek(&self, ctx: &Ctx, node: u64, handle: u64, offset: u64, whence: u32) -> Result<Option<u64>> {
        let Some(seek) = self.ops.seek else { return Ok(None) };
        // SAFETY: numbers only.
        match self.instance.call(ctx, |fs, c| unsafe { seek(fs, c, node, handle, offset, whence) }) {
            Err(e) if e.errno() == Errno::ENOSYS => Ok(None),
            other => other.map(Some),
        }
    }

    /// Emits a directory's entries from `cookie` on; `take` answers whether it wants more. A name that cannot be
    /// ends the listing with EIO; `.` and `..` are passed over.
    pub fn readdir(
        &self,
        ctx: &Ctx,
        dir: u64,
        cookie: u64,
        take: &mut dyn FnMut(DirItem<'_>) -> bool,
    ) -> Result<()> {
        struct Sink<'a> {
            take: &'a mut dyn FnMut(DirItem<'_>) -> bool,
            name_max_bytes: u32,
            lie: Option<String>,
            done: bool,
        }

        unsafe extern "C" fn emit(arg: *mut c_void, entry: DirEntryIn) -> i32 {
            let more = catch_unwind(AssertUnwindSafe(|| {
                // SAFETY: `arg` is the sink below, which is used by this call alone.
                let sink = unsafe { &mut *arg.cast::<Sink<'_>>() };
                if sink.done {
                    return false;
                }
                // SAFETY: the plugin vouches for the entry during the call.
                let entry = unsafe { grow::read(entry.0) };
                // SAFETY: and for its name.
                let name = entry.and_then(|e| unsafe { e.name.bytes() });
                let (Some(entry), Some(name)) = (entry, name) else {
                    sink.lie = Some("an entry that is null".to_owned());
                    return false;
                };
                if name == b"." || name == b".." {
                    return true;
                }
                let bad = name.is_empty()
                    || name.len() > sink.name_max_bytes as usize
                    || name.iter().any(|b| *b == 0 || *b == b'/');
                if bad || entry.next_cookie == 0 || entry.next_cookie >= COOKIE_LIMIT {
                    let shown = String::from_utf8_lossy(&name[..name.len().min(64)]);
                    sink.lie = Some(format!("the name {shown:?} with cookie {:#x}", entry.next_cookie));
                    return false;
                }
                let item = DirItem {
                    name,
                    ino: entry.ino,
                    file_type: entry.file_type & mode::S_IFMT,
                    next_cookie: entry.next_cookie,
                };
                sink.done = !(sink.take)(item);
                !sink.done
            }));
            i32::from(!more.unwrap_or(false))
        }

        let Some(readdir) = self.ops.readdir else { return Err(Errno::EIO.into()) };
        let mut sink = Sink { take, name_max_bytes: self.info.name_max_bytes, lie: None, done: false };
        let arg = (&raw mut sink).cast();
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: the sink lives until the call returns.
            i64::from(unsafe { readdir(fs, c, dir, cookie, EmitEntry(Some(emit)), arg) })
        });
        match sink.lie {
            Some(claim) => Err(self.instance.lie("readdir", claim)),
            None => answer.map(drop),
        }
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

    /// Any command with memory of the host's own.
    pub fn ioctl_bytes(
        &self,
        ctx: &Ctx,
        node: u64,
        handle: u64,
        command: u32,
        arg: &mut [u8],
    ) -> Result<u64> {
        let Some(ioctl) = self.ops.ioctl else { return Err(Errno::ENOTTY.into()) };
        let (at, size) = (arg.as_mut_ptr().expose_provenance(), arg.len());
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: `arg` is valid for its length until the call returns.
            unsafe { ioctl(fs, c, node, handle, command, at, size) }
        });
        absent_is(answer, Errno::ENOTTY)
    }

    /// Whether files of this volume can be mapped in place at all. Asked once, at mount.
    pub fn offers_extents(&self, ctx: &Ctx) -> bool {
        self.offers_map_extents(ctx)
            || self.address_by_ioctl(ctx, self.info.root, 0).is_ok_and(|a| a.is_some())
    }

    /// A file system written in NuttX's way: the address of a file's first byte, by `FIOC_MMAP`. `None` if it does
    /// not know the command; an address of 0 means that it knows it, but this node has none.
    pub fn address_by_ioctl(&self, ctx: &Ctx, node: u64, handle: u64) -> Result<Option<usize>> {
        let mut address = [0; size_of::<usize>()];
        match self.ioctl_bytes(ctx, node, handle, FIOC_MMAP, &mut address) {
            Ok(_) => Ok(Some(usize::from_ne_bytes(address))),
            Err(e) if e.errno() == Errno::ENOTTY => Ok(None),
            // It knows the command and refuses it here: a directory, say.
            Err(_) => Ok(Some(0)),
        }
    }

    fn offers_map_extents(&self, ctx: &Ctx) -> bool {
        let Some(map) = self.ops.map_extents else { return false };
        let (root, mut pin) = (self.info.root, 0);
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: a capacity of 0 extents, so the null pointer is not used.
            unsafe { map(fs, c, root, 0, 0, ptr::null_mut(), 0, size_of::<Extent>() as u32, &raw mut pin) }
        });
        !matches!(answer, Err(e) if e.errno() == Errno::ENOSYS)
    }

    /// Where content lies on the medium, pinned: the extents from `offset` on, which may cover less than `len`, and
    /// the pin. Checked: inside the medium, in order, without gaps, within the range.
    pub fn map_extents(&self, ctx: &Ctx, node: u64, offset: u64, len: u64) -> Result<(Vec<Extent>, u64)> {
        const CAPACITY: usize = 64;
        let Some(map) = self.ops.map_extents else { return Err(Errno::ENOTSUP.into()) };
        let (mut extents, mut pin) = ([Extent::default(); CAPACITY], 0);
        let (first, stride) = (extents.as_mut_ptr(), size_of::<Extent>() as u32);
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: room for `CAPACITY` extents, valid until the call returns.
            unsafe { map(fs, c, node, offset, len, first, CAPACITY as u32, stride, &raw mut pin) }
        });
        let count = absent_is(answer, Errno::ENOTSUP)?;
        if count > CAPACITY as u64 {
            return Err(self.instance.lie("map_extents", format!("{count} extents of {CAPACITY}")));
        }
        let extents = &extents[..count as usize];
        match self.extents_lie(extents, offset, len) {
            None => Ok((extents.to_vec(), pin)),
            Some(claim) => {
                if count > 0 {
                    self.unpin(node, pin);
                }
                Err(self.instance.lie("map_extents", claim))
            }
        }
    }

    /// Records that an address by ioctl cannot be.
    pub fn address_lie(&self, claim: String) -> Error {
        self.instance.lie("ioctl FIOC_MMAP", claim)
    }

    fn extents_lie(&self, extents: &[Extent], offset: u64, len: u64) -> Option<String> {
        let mut at = offset;
        for e in extents {
            let end = e.medium_offset.checked_add(e.len_bytes);
            let inside = end.is_some_and(|end| end <= self.medium_len_bytes);
            let next = at.checked_add(e.len_bytes).filter(|next| next - offset <= len);
            if e.file_offset != at || e.len_bytes == 0 || !inside || next.is_none() {
                return Some(format!(
                    "file offset {} at medium offset {}, {} bytes, for {len} bytes from {offset} on a medium of {} bytes",
                    e.file_offset, e.medium_offset, e.len_bytes, self.medium_len_bytes
                ));
            }
            at = next.unwrap_or(at);
        }
        None
    }

    /// Lets a pin go.
    pub fn unpin(&self, node: u64, pin: u64) {
        if let Some(unpin) = self.ops.unpin {
            // SAFETY: numbers only.
            self.instance.notify(|fs| unsafe { unpin(fs, node, pin) });
        }
    }
}

fn nothing_if_absent(result: Result<u64>) -> Result<()> {
    match result {
        Err(e) if e.errno() == Errno::ENOSYS => Ok(()),
        other => other.map(drop),
    }
}
