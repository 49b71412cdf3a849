//! Damaged and malicious volumes: no panic, no endless walk, an error that names cluster and file; and what the check says.

mod common;

use std::sync::OnceLock;

use common::*;
use nxvfs_sdk::fake::{self, Device, Value};
use nxvfs_sdk::{Errno, mode, open};
use nxvfs_vfat::VFat;
use proptest::prelude::*;

/// A FAT16 with a few files and directories: small clusters, so that chains are long.
fn sampler() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| fill(Shape::new(3000, 16, 512, 1)))
}

fn sampler_32() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| fill(Shape::new(2048, 32, 512, 1)))
}

fn fill(shape: Shape) -> Vec<u8> {
    let device = empty(shape);
    let volume = mount(&device);
    let root = volume.root();
    file(&volume, root, "first file", &pattern(5000, 1));
    file(&volume, root, "SECOND.TXT", &pattern(3000, 2));
    let dir = volume.mkdir(root, b"directory", 0).unwrap().node;
    for at in 0..30 {
        file(&volume, dir, &format!("a file with a long name {at}"), &pattern(at * 100, 3));
    }
    let inner = volume.mkdir(dir, b"inner", 0).unwrap().node;
    file(&volume, inner, "innermost", &pattern(700, 4));
    volume.unmount().unwrap();
    device.bytes()
}

