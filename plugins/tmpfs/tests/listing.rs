//! Listings that go on while the directory changes.

mod common;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Volume, names, volume};
use nxvfs_sdk::abi::filesystem::RENAME_EXCHANGE;

const MANY: usize = 100_000;

fn make(volume: &Volume, name: &str) -> u64 {
    volume.create(volume.root(), name.as_bytes(), 0o644, 0).unwrap().0.node
}

#[test]
fn a_listing_goes_on_where_it_stopped() {
    let volume = volume();
    for number in 0..50 {
        make(&volume, &number.to_string());
    }
    let all = volume.readdir(volume.root()).unwrap();
    assert_eq!(all.len(), 50);
    for (number, entry) in all.iter().enumerate() {
        assert_eq!(
            volume.readdir_from(volume.root(), entry.next_cookie, usize::MAX).unwrap(),
            all[number + 1..]
        );
    }
    for cookie in [51, 1 << 61, u64::MAX] {
        assert_eq!(volume.readdir_from(volume.root(), cookie, usize::MAX).unwrap(), []);
    }
    // Where it stopped may be gone meanwhile.
    let stop = all[20].next_cookie;
    for name in &all[15..25] {
        volume.unlink(volume.root(), &name.name).unwrap();
    }
    assert_eq!(volume.readdir_from(volume.root(), stop, usize::MAX).unwrap(), all[25..]);
}

#[test]
fn a_name_keeps_its_place() {
    let volume = volume();
    let root = volume.root();
    for name in ["a", "b", "c", "d"] {
        make(&volume, name);
    }
    let before = volume.readdir(root).unwrap();
    // Over another name of the same directory: that one was there throughout.
    volume.rename((root, b"d"), (root, b"b"), 0).unwrap();
    assert_eq!(names(&volume, root), ["a", "b", "c"]);
    assert_eq!(volume.readdir(root).unwrap()[1].next_cookie, before[1].next_cookie);
    assert_eq!(volume.readdir(root).unwrap()[1].ino, before[3].ino);
    volume.rename((root, b"a"), (root, b"c"), RENAME_EXCHANGE).unwrap();
    assert_eq!(names(&volume, root), ["a", "b", "c"]);
    // A new name in its old place: whoever renames what a listing tells meets each file once.
    volume.rename((root, b"a"), (root, b"z"), 0).unwrap();
    assert_eq!(names(&volume, root), ["z", "b", "c"]);
    // A name that went and came again is another entry.
    volume.unlink(root, b"b").unwrap();
    make(&volume, "b");
    assert_eq!(names(&volume, root), ["z", "c", "b"]);
}

#[test]
fn a_hundred_thousand_entries_are_listed_while_others_come_and_go() {
    let volume = volume();
    let root = volume.root();
    for number in 0..MANY {
        volume.forget(make(&volume, &format!("kept {number}")), 1);
    }
    let listed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut round = 0_u64;
            while !listed.load(Ordering::Relaxed) {
                let name = format!("fleeting {}", round % 1000);
                let node = make(&volume, &name);
                let other = format!("moved {}", round % 1000);
                volume.rename((root, name.as_bytes()), (root, other.as_bytes()), 0).unwrap();
                volume.unlink(root, other.as_bytes()).unwrap();
                volume.forget(node, 1);
                round += 1;
            }
        });
        let mut seen: HashMap<Vec<u8>, u32> = HashMap::new();
        let mut cookie = 0;
        loop {
            let part = volume.readdir_from(root, cookie, 777).unwrap();
            let Some(last) = part.last() else { break };
            assert!(part.is_sorted_by(|a, b| a.next_cookie < b.next_cookie) && part[0].next_cookie > cookie);
            cookie = last.next_cookie;
            for entry in part.into_iter().filter(|entry| entry.name.starts_with(b"kept")) {
                *seen.entry(entry.name).or_default() += 1;
            }
            // Whoever makes entries for ever would be followed for ever.
            if seen.len() == MANY {
                break;
            }
        }
        listed.store(true, Ordering::Relaxed);
        assert_eq!(seen.len(), MANY);
        assert!(seen.values().all(|times| *times == 1));
    });
    // Removed by the listing itself, from part to part.
    let mut cookie = 0;
    loop {
        let part = volume.readdir_from(root, cookie, 1000).unwrap();
        let Some(last) = part.last() else { break };
        cookie = last.next_cookie;
        for entry in &part {
            volume.unlink(root, &entry.name).unwrap();
        }
    }
    assert_eq!((volume.readdir(root).unwrap(), common::used(&volume)), (vec![], (0, 1)));
}
