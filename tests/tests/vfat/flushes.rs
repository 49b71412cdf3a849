//! Two that flush at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use nxvfs::Result;
use nxvfs::device::BlockMedium;
use nxvfs_abi::types::open::{O_CREAT, O_RDWR};
use nxvfs_tests::{Board, Folder, Link, tool};

/// A disk in memory whose flush, once that is wanted, waits to be let go.
struct Slow {
    bytes: Mutex<Vec<u8>>,
    waits: AtomicBool,
    entered: Mutex<Sender<()>>,
    leave: Mutex<Receiver<()>>,
    /// A flush that waited was let go.
    left: AtomicBool,
}

impl BlockMedium for Slow {
    fn sector_size_bytes(&self) -> u32 {
        512
    }

    fn sector_count(&self) -> u64 {
        self.bytes.lock().unwrap().len() as u64 / 512
    }

    fn writable(&self) -> bool {
        true
    }

    fn read(&self, start: u64, buf: &mut [u8]) -> Result<()> {
        let at = start as usize * 512;
        buf.copy_from_slice(&self.bytes.lock().unwrap()[at..at + buf.len()]);
        Ok(())
    }

    fn write(&self, start: u64, buf: &[u8]) -> Result<()> {
        let at = start as usize * 512;
        self.bytes.lock().unwrap()[at..at + buf.len()].copy_from_slice(buf);
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        if self.waits.swap(false, Ordering::SeqCst) {
            self.entered.lock().unwrap().send(()).unwrap();
            self.leave.lock().unwrap().recv().unwrap();
            self.left.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[test]
fn a_sync_waits_for_the_flush_that_another_began_for_its_writes() {
    let folder = Folder::new();
    let image = folder.at("card.img");
    tool::mkfs_fat(&image, 1440, &[]);
    let ((entered, was_entered), (leave, may_leave)) = (channel(), channel());
    let disk = Arc::new(Slow {
        bytes: Mutex::new(std::fs::read(&image).unwrap()),
        waits: AtomicBool::new(false),
        entered: Mutex::new(entered),
        leave: Mutex::new(may_leave),
        left: AtomicBool::new(false),
    });
    let board = Board::new(Link::Static);
    board.register_block("/dev/slow", disk.clone()).unwrap();
    board.try_mount("/dev/slow", "/mnt", "vfat", "").unwrap();
    let (one, other) = (board.task(), board.task());
    let files = ["/mnt/one", "/mnt/other"].map(|path| one.open(path, O_RDWR | O_CREAT, 0o644).unwrap());
    let theirs = other.open("/mnt/other", O_RDWR, 0).unwrap();
    // What both wrote goes with the first flush.
    one.write(files[0], b"one").unwrap();
    other.write(theirs, b"other").unwrap();
    disk.waits.store(true, Ordering::SeqCst);
    thread::scope(|scope| {
        scope.spawn(|| one.fsync(files[0], false).unwrap());
        was_entered.recv().unwrap();
        let second = scope.spawn(|| {
            other.fsync(theirs, false).unwrap();
            assert!(disk.left.load(Ordering::SeqCst), "it is not on the medium yet");
        });
        // It has every chance to come back too early.
        for _ in 0..10_000 {
            if second.is_finished() {
                break;
            }
            thread::yield_now();
        }
        leave.send(()).unwrap();
    });
    one.end();
    other.end();
    board.unmount("/mnt").unwrap();
    board.unregister("/dev/slow").unwrap();
}
