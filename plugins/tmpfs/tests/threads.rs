//! Many threads on one volume: whatever order things happen in, the end is consistent.

mod common;

use std::collections::HashMap;

use common::{PAGE, Volume, names, opened, refused, used, volume};
use nxvfs_sdk::abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE, SET_SIZE, SetAttr};
use nxvfs_sdk::{Errno, Grow, mode, open};

const THREADS: u64 = 16;
const STEPS: usize = 4000;
const NAMES: [&[u8]; 6] = [b"a", b"b", b"c", b"d", b"e", b"f"];

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % sides
    }
}

/// One thread's view: which nodes it was given, and how often.
struct Worker<'v> {
    volume: &'v Volume,
    dice: Dice,
    counts: HashMap<u64, u64>,
    dirs: Vec<u64>,
}

impl Worker<'_> {
    fn gained(&mut self, node: u64) {
        *self.counts.entry(node).or_default() += 1;
    }

    fn spot(&mut self) -> (u64, &'static [u8]) {
        let dir = self.dirs[self.dice.roll(self.dirs.len())];
        (dir, NAMES[self.dice.roll(NAMES.len())])
    }

    fn step(&mut self) {
        let (volume, spot) = (self.volume, self.spot());
        match self.dice.roll(12) {
            0 | 1 => {
                if let Ok((found, file)) = volume.create(spot.0, spot.1, 0o644, open::O_RDWR) {
                    file.write_at(0, &[self.dice.roll(256) as u8; 2 * PAGE as usize], 0).unwrap();
                    self.gained(found.node);
                }
            }
            2 => {
                if let Ok(found) = volume.mkdir(spot.0, spot.1, 0o755) {
                    self.gained(found.node);
                    self.dirs.push(found.node);
                }
            }
            3 => drop(volume.unlink(spot.0, spot.1)),
            4 => drop(volume.rmdir(spot.0, spot.1)),
            5 | 6 => {
                let to = self.spot();
                let flags = [0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE][self.dice.roll(4)];
                drop(volume.rename(spot, to, flags));
            }
            7 => {
                let to = self.spot();
                if let Ok(found) = volume.lookup(spot.0, spot.1) {
                    self.gained(found.node);
                    if let Ok(linked) = volume.link(found.node, to.0, to.1) {
                        assert_eq!(linked.node, found.node);
                        self.gained(linked.node);
                    }
                }
            }
            8 | 9 => {
                if let Ok(found) = volume.lookup(spot.0, spot.1) {
                    self.gained(found.node);
                    if found.attr.file_type() == mode::S_IFREG {
                        self.use_file(found.node);
                    }
                }
            }
            10 => {
                let listed = volume.readdir(spot.0).unwrap();
                assert!(listed.is_sorted_by(|a, b| a.next_cookie < b.next_cookie));
            }
            _ => self.forget_some(),
        }
    }

    /// Whole writes exclude reads, so a read sees the bytes of one write.
    fn use_file(&mut self, node: u64) {
        let file = opened(self.volume, node);
        let mut buf = [0; 2 * PAGE as usize];
        match self.dice.roll(4) {
            0 => {
                let cut = SetAttr { valid: SET_SIZE, ..Grow::empty() };
                self.volume.setattr(node, &cut).unwrap();
            }
            1 => {
                buf.fill(self.dice.roll(256) as u8);
                assert_eq!(file.write_at(0, &buf, 0).unwrap(), buf.len());
            }
            _ => {
                let got = file.read_at(0, &mut buf).unwrap();
                assert!(got == 0 || got == buf.len());
                assert!(buf[..got].iter().all(|byte| *byte == buf[0]));
            }
        }
    }

    /// Gives back a node's counts, but not those of directories that it goes on using.
    fn forget_some(&mut self) {
        let node = self.counts.keys().copied().find(|node| !self.dirs.contains(node));
        if let Some((node, count)) = node.and_then(|node| self.counts.remove_entry(&node)) {
            self.volume.forget(node, count);
        }
        // A directory too, now and then, so that removed ones end.
        if self.dirs.len() > 12 {
            let node = self.dirs.swap_remove(8);
            self.volume.forget(node, self.counts.remove(&node).unwrap());
        }
    }
}

