//! What is done with a whole volume: mount, probe, format, check.

use std::ffi::c_void;

use nxvfs_abi::filesystem::*;
use nxvfs_abi::types::CtxIn;
use nxvfs_abi::{Grow, Str, grow};

use super::services::{call, call_unit};
use super::{Device, Mounted, Result, Value, ctx, demand, param_fields, slot, with_params};
use crate::FileSystem;
use crate::filesystem::table;

/// One finding of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `FINDING_*`.
    pub severity: u32,
    /// Where on the medium, or `u64::MAX`.
    pub medium_offset: u64,
    /// Path within the volume, or empty.
    pub path: String,
    /// What is wrong.
    pub text: String,
}

/// What a probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// 1 to 100.
    pub score: u32,
    /// Bytes of the volume, or 0.
    pub volume_bytes: u64,
    /// The label.
    pub label: String,
}

/// Lends the arguments of a mount, a probe, a format or a check.
pub(super) fn with_args<R>(
    device: Option<&Device>,
    flags: u32,
    options: &[(&str, Value<'_>)],
    body: impl FnOnce(MountArgsIn) -> R,
) -> R {
    with_params(options, |params| {
        let (params, param_count, param_stride) = param_fields(params);
        let read_only = device.is_some_and(Device::is_read_only);
        let args = MountArgs {
            flags: flags | if read_only { MOUNT_RDONLY } else { 0 },
            device: device.map_or(0, Device::token),
            mount: 1,
            source: Str::new(b"/dev/fake0"),
            params,
            param_count,
            param_stride,
            ..Grow::empty()
        };
        body(MountArgsIn(&args))
    })
}

/// Mounts a volume: `device` is a [`Device`], or `None` for a file system that needs none.
pub fn mount<'d, T: FileSystem>(
    device: impl Into<Option<&'d Device>>,
    options: &[(&str, Value<'_>)],
) -> Result<Mounted<T>> {
    let (device, ops, ctx) = (device.into(), table::<T>(), ctx());
    let mut fs = std::ptr::null_mut();
    let (mut info, mut root_attr) = (MountInfo::empty(), Attr::empty());
    with_args(device, 0, options, |args| {
        let (info, attr) = (MountInfoOut(&raw mut info), AttrOut(&raw mut root_attr));
        // SAFETY: every pointer is valid for the call; the table is the SDK's.
        call_unit(|| unsafe {
            slot!(ops, mount)(std::ptr::null_mut(), CtxIn(&ctx), args, &mut fs, info, attr)
        })
    })?;
    demand(info.root != 0, "the root's node is 0");
    demand(root_attr.file_type() == crate::mode::S_IFDIR, "the root is not a directory");
    Ok(Mounted::new(ops, fs, info, root_attr, device.cloned()))
}

/// Asks whether the device holds such a file system.
pub fn probe<'d, T: FileSystem>(
    device: impl Into<Option<&'d Device>>,
    options: &[(&str, Value<'_>)],
) -> Result<Option<Probed>> {
    let (ops, ctx, mut info) = (table::<T>(), ctx(), ProbeInfo::empty());
    with_args(device.into(), 0, options, |args| {
        let out = ProbeInfoOut(&raw mut info);
        // SAFETY: every pointer is valid for the call.
        call_unit(|| unsafe { slot!(ops, probe)(std::ptr::null_mut(), CtxIn(&ctx), args, out) })
    })?;
    demand(info.score <= 100, format_args!("a score of {}", info.score));
    let label = String::from_utf8_lossy(&info.label[..info.label_len as usize]).into_owned();
    Ok((info.score != 0).then_some(Probed { score: info.score, volume_bytes: info.volume_bytes, label }))
}

/// Makes an empty file system on the device.
pub fn format<'d, T: FileSystem>(
    device: impl Into<Option<&'d Device>>,
    options: &[(&str, Value<'_>)],
) -> Result<()> {
    let (ops, ctx) = (table::<T>(), ctx());
    with_args(device.into(), 0, options, |args| {
        // SAFETY: every pointer is valid for the call.
        call_unit(|| unsafe { slot!(ops, format)(std::ptr::null_mut(), CtxIn(&ctx), args) })
    })
}

/// Examines an unmounted volume: how many errors and warnings are left, and all findings.
pub fn check<'d, T: FileSystem>(
    device: impl Into<Option<&'d Device>>,
    options: &[(&str, Value<'_>)],
) -> Result<(u64, Vec<Finding>)> {
    examine::<T>(device.into(), 0, options)
}

/// As [`check`], and repairs the safe cases.
pub fn repair<'d, T: FileSystem>(
    device: impl Into<Option<&'d Device>>,
    options: &[(&str, Value<'_>)],
) -> Result<(u64, Vec<Finding>)> {
    examine::<T>(device.into(), MOUNT_REPAIR, options)
}

fn examine<T: FileSystem>(
    device: Option<&Device>,
    flags: u32,
    options: &[(&str, Value<'_>)],
) -> Result<(u64, Vec<Finding>)> {
    let (ops, ctx, mut findings) = (table::<T>(), ctx(), Vec::new());
    let arg = (&raw mut findings).cast();
    let left = with_args(device, flags, options, |args| {
        let emit = EmitFinding(Some(take_finding));
        // SAFETY: every pointer is valid for the call; `arg` is the list that `take_finding` expects.
        call(|| unsafe { slot!(ops, check)(std::ptr::null_mut(), CtxIn(&ctx), args, emit, arg) })
    })?;
    Ok((left, findings))
}

unsafe extern "C" fn take_finding(arg: *mut c_void, finding: FindingIn) -> i32 {
    // SAFETY: `examine` passes its list, which nobody else uses during the call; the SDK passes a valid finding.
    unsafe {
        let findings = &mut *arg.cast::<Vec<Finding>>();
        if let Some(finding) = grow::read(finding.0) {
            let text = |s: Str| String::from_utf8_lossy(s.bytes().unwrap_or(b"")).into_owned();
            findings.push(Finding {
                severity: finding.severity,
                medium_offset: finding.medium_offset,
                path: text(finding.path),
                text: text(finding.text),
            });
        }
    }
    0
}
