//! A device over a file of the VFS, as the fake host has them.

mod common;

use std::path::Path;

use common::{Given, content, pattern, punches};
use nxvfs_sdk::abi::block::GEOMETRY_WRITABLE;
use nxvfs_sdk::fake::VfsFile;
use nxvfs_sdk::{Errno, WRITE_FUA};

#[test]
fn its_sectors_are_the_files_bytes() {
    let file = VfsFile::new(pattern(10_000));
    let given = Given { offset: 100, sizelimit: 4096, ..Given::vfs(&file) };
    let disk = given.attach().unwrap();
    assert_eq!(content(&disk), pattern(10_000)[100..4196]);
    disk.write(2, &[7; 1024], 0).unwrap();
    let mut expected = pattern(10_000);
    expected[100 + 1024..100 + 2048].fill(7);
    assert_eq!(file.bytes(), expected);
    assert_eq!(file.syncs(), 0);
    disk.flush().unwrap();
    assert_eq!(file.syncs(), 1);
    disk.write(0, &[8; 512], WRITE_FUA).unwrap();
    assert_eq!(file.syncs(), 2);
    for (start, count) in [(8, 1), (7, 2), (u64::MAX, 1)] {
        assert_eq!(disk.read(start, &mut vec![0; count * 512], 0).unwrap_err().errno, Errno::EINVAL);
        assert_eq!(disk.write(start, &vec![0; count * 512], 0).unwrap_err().errno, Errno::EINVAL);
    }
    disk.detach().unwrap();
    assert_eq!(file.syncs(), 3);
}

#[test]
fn discarded_sectors_are_a_hole_where_the_file_can_have_one() {
    for holes in [true, false] {
        let file = VfsFile::new(pattern(4096)).without_holes(!holes);
        let disk = Given::vfs(&file).attach().unwrap();
        assert!(!punches(&disk), "zeroes are not promised");
        disk.discard(1, 3).unwrap();
        let mut expected = pattern(4096);
        if holes {
            expected[512..2048].fill(0);
        }
        assert_eq!(file.bytes(), expected);
    }
}

#[test]
fn a_file_that_may_only_be_read_is_a_read_only_device_unless_that_was_ruled_out() {
    let file = VfsFile::new(pattern(4096)).read_only(true);
    let disk = Given::vfs(&file).attach().unwrap();
    assert_eq!(disk.geometry().unwrap().flags & GEOMETRY_WRITABLE, 0);
    assert_eq!(disk.write(0, &[1; 512], 0).unwrap_err().errno, Errno::EROFS);
    let refusal = Given::vfs(&file).ro(false).refusal();
    assert_eq!((refusal.errno, refusal.what.as_str()), (Errno::EROFS, "file cannot be opened"));
    assert!(refusal.place == "/fake/file" && !refusal.remedy.is_empty(), "{refusal}");
    let file = VfsFile::new(pattern(4096));
    let disk = Given::vfs(&file).ro(true).attach().unwrap();
    assert_eq!(disk.write(0, &[1; 512], 0).unwrap_err().errno, Errno::EROFS);
}

#[test]
fn trouble_of_the_file_is_told() {
    let file = VfsFile::new(pattern(4096));
    let disk = Given::vfs(&file).attach().unwrap();
    file.fail(true);
    for refusal in [
        disk.read(0, &mut [0; 512], 0).unwrap_err(),
        disk.write(0, &[0; 512], 0).unwrap_err(),
        disk.flush().unwrap_err(),
        disk.discard(0, 1).unwrap_err(),
    ] {
        assert_eq!(refusal.errno, Errno::EIO);
        assert!(refusal.place.starts_with("/fake/file") && !refusal.found.is_empty(), "{refusal}");
    }
    file.fail(false);
    file.set_len(1000);
    let error = disk.read(1, &mut [0; 512], 0).unwrap_err();
    assert_eq!((error.errno, error.what.as_str()), (Errno::EIO, "file ends before the medium does"));
}

#[test]
fn one_file_is_named_and_it_holds_a_sector() {
    let file = VfsFile::new(pattern(511));
    assert_eq!(Given::vfs(&file).refusal().errno, Errno::ERANGE);
    let both = Given { file: Path::new("disk.img"), ..Given::vfs(&file) }.refusal();
    assert_eq!((both.errno, both.what.as_str()), (Errno::EINVAL, "two files for the loop device"));
}
