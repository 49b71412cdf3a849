//! The longest file that FAT can hold, really grown to its last byte.

use nxvfs::Errno;
use nxvfs_abi::types::open::{O_APPEND, O_RDONLY, O_WRONLY};
use nxvfs_tests::check::errno;
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Link, tool};

use crate::{Fat, Place, make};

/// 4 GiB - 1: the length has 32 bits.
const LONGEST_BYTES: u64 = u32::MAX as u64;
const CLUSTER_BYTES: u64 = 32 << 10;

#[test]
#[ignore = "writes 4 GiB: .ci/long runs it"]
fn a_file_grows_to_4_gib_less_one_byte_and_not_further() {
    let place = Place { link: Link::Static, memory: false };
    let fat = Fat::new(place, 4400 << 10, &["-F", "32", "-s", "64"], "");
    let task = fat.task();
    let free = || task.statfs("/mnt").unwrap().blocks_free;
    let before = free();
    let fd = make(&task, "/mnt/longest", b"first");
    // What lies between is zeroes, not what the medium held.
    assert_eq!(task.pwrite(fd, b"near the end", LONGEST_BYTES - 100).unwrap(), 12);
    // Of a write across the end what fits is written.
    assert_eq!(task.pwrite(fd, &pattern(1, 64), LONGEST_BYTES - 10).unwrap(), 10);
    assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, LONGEST_BYTES);
    errno(task.pwrite(fd, b"x", LONGEST_BYTES), Errno::EFBIG);
    errno(task.ftruncate(fd, LONGEST_BYTES + 1), Errno::EFBIG);
    let other = task.open("/mnt/LONGEST", O_WRONLY | O_APPEND, 0).unwrap();
    errno(task.write(other, b"x"), Errno::EFBIG);
    task.close(other).unwrap();
    task.close(fd).unwrap();

    // As it is on the medium, by others.
    task.end();
    let Fat { board, image, _folder } = fat;
    board.end();
    let complaints = tool::fsck_fat(&image);
    // dosfstools 4.2 counts the bytes of a chain in 32 bits: here there are 2^32.
    let overflow = "  File size is 4294967295 bytes, cluster chain length is 0 bytes.";
    assert!(complaints.is_empty() || complaints[..2] == ["/longest", overflow], "{complaints:?}");
    assert!(complaints.len() <= 4, "{complaints:?}");
    let shown = tool::ok("mshowfat", &["-i", tool::text(&image), "::longest"], "");
    assert_eq!(clusters(&shown), (LONGEST_BYTES + 1) / CLUSTER_BYTES, "{shown}");
    let board = crate::attach(place, &image);
    board.try_mount("/dev/disk", "/mnt", "vfat", "").unwrap();
    let task = board.task();
    let fd = task.open("/mnt/longest", O_RDONLY, 0).unwrap();
    assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, LONGEST_BYTES);
    let mut start = [9; 4096];
    assert_eq!(task.pread(fd, &mut start, 0).unwrap(), 4096);
    assert!(start.starts_with(b"first\0") && start[5..].iter().all(|byte| *byte == 0));
    let mut end = [9; 200];
    assert_eq!(task.pread(fd, &mut end, LONGEST_BYTES - 100).unwrap(), 100);
    assert!(end.starts_with(b"near the end\0"));
    assert_eq!(end[90..100], pattern(1, 64)[..10]);
    task.close(fd).unwrap();
    task.unlink("/mnt/longest").unwrap();
    assert_eq!(task.statfs("/mnt").unwrap().blocks_free, before, "every cluster is free again");
    task.end();
    board.end();
    assert_eq!(tool::fsck_fat(&image), [""; 0]);
}

/// Clusters in what mshowfat says: `<3-7> <9>`.
fn clusters(shown: &str) -> u64 {
    let runs = shown.split(['<', '>']).filter(|run| run.starts_with(|c: char| c.is_ascii_digit()));
    runs.map(|run| {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        last.parse::<u64>().unwrap() - first.parse::<u64>().unwrap() + 1
    })
    .sum()
}
