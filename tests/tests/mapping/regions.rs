//! Files in memory: views, borrows, what keeps them, and what refuses them.

#![allow(unsafe_code, reason = "reads mapped memory by its address, and calls a function that lies in it")]

use std::path::Path;
use std::ptr::with_exposed_provenance;

use nxvfs::Errno;
use nxvfs::file::Whence;
use nxvfs::mapping::{MapRequest, Prot};
use nxvfs::tree::Tier;
use nxvfs_abi::ioctl::{BIOC_GEOMETRY, BIOC_XIPBASE, FIOC_FILEPATH, FIOC_MMAP, FIOC_XIPBASE};
use nxvfs_abi::types::open::{O_PATH, O_RDONLY, O_RDWR, O_WRONLY};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::fixture::run;
use nxvfs_tests::image::pattern;
use nxvfs_tests::process::{Vma, mapping_of, mappings, page_bytes};
use nxvfs_tests::{Board, Folder, Link, Rng, Way, genromfs, on_both_links};

/// Lengths around every boundary that matters.
const LENGTHS: [usize; 12] = [1, 15, 16, 17, 1000, 4095, 4096, 4097, 8191, 8192, 12_289, 40_000];

fn name(len: usize) -> String {
    format!("/rom/len-{len}")
}

fn volume(link: Link) -> (Folder, Board) {
    let mut folder = Folder::new().file("tree/empty", "").dir("tree/dir");
    for len in LENGTHS {
        folder = folder.file(&format!("tree/len-{len}"), pattern(len as u64, len));
    }
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let board = Way { link, in_place: true }.romfs(&image);
    (folder, board)
}

/// Bytes at an address that a test mapped.
fn bytes_at(address: usize, len: usize) -> Vec<u8> {
    // SAFETY: the caller mapped `len` readable bytes at `address`, and nothing writes them meanwhile.
    unsafe { std::slice::from_raw_parts(with_exposed_provenance::<u8>(address), len) }.to_vec()
}

/// Which byte of which object lies at an address.
fn object_byte(address: usize) -> ((String, u64), u64) {
    let Vma { range, offset, object, .. } = mapping_of(address).expect("a mapped address");
    (object, offset + (address - range.start) as u64)
}

fn page_of(address: usize) -> usize {
    address & !(page_bytes() - 1)
}

const PRIVATE: MapRequest = MapRequest::private(0, 0, Prot::READ_WRITE);

