//! What NuttX says that its mmap cannot do, row by row, on every kind of file that can be mapped: romfs in place and
//! through a copy, tmpfs, and block devices with and without memory.

#![allow(unsafe_code, reason = "uses mapped memory by its address")]

use std::ptr::with_exposed_provenance_mut;

use nxvfs::file::Whence;
use nxvfs::mapping::{MapRequest, Place, Prot, Sync, flag};
use nxvfs::{Errno, Task};
use nxvfs_abi::types::open::{O_CREAT, O_RDONLY, O_RDWR, O_WRONLY};
use nxvfs_tests::check::{errno, refused};
use nxvfs_tests::image::pattern;
use nxvfs_tests::process::page_bytes;
use nxvfs_tests::{Board, Folder, Link, genromfs, on_both_links};

const LEN: usize = 64 * 1024;

/// A file that can be mapped.
struct Mappable {
    path: &'static str,
    /// A second way to it.
    other_path: &'static str,
    /// What keeps busy when it is mapped.
    holder: &'static str,
    writable: bool,
    in_place: bool,
}

const ALL: [Mappable; 5] = [
    Mappable { path: "/rom/f", other_path: "/rom/g", holder: "/rom", writable: false, in_place: true },
    Mappable { path: "/slow/f", other_path: "/slow/g", holder: "/slow", writable: false, in_place: false },
    Mappable { path: "/tmp/f", other_path: "/tmp/g", holder: "/tmp", writable: true, in_place: false },
    Mappable {
        path: "/dev/loop1",
        other_path: "/dev/loop1",
        holder: "/dev/loop1",
        writable: true,
        in_place: false,
    },
    Mappable {
        path: "/dev/ram0",
        other_path: "/dev/ram0",
        holder: "/dev/ram0",
        writable: true,
        in_place: true,
    },
];

/// All of them on one board, with the same content.
fn board(link: Link) -> (Folder, Board) {
    let folder = Folder::new().file("tree/f", pattern(1, LEN)).file("disk.img", pattern(1, LEN));
    std::fs::hard_link(folder.at("tree/f"), folder.at("tree/g")).unwrap();
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let board = Board::new(link)
        .romdisk("/dev/rom0", &image)
        .mount("/dev/rom0", "/rom", "romfs", "mmap=xip")
        .attach("loop", "/dev/loop0", &format!("file={},ro", image.display()))
        .mount("/dev/loop0", "/slow", "romfs", "")
        .attach("loop", "/dev/loop1", &format!("file={}", folder.at("disk.img").display()))
        .attach("ramdisk-xip", "/dev/ram0", &format!("sectors={}", LEN / 512))
        .mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    for path in ["/tmp/f", "/dev/ram0"] {
        let fd = task.open(path, O_RDWR | if path == "/tmp/f" { O_CREAT } else { 0 }, 0o644).unwrap();
        task.write(fd, &pattern(1, LEN)).unwrap();
    }
    task.link("/tmp/f", "/tmp/g").unwrap();
    (folder, board)
}

fn on_all(link: Link, body: impl Fn(&Board, &Mappable)) {
    let (_folder, board) = board(link);
    for file in &ALL {
        body(&board, file);
        assert_eq!(board.mapping_budget().used_bytes(), 0, "{}: a copy is left", file.path);
    }
}

fn open(task: &Task, file: &Mappable) -> u32 {
    task.open(file.path, if file.writable { O_RDWR } else { O_RDONLY }, 0).unwrap()
}

fn bytes(address: usize, len: usize) -> Vec<u8> {
    // SAFETY: the caller mapped so many readable bytes there, and no thread writes them meanwhile.
    unsafe { std::slice::from_raw_parts(with_exposed_provenance_mut::<u8>(address), len) }.to_vec()
}

fn store(address: usize, what: &[u8]) {
    // SAFETY: the caller mapped so many writable bytes there.
    unsafe { with_exposed_provenance_mut::<u8>(address).copy_from(what.as_ptr(), what.len()) };
}

