//! Files that are mapped through a copy in memory: one copy for all views of a file, what is stored comes back, and
//! nothing that NuttX's rammap does wrong.

#![allow(unsafe_code, reason = "uses mapped memory by its address")]

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::ptr::with_exposed_provenance_mut;

use nxvfs::file::Whence;
use nxvfs::mapping::{MapRequest, Mapping, Place, Prot, Sync};
use nxvfs::tree::Tier;
use nxvfs::{Errno, Task};
use nxvfs_abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE};
use nxvfs_abi::types::open::{O_APPEND, O_CREAT, O_RDONLY, O_RDWR};
use nxvfs_tests::check::{errno, refused};
use nxvfs_tests::image::pattern;
use nxvfs_tests::process::page_bytes;
use nxvfs_tests::{Board, Folder, Link, genromfs, on_both_links};

fn tmpfs(link: Link, options: &str) -> Board {
    Board::new(link).mount("none", "/tmp", "tmpfs", options)
}

fn make(task: &Task, path: &str, content: &[u8]) -> u32 {
    let fd = task.open(path, O_RDWR | O_CREAT, 0o644).unwrap();
    assert_eq!(task.write(fd, content).unwrap(), content.len());
    fd
}

fn pread(task: &Task, fd: u32, offset: u64, len: usize) -> Vec<u8> {
    let mut buf = vec![0; len];
    let got = task.pread(fd, &mut buf, offset).unwrap();
    buf.truncate(got);
    buf
}

fn seen(view: &Mapping, offset: usize, len: usize) -> Vec<u8> {
    let mut buf = vec![0; len];
    view.read_at(offset, &mut buf).unwrap();
    buf
}

/// Whether the operating system can read a byte at an address: it answers EFAULT where a program would get a signal.
fn touchable(address: usize) -> bool {
    let (_reader, mut writer) = std::io::pipe().unwrap();
    // SAFETY: the byte is only handed to the kernel, which checks the address.
    let byte = unsafe { std::slice::from_raw_parts(with_exposed_provenance_mut::<u8>(address), 1) };
    match writer.write(byte) {
        Ok(1) => true,
        Err(e) if e.raw_os_error() == Some(-Errno::EFAULT.wire()) => false,
        other => panic!("{other:?}"),
    }
}

const SHARED: MapRequest = MapRequest::shared(0, 0, Prot::READ_WRITE);

