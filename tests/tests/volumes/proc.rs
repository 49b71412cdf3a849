//! `/proc` and files that are made when they are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nxvfs::device::Generated;
use nxvfs::file::Whence;
use nxvfs::mapping::{MapRequest, Place, Prot};
use nxvfs::{Errno, HostOptions, Task};
use nxvfs_abi::types::mode::{S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};
use nxvfs_abi::types::open::*;
use nxvfs_tests::check::{errno, refused};
use nxvfs_tests::{Board, Folder, Link, content, genromfs, options};

fn text(task: &Task, path: &str) -> String {
    String::from_utf8(content(task, path).unwrap_or_else(|e| panic!("{path}: {e}"))).unwrap()
}

fn names(task: &Task, path: &str) -> Vec<String> {
    let entries = task.opendir(path).unwrap().map(|entry| String::from_utf8(entry.unwrap().name).unwrap());
    let mut names: Vec<String> = entries.filter(|name| name != "." && name != "..").collect();
    names.sort();
    names
}

/// A romfs with one file, in place on a RAM disk.
fn rom() -> (Folder, Board) {
    let folder = Folder::new().file("tree/file", vec![7; 10_000]);
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let board = Board::new(Link::Static).romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "");
    (folder, board)
}

#[test]
fn each_opening_has_its_text_and_going_back_to_the_start_makes_it_anew() {
    let board = Board::new(Link::Static);
    let made = AtomicU64::new(0);
    board
        .register_generated("/dev/count", 0o444, move |_, out| {
            *out = format!("{:08}", made.fetch_add(1, Ordering::Relaxed)).into_bytes();
            Ok(())
        })
        .unwrap();
    let task = board.task();
    let attr = task.stat("/dev/count").unwrap().attr;
    assert_eq!((attr.mode, attr.size_bytes), (S_IFREG | 0o444, 0));
    let (a, b) =
        (task.open("/dev/count", O_RDONLY, 0).unwrap(), task.open("/dev/count", O_RDONLY, 0).unwrap());
    let read = |fd, len| {
        let mut buf = vec![0; len];
        let len = task.read(fd, &mut buf).unwrap();
        String::from_utf8(buf[..len].to_vec()).unwrap()
    };
    assert_eq!(read(a, 4), "0000");
    assert_eq!(read(b, 8), "00000001");
    assert_eq!(read(a, 9), "0000");
    assert_eq!(read(a, 9), "");
    task.lseek(a, 0, Whence::Set).unwrap();
    assert_eq!(read(a, 9), "00000002");
    task.lseek(b, 4, Whence::Set).unwrap();
    assert_eq!(read(b, 9), "0001");
    assert_eq!(task.pread(b, &mut [0; 8], 1 << 62).unwrap(), 0);
    // It takes nothing, and what it is stands while it is open.
    errno(task.open("/dev/count", O_WRONLY, 0), Errno::EACCES);
    errno(task.unlink("/dev/count"), Errno::EBUSY);
    errno(task.truncate("/dev/count", 0), Errno::EINVAL);
    board.unregister("/dev/count").unwrap();
    errno(task.stat("/dev/count").map(drop), Errno::ENOENT);
    task.lseek(a, 0, Whence::Set).unwrap();
    assert_eq!(read(a, 9), "00000003");
}

#[test]
fn a_generated_file_may_take_what_is_written() {
    let board = Board::new(Link::Static);
    let value = Arc::new(AtomicU64::new(5));
    let (told, taken) = (value.clone(), value.clone());
    let file = Generated::new(move |_, out| {
        out.extend_from_slice(format!("{}\n", told.load(Ordering::Relaxed)).as_bytes());
        Ok(())
    })
    .receiving(move |_, bytes| {
        let text = std::str::from_utf8(bytes).map_err(|_| Errno::EINVAL)?;
        taken.store(text.trim().parse().map_err(|_| Errno::EINVAL)?, Ordering::Relaxed);
        Ok(bytes.len())
    });
    board.register("/proc/value", Arc::new(file), 0o644).unwrap();
    let task = board.task();
    let fd = task.open("/proc/value", O_WRONLY | O_CREAT | O_TRUNC, 0o644).unwrap();
    assert_eq!(task.write(fd, b"12\n").unwrap(), 3);
    errno(task.write(fd, b"twelve"), Errno::EINVAL);
    assert_eq!(text(&task, "/proc/value"), "12\n");
    // The host's names are the host's.
    refused(board.register_generated("/proc/self", 0o444, |_, _| Ok(())), Errno::EEXIST, &["/proc/self"]);
    board.unregister("/proc/value").unwrap();
}

