//! Writing an empty volume. The boot sector comes last, so that a medium is a volume only when it is a whole one.

use nxvfs_sdk::{Medium, Result, now};

use super::plan::Plan;
use crate::core::new_entry;
use crate::disk::Disk;
use crate::format::entry::{SLOT_BYTES, VOLUME};
use crate::format::fsinfo::{FSINFO_BYTES, FsInfo};
use crate::format::{Kind, put16, put32};

/// Where a FAT32 keeps the copy of its boot sector.
const BACKUP_SECTOR: u32 = 6;
const FSINFO_SECTOR: u32 = 1;
const NO_NAME: [u8; 11] = *b"NO NAME    ";

/// The code of a boot sector that only stops: `cli; hlt; jmp` back.
const STOP: [u8; 4] = [0xfa, 0xf4, 0xeb, 0xfd];

pub(super) fn write(medium: Medium, plan: &Plan, volume_id: u32, label: Option<[u8; 11]>) -> Result<()> {
    let disk = Disk::new(medium);
    let sector = u64::from(plan.sector_bytes);
    let at = |sectors: u64| sectors * sector;
    let wide = plan.kind == Kind::Fat32;
    let fat_start = u64::from(plan.reserved);
    let root_start = fat_start + u64::from(plan.fat_sectors) * u64::from(plan.fats);
    let root_sectors = if wide {
        u64::from(plan.per_cluster)
    } else {
        u64::from(plan.root_entries) * SLOT_BYTES as u64 / sector
    };
    // Whatever the medium held is no volume from here on.
    disk.zero(0, at(root_start + root_sectors))?;
    disk.barrier()?;
    let mut marks = [0; 12];
    let marks_len = match plan.kind {
        Kind::Fat12 => {
            marks[..3].copy_from_slice(&[plan.media, 0xff, 0xff]);
            3
        }
        Kind::Fat16 => {
            marks[..4].copy_from_slice(&[plan.media, 0xff, 0xff, 0xff]);
            4
        }
        Kind::Fat32 => {
            put32(&mut marks, 0, 0x0fff_ff00 | u32::from(plan.media));
            put32(&mut marks, 4, 0x0fff_ffff);
            // The root directory.
            put32(&mut marks, 8, 0x0fff_fff8);
            12
        }
    };
    for copy in 0..u64::from(plan.fats) {
        disk.write_meta(at(fat_start + copy * u64::from(plan.fat_sectors)), &marks[..marks_len])?;
    }
    if let Some(label) = label {
        let mut entry = new_entry(VOLUME, 0, now(), 0);
        entry.name = label;
        let mut slot = [0; SLOT_BYTES];
        entry.put(&mut slot, wide);
        disk.write_meta(at(root_start), &slot)?;
    }
    let boot = boot_sector(plan, volume_id, &label.unwrap_or(NO_NAME));
    if wide {
        let mut info = [0; FSINFO_BYTES];
        FsInfo { free: plan.clusters - 1, next: 2 }.put(&mut info);
        disk.write_meta(at(FSINFO_SECTOR.into()), &info)?;
        if BACKUP_SECTOR + 1 < plan.reserved {
            disk.write_meta(at(BACKUP_SECTOR.into()), &boot)?;
            disk.write_meta(at(u64::from(BACKUP_SECTOR) + u64::from(FSINFO_SECTOR)), &info)?;
        }
    }
    disk.barrier()?;
    disk.write_meta(0, &boot)?;
    disk.flush()
}

/// The boot sector, with the fields of mkfs.fat's.
fn boot_sector(plan: &Plan, volume_id: u32, label: &[u8; 11]) -> [u8; 512] {
    let mut boot = [0; 512];
    let wide = plan.kind == Kind::Fat32;
    let tail = if wide { 28 } else { 0 };
    let code = 62 + tail;
    boot[..3].copy_from_slice(&[0xeb, code as u8 - 2, 0x90]);
    boot[3..11].copy_from_slice(b"nxvfs   ");
    put16(&mut boot, 11, plan.sector_bytes as u16);
    boot[13] = plan.per_cluster as u8;
    put16(&mut boot, 14, plan.reserved as u16);
    boot[16] = plan.fats as u8;
    put16(&mut boot, 17, plan.root_entries as u16);
    if !wide_total(plan) {
        put16(&mut boot, 19, plan.total as u16);
    } else {
        put32(&mut boot, 32, plan.total);
    }
    boot[21] = plan.media;
    put16(&mut boot, 24, plan.track_sectors);
    put16(&mut boot, 26, plan.heads);
    put32(&mut boot, 28, plan.hidden);
    if wide {
        put32(&mut boot, 36, plan.fat_sectors);
        put32(&mut boot, 44, 2);
        put16(&mut boot, 48, FSINFO_SECTOR as u16);
        put16(&mut boot, 50, if BACKUP_SECTOR + 1 < plan.reserved { BACKUP_SECTOR as u16 } else { 0 });
    } else {
        put16(&mut boot, 22, plan.fat_sectors as u16);
    }
    // Fixed media have a number from 0x80 on.
    boot[36 + tail] = if plan.media == 0xf8 { 0x80 } else { 0 };
    boot[38 + tail] = 0x29;
    put32(&mut boot, 39 + tail, volume_id);
    boot[43 + tail..54 + tail].copy_from_slice(label);
    let name = match plan.kind {
        Kind::Fat12 => b"FAT12   ",
        Kind::Fat16 => b"FAT16   ",
        Kind::Fat32 => b"FAT32   ",
    };
    boot[54 + tail..62 + tail].copy_from_slice(name);
    boot[code..code + STOP.len()].copy_from_slice(&STOP);
    boot[510..].copy_from_slice(&[0x55, 0xaa]);
    boot
}

/// Whether the number of sectors needs the wider field.
fn wide_total(plan: &Plan) -> bool {
    plan.total > 0xffff
}
