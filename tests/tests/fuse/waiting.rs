//! Nodes of a program that is its own host: waited for by poll(2) through the kernel.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex};
use std::thread;

use nxvfs::device::{Openable, Stream, WaitQueue};
use nxvfs::fuse::{Options, Session};
use nxvfs::{Errno, Result};
use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLIN, POLLOUT};
use nxvfs_tests::{Board, Link};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::mounted::open_folder;

/// A line of bytes: what is put in comes out, and who reads too early is told to wait.
#[derive(Default)]
struct Line {
    bytes: Mutex<Vec<u8>>,
    news: WaitQueue,
}

#[derive(Clone, Default)]
struct LineNode(Arc<Line>);

impl LineNode {
    fn put(&self, bytes: &[u8]) {
        self.0.bytes.lock().unwrap().extend_from_slice(bytes);
        self.0.news.wake(POLLIN);
    }
}

impl Openable for LineNode {
    fn open(&self, _ctx: &Ctx, _flags: u32) -> Result<Arc<dyn Stream>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Stream for LineNode {
    fn read(&self, _ctx: &Ctx, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut bytes = self.0.bytes.lock().unwrap();
        if bytes.is_empty() {
            return Err(Errno::EAGAIN.into());
        }
        let len = buf.len().min(bytes.len());
        buf[..len].copy_from_slice(&bytes[..len]);
        bytes.drain(..len);
        Ok(len)
    }

    fn write(&self, _ctx: &Ctx, _offset: u64, buf: &[u8], _flags: u32) -> Result<usize> {
        self.put(buf);
        Ok(buf.len())
    }

    fn poll(&self, _ctx: &Ctx, waiter: u64) -> Result<u32> {
        self.0.news.arm(waiter);
        Ok(POLLOUT | if self.0.bytes.lock().unwrap().is_empty() { 0 } else { POLLIN })
    }

    fn waits(&self) -> bool {
        true
    }
}

const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

fn events(file: &File, wanted: PollFlags, patience: &Timespec) -> PollFlags {
    let mut fds = [PollFd::new(file, wanted)];
    poll(&mut fds, Some(patience)).unwrap();
    fds[0].revents()
}

#[test]
fn a_node_that_wakes_becomes_ready_for_who_polls_it() {
    let board = Board::new(Link::Static);
    let line = LineNode::default();
    board.register("/dev/line", Arc::new(line.clone()), 0o600).unwrap();
    let folder = open_folder();
    let session = Session::new(board.host(), folder.path(), &Options::default()).unwrap();
    let ending = session.ending();
    let answering = thread::spawn(move || session.run());

    let path = folder.path().join("dev/line");
    let open = || File::options().read(true).write(true).open(&path).unwrap();
    let mut file = open();
    // It never waits inside a read, whoever did not ask for that.
    assert_eq!(file.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(events(&file, PollFlags::IN, &AT_ONCE), PollFlags::empty());
    assert_eq!(events(&file, PollFlags::IN | PollFlags::OUT, &AT_ONCE), PollFlags::OUT);
    for turn in 0..50_u8 {
        let waiting = {
            let file = file.try_clone().unwrap();
            thread::spawn(move || events(&file, PollFlags::IN, &PATIENCE))
        };
        match turn % 2 {
            0 => line.put(&[turn; 3]),
            // By a program, through another opening.
            _ => open().write_all(&[turn; 3]).unwrap(),
        }
        assert_eq!(waiting.join().unwrap(), PollFlags::IN, "turn {turn}");
        let mut got = [0; 8];
        assert_eq!(file.read(&mut got).unwrap(), 3);
        assert_eq!(got[..3], [turn; 3]);
        assert_eq!(events(&file, PollFlags::IN, &AT_ONCE), PollFlags::empty());
    }
    // Two openings that wait are both told.
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let file = open();
            thread::spawn(move || events(&file, PollFlags::IN, &PATIENCE))
        })
        .collect();
    line.put(b"for both");
    waiting.into_iter().for_each(|w| assert_eq!(w.join().unwrap(), PollFlags::IN));
    // One that closes while nothing has come leaves nothing behind.
    let mut rest = [0; 8];
    file.read_exact(&mut rest).unwrap();
    for _ in 0..20 {
        let file = open();
        assert_eq!(events(&file, PollFlags::IN, &AT_ONCE), PollFlags::empty());
    }
    line.put(b"late");
    drop(file);
    let again = File::options().read(true).custom_flags(OFLAG_NONBLOCK).open(&path).unwrap();
    assert_eq!(events(&again, PollFlags::IN, &AT_ONCE), PollFlags::IN);
    drop(again);

    assert!(fs::metadata(&path).unwrap().is_file());
    ending.detach().unwrap();
    answering.join().unwrap().unwrap();
    board.unregister("/dev/line").unwrap();
    board.end();
}

const OFLAG_NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits() as i32;
