//! Files in RAM: content, holes, one object for all names and openings, and the budget.

use std::sync::Arc;

use nxvfs::file::Whence;
use nxvfs::{Errno, HostOptions, Task};
use nxvfs_abi::Timespec;
use nxvfs_abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE};
use nxvfs_abi::types::mode::{S_IFMT, S_IFREG};
use nxvfs_abi::types::open::*;
use nxvfs_tests::check::{errno, refused};
use nxvfs_tests::{Board, Link, content, options};

fn board() -> Board {
    Board::new(Link::Static)
}

fn with_budget(files_max_bytes: u64) -> Board {
    Board::with(HostOptions { files_max_bytes, ..options(Link::Static).into() })
}

fn make(task: &Task, path: &str, bytes: &[u8]) -> u32 {
    let fd = task.open(path, O_RDWR | O_CREAT | O_TRUNC, 0o644).unwrap();
    assert_eq!(task.write(fd, bytes).unwrap(), bytes.len());
    fd
}

fn free(task: &Task) -> u64 {
    let told = task.statfs("/").unwrap();
    told.blocks_free * u64::from(told.block_size_bytes)
}

#[test]
fn a_file_is_made_where_its_directory_is_and_nowhere_else() {
    let board = board();
    let task = board.task();
    let fd = make(&task, "/hello", b"hello");
    assert_eq!(task.fstat(fd).unwrap().attr.mode & S_IFMT, S_IFREG);
    assert_eq!(content(&task, "/hello").unwrap(), b"hello");
    // NuttX makes the parents, so that a wrong path silently fills the memory.
    refused(task.open("/typo/hello", O_WRONLY | O_CREAT, 0o644), Errno::ENOENT, &["typo"]);
    errno(task.stat("/typo").map(drop), Errno::ENOENT);
    errno(task.open("/hello", O_WRONLY | O_CREAT | O_EXCL, 0o644), Errno::EEXIST);
    errno(task.open("/hello/x", O_WRONLY | O_CREAT, 0o644), Errno::ENOTDIR);
    task.mknod("/plain", S_IFREG | 0o640, 0).unwrap();
    assert_eq!(task.stat("/plain").unwrap().attr.mode, S_IFREG | 0o640);
}

#[test]
fn all_openings_and_names_are_of_one_file() {
    let board = board();
    let task = board.task();
    let first = make(&task, "/a", b"one");
    let second = task.open("/a", O_RDWR, 0).unwrap();
    task.link("/a", "/b").unwrap();
    let third = task.open("/b", O_RDONLY, 0).unwrap();
    task.pwrite(second, b"and more", 3).unwrap();
    let mut buf = [0; 11];
    assert_eq!(task.pread(third, &mut buf, 0).unwrap(), 11);
    assert_eq!(&buf, b"oneand more");
    assert_eq!(task.fstat(first).unwrap().attr.size_bytes, 11);
    let (a, b) = (task.stat("/a").unwrap().attr, task.stat("/b").unwrap().attr);
    assert_eq!((a.ino, a.nlink), (b.ino, 2));
    // Without a name it lives as long as it is open, and its name is free at once.
    task.unlink("/a").unwrap();
    task.unlink("/b").unwrap();
    assert_eq!(task.fstat(first).unwrap().attr.nlink, 0);
    make(&task, "/a", b"another");
    assert_eq!(task.pread(third, &mut buf, 0).unwrap(), 11);
    assert_eq!(&buf, b"oneand more");
    errno(task.link("/dev/null", "/nil"), Errno::EPERM);
}

#[test]
fn content_without_a_name_is_given_back_with_the_last_descriptor() {
    let board = with_budget(1 << 20);
    let task = board.task();
    let before = free(&task);
    let fd = make(&task, "/f", &vec![7; 300_000]);
    task.unlink("/f").unwrap();
    assert!(free(&task) <= before - 300_000);
    task.close(fd).unwrap();
    assert_eq!(free(&task), before);
}

