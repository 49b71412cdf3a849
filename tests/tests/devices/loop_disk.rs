//! A disk over a file by plain reads and writes: no memory to grant, everything else as on a RAM disk.

use nxvfs::Errno;
use nxvfs::mapping::MapRequest;
use nxvfs::tree::Tier;
use nxvfs_abi::types::open::{O_RDONLY, O_RDWR};
use nxvfs_tests::check::{refused, taught};
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Board, Folder, genromfs, on_both_links};

const LEN: usize = 50_000;

fn folder() -> Folder {
    let folder = Folder::new().file("tree/dir/file", pattern(5, LEN));
    genromfs(&folder.at("tree"), &folder.at("rom.img"));
    folder
}

on_both_links! {
    fn a_volume_on_it_is_read_and_says_why_it_is_not_in_place(link: Link) {
        let folder = folder();
        let params = format!("file={},ro", folder.at("rom.img").display());
        let board = Board::new(link).attach("loop", "/dev/loop0", &params);
        let board = board.mount("/dev/loop0", "/rom", "romfs", "");
        assert_eq!(board.read("/rom/dir/file"), pattern(5, LEN));
        let agreement = &board.mounts()[0].agreement;
        assert!(agreement.fioc_mmap && agreement.bioc_xipbase.is_none());
        let task = board.task();
        let explained = task.explain("/rom/dir/file").unwrap();
        assert_eq!((explained.tier, explained.extents.len()), (Tier::Ram, 1));
        assert!(explained.reason.contains("loop"), "{}", explained.reason);
        let fd = task.open("/rom/dir/file", O_RDONLY, 0).unwrap();
        let strict = MapRequest { strict: true, ..MapRequest::read(0, 1) };
        taught(task.mmap(fd, &strict), Errno::ENXIO, &["/rom/dir/file", "loop"]);
        drop(task);
        refused(board.try_mount("/dev/loop0", "/x", "romfs", "mmap=xip"), Errno::ENXIO, &["loop"]);
    }

    fn its_bytes_are_those_of_the_file(link: Link) {
        let folder = Folder::new().file("disk.img", pattern(6, 64 * 512));
        let path = folder.at("disk.img");
        let board = Board::new(link).attach("loop", "/dev/loop0", &format!("file={}", path.display()));
        let task = board.task();
        let fd = task.open("/dev/loop0", O_RDWR, 0).unwrap();
        assert_eq!(board.read("/dev/loop0"), pattern(6, 64 * 512));
        // Parts of sectors keep the rest of their content.
        assert_eq!(task.pwrite(fd, b"across a border", 505).unwrap(), 15);
        task.fsync(fd, false).unwrap();
        let mut expected = pattern(6, 64 * 512);
        expected[505..520].copy_from_slice(b"across a border");
        assert!(std::fs::read(&path).unwrap() == expected);
        assert!(board.read("/dev/loop0") == expected);
    }
}