fn pread(task: &Task, fd: u32, offset: usize, len: usize) -> Vec<u8> {
    let mut buf = vec![0; len];
    assert_eq!(task.pread(fd, &mut buf, offset as u64).unwrap(), len);
    buf
}

on_both_links! {
    fn the_same_file_has_one_backing(link: Link) {
        on_all(link, |board, file| {
            let (task, other) = (board.task(), board.task());
            let (fd, second) = (open(&task, file), other.open(file.other_path, O_RDONLY, 0).unwrap());
            let prot = if file.writable { Prot::READ_WRITE } else { Prot::READ };
            let a = task.mmap(fd, &MapRequest::shared(0, LEN, prot)).unwrap();
            let b = other.mmap(second, &MapRequest::read(page_bytes() as u64, page_bytes())).unwrap();
            let tiers: Vec<String> = [&task, &other].iter().flat_map(|t| t.mappings()).map(|row| row.tier.to_string()).collect();
            assert_eq!(tiers, if file.in_place { ["xip"; 2] } else { ["ram"; 2] }, "{}", file.path);
            if file.writable {
                store(a + page_bytes() + 10, b"by the first");
                assert_eq!(bytes(b + 10, 12), b"by the first", "{}", file.path);
                assert_eq!(pread(&other, second, page_bytes() + 10, 12), b"by the first", "{}", file.path);
                task.pwrite(fd, b"by a write", page_bytes() as u64 + 100).unwrap();
                assert_eq!(bytes(b + 100, 10), b"by a write", "{}", file.path);
                store(a + page_bytes() + 10, &pattern(1, LEN)[page_bytes() + 10..page_bytes() + 22]);
                store(a + page_bytes() + 100, &pattern(1, LEN)[page_bytes() + 100..page_bytes() + 110]);
            }
            assert!(bytes(a, LEN) == pattern(1, LEN), "{}", file.path);
        });
    }

    fn a_private_view_is_its_own_and_a_shared_one_is_not(link: Link) {
        on_all(link, |board, file| {
            let task = board.task();
            let reader = task.open(file.path, O_RDONLY, 0).unwrap();
            let address = task.mmap(reader, &MapRequest::private(777, 9000, Prot::READ_WRITE)).unwrap();
            store(address, &[0xee; 9000]);
            assert_eq!(bytes(address, 9000), [0xee; 9000]);
            assert!(pread(&task, reader, 0, LEN) == pattern(1, LEN), "{}", file.path);
            refused(task.mmap(reader, &MapRequest::shared(0, 10, Prot::READ_WRITE)), Errno::EACCES, &[file.path]);
        });
    }

    fn unmapping_is_exact_and_acts_on_the_tasks_own_views(link: Link) {
        on_all(link, |board, file| {
            let (task, other) = (board.task(), board.task());
            let (fd, second) = (open(&task, file), open(&other, file));
            let a = task.mmap(fd, &MapRequest::read(0, 4 * page_bytes())).unwrap();
            let b = other.mmap(second, &MapRequest::read(0, 4 * page_bytes())).unwrap();
            errno(other.munmap(a, 4 * page_bytes()), Errno::EINVAL);
            task.munmap((a + page_bytes()) & !(page_bytes() - 1), 1).unwrap();
            assert!(bytes(a, page_bytes() - a % page_bytes()) == pattern(1, LEN)[..page_bytes() - a % page_bytes()]);
            assert!(bytes(b, 4 * page_bytes()) == pattern(1, LEN)[..4 * page_bytes()], "{}", file.path);
            task.munmap(a, 4 * page_bytes()).unwrap();
            assert_eq!((task.region_count(), other.region_count()), (0, 1));
        });
    }

    fn a_view_keeps_its_volume_or_device_until_the_task_ends(link: Link) {
        on_all(link, |board, file| {
            let task = board.task();
            let fd = open(&task, file);
            task.mmap(fd, &MapRequest::read(0, LEN)).unwrap();
            task.close(fd).unwrap();
            let busy = || if file.holder.starts_with("/dev") { board.detach(file.holder) } else { board.unmount(file.holder) };
            refused(busy(), Errno::EBUSY, &["mapping at"]);
            task.end();
            let users = |path: &str| board.mounts().into_iter().find(|m| m.path == path).map(|m| m.users.len());
            assert_eq!(users(file.holder).unwrap_or(0), 0);
        });
    }

    fn msync_neither_moves_nor_grows_and_protection_is_enforced(link: Link) {
        on_all(link, |board, file| {
            let task = board.task();
            let fd = open(&task, file);
            task.lseek(fd, 33, Whence::Set).unwrap();
            let size = task.fstat(fd).unwrap().attr.size_bytes;
            let prot = if file.writable { Prot::READ_WRITE } else { Prot::READ };
            let address = task.mmap(fd, &MapRequest::shared(0, LEN, prot)).unwrap();
            let page = address - address % page_bytes();
            for how in [Sync::Async, Sync::Full] {
                task.msync(page, LEN, how).unwrap();
            }
            assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), 33);
            assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, size);
            let writable = task.mprotect(page, page_bytes(), Prot::READ_WRITE);
            if file.writable { writable.unwrap() } else { errno(writable, Errno::EACCES) }
            task.mprotect(page, page_bytes(), Prot::NONE).unwrap();
            assert_eq!(task.mappings()[0].prot, Prot::NONE);
            let blind = task.open(file.path, O_WRONLY, 0);
            if let Ok(blind) = blind {
                errno(task.mmap(blind, &MapRequest::read(0, 1)).map(drop), Errno::EACCES);
            }
        });
    }

    fn in_place_or_not_at_all_is_what_strict_means(link: Link) {
        on_all(link, |board, file| {
            let task = board.task();
            let fd = open(&task, file);
            let strict = MapRequest { strict: true, ..MapRequest::read(0, LEN) };
            match task.mmap(fd, &strict) {
                Ok(address) if file.in_place => task.munmap(address, LEN).unwrap(),
                answer => drop(refused(answer, Errno::ENXIO, &[file.path])),
            }
        });
    }
}

