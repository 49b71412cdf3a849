//! Pages that are kept in memory, and advice about them. POSIX mlock, munlock, mlockall, munlockall, posix_madvise. One
//! test, because what the process keeps is counted.

#![allow(unsafe_code, reason = "stores through an address")]

use nxvfs::Errno;
use nxvfs::mapping::{Advice, MapRequest, Prot};
use nxvfs_abi::types::open::{O_CREAT, O_RDONLY, O_RDWR};
use nxvfs_tests::check::errno;
use nxvfs_tests::process::page_bytes;
use nxvfs_tests::{Board, Folder, Link, content, genromfs, image::pattern};

/// Bytes that the kernel keeps for this process.
fn kept_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn pages_are_kept_until_they_are_let_go_or_unmapped() {
    let page = page_bytes();
    let bytes = pattern(1, 4 * page);
    let images = Folder::new();
    let image = genromfs(Folder::new().file("file", &bytes).path(), &images.at("rom"));
    let board = Board::new(Link::Static)
        .romdisk("/dev/rom0", &image)
        .mount("/dev/rom0", "/rom", "romfs", "mmap=ram")
        .mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    let fd = task.open("/tmp/file", O_RDWR | O_CREAT, 0o600).unwrap();
    task.write(fd, &bytes).unwrap();
    let rom = task.open("/rom/file", O_RDONLY, 0).unwrap();
    for (fd, prot) in [(fd, Prot::READ_WRITE), (rom, Prot::READ)] {
        let at = task.mmap(fd, &MapRequest::shared(0, 4 * page, prot)).unwrap();
        let from = at - at % page;
        assert_eq!(kept_bytes(), 0);
        task.mlock(from, 2 * page).unwrap();
        assert_eq!(kept_bytes(), 2 * page);
        task.munlock(from, page).unwrap();
        assert_eq!(kept_bytes(), page);
        task.mlockall().unwrap();
        assert!(kept_bytes() >= 4 * page);
        task.munlockall().unwrap();
        assert_eq!(kept_bytes(), 0);
        task.mlock(from, page).unwrap();
        for advice in [Advice::Normal, Advice::Sequential, Advice::Random, Advice::WillNeed, Advice::DontNeed]
        {
            task.madvise(from, 4 * page, advice).unwrap();
        }
        errno(task.mlock(from + 1, page), Errno::EINVAL);
        errno(task.mlock(from, 64 * page), Errno::ENOMEM);
        errno(task.madvise(from, 64 * page, Advice::Normal), Errno::ENOMEM);
        errno(board.task().mlock(from, page), Errno::ENOMEM);
        task.munmap(at, 4 * page).unwrap();
        assert_eq!(kept_bytes(), 0);
        errno(task.munlock(from, page), Errno::ENOMEM);
    }
    // What was stored into private pages stays.
    let private = MapRequest { shared: false, ..MapRequest::shared(0, 4 * page, Prot::READ_WRITE) };
    let at = task.mmap(fd, &private).unwrap();
    let bytes_there: *mut u8 = std::ptr::with_exposed_provenance_mut(at);
    // SAFETY: the view is writable, four pages long, and nobody else's.
    let stored = unsafe {
        bytes_there.write(b'm');
        task.madvise(at - at % page, 4 * page, Advice::DontNeed).unwrap();
        bytes_there.read()
    };
    assert_eq!(stored, b'm');
    assert_ne!(bytes[0], b'm');
    assert_eq!(content(&task, "/tmp/file").unwrap(), bytes);
}
