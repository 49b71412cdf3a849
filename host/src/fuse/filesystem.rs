//! Each request of the kernel, answered by the [`Door`].

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use fuser::{
    BsdFileFlags, CopyFileRangeFlags, Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo,
    InitFlags, IoctlFlags, KernelConfig, LockOwner, OpenFlags, PollEvents, PollFlags, PollNotifier,
    RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty,
    ReplyEntry, ReplyIoctl, ReplyLseek, ReplyOpen, ReplyPoll, ReplyStatfs, ReplyWrite, ReplyXattr, Request,
    TimeOrNow, WriteFlags,
};

use super::attributes::Wanted;
use super::door::Door;
use super::names::Told;
use crate::base::Error;
use crate::base::sync::Arc;

/// Numbers are never used twice while the kernel knows them.
const GENERATION: Generation = Generation(0);

/// The door, as the library for FUSE calls it.
pub(super) struct Served(pub(super) Arc<Door>);

fn errno(error: Error) -> Errno {
    log::debug!("{error}");
    Errno::from_i32(error.errno().get())
}

/// Sends the answer of a request that makes or finds a name.
fn tell(reply: ReplyEntry, told: crate::Result<Told>) {
    match told {
        Ok(told) => reply.entry_with_ttls(&told.attr_valid, &told.name_valid, &told.attr, GENERATION),
        Err(e) => reply.error(errno(e)),
    }
}

/// Sends the answer of a request that only succeeds or fails.
fn done(reply: ReplyEmpty, done: crate::Result<()>) {
    match done {
        Ok(()) => reply.ok(),
        Err(e) => reply.error(errno(e)),
    }
}

/// Sends bytes of which the kernel may only want the length.
fn sized(reply: ReplyXattr, size: u32, bytes: crate::Result<Vec<u8>>) {
    match bytes {
        Ok(bytes) if size == 0 => reply.size(bytes.len() as u32),
        Ok(bytes) if bytes.len() > size as usize => reply.error(Errno::ERANGE),
        Ok(bytes) => reply.data(&bytes),
        Err(e) => reply.error(errno(e)),
    }
}

/// A descriptor as the kernel keeps it.
fn handle(fd: u32) -> FileHandle {
    FileHandle(fd.into())
}

fn descriptor(handle: FileHandle) -> u32 {
    handle.0 as u32
}

