//! Views and the ends of what they show: forced and lazy unmounts, volumes that become read-only, devices that somebody
//! wants to mount.

#![allow(unsafe_code, reason = "uses mapped memory by its address")]

use std::ptr::with_exposed_provenance_mut;

use nxvfs::Errno;
use nxvfs::mapping::{MapRequest, Mapping, Prot};
use nxvfs::tree::{Tier, UnmountFlags};
use nxvfs_abi::types::open::{O_CREAT, O_RDONLY, O_RDWR};
use nxvfs_tests::check::{errno, refused};
use nxvfs_tests::image::pattern;
use nxvfs_tests::process::page_bytes;
use nxvfs_tests::{Board, Folder, genromfs, on_both_links, words};

const FORCE: UnmountFlags = UnmountFlags(UnmountFlags::FORCE);
const DETACH: UnmountFlags = UnmountFlags(UnmountFlags::DETACH);

fn seen(view: &Mapping, offset: usize, len: usize) -> Vec<u8> {
    let mut buf = vec![0; len];
    view.read_at(offset, &mut buf).unwrap();
    buf
}

on_both_links! {
    fn a_view_of_a_copy_outlives_a_forced_unmount_with_what_was_stored(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "");
        let task = board.task();
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT, 0o600).unwrap();
        task.write(fd, &pattern(1, 10_000)).unwrap();
        let view = task.map(fd, &MapRequest::shared(0, 10_000, Prot::READ_WRITE)).unwrap();
        view.write_at(100, b"stored").unwrap();
        refused(board.unmount("/tmp"), Errno::EBUSY, &["mapping at"]);
        board.unmount_with("/tmp", FORCE).unwrap();
        assert!(board.mounts().is_empty());
        // Memory stays memory; the file is gone.
        assert_eq!(seen(&view, 100, 6), b"stored");
        view.write_at(200, b"still").unwrap();
        errno(task.pread(fd, &mut [0; 1], 0), Errno::EIO);
        errno(view.sync(), Errno::EIO);
        errno(task.map(fd, &MapRequest::read(0, 1)).map(drop), Errno::EIO);
        drop(view);
        let _ = task.close(fd);
        drop(task);
        assert_eq!(board.mapping_budget().used_bytes(), 0, "nothing is kept for a volume that is gone");
    }

    fn pages_that_were_not_touched_before_a_forced_unmount_are_a_fault(link: Link) {
        let folder = Folder::new().file("tree/f", pattern(2, 4 << 20));
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).attach("loop", "/dev/loop0", &format!("file={},ro", image.display()));
        let board = board.mount("/dev/loop0", "/rom", "romfs", "");
        let task = board.task();
        let fd = task.open("/rom/f", O_RDONLY, 0).unwrap();
        let view = task.map(fd, &MapRequest::read(0, 4 << 20)).unwrap();
        assert!(seen(&view, 0, 100) == pattern(2, 4 << 20)[..100]);
        board.unmount_with("/rom", FORCE).unwrap();
        board.detach("/dev/loop0").unwrap();
        assert!(seen(&view, 0, 100) == pattern(2, 4 << 20)[..100]);
        errno(view.read_at(3 << 20, &mut [0; 1]), Errno::EFAULT);
    }

    fn a_view_in_place_reads_on_after_a_forced_unmount(link: Link) {
        let folder = Folder::new().file("tree/f", pattern(3, 20_000));
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "mmap=xip");
        let task = board.task();
        let fd = task.open("/rom/f", O_RDONLY, 0).unwrap();
        let view = task.map(fd, &MapRequest::read(0, 20_000)).unwrap();
        assert_eq!(view.tier(), Tier::Xip);
        let lent = task.open("/rom/f", O_RDONLY, 0).unwrap();
        task.borrow_in_place(lent).unwrap();
        refused(board.unmount_with("/rom", FORCE), Errno::EBUSY, &["borrow"]);
        task.close(lent).unwrap();
        board.unmount_with("/rom", FORCE).unwrap();
        board.detach("/dev/rom0").unwrap();
        assert!(seen(&view, 0, 20_000) == pattern(3, 20_000));
    }

    fn a_detached_volume_ends_with_its_last_view(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "");
        let task = board.task();
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT, 0o600).unwrap();
        task.write(fd, b"content").unwrap();
        let address = task.mmap(fd, &MapRequest::shared(0, page_bytes(), Prot::READ_WRITE)).unwrap();
        task.close(fd).unwrap();
        board.unmount_with("/tmp", DETACH).unwrap();
        errno(task.stat("/tmp/f").map(drop), Errno::ENOENT);
        // SAFETY: a page that is mapped writable.
        unsafe { with_exposed_provenance_mut::<u8>(address).write(b'C') };
        let users = || board.plugins().list().into_iter().find(|p| p.name == "tmpfs").unwrap().users;
        assert!(!users().is_empty());
        task.munmap(address, 1).unwrap();
        assert!(users().is_empty(), "{:?}", users());
    }

    fn a_volume_does_not_become_read_only_under_a_view_that_may_store(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "");
        let task = board.task();
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT, 0o600).unwrap();
        task.write(fd, b"content").unwrap();
        let view = task.map(fd, &MapRequest::shared(0, 7, Prot::READ_WRITE)).unwrap();
        task.close(fd).unwrap();
        let read_only = nxvfs::MountOptions::parse(words("ro")).unwrap();
        refused(board.remount("/tmp", &read_only), Errno::EBUSY, &["mapping"]);
        view.write_at(0, b"C").unwrap();
        drop(view);
        board.remount("/tmp", &read_only).unwrap();
        assert_eq!(board.read("/tmp/f"), b"Content");
    }

    fn nothing_is_executed_from_a_volume_that_does_not_allow_it(link: Link) {
        let folder = Folder::new().file("tree/f", pattern(4, 5000));
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "noexec");
        let task = board.task();
        let fd = task.open("/rom/f", O_RDONLY, 0).unwrap();
        let execute = MapRequest::shared(0, 5000, Prot::READ_EXECUTE);
        refused(task.mmap(fd, &execute), Errno::EACCES, &["/rom/f", "execution"]);
        let address = task.mmap(fd, &MapRequest::read(0, 5000)).unwrap();
        let page = address - address % page_bytes();
        errno(task.mprotect(page, page_bytes(), Prot::READ_EXECUTE), Errno::EACCES);
    }

    fn a_device_is_not_mounted_to_be_written_under_a_view_that_may_store(link: Link) {
        let folder = Folder::new().file("tree/f", pattern(5, 5000));
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).attach("loop", "/dev/loop0", &format!("file={}", image.display()));
        let task = board.task();
        let fd = task.open("/dev/loop0", O_RDWR, 0).unwrap();
        let view = task.map(fd, &MapRequest::shared(0, 4096, Prot::READ_WRITE)).unwrap();
        task.close(fd).unwrap();
        // A mount of romfs claims what it asks for, whether or not the file system writes.
        refused(board.try_mount("/dev/loop0", "/rom", "romfs", "rw"), Errno::EBUSY, &["/dev/loop0"]);
        drop(view);
        board.try_mount("/dev/loop0", "/rom", "romfs", "rw").unwrap();
    }
}
