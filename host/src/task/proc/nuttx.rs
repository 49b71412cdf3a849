//! The files of NuttX's `/proc/fs`, in its form (`fs_procfs_mount.c`).

use std::fmt::Write;

use nxvfs_abi::Ctx;
use nxvfs_abi::filesystem::StatFs;

use super::text::word;
use crate::base::Result;
use crate::base::sync::Arc;
use crate::task::Host;
use crate::tree::Mount;

/// The volumes with their paths and sizes; one that does not tell its sizes is left out, as NuttX does.
fn volumes(host: &Host, ctx: &Ctx) -> Vec<(String, Arc<Mount>, StatFs)> {
    let mounts = host.tree().mounts().into_iter();
    let told = mounts.filter_map(|mount| {
        let path = mount.root().map(|root| root.path())?;
        let sizes = mount.statfs(ctx).ok()?;
        Some((word(&String::from_utf8_lossy(&path)), mount, sizes))
    });
    told.collect()
}

pub(super) fn mount(host: &Host, ctx: &Ctx, out: &mut String) -> Result<()> {
    for (path, mount, _) in volumes(host, ctx) {
        let _ = writeln!(out, "  {path} type {}", mount.driver());
    }
    Ok(())
}

pub(super) fn blocks(host: &Host, ctx: &Ctx, out: &mut String) -> Result<()> {
    let volumes = volumes(host, ctx);
    if !volumes.is_empty() {
        out.push_str("  Block    Number\n  Size     Blocks       Used   Available Mounted on\n");
    }
    for (path, _, sizes) in volumes {
        let (size, count, free) = (sizes.block_size_bytes, sizes.blocks, sizes.blocks_available);
        let _ = writeln!(out, "{size:6} {count:10} {:10}  {free:10} {path}", count.saturating_sub(free));
    }
    Ok(())
}

pub(super) fn usage(host: &Host, ctx: &Ctx, out: &mut String) -> Result<()> {
    let volumes = volumes(host, ctx);
    if !volumes.is_empty() {
        out.push_str("  Filesystem    Size      Used  Available Mounted on\n");
    }
    for (path, mount, sizes) in volumes {
        let bytes = |blocks: u64| blocks.saturating_mul(sizes.block_size_bytes.into());
        let (size, free) = (bytes(sizes.blocks), bytes(sizes.blocks_available));
        let (used, used_unit) = scaled(size.saturating_sub(free));
        let ((size, size_unit), (free, free_unit)) = (scaled(size), scaled(free));
        let fs = mount.driver();
        let _ =
            writeln!(out, "  {fs:<10} {size:6}{size_unit} {used:8}{used_unit}  {free:8}{free_unit} {path}");
    }
    Ok(())
}

/// NuttX's choice of a unit: the next one for what is too long, and for what is a multiple of it.
fn scaled(mut bytes: u64) -> (u64, char) {
    let mut units = ['B', 'K', 'M', 'G', 'T'].into_iter();
    let mut unit = units.next().unwrap_or('B');
    while bytes >= 9999 || bytes.is_multiple_of(1024) && bytes != 0 {
        let Some(next) = units.next() else { break };
        unit = next;
        bytes >>= 10;
    }
    (bytes, unit)
}