#[test]
fn a_failure_of_the_maker_is_the_readers() {
    let board = Board::new(Link::Static);
    board.register_generated("/dev/bad", 0o444, |_, _| Err(Errno::ENODATA.into())).unwrap();
    let task = board.task();
    let fd = task.open("/dev/bad", O_RDONLY, 0).unwrap();
    errno(task.read(fd, &mut [0; 8]), Errno::ENODATA);
}

#[test]
fn proc_tells_of_volumes_devices_and_plugins() {
    let (_folder, board) = rom();
    let board = board.mount("none", "/my tmp", "tmpfs", "");
    let task = board.task();
    assert_eq!(
        text(&task, "/proc/mounts"),
        "none / pseudofs rw 0 0\n/dev/rom0 /rom romfs ro,nodev,relatime,mmap=xip 0 0\nnone /my\\040tmp tmpfs rw,nodev,relatime,mmap=ram 0 0\n"
    );
    let modules = text(&task, "/proc/modules");
    let line = modules.lines().find(|line| line.starts_with("romfs ")).unwrap();
    let fields: Vec<&str> = line.split(' ').collect();
    assert_eq!((fields[3], fields[4], fields[5]), ("static", "live", "mount:/rom"), "{line}");
    let systems = text(&task, "/proc/filesystems");
    assert!(systems.starts_with("nodev\tpseudofs\n") && systems.contains("\n\tromfs\n"), "{systems}");
    let devices = text(&task, "/proc/devices");
    assert!(devices.starts_with("Character devices:\n/dev/console\n/dev/full\n/dev/null\n"), "{devices}");
    assert!(devices.contains("\nBlock devices:\n/dev/rom0 ramdisk-xip 512 "), "{devices}");
    assert!(devices.ends_with(" ro mount:/rom\n"), "{devices}");
    assert!(text(&task, "/proc/version").starts_with("nxvfs version "));
    let uptime = text(&task, "/proc/uptime");
    assert!(uptime.trim().parse::<f64>().is_ok(), "{uptime}");
}

#[test]
fn proc_fs_has_the_form_of_nuttx() {
    let (_folder, board) = rom();
    let task = board.task();
    assert_eq!(text(&task, "/proc/fs/mount"), "  /rom type romfs\n");
    let sizes = task.statfs("/rom").unwrap();
    let row = format!(
        "{:6} {:10} {:10}  {:10} /rom\n",
        sizes.block_size_bytes,
        sizes.blocks,
        sizes.blocks - sizes.blocks_available,
        sizes.blocks_available
    );
    let blocks = text(&task, "/proc/fs/blocks");
    assert_eq!(
        blocks,
        format!("  Block    Number\n  Size     Blocks       Used   Available Mounted on\n{row}")
    );
    let usage = text(&task, "/proc/fs/usage");
    let (head, row) = usage.split_once('\n').unwrap();
    assert_eq!(head, "  Filesystem    Size      Used  Available Mounted on");
    let words: Vec<&str> = row.split_whitespace().collect();
    assert_eq!((words[0], words[3], words[4]), ("romfs", "0B", "/rom"));
    assert_eq!(words[1], words[2]);
    errno(task.open("/proc/fs/usage", O_RDWR, 0), Errno::EACCES);
}

