//! Waiters that gave up leave nothing behind. Alone in its process, whose memory is measured.

use std::time::Duration;

use nxvfs::file::PollFd;
use nxvfs_abi::character::event::POLLIN;
use nxvfs_tests::process::resident_bytes;
use nxvfs_tests::{Board, Link};

#[test]
fn polls_that_time_out_leave_nothing_behind() {
    let board = Board::new(Link::Static);
    let task = board.task();
    let (r, w) = task.pipe2(0).unwrap();
    // A time that is over when it is looked at: the waiter is armed, and goes.
    let poll = || task.poll(&mut [PollFd::new(r, POLLIN)], Some(Duration::from_nanos(1))).unwrap();
    (0..1000).for_each(|_| assert_eq!(poll(), 0));
    let before = resident_bytes();
    (0..500_000).for_each(|_| assert_eq!(poll(), 0));
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes more");
    task.write(w, b"x").unwrap();
    assert_eq!(poll(), 1);
}