#[test]
fn every_flag_of_mmap_has_its_answer() {
    use flag::*;
    let ask = |prot, flags| MapRequest::from_posix(0, 10, prot, flags, 5);
    for flags in [0, MAP_FIXED, MAP_ANONYMOUS] {
        errno(ask(1, flags).map(drop), Errno::EINVAL);
    }
    let shared = ask(3, MAP_SHARED).unwrap();
    assert!(shared.shared && !shared.strict && !shared.populate && shared.place == Place::Anywhere);
    assert_eq!((shared.offset, shared.len, shared.prot), (5, 10, Prot::READ_WRITE));
    assert!(!ask(1, MAP_PRIVATE).unwrap().shared);
    assert!(ask(1, MAP_SHARED_VALIDATE).unwrap().shared);
    errno(ask(1, MAP_SHARED_VALIDATE | 1 << 30).map(drop), Errno::ENOTSUP);
    errno(ask(1, MAP_SHARED | 1 << 30).map(drop), Errno::EINVAL);
    errno(ask(8, MAP_SHARED).map(drop), Errno::EINVAL);
    assert_eq!(ask(0, MAP_PRIVATE).unwrap().prot, Prot::NONE);
    assert_eq!(ask(5, MAP_PRIVATE).unwrap().prot, Prot::READ_EXECUTE);
    assert!(ask(1, MAP_SHARED | MAP_XIP_STRICT).unwrap().strict);
    for flags in [MAP_POPULATE, MAP_LOCKED] {
        assert!(ask(1, MAP_SHARED | flags).unwrap().populate);
    }
    let ignored = ask(1, MAP_SHARED | WITHOUT_EFFECT | MAP_FILE).unwrap();
    assert!(!ignored.strict && !ignored.populate && ignored.place == Place::Anywhere);
    let at = |flags| MapRequest::from_posix(0x7000, 10, 1, MAP_SHARED | flags, 0).unwrap().place;
    assert_eq!(at(0), Place::Near(0x7000));
    assert_eq!((at(MAP_FIXED), at(MAP_FIXED_NOREPLACE)), (Place::At(0x7000), Place::IfFree(0x7000)));
}
