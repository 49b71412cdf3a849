//! Whole volumes: mount, probe, format, check.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use nxvfs_abi::filesystem::*;
use nxvfs_abi::plugin::KIND_FILESYSTEM;
use nxvfs_abi::types::{CtxIn, mode};
use nxvfs_abi::{Ctx, Grow, Str, grow};

use super::{Volume, VolumeInfo};
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::bridge::frame::Frame;
use crate::bridge::instance::{Instance, absent_is};
use crate::bridge::module::{Driver, Module, Ops};
use crate::bridge::params::{self, WireParam};

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

fn table<'m>(module: &'m Module, driver: &str) -> Result<(&'m Driver, FileSystemOps)> {
    let driver = module.driver(KIND_FILESYSTEM, driver).ok_or(Errno::ENODEV)?;
    match driver.ops {
        Ops::FileSystem(ops) => Ok((driver, ops)),
        _ => Err(Errno::ENODEV.into()),
    }
}

/// Lends a request in the contract's form for one call.
fn lend<R>(request: &MountRequest<'_>, use_it: impl FnOnce(MountArgsIn) -> R) -> R {
    params::lend(request.params, |first, count, stride| {
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
        use_it(MountArgsIn(&args))
    })
}

/// Makes one call that no volume exists for yet.
fn module_call(
    module: &Module,
    request: &MountRequest<'_>,
    ctx: &Ctx,
    call: impl FnOnce(*mut c_void, CtxIn, MountArgsIn) -> i64,
) -> Result<u64> {
    let (result, panicked) = lend(request, |args| Frame::run(|| call(module.raw(), CtxIn(ctx), args)));
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
        device: request.device,
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

impl Volume {
    /// Changes flags and options of the volume. Errors: ENOTSUP if the file system knows nothing of it, and its own.
    pub fn remount(&self, request: &MountRequest<'_>, ctx: &Ctx) -> Result<()> {
        let remount = self.ops.remount.ok_or(Errno::ENOTSUP)?;
        let answer = lend(request, |args| {
            // SAFETY: every pointer is valid until the call returns.
            self.instance.call(ctx, |fs, ctx| i64::from(unsafe { remount(fs, ctx, args) }))
        });
        absent_is(answer, Errno::ENOTSUP).map(drop)
    }
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
