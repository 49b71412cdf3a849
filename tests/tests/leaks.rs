//! A thousand lives of plugins, one after the other, leave the process as it was.
//!
//! One test in a binary of its own, so that nothing else moves what is counted.

use nxvfs::file::PollFd;
use nxvfs::mapping::MapRequest;
use nxvfs::plugin::discover;
use nxvfs::plugin::discover::SearchPath;
use nxvfs_abi::character::event::POLLIN;
use nxvfs_abi::types::open::{O_RDONLY, O_RDWR};
use nxvfs_tests::process::{descriptor_count, mappings, resident_bytes};
use nxvfs_tests::{Board, Folder, Link, genromfs, options, words};
use std::path::{Path, PathBuf};
use std::time::Duration;

const CYCLES: usize = 1000;
/// Cycles after which caches of the process (allocator, loader, loggers) have what they need.
const WARM_UP_CYCLES: usize = 20;
/// When memory is measured the first time.
const EARLY_CYCLES: usize = 100;
const MORE_MEMORY_BYTES: u64 = 1024 * 1024;

/// The file of a plugin beside this test.
fn plugin_file(name: &str) -> PathBuf {
    let beside = std::env::current_exe().unwrap().parent().map(Path::to_owned);
    let found = discover::find(&SearchPath::new(Vec::new(), None, beside), name);
    found.unwrap_or_else(|| panic!("{name} lies beside the tests")).path
}

/// Load, use, unload: by every door that hands something out.
fn cycle(board: &Board, romfs: &Path, ramdisk: &Path, image: &Path, content: &[u8]) {
    board.plugins().insmod(ramdisk, &[], false).unwrap();
    board.plugins().insmod(romfs, &[], false).unwrap();
    let given = words(&format!("image={},ro", image.display()));
    board.host().attach("ramdisk-xip", "/dev/rom0", &given).unwrap();
    board.host().mount(Some("/dev/rom0"), "/rom", "romfs", &Default::default()).unwrap();
    let task = board.task();
    let fd = task.open("/rom/dir/file", O_RDONLY, 0).unwrap();
    let mut buf = vec![0; content.len()];
    assert_eq!(task.read(fd, &mut buf).unwrap(), content.len());
    assert_eq!(buf, content);
    assert_eq!(task.opendir("/rom/dir").unwrap().count(), 3);
    let view = task.map(fd, &MapRequest::read(5, 4000)).unwrap();
    let address = task.mmap(fd, &MapRequest::read(0, content.len())).unwrap();
    let (_, len) = task.borrow_in_place(fd).unwrap();
    assert_eq!(len, content.len());
    drop(view);
    task.munmap(address, content.len()).unwrap();
    task.close(fd).unwrap();
    let (_, w) = task.pipe2(0).unwrap();
    task.write(w, &content[..4096]).unwrap();
    task.mkfifo("/dev/fifo", 0o600).unwrap();
    let both = task.open("/dev/fifo", O_RDWR, 0).unwrap();
    task.poll(&mut [PollFd::new(both, POLLIN)], Some(Duration::from_nanos(1))).unwrap();
    task.unlink("/dev/fifo").unwrap();
    task.end();
    board.unmount("/rom").unwrap();
    board.detach("/dev/rom0").unwrap();
    assert!(!board.plugins().rmmod("romfs").unwrap().resident);
    assert!(!board.plugins().rmmod("ramdisk-xip").unwrap().resident);
    assert!(board.plugins().list().is_empty());
}

#[test]
fn a_thousand_lives_of_plugins_leave_nothing_behind() {
    let content: Vec<u8> = (0..20_000_u32).map(|i| (i % 251) as u8).collect();
    let folder = Folder::new().file("tree/dir/file", &content);
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let (romfs, ramdisk) = (plugin_file("romfs"), plugin_file("ramdisk-xip"));
    let board = Board::with(options(Link::Dynamic));
    let mut before = None;
    let mut early_bytes = 0;
    for done in 1..=CYCLES {
        cycle(&board, &romfs, &ramdisk, &image, &content);
        match done {
            WARM_UP_CYCLES => before = Some((mappings().len(), descriptor_count())),
            EARLY_CYCLES => early_bytes = resident_bytes(),
            _ => {}
        }
    }
    let after = (mappings().len(), descriptor_count());
    let late_bytes = resident_bytes();
    assert_eq!(
        Some(after),
        before,
        "mappings and descriptors after {CYCLES} cycles and after {WARM_UP_CYCLES}"
    );
    assert!(
        late_bytes <= early_bytes + MORE_MEMORY_BYTES,
        "resident: {early_bytes} bytes after {EARLY_CYCLES} cycles, {late_bytes} after {CYCLES}"
    );
    let left: Vec<String> =
        mappings().into_iter().map(|vma| vma.name).filter(|n| n.contains("nxvfs-plugin")).collect();
    assert!(left.is_empty(), "images still mapped: {left:?}");
}