#[test]
fn self_is_another_for_each_task() {
    let (_folder, board) = rom();
    let (a, b) = (board.task(), board.task());
    assert_eq!(a.readlink("/proc/self").unwrap(), a.id().to_string().as_bytes());
    assert_eq!(b.canonical("/proc/self/fd").unwrap(), format!("/proc/{}/fd", b.id()).as_bytes());
    a.chdir("/rom").unwrap();
    assert_eq!(a.readlink("/proc/self/cwd").unwrap(), b"/rom");
    assert_eq!(b.readlink(format!("/proc/{}/cwd", a.id())).unwrap(), b"/rom");
    assert_eq!(b.readlink("/proc/self/cwd").unwrap(), b"/");
    let number = a.id();
    assert!(names(&b, "/proc").contains(&number.to_string()));
    assert_eq!(names(&b, "/proc/self"), ["cwd", "fd", "maps"]);
    a.end();
    assert!(!names(&b, "/proc").contains(&number.to_string()));
    errno(b.stat(format!("/proc/{number}")).map(drop), Errno::ENOENT);
    errno(b.stat("/proc/007").map(drop), Errno::ENOENT);
    // Nobody's look keeps the volume.
    board.unmount("/rom").unwrap();
}

#[test]
fn descriptors_are_links_to_where_their_files_are_now() {
    let board = Board::new(Link::Static).mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    for path in ["/tmp/a", "/own"] {
        let fd = task.open(path, O_CREAT | O_RDWR, 0o644).unwrap();
        task.write(fd, path.as_bytes()).unwrap();
        let entry = format!("/proc/self/fd/{fd}");
        assert_eq!(task.readlink(&entry).unwrap(), path.as_bytes());
        assert_eq!(task.lstat(&entry).unwrap().attr.mode, S_IFLNK | 0o700);
        assert_eq!(task.stat(&entry).unwrap().attr.ino, task.fstat(fd).unwrap().attr.ino);
        assert_eq!(content(&task, &entry).unwrap(), path.as_bytes());
        let moved = format!("{path}-moved");
        task.rename(path, &moved, 0).unwrap();
        assert_eq!(task.readlink(&entry).unwrap(), moved.as_bytes());
        task.unlink(&moved).unwrap();
        assert_eq!(task.readlink(&entry).unwrap(), format!("{moved} (deleted)").as_bytes());
        assert_eq!(names(&task, "/proc/self/fd"), [fd.to_string()]);
        task.close(fd).unwrap();
        errno(task.readlink(&entry).map(drop), Errno::ENOENT);
    }
}

#[test]
fn a_pipe_is_told_by_its_number_and_is_not_deleted() {
    let board = Board::new(Link::Static);
    let task = board.task_as(1, 2, &[]);
    let (reads, _) = task.pipe2(0).unwrap();
    let attr = task.fstat(reads).unwrap().attr;
    let told = task.readlink(format!("/proc/self/fd/{reads}")).unwrap();
    assert_eq!(String::from_utf8(told).unwrap(), format!("/pipe:[{}]", attr.ino));
    assert_eq!((attr.uid, attr.gid), (1, 2));
}

#[test]
fn maps_tell_of_copies_and_of_pages_without_a_file() {
    let board = Board::new(Link::Static).mount("none", "/tmp", "tmpfs", "");
    let (task, page) = (board.task(), rustix::param::page_size());
    let fd = task.open("/tmp/f", O_CREAT | O_RDWR, 0o644).unwrap();
    task.write(fd, &vec![1; 3 * page]).unwrap();
    let whole = MapRequest { shared: false, ..MapRequest::shared(0, 3 * page, Prot::READ_WRITE) };
    let address = task.mmap(fd, &whole).unwrap();
    task.mprotect(address + page, page, Prot::READ).unwrap();
    task.munmap(address + 2 * page, page).unwrap();
    let zeroes = task.mmap_anonymous(page, Prot::NONE, true, Place::Anywhere).unwrap();
    let mut rows: Vec<String> = [
        (address, address + page, "rw-p 00000000 ram /tmp/f".to_owned()),
        (address + page, address + 2 * page, format!("r--p {page:08x} ram /tmp/f")),
        (zeroes, zeroes + page, "---s 00000000 none -".to_owned()),
    ]
    .map(|(start, end, rest)| format!("{start:012x}-{end:012x} {rest}\n"))
    .into();
    rows.sort();
    assert_eq!(text(&task, "/proc/maps"), rows.concat());
}

