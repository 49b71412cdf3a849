//! Disks over files of the VFS, one on another, and what keeps what.

use nxvfs::{Errno, MountOptions, Task};
use nxvfs_abi::types::open::{O_CREAT, O_RDONLY, O_RDWR};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Board, Folder, Link, genromfs, on_both_links, words};

const LEN: usize = 64 * 512;

/// A board with a tmpfs volume on `/tmp`.
fn tmp(link: Link) -> Board {
    let board = Board::new(link);
    board.host().mount(None, "/tmp", "tmpfs", &MountOptions::default()).unwrap();
    board
}

fn put(task: &Task, path: &str, bytes: &[u8]) {
    let fd = task.open(path, O_RDWR | O_CREAT, 0o644).unwrap();
    assert_eq!(task.pwrite(fd, bytes, 0).unwrap(), bytes.len());
    task.close(fd).unwrap();
}

fn rom() -> (Folder, Vec<u8>) {
    let folder = Folder::new().file("tree/dir/file", pattern(1, 50_000));
    genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let image = std::fs::read(folder.at("rom.img")).unwrap();
    (folder, image)
}

on_both_links! {
    fn a_volume_in_a_file_of_a_volume_is_read(link: Link) {
        let (_folder, image) = rom();
        let board = tmp(link);
        put(&board.task(), "/tmp/rom.img", &image);
        let board = board.attach("loop", "/dev/loop0", "vfs=/tmp/rom.img").mount("/dev/loop0", "/rom", "romfs", "");
        assert_eq!(board.read("/rom/dir/file"), pattern(1, 50_000));
        let status = &board.devices()[0];
        assert!(status.writable && status.cache.unwrap().misses > 0, "{status:?}");
        assert_eq!(status.given, [("vfs".to_owned(), "/tmp/rom.img".to_owned())]);
    }

    fn disks_on_disks_on_files_go_on_at_once(link: Link) {
        let (_folder, image) = rom();
        let board = tmp(link);
        put(&board.task(), "/tmp/outer.img", &[vec![0; 512], image].concat());
        // A disk on a disk's node, with other sectors, and one on that.
        let board = board
            .attach("loop", "/dev/loop0", "vfs=/tmp/outer.img,cache=32K")
            .attach("loop", "/dev/loop1", "vfs=/dev/loop0,offset=512,cache=32K")
            .attach("loop", "/dev/loop2", "vfs=/dev/loop1,cache=32K");
        let task = board.task();
        let fds = ["/dev/loop0", "/dev/loop1", "/dev/loop2"].map(|node| task.open(node, O_RDONLY, 0).unwrap());
        let board = board.mount("/dev/loop2", "/rom", "romfs", "ro");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (board, task, fds) = (&board, &task, &fds);
                scope.spawn(move || {
                    for round in 0..20 {
                        assert!(board.read("/rom/dir/file") == pattern(1, 50_000));
                        let mut buf = [0; 3000];
                        task.pread(fds[(thread + round) % 3], &mut buf, round as u64 * 1000).unwrap();
                    }
                });
            }
        });
        taught(board.detach("/dev/loop1"), Errno::EBUSY, &["device /dev/loop2"]);
        drop(task);
    }

    fn what_is_written_through_disks_on_disks_reaches_the_file(link: Link) {
        let board = tmp(link);
        put(&board.task(), "/tmp/disk.img", &pattern(2, LEN));
        let board = board
            .attach("loop", "/dev/loop0", "vfs=/tmp/disk.img")
            .attach("loop", "/dev/loop1", "vfs=/dev/loop0,offset=1000,sector_size=1024");
        let task = board.task();
        let fd = task.open("/dev/loop1", O_RDWR, 0).unwrap();
        let mut expected = pattern(2, LEN);
        std::thread::scope(|scope| {
            for part in 0..4_usize {
                let task = &task;
                scope.spawn(move || {
                    for round in 0..50 {
                        let fill = [(part * 50 + round) as u8; 1500];
                        task.pwrite(fd, &fill, part as u64 * 5000).unwrap();
                        if round % 10 == 0 {
                            task.fsync(fd, false).unwrap();
                        }
                    }
                });
            }
        });
        for part in 0..4 {
            expected[1000 + part * 5000..][..1500].fill((part * 50 + 49) as u8);
        }
        task.fsync(fd, false).unwrap();
        assert!(board.read("/tmp/disk.img") == expected);
        let mut all = vec![0; 4096];
        task.pread(fd, &mut all, 0).unwrap();
        assert!(all == expected[1000..1000 + 4096]);
        drop(task);
    }

    fn a_volume_below_a_disk_stays_and_names_it(link: Link) {
        let board = tmp(link);
        let task = board.task();
        put(&task, "/tmp/disk.img", &pattern(3, LEN));
        let board = board.attach("loop", "/dev/loop0", "vfs=/tmp/disk.img");
        taught(board.unmount("/tmp"), Errno::EBUSY, &["/tmp", "device /dev/loop0"]);
        // The name may go, the file stays until the disk ends.
        task.unlink("/tmp/disk.img").unwrap();
        assert!(board.read("/dev/loop0") == pattern(3, LEN));
        board.detach("/dev/loop0").unwrap();
        board.unmount("/tmp").unwrap();
    }

    fn one_that_writes_has_its_file_alone(link: Link) {
        let board = tmp(link);
        let task = board.task();
        put(&task, "/tmp/disk.img", &pattern(4, LEN));
        let attach = |node: &str, params: &str| board.host().attach("loop", node, &words(params));
        attach("/dev/loop0", "vfs=/tmp/disk.img").unwrap();
        for params in ["vfs=/tmp/disk.img", "vfs=/tmp/../tmp/disk.img,ro", "vfs=/tmp/disk.img,offset=1K"] {
            taught(attach("/dev/loop1", params), Errno::EBUSY, &["disk.img", "device /dev/loop0"]);
        }
        board.detach("/dev/loop0").unwrap();
        attach("/dev/loop0", "vfs=/tmp/disk.img,ro").unwrap();
        attach("/dev/loop1", "vfs=/tmp/disk.img,ro").unwrap();
        taught(attach("/dev/loop2", "vfs=/tmp/disk.img"), Errno::EBUSY, &["/dev/loop0"]);
        errno(task.open("/dev/loop0", O_RDWR, 0), Errno::EROFS);
    }

    fn what_cannot_be_a_disk_is_refused_and_nothing_is_held(link: Link) {
        let board = tmp(link);
        let task = board.task();
        put(&task, "/tmp/short", &[0; 100]);
        let attach = |params: &str| board.host().attach("loop", "/dev/loop0", &words(params));
        for (params, code, part) in [
            ("vfs=/tmp/none", Errno::ENOENT, "/tmp/none"),
            ("vfs=/tmp", Errno::EISDIR, "/tmp"),
            ("vfs=/dev/null", Errno::EINVAL, "/dev/null"),
            ("vfs=tmp/short", Errno::EINVAL, "absolute path"),
            ("vfs=/tmp/short", Errno::ERANGE, "less than one sector"),
            ("vfs=/tmp/short,file=/x", Errno::EINVAL, "two files"),
            ("", Errno::EINVAL, "vfs="),
        ] {
            refused(attach(params), code, &["/dev/loop0", part]);
        }
        board.unmount("/tmp").unwrap();
    }

    fn a_file_that_cannot_be_written_is_a_disk_that_cannot(link: Link) {
        let (folder, image) = rom();
        let inner = Folder::new().file("tree/inner.img", image);
        genromfs(&inner.at("tree"), &inner.at("outer.img"));
        let board = Board::new(link).romdisk("/dev/rom0", &inner.at("outer.img"));
        let board = board.mount("/dev/rom0", "/outer", "romfs", "");
        refused(
            board.host().attach("loop", "/dev/loop0", &words("vfs=/outer/inner.img,ro=n")),
            Errno::EROFS,
            &["/outer/inner.img", "ro=n"],
        );
        let board = board.attach("loop", "/dev/loop0", "vfs=/outer/inner.img");
        assert!(!board.devices()[0].writable);
        let board = board.mount("/dev/loop0", "/inner", "romfs", "");
        assert_eq!(board.read("/inner/dir/file"), pattern(1, 50_000));
        drop(folder);
    }
}

