//! Directories of 100,000 entries; and how long things take, for who asks:
//! `cargo test --release -p nxvfs-romfs --test large -- --ignored --nocapture`.

mod common;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Instant;

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

/// Nanoseconds of one call: the best of seven rounds, because what else runs on the machine only adds.
fn each(count: u32, mut body: impl FnMut(u32)) -> f64 {
    let round = |_| {
        let start = Instant::now();
        (0..count).for_each(&mut body);
        start.elapsed().as_nanos() as f64 / f64::from(count)
    };
    (0..7).map(round).fold(f64::INFINITY, f64::min)
}

#[test]
#[ignore = "a measurement, not a judgement"]
fn how_long_it_takes() {
    for (count, device) in
        [10_000, 100_000].into_iter().flat_map(|count| devices(&many(count, 0)).map(|d| (count, d)))
    {
        let volume = mount(&device);
        let dir = volume.walk("many").unwrap().node;
        let first = each(1, |_| {
            volume.forget(dir, u64::MAX);
            assert!(volume.walk("many/missing").is_err());
        });
        volume.walk("many").unwrap();
        // Names are made on the stack, so that the processor's caches hold the driver's memory and not the test's.
        let mut text = *b"file-000000";
        let mut spelled = |mut number: u32| {
            text[5..].iter_mut().rev().for_each(|digit| {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            });
            text
        };
        let hit = each(count, |number| {
            // In an order that no cache foresees.
            let number = number.wrapping_mul(2_654_435_761) % count;
            black_box(volume.lookup(dir, &spelled(number)).unwrap().node);
        });
        let hot = each(200_000, |number| {
            black_box(volume.lookup(dir, &spelled(number % 64)).unwrap().node);
        });
        let miss = each(count, |_| drop(volume.lookup(dir, b"no such file")));
        let list = each(1, |_| drop(black_box(volume.readdir(dir).unwrap())));
        let file = volume.open(volume.lookup(dir, &spelled(0)).unwrap().node, 0).unwrap();
        let mut buf = [0; 4];
        let read = each(200_000, |_| {
            black_box(file.read_at(0, &mut buf).unwrap());
        });
        let call = each(200_000, |_| volume.forget(u64::MAX, 0));
        let xip = volume.info().flags != 0 && device.reads() == 0;
        println!(
            "{count} entries, xip {xip}: index {:.2} ms, lookup {hit:.0} ns (of 64 names {hot:.0} ns), missing {miss:.0} ns, \
             list {:.2} ms, read of 4 bytes {read:.0} ns; an empty call {call:.0} ns",
            first / 1e6,
            list / 1e6,
        );
    }
}