#[test]
fn another_user_does_not_see_what_a_task_has() {
    let board = Board::new(Link::Static);
    let (ann, bob) = (board.task_as(1, 1, &[]), board.task_as(2, 2, &[]));
    let of_ann = format!("/proc/{}", ann.id());
    let attr = bob.stat(&of_ann).unwrap().attr;
    assert_eq!((attr.mode, attr.uid), (S_IFDIR | 0o555, 1));
    errno(bob.opendir(format!("{of_ann}/fd")).map(drop), Errno::EACCES);
    errno(bob.open(format!("{of_ann}/maps"), O_RDONLY, 0), Errno::EACCES);
    ann.opendir(format!("{of_ann}/fd")).unwrap();
    board.task().opendir(format!("{of_ann}/fd")).unwrap();
}

#[test]
fn maps_are_those_of_who_reads() {
    let (_folder, board) = rom();
    let (task, other) = (board.task(), board.task());
    let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
    assert_eq!(text(&task, "/proc/maps"), "");
    let address = task.mmap(fd, &MapRequest::read(0, 10_000)).unwrap();
    let told = text(&task, "/proc/maps");
    let fields: Vec<&str> = told.trim().split(' ').collect();
    assert_eq!(fields[1..], ["r--s", "00000000", "xip", "/rom/file"], "{told}");
    let (start, end) = fields[0].split_once('-').unwrap();
    let bounds = |text| usize::from_str_radix(text, 16).unwrap();
    assert!(bounds(start) <= address && address + 10_000 <= bounds(end), "{told}");
    assert_eq!(text(&other, "/proc/maps"), "");
    assert_eq!(text(&other, &format!("/proc/{}/maps", task.id())), told);
    assert_eq!(task.stat("/proc/maps").unwrap().attr.mode & S_IFMT, S_IFREG);
    task.munmap(address, 10_000).unwrap();
    assert_eq!(text(&task, "/proc/maps"), "");
}