#[test]
fn a_host_that_ends_takes_down_disks_and_volumes_from_the_top() {
    let folder = Folder::new().file("disk.img", pattern(5, LEN));
    let path = folder.at("disk.img").display().to_string();
    let host = nxvfs::Host::new(nxvfs_tests::options(Link::Static)).unwrap();
    host.attach("loop", "/dev/loop0", &words(&format!("file={path}"))).unwrap();
    host.attach_partition("/dev/loop0", "/dev/part", 8, 32).unwrap();
    host.attach("loop", "/dev/loop1", &words("vfs=/dev/part")).unwrap();
    let task = host.task();
    let fd = task.open("/dev/loop1", O_RDWR, 0).unwrap();
    task.pwrite(fd, b"from the top", 5).unwrap();
    drop(task);
    drop(host);
    let mut expected = pattern(5, LEN);
    expected[8 * 512 + 5..][..12].copy_from_slice(b"from the top");
    assert!(std::fs::read(path).unwrap() == expected);
}

#[test]
fn discarded_sectors_are_a_hole_of_the_file_below() {
    let board = tmp(Link::Static);
    let task = board.task();
    put(&task, "/tmp/disk.img", &pattern(6, LEN));
    let board = board.attach("loop", "/dev/loop0", "vfs=/tmp/disk.img");
    let fd = task.open("/dev/loop0", O_RDWR, 0).unwrap();
    task.pwrite(fd, b"gone", 0).unwrap();
    task.ioctl(fd, nxvfs_abi::ioctl::BIOC_DISCARD, &mut []).unwrap();
    assert!(board.read("/tmp/disk.img") == vec![0; LEN]);
    assert!(board.read("/dev/loop0") == vec![0; LEN]);
    drop(task);
}