#[test]
fn a_length_changes_both_ways_and_what_is_new_is_zero() {
    let board = board();
    let task = board.task();
    let fd = make(&task, "/f", b"0123456789");
    task.ftruncate(fd, 4).unwrap();
    task.ftruncate(fd, 8).unwrap();
    assert_eq!(content(&task, "/f").unwrap(), b"0123\0\0\0\0");
    task.truncate("/f", 2).unwrap();
    assert_eq!(content(&task, "/f").unwrap(), b"01");
    task.truncate("/f", 0).unwrap();
    assert_eq!(task.stat("/f").unwrap().attr.blocks, 0);
    let only_read = task.open("/f", O_RDONLY, 0).unwrap();
    errno(task.ftruncate(only_read, 1), Errno::EINVAL);
    errno(task.truncate("/f", u64::MAX), Errno::EFBIG);
    errno(task.truncate("/dev", 0), Errno::EISDIR);
    errno(task.truncate("/dev/null", 0), Errno::EINVAL);
    task.fsync(fd, false).unwrap();
    task.fsync(fd, true).unwrap();
}

#[test]
fn holes_cost_nothing_and_are_found() {
    let board = with_budget(1 << 20);
    let task = board.task();
    let fd = make(&task, "/sparse", b"");
    task.ftruncate(fd, 1 << 40).unwrap();
    let before = free(&task);
    task.pwrite(fd, b"island", 1 << 30).unwrap();
    let attr = task.fstat(fd).unwrap().attr;
    assert_eq!(attr.size_bytes, 1 << 40);
    assert_eq!(attr.blocks * 512, before - free(&task));
    assert_eq!(task.lseek(fd, 0, Whence::Data).unwrap(), 1 << 30);
    let page = before - free(&task);
    assert_eq!(task.lseek(fd, 1 << 30, Whence::Hole).unwrap(), (1 << 30) + page);
    errno(task.lseek(fd, (1 << 30) + page as i64, Whence::Data), Errno::ENXIO);
    errno(task.lseek(fd, 1 << 40, Whence::Hole), Errno::ENXIO);
    let mut buf = [1; 8];
    assert_eq!(task.pread(fd, &mut buf, (1 << 30) - 1).unwrap(), 8);
    assert_eq!(&buf, b"\0island\0");
}

#[test]
fn threads_that_append_lose_nothing() {
    let board = board();
    let task = Arc::new(board.task());
    make(&task, "/log", b"");
    std::thread::scope(|scope| {
        for mark in b"abcdefgh" {
            let task = task.clone();
            scope.spawn(move || {
                let fd = task.open("/log", O_WRONLY | O_APPEND, 0).unwrap();
                for _ in 0..50 {
                    assert_eq!(task.write(fd, &[*mark; 9]).unwrap(), 9);
                }
            });
        }
    });
    let text = content(&task, "/log").unwrap();
    assert_eq!(text.len(), 8 * 50 * 9);
    assert!(text.chunks(9).all(|record| record.iter().all(|b| b == &record[0])), "a record is torn");
}

#[test]
fn the_budget_is_for_all_files_together_and_ends_in_enospc() {
    let page = rustix::param::page_size();
    let board = with_budget(16 * page as u64);
    let task = board.task();
    let (a, b) = (make(&task, "/a", &vec![1; 10 * page]), make(&task, "/b", b""));
    // What fits is written, and said.
    assert_eq!(task.write(b, &vec![2; 10 * page]).unwrap(), 6 * page);
    errno(task.write(b, b"x"), Errno::ENOSPC);
    assert_eq!(task.fstat(b).unwrap().attr.size_bytes, 6 * page as u64);
    // What is there can be written over, also when nothing is left.
    assert_eq!(task.pwrite(a, &vec![3; 10 * page], 0).unwrap(), 10 * page);
    let told = task.statfs("/").unwrap();
    assert_eq!((told.magic, told.blocks, told.blocks_free), (0x9fa0, 16, 0));
    // A write stops where the room does, which need not be the end of what is asked.
    task.ftruncate(b, 5 * page as u64).unwrap();
    assert_eq!(task.pwrite(a, &vec![4; 3 * page], 20 * page as u64 + 1).unwrap(), page - 1);
    assert_eq!(task.fstat(a).unwrap().attr.size_bytes, 21 * page as u64);
}

