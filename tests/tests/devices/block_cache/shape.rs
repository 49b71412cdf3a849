//! How much is read and written at a time, and what is kept.

use nxvfs::Errno;
use nxvfs_abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE};
use nxvfs_abi::types::open::{O_DSYNC, O_RDONLY, O_RDWR};
use nxvfs_tests::check::refused;
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Board, Link, words};

use super::recorder::{Event, Record};
use super::{SECTOR, attached, mounted};

#[test]
fn writes_wait_in_memory_and_adjacent_ones_go_together() {
    let board = attached("/dev/together", 256, "");
    let (task, record) = (board.task(), Record::of("/dev/together"));
    let fd = task.open("/dev/together", O_RDWR, 0).unwrap();
    let bytes = pattern(1, 100 * SECTOR);
    for (sector, bytes) in bytes.chunks(SECTOR).enumerate() {
        task.pwrite(fd, bytes, (sector * SECTOR) as u64).unwrap();
    }
    assert_eq!(record.writes(), 0);
    assert_eq!(record.take_reads(), [], "whole sectors need no reading");
    assert_eq!(board.devices()[0].cache.unwrap().dirty_bytes, 13 * 4096);
    task.fsync(fd, false).unwrap();
    let whole = Event::Write { sector: 0, bytes, fua: false };
    assert_eq!(record.events(), [whole, Event::Flush]);
    let status = board.devices()[0].cache.unwrap();
    assert_eq!((status.dirty_bytes, status.write_backs), (0, 13));
}

#[test]
fn only_sectors_that_were_written_are_written() {
    let board = attached("/dev/only", 64, "");
    let (task, record) = (board.task(), Record::of("/dev/only"));
    let fd = task.open("/dev/only", O_RDWR, 0).unwrap();
    for (at, len) in [(2 * SECTOR, SECTOR), (5 * SECTOR + 100, 10), (63 * SECTOR, SECTOR)] {
        task.pwrite(fd, &vec![7; len], at as u64).unwrap();
    }
    task.fsync(fd, false).unwrap();
    let written: Vec<(u64, usize)> = record
        .events()
        .iter()
        .filter_map(|e| match e {
            Event::Write { sector, bytes, .. } => Some((*sector, bytes.len())),
            _ => None,
        })
        .collect();
    assert_eq!(written, [(2, SECTOR), (5, SECTOR), (63, SECTOR)]);
    let mut expected = vec![0; 64 * SECTOR];
    expected[2 * SECTOR..3 * SECTOR].fill(7);
    expected[5 * SECTOR + 100..5 * SECTOR + 110].fill(7);
    expected[63 * SECTOR..].fill(7);
    assert!(record.bytes() == expected);
}

#[test]
fn a_reader_that_goes_on_is_read_ahead_of_and_one_that_jumps_is_not() {
    let node = "/dev/ahead";
    let bytes = pattern(2, 4096 * SECTOR);
    Record::of(node).fill(&bytes);
    let board = attached(node, 4096, "cache=256K");
    let (task, record) = (board.task(), Record::of(node));
    let fd = task.open(node, O_RDONLY, 0).unwrap();
    let mut buf = vec![0; 4096];
    for block in [100, 300, 200, 450] {
        task.pread(fd, &mut buf, block * 4096).unwrap();
    }
    let calls = record.take_reads();
    assert!(calls.len() == 4 && calls.iter().all(|c| c.end - c.start == 8), "{calls:?}");
    for block in 0..256 {
        task.pread(fd, &mut buf, block * 4096).unwrap();
        let at = block as usize * 4096;
        assert!(buf == bytes[at..at + 4096]);
    }
    let calls = record.take_reads();
    assert!(calls.len() < 30, "{} calls for 256 blocks", calls.len());
    assert!(calls.iter().all(|c| c.end - c.start <= 33 * 8), "bounded: {calls:?}");
    let status = board.devices()[0].cache.unwrap();
    assert!(status.read_ahead > 200 && status.used_bytes <= status.limit_bytes, "{status:?}");
}

#[test]
fn a_large_read_is_one_call_and_what_was_read_is_read_once() {
    let node = "/dev/large";
    let bytes = pattern(3, 512 * SECTOR);
    Record::of(node).fill(&bytes);
    let board = attached(node, 512, "");
    let (task, record) = (board.task(), Record::of(node));
    let fd = task.open(node, O_RDONLY, 0).unwrap();
    for _ in 0..3 {
        let mut buf = vec![0; 128 * SECTOR];
        task.pread(fd, &mut buf, 64 * SECTOR as u64).unwrap();
        assert!(buf == bytes[64 * SECTOR..192 * SECTOR]);
    }
    assert_eq!(record.take_reads(), std::slice::from_ref(&(64..192)));
    let status = board.devices()[0].cache.unwrap();
    assert_eq!((status.misses, status.hits), (16, 32));
}

