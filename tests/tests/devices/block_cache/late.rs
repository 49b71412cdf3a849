//! Writes that fail later: nothing is thrown away, and everyone is told once.

use nxvfs::Errno;
use nxvfs_abi::types::open::{O_DSYNC, O_RDONLY, O_RDWR};
use nxvfs_tests::check::errno;

use super::recorder::Record;
use super::{SECTOR, attached, mounted};

#[test]
fn what_could_not_be_written_stays_and_each_user_is_told_once() {
    let board = attached("/dev/late", 64, "");
    let (task, record) = (board.task(), Record::of("/dev/late"));
    let first = task.open("/dev/late", O_RDWR, 0).unwrap();
    let second = task.open("/dev/late", O_RDWR, 0).unwrap();
    task.pwrite(first, &[1; 4096], 0).unwrap();
    task.pwrite(first, &[2; 4096], 8192).unwrap();
    record.refuse_writes(0..1);
    errno(task.fsync(first, false), Errno::EIO);
    // The other block went, this one waits and can be read.
    assert!(record.bytes()[8192..8192 + 4096].iter().all(|b| *b == 2));
    assert_eq!(board.devices()[0].cache.unwrap().dirty_bytes, 4096);
    assert!(board.read("/dev/late")[..4096].iter().all(|b| *b == 1));
    record.heal();
    task.fsync(first, false).unwrap();
    assert!(record.bytes()[..4096].iter().all(|b| *b == 1));
    errno(task.fsync(second, false), Errno::EIO);
    task.fsync(second, false).unwrap();
    // Who comes after all of it was told knows of nothing.
    let third = task.open("/dev/late", O_RDWR, 0).unwrap();
    task.fsync(third, false).unwrap();
}

#[test]
fn an_error_that_nobody_waited_for_is_told_by_the_next_flush_or_barrier() {
    for data_only in [false, true] {
        let node = format!("/dev/unseen{data_only}");
        let board = mounted(&node, 1024, "cache=32K");
        let (task, record) = (board.task(), Record::of(&node));
        let fd = task.open("/whole/disk", O_RDWR, 0).unwrap();
        task.pwrite(fd, &[1; SECTOR], 0).unwrap();
        record.refuse_writes(0..8);
        // More than there is room for: what can be written is, and nobody fails.
        for block in 1..64 {
            task.pwrite(fd, &[3; 4096], block * 4096).unwrap();
        }
        record.heal();
        errno(task.fsync(fd, data_only), Errno::EIO);
        task.fsync(fd, false).unwrap();
        assert!(record.bytes()[..SECTOR].iter().all(|b| *b == 1));
        assert!(record.bytes()[4096..64 * 4096].iter().all(|b| *b == 3));
    }
}

#[test]
fn a_disk_that_takes_nothing_bounds_what_waits_and_is_still_read() {
    let node = "/dev/stuck";
    let board = attached(node, 4096, "cache=64K");
    let (task, record) = (board.task(), Record::of(node));
    let fd = task.open(node, O_RDWR, 0).unwrap();
    record.refuse_writes(0..4096);
    let done = (0..512).take_while(|block| task.pwrite(fd, &[4; 4096], block * 4096).is_ok()).count();
    let status = board.devices()[0].cache.unwrap();
    assert!((1..=16).contains(&done) && status.used_bytes <= 64 << 10, "{done} blocks, {status:?}");
    let mut buf = vec![1; 4096];
    task.pread(fd, &mut buf, 0).unwrap();
    assert!(buf.iter().all(|b| *b == 4));
    task.pread(fd, &mut buf, 400 * 4096).unwrap();
    assert!(buf.iter().all(|b| *b == 0));
    record.heal();
    errno(task.fsync(fd, false), Errno::EIO);
    task.fsync(fd, false).unwrap();
    assert!(record.bytes()[..done * 4096].iter().all(|b| *b == 4));
}

#[test]
fn unmount_and_detach_tell_too() {
    let board = mounted("/dev/ends", 64, "");
    let (task, record) = (board.task(), Record::of("/dev/ends"));
    let fd = task.open("/whole/disk", O_RDWR, 0).unwrap();
    task.pwrite(fd, &[1; SECTOR], 0).unwrap();
    task.close(fd).unwrap();
    record.refuse_writes(0..1);
    errno(board.unmount("/whole"), Errno::EIO);
    assert!(board.mounts().is_empty());
    errno(board.detach("/dev/ends"), Errno::EIO);
    assert!(board.devices().is_empty());
}

#[test]
fn a_flush_that_failed_is_told_to_others_too() {
    let board = attached("/dev/flush", 64, "");
    let (task, record) = (board.task(), Record::of("/dev/flush"));
    let [first, second] = [0, 1].map(|_| task.open("/dev/flush", O_RDWR, 0).unwrap());
    task.pwrite(first, &[1; SECTOR], 0).unwrap();
    record.refuse_flushes(1);
    errno(task.fsync(first, false), Errno::EIO);
    errno(task.fsync(second, false), Errno::EIO);
    task.fsync(first, false).unwrap();
    task.fsync(second, false).unwrap();
}

#[test]
fn a_write_that_waits_for_the_medium_fails_itself() {
    let board = attached("/dev/itself", 64, "");
    let (task, record) = (board.task(), Record::of("/dev/itself"));
    let fd = task.open("/dev/itself", O_RDWR | O_DSYNC, 0).unwrap();
    record.refuse_writes(0..64);
    errno(task.pwrite(fd, &[1; SECTOR], 0), Errno::EIO);
    record.heal();
    task.pwrite(fd, &[2; SECTOR], 0).unwrap();
    assert!(record.bytes()[..SECTOR].iter().all(|b| *b == 2));
    errno(task.fsync(fd, false), Errno::EIO);
}

#[test]
fn a_bad_sector_hides_none_but_itself() {
    let node = "/dev/bad";
    Record::of(node).fill(&[8; 64 * SECTOR]);
    let board = attached(node, 64, "");
    let (task, record) = (board.task(), Record::of(node));
    let fd = task.open(node, O_RDWR, 0).unwrap();
    record.refuse_reads(3..4);
    let mut buf = vec![0; SECTOR];
    for sector in (0..64).filter(|s| *s != 3) {
        task.pread(fd, &mut buf, sector * SECTOR as u64).unwrap();
        assert!(buf.iter().all(|b| *b == 8), "sector {sector}");
    }
    errno(task.pread(fd, &mut buf, 3 * SECTOR as u64), Errno::EIO);
    // Parts of its neighbours can be written, a part of it not, and all of it can.
    task.pwrite(fd, b"x", 2 * SECTOR as u64).unwrap();
    errno(task.pwrite(fd, b"x", 3 * SECTOR as u64), Errno::EIO);
    task.pwrite(fd, &[9; SECTOR], 3 * SECTOR as u64).unwrap();
    task.fsync(fd, false).unwrap();
    assert!(record.bytes()[3 * SECTOR..4 * SECTOR].iter().all(|b| *b == 9));
    let reader = task.open(node, O_RDONLY, 0).unwrap();
    task.pread(reader, &mut buf, 3 * SECTOR as u64).unwrap();
    assert!(buf.iter().all(|b| *b == 9));
}
