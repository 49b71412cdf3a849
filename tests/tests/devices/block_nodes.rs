//! Block nodes as bytes, parts of devices, and who may write while others use the same sectors.

use nxvfs::mapping::MapRequest;
use nxvfs::{Errno, Task};
use nxvfs_abi::Str;
use nxvfs_abi::ioctl::{
    BIOC_BLKGETSIZE, BIOC_BLKSSZGET, BIOC_DISCARD, BIOC_FLUSH, BIOC_GEOMETRY, BIOC_PARTINFO, BIOC_XIPBASE,
    FIOC_REFORMAT,
};
use nxvfs_abi::types::open::{O_RDONLY, O_RDWR, O_WRONLY};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Board, Folder, Link, genromfs, on_both_links, words};

const SECTOR: u64 = 512;

/// A folder with a writable disk of so many sectors.
fn folder(sectors: u64) -> Folder {
    Folder::new().file("disk.img", pattern(1, (sectors * SECTOR) as usize))
}

fn looped(link: Link, folder: &Folder) -> Board {
    Board::new(link).attach("loop", "/dev/loop0", &format!("file={}", folder.at("disk.img").display()))
}

fn numbers<const N: usize>(task: &Task, fd: u32, command: u32) -> [u8; N] {
    let mut arg = [0; N];
    assert_eq!(task.ioctl(fd, command, &mut arg).unwrap(), 0);
    arg
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The parent's name in the answer of `BIOC_PARTINFO`.
#[allow(unsafe_code, reason = "the answer leads to a name of the host's")]
fn parent_of(info: &[u8]) -> &[u8] {
    let ptr = std::ptr::with_exposed_provenance(u64_at(info, 24) as usize);
    let name = Str { ptr, len: u64_at(info, 32) as usize };
    // SAFETY: the name lives as long as the device, which the caller has open.
    unsafe { name.bytes() }.unwrap()
}

on_both_links! {
    fn every_block_node_answers_the_commands_of_block_devices(link: Link) {
        let folder = folder(64);
        let board = looped(link, &folder).attach("ramdisk-xip", "/dev/ram0", "sectors=64");
        board.attach_partition("/dev/loop0", "/dev/loop0p1", 8, 16).unwrap();
        board.attach_partition("/dev/loop0p1", "/dev/loop0p1a", 4, 2).unwrap();
        board.attach_partition("/dev/ram0", "/dev/ram0p1", 8, 16).unwrap();
        let task = board.task();
        for (node, parent, start, count) in [
            ("/dev/loop0", "", 0, 64),
            ("/dev/ram0", "", 0, 64),
            ("/dev/loop0p1", "/dev/loop0", 8, 16),
            ("/dev/loop0p1a", "/dev/loop0p1", 4, 2),
            ("/dev/ram0p1", "/dev/ram0", 8, 16),
        ] {
            let fd = task.open(node, O_RDWR, 0).unwrap();
            assert_eq!(u32::from_ne_bytes(numbers(&task, fd, BIOC_BLKSSZGET)), 512);
            assert_eq!(u64::from_ne_bytes(numbers(&task, fd, BIOC_BLKGETSIZE)), count);
            assert_eq!(u64_at(&numbers::<24>(&task, fd, BIOC_GEOMETRY), 16), count);
            let info = numbers::<40>(&task, fd, BIOC_PARTINFO);
            assert_eq!((u64_at(&info, 8), u64_at(&info, 16)), (start, count));
            assert_eq!(parent_of(&info), parent.as_bytes(), "{node}");
            let status = board.devices().into_iter().find(|d| d.node == node).unwrap();
            assert_eq!(status.parent, (!parent.is_empty()).then(|| (parent.to_owned(), start)));
            assert_eq!(task.stat(node).unwrap().attr.size_bytes, count * SECTOR);
            task.ioctl(fd, BIOC_FLUSH, &mut []).unwrap();
            errno(task.ioctl(fd, BIOC_BLKGETSIZE, &mut [0; 7]), Errno::EINVAL);
            errno(task.ioctl(fd, FIOC_REFORMAT, &mut []), Errno::ENOTTY);
            let reader = task.open(node, O_RDONLY, 0).unwrap();
            errno(task.ioctl(reader, BIOC_DISCARD, &mut []), Errno::EBADF);
            task.close(reader).unwrap();
            task.close(fd).unwrap();
        }
    }

    fn a_part_and_its_device_are_the_same_bytes(link: Link) {
        let folder = folder(64);
        let board = looped(link, &folder);
        board.attach_partition("/dev/loop0", "/dev/p", 8, 16).unwrap();
        let task = board.task();
        let mut expected = pattern(1, 64 * 512);
        let (whole, part) = (task.open("/dev/loop0", O_RDWR, 0).unwrap(), task.open("/dev/p", O_RDWR, 0).unwrap());
        task.pwrite(part, b"from the part", 1000).unwrap();
        expected[8 * 512 + 1000..][..13].copy_from_slice(b"from the part");
        assert!(board.read("/dev/loop0") == expected);
        task.pwrite(whole, b"from the whole", 8 * SECTOR - 4).unwrap();
        expected[8 * 512 - 4..][..14].copy_from_slice(b"from the whole");
        assert!(board.read("/dev/p") == expected[8 * 512..24 * 512]);
        // It ends where it ends.
        assert_eq!(task.pwrite(part, &[7; 1000], 16 * SECTOR - 10).unwrap(), 10);
        expected[24 * 512 - 10..24 * 512].fill(7);
        errno(task.pwrite(part, b"x", 16 * SECTOR), Errno::ENOSPC);
        assert_eq!(task.pread(part, &mut [0; 8], 16 * SECTOR).unwrap(), 0);
        // A flush of either brings both to the medium.
        task.fsync(part, false).unwrap();
        assert!(std::fs::read(folder.at("disk.img")).unwrap() == expected);
        task.ioctl(part, BIOC_DISCARD, &mut []).unwrap();
        expected[8 * 512..24 * 512].fill(0);
        task.fsync(whole, false).unwrap();
        let now = board.read("/dev/loop0");
        assert!(now[..8 * 512] == expected[..8 * 512] && now[24 * 512..] == expected[24 * 512..]);
    }

    fn a_part_of_memory_is_memory(link: Link) {
        let folder = Folder::new().file("tree/file", pattern(2, 10_000));
        genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let mut disk = pattern(3, 9 * 512);
        disk.extend(std::fs::read(folder.at("rom.img")).unwrap());
        let sectors = (disk.len() as u64).div_ceil(SECTOR);
        disk.resize((sectors * SECTOR) as usize, 0);
        std::fs::write(folder.at("disk.img"), &disk).unwrap();
        let board = Board::new(link).romdisk("/dev/ram0", &folder.at("disk.img"));
        board.attach_partition("/dev/ram0", "/dev/ram0p1", 9, sectors - 9).unwrap();
        let board = board.mount("/dev/ram0p1", "/rom", "romfs", "mmap=xip");
        let task = board.task();
        let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
        let view = task.map(fd, &MapRequest::read(0, 10_000)).unwrap();
        let mut bytes = vec![0; 10_000];
        view.read_at(0, &mut bytes).unwrap();
        assert!(bytes == pattern(2, 10_000));
        let (whole, part) =
            (task.open("/dev/ram0", O_RDONLY, 0).unwrap(), task.open("/dev/ram0p1", O_RDONLY, 0).unwrap());
        let base = |fd| usize::from_ne_bytes(numbers(&task, fd, BIOC_XIPBASE));
        assert_eq!(base(part), base(whole) + 9 * 512);
    }

    fn a_part_must_lie_on_its_device_and_holds_it(link: Link) {
        let folder = folder(64);
        let board = looped(link, &folder);
        for (start, count) in [(0, 0), (64, 1), (0, 65), (63, 2), (u64::MAX, 1), (1, u64::MAX)] {
            refused(board.attach_partition("/dev/loop0", "/dev/p", start, count), Errno::EINVAL, &["/dev/loop0", "64"]);
        }
        refused(board.attach_partition("/dev/none", "/dev/p", 0, 1), Errno::ENOTBLK, &["/dev/none"]);
        refused(board.attach_partition("/dev/null", "/dev/p", 0, 1), Errno::ENOTBLK, &["/dev/null"]);
        refused(board.attach_partition("/dev/loop0", "/dev/loop0", 0, 1), Errno::EEXIST, &["/dev/loop0"]);
        board.attach_partition("/dev/loop0", "/dev/p", 0, 64).unwrap();
        taught(board.detach("/dev/loop0"), Errno::EBUSY, &["device /dev/p"]);
        let task = board.task();
        let fd = task.open("/dev/p", O_RDWR, 0).unwrap();
        taught(board.detach("/dev/p"), Errno::EBUSY, &["descriptor"]);
        task.pwrite(fd, b"late", 0).unwrap();
        task.close(fd).unwrap();
        board.detach("/dev/p").unwrap();
        assert_eq!(std::fs::read(folder.at("disk.img")).unwrap()[..4], *b"late");
        board.detach("/dev/loop0").unwrap();
    }
}

/// A board with a romfs volume on the second part of a disk whose first part holds another copy, parts overlapping
/// with a third.
fn parted() -> (Board, Folder) {
    let folder = Folder::new().file("tree/file", pattern(4, 3000));
    genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let mut rom = std::fs::read(folder.at("rom.img")).unwrap();
    rom.resize(32 * 512, 0);
    std::fs::write(folder.at("disk.img"), rom.repeat(2)).unwrap();
    let board = looped(Link::Static, &folder);
    for (node, start, count) in [("/dev/a", 0, 32), ("/dev/b", 32, 32), ("/dev/ab", 31, 2)] {
        board.attach_partition("/dev/loop0", node, start, count).unwrap();
    }
    (board, folder)
}

#[test]
fn what_a_volume_writes_nobody_else_writes_and_the_other_way_round() {
    let (board, _folder) = parted();
    let task = board.task();
    let board = board.mount("/dev/b", "/b", "romfs", "");
    for node in ["/dev/b", "/dev/loop0", "/dev/ab"] {
        for flags in [O_WRONLY, O_RDWR] {
            taught(task.open(node, flags, 0), Errno::EBUSY, &[node, "mount /b"]);
        }
        // Reading goes on.
        let fd = task.open(node, O_RDONLY, 0).unwrap();
        task.close(fd).unwrap();
    }
    let fd = task.open("/dev/a", O_RDWR, 0).unwrap();
    taught(board.try_mount("/dev/a", "/x", "romfs", ""), Errno::EBUSY, &["/dev/a", "open for writing"]);
    taught(board.try_mount("/dev/loop0", "/x", "romfs", ""), Errno::EBUSY, &["/dev/a", "mount /b"]);
    // A volume that only reads bears with it.
    board.try_mount("/dev/a", "/a", "romfs", "ro").unwrap();
    task.close(fd).unwrap();
    let fd = task.open("/dev/a", O_WRONLY, 0).unwrap();
    task.close(fd).unwrap();
}

#[test]
fn volumes_that_overlap_may_only_read() {
    let (board, _folder) = parted();
    let board = board.mount("/dev/a", "/a", "romfs", "ro").mount("/dev/loop0", "/whole", "romfs", "ro");
    taught(
        board.try_mount("/dev/a", "/x", "romfs", ""),
        Errno::EBUSY,
        &["mount /a", "mount /whole", "-o ro"],
    );
    taught(board.try_mount("/dev/b", "/x", "romfs", ""), Errno::EBUSY, &["mount /whole"]);
    board.unmount("/whole").unwrap();
    // Side by side is no overlap.
    let board = board.mount("/dev/b", "/b", "romfs", "");
    taught(board.try_mount("/dev/loop0", "/x", "romfs", "ro"), Errno::EBUSY, &["mount /b"]);
    assert_eq!(board.read("/a/file"), board.read("/b/file"));
}

#[test]
fn a_node_may_be_written_by_many_and_refuses_where_the_device_does() {
    let folder = folder(64);
    let path = folder.at("disk.img").display().to_string();
    let board = Board::new(Link::Static).attach("loop", "/dev/ro", &format!("file={path},ro"));
    let task = board.task();
    errno(task.open("/dev/ro", O_RDWR, 0), Errno::EROFS);
    board.host().detach("/dev/ro").unwrap();
    board.host().attach("loop", "/dev/rw", &words(&format!("file={path}"))).unwrap();
    let fds = [0, 1, 2].map(|_| task.open("/dev/rw", O_RDWR, 0).unwrap());
    for (at, fd) in fds.iter().enumerate() {
        assert_eq!(task.pwrite(*fd, &[at as u8; 100], at as u64 * 100).unwrap(), 100);
    }
    let bytes = board.read("/dev/rw");
    assert!((0..3).all(|at| bytes[at * 100..][..100].iter().all(|b| usize::from(*b) == at)));
}
