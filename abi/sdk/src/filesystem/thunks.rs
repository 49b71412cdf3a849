//! The table of C functions made from the trait.

use std::ffi::c_void;
use std::ops::ControlFlow;

use nxvfs_abi::filesystem::*;
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Errno, Extent, Grow, Str, grow};

use super::{Check, Emit, FileSystem, Mount};
use crate::guard::{self, run, unit};

/// The table of a file system type.
pub const fn table<T: FileSystem>() -> FileSystemOps {
    FileSystemOps {
        size: size_of::<FileSystemOps>() as u32,
        flags: 0,
        probe: Some(probe::<T>),
        mount: Some(mount::<T>),
        unmount: Some(unmount::<T>),
        remount: Some(remount::<T>),
        statfs: Some(statfs::<T>),
        sync: Some(sync::<T>),
        format: Some(format::<T>),
        check: Some(check::<T>),
        lookup: Some(lookup::<T>),
        forget: Some(forget::<T>),
        getattr: Some(getattr::<T>),
        setattr: Some(setattr::<T>),
        readlink: Some(readlink::<T>),
        symlink: Some(symlink::<T>),
        link: Some(link::<T>),
        mknod: Some(mknod::<T>),
        mkdir: Some(mkdir::<T>),
        unlink: Some(unlink::<T>),
        rmdir: Some(rmdir::<T>),
        rename: Some(rename::<T>),
        create: Some(create::<T>),
        readdir: Some(readdir::<T>),
        open: Some(open::<T>),
        release: Some(release::<T>),
        read: Some(read::<T>),
        write: Some(write::<T>),
        flush: Some(flush::<T>),
        fsync: Some(fsync::<T>),
        fallocate: Some(fallocate::<T>),
        seek: Some(seek::<T>),
        getxattr: Some(getxattr::<T>),
        setxattr: Some(setxattr::<T>),
        listxattr: Some(listxattr::<T>),
        removexattr: Some(removexattr::<T>),
        ioctl: Some(ioctl::<T>),
        map_extents: Some(map_extents::<T>),
        unpin: Some(unpin::<T>),
        free_extents: Some(free_extents::<T>),
    }
}

// The functions below are called by the host only, which keeps the contract of each slot: `fs` is what `mount`
// stored and is not ended, `handle` is what `open` stored and is not released, names and buffers are valid for the
// call. Each SAFETY comment that says "by the contract" leans on that.

/// # Safety
/// `fs` is what `mount::<T>` stored, and `unmount` has not been called.
#[inline]
unsafe fn volume<'a, T>(fs: *mut c_void) -> &'a T {
    // SAFETY: the caller's.
    unsafe { &*fs.cast::<T>() }
}

/// # Safety
/// `handle` is what `open` or `create` stored for this type, and is not released.
#[inline]
unsafe fn opened<'a, F>(handle: u64) -> &'a F {
    // SAFETY: the caller's.
    unsafe { &*(handle as *const F) }
}

/// # Safety
/// As [`opened`], or `handle` is 0.
#[inline]
unsafe fn maybe_opened<'a, F>(handle: u64) -> Option<&'a F> {
    // SAFETY: the caller's.
    (handle != 0).then(|| unsafe { opened(handle) })
}

fn boxed<F>(file: F) -> Opened {
    Opened { handle: Box::into_raw(Box::new(file)) as u64, ..Grow::empty() }
}

/// Writes one thunk: an `extern "C"` function that turns its arguments into safe ones and guards the call.
macro_rules! thunk {
    ($name:ident($($arg:ident: $ty:ty),*) -> $ret:ty, $guard:ident, |$ctx:ident, $fs:ident| $body:expr) => {
        unsafe extern "C" fn $name<T: FileSystem>(fs: *mut c_void, ctx: CtxIn, $($arg: $ty),*) -> $ret {
            $guard(|| {
                // SAFETY: by the contract.
                let ($ctx, $fs) = unsafe { (guard::ctx(ctx)?, volume::<T>(fs)) };
                // SAFETY: by the contract.
                unsafe { $body }
            })
        }
    };
}

