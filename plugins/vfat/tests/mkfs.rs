//! Volumes that we make: field by field those of mkfs.fat for the same options, and satisfying fsck.fat.

mod common;

use common::*;
use nxvfs_sdk::Errno;
use nxvfs_sdk::fake::{self, Device, Value};
use nxvfs_vfat::VFat;

/// Everything that `format` asks for, with changes.
fn wishes<'a>(changes: &[(&'a str, Value<'a>)]) -> Vec<(&'a str, Value<'a>)> {
    let mut all = options(&[]);
    for name in ["F", "s", "S", "R", "r", "M", "h"] {
        all.push((name, Value::Uint(0)));
    }
    all.push(("f", Value::Uint(2)));
    all.push(("n", Value::Str("")));
    all.push(("i", Value::Str("")));
    all.push(("a", Value::Bool(false)));
    all.push(("align", Value::Size(4096)));
    all.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    all.extend_from_slice(changes);
    all
}

fn made(bytes: usize, sector: u32, changes: &[(&str, Value<'_>)]) -> fake::Result<Vec<u8>> {
    // What was there before shows only where a volume has something; large ones are left empty to save time.
    let before = if bytes > 100 << 20 { 0 } else { 0xaa };
    let device = Device::new(vec![before; bytes], sector);
    fake::format::<VFat>(&device, &wishes(changes))?;
    Ok(device.bytes())
}

/// Compares with what mkfs.fat makes of the same options.
#[track_caller]
fn compare(kib: usize, args: &[&str], changes: &[(&str, Value<'_>)]) {
    let image = Image::new(&[]);
    std::fs::File::options().write(true).open(image.path()).unwrap().set_len(kib as u64 * 1024).unwrap();
    let mut all = vec!["--invariant"];
    all.extend_from_slice(args);
    let path = image.path();
    all.push(path.to_str().unwrap());
    let (done, said) = tool("mkfs.fat", &all);
    let mut wished = vec![("align", Value::Size(0)), ("i", Value::Str("1234abcd"))];
    wished.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    wished.extend_from_slice(changes);
    let ours = made(kib * 1024, 512, &wished);
    if !done {
        assert!(ours.is_err(), "{kib} KiB {args:?}: mkfs.fat refuses: {said}");
        return;
    }
    let ours = ours.unwrap_or_else(|refusal| panic!("{kib} KiB {args:?}: {refusal}"));
    let theirs = image.bytes();
    let wide = theirs[22..24] == [0, 0];
    let end = if wide { 90 } else { 62 };
    assert_eq!(ours[11..end], theirs[11..end], "{kib} KiB {args:?}: boot sector");
    let number = |at: usize| usize::from(u16::from_le_bytes([theirs[at], theirs[at + 1]]));
    let (sector, reserved) = (number(11), number(14));
    let fat = if wide { number(36) } else { number(22) };
    let root = if wide { usize::from(theirs[13]) * sector } else { number(17) * 32 };
    let start = reserved * sector;
    let len = usize::from(theirs[16]) * fat * sector + root;
    let differ = (start..start + len).find(|at| ours[*at] != theirs[*at]);
    // The label's entry has the time of its making.
    let label_time =
        |at: usize| at >= start + len - root && (12..28).contains(&((at - (start + len - root)) % 32));
    assert!(differ.is_none_or(label_time), "{kib} KiB {args:?}: byte {differ:x?} of tables and root");
    if wide {
        for at in [1, 7] {
            let at = at * sector;
            assert_eq!(ours[at..at + 512], theirs[at..at + 512], "{kib} KiB {args:?}: free count");
        }
        assert_eq!(
            ours[6 * sector + 11..6 * sector + end],
            theirs[6 * sector + 11..6 * sector + end],
            "copy"
        );
    }
    let image = Image::new(&ours);
    assert!(image.fsck(&["-n"]).is_empty(), "{kib} KiB {args:?}: {:?}", image.fsck(&["-n"]));
}

#[test]
fn every_size_is_laid_out_as_by_mkfs_fat() {
    for kib in [
        160, 180, 320, 360, 500, 720, 1200, 1440, 2880, 4000, 4096, 4100, 8192, 10_000, 16_384, 32_768,
        65_536, 131_072, 524_288,
    ] {
        compare(kib, &[], &[]);
    }
}

#[test]
fn every_option_does_what_it_does_in_mkfs_fat() {
    let number = Value::Uint;
    compare(65_536, &["-F", "32"], &[("F", number(32))]);
    compare(65_536, &["-F", "16"], &[("F", number(16))]);
    compare(65_536, &["-F", "12"], &[("F", number(12))]);
    compare(4_096, &["-F", "32"], &[("F", number(32))]);
    compare(4_096, &["-F", "16"], &[("F", number(16))]);
    compare(65_536, &["-F", "32", "-s", "8"], &[("F", number(32)), ("s", number(8))]);
    compare(
        65_536,
        &["-F", "32", "-s", "1", "-R", "40"],
        &[("F", number(32)), ("s", number(1)), ("R", number(40))],
    );
    compare(
        65_536,
        &["-F", "16", "-s", "4", "-R", "5", "-f", "1", "-r", "100"],
        &[("F", number(16)), ("s", number(4)), ("R", number(5)), ("f", number(1)), ("r", number(100))],
    );
    compare(65_536, &["-a"], &[("a", Value::Bool(true))]);
    compare(65_536, &["-a", "-r", "112"], &[("a", Value::Bool(true)), ("r", number(112))]);
    compare(
        65_536,
        &["-F", "32", "-S", "4096", "-s", "1"],
        &[("F", number(32)), ("S", number(4096)), ("s", number(1))],
    );
    compare(65_536, &["-S", "2048"], &[("S", number(2048))]);
    compare(
        65_536,
        &["-n", "MY LABEL", "-i", "deadbeef"],
        &[("n", Value::Str("my label")), ("i", Value::Str("deadbeef"))],
    );
    compare(65_536, &["-M", "0xf0", "-h", "63"], &[("M", number(0xf0)), ("h", number(63))]);
    compare(1_440, &["-F", "16"], &[("F", number(16))]);
}

#[test]
fn the_data_area_is_aligned_to_a_page_unless_told_otherwise() {
    for kib in [1440_usize, 8192, 65_536] {
        for bits in [0, 32] {
            let bytes = made(kib * 1024, 512, &[("F", Value::Uint(bits))]).unwrap();
            let image = Image::new(&bytes);
            assert!(image.fsck(&["-n"]).is_empty(), "{kib} {bits}: {:?}", image.fsck(&["-n"]));
            let device = Device::new(&bytes, 512).xip(true);
            let volume = mount(&device);
            let node = file(&volume, volume.root(), "file", &pattern(10_000, 1));
            let (extents, pin) = volume.map_extents(node, 0, 10_000).unwrap();
            let cluster = volume.statfs().unwrap().block_size_bytes;
            if cluster >= 4096 {
                assert!(
                    extents.iter().all(|extent| extent.medium_offset % 4096 == 0),
                    "{kib} {bits}: {extents:?}"
                );
            }
            let number = |at: usize| u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
            let fat = if bits == 32 || number(22) == 0 { number(36) } else { number(22) };
            let start = (number(14) + u64::from(bytes[16]) * fat) * 512 + number(17) * 32;
            assert_eq!(start % 4096, 0, "{kib} {bits}");
            volume.unpin(node, pin);
            volume.unmount().unwrap();
            judge(&device.bytes());
        }
    }
}

#[test]
fn what_cannot_be_made_is_refused_with_a_reason() {
    let refuse = |bytes: usize, changes: &[(&str, Value<'_>)]| {
        let refusal = made(bytes, 512, changes).unwrap_err();
        assert_eq!(refusal.errno, Errno::EINVAL, "{changes:?}");
        assert!(!refusal.what.is_empty());
    };
    refuse(1024, &[]);
    refuse(1 << 20, &[("F", Value::Uint(13))]);
    refuse(1 << 20, &[("s", Value::Uint(3))]);
    refuse(1 << 20, &[("S", Value::Uint(256))]);
    refuse(1 << 20, &[("n", Value::Str("far too long a label"))]);
    refuse(1 << 20, &[("n", Value::Str("a*b"))]);
    refuse(1 << 20, &[("i", Value::Str("xyz"))]);
    refuse(1 << 20, &[("M", Value::Uint(1))]);
    refuse(64 << 20, &[("F", Value::Uint(12)), ("s", Value::Uint(1))]);
    let device = Device::new(vec![0; 1 << 20], 512).read_only(true);
    assert_eq!(refused(fake::format::<VFat>(&device, &wishes(&[]))), Errno::EROFS);
}

#[test]
fn a_device_with_long_sectors_gets_them() {
    let bytes = made(32 << 20, 4096, &[]).unwrap();
    assert_eq!(bytes[11..13], [0, 16]);
    let device = Device::new(&bytes, 4096);
    let volume = mount(&device);
    file(&volume, volume.root(), "f", &pattern(100_000, 7));
    volume.unmount().unwrap();
    judge(&device.bytes());
}