#[test]
fn meminfo_counts() {
    let options = HostOptions { cache_bytes: 1 << 20, ..options(Link::Static).into() };
    let folder = Folder::new();
    std::fs::write(folder.at("disk"), vec![7; 64 << 10]).unwrap();
    let board = Board::with(options).mount("none", "/tmp", "tmpfs", "").attach(
        "loop",
        "/dev/loop0",
        &format!("file={}", folder.at("disk").display()),
    );
    let task = board.task();
    let value = |name: &str| {
        let text = text(&task, "/proc/meminfo");
        let line =
            text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {text}"));
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    assert_eq!((value("FilesMax:"), value("FilesUsed:"), value("Tasks:")), (64 * 1024, 0, 1));
    let fd = task.open("/f", O_CREAT | O_WRONLY, 0o644).unwrap();
    task.write(fd, &[1; 1]).unwrap();
    assert_eq!(value("FilesUsed:"), rustix::param::page_size() as u64 / 1024);
    // The reader has one too.
    assert_eq!(value("Descriptors:"), 2);
    let page = rustix::param::page_size();
    assert_eq!((value("CacheMax:"), value("CopiesUsed:")), (1024, 0));
    assert_eq!(value("CopiesMax:"), board.mapping_budget().limit_bytes() / 1024);
    let disk = task.open("/dev/loop0", O_RDONLY, 0).unwrap();
    let before = value("CacheUsed:");
    task.pread(disk, &mut [0; 4096], 32 << 10).unwrap();
    assert!(value("CacheUsed:") > before);
    let fd = task.open("/tmp/f", O_CREAT | O_RDWR, 0o644).unwrap();
    task.write(fd, &vec![1; 3 * page]).unwrap();
    let view = task.map(fd, &MapRequest { populate: true, ..MapRequest::read(0, 3 * page) }).unwrap();
    assert_eq!(value("CopiesUsed:"), 3 * page as u64 / 1024);
    let text = text(&task, "/proc/maps");
    assert_eq!(text, "", "a value is not the task's: {text}");
    drop(view);
    assert_eq!(value("CopiesUsed:"), 0);
}

#[test]
fn nobody_makes_or_takes_names_in_proc() {
    let board = Board::new(Link::Static);
    let task = board.task();
    let fd = task.open("/file", O_CREAT | O_WRONLY, 0o644).unwrap();
    for dir in ["/proc", "/proc/self", "/proc/self/fd"] {
        let new = format!("{dir}/new");
        errno(task.open(&new, O_CREAT | O_WRONLY, 0o644), Errno::EPERM);
        errno(task.mkdir(&new, 0o755), Errno::EPERM);
        errno(task.symlink("x", &new), Errno::EPERM);
        errno(task.link("/file", &new), Errno::EPERM);
        errno(task.rename("/file", &new, 0), Errno::EPERM);
    }
    for path in ["/proc/version", "/proc/self", "/proc/maps", "/proc/self/cwd", "/proc/self/fd/0"] {
        errno(task.unlink(path), Errno::EPERM);
        errno(task.rename(path, "/mine", 0), Errno::EPERM);
        errno(task.link(path, "/mine"), Errno::EPERM);
    }
    errno(task.rmdir("/proc/self/fd"), Errno::EPERM);
    errno(task.rmdir("/proc"), Errno::ENOTEMPTY);
    errno(task.chmod("/proc/self/fd", 0o777), Errno::EPERM);
    // The host mounts, which is no task: it has no `self`.
    for (name, expected) in [("fd", Errno::EPERM), ("new", Errno::ENOENT)] {
        let target = format!("/proc/{}/{name}", task.id());
        errno(board.host().mount(None, &target, "tmpfs", &Default::default()).map(drop), expected);
    }
    task.close(fd).unwrap();
}

#[test]
fn a_listing_goes_on_where_it_was_while_tasks_come_and_go() {
    let board = Board::new(Link::Static);
    let tasks: Vec<Task> = (0..700).map(|_| board.task()).collect();
    let mut dir = tasks[0].opendir("/proc").unwrap();
    let mut seen = Vec::new();
    let mut extra = Vec::new();
    while let Some(entry) = dir.read().unwrap() {
        seen.push(String::from_utf8(entry.name).unwrap());
        if seen.len() % 50 == 0 {
            extra.push(board.task());
            let at = dir.tell();
            dir.seek(at);
        }
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), all, "an entry came twice");
    assert!(tasks.iter().all(|task| seen.contains(&task.id().to_string())));
}

#[test]
fn a_host_may_do_without_proc_and_proc_does_not_keep_a_host() {
    let board = Board::with(HostOptions { proc: false, ..options(Link::Static).into() });
    errno(board.task().stat("/proc").map(drop), Errno::ENOENT);
    let board = Board::new(Link::Static);
    let weak = Arc::downgrade(board.host());
    text(&board.task(), "/proc/mounts");
    board.end();
    assert!(weak.upgrade().is_none(), "the host lives on");
}

#[test]
fn names_that_are_not_there_are_remembered_in_a_large_directory_too() {
    let board = Board::new(Link::Static).mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    for number in 0..5000 {
        task.close(task.open(format!("/tmp/{number}"), O_CREAT | O_WRONLY, 0o644).unwrap()).unwrap();
    }
    let names = || {
        let text = text(&task, "/proc/meminfo");
        let line = text.lines().find(|line| line.starts_with("Names:")).expect("a line");
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let before = names();
    for number in 0..100 {
        errno(task.stat(format!("/tmp/missing {number}")).map(drop), Errno::ENOENT);
    }
    assert_eq!(names() - before, 100);
    // But their number is bounded.
    for number in 0..10_000 {
        errno(task.stat(format!("/tmp/none {number}")).map(drop), Errno::ENOENT);
    }
    assert!(names() - before <= 4096, "{} of 10,100 names that are not there", names() - before);
}
