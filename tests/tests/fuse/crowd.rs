//! Many at once, and what the kernel forgot.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nxvfs_tests::Rng;
use rustix::fs::{Mode, OFlags, RawDir};

use crate::card::Card;
use crate::files_of;
use crate::mounted::Mounted;

/// Whatever others do meanwhile, these are the only refusals.
fn may(error: &std::io::Error) -> bool {
    use ErrorKind::{AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), AlreadyExists | DirectoryNotEmpty | IsADirectory | NotADirectory | NotFound)
}

fn work(root: &Path, seed: u64) {
    let mut rng = Rng::new(seed);
    let allowed = |done: std::io::Result<()>| {
        if let Err(e) = done {
            assert!(may(&e), "{e}");
        }
    };
    for _ in 0..120 {
        let name = |rng: &mut Rng| root.join(format!("d{}/n{}", rng.below(3), rng.below(8)));
        let path = name(&mut rng);
        match rng.below(8) {
            0 | 1 => allowed(fs::write(&path, vec![seed as u8; rng.below(20_000)])),
            2 => allowed(fs::remove_file(&path)),
            3 => allowed(fs::rename(&path, name(&mut rng))),
            4 => allowed(fs::read_dir(root.join("d1")).and_then(|mut d| d.try_for_each(|e| e.map(drop)))),
            5 => allowed(fs::create_dir(&path)),
            6 => allowed(fs::remove_dir(&path)),
            _ => allowed(fs::read(&path).map(|content| {
                // A writer may have begun, or another gone on: but bytes are somebody's.
                assert!(content.iter().all(|b| *b < 16));
            })),
        }
    }
}

#[test]
fn sixteen_threads_in_three_directories_leave_a_sound_tree() {
    let card = Card::new(16);
    for memory in [true, false] {
        let mount = if memory { Mounted::tmpfs() } else { card.mount() };
        for dir in ["d0", "d1", "d2"] {
            fs::create_dir(mount.at(dir)).unwrap();
        }
        let start = Barrier::new(16);
        thread::scope(|scope| {
            for seed in 0..16 {
                let (root, start) = (mount.path(), &start);
                scope.spawn(move || {
                    start.wait();
                    work(root, seed);
                });
            }
        });
        // What is listed is there, and nothing else.
        for name in files_of(mount.path()) {
            mount.at(&name).symlink_metadata().unwrap_or_else(|e| panic!("{name}: {e}"));
        }
        fs::read_dir(mount.path()).unwrap().for_each(|dir| fs::remove_dir_all(dir.unwrap().path()).unwrap());
        assert_eq!(fs::read_dir(mount.path()).unwrap().count(), 0);
        mount.unmount();
    }
    card.is_sound();
}

/// All names of a directory, read by so many bytes at a time; `between` is done after each piece.
fn listed(path: &Path, bytes: usize, mut between: impl FnMut()) -> Vec<Vec<u8>> {
    let dir = rustix::fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    let mut buf = vec![std::mem::MaybeUninit::uninit(); bytes];
    let mut entries = RawDir::new(&dir, &mut buf);
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        names.push(entry.unwrap().file_name().to_bytes().to_vec());
        if entries.is_buffer_empty() {
            between();
        }
    }
    names
}

#[test]
fn what_is_there_all_the_time_is_listed_once_while_other_names_come_and_go() {
    let card = Card::new(16);
    for memory in [true, false] {
        let mount = if memory { Mounted::tmpfs() } else { card.mount() };
        let dir = mount.at("dir");
        fs::create_dir(&dir).unwrap();
        let staying: HashSet<_> = (0..200).map(|i| format!("a name that stays {i}").into_bytes()).collect();
        for i in 0..200 {
            fs::write(dir.join(format!("a name that stays {i}")), "").unwrap();
            fs::write(dir.join(format!("a name that goes {i}")), "").unwrap();
        }
        let mut turn = 0;
        let names = listed(&dir, 200, || {
            // Ones already listed, ones that come, ones that are new.
            let _ = fs::remove_file(dir.join(format!("a name that goes {turn}")));
            let _ = fs::remove_file(dir.join(format!("a name that goes {}", 199 - turn)));
            fs::write(dir.join(format!("new {turn}")), "").unwrap();
            turn += 1;
        });
        assert!(turn > 20);
        let stayed: Vec<_> = names.iter().filter(|name| staying.contains(*name)).collect();
        assert_eq!(stayed.len(), 200, "each once");
        assert_eq!(stayed.into_iter().collect::<HashSet<_>>().len(), 200);
        assert_eq!(names.iter().filter(|name| *name == b"." || *name == b"..").count(), 2);
        // By another thread, too.
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    fs::write(dir.join(format!("other {}", turn % 50)), "").unwrap();
                    let _ = fs::remove_file(dir.join(format!("other {}", (turn + 25) % 50)));
                }
            });
            for bytes in [200, 1000, 32_768] {
                let names = listed(&dir, bytes, || ());
                assert_eq!(names.iter().filter(|name| staying.contains(*name)).count(), 200);
            }
            over.store(true, Ordering::Relaxed);
        });
        mount.unmount();
    }
    card.is_sound();
}

#[test]
fn numbers_of_files_stay_when_the_kernel_forgets() {
    let card = Card::new(16);
    for memory in [true, false] {
        let mount = if memory { Mounted::tmpfs() } else { card.mount() };
        fs::create_dir(mount.at("d")).unwrap();
        fs::write(mount.at("d/f"), "content").unwrap();
        if memory {
            fs::hard_link(mount.at("d/f"), mount.at("d/twin")).unwrap();
        }
        let numbers = || -> Vec<u64> {
            let mut numbers: Vec<_> =
                ["d", "d/f"].map(|name| mount.at(name).metadata().unwrap().ino()).into();
            let listed = fs::read_dir(mount.at("d")).unwrap().map(|e| e.unwrap());
            let mut listed: Vec<_> =
                listed.map(|e| (e.file_name(), std::os::unix::fs::DirEntryExt::ino(&e))).collect();
            listed.sort();
            numbers.extend(listed.into_iter().map(|(_, number)| number));
            numbers
        };
        let before = numbers();
        assert!(before[1..].iter().all(|number| *number == before[1]), "{before:?}");
        fs::write("/proc/sys/vm/drop_caches", "2").expect("these tests need root");
        assert_eq!(numbers(), before);
        assert_eq!(fs::read(mount.at("d/f")).unwrap(), b"content");
        mount.unmount();
    }
    card.is_sound();
}