#[test]
fn times_follow_content_and_attributes() {
    let board = board();
    let task = board.task();
    let fd = make(&task, "/f", b"x");
    let old = Timespec { seconds: 1000, nanoseconds: 5, reserved: 0 };
    let reset = || task.utimens("/f", Some(old), Some(old)).unwrap();
    let times = || {
        let attr = task.stat("/f").unwrap().attr;
        (attr.atime, attr.mtime, attr.ctime)
    };
    reset();
    assert_eq!((times().0, times().1), (old, old));
    assert!(times().2 > old);
    let mut buf = [0; 1];
    task.pread(fd, &mut buf, 0).unwrap();
    assert!(times().0 > old && times().1 == old);
    reset();
    task.pwrite(fd, b"y", 0).unwrap();
    assert!(times().0 == old && times().1 > old);
    reset();
    task.truncate("/f", 0).unwrap();
    assert!(times().1 > old);
    reset();
    let quiet = task.open("/f", O_RDONLY | O_NOATIME, 0).unwrap();
    task.pread(quiet, &mut buf, 0).unwrap();
    assert_eq!(times().0, old);
    task.utimens("/", Some(old), Some(old)).unwrap();
    task.mkdir("/d", 0o755).unwrap();
    assert!(task.stat("/").unwrap().attr.mtime > old);
}

#[test]
fn what_is_reserved_has_room_and_what_is_punched_gives_it_back() {
    let page = rustix::param::page_size() as u64;
    let board = with_budget(8 * page);
    let task = board.task();
    let fd = make(&task, "/f", b"begin");
    task.fallocate(fd, 0, 3 * page - 7, page).unwrap();
    assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, 4 * page - 7);
    assert_eq!(free(&task), 5 * page);
    errno(task.fallocate(fd, 0, 4 * page, 6 * page), Errno::ENOSPC);
    assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, 4 * page - 7);
    let other = make(&task, "/g", &vec![1; 5 * page as usize]);
    errno(task.write(other, b"x"), Errno::ENOSPC);
    task.pwrite(fd, &vec![2; page as usize], 3 * page - 7).unwrap();
    task.fallocate(other, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, 0, 2 * page).unwrap();
    assert_eq!(free(&task), 2 * page);
    assert_eq!(content(&task, "/g").unwrap()[..2 * page as usize], vec![0; 2 * page as usize]);
    errno(task.fallocate(fd, FALLOC_ZERO_RANGE, 0, 1), Errno::ENOTSUP);
    errno(task.fallocate(fd, 0, 0, 0), Errno::EINVAL);
    let null = task.open("/dev/null", O_RDWR, 0).unwrap();
    errno(task.fallocate(null, 0, 0, 1), Errno::ENODEV);
}

#[test]
fn a_fifo_has_names_as_a_file_has() {
    let board = board();
    let task = board.task();
    task.mkdir("/d", 0o755).unwrap();
    task.mkfifo("/d/fifo", 0o644).unwrap();
    task.link("/d/fifo", "/d/other").unwrap();
    assert_eq!(task.stat("/d/other").unwrap().attr.nlink, 2);
    let reads = task.open("/d/fifo", O_RDONLY | O_NONBLOCK, 0).unwrap();
    let writes = task.open("/d/other", O_WRONLY, 0).unwrap();
    task.write(writes, b"through").unwrap();
    let mut buf = [0; 9];
    assert_eq!(task.read(reads, &mut buf).unwrap(), 7);
    assert_eq!(&buf[..7], b"through");
    make(&task, "/d/file", b"");
    task.rename("/d/file", "/d/fifo", 0).unwrap();
    assert_eq!(task.stat("/d/fifo").unwrap().attr.mode & S_IFMT, S_IFREG);
    task.rename("/d/other", "/d/fifo", 0).unwrap();
    task.chmod("/d/fifo", 0o600).unwrap();
    assert_eq!(task.fstat(reads).unwrap().attr.mode & 0o777, 0o600);
    task.unlink("/d/fifo").unwrap();
    task.rmdir("/d").unwrap();
}