unsafe extern "C" fn probe<T: FileSystem>(
    _module: *mut c_void,
    ctx: CtxIn,
    args: MountArgsIn,
    out: ProbeInfoOut,
) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let (ctx, mount) = unsafe { (guard::ctx(ctx)?, Mount::new(args)?) };
        let mut info = ProbeInfo::empty();
        if let Some(found) = T::probe(&ctx, &mount)? {
            let mut len = found.label.len().min(info.label.len());
            while !found.label.is_char_boundary(len) {
                len -= 1;
            }
            info.label[..len].copy_from_slice(&found.label.as_bytes()[..len]);
            info = ProbeInfo {
                score: found.score,
                volume_bytes: found.volume_bytes,
                label_len: len as u32,
                ..info
            };
        }
        // SAFETY: by the contract.
        unsafe { grow::fill(out.0, &info) };
        Ok(())
    })
}

unsafe extern "C" fn format<T: FileSystem>(_module: *mut c_void, ctx: CtxIn, args: MountArgsIn) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let (ctx, mount) = unsafe { (guard::ctx(ctx)?, Mount::new(args)?) };
        T::format(&ctx, &mount)
    })
}

unsafe extern "C" fn check<T: FileSystem>(
    _module: *mut c_void,
    ctx: CtxIn,
    args: MountArgsIn,
    emit: EmitFinding,
    arg: *mut c_void,
) -> i64 {
    run(|| {
        // SAFETY: by the contract.
        let (ctx, mount) = unsafe { (guard::ctx(ctx)?, Mount::new(args)?) };
        let emit = emit.0.ok_or(Errno::EFAULT)?;
        // SAFETY: by the contract `emit` takes findings with this argument until the call returns.
        let mut send = |finding: &Finding| unsafe { emit(arg, FindingIn(finding)) == 0 };
        let mut check = Check { emit: &mut send, left: 0 };
        T::check(&ctx, &mount, &mut check)?;
        Ok(check.left)
    })
}

unsafe extern "C" fn mount<T: FileSystem>(
    _module: *mut c_void,
    ctx: CtxIn,
    args: MountArgsIn,
    fs: *mut *mut c_void,
    info: MountInfoOut,
    root: AttrOut,
) -> i32 {
    unit(|| {
        // SAFETY: by the contract.
        let (ctx, mount) = unsafe { (guard::ctx(ctx)?, Mount::new(args)?) };
        let (value, volume) = T::mount(&ctx, &mount)?;
        let wire = MountInfo {
            flags: volume.flags,
            root: volume.root,
            name_max_bytes: volume.name_max_bytes,
            magic: volume.magic,
            ..Grow::empty()
        };
        // SAFETY: by the contract.
        unsafe {
            guard::store(fs, value)?;
            grow::fill(info.0, &wire);
            grow::fill(root.0, &volume.attr);
        }
        Ok(())
    })
}

unsafe extern "C" fn unmount<T: FileSystem>(fs: *mut c_void, ctx: CtxIn) -> i32 {
    unit(|| {
        // SAFETY: by the contract: this is the last call, so the value is ours again.
        let (ctx, value) = unsafe { (guard::ctx(ctx), Box::from_raw(fs.cast::<T>())) };
        value.unmount(&ctx?)
    })
}

thunk!(remount(args: MountArgsIn) -> i32, unit, |ctx, fs| fs.remount(&ctx, &Mount::new(args)?));
thunk!(statfs(out: StatFsOut) -> i32, unit, |ctx, fs| {
    grow::fill(out.0, &fs.statfs(&ctx)?);
    Ok(())
});
thunk!(lookup(dir: u64, name: Str, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    match fs.lookup(&ctx, dir, guard::bytes(name)?) {
        Ok(found) => found.fill(entry, attr),
        Err(fail) if fail.errno() == Errno::ENOENT => {
            // Node 0: the host may remember that there is no such name.
            grow::fill(entry.0, &Entry { valid_ns: fs.absent_valid_ns(), ..Grow::empty() });
        }
        Err(fail) => return Err(fail),
    }
    Ok(())
});

unsafe extern "C" fn sync<T: FileSystem>(fs: *mut c_void, ctx: CtxIn) -> i32 {
    // SAFETY: by the contract.
    unit(|| unsafe { volume::<T>(fs).sync(&guard::ctx(ctx)?) })
}

