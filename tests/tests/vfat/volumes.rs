//! Volumes as a whole: the dirty flag, remounting, a disk that is full, volumes in volumes, detection and checks.

use nxvfs::{Errno, Host, MountOptions};
use nxvfs_abi::types::open::{O_CREAT, O_RDWR};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Board, Folder, Link, tool, words};

use crate::{Fat, Place, attach, everywhere, make};

fn remount(host: &Host, words: &str) -> nxvfs::Result<()> {
    let options = nxvfs::plugin::params::parse_assignments(&format!("remount,{words}"));
    host.remount("/mnt", &MountOptions::parse(options).unwrap())
}

#[test]
fn a_volume_is_marked_while_it_is_mounted_for_writing_and_not_afterwards() {
    everywhere(|place| {
        let fat = Fat::new(place, 36_864, &["-F", "32"], "");
        let task = fat.task();
        let fd = make(&task, "/mnt/f", b"x");
        task.fsync(fd, false).unwrap();
        let marked = |board: &Board| board.read("/dev/disk")[65] & 1 == 1;
        assert!(marked(&fat.board));
        taught(remount(&fat.board, "ro"), Errno::EBUSY, &["descriptor"]);
        task.close(fd).unwrap();
        remount(&fat.board, "ro").unwrap();
        assert!(!marked(&fat.board));
        errno(task.open("/mnt/g", O_RDWR | O_CREAT, 0o644), Errno::EROFS);
        remount(&fat.board, "rw").unwrap();
        assert!(marked(&fat.board));
        let fd = make(&task, "/mnt/g", b"y");
        task.close(fd).unwrap();
        task.end();
        let (image, _folder) = fat.judged();
        assert_eq!(std::fs::read(image).unwrap()[65] & 1, 0);
    });
}

#[test]
fn a_volume_that_was_not_unmounted_is_found_by_the_check_and_repaired() {
    everywhere(|place| {
        let folder = Folder::new();
        let image = folder.at("fat.img");
        tool::mkfs_fat(&image, 4096, &["-F", "12"]);
        let mut bytes = std::fs::read(&image).unwrap();
        bytes[37] |= 1;
        std::fs::write(&image, bytes).unwrap();
        let board = attach(place, &image);
        assert_eq!(board.detect("/dev/disk").unwrap().0, "vfat");
        let mut found = Vec::new();
        let left = board.check("/dev/disk", "vfat", &[], false, &mut |finding| {
            found.push(finding.text);
            true
        });
        assert_eq!((left.unwrap(), found.len()), (1, 1), "{found:?}");
        assert_eq!(board.check("/dev/disk", "vfat", &[], true, &mut |_| true).unwrap(), 0);
        assert_eq!(board.check("/dev/disk", "vfat", &[], false, &mut |_| true).unwrap(), 0);
        board.end();
        assert_eq!(tool::fsck_fat(&image), [""; 0]);
    });
}

#[test]
fn what_is_no_volume_is_not_detected_and_what_is_mounted_is_not_checked() {
    let folder = Folder::new().file("noise.img", pattern(1, 65_536));
    let board = attach(Place { link: Link::Static, memory: false }, &folder.at("noise.img"));
    taught(board.detect("/dev/disk"), Errno::EINVAL, &["/dev/disk", "vfat"]);
    refused(board.detect("/dev/null"), Errno::ENOTBLK, &["/dev/null"]);
    board.format("/dev/disk", "vfat", &[]).unwrap();
    let board = board.mount("/dev/disk", "/mnt", "vfat", "");
    refused(board.check("/dev/disk", "vfat", &[], true, &mut |_| true), Errno::EBUSY, &["/mnt"]);
    refused(board.detect("/dev/disk"), Errno::EBUSY, &["/mnt"]);
}

#[test]
fn a_volume_in_a_file_of_a_volume_works_to_its_last_byte() {
    everywhere(|place| {
        let fat = Fat::new(place, 65_536, &["-F", "32"], "");
        let task = fat.task();
        let fd = make(&task, "/mnt/inner.img", b"");
        task.ftruncate(fd, 16 << 20).unwrap();
        task.close(fd).unwrap();
        let host = fat.board.host();
        host.attach("loop", "/dev/inner", &words("vfs=/mnt/inner.img")).unwrap();
        host.format("/dev/inner", "vfat", &[]).unwrap();
        host.mount(Some("/dev/inner"), "/in", "vfat", &MountOptions::default()).unwrap();
        errno(host.unmount("/mnt"), Errno::EBUSY);
        std::thread::scope(|scope| {
            for number in 0..4_u8 {
                scope.spawn(move || {
                    let task = host.task();
                    for dir in ["/mnt", "/in"] {
                        let fd = make(&task, &format!("{dir}/file {number}"), &[number; 300_000]);
                        task.fsync(fd, false).unwrap();
                        task.close(fd).unwrap();
                    }
                });
            }
        });
        host.sync().unwrap();
        host.unmount("/in").unwrap();
        host.detach("/dev/inner").unwrap();
        task.end();
        let (image, folder) = fat.judged();
        let inner = folder.at("inner.img");
        std::fs::write(&inner, tool::mtype(&image, "inner.img")).unwrap();
        assert_eq!(tool::fsck_fat(&inner), [""; 0]);
        for number in 0..4 {
            assert!(tool::mtype(&inner, &format!("file {number}")) == vec![number; 300_000]);
            assert!(tool::mtype(&image, &format!("file {number}")) == vec![number; 300_000]);
        }
    });
}