impl Filesystem for Served {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        let mut wanted = InitFlags::FUSE_ATOMIC_O_TRUNC
            | InitFlags::FUSE_DO_READDIRPLUS
            | InitFlags::FUSE_READDIRPLUS_AUTO
            | InitFlags::FUSE_PARALLEL_DIROPS
            | InitFlags::FUSE_ASYNC_DIO
            | InitFlags::FUSE_CACHE_SYMLINKS
            // Else it asks for an attribute of each file before each write.
            | InitFlags::FUSE_HANDLE_KILLPRIV_V2
            | InitFlags::FUSE_EXPLICIT_INVAL_DATA
            | InitFlags::FUSE_MAX_PAGES;
        if self.0.writeback {
            wanted |= InitFlags::FUSE_WRITEBACK_CACHE;
        }
        // What this kernel does not have it does without.
        for flag in wanted.iter() {
            let _ = config.add_capabilities(flag);
        }
        if let Some(door) = Arc::get_mut(&mut self.0) {
            door.writeback &= config.capabilities().contains(InitFlags::FUSE_WRITEBACK_CACHE);
        }
        const TRANSFER_BYTES: u32 = 1 << 20;
        let _ = config.set_max_write(TRANSFER_BYTES);
        if let Err(most) = config.set_max_readahead(TRANSFER_BYTES) {
            let _ = config.set_max_readahead(most);
        }
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match self.0.find(&self.0.caller(request), parent.0, name.as_bytes()) {
            Ok(Ok(told)) => tell(reply, Ok(told)),
            Ok(Err(valid)) if valid.is_zero() => reply.error(Errno::ENOENT),
            // Number 0 says that there is none, for so long.
            Ok(Err(valid)) => reply.entry(&valid, &super::attributes::nothing(), GENERATION),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn forget(&self, _request: &Request, number: INodeNo, count: u64) {
        self.0.nodes.forget(number.0, count);
    }

    fn getattr(&self, request: &Request, number: INodeNo, _fh: Option<FileHandle>, reply: ReplyAttr) {
        let caller = self.0.caller(request);
        let attributes = self.0.nodes.get(number.0).and_then(|d| self.0.attributes(&caller, number.0, &d));
        match attributes {
            Ok((attr, valid)) => reply.attr(&valid, &attr),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        number: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size_bytes: Option<u64>,
        atime: Option<TimeOrNow>,
        mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _fh: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let wanted = Wanted { mode, uid, gid, size_bytes, atime, mtime };
        match self.0.set_attributes(&self.0.caller(request), number.0, &wanted) {
            Ok((attr, valid)) => reply.attr(&valid, &attr),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn readlink(&self, request: &Request, number: INodeNo, reply: ReplyData) {
        let ctx = self.0.caller(request).ctx();
        match self.0.nodes.get(number.0).and_then(|dentry| dentry.inode().readlink(&ctx)) {
            Ok(target) => reply.data(&target),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn mknod(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        rdev: u32,
        reply: ReplyEntry,
    ) {
        tell(reply, self.0.make_node(&self.0.caller(request), parent.0, name.as_bytes(), mode, rdev));
    }

    fn mkdir(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        tell(reply, self.0.make_directory(&self.0.caller(request), parent.0, name.as_bytes(), mode));
    }

    fn symlink(&self, request: &Request, parent: INodeNo, name: &OsStr, target: &Path, reply: ReplyEntry) {
        let (caller, target) = (self.0.caller(request), target.as_os_str().as_bytes());
        tell(reply, self.0.make_link(&caller, parent.0, name.as_bytes(), target));
    }

    fn link(&self, request: &Request, number: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        tell(reply, self.0.link(&self.0.caller(request), number.0, parent.0, name.as_bytes()));
    }

    fn unlink(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.0.remove(&self.0.caller(request), parent.0, name.as_bytes(), false));
    }

    fn rmdir(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.0.remove(&self.0.caller(request), parent.0, name.as_bytes(), true));
    }

    fn rename(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        let (from, to) = ((parent.0, name.as_bytes()), (new_parent.0, new_name.as_bytes()));
        done(reply, self.0.rename(&self.0.caller(request), from, to, flags.bits()));
    }

    fn open(&self, request: &Request, number: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let caller = self.0.caller(request);
        self.0.open_truly(&caller, number.0, flags.0 as u32, |opened| match opened {
            Ok(opened) => reply.opened(handle(opened.fd), opened.flags),
            Err(e) => reply.error(errno(e)),
        });
    }

    fn create(
        &self,
        request: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let spot = (parent.0, name.as_bytes());
        match self.0.create(&self.0.caller(request), spot, mode, flags as u32) {
            Ok((told, fd)) => {
                let valid = told.name_valid.min(told.attr_valid);
                reply.created(&valid, &told.attr, GENERATION, handle(fd), FopenFlags::FOPEN_KEEP_CACHE);
            }
            Err(e) => reply.error(errno(e)),
        }
    }

    fn read(
        &self,
        _request: &Request,
        _number: INodeNo,
        fh: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.0.read(descriptor(fh), offset, size, |read| match read {
            Ok(bytes) => reply.data(bytes),
            Err(e) => reply.error(errno(e)),
        });
    }

    fn write(
        &self,
        _request: &Request,
        number: INodeNo,
        fh: FileHandle,
        offset: u64,
        data: &[u8],
        write_flags: WriteFlags,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self.0.write(descriptor(fh), offset, data).and_then(|len| {
            if write_flags.contains(WriteFlags::FUSE_WRITE_KILL_SUIDGID) {
                self.0.written_by_others(number.0)?;
            }
            Ok(len)
        });
        match written {
            Ok(len) => reply.written(len as u32),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn flush(
        &self,
        _request: &Request,
        _number: INodeNo,
        fh: FileHandle,
        _owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        done(reply, self.0.flush(descriptor(fh)));
    }

    fn release(
        &self,
        _request: &Request,
        number: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        done(reply, self.0.close(number.0, descriptor(fh)));
    }

    fn fsync(&self, _request: &Request, _number: INodeNo, fh: FileHandle, datasync: bool, reply: ReplyEmpty) {
        done(reply, self.0.task.fsync(descriptor(fh), datasync));
    }

    fn opendir(&self, request: &Request, number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.0.open_directory(&self.0.caller(request), number.0) {
            Ok(fd) => reply.opened(handle(fd), FopenFlags::empty()),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn readdir(
        &self,
        request: &Request,
        number: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let (caller, place) = (self.0.caller(request), (number.0, descriptor(fh)));
        let listed = self.0.list(&caller, place, offset, |_, entry| {
            let name = OsStr::from_bytes(&entry.record.name);
            Ok(!reply.add(INodeNo(entry.number), entry.record.next, entry.kind, name))
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn readdirplus(
        &self,
        request: &Request,
        number: INodeNo,
        fh: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let (caller, place) = (self.0.caller(request), (number.0, descriptor(fh)));
        let listed = self.0.list(&caller, place, offset, |dir, entry| {
            let name = OsStr::from_bytes(&entry.record.name);
            let next = entry.record.next;
            let dots = matches!(&*entry.record.name, b"." | b"..");
            match self.0.look_at(&caller, (number.0, dir), &entry.record.name) {
                Some(told) => {
                    let valid = told.name_valid.min(told.attr_valid);
                    let full = reply.add(told.attr.ino, next, name, &valid, &told.attr, GENERATION);
                    if full {
                        // It was not told after all.
                        self.0.nodes.forget(told.attr.ino.0, 1);
                    }
                    Ok(!full)
                }
                // The kernel does not count these.
                None if dots => {
                    let attr = super::attributes::directory(entry.number);
                    Ok(!reply.add(INodeNo(entry.number), next, name, &Default::default(), &attr, GENERATION))
                }
                None => Ok(true),
            }
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn releasedir(
        &self,
        _request: &Request,
        _number: INodeNo,
        fh: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        done(reply, self.0.close_directory(descriptor(fh)));
    }

    fn fsyncdir(
        &self,
        _request: &Request,
        _number: INodeNo,
        fh: FileHandle,
        datasync: bool,
        reply: ReplyEmpty,
    ) {
        done(reply, self.0.task.fsync(descriptor(fh), datasync));
    }

    fn statfs(&self, request: &Request, number: INodeNo, reply: ReplyStatfs) {
        match self.0.sizes(&self.0.caller(request), number.0) {
            Ok(s) => {
                let (free, available) = (s.blocks_free, s.blocks_available);
                let (block, name_max) = (s.block_size_bytes, s.name_max_bytes);
                reply.statfs(s.blocks, free, available, s.files, s.files_free, block, name_max, block);
            }
            Err(e) => reply.error(errno(e)),
        }
    }

    fn setxattr(
        &self,
        request: &Request,
        number: INodeNo,
        name: &OsStr,
        value: &[u8],
        flags: i32,
        _position: u32,
        reply: ReplyEmpty,
    ) {
        let value = Some((value, flags as u32));
        done(reply, self.0.set_extended(&self.0.caller(request), number.0, name.as_bytes(), value));
    }

    fn getxattr(&self, request: &Request, number: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        sized(reply, size, self.0.extended(&self.0.caller(request), number.0, name.as_bytes()));
    }

    fn listxattr(&self, request: &Request, number: INodeNo, size: u32, reply: ReplyXattr) {
        sized(reply, size, self.0.extended_names(&self.0.caller(request), number.0));
    }

    fn removexattr(&self, request: &Request, number: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        done(reply, self.0.set_extended(&self.0.caller(request), number.0, name.as_bytes(), None));
    }

    fn ioctl(
        &self,
        _request: &Request,
        number: INodeNo,
        fh: FileHandle,
        _flags: IoctlFlags,
        command: u32,
        given: &[u8],
        out_size: u32,
        reply: ReplyIoctl,
    ) {
        let mut arg = given.to_vec();
        arg.resize(given.len().max(out_size as usize), 0);
        match self.0.command(number.0, descriptor(fh), command, &mut arg) {
            Ok(answer) => reply.ioctl(i32::try_from(answer).unwrap_or(i32::MAX), &arg[..out_size as usize]),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn poll(
        &self,
        _request: &Request,
        _number: INodeNo,
        fh: FileHandle,
        notifier: PollNotifier,
        events: PollEvents,
        flags: PollFlags,
        reply: ReplyPoll,
    ) {
        let notify = flags.contains(PollFlags::FUSE_POLL_SCHEDULE_NOTIFY).then_some(notifier);
        match self.0.poll(descriptor(fh), events, notify) {
            Ok(events) => reply.poll(events),
            Err(e) => reply.error(errno(e)),
        }
    }

    fn fallocate(
        &self,
        _request: &Request,
        _number: INodeNo,
        fh: FileHandle,
        offset: u64,
        length: u64,
        mode: i32,
        reply: ReplyEmpty,
    ) {
        done(reply, self.0.task.fallocate(descriptor(fh), mode as u32, offset, length));
    }

    fn lseek(
        &self,
        _request: &Request,
        number: INodeNo,
        fh: FileHandle,
        offset: i64,
        whence: i32,
        reply: ReplyLseek,
    ) {
        self.0.seek_to(number.0, (descriptor(fh), offset, whence), |found| match found {
            Ok(offset) => reply.offset(offset as i64),
            Err(e) => reply.error(errno(e)),
        });
    }

    fn copy_file_range(
        &self,
        _request: &Request,
        _number_in: INodeNo,
        fh_in: FileHandle,
        offset_in: u64,
        _number_out: INodeNo,
        fh_out: FileHandle,
        offset_out: u64,
        len: u64,
        _flags: CopyFileRangeFlags,
        reply: ReplyWrite,
    ) {
        let (from, to) = ((descriptor(fh_in), offset_in), (descriptor(fh_out), offset_out));
        match self.0.copy(from, to, len) {
            Ok(len) => reply.written(len as u32),
            Err(e) => reply.error(errno(e)),
        }
    }
}
