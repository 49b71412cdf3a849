//! Calls that overlap: the driver is parallel.

mod common;

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use common::*;
use nxvfs_sdk::abi::filesystem::{SET_SIZE, SetAttr};
use nxvfs_sdk::{Grow, open};

const SHAPE: Shape = Shape::new(8192, 16, 512, 1);

#[test]
fn a_read_never_sees_bytes_of_another_file() {
    let device = empty(SHAPE).xip(true);
    let volume = mount(&device);
    let made: Vec<_> = (0..4_u8)
        .map(|at| volume.create(volume.root(), format!("file {at}").as_bytes(), 0, open::O_RDWR).unwrap())
        .collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for (at, (found, file)) in made.iter().enumerate() {
            let (volume, done) = (&volume, &done);
            let mark = at as u8 + 1;
            // Grows and shrinks, so that clusters wander from file to file.
            scope.spawn(move || {
                for round in 0..400_u64 {
                    for _ in 0..8 {
                        file.write_at(0, &[mark; 3000], open::O_APPEND).unwrap();
                    }
                    let set = SetAttr { valid: SET_SIZE, size_bytes: round % 5 * 1000, ..Grow::empty() };
                    volume.setattr(found.node, &set).unwrap();
                    if round % 16 == 0 {
                        volume.sync().unwrap();
                    }
                }
                done.store(true, Relaxed);
            });
            scope.spawn(move || {
                let mut buf = vec![0; 30_000];
                while !done.load(Relaxed) {
                    let got = file.read_at(0, &mut buf).unwrap();
                    let foreign = buf[..got].iter().find(|byte| **byte != mark);
                    assert_eq!(foreign, None, "in file {at}");
                }
            });
        }
    });
    drop(made);
    volume.unmount().unwrap();
    judge(&device.bytes());
}

#[test]
fn appends_of_two_threads_never_overwrite_each_other() {
    let device = empty(SHAPE);
    let volume = mount(&device);
    let (found, file) = volume.create(volume.root(), b"log", 0, open::O_RDWR).unwrap();
    thread::scope(|scope| {
        for mark in 1..=4_u8 {
            let file = &file;
            scope.spawn(move || {
                for _ in 0..300 {
                    assert_eq!(file.write_at(0, &[mark; 100], open::O_APPEND).unwrap(), 100);
                }
            });
        }
    });
    let all = volume.read(found.node).unwrap();
    assert_eq!(all.len(), 4 * 300 * 100);
    for record in all.chunks(100) {
        assert!(record.iter().all(|byte| *byte == record[0]), "a record is torn");
    }
    for mark in 1..=4 {
        assert_eq!(all.chunks(100).filter(|record| record[0] == mark).count(), 300);
    }
    drop(file);
    volume.unmount().unwrap();
    judge(&device.bytes());
}

#[test]
fn names_are_made_moved_and_removed_by_many_threads() {
    let device = empty(SHAPE);
    let volume = mount(&device);
    let dirs: Vec<u64> = (0..3)
        .map(|at| volume.mkdir(volume.root(), format!("dir {at}").as_bytes(), 0).unwrap().node)
        .collect();
    thread::scope(|scope| {
        for thread in 0..4 {
            let (volume, dirs) = (&volume, &dirs);
            scope.spawn(move || {
                for round in 0..60 {
                    let name = format!("file of thread {thread}, round {round}");
                    let (from, to) = (dirs[round % 3], dirs[(round + thread) % 3]);
                    let (found, file) = volume.create(from, name.as_bytes(), 0, open::O_RDWR).unwrap();
                    file.write_at(0, name.as_bytes(), 0).unwrap();
                    drop(file);
                    let moved = format!("moved {name}");
                    volume.rename((from, name.as_bytes()), (to, moved.as_bytes()), 0).unwrap();
                    assert_eq!(volume.lookup(to, moved.as_bytes()).unwrap().node, found.node);
                    assert_eq!(volume.read(found.node).unwrap(), name.as_bytes());
                    if round % 2 == 0 {
                        volume.unlink(to, moved.as_bytes()).unwrap();
                    }
                    volume.forget(found.node, 2);
                    volume.readdir(dirs[thread % 3]).unwrap();
                }
            });
        }
    });
    let left: usize = dirs.iter().map(|dir| volume.readdir(*dir).unwrap().len()).sum();
    assert_eq!(left, 4 * 30);
    volume.unmount().unwrap();
    judge(&device.bytes());
}

#[test]
fn a_write_in_place_and_a_cut_at_once_are_no_damage() {
    let device = empty(SHAPE).xip(true);
    let volume = mount(&device);
    let (found, file) = volume.create(volume.root(), b"file", 0, open::O_RDWR).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let cutting = scope.spawn(|| {
            for round in 0..3000_u64 {
                let size_bytes = if round % 2 == 0 { 20_000 } else { round % 7 * 700 };
                let set = SetAttr { valid: SET_SIZE, size_bytes, ..Grow::empty() };
                volume.setattr(found.node, &set).unwrap();
            }
        });
        scope.spawn(|| {
            let mut buf = [0; 9000];
            while !done.load(Relaxed) {
                file.read_at(5000, &mut buf).unwrap();
            }
        });
        while !cutting.is_finished() {
            assert_eq!(file.write_at(3000, &[1; 9000], 0).unwrap(), 9000);
        }
        done.store(true, Relaxed);
    });
    drop(file);
    volume.unmount().unwrap();
    judge(&device.bytes());
}