#[test]
fn what_is_larger_than_the_cache_is_read_past_it_and_sees_what_is_only_in_it() {
    let node = "/dev/past";
    Record::of(node).fill(&pattern(4, 2048 * SECTOR));
    let board = attached(node, 2048, "cache=32K");
    let (task, record) = (board.task(), Record::of(node));
    let fd = task.open(node, O_RDWR, 0).unwrap();
    let mut expected = pattern(4, 2048 * SECTOR);
    for at in [0, 700, 5000, 1_000_000] {
        task.pwrite(fd, b"newer", at).unwrap();
        expected[at as usize..at as usize + 5].copy_from_slice(b"newer");
    }
    record.take_reads();
    let mut all = vec![0; 2048 * SECTOR - 100];
    task.pread(fd, &mut all, 100).unwrap();
    assert!(all == expected[100..]);
    assert_eq!(record.take_reads(), std::slice::from_ref(&(0..2048)));
}

#[test]
fn a_discard_drops_what_waits_and_what_was_read() {
    let board = mounted("/dev/discard", 64, "");
    let (task, record) = (board.task(), Record::of("/dev/discard"));
    let fd = task.open("/whole/disk", O_RDWR, 0).unwrap();
    task.pwrite(fd, &[9; 10 * SECTOR], 0).unwrap();
    let hole = FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE;
    // Whole sectors only: 1 and 2 of what begins within sector 0 and ends within 3.
    task.fallocate(fd, hole, 100, 3 * SECTOR as u64).unwrap();
    let mut buf = vec![1; 10 * SECTOR];
    task.pread(fd, &mut buf, 0).unwrap();
    let mut expected = vec![9; 10 * SECTOR];
    expected[SECTOR..3 * SECTOR].fill(0);
    assert!(buf == expected);
    task.fsync(fd, false).unwrap();
    let events = record.events();
    assert_eq!(events[0], Event::Discard { sectors: 1..3 });
    assert!(record.bytes()[..10 * SECTOR] == expected);
}

#[test]
fn a_descriptor_that_synchronises_writes_through() {
    let board = attached("/dev/through", 64, "");
    let (task, record) = (board.task(), Record::of("/dev/through"));
    let late = task.open("/dev/through", O_RDWR, 0).unwrap();
    let fd = task.open("/dev/through", O_RDWR | O_DSYNC, 0).unwrap();
    task.pwrite(late, &[5; SECTOR], 40 * SECTOR as u64).unwrap();
    task.pwrite(fd, &[6; 2 * SECTOR], 0).unwrap();
    assert_eq!(record.events(), [Event::Write { sector: 0, bytes: vec![6; 2 * SECTOR], fua: true }]);
}

#[test]
fn sectors_may_be_as_large_as_they_get() {
    for size in [4096, 65_536] {
        let node = format!("/dev/sector{size}");
        let board = attached(&node, 16, &format!("sector_size={size}"));
        let (task, record) = (board.task(), Record::of(&node));
        let fd = task.open(&node, O_RDWR, 0).unwrap();
        let bytes = pattern(5, 3 * size);
        task.pwrite(fd, &bytes, 1000).unwrap();
        let mut back = vec![0; bytes.len()];
        task.pread(fd, &mut back, 1000).unwrap();
        assert!(back == bytes);
        task.fsync(fd, false).unwrap();
        assert!(record.bytes()[1000..1000 + bytes.len()] == bytes);
    }
}

#[test]
fn the_caches_of_a_host_share_its_memory() {
    let options = nxvfs::HostOptions { cache_bytes: 256 << 10, ..nxvfs_tests::options(Link::Static).into() };
    let mut board = Board::with(options);
    for disk in 0..8 {
        board = board.attach("recorder", &format!("/dev/shared{disk}"), "sectors=1024");
    }
    let task = board.task();
    for disk in 0..8 {
        let fd = task.open(format!("/dev/shared{disk}"), O_RDWR, 0).unwrap();
        task.pwrite(fd, &vec![disk; 512 << 10], 0).unwrap();
        let mut buf = vec![0; 64 << 10];
        task.pread(fd, &mut buf, 1000).unwrap();
        assert!(buf.iter().all(|b| *b == disk));
    }
    let status: Vec<_> = board.devices().iter().map(|d| d.cache.unwrap()).collect();
    assert!(status.iter().all(|s| s.limit_bytes == 64 << 10), "a quarter each: {status:?}");
    // Beyond the host's limit each has the few blocks without which it cannot work.
    let used: usize = status.iter().map(|s| s.used_bytes).sum();
    assert!(used <= (256 << 10) + 8 * 2 * 4 * 4096, "{used}");
}

#[test]
fn a_device_may_be_attached_with_a_limit_or_without_a_cache() {
    let board = attached("/dev/none", 64, "cache=0");
    assert_eq!(board.devices()[0].cache, None);
    let (task, record) = (board.task(), Record::of("/dev/none"));
    let fd = task.open("/dev/none", O_RDWR, 0).unwrap();
    task.pwrite(fd, &[1; SECTOR], 0).unwrap();
    assert_eq!(record.writes(), 1);
    board.host().attach("recorder", "/dev/some", &words("sectors=4096,cache=1M")).unwrap();
    assert_eq!(board.devices()[1].cache.unwrap().limit_bytes, 1 << 20);
    let bad = board.host().attach("recorder", "/dev/bad", &words("cache=lots"));
    refused(bad, Errno::EINVAL, &["cache", "lots"]);
    // Memory needs none.
    board.host().attach("ramdisk-xip", "/dev/ram0", &words("sectors=64")).unwrap();
    assert_eq!(board.devices().iter().find(|d| d.node == "/dev/ram0").unwrap().cache, None);
    assert_eq!(board.devices().len(), 3);
}
