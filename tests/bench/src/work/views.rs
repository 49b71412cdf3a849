//! Mapping, borrowing and opening what is used in place.

use std::os::fd::AsFd;
use std::ptr;

use nxvfs::mapping::MapRequest;
use nxvfs::tree::Tier;
use nxvfs_abi::types::open::O_RDONLY;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::each;
use crate::images::Images;
use crate::measure::cpu;
use crate::ours::{Medium, Ours};
use crate::row::{BARE, OURS};
use crate::{Goal, Row, Scale, Unit, Volume};

/// How often each is done in a round.
const OFTEN: usize = 2000;

pub(super) fn all(scale: &Scale, images: &Images, out: &mut dyn FnMut(Row)) {
    // Its clusters are as large as pages and begin at pages: those of the other volumes are too small to be mapped in place.
    let mut vfat = Ours::mounted("vfat", "vfat", Medium::Ramdisk(&images.empty));
    vfat.mkdir("FILES");
    vfat.write_new("FILES/SEQ.BIN", &crate::images::content(1 << 20), scale.file_bytes);
    let romfs = Ours::mounted("romfs", "romfs", Medium::Romdisk(&images.romfs));
    for (ours, path, title) in [(&vfat, "FILES/SEQ.BIN", "vfat"), (&romfs, "SEQ.BIN", "romfs")] {
        for len in [4096, scale.file_bytes as usize] {
            out(map(scale, ours, path, len, title));
        }
        borrow(scale, ours, path, title, out);
    }
    for (ours, path, depth, title) in [(&romfs, "SEQ.BIN", 2, "romfs"), (&vfat, "FILES/SEQ.BIN", 3, "vfat")] {
        let goal = if depth == 2 { Goal::AtLeast(3e6) } else { Goal::None };
        let what = format!("open + close, warm, depth {depth}, {title} on ramdisk-xip");
        let mut row = Row::new("map", what, Unit::Operations, goal);
        let path = Ours::at(path);
        for _ in 0..scale.rounds {
            let time = cpu(|| {
                for _ in 0..OFTEN * 10 {
                    let fd = ours.task().open(&path, O_RDONLY, 0).expect("a file");
                    ours.task().close(fd).expect("a close");
                }
            });
            row.rounds.add(OURS, 1.0 / each(OFTEN * 10, time));
        }
        out(row);
    }
}

/// Mapping and unmapping, beside the same of a memory file of the system.
#[allow(unsafe_code, reason = "the system's own mapping is what ours is measured against")]
fn map(scale: &Scale, ours: &Ours, path: &str, len: usize, title: &str) -> Row {
    let what = format!("mmap + munmap, {} KiB, {title} on ramdisk-xip", len >> 10);
    let mut row = Row::new("map", what, Unit::Seconds, Goal::TimesBare(1.3));
    let memory = rustix::fs::memfd_create("bench", rustix::fs::MemfdFlags::CLOEXEC).expect("a memory file");
    rustix::fs::ftruncate(&memory, len as u64).expect("a memory file");
    let explained = ours.task().explain(Ours::at(path)).expect("a file");
    assert_eq!(explained.tier, Tier::Xip, "{path}: {}", explained.reason);
    let fd = ours.open(path, O_RDONLY);
    let (task, request) = (ours.task(), MapRequest::read(0, len));
    for _ in 0..scale.rounds {
        let time = cpu(|| {
            for _ in 0..OFTEN {
                let memory = memory.as_fd();
                // SAFETY: a new mapping at a place that the kernel chooses, which nobody looks at before it goes.
                unsafe {
                    let at = mmap(ptr::null_mut(), len, ProtFlags::READ, MapFlags::SHARED, memory, 0);
                    munmap(at.expect("a mapping"), len).expect("a mapping");
                }
            }
        });
        row.rounds.add(BARE, each(OFTEN, time));
        let time = cpu(|| {
            for _ in 0..OFTEN {
                let at = task.mmap(fd, &request).expect("a mapping");
                task.munmap(at, len).expect("a mapping");
            }
        });
        row.rounds.add(OURS, each(OFTEN, time));
    }
    task.close(fd).expect("a close");
    row
}

/// The address in place: asked for first, and again.
fn borrow(scale: &Scale, ours: &Ours, path: &str, title: &str, out: &mut dyn FnMut(Row)) {
    let row = |what: &str, most| {
        Row::new("map", format!("borrow, {what}, {title} on ramdisk-xip"), Unit::Seconds, Goal::AtMost(most))
    };
    let (mut first, mut again) = (row("first", 1e-6), row("again", 20e-9));
    let (task, path) = (ours.task(), Ours::at(path));
    for _ in 0..scale.rounds {
        let fds: Vec<u32> = (0..100).map(|_| task.open(&path, O_RDONLY, 0).expect("a file")).collect();
        let time = cpu(|| {
            for fd in &fds {
                std::hint::black_box(task.borrow_in_place(*fd).expect("an address"));
            }
        });
        first.rounds.add(OURS, each(fds.len(), time));
        let time = cpu(|| {
            for _ in 0..OFTEN * 10 {
                std::hint::black_box(task.borrow_in_place(fds[0]).expect("an address"));
            }
        });
        again.rounds.add(OURS, each(OFTEN * 10, time));
        fds.iter().for_each(|fd| task.close(*fd).expect("a close"));
    }
    out(first);
    out(again);
}
