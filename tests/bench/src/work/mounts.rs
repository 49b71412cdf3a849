//! W6, W10: mounts, what comes first after them, and free space.

use std::path::Path;
use std::time::Duration;

use nxvfs_abi::types::open::{O_CREAT, O_RDONLY, O_WRONLY};

use super::each;
use crate::images::{Images, big_paths};
use crate::measure::cpu;
use crate::ours::{Medium, Ours};
use crate::peers::{Fatfs, Hadris, Sdmmc};
use crate::row::OURS;
use crate::{Goal, Row, Scale, Unit, Volume};

/// Bytes of an image that hold the tables and the first directories: more than is looked at.
const TOUCHED_BYTES: u64 = 32 << 20;
/// How often something that takes microseconds is done in a round.
const OFTEN: usize = 100;

pub(super) fn w6_w10(scale: &Scale, images: &Images, out: &mut dyn FnMut(Row)) {
    let mib = scale.empty_mib;
    let volumes: [(&'static str, String, Medium<'_>); 3] = [
        ("vfat", "vfat, 256 MiB with files".to_owned(), Medium::Ramdisk(&images.tree)),
        ("vfat", format!("vfat, {mib} MiB"), Medium::Ramdisk(&images.empty)),
        ("romfs", format!("romfs, {} files", scale.files), Medium::Romdisk(&images.romfs_many)),
    ];
    for (fs, title, medium) in volumes {
        let mut warm =
            Row::new("W6", format!("mount, plugin loaded, {title}"), Unit::Seconds, Goal::AtMost(50e-6));
        let mut cold = Row::new(
            "W6",
            format!("mount, plugin loaded with it, {title}"),
            Unit::Seconds,
            Goal::AtMost(1e-3),
        );
        for _ in 0..scale.rounds {
            let ours = Ours::attached("", fs, medium, TOUCHED_BYTES);
            cold.rounds.add(OURS, cpu(|| ours.mount()).as_secs_f64());
            ours.unmount();
            let mut time = Duration::ZERO;
            for _ in 0..OFTEN {
                time += cpu(|| ours.mount());
                ours.unmount();
            }
            warm.rounds.add(OURS, each(OFTEN, time));
        }
        if let (Medium::Ramdisk(path), "vfat") = (medium, fs) {
            open_peers(scale, path, &mut warm);
        }
        out(warm);
        out(cold);
    }
    first_lookup(scale, images, out);
    first_allocation(scale, images, out);
    free_space(scale, images, out);
}

/// How long the crates take to open a volume on an image in memory.
fn open_peers(scale: &Scale, path: &Path, row: &mut Row) {
    let touched = TOUCHED_BYTES;
    for _ in 0..scale.rounds {
        let opened = |open: &dyn Fn(Vec<u8>) -> Box<dyn Volume>| {
            let image = Fatfs::memory(path, touched);
            let mut volume = None;
            let time = cpu(|| volume = Some(open(image)));
            (volume.expect("a volume").label().to_owned(), time.as_secs_f64())
        };
        let peers = [
            opened(&|image| Box::new(Fatfs::over(image))),
            opened(&|image| Box::new(Hadris::over(image, false))),
            opened(&|image| Box::new(Sdmmc::over(image))),
        ];
        peers.iter().for_each(|(label, seconds)| row.rounds.add(label, *seconds));
    }
}

fn first_lookup(scale: &Scale, images: &Images, out: &mut dyn FnMut(Row)) {
    let what = format!("first lookup in {} entries after mount, vfat", scale.files);
    let mut row = Row::new("W6", what, Unit::Seconds, Goal::AtMost(1.5e-3));
    let path = [Ours::at(&big_paths(scale.files)[scale.files / 2])];
    for _ in 0..scale.rounds {
        let mut ours = Ours::mounted("", "vfat", Medium::Ramdisk(&images.tree));
        row.rounds.add(OURS, cpu(|| ours.stat(&path)).as_secs_f64());
    }
    out(row);
}

fn first_allocation(scale: &Scale, images: &Images, out: &mut dyn FnMut(Row)) {
    let what = format!("first allocation after mount, free space not known, vfat, {} MiB", scale.empty_mib);
    let mut row = Row::new("W6", what, Unit::Seconds, Goal::AtMost(0.2e-3));
    for _ in 0..scale.rounds {
        let ours = Ours::attached("", "vfat", Medium::Ramdisk(&images.unknown), TOUCHED_BYTES);
        ours.mount();
        let fd = ours.open("NEW", O_WRONLY | O_CREAT);
        row.rounds.add(OURS, cpu(|| ours.task().write(fd, &[0x5a; 4096]).expect("a write")).as_secs_f64());
        ours.task().close(fd).expect("a close");
    }
    out(row);
}

fn free_space(scale: &Scale, images: &Images, out: &mut dyn FnMut(Row)) {
    let what = format!("first statfs, free space not known, vfat, {} MiB", scale.empty_mib);
    let mut cold = Row::new("W10", what, Unit::Seconds, Goal::AtMost(0.15e-3));
    let what = format!("fstatfs after that, vfat, {} MiB", scale.empty_mib);
    let mut warm = Row::new("W10", what, Unit::Seconds, Goal::AtMost(100e-9));
    for _ in 0..scale.rounds {
        let ours = Ours::attached("", "vfat", Medium::Ramdisk(&images.unknown), TOUCHED_BYTES);
        ours.mount();
        let fd = ours.open("", O_RDONLY);
        let task = ours.task();
        cold.rounds.add(OURS, cpu(|| task.fstatfs(fd).expect("free space")).as_secs_f64());
        let count = 100 * OFTEN;
        let time = cpu(|| {
            for _ in 0..count {
                std::hint::black_box(task.fstatfs(fd).expect("free space").blocks_free);
            }
        });
        warm.rounds.add(OURS, each(count, time));
        task.close(fd).expect("a close");

        let mut fatfs = Fatfs::over(Fatfs::memory(&images.unknown, TOUCHED_BYTES));
        let time = cpu(|| fatfs.free_bytes());
        cold.rounds.add(fatfs.label(), time.as_secs_f64());
        drop(fatfs);
        let mut hadris = Hadris::over(Hadris::memory(&images.unknown, TOUCHED_BYTES), false);
        let time = cpu(|| hadris.free_bytes());
        cold.rounds.add(hadris.label(), time.as_secs_f64());
    }
    out(cold);
    out(warm);
}
