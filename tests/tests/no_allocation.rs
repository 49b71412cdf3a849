//! Reads and overwrites allocate nothing, and a view that is looked at neither. Alone in its process, whose allocations
//! are counted by thread.

#![allow(unsafe_code, reason = "a counting allocator, which hands everything on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use nxvfs::mapping::{MapRequest, Prot};
use nxvfs_abi::types::open::{O_CREAT, O_RDONLY, O_RDWR};
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Board, Folder, genromfs, on_both_links};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: each call is handed on to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How many allocations a piece of work makes on this thread, after it was done once.
fn allocations(mut work: impl FnMut()) -> u64 {
    work();
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1_u8; 100]))), 1);
}

on_both_links! {
    fn reads_and_overwrites_allocate_nothing(link: Link) {
        let folder = Folder::new().file("tree/f", pattern(1, 100_000));
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link)
            .romdisk("/dev/rom0", &image)
            .mount("/dev/rom0", "/rom", "romfs", "")
            .attach("loop", "/dev/loop0", &format!("file={},ro", image.display()))
            .mount("none", "/tmp", "tmpfs", "");
        let task = board.task();
        let mut buf = vec![0; 10_000];
        for path in ["/rom/f", "/dev/loop0", "/dev/rom0"] {
            let fd = task.open(path, O_RDONLY, 0).unwrap();
            let count = allocations(|| {
                for offset in [0, 512, 5000, 40_000] {
                    assert!(task.pread(fd, &mut buf, offset).unwrap() > 0);
                }
            });
            assert_eq!(count, 0, "pread of {path}");
        }
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT, 0o600).unwrap();
        task.write(fd, &pattern(2, 100_000)).unwrap();
        let count = allocations(|| {
            for offset in [0, 4096, 77_777] {
                assert_eq!(task.pwrite(fd, &buf, offset).unwrap(), buf.len());
                assert_eq!(task.pread(fd, &mut buf, offset).unwrap(), buf.len());
            }
        });
        assert_eq!(count, 0, "overwriting a file of tmpfs");
        // Through a copy in memory, where there is one.
        let view = task.map(fd, &MapRequest::shared(0, 100_000, Prot::READ_WRITE)).unwrap();
        let count = allocations(|| {
            assert_eq!(task.pread(fd, &mut buf, 4096).unwrap(), buf.len());
            view.write_at(4096, &[1; 100]).unwrap();
            view.read_at(4096, &mut buf[..100]).unwrap();
        });
        assert_eq!(count, 0, "a view and what is read beside it");
    }
}
