//! W1, W2, W7, W8, W9: content.

use std::sync::Barrier;
use std::time::Duration;

use super::{Contest, rate};
use crate::images::{CLUSTER_BYTES, Images};
use crate::measure::{cpu, wall};
use crate::memory::{Buffer, Region, offsets};
use crate::ours::{Medium, Ours};
use crate::row::{MEMCPY, OURS};
use crate::{Direction, Goal, Row, Scale, Unit, Volume};

const PIECE_BYTES: usize = 4096;

/// Bytes of a call, and how the table calls it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Bytes of a call.
    pub call_bytes: usize,
    /// Its name.
    pub name: &'static str,
}

impl Shape {
    /// The shapes of W1 and W7.
    pub const ALL: [Self; 3] = [
        Self { call_bytes: 4 << 10, name: "4 KiB" },
        Self { call_bytes: 64 << 10, name: "64 KiB" },
        Self { call_bytes: 1 << 20, name: "1 MiB" },
    ];
}

/// Time to make and write a file.
pub fn write_file(volume: &mut dyn Volume, path: &str, call: &[u8], total_bytes: u64) -> Duration {
    cpu(|| volume.write_new(path, call, total_bytes))
}

/// Time to open and read a file.
pub fn read_file(volume: &mut dyn Volume, path: &str, buf: &mut [u8]) -> Duration {
    cpu(|| volume.read_all(path, buf))
}

/// Time for random transfers in an open file.
pub fn transfer_all(
    volume: &mut dyn Volume,
    path: &str,
    offsets: &[u64],
    buf: &mut [u8],
    direction: Direction,
) -> Duration {
    let mut time = Duration::ZERO;
    volume.random(path, offsets, buf, direction, &mut |body| time = cpu(body));
    time
}

/// `embedded-sdmmc` makes no large file on these volumes: it looks for free clusters from the last one that was taken to the
/// end of the volume only, and beyond.
fn left_out(volume: &dyn Volume) -> bool {
    volume.label() == "embedded-sdmmc"
}

/// Sequential writes of a new file, and reads of it. `goals`: whether the ratios to reach are meant for this volume.
pub(super) fn w1(scale: &Scale, contest: &mut Contest, goals: bool, out: &mut dyn FnMut(Row)) {
    // Where a new file will lie is not known before.
    let mut region = Region::new(scale.file_bytes, 0);
    for shape in Shape::ALL {
        let mut buf = Buffer::new(shape.call_bytes);
        let small = shape.call_bytes == 4 << 10;
        let goal = |part| if goals { Goal::OfMemcpy(part) } else { Goal::None };
        let row = |what, goal| {
            Row::new("W1", format!("{what}, {}, {}", shape.name, contest.title), Unit::Bytes, goal)
        };
        let mut writes = row("sequential write", goal(if small { 0.80 } else { 0.90 }));
        let mut reads = row("sequential read", goal(if small { 0.90 } else { 0.95 }));
        for round in 0..scale.rounds {
            let path = "DIR/NEW.BIN";
            let bytes = scale.file_bytes as usize;
            writes
                .rounds
                .add(MEMCPY, rate(bytes, cpu(|| region.sequential(buf.get_mut(), Direction::Write))));
            contest.each(|name, volume| {
                if left_out(volume) || volume.slow() && round >= 3 {
                    return;
                }
                writes.rounds.add(name, rate(bytes, write_file(volume, path, buf.get(), scale.file_bytes)));
            });
            reads.rounds.add(MEMCPY, rate(bytes, cpu(|| region.sequential(buf.get_mut(), Direction::Read))));
            contest.each(|name, volume| {
                if left_out(volume) || volume.slow() && round >= 3 {
                    return;
                }
                reads.rounds.add(name, rate(bytes, read_file(volume, path, buf.get_mut())));
                let paths = volume.paths(&[path.to_owned()]);
                volume.unlink(&paths);
            });
        }
        out(writes);
        out(reads);
    }
}

/// Random reads and writes of 4 KiB in a file in one piece.
pub(super) fn w2(
    scale: &Scale,
    contest: &mut Contest,
    id: &'static str,
    path: &str,
    out: &mut dyn FnMut(Row),
) {
    let goals = contest.title.starts_with("vfat on ramdisk");
    for direction in [Direction::Read, Direction::Write] {
        let what = if direction == Direction::Read { "read" } else { "write" };
        let goal = if goals { Goal::OfMemcpy(0.90) } else { Goal::None };
        let mut row =
            Row::new(id, format!("random {what}, 4 KiB, {}", contest.title), Unit::Operations, goal);
        random(scale, contest, path, direction, &mut row);
        out(row);
    }
}

/// Random reads of 4 KiB in a file no two clusters of which are neighbours.
pub(super) fn w8(scale: &Scale, contest: &mut Contest, out: &mut dyn FnMut(Row)) {
    let pieces = scale.file_bytes as usize / CLUSTER_BYTES;
    let what = format!("random read, 4 KiB, {pieces} fragments, {}", contest.title);
    let mut row = Row::new("W8", what, Unit::Operations, Goal::OfMemcpy(0.75));
    // A tmpfs has no fragments, and no such file.
    let tmpfs = contest.peers.iter().position(|peer| peer.label() == "tmpfs");
    let tmpfs = tmpfs.map(|at| contest.peers.remove(at));
    random(scale, contest, "FILES/FRAG.BIN", Direction::Read, &mut row);
    contest.peers.splice(0..0, tmpfs);
    out(row);
}

