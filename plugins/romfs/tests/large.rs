//! Directories of 100,000 entries.

mod common;

use std::collections::BTreeSet;

use common::{DIR, FILE, Image, LINK, devices, mount};
use nxvfs_romfs::RomFs;
use nxvfs_sdk::fake;

/// A root with one directory `many` of `count` files and as many hard links as `links`.
fn many(count: u32, links: u32) -> Vec<u8> {
    let mut image = Image::new("large");
    let root = image.add(b".", DIR, 0, b"");
    image.set(root, 4, root);
    let dir = image.add(b"many", DIR, 0, b"");
    image.next(root, dir);
    let mut all: Vec<u32> =
        (0..count).map(|number| image.add(name(number).as_bytes(), FILE, 0, &number.to_be_bytes())).collect();
    let targets = all.clone();
    all.extend((0..links).map(|number| {
        image.add(format!("link to {number}").as_bytes(), LINK, targets[number as usize], b"")
    }));
    image.set(dir, 4, all[0]);
    image.chain(&all);
    image.finish()
}

fn name(number: u32) -> String {
    format!("file-{number:06}")
}

#[test]
fn a_hundred_thousand_entries_are_found_and_listed_once() {
    const FILES: u32 = 90_000;
    const LINKS: u32 = 10_000;
    let image = many(FILES, LINKS);
    for device in devices(&image) {
        let volume = mount(&device);
        let dir = volume.walk("many").unwrap().node;
        let (mut names, mut inodes, mut cookie) = (BTreeSet::new(), BTreeSet::new(), 0);
        loop {
            let entries = volume.readdir_from(dir, cookie, 777).unwrap();
            let Some(last) = entries.last() else { break };
            cookie = last.next_cookie;
            for entry in entries {
                inodes.insert(entry.ino);
                assert!(names.insert(entry.name), "listed twice");
            }
        }
        assert_eq!((names.len() as u32, inodes.len() as u32), (FILES + LINKS, FILES));
        let read = device.reads();
        for number in (0..FILES).step_by(997) {
            let found = volume.lookup(dir, name(number).as_bytes()).unwrap();
            assert_eq!(found.attr.size_bytes, 4);
        }
        assert_eq!(device.reads(), read, "all was indexed at the first lookup");
        let link = volume.lookup(dir, format!("link to {}", LINKS - 1).as_bytes()).unwrap();
        assert_eq!(volume.read(link.node).unwrap(), (LINKS - 1).to_be_bytes());
    }
    let (left, findings) = fake::check::<RomFs>(&devices(&image)[1], &[]).unwrap();
    assert_eq!((left, findings.len()), (0, 0));
}
