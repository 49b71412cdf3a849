//! Positions in directories hold while names come and go: what is there throughout appears exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nxvfs::Task;
use nxvfs_abi::types::open::{O_CREAT, O_WRONLY};
use nxvfs_tests::{Board, Link, on_both_links};
use proptest::prelude::*;

fn make(task: &Task, name: u16) {
    let fd = task.open(format!("/tmp/d/{name}"), O_WRONLY | O_CREAT, 0o644).unwrap();
    task.close(fd).unwrap();
}

fn number(name: &[u8]) -> Option<u16> {
    std::str::from_utf8(name).unwrap().parse().ok()
}

/// What happens between two entries.
#[derive(Clone, Debug)]
enum Step {
    /// So many entries are read.
    Read(u8),
    Make(u16),
    Remove(u16),
    /// A name moves to another.
    Move(u16, u16),
    /// The position is told, and gone back to at once: it costs nothing and changes nothing.
    TellAndSeek,
    /// So many entries back, to a position that was told.
    Back(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..400u16;
    prop_oneof![
        4 => (1..40u8).prop_map(Step::Read),
        2 => name.clone().prop_map(Step::Make),
        2 => name.clone().prop_map(Step::Remove),
        1 => (name.clone(), name).prop_map(|(a, b)| Step::Move(a, b)),
        1 => Just(Step::TellAndSeek),
        1 => (1..30u8).prop_map(Step::Back),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_entry_that_is_there_throughout_appears_exactly_once(
        begin in prop::collection::btree_set(0..400u16, 0..350),
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let board = Board::new(Link::Static).mount("none", "/tmp", "tmpfs", "");
        let task = board.task();
        task.mkdir("/tmp/d", 0o755).unwrap();
        begin.iter().for_each(|name| make(&task, *name));
        let mut there = begin.clone();
        // Names that no step touched.
        let mut untouched = begin.clone();
        let mut stream = task.opendir("/tmp/d").unwrap();
        // Entries so far with the position before each.
        let mut seen: Vec<(u64, Option<u16>)> = Vec::new();
        let read = |stream: &mut nxvfs::task::Directory<'_>, seen: &mut Vec<_>| {
            let before = stream.tell();
            let entry = stream.read().unwrap();
            if let Some(entry) = &entry {
                seen.push((before, number(&entry.name)));
            }
            entry.is_some()
        };
        for step in steps {
            match step {
                Step::Read(count) => {
                    for _ in 0..count {
                        if !read(&mut stream, &mut seen) {
                            break;
                        }
                    }
                }
                Step::Make(name) => {
                    if there.insert(name) {
                        make(&task, name);
                        untouched.remove(&name);
                    }
                }
                Step::Remove(name) => {
                    if there.remove(&name) {
                        task.unlink(format!("/tmp/d/{name}")).unwrap();
                        untouched.remove(&name);
                    }
                }
                Step::Move(from, to) => {
                    if from != to && there.remove(&from) {
                        task.rename(format!("/tmp/d/{from}"), format!("/tmp/d/{to}"), 0).unwrap();
                        there.insert(to);
                        untouched.remove(&from);
                        untouched.remove(&to);
                    }
                }
                Step::TellAndSeek => {
                    let position = stream.tell();
                    stream.seek(position);
                }
                Step::Back(count) => {
                    let keep = seen.len().saturating_sub(count.into());
                    if let Some((position, _)) = seen.get(keep) {
                        stream.seek(*position);
                        seen.truncate(keep);
                    }
                }
            }
        }
        while read(&mut stream, &mut seen) {}
        let mut counts = BTreeMap::new();
        for name in seen.iter().filter_map(|(_, name)| *name) {
            *counts.entry(name).or_insert(0) += 1;
        }
        for name in &untouched {
            prop_assert_eq!(counts.get(name), Some(&1), "name {}", name);
        }
        // Afterwards a fresh listing tells exactly what is there.
        let listed: BTreeSet<u16> =
            task.opendir("/tmp/d").unwrap().filter_map(|entry| number(&entry.unwrap().name)).collect();
        prop_assert_eq!(listed, there);
    }
}

on_both_links! {
    fn other_threads_that_make_and_remove_disturb_no_listing(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "");
        let task = board.task();
        task.mkdir("/tmp/d", 0o755).unwrap();
        // Even names stay, odd ones come and go.
        (0..2000).filter(|n| n % 2 == 0).for_each(|name| make(&task, name));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 0..2u16 {
                let (board, done) = (&board, &done);
                scope.spawn(move || {
                    let task = board.task();
                    while !done.load(Ordering::Relaxed) {
                        for name in (0..2000).filter(|n| n % 4 == 2 * thread + 1) {
                            make(&task, name);
                            task.unlink(format!("/tmp/d/{name}")).unwrap();
                        }
                    }
                });
            }
            for _ in 0..20 {
                let mut stream = task.opendir("/tmp/d").unwrap();
                let mut seen = Vec::new();
                while let Some(entry) = stream.read().unwrap() {
                    // What the host fetched ahead is thrown away and asked for again.
                    let position = stream.tell();
                    stream.seek(position);
                    seen.extend(number(&entry.name).filter(|n| n % 2 == 0));
                }
                seen.sort_unstable();
                assert_eq!(seen, (0..2000).filter(|n| n % 2 == 0).collect::<Vec<_>>());
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}

on_both_links! {
    fn scandir_selects_and_sorts(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "");
        let task = board.task();
        task.mkdir("/tmp/d", 0o755).unwrap();
        [3, 20, 1].into_iter().for_each(|name| make(&task, name));
        let names = |select: &dyn Fn(&[u8]) -> bool| {
            let entries = task.scandir("/tmp/d", |entry| select(&entry.name)).unwrap();
            entries.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(names(&|_| true), [".", "..", "1", "20", "3"]);
        assert_eq!(names(&|name| name != b"." && name != b".." && name != b"1"), ["20", "3"]);
        assert!(names(&|_| false).is_empty());
        nxvfs_tests::check::errno(task.scandir("/tmp/d/1", |_| true), nxvfs::Errno::ENOTDIR);
    }
}