fn random(scale: &Scale, contest: &mut Contest, path: &str, direction: Direction, row: &mut Row) {
    let mut region = Region::new(scale.file_bytes, contest.ours.medium_offset(path));
    let mut buf = Buffer::new(PIECE_BYTES);
    let slow = scale.slow.min(scale.transfers);
    row.slow = (slow < scale.transfers && contest.peers.iter().any(|peer| peer.slow())).then_some(slow);
    for round in 0..scale.rounds {
        let offsets = offsets(round as u64 + 1, scale.transfers, scale.file_bytes, PIECE_BYTES as u64);
        let time = cpu(|| region.random(&offsets, buf.get_mut(), direction));
        row.rounds.add(MEMCPY, rate(offsets.len(), time));
        contest.each(|name, volume| {
            let offsets = if volume.slow() { &offsets[..slow] } else { &offsets[..] };
            if volume.slow() && round > 0 {
                return;
            }
            let time = transfer_all(volume, path, offsets, buf.get_mut(), direction);
            row.rounds.add(name, rate(offsets.len(), time));
        });
    }
}

/// A read-only volume: sequential and random reads.
pub(super) fn w7(scale: &Scale, images: &Images, out: &mut dyn FnMut(Row)) {
    let ours = Ours::mounted("romfs", "romfs", Medium::Romdisk(&images.romfs));
    let mut contest = Contest { title: "romfs on ramdisk-xip", ours, peers: Vec::new() };
    let mut region = Region::new(scale.file_bytes, contest.ours.medium_offset("SEQ.BIN"));
    let bytes = scale.file_bytes as usize;
    for shape in Shape::ALL {
        let goal = Goal::OfMemcpy(if shape.call_bytes < 64 << 10 { 0.90 } else { 0.95 });
        let what = format!("sequential read, {}, {}", shape.name, contest.title);
        let mut row = Row::new("W7", what, Unit::Bytes, goal);
        let mut buf = Buffer::new(shape.call_bytes);
        for _ in 0..scale.rounds {
            let time = cpu(|| region.sequential(buf.get_mut(), Direction::Read));
            row.rounds.add(MEMCPY, rate(bytes, time));
            row.rounds.add(OURS, rate(bytes, read_file(&mut contest.ours, "SEQ.BIN", buf.get_mut())));
        }
        out(row);
    }
    let what = format!("random read, 4 KiB, {}", contest.title);
    let mut row = Row::new("W7", what, Unit::Operations, Goal::OfMemcpy(0.90));
    random(scale, &mut contest, "SEQ.BIN", Direction::Read, &mut row);
    out(row);
}

/// Random reads by two threads, each in a file of its own.
pub(super) fn w9(scale: &Scale, contest: &mut Contest, out: &mut dyn FnMut(Row)) {
    let what = format!("random read, 4 KiB, two threads, {}", contest.title);
    let mut row = Row::new("W9", what, Unit::Operations, Goal::OfMemcpy(0.90));
    let count = 2 * scale.transfers;
    let mut regions = ["FILES/SEQ.BIN", "FILES/SEQ2.BIN"]
        .map(|path| Region::new(scale.file_bytes, contest.ours.medium_offset(path)));
    for round in 0..scale.rounds {
        let seed = 2 * round as u64 + 1;
        let of = |thread: usize| offsets(seed + thread as u64, count, scale.file_bytes, PIECE_BYTES as u64);
        let copies = regions.each_mut().map(|region| -> Body<'_> {
            let (offsets, mut buf) = (of(1), Buffer::new(PIECE_BYTES));
            Box::new(move |start: &dyn Fn()| {
                start();
                region.random(&offsets, buf.get_mut(), Direction::Read);
            })
        });
        let time = together(copies);
        row.rounds.add(MEMCPY, rate(2 * count, time));
        let task = contest.ours.task();
        let fds = ["FILES/SEQ.BIN", "FILES/SEQ2.BIN"]
            .map(|path| contest.ours.open(path, nxvfs_abi::types::open::O_RDONLY));
        let ours = |thread: usize| -> Body<'_> {
            let (offsets, mut buf) = (of(thread), Buffer::new(PIECE_BYTES));
            let fd = fds[thread];
            Box::new(move |start: &dyn Fn()| {
                start();
                for offset in &offsets {
                    assert_eq!(task.pread(fd, buf.get_mut(), *offset).expect("a read"), PIECE_BYTES);
                }
            })
        };
        row.rounds.add(OURS, rate(2 * count, together([ours(0), ours(1)])));
        fds.iter().for_each(|fd| task.close(*fd).expect("a close"));
    }
    out(row);
}

/// What a thread does; it calls what it gets when it is ready to begin.
type Body<'a> = Box<dyn FnOnce(&dyn Fn()) + Send + 'a>;

/// Time from when both are ready until both have ended.
fn together(bodies: [Body<'_>; 2]) -> Duration {
    let (ready, ended) = (Barrier::new(3), Barrier::new(3));
    std::thread::scope(|threads| {
        for body in bodies {
            let (ready, ended) = (&ready, &ended);
            threads.spawn(move || {
                body(&|| {
                    ready.wait();
                });
                ended.wait();
            });
        }
        ready.wait();
        wall(|| ended.wait())
    })
}
