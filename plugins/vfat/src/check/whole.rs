//! What concerns the volume as a whole: boot sectors, copies of the table, what belongs to nobody, counts.

use nxvfs_sdk::abi::filesystem::{FINDING_ERROR, FINDING_WARNING};

use super::scan::Scan;
use super::{Report, Step};
use crate::bits::Bits;
use crate::disk::Disk;
use crate::format::boot::{BOOT_BYTES, STATE_DIRTY};
use crate::format::fsinfo::{FSINFO_BYTES, FsInfo, UNKNOWN};
use crate::format::table::Link;
use crate::format::{FIRST_CLUSTER, Layout};

/// Bytes that are compared at a time.
const COMPARE_BYTES: usize = 64 * 1024;

/// The boot sector and its copy.
pub(super) fn boot(disk: &Disk, layout: &Layout, boot: &[u8], report: &mut Report<'_, '_>) -> Step {
    let Some(at) = layout.backup else { return Ok(()) };
    let mut backup = [0; BOOT_BYTES];
    disk.read_meta(at, &mut backup)?;
    // The state is kept in the first only.
    backup[layout.state_at] = boot[layout.state_at];
    let differ = boot.iter().zip(&backup).position(|(a, b)| a != b);
    if let Some(differ) = differ {
        let text = format!(
            "boot sector and its copy differ: found {:#04x}, {:#04x} in the copy",
            boot[differ], backup[differ]
        );
        if report.safe(FINDING_WARNING, at + differ as u64, "", &text)? {
            let mut copy = [0; BOOT_BYTES];
            copy.copy_from_slice(boot);
            copy[layout.state_at] &= !STATE_DIRTY;
            disk.write_meta(at, &copy)?;
        }
    }
    Ok(())
}

/// The copies of the table.
pub(super) fn copies(scan: &Scan<'_>, report: &mut Report<'_, '_>) -> Step {
    let layout = scan.layout;
    if layout.active_fat.is_some() {
        return Ok(());
    }
    for number in 1..layout.fat_count {
        let copy = layout.fat_start + layout.fat_bytes * u64::from(number);
        let mut first = None;
        let (mut a, mut b) = (vec![0; COMPARE_BYTES], vec![0; COMPARE_BYTES]);
        let mut at = 0;
        while at < layout.fat_bytes {
            let len = (layout.fat_bytes - at).min(COMPARE_BYTES as u64) as usize;
            scan.disk.read_meta(layout.fat_start + at, &mut a[..len])?;
            scan.disk.read_meta(copy + at, &mut b[..len])?;
            if let Some(differ) = a[..len].iter().zip(&b[..len]).position(|(a, b)| a != b) {
                first.get_or_insert(copy + at + differ as u64);
                if report.repair {
                    scan.disk.write_meta(copy + at, &a[..len])?;
                }
            }
            at += len as u64;
        }
        if let Some(first) = first {
            let text = format!("copy {} of the file allocation table differs from the first", number + 1);
            report.safe(FINDING_WARNING, first, "", &text)?;
        }
    }
    Ok(())
}

/// Clusters that are in use and belong to no file.
pub(super) fn lost(scan: &mut Scan<'_>, owners: &Bits, report: &mut Report<'_, '_>) -> Step {
    let end = scan.layout.clusters + FIRST_CLUSTER;
    let mut lost = Vec::new();
    for cluster in FIRST_CLUSTER..end {
        let used = !matches!(scan.link(cluster), Link::Free | Link::Bad);
        if used && !owners.has(cluster) {
            lost.push(cluster);
        }
    }
    let Some(first) = lost.first() else { return Ok(()) };
    let text = format!("{} clusters are in use and belong to no file, the first is {first}", lost.len());
    if report.safe(FINDING_WARNING, scan.layout.cluster_start(*first), "", &text)? {
        for cluster in lost {
            scan.set(cluster, 0)?;
        }
    }
    Ok(())
}

/// The free count of a FAT32.
pub(super) fn free_count(scan: &Scan<'_>, report: &mut Report<'_, '_>) -> Step {
    let Some(at) = scan.layout.fsinfo else { return Ok(()) };
    let mut sector = [0; FSINFO_BYTES];
    scan.disk.read_meta(at, &mut sector)?;
    let free = scan.table[FIRST_CLUSTER as usize..].iter().filter(|value| **value == 0).count() as u32;
    let found = FsInfo::parse(&sector);
    if found.is_some_and(|info| info.free == free || info.free == UNKNOWN) {
        return Ok(());
    }
    let text = match found {
        Some(info) => format!("free count is wrong: found {}, expected {free}", info.free),
        None => "sector of the free count lacks its marks".to_owned(),
    };
    if report.safe(FINDING_WARNING, at, "", &text)? {
        let next = found.map_or(UNKNOWN, |info| info.next);
        FsInfo { free, next }.put(&mut sector);
        scan.disk.write_meta(at, &sector)?;
    }
    Ok(())
}

/// The state: it is taken back last, and only if nothing else is wrong.
pub(super) fn state(disk: &Disk, layout: &Layout, report: &mut Report<'_, '_>) -> Step {
    if !layout.dirty {
        return Ok(());
    }
    let text = "the volume was not unmounted properly";
    if report.left && report.repair {
        return report.error(layout.state_at as u64, "", text);
    }
    if report.safe(FINDING_WARNING, layout.state_at as u64, "", text)? {
        disk.barrier()?;
        let mut boot = [0; BOOT_BYTES];
        disk.read_meta(0, &mut boot)?;
        boot[layout.state_at] &= !STATE_DIRTY;
        disk.write_meta(0, &boot)?;
    }
    Ok(())
}

/// Severity of what a device or a person broke.
pub(super) const BROKEN: u32 = FINDING_ERROR;