/// Looks at everything that can be reached, and changes some of it.
fn explore(bytes: &[u8]) {
    let device = Device::new(bytes, 512);
    let _ = fake::probe::<VFat>(&device, &options(&[]));
    let _ = fake::check::<VFat>(&device, &options(&[]));
    if let Ok(volume) = fake::mount::<VFat>(&device, &options(&[("errors", Value::Str("continue"))])) {
        let mut todo = vec![(volume.root(), 0)];
        let mut budget = 400;
        while let Some((dir, depth)) = todo.pop() {
            let (entries, _) = volume.readdir_until_failure(dir, 0, 100);
            for entry in entries {
                let Ok(found) = volume.lookup(dir, &entry.name) else { continue };
                budget -= 1;
                if budget == 0 {
                    break;
                }
                if found.attr.file_type() == mode::S_IFDIR {
                    if depth < 8 {
                        todo.push((found.node, depth + 1));
                    }
                } else if let Ok(opened) = volume.open(found.node, open::O_RDWR) {
                    let mut buf = vec![0; 3000];
                    for offset in [0, 2999, u64::from(u32::MAX) - 100] {
                        let _ = opened.read_at(offset, &mut buf);
                    }
                    let _ = opened.write_at(100, b"hello", 0);
                    if found.attr.size_bytes < 100_000 {
                        let _ = opened.write_at(0, b"at the end", open::O_APPEND);
                    }
                    let _ =
                        volume.map_extents(found.node, 0, 5000).map(|(_, pin)| volume.unpin(found.node, pin));
                }
                if budget % 5 == 0 {
                    let _ = volume.unlink(dir, &entry.name).map(|removed| volume.forget(removed.node, 1));
                }
            }
            let _ = volume.create(dir, b"a new file with a long name", 0, 0);
            let _ = volume.mkdir(dir, b"NEWDIR", 0);
            let _ = volume.rename((dir, b"NEWDIR"), (volume.root(), b"moved"), 0);
        }
        let _ = volume.statfs();
        let _ = volume.sync();
        let _ = volume.unmount();
    }
    let _ = fake::repair::<VFat>(&device, &options(&[]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(150), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_makes_us_panic_or_hang(
        wide in any::<bool>(),
        // Boot sectors, tables, root and directories lie at the beginning.
        flips in proptest::collection::vec((0..60_000_usize, any::<u8>()), 1..40),
        boot in proptest::collection::vec((11..64_usize, any::<u8>()), 0..2),
        copies in proptest::collection::vec((0..110_usize, 0..110_usize), 0..3),
    ) {
        let mut bytes = if wide { sampler_32() } else { sampler() }.to_vec();
        for (at, value) in flips.iter().chain(&boot) {
            bytes[*at] = *value;
        }
        for (from, to) in copies {
            bytes.copy_within(from * 512..from * 512 + 512, to * 512);
        }
        explore(&bytes);
    }

    #[test]
    fn a_table_of_anything_makes_us_neither_panic_nor_hang(values in proptest::collection::vec(0_u16..400, 300)) {
        let mut bytes = sampler().to_vec();
        for (at, value) in values.iter().enumerate() {
            set(&mut bytes, 2 + at as u16, *value);
        }
        explore(&bytes);
    }

    #[test]
    fn foreign_bytes_are_no_volume(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        explore(&bytes);
    }
}

/// Where tables and root of the sampler lie.
fn places(bytes: &[u8]) -> (usize, usize, usize) {
    let number = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    let fat = number(14) * 512;
    let root = fat + 2 * number(22) * 512;
    (fat, number(22) * 512, root)
}

/// Changes an entry in both tables.
fn set(bytes: &mut [u8], cluster: u16, value: u16) {
    let (fat, len, _) = places(bytes);
    for table in [fat, fat + len] {
        let at = table + usize::from(cluster) * 2;
        bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
}

fn get(bytes: &[u8], cluster: u16) -> u16 {
    let at = places(bytes).0 + usize::from(cluster) * 2;
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// Where the short entry of a name in the root lies.
fn entry(bytes: &[u8], short: &[u8; 11]) -> usize {
    let root = places(bytes).2;
    (root..).step_by(32).find(|at| bytes[*at..*at + 11] == *short).unwrap()
}

fn start(bytes: &[u8], short: &[u8; 11]) -> u16 {
    let at = entry(bytes, short) + 26;
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

const FIRST: &[u8; 11] = b"FIRSTF~1   ";
const SECOND: &[u8; 11] = b"SECOND  TXT";
const DIR: &[u8; 11] = b"DIRECT~1   ";

/// Reads a file of a damaged volume: the refusal, which names it; and the volume is read-only afterwards.
#[track_caller]
fn refuses(bytes: &[u8], path: &str, what: &str) {
    let device = Device::new(bytes, 512);
    let volume = mount(&device);
    let refusal = volume.walk(path).and_then(|found| volume.read(found.node)).expect_err("a refusal");
    assert_eq!(refusal.errno, Errno::EIO, "{refusal}");
    assert!(refusal.what.contains(what), "{refusal}");
    let name = path.rsplit('/').next().unwrap();
    assert!(refusal.place.contains(name) && refusal.place.contains("cluster"), "{refusal}");
    assert_eq!(refused(volume.create(volume.root(), b"new", 0, 0).map(drop)), Errno::EROFS);
    volume.unmount().unwrap();
    let volume = mount_with(&device, &[("errors", Value::Str("continue"))]);
    let _ = volume.walk(path).and_then(|found| volume.read(found.node)).expect_err("a refusal");
    file(&volume, volume.root(), "new", b"x");
    volume.unmount().unwrap();
}

/// The check finds something at a path, or of the volume; fsck.fat finds something too; a repair satisfies it if `safe`.
#[track_caller]
fn found(bytes: &[u8], path: &str, text: &str, safe: bool) {
    assert!(!Image::new(bytes).fsck(&["-n"]).is_empty(), "fsck.fat finds nothing");
    let device = Device::new(bytes, 512);
    let (left, findings) = fake::check::<VFat>(&device, &options(&[])).unwrap();
    assert!(left > 0);
    assert!(findings.iter().any(|f| f.path == path && f.text.contains(text)), "{findings:#?}");
    assert!(device.bytes() == bytes, "a check changes nothing");
    let (left, findings) = fake::repair::<VFat>(&device, &options(&[])).unwrap();
    if safe {
        assert_eq!(left, 0, "{findings:#?}");
        judge(&device.bytes());
    } else {
        assert!(left > 0, "{findings:#?}");
    }
}

#[test]
fn a_sound_volume_has_nothing_to_find() {
    for bytes in [sampler(), sampler_32()] {
        assert_eq!(fake::check::<VFat>(&Device::new(bytes, 512), &options(&[])).unwrap(), (0, vec![]));
    }
}

#[test]
fn a_chain_that_runs_in_a_circle_is_told() {
    let mut bytes = sampler().to_vec();
    let first = start(&bytes, FIRST);
    set(&mut bytes, first + 2, first);
    refuses(&bytes, "first file", "circle");
    found(&bytes, "/first file", "circle", true);
}

#[test]
fn a_directory_that_runs_in_a_circle_is_told() {
    let mut bytes = sampler().to_vec();
    let dir = start(&bytes, DIR);
    set(&mut bytes, dir, dir);
    let device = Device::new(&bytes, 512);
    let volume = mount(&device);
    let refusal = volume.walk("directory").err().unwrap();
    assert_eq!(refusal.errno, Errno::EIO);
    assert!(refusal.place.contains("directory"), "{refusal}");
}

#[test]
fn a_chain_into_free_space_is_told() {
    let mut bytes = sampler().to_vec();
    let first = start(&bytes, FIRST);
    set(&mut bytes, first + 3, 0);
    refuses(&bytes, "first file", "free space");
    found(&bytes, "/first file", "free space", true);
}

#[test]
fn a_chain_out_of_the_volume_is_told() {
    let mut bytes = sampler().to_vec();
    let first = start(&bytes, FIRST);
    set(&mut bytes, first + 3, 0xfff0);
    refuses(&bytes, "first file", "leaves the volume");
    found(&bytes, "/first file", "leaves the volume", true);
}

#[test]
fn two_files_with_one_cluster_are_told() {
    let mut bytes = sampler().to_vec();
    let (first, second) = (start(&bytes, FIRST), start(&bytes, SECOND));
    set(&mut bytes, first + 2, second + 1);
    let device = Device::new(&bytes, 512);
    let volume = mount(&device);
    assert_eq!(content(&volume, "SECOND.TXT").len(), 3000);
    // Both are known now.
    let held = volume.walk("SECOND.TXT").unwrap();
    let refusal = volume.read(volume.walk("first file").unwrap().node).unwrap_err();
    assert!(refusal.what.contains("another file") && refusal.place.contains("first file"), "{refusal}");
    volume.forget(held.node, 2);
    volume.unmount().unwrap();
    found(&bytes, "/SECOND.TXT", "belongs to /first file too", false);
}

#[test]
fn a_chain_that_is_too_short_or_too_long_is_told() {
    let mut bytes = sampler().to_vec();
    let first = start(&bytes, FIRST);
    set(&mut bytes, first + 3, 0xffff);
    found(&bytes, "/first file", "its chain holds 2048", true);
    let device = Device::new(&bytes, 512);
    let volume = mount(&device);
    let refusal = volume.read(volume.walk("first file").unwrap().node).unwrap_err();
    assert_eq!(refusal.errno, Errno::EIO);
    let mut bytes = sampler().to_vec();
    let at = entry(&bytes, FIRST) + 28;
    bytes[at..at + 4].copy_from_slice(&100_u32.to_le_bytes());
    found(&bytes, "/first file", "longer than 100 bytes need", true);
}

#[test]
fn clusters_of_nobody_and_tables_that_differ_are_told() {
    let mut bytes = sampler().to_vec();
    set(&mut bytes, 3000, 3001);
    set(&mut bytes, 3001, 0xffff);
    found(&bytes, "", "2 clusters are in use and belong to no file", true);
    let mut bytes = sampler().to_vec();
    let (fat, len, _) = places(&bytes);
    bytes[fat + len + 20] ^= 1;
    found(&bytes, "", "copy 2 of the file allocation table differs", true);
}

#[test]
fn a_free_count_and_a_copy_of_the_boot_sector_that_are_wrong_are_told() {
    let mut bytes = sampler_32().to_vec();
    bytes[512 + 488] ^= 1;
    found(&bytes, "", "free count is wrong", true);
    let mut bytes = sampler_32().to_vec();
    bytes[6 * 512 + 80] ^= 1;
    let device = Device::new(&bytes, 512);
    assert_eq!(fake::repair::<VFat>(&device, &options(&[])).unwrap().0, 0);
    judge(&device.bytes());
}

#[test]
fn names_that_belong_together_no_more_are_told() {
    let mut bytes = sampler().to_vec();
    let at = entry(&bytes, FIRST);
    bytes[at] = b'X';
    let device = Device::new(&bytes, 512);
    // The alias stays a name.
    assert!(names(&mount(&device), 1).contains(&"XIRSTF~1".to_owned()));
    let (left, findings) = fake::check::<VFat>(&device, &options(&[])).unwrap();
    assert_eq!((left, findings[0].path.as_str()), (1, "/"), "{findings:#?}");
    assert_eq!(fake::repair::<VFat>(&device, &options(&[])).unwrap().0, 0);
    judge(&device.bytes());
}

#[test]
fn a_wrong_parent_is_told() {
    let mut bytes = sampler().to_vec();
    let dir = usize::from(start(&bytes, DIR));
    let (_, _, root) = places(&bytes);
    let data = root + usize::from(u16::from_le_bytes([bytes[17], bytes[18]])) * 32;
    let at = data + (dir - 2) * 512 + 32 + 26;
    bytes[at] = 9;
    found(&bytes, "/directory", "'..' leads to cluster 9, expected 0", true);
}

#[test]
fn a_damaged_boot_sector_is_refused_with_what_is_wrong() {
    let change = |at: usize, new: &[u8]| {
        let mut bytes = sampler().to_vec();
        bytes[at..at + new.len()].copy_from_slice(new);
        let refusal = fake::mount::<VFat>(&Device::new(&bytes, 512), &options(&[])).err().unwrap();
        assert!(
            !refusal.what.is_empty() && !refusal.expected.is_empty() && !refusal.remedy.is_empty(),
            "{refusal}"
        );
        refusal.errno
    };
    assert_eq!(change(11, &[0, 1]), Errno::EINVAL);
    assert_eq!(change(13, &[3]), Errno::EINVAL);
    assert_eq!(change(16, &[0]), Errno::EINVAL);
    assert_eq!(change(14, &[0, 0]), Errno::EUCLEAN);
    assert_eq!(change(17, &[1, 0]), Errno::EUCLEAN);
    assert_eq!(change(19, &[0xff, 0xff]), Errno::EUCLEAN);
    assert_eq!(change(19, &[10, 0]), Errno::EUCLEAN);
    let zeroes = Device::new(vec![0; 4096], 512);
    assert_eq!(fake::mount::<VFat>(&zeroes, &options(&[])).err().unwrap().errno, Errno::EINVAL);
    assert_eq!(fake::probe::<VFat>(&zeroes, &options(&[])).unwrap(), None);
    assert_eq!(fake::mount::<VFat>(None, &options(&[])).err().unwrap().errno, Errno::ENODEV);
}

#[test]
fn what_lies_after_the_end_of_a_directory_never_becomes_a_name() {
    let mut bytes = sampler().to_vec();
    let (_, _, root) = places(&bytes);
    let end = (root..).step_by(32).find(|at| bytes[*at] == 0).unwrap();
    for slot in 1..100 {
        let at = end + slot * 32;
        bytes[at..at + 11].copy_from_slice(b"GHOST   TXT");
        bytes[at + 11] = 0x20;
    }
    let device = Device::new(&bytes, 512);
    let volume = mount(&device);
    file(&volume, volume.root(), "a new file with a long name that takes slots", b"x");
    assert!(!names(&volume, volume.root()).iter().any(|name| name.contains("GHOST")));
    volume.unmount().unwrap();
    judge(&device.bytes());
    assert!(!names(&mount(&device), 1).iter().any(|name| name.contains("GHOST")));
    assert_eq!(get(&device.bytes(), 0) & 0xff, 0xf8);
}