on_both_links! {
    fn a_view_shows_the_file_at_any_offset_and_length(link: Link) {
        let (_folder, board) = volume(link);
        let task = board.task();
        let mut rng = Rng::new(5);
        for len in LENGTHS {
            let content = pattern(len as u64, len);
            let fd = task.open(name(len), O_RDONLY, 0).unwrap();
            let tails = (1..=len.min(40)).map(|tail| (len - tail, tail));
            let randoms: Vec<_> = (0..60)
                .map(|_| {
                    let offset = rng.below(len);
                    (offset, 1 + rng.below(len - offset))
                })
                .collect();
            for (offset, part) in tails.chain(randoms).chain([(0, len)]) {
                let request = MapRequest::read(offset as u64, part);
                let view = task.map(fd, &request).unwrap();
                assert_eq!((view.len(), view.tier()), (part, Tier::Xip));
                let mut seen = vec![0; part];
                view.read_at(0, &mut seen).unwrap();
                assert!(seen == content[offset..offset + part], "{part} bytes from {offset} of {len}");
                errno(view.read_at(part, &mut [0; 1]), Errno::EINVAL);
                errno(view.read_at(0, &mut vec![0; part + 1]), Errno::EINVAL);
                errno(view.read_at(usize::MAX, &mut [0; 2]), Errno::EINVAL);
                errno(view.write_at(0, &[1]), Errno::EACCES);
                let address = task.mmap(fd, &request).unwrap();
                assert!(bytes_at(address, part) == content[offset..offset + part]);
                task.munmap(address, part).unwrap();
            }
            task.close(fd).unwrap();
        }
        assert_eq!(task.region_count(), 0);
    }

    fn a_mapping_does_not_move_the_position(link: Link) {
        let (_folder, board) = volume(link);
        let task = board.task();
        let fd = task.open(name(40_000), O_RDONLY, 0).unwrap();
        task.lseek(fd, 5, Whence::Set).unwrap();
        let address = task.mmap(fd, &MapRequest::read(100, 9000)).unwrap();
        let view = task.map(fd, &MapRequest { len: 5000, ..PRIVATE }).unwrap();
        task.borrow_in_place(fd).unwrap();
        assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), 5);
        drop(view);
        task.munmap(address, 9000).unwrap();
        assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), 5);
    }

    fn a_private_view_is_a_copy_on_write_and_never_touches_the_rom(link: Link) {
        let (folder, board) = volume(link);
        let image = std::fs::read(folder.at("rom.img")).unwrap();
        let len = 40_000;
        let content = pattern(len as u64, len);
        let task = board.task();
        let fd = task.open(name(len), O_RDONLY, 0).unwrap();
        let other = task.map(fd, &MapRequest::read(0, len)).unwrap();
        let private = task.map(fd, &MapRequest { offset: 3, len: len - 3, ..PRIVATE }).unwrap();
        let second = task.map(fd, &MapRequest { len, ..PRIVATE }).unwrap();
        let (address, _) = task.borrow_in_place(fd).unwrap();
        private.write_at(0, &vec![0xff; len - 3]).unwrap();
        second.write_at(100, b"second").unwrap();
        let seen = |view: &nxvfs::mapping::Mapping| {
            let mut seen = vec![0; view.len()];
            view.read_at(0, &mut seen).unwrap();
            seen
        };
        assert!(seen(&private).iter().all(|b| *b == 0xff));
        let mut changed = content.clone();
        changed[100..106].copy_from_slice(b"second");
        assert!(seen(&second) == changed);
        assert!(seen(&other) == content, "another view");
        assert!(board.read(&name(len)) == content, "reading");
        assert!(bytes_at(address, len) == content, "the medium itself");
        assert!(std::fs::read(folder.at("rom.img")).unwrap() == image, "the image file");
        assert!(board.read("/dev/rom0") == image, "the device");
        // Neighbours on the same pages are whole, too.
        for len in LENGTHS {
            assert!(board.read(&name(len)) == pattern(len as u64, len));
        }
    }

    fn unmapping_takes_the_pages_that_were_named_and_no_other(link: Link) {
        let (_folder, board) = volume(link);
        let (len, page) = (40_000, page_bytes());
        let content = pattern(len as u64, len);
        let task = board.task();
        let fd = task.open(name(len), O_RDONLY, 0).unwrap();
        let address = task.mmap(fd, &MapRequest::read(0, 5 * page)).unwrap();
        let (object, _) = object_byte(address);
        // Another thread's mapping may take a hole at once, but not of this object with these bytes.
        let shown = |at: usize, offset: usize| {
            mapping_of(at).is_some_and(|_| object_byte(at).0 == object && bytes_at(at, 1)[0] == content[offset])
        };
        let hole = page_of(address) + 2 * page;
        let offset_of = |at: usize| at - address;
        assert!(shown(hole, offset_of(hole)));
        // One byte in the middle names its whole page.
        task.munmap(hole + 1000, 1).unwrap();
        assert_eq!(task.region_count(), 2);
        let left = |at: usize| mapping_of(at).filter(|vma| vma.object == object);
        let before = left(hole - 1).expect("the pages before stay");
        let after = left(hole + page).expect("the pages after stay");
        assert_eq!((before.range.end, after.range.start), (hole, hole + page));
        let bytes_before = hole - address;
        assert!(bytes_at(address, bytes_before) == content[..bytes_before]);
        let bytes_after = address + 5 * page - (hole + page);
        let from = hole + page - address;
        assert!(bytes_at(hole + page, bytes_after) == content[from..from + bytes_after]);
        // The same again is no mapping of this task any more.
        errno(task.munmap(hole, page), Errno::EINVAL);
        // The volume stays busy until the last page is gone.
        task.close(fd).unwrap();
        task.munmap(address, bytes_before).unwrap();
        assert_eq!(task.region_count(), 1);
        refused(board.unmount("/rom"), Errno::EBUSY, &["mapping at"]);
        // A range over a hole and a part.
        task.munmap(address, 6 * page).unwrap();
        assert_eq!(task.region_count(), 0);
        errno(task.munmap(address, 5 * page), Errno::EINVAL);
        board.unmount("/rom").unwrap();
    }

    fn munmap_refuses_what_is_not_this_tasks(link: Link) {
        let (_folder, board) = volume(link);
        let (task, other) = (board.task(), board.task());
        let fd = task.open(name(8192), O_RDONLY, 0).unwrap();
        let address = task.mmap(fd, &MapRequest::read(0, 8192)).unwrap();
        errno(task.munmap(address, 0), Errno::EINVAL);
        errno(task.munmap(usize::MAX - 10, 100), Errno::EINVAL);
        errno(task.munmap(address, usize::MAX), Errno::EINVAL);
        errno(task.munmap(0, 1), Errno::EINVAL);
        errno(task.munmap(0, page_bytes()), Errno::EINVAL);
        // Neither memory of the process nor a borrow is a view.
        let local = [0_u8; 64];
        errno(task.munmap(local.as_ptr().expose_provenance(), 64), Errno::EINVAL);
        let (borrowed, len) = task.borrow_in_place(fd).unwrap();
        errno(task.munmap(borrowed, len), Errno::EINVAL);
        errno(other.munmap(address, 8192), Errno::EINVAL);
        assert!(bytes_at(address, 8192) == pattern(8192, 8192));
        task.munmap(address, 8192).unwrap();
        errno(task.munmap(address, 8192), Errno::EINVAL);
    }

    fn each_task_has_views_of_its_own_and_its_end_releases_them(link: Link) {
        let (_folder, board) = volume(link);
        let content = pattern(40_000, 40_000);
        let (one, two) = (board.task(), board.task());
        let map = |task: &nxvfs::Task| {
            let fd = task.open(name(40_000), O_RDONLY, 0).unwrap();
            let address = task.mmap(fd, &MapRequest::read(0, 40_000)).unwrap();
            task.close(fd).unwrap();
            address
        };
        let (first, second) = (map(&one), map(&two));
        assert_ne!(first, second);
        let (object, _) = object_byte(first);
        let count = || mappings().into_iter().filter(|vma| vma.object == object).count();
        let both = count();
        one.munmap(first, 40_000).unwrap();
        assert!(bytes_at(second, 40_000) == content);
        let again = map(&one);
        assert_eq!(count(), both);
        one.end();
        assert_eq!(count(), both - 1);
        assert!(mapping_of(again).is_none_or(|vma| vma.object != object));
        assert!(bytes_at(second, 40_000) == content);
        refused(board.unmount("/rom"), Errno::EBUSY, &[&format!("mapping at {second:#x} of task {}", two.id())]);
        two.end();
        assert_eq!(count(), both - 2);
        board.unmount("/rom").unwrap();
    }

    fn a_mapping_outlives_its_descriptor_and_keeps_the_volume(link: Link) {
        let (_folder, board) = volume(link);
        let task = board.task();
        let fd = task.open(name(12_289), O_RDONLY, 0).unwrap();
        let view = task.map(fd, &MapRequest::read(1, 12_288)).unwrap();
        task.close(fd).unwrap();
        errno(task.map(fd, &MapRequest::read(0, 1)).map(|_| ()), Errno::EBADF);
        let mut seen = vec![0; 12_288];
        view.read_at(0, &mut seen).unwrap();
        assert!(seen == pattern(12_289, 12_289)[1..]);
        refused(board.unmount("/rom"), Errno::EBUSY, &[&format!("mapping at {:#x}", view.as_ptr().addr())]);
        refused(board.detach("/dev/rom0"), Errno::EBUSY, &["mount /rom"]);
        // A view may outlive even its task.
        task.end();
        view.read_at(0, &mut seen).unwrap();
        assert!(seen == pattern(12_289, 12_289)[1..]);
        refused(board.unmount("/rom"), Errno::EBUSY, &["mapping at"]);
        drop(view);
        board.unmount("/rom").unwrap();
    }

    fn refusals_come_in_their_order(link: Link) {
        let (_folder, board) = volume(link);
        let board = board.attach("ramdisk-xip", "/dev/ram0", "sectors=64");
        let task = board.task();
        let map = |fd: u32, request: MapRequest| task.mmap(fd, &request).map_err(|e| e.errno());
        let read = MapRequest::read;
        let write = |offset, len| MapRequest { prot: Prot::READ_WRITE, ..read(offset, len) };
        let file = task.open(name(4097), O_RDONLY, 0).unwrap();
        let empty = task.open("/rom/empty", O_RDONLY, 0).unwrap();
        let dir = task.open("/rom/dir", O_RDONLY, 0).unwrap();
        let blind = task.open("/dev/ram0", O_WRONLY, 0).unwrap();
        let max = i64::MAX as u64;
        // No descriptor; then no length; then the descriptor's mode; then its kind; then the range.
        assert_eq!(map(99, read(0, 0)), Err(Errno::EBADF));
        assert_eq!(map(blind, read(0, 0)), Err(Errno::EINVAL));
        assert_eq!(map(dir, read(0, 0)), Err(Errno::EINVAL));
        assert_eq!(map(blind, read(u64::MAX, 1)), Err(Errno::EACCES));
        assert_eq!(map(blind, MapRequest { len: 1, ..PRIVATE }), Err(Errno::EACCES));
        assert_eq!(map(file, write(max, 9)), Err(Errno::EACCES));
        assert_eq!(map(dir, write(0, 1)), Err(Errno::EACCES));
        assert_eq!(map(dir, read(max, 9)), Err(Errno::ENODEV));
        assert_eq!(map(file, read(max, 1)), Err(Errno::EOVERFLOW));
        assert_eq!(map(file, read(u64::MAX, 1)), Err(Errno::EOVERFLOW));
        assert_eq!(map(file, read(1, usize::MAX)), Err(Errno::EOVERFLOW));
        assert_eq!(map(file, read(max - 1, 1)), Err(Errno::ENXIO));
        assert_eq!(map(file, read(4097, 1)), Err(Errno::ENXIO));
        assert_eq!(map(empty, read(0, 1)), Err(Errno::ENXIO));
        assert_eq!(map(file, MapRequest { strict: true, ..read(0, 4097 + 2 * 4096) }), Err(Errno::ENXIO));
        assert_eq!(task.region_count(), 0);
        taught(task.mmap(file, &read(4097, 1)), Errno::ENXIO, &[&name(4097), "4097", "1 bytes at 4097"]);
        refused(task.mmap(file, &write(0, 1)), Errno::EACCES, &[&name(4097), "reading and writing"]);
        for fd in [file, empty, dir, blind] {
            task.close(fd).unwrap();
        }
        // Nothing of all that holds anything.
        board.unmount("/rom").unwrap();
        board.detach("/dev/ram0").unwrap();
    }

    fn a_descriptor_that_only_names_a_file_maps_nothing(link: Link) {
        let (_folder, board) = volume(link);
        let task = board.task();
        let fd = task.open(name(4097), O_PATH, 0).unwrap();
        errno(task.mmap(fd, &MapRequest::read(0, 1)), Errno::EBADF);
        errno(task.borrow_in_place(fd), Errno::EBADF);
    }

    fn a_borrow_is_the_same_address_by_every_door(link: Link) {
        let (folder, board) = volume(link);
        let image = std::fs::read(folder.at("rom.img")).unwrap();
        let (task, other) = (board.task(), board.task());
        let medium = task.open("/dev/rom0", O_RDONLY, 0).unwrap();
        let address_of = |task: &nxvfs::Task, fd: u32, command: u32| {
            let mut arg = [0; size_of::<usize>()];
            task.ioctl(fd, command, &mut arg).map(|_| usize::from_ne_bytes(arg))
        };
        let base = address_of(&task, medium, BIOC_XIPBASE).unwrap();
        assert!(bytes_at(base, image.len()) == image);
        assert_eq!(task.borrow_in_place(medium).unwrap(), (base, image.len()));
        for len in LENGTHS {
            let fd = task.open(name(len), O_RDONLY, 0).unwrap();
            let (address, borrowed) = task.borrow_in_place(fd).unwrap();
            assert_eq!(borrowed, len);
            assert_eq!(task.borrow_in_place(fd).unwrap(), (address, len));
            assert_eq!(address_of(&task, fd, FIOC_XIPBASE).unwrap(), address);
            assert_eq!(address_of(&task, fd, FIOC_MMAP).unwrap(), address);
            let again = other.open(name(len), O_RDONLY, 0).unwrap();
            assert_eq!(address_of(&other, again, FIOC_XIPBASE).unwrap(), address);
            let explained = task.explain(name(len)).unwrap();
            assert_eq!(explained.extents.len(), 1);
            let extent = explained.extents[0];
            assert_eq!((extent.file_offset, extent.len_bytes), (0, len as u64));
            assert_eq!(base + extent.medium_offset as usize, address);
            assert!(bytes_at(address, len) == pattern(len as u64, len));
            // A view shows the same bytes of the same object.
            let view = task.map(fd, &MapRequest::read(0, len)).unwrap();
            assert_eq!(object_byte(view.as_ptr().addr()), object_byte(address));
        }
        let fd = task.open(name(16), O_RDONLY, 0).unwrap();
        errno(task.ioctl(fd, FIOC_XIPBASE, &mut [0; 7]), Errno::EINVAL);
        errno(task.ioctl(fd, BIOC_XIPBASE, &mut [0; 8]), Errno::ENOTTY);
        errno(task.ioctl(medium, FIOC_XIPBASE, &mut [0; 8]), Errno::ENOTTY);
        errno(task.ioctl(fd, 0x7777, &mut [0; 8]), Errno::ENOTTY);
        errno(task.ioctl(99, FIOC_XIPBASE, &mut [0; 8]), Errno::EBADF);
        let empty = task.open("/rom/empty", O_RDONLY, 0).unwrap();
        errno(task.ioctl(empty, FIOC_XIPBASE, &mut [0; 8]), Errno::ENXIO);
        let dir = task.open("/rom/dir", O_RDONLY, 0).unwrap();
        errno(task.ioctl(dir, FIOC_XIPBASE, &mut [0; 8]), Errno::ENOTTY);
        let mut path = [0xff; 64];
        task.ioctl(fd, FIOC_FILEPATH, &mut path).unwrap();
        assert_eq!(&path[..12], b"/rom/len-16\0");
        errno(task.ioctl(fd, FIOC_FILEPATH, &mut [0; 11]), Errno::ERANGE);
        let mut geometry = [0; 24];
        task.ioctl(medium, BIOC_GEOMETRY, &mut geometry).unwrap();
        assert_eq!(u32::from_ne_bytes(geometry[8..12].try_into().unwrap()), 512);
        assert_eq!(u64::from_ne_bytes(geometry[16..24].try_into().unwrap()) * 512, image.len() as u64);
    }

    fn explain_says_in_place_for_each_file_and_why_not_for_an_empty_one(link: Link) {
        let (_folder, board) = volume(link);
        let task = board.task();
        for len in LENGTHS {
            let explained = task.explain(name(len)).unwrap();
            assert_eq!((explained.tier, explained.len_bytes), (Tier::Xip, len as u64));
            assert!(!explained.reason.is_empty());
        }
        let empty = task.explain("/rom/empty").unwrap();
        assert_eq!((empty.tier, empty.len_bytes, empty.extents.len()), (Tier::None, 0, 0));
        assert!(empty.reason.contains("empty"));
        assert_eq!(task.explain("/dev/rom0").unwrap().tier, Tier::Xip);
        errno(task.explain("/rom/dir").map(|_| ()), Errno::ENODEV);
        errno(task.explain("/dev").map(|_| ()), Errno::ENODEV);
        errno(task.explain("/rom/none").map(|_| ()), Errno::ENOENT);
        let mounted = &board.mounts()[0].agreement;
        assert!(mounted.fioc_mmap);
        assert_eq!((mounted.tier, mounted.bioc_xipbase.map(|(_, writable)| writable)), (Tier::Xip, Some(false)));
    }

    fn what_was_switched_off_is_off(link: Link) {
        let (folder, _) = volume(link);
        for (option, tier) in [("mmap=none", Tier::None), ("mmap=ram", Tier::Ram)] {
            let board = Board::new(link).romdisk("/dev/rom0", &folder.at("rom.img"));
            let board = board.mount("/dev/rom0", "/rom", "romfs", option);
            assert_eq!(board.mounts()[0].agreement.tier, tier);
            let task = board.task();
            let fd = task.open(name(4096), O_RDONLY, 0).unwrap();
            let request = MapRequest::read(0, 4096);
            match tier {
                Tier::Ram => assert_eq!(task.map(fd, &request).unwrap().tier(), Tier::Ram),
                _ => drop(taught(task.mmap(fd, &request), Errno::ENODEV, &[&name(4096), option])),
            }
            taught(task.mmap(fd, &MapRequest { strict: true, ..request }), Errno::ENXIO, &[&name(4096), option]);
            taught(task.borrow_in_place(fd), Errno::ENXIO, &[&name(4096), option]);
            let explained = task.explain(name(4096)).unwrap();
            assert_eq!(explained.tier, tier);
            assert!(explained.reason.contains(option), "{}", explained.reason);
            assert!(board.read(&name(4096)) == pattern(4096, 4096), "reading works");
        }
    }

    fn stores_through_a_shared_view_of_a_ram_disk_reach_it(link: Link) {
        let board = Board::new(link).attach("ramdisk-xip", "/dev/ram0", "sectors=64");
        let task = board.task();
        let fd = task.open("/dev/ram0", O_RDWR, 0).unwrap();
        let request = MapRequest { prot: Prot::READ_WRITE, ..MapRequest::read(4096, 8192) };
        let view = task.map(fd, &request).unwrap();
        view.write_at(10, b"through the view").unwrap();
        let mut seen = [0; 16];
        assert_eq!(task.pread(fd, &mut seen, 4106).unwrap(), 16);
        assert_eq!(&seen, b"through the view");
        assert_eq!(task.pwrite(fd, b"by the driver", 4096).unwrap(), 13);
        let mut seen = [0; 13];
        view.read_at(0, &mut seen).unwrap();
        assert_eq!(&seen, b"by the driver");
        // A part of a page could reach what is not the caller's, and a copy would be past by the stores of the first.
        refused(task.map(fd, &MapRequest { offset: 10, len: 100, ..request }).map(|_| ()), Errno::ENODEV, &["/dev/ram0"]);
        drop(view);
        assert_eq!(task.map(fd, &MapRequest { offset: 10, len: 100, ..request }).unwrap().tier(), Tier::Ram);
        // For reading only, stores are refused.
        let reader = task.open("/dev/ram0", O_RDONLY, 0).unwrap();
        refused(task.map(reader, &request).map(|_| ()), Errno::EACCES, &["/dev/ram0"]);
    }

    fn a_function_on_the_medium_is_called_in_place(link: Link) {
        let folder = Folder::new().file("weigh.c", "unsigned long weigh(unsigned long a, unsigned long b) { return a * 3 + b; }");
        let folder = folder.file("tree/before", pattern(1, 777));
        compile(&folder.at("weigh.c"), &folder.at("weigh.o"), &folder.at("tree/weigh.bin"));
        let code = std::fs::read(folder.at("tree/weigh.bin")).unwrap();
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        // The file itself as medium, and a copy in a memory object.
        for params in [format!("image={},ro", image.display()), format!("image={}", image.display())] {
            let board = Board::new(link).attach("ramdisk-xip", "/dev/rom0", &params);
            let board = board.mount("/dev/rom0", "/rom", "romfs", "ro,mmap=xip");
            let task = board.task();
            let fd = task.open("/rom/weigh.bin", O_RDONLY, 0).unwrap();
            let request = MapRequest { prot: Prot::READ_EXECUTE, ..MapRequest::read(0, code.len()) };
            let address = task.mmap(fd, &request).unwrap();
            let vma = mapping_of(address).unwrap();
            assert_eq!(vma.permissions, "r-xs");
            // SAFETY: the bytes at the address are a function of this type: position-independent, complete, and mapped
            // executable until the end of this test.
            let weigh: extern "C" fn(u64, u64) -> u64 =
                unsafe { std::mem::transmute(with_exposed_provenance::<u8>(address)) };
            assert_eq!(weigh(13, 3), 42);
            assert_eq!(weigh(u64::MAX, 5), 2);
            // It ran on the medium: the same byte of the same object as the borrowed address shows.
            let (borrowed, _) = task.borrow_in_place(fd).unwrap();
            assert_eq!(object_byte(address), object_byte(borrowed));
            assert!(bytes_at(address, code.len()) == code);
            // Without the right to execute it is not executable.
            let view = task.map(fd, &MapRequest::read(0, code.len())).unwrap();
            assert_eq!(mapping_of(view.as_ptr().addr()).unwrap().permissions, "r--s");
            task.munmap(address, code.len()).unwrap();
        }
    }
}

/// Compiles a C file to the bytes of its functions.
fn compile(source: &Path, object: &Path, out: &Path) {
    use std::process::Command;
    let flags = ["-O2", "-nostdlib", "-fPIC", "-ffreestanding", "-fno-stack-protector", "-c"];
    run(Command::new("gcc").args(flags).arg(source).arg("-o").arg(object));
    run(Command::new("objcopy").args(["-O", "binary", "-j", ".text"]).arg(object).arg(out));
}