on_both_links! {
    fn all_views_of_a_file_show_the_same_bytes_and_reading_shows_them_too(link: Link) {
        let board = tmpfs(link, "");
        let (task, other) = (board.task(), board.task());
        let content = pattern(1, 3 * page_bytes() + 100);
        let fd = make(&task, "/tmp/f", &content);
        task.link("/tmp/f", "/tmp/g").unwrap();
        let by_link = other.open("/tmp/g", O_RDWR, 0).unwrap();
        let again = task.open("/tmp/f", O_RDONLY, 0).unwrap();
        let first = task.map(fd, &MapRequest { len: content.len(), ..SHARED }).unwrap();
        // Another task, by another name, from the middle, at an offset that is no page's.
        let second = other.map(by_link, &MapRequest { offset: 5000, len: 4000, ..SHARED }).unwrap();
        let third = task.map(again, &MapRequest::read(4096, 4096)).unwrap();
        assert_eq!((first.tier(), second.tier(), third.tier()), (Tier::Ram, Tier::Ram, Tier::Ram));
        assert!(seen(&first, 0, content.len()) == content);
        second.write_at(10, b"by the second view").unwrap();
        assert_eq!(seen(&first, 5010, 18), b"by the second view");
        assert_eq!(seen(&third, 914, 18), b"by the second view");
        assert_eq!(pread(&task, fd, 5010, 18), b"by the second view");
        assert_eq!(pread(&other, by_link, 5010, 18), b"by the second view");
        assert_eq!(other.pwrite(by_link, b"by writing", 5000).unwrap(), 10);
        assert_eq!(seen(&second, 0, 10), b"by writing");
        assert_eq!(seen(&first, 5000, 28), b"by writingby the second view");
        assert_eq!(task.region_count() + other.region_count(), 0, "values are not regions");
        drop((first, second, third));
        // The copy is gone, and the file has it all.
        assert_eq!(board.mapping_budget().used_bytes(), 0);
        assert_eq!(pread(&task, again, 5000, 28), b"by writingby the second view");
    }

    fn writes_past_the_end_and_appends_are_seen_by_views(link: Link) {
        let board = tmpfs(link, "");
        let task = board.task();
        let page = page_bytes();
        let fd = make(&task, "/tmp/f", b"short");
        let view = task.map(fd, &MapRequest { len: 4 * page, ..SHARED }).unwrap();
        // A store behind the end, in the last page, is not the file's.
        view.write_at(20, b"behind the end").unwrap();
        let log = task.open("/tmp/f", O_RDWR | O_APPEND, 0).unwrap();
        task.write(log, b"er").unwrap();
        assert_eq!(seen(&view, 0, 20), b"shorter\0\0\0\0\0\0\0\0\0\0\0\0\0");
        task.pwrite(fd, b"far away", 3 * page as u64).unwrap();
        assert_eq!(seen(&view, 3 * page, 8), b"far away");
        assert!(seen(&view, 7, 3 * page - 7).iter().all(|b| *b == 0), "a gap is zeroes");
        assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, 3 * page as u64 + 8);
        task.ftruncate(fd, 4 * page as u64).unwrap();
        view.write_at(4 * page - 3, b"end").unwrap();
        drop(view);
        assert_eq!(pread(&task, fd, 4 * page as u64 - 3, 10), b"end");
    }

    fn cutting_a_file_takes_pages_from_views_and_nothing_else_does(link: Link) {
        let board = tmpfs(link, "");
        let task = board.task();
        let page = page_bytes();
        let content = pattern(2, 4 * page);
        let fd = make(&task, "/tmp/f", &content);
        let view = task.map(fd, &MapRequest { len: 4 * page, ..SHARED }).unwrap();
        let address = view.as_ptr().addr();
        assert!(touchable(address + 3 * page));
        task.ftruncate(fd, page as u64 + 10).unwrap();
        assert!(touchable(address + page + 11), "the rest of the last page stays");
        assert!(!touchable(address + 2 * page) && !touchable(address + 4 * page - 1));
        assert!(seen(&view, 0, page + 10) == content[..page + 10]);
        assert!(seen(&view, page + 10, 50).iter().all(|b| *b == 0));
        errno(view.read_at(2 * page - 1, &mut [0; 2]), Errno::EFAULT);
        errno(view.write_at(3 * page, &[1]), Errno::EFAULT);
        task.ftruncate(fd, 4 * page as u64).unwrap();
        assert!(seen(&view, page + 10, 3 * page - 10).iter().all(|b| *b == 0), "what was cut does not come back");
        let hole = FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE;
        task.fallocate(fd, hole, 10, 20).unwrap();
        assert_eq!(seen(&view, 10, 20), [0; 20]);
        assert!(seen(&view, 30, 100) == content[30..130]);
    }

    fn bringing_back_never_makes_a_file_longer(link: Link) {
        let board = tmpfs(link, "");
        let task = board.task();
        let fd = make(&task, "/tmp/f", &[7; 100]);
        let address = task.mmap(fd, &MapRequest { len: page_bytes(), ..SHARED }).unwrap();
        // SAFETY: a page that was just mapped writable.
        unsafe { with_exposed_provenance_mut::<u8>(address).add(99).write_bytes(1, 50) };
        for how in [Sync::Async, Sync::Full] {
            task.msync(address, page_bytes(), how).unwrap();
            assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, 100);
        }
        task.munmap(address, 1).unwrap();
        assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, 100);
        assert_eq!(pread(&task, fd, 98, 10), [7, 1]);
    }

    fn stores_come_back_by_msync_by_unmapping_and_at_the_end_of_the_task(link: Link) {
        // Below the copy is a file of the operating system, which is looked at past the host.
        let folder = Folder::new().file("disk.img", vec![0; 64 * 1024]);
        let disk = File::open(folder.at("disk.img")).unwrap();
        let on_disk = |offset: u64| {
            let mut buf = [0; 4];
            disk.read_exact_at(&mut buf, offset).unwrap();
            buf
        };
        let board = Board::new(link).attach("loop", "/dev/loop0", &format!("file={}", folder.at("disk.img").display()));
        let page = page_bytes();
        let task = board.task();
        let fd = task.open("/dev/loop0", O_RDWR, 0).unwrap();
        let request = MapRequest { len: 8 * page, ..SHARED };
        let address = task.mmap(fd, &request).unwrap();
        let store = |at: usize, bytes: &[u8; 4]| {
            // SAFETY: inside the eight pages that were mapped writable.
            unsafe { with_exposed_provenance_mut::<[u8; 4]>(address + at).write_unaligned(*bytes) };
        };
        store(0, b"zero");
        store(page, b"one_");
        store(2 * page, b"two_");
        assert_eq!(on_disk(0), [0; 4]);
        task.msync(address, page, Sync::Full).unwrap();
        assert_eq!((on_disk(0), on_disk(page as u64)), (*b"zero", [0; 4]));
        task.munmap(address + page, page).unwrap();
        task.fsync(fd, false).unwrap();
        assert_eq!(on_disk(page as u64), *b"one_");
        // A fsync of the file brings back what views stored, too.
        assert_eq!(on_disk(2 * page as u64), *b"two_");
        store(3 * page, b"thre");
        task.close(fd).unwrap();
        refused(board.detach("/dev/loop0"), Errno::EBUSY, &["mapping at"]);
        task.end();
        board.detach("/dev/loop0").unwrap();
        assert_eq!(on_disk(3 * page as u64), *b"thre");
    }

    fn only_touched_pages_take_memory(link: Link) {
        const GIB: usize = 1 << 30;
        let board = tmpfs(link, "size=2G");
        let task = board.task();
        let fd = make(&task, "/tmp/large", b"");
        task.ftruncate(fd, GIB as u64).unwrap();
        task.pwrite(fd, b"middle", GIB as u64 / 2).unwrap();
        let view = task.map(fd, &MapRequest { len: GIB, ..SHARED }).unwrap();
        for at in [0, GIB / 2, GIB - 6] {
            let expected: &[u8] = if at == GIB / 2 { b"middle" } else { &[0; 6] };
            assert_eq!(seen(&view, at, 6), expected);
        }
        let used = board.mapping_budget().used_bytes();
        assert!(used > 0 && used < 1 << 20, "{used} bytes for three pages");
        drop(view);
        assert_eq!(board.mapping_budget().used_bytes(), 0);
        // Filled at once where that is asked for: the range, and not the file.
        let range = MapRequest { offset: GIB as u64 / 2, len: 1 << 20, populate: true, ..SHARED };
        let view = task.map(fd, &range).unwrap();
        assert_eq!(board.mapping_budget().used_bytes(), 1 << 20);
        assert_eq!(seen(&view, 0, 6), b"middle");
    }

    fn a_buffer_in_a_view_is_filled_by_the_same_file_system(link: Link) {
        let folder = Folder::new().file("tree/f", pattern(3, 300_000));
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).attach("loop", "/dev/loop0", &format!("file={},ro", image.display()));
        let board = board.mount("/dev/loop0", "/rom", "romfs", "").mount("none", "/tmp", "tmpfs", "");
        let task = board.task();
        let rom = task.open("/rom/f", O_RDONLY, 0).unwrap();
        let private = MapRequest::private(0, 300_000, Prot::READ_WRITE);
        let address = task.mmap(rom, &private).unwrap();
        // SAFETY: pages that were just mapped writable and private, used by this thread alone.
        let buffer = unsafe { std::slice::from_raw_parts_mut(with_exposed_provenance_mut::<u8>(address), 300_000) };
        assert_eq!(task.pread(rom, &mut buffer[100_000..200_000], 0).unwrap(), 100_000);
        assert!(buffer[100_000..200_000] == pattern(3, 300_000)[..100_000]);
        assert!(buffer[..100_000] == pattern(3, 300_000)[..100_000]);
        assert!(buffer[200_000..] == pattern(3, 300_000)[200_000..]);
        // A file's own view as the buffer of a write into it.
        let fd = make(&task, "/tmp/f", &pattern(4, 50_000));
        let address = task.mmap(fd, &MapRequest { len: 50_000, ..SHARED }).unwrap();
        // SAFETY: pages that were just mapped.
        let buffer = unsafe { std::slice::from_raw_parts(with_exposed_provenance_mut::<u8>(address), 50_000) };
        assert_eq!(task.pwrite(fd, &buffer[..20_000], 30_000).unwrap(), 20_000);
        assert!(buffer[30_000..] == pattern(4, 50_000)[..20_000]);
    }

    fn private_views_of_a_copy_keep_their_stores_to_themselves(link: Link) {
        let board = tmpfs(link, "");
        let task = board.task();
        let fd = make(&task, "/tmp/f", &pattern(5, 10_000));
        let reader = task.open("/tmp/f", O_RDONLY, 0).unwrap();
        let shared = task.map(fd, &MapRequest { len: 10_000, ..SHARED }).unwrap();
        let private = task.map(reader, &MapRequest::private(0, 10_000, Prot::READ_WRITE)).unwrap();
        private.write_at(0, &[0xee; 10_000]).unwrap();
        assert!(seen(&shared, 0, 10_000) == pattern(5, 10_000));
        assert!(pread(&task, fd, 0, 10_000) == pattern(5, 10_000));
        shared.write_at(0, b"shared").unwrap();
        assert_eq!(seen(&private, 0, 2), [0xee; 2]);
        drop(private);
        assert_eq!(pread(&task, reader, 0, 6), b"shared");
    }

    fn protection_is_what_descriptor_and_caller_allow(link: Link) {
        let board = tmpfs(link, "");
        let task = board.task();
        let page = page_bytes();
        let fd = make(&task, "/tmp/f", &pattern(6, 3 * page));
        let reader = task.open("/tmp/f", O_RDONLY, 0).unwrap();
        let read_only = task.mmap(reader, &MapRequest::read(0, 3 * page)).unwrap();
        refused(task.mmap(reader, &MapRequest { len: page, ..SHARED }), Errno::EACCES, &["/tmp/f"]);
        errno(task.mprotect(read_only, page, Prot::READ_WRITE), Errno::EACCES);
        task.munmap(read_only, 3 * page).unwrap();
        let address = task.mmap(fd, &MapRequest::read(0, 3 * page)).unwrap();
        errno(task.mprotect(address + 1, page, Prot::READ_WRITE), Errno::EINVAL);
        errno(task.mprotect(address, 4 * page, Prot::READ_WRITE), Errno::ENOMEM);
        task.mprotect(address + page, page, Prot::READ_WRITE).unwrap();
        // SAFETY: the middle page was just made writable.
        unsafe { with_exposed_provenance_mut::<[u8; 6]>(address + page).write_unaligned(*b"middle") };
        task.mprotect(address + 2 * page, page, Prot::NONE).unwrap();
        assert!(!touchable(address + 2 * page) && touchable(address));
        let rows: Vec<_> = task.mappings().into_iter().filter(|row| row.pages.start >= address && row.pages.end <= address + 3 * page).collect();
        let prots: Vec<Prot> = rows.iter().map(|row| row.prot).collect();
        assert_eq!(prots, [Prot::READ, Prot::READ_WRITE, Prot::NONE]);
        assert!(rows.iter().all(|row| row.shared && row.tier == Tier::Ram && row.path == "/tmp/f"));
        task.munmap(address, 3 * page).unwrap();
        assert_eq!(pread(&task, fd, page as u64, 6), b"middle");
        // Private pages are the view's own, whatever the descriptor.
        let private = task.mmap(reader, &MapRequest::private(0, page, Prot::READ)).unwrap();
        task.mprotect(private, page, Prot::READ_WRITE).unwrap();
    }

    fn what_cannot_be_brought_back_is_kept_told_and_tried_again(link: Link) {
        let board = tmpfs(link, "size=64K");
        let task = board.task();
        let ballast = make(&task, "/tmp/ballast", &[1; 48 * 1024]);
        let fd = make(&task, "/tmp/f", b"");
        task.ftruncate(fd, 64 * 1024).unwrap();
        let stores = vec![9; 32 * 1024];
        let view = task.map(fd, &MapRequest { len: 32 * 1024, ..SHARED }).unwrap();
        view.write_at(0, &stores).unwrap();
        errno(view.sync(), Errno::ENOSPC);
        drop(view);
        // Whoever asks next is told, and what was stored is still the file's content.
        assert_eq!(pread(&task, fd, 0, 32 * 1024), stores);
        errno(task.fsync(fd, false), Errno::ENOSPC);
        let reader = task.open("/tmp/f", O_RDONLY, 0).unwrap();
        assert_eq!(pread(&task, reader, 0, 32 * 1024), stores);
        task.close(reader).unwrap();
        let late = task.open("/tmp/f", O_RDONLY, 0).unwrap();
        // Told once; the next try fails anew.
        task.close(fd).unwrap();
        errno(task.fsync(late, false), Errno::ENOSPC);
        refused(board.unmount("/tmp"), Errno::EBUSY, &["descriptor"]);
        task.ftruncate(ballast, 0).unwrap();
        let fd = task.open("/tmp/f", O_RDWR, 0).unwrap();
        task.fsync(fd, false).unwrap();
        assert_eq!(board.mapping_budget().used_bytes(), 0, "nothing is kept any longer");
        assert_eq!(pread(&task, fd, 0, 32 * 1024), stores);
    }

    fn an_unmount_with_stores_that_cannot_be_brought_back_is_refused(link: Link) {
        let board = tmpfs(link, "size=64K");
        let task = board.task();
        task.close(make(&task, "/tmp/ballast", &[1; 48 * 1024])).unwrap();
        let fd = make(&task, "/tmp/f", b"");
        task.ftruncate(fd, 64 * 1024).unwrap();
        let view = task.map(fd, &MapRequest { len: 32 * 1024, ..SHARED }).unwrap();
        view.write_at(0, &[9; 32 * 1024]).unwrap();
        task.close(fd).unwrap();
        drop(view);
        refused(board.unmount("/tmp"), Errno::ENOSPC, &["/tmp"]);
        task.unlink("/tmp/ballast").unwrap();
        board.unmount("/tmp").unwrap();
    }

    fn a_page_that_cannot_be_read_is_a_fault_and_never_zeroes(link: Link) {
        // More than is read ahead.
        const LEN: usize = 8 << 20;
        const HALF: usize = LEN / 2;
        let folder = Folder::new().file("tree/f", pattern(7, LEN));
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).attach("loop", "/dev/loop0", &format!("file={},ro", image.display()));
        let board = board.mount("/dev/loop0", "/rom", "romfs", "");
        let task = board.task();
        let fd = task.open("/rom/f", O_RDONLY, 0).unwrap();
        let view = task.map(fd, &MapRequest::read(0, LEN)).unwrap();
        assert!(seen(&view, 0, 100) == pattern(7, LEN)[..100]);
        // The medium loses its second half.
        File::options().write(true).open(&image).unwrap().set_len(HALF as u64).unwrap();
        assert!(!touchable(view.as_ptr().addr() + LEN - 50_000));
        errno(view.read_at(LEN - 40_000, &mut [0; 10]), Errno::EFAULT);
        assert!(seen(&view, 0, 100) == pattern(7, LEN)[..100]);
        let filled = MapRequest { populate: true, ..MapRequest::read(HALF as u64, 50_000) };
        errno(task.map(fd, &filled).map(drop), Errno::EIO);
    }

    fn mapping_leaves_the_position_alone_and_a_block_node_honours_offset_and_length(link: Link) {
        let content = pattern(8, 128 * 1024);
        let folder = Folder::new().file("disk.img", content.clone());
        let board = Board::new(link).attach("loop", "/dev/loop0", &format!("file={}", folder.at("disk.img").display()));
        let task = board.task();
        let fd = task.open("/dev/loop0", O_RDWR, 0).unwrap();
        task.lseek(fd, 17, Whence::Set).unwrap();
        let view = task.map(fd, &MapRequest { offset: 12_345, len: 54_321, ..SHARED }).unwrap();
        assert!(seen(&view, 0, 54_321) == content[12_345..66_666]);
        assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), 17);
        assert_eq!(task.explain("/dev/loop0").unwrap().tier, Tier::Ram);
    }

    fn a_device_and_its_partitions_are_one_medium_in_memory_too(link: Link) {
        let content = pattern(10, 64 * 1024);
        let folder = Folder::new().file("disk.img", content.clone());
        let board = Board::new(link).attach("loop", "/dev/loop0", &format!("file={}", folder.at("disk.img").display()));
        board.attach_partition("/dev/loop0", "/dev/loop0p1", 3, 60).unwrap();
        let task = board.task();
        let (whole, part) = (task.open("/dev/loop0", O_RDWR, 0).unwrap(), task.open("/dev/loop0p1", O_RDWR, 0).unwrap());
        let view = task.map(part, &MapRequest { len: 60 * 512, ..SHARED }).unwrap();
        let other = task.map(whole, &MapRequest { len: 64 * 1024, ..SHARED }).unwrap();
        assert!(seen(&view, 0, 60 * 512) == content[3 * 512..63 * 512]);
        view.write_at(100, b"by the part").unwrap();
        assert_eq!(seen(&other, 3 * 512 + 100, 11), b"by the part");
        assert_eq!(pread(&task, whole, 3 * 512 + 100, 11), b"by the part");
        task.pwrite(whole, b"by the whole", 3 * 512).unwrap();
        assert_eq!(seen(&view, 0, 12), b"by the whole");
        assert_eq!(pread(&task, part, 0, 12), b"by the whole");
        drop((view, other));
        task.end();
        board.detach("/dev/loop0p1").unwrap();
    }

    fn a_fixed_place_replaces_views_of_the_task_and_nothing_else(link: Link) {
        let board = tmpfs(link, "");
        let (task, other) = (board.task(), board.task());
        let page = page_bytes();
        let fd = make(&task, "/tmp/f", &pattern(9, 4 * page));
        let address = task.mmap(fd, &MapRequest::read(0, 4 * page)).unwrap();
        let middle = MapRequest { place: Place::At(address + page), ..MapRequest::read(3 * page as u64, page) };
        assert_eq!(task.mmap(fd, &middle).unwrap(), address + page);
        // SAFETY: mapped readable just now.
        let byte = |at: usize| unsafe { with_exposed_provenance_mut::<u8>(at).read() };
        assert_eq!(byte(address + page), pattern(9, 4 * page)[3 * page]);
        assert_eq!(byte(address + 2 * page), pattern(9, 4 * page)[2 * page]);
        assert_eq!(task.region_count(), 3);
        let stranger = other.open("/tmp/f", O_RDONLY, 0).unwrap();
        errno(other.mmap(stranger, &middle).map(drop), Errno::EEXIST);
        errno(task.mmap(fd, &MapRequest { place: Place::At(address + 1), ..middle }).map(drop), Errno::EINVAL);
        let zeroes = task.mmap_anonymous(2 * page, Prot::READ_WRITE, false, Place::At(address)).unwrap();
        assert_eq!((zeroes, byte(address), byte(address + page)), (address, 0, 0));
        task.munmap(address, 4 * page).unwrap();
        assert_eq!(task.region_count(), 0);
    }
}