unsafe extern "C" fn forget<T: FileSystem>(fs: *mut c_void, node: u64, count: u64) {
    unit(|| {
        // SAFETY: by the contract.
        unsafe { volume::<T>(fs) }.forget(node, count);
        Ok(())
    });
}

thunk!(getattr(node: u64, attr: AttrOut) -> i32, unit, |ctx, fs| {
    grow::fill(attr.0, &fs.getattr(&ctx, node)?);
    Ok(())
});
thunk!(setattr(node: u64, set: SetAttrIn, attr: AttrOut) -> i32, unit, |ctx, fs| {
    grow::fill(attr.0, &fs.setattr(&ctx, node, &guard::sent(set.0)?)?);
    Ok(())
});
thunk!(readlink(node: u64, buf: *mut u8, len: usize) -> i64, run, |ctx, fs| {
    Ok(fs.readlink(&ctx, node, guard::buffer_mut(buf, len)?)? as i64)
});
thunk!(symlink(dir: u64, name: Str, target: Str, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    fs.symlink(&ctx, dir, guard::bytes(name)?, guard::bytes(target)?)?.fill(entry, attr);
    Ok(())
});
thunk!(link(node: u64, dir: u64, name: Str, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    fs.link(&ctx, node, dir, guard::bytes(name)?)?.fill(entry, attr);
    Ok(())
});
thunk!(mknod(dir: u64, name: Str, mode: u32, rdev: u64, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    fs.mknod(&ctx, dir, guard::bytes(name)?, mode, rdev)?.fill(entry, attr);
    Ok(())
});
thunk!(mkdir(dir: u64, name: Str, mode: u32, entry: EntryOut, attr: AttrOut) -> i32, unit, |ctx, fs| {
    fs.mkdir(&ctx, dir, guard::bytes(name)?, mode)?.fill(entry, attr);
    Ok(())
});
thunk!(unlink(dir: u64, name: Str, out: RemovedOut) -> i32, unit, |ctx, fs| {
    grow::fill(out.0, &fs.unlink(&ctx, dir, guard::bytes(name)?)?);
    Ok(())
});
thunk!(rmdir(dir: u64, name: Str, out: RemovedOut) -> i32, unit, |ctx, fs| {
    grow::fill(out.0, &fs.rmdir(&ctx, dir, guard::bytes(name)?)?);
    Ok(())
});
thunk!(
    rename(dir: u64, name: Str, new_dir: u64, new_name: Str, flags: u32, out: RemovedOut) -> i32,
    unit,
    |ctx, fs| {
        let (name, new_name) = (guard::bytes(name)?, guard::bytes(new_name)?);
        grow::fill(out.0, &fs.rename(&ctx, dir, name, new_dir, new_name, flags)?);
        Ok(())
    }
);
thunk!(
    create(dir: u64, name: Str, mode: u32, flags: u32, entry: EntryOut, attr: AttrOut, out: OpenedOut) -> i32,
    unit,
    |ctx, fs| {
        let (found, file) = fs.create(&ctx, dir, guard::bytes(name)?, mode, flags)?;
        found.fill(entry, attr);
        grow::fill(out.0, &boxed(file));
        Ok(())
    }
);
thunk!(readdir(dir: u64, cookie: u64, emit: EmitEntry, arg: *mut c_void) -> i32, unit, |ctx, fs| {
    let emit = emit.0.ok_or(Errno::EFAULT)?;
    let mut send = |entry: &DirEntry| emit(arg, DirEntryIn(entry)) == 0;
    fs.readdir(&ctx, dir, cookie, &mut Emit { emit: &mut send })
});
thunk!(open(node: u64, flags: u32, out: OpenedOut) -> i32, unit, |ctx, fs| {
    let file = match fs.open(&ctx, node, flags) {
        // The slot's default, made here: a host that made it would hand handle 0 to `read`.
        Err(fail) if fail.errno() == Errno::ENOSYS => T::File::default(),
        opened => opened?,
    };
    grow::fill(out.0, &boxed(file));
    Ok(())
});
thunk!(release(node: u64, handle: u64) -> i32, unit, |ctx, fs| {
    if handle == 0 {
        return Ok(());
    }
    fs.release(&ctx, node, &*Box::from_raw(handle as *mut T::File))
});
thunk!(read(node: u64, handle: u64, offset: u64, buf: *mut u8, len: usize) -> i64, run, |ctx, fs| {
    Ok(fs.read(&ctx, node, opened(handle), offset, guard::buffer_mut(buf, len)?)? as i64)
});
thunk!(
    write(node: u64, handle: u64, offset: u64, buf: *const u8, len: usize, flags: u32) -> i64,
    run,
    |ctx, fs| Ok(fs.write(&ctx, node, opened(handle), offset, guard::buffer(buf, len)?, flags)? as i64)
);
thunk!(flush(node: u64, handle: u64) -> i32, unit, |ctx, fs| fs.flush(&ctx, node, opened(handle)));
thunk!(fsync(node: u64, handle: u64, data_only: u32) -> i32, unit, |ctx, fs| {
    fs.fsync(&ctx, node, maybe_opened(handle), data_only != 0)
});
thunk!(fallocate(node: u64, handle: u64, mode: u32, offset: u64, len: u64) -> i32, unit, |ctx, fs| {
    fs.fallocate(&ctx, node, opened(handle), mode, offset, len)
});
thunk!(seek(node: u64, handle: u64, offset: u64, whence: u32) -> i64, run, |ctx, fs| {
    i64::try_from(fs.seek(&ctx, node, opened(handle), offset, whence)?).map_err(|_| Errno::EOVERFLOW.into())
});
thunk!(getxattr(node: u64, name: Str, buf: *mut u8, len: usize) -> i64, run, |ctx, fs| {
    Ok(fs.getxattr(&ctx, node, guard::bytes(name)?, guard::buffer_mut(buf, len)?)? as i64)
});
thunk!(setxattr(node: u64, name: Str, value: Str, flags: u32) -> i32, unit, |ctx, fs| {
    fs.setxattr(&ctx, node, guard::bytes(name)?, guard::bytes(value)?, flags)
});
thunk!(listxattr(node: u64, buf: *mut u8, len: usize) -> i64, run, |ctx, fs| {
    Ok(fs.listxattr(&ctx, node, guard::buffer_mut(buf, len)?)? as i64)
});
thunk!(removexattr(node: u64, name: Str) -> i32, unit, |ctx, fs| {
    fs.removexattr(&ctx, node, guard::bytes(name)?)
});
thunk!(ioctl(node: u64, handle: u64, command: u32, arg: usize, arg_size: usize) -> i64, run, |ctx, fs| {
    fs.ioctl(&ctx, node, maybe_opened(handle), command, &mut crate::IoctlArg::new(arg, arg_size))
});
thunk!(
    map_extents(
        node: u64, offset: u64, len: u64, extents: *mut Extent, capacity: u32, stride: u32, pin: *mut u64
    ) -> i64,
    run,
    |ctx, fs| {
        let mut count = 0_u32;
        let mut push = |extent: Extent| {
            if count >= capacity {
                return ControlFlow::Break(());
            }
            extents.byte_add(count as usize * stride as usize).write(extent);
            count += 1;
            if count == capacity { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let token = fs.map_extents(&ctx, node, offset, len, &mut push)?;
        if !pin.is_null() {
            pin.write(token);
        }
        Ok(i64::from(count))
    }
);
thunk!(
    free_extents(offset: u64, extents: *mut Extent, capacity: u32, stride: u32) -> i64,
    run,
    |ctx, fs| {
        let mut count = 0_u32;
        let mut push = |extent: Extent| {
            if count >= capacity {
                return ControlFlow::Break(());
            }
            extents.byte_add(count as usize * stride as usize).write(extent);
            count += 1;
            if count == capacity { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        fs.free_extents(&ctx, offset, &mut push)?;
        Ok(i64::from(count))
    }
);

unsafe extern "C" fn unpin<T: FileSystem>(fs: *mut c_void, node: u64, pin: u64) {
    unit(|| {
        // SAFETY: by the contract.
        unsafe { volume::<T>(fs) }.unpin(node, pin);
        Ok(())
    });
}