/// Counts the names of all nodes below a directory, and looks at each number of links.
fn survey(volume: &Volume, dir: u64, nlinks: &mut HashMap<u64, (u32, u32)>) {
    let mut left = vec![dir];
    while let Some(dir) = left.pop() {
        let mut subdirectories = 0;
        for entry in volume.readdir(dir).unwrap() {
            let found = volume.lookup(dir, &entry.name).unwrap();
            assert_eq!((found.attr.ino, found.attr.file_type()), (entry.ino, entry.file_type));
            if entry.file_type == mode::S_IFDIR {
                subdirectories += 1;
                left.push(found.node);
            } else {
                let names = nlinks.entry(found.node).or_insert((found.attr.nlink, 0));
                names.1 += 1;
                volume.forget(found.node, 1);
            }
        }
        let attr = volume.getattr(dir).unwrap();
        assert_eq!(attr.nlink, 2 + subdirectories);
        assert_eq!(attr.size_bytes, 40 + 20 * names(volume, dir).len() as u64);
    }
}

/// Takes everything below a directory away.
fn clear(volume: &Volume, dir: u64) {
    for entry in volume.readdir(dir).unwrap() {
        if entry.file_type == mode::S_IFDIR {
            let below = volume.lookup(dir, &entry.name).unwrap().node;
            clear(volume, below);
            assert_eq!(volume.rmdir(dir, &entry.name).unwrap().node, below);
            // Looked up here and, once, by `survey`.
            volume.forget(below, 2);
        } else {
            volume.unlink(dir, &entry.name).unwrap();
        }
    }
}

#[test]
fn sixteen_threads_leave_a_consistent_volume() {
    let volume = volume();
    let root = volume.root();
    let top: Vec<u64> =
        NAMES[..4].iter().map(|name| volume.mkdir(root, name, 0o755).unwrap().node).chain([root]).collect();
    std::thread::scope(|scope| {
        for seed in 1..=THREADS {
            let (volume, dirs) = (&volume, top.clone());
            scope.spawn(move || {
                let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                let mut worker = Worker { volume, dice, counts: HashMap::new(), dirs };
                (0..STEPS).for_each(|_| worker.step());
                worker.counts.iter().for_each(|(node, count)| volume.forget(*node, *count));
            });
        }
    });
    top[..4].iter().for_each(|dir| volume.forget(*dir, 1));
    let mut nlinks = HashMap::new();
    survey(&volume, root, &mut nlinks);
    assert!(nlinks.values().all(|(told, found)| told == found));
    let before = used(&volume);
    assert!(before.1 > nlinks.len() as u64);
    clear(&volume, root);
    assert_eq!(used(&volume), (0, 1), "everything was given back");
    let attr = volume.getattr(root).unwrap();
    assert_eq!((attr.nlink, attr.size_bytes), (2, 40));
    nlinks.keys().for_each(|node| assert_eq!(refused(volume.getattr(*node)), Errno::ESTALE));
}

#[test]
fn appends_of_many_threads_are_all_there() {
    let volume = volume();
    let node = common::file(&volume, b"log", b"");
    std::thread::scope(|scope| {
        for writer in 0..THREADS as u8 {
            let volume = &volume;
            scope.spawn(move || {
                let file = opened(volume, node);
                for _ in 0..200 {
                    assert_eq!(file.write_at(0, &[writer; 100], open::O_APPEND).unwrap(), 100);
                }
            });
        }
    });
    let content = volume.read(node).unwrap();
    assert_eq!(content.len(), THREADS as usize * 200 * 100);
    let mut records = [0; THREADS as usize];
    for record in content.chunks(100) {
        assert!(record.iter().all(|byte| *byte == record[0]), "a record is whole");
        records[record[0] as usize] += 1;
    }
    assert_eq!(records, [200; THREADS as usize]);
}

#[test]
fn threads_fill_a_volume_to_the_last_page() {
    let volume = common::limited(1000 * PAGE, 0);
    let written: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS as u8)
            .map(|name| {
                let volume = &volume;
                scope.spawn(move || {
                    let node = common::file(volume, &[b'a' + name], b"");
                    let file = opened(volume, node);
                    let mut sum = 0;
                    while let Ok(done) = file.write_at(0, &[1; 7 * PAGE as usize], open::O_APPEND) {
                        sum += done as u64;
                    }
                    sum
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!((written, volume.statfs().unwrap().blocks_free), (1000 * PAGE, 0));
}
