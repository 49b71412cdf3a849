//! Renaming where names are the host's: devices, mount points, what is open, and threads.

use nxvfs::Errno;
use nxvfs_abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use nxvfs_abi::types::open::*;
use nxvfs_tests::check::{errno, refused};
use nxvfs_tests::{Board, Link, content};

fn board() -> Board {
    Board::new(Link::Static)
}

#[test]
fn a_device_keeps_working_under_its_new_name() {
    let board = board().attach("ramdisk-xip", "/dev/ram0", "sectors=64");
    let task = board.task();
    task.rename("/dev/ram0", "/dev/disk", 0).unwrap();
    assert_eq!(board.devices()[0].node, "/dev/disk");
    errno(task.unlink("/dev/disk"), Errno::EBUSY);
    task.open("/file", O_CREAT | O_WRONLY, 0o644).unwrap();
    refused(task.rename("/file", "/dev/disk", 0), Errno::EBUSY, &["/dev/disk"]);
    task.rename("/file", "/dev/disk", RENAME_EXCHANGE).unwrap();
    assert_eq!(board.devices()[0].node, "/file");
    refused(board.detach("/dev/disk"), Errno::ENODEV, &["/dev/disk"]);
    board.detach("/file").unwrap();
    errno(task.stat("/file").map(drop), Errno::ENOENT);
    assert!(board.devices().is_empty());
}

#[test]
fn a_mount_point_stays_and_directories_above_it_move() {
    let board = board();
    let task = board.task();
    task.mkdir("/a", 0o755).unwrap();
    task.mkdir("/a/m", 0o755).unwrap();
    board.host().mount(None, "/a/m", "tmpfs", &Default::default()).unwrap();
    let fd = task.open("/a/m/f", O_CREAT | O_RDWR, 0o644).unwrap();
    task.write(fd, b"there").unwrap();
    task.chdir("/a/m").unwrap();
    errno(task.rename("/a/m", "/m", 0), Errno::EBUSY);
    errno(task.rmdir("/a/m"), Errno::EBUSY);
    task.mkdir("/empty", 0o755).unwrap();
    errno(task.rename("/empty", "/a/m", 0), Errno::EBUSY);
    task.rename("/a", "/b", 0).unwrap();
    assert_eq!(content(&task, "/b/m/f").unwrap(), b"there");
    assert_eq!(task.getcwd(), b"/b/m");
    assert_eq!(board.mounts()[0].path, "/b/m");
    errno(task.rename("/b/m/f", "/f", 0), Errno::EXDEV);
    errno(task.link("/b/m/f", "/f"), Errno::EXDEV);
    task.chdir("/").unwrap();
    task.close(fd).unwrap();
    board.unmount("/b/m").unwrap();
    task.rmdir("/b/m").unwrap();
}

#[test]
fn flags_are_no_replace_exchange_or_nothing() {
    let board = board();
    let task = board.task();
    for (path, text) in [("/a", b"a"), ("/b", b"b")] {
        let fd = task.open(path, O_CREAT | O_WRONLY, 0o644).unwrap();
        task.write(fd, text).unwrap();
    }
    errno(task.rename("/a", "/b", RENAME_NOREPLACE), Errno::EEXIST);
    errno(task.rename("/a", "/b", 4), Errno::EINVAL);
    errno(task.rename("/a", "/b", RENAME_NOREPLACE | RENAME_EXCHANGE), Errno::EINVAL);
    errno(task.rename("/a", "/none", RENAME_EXCHANGE), Errno::ENOENT);
    task.rename("/a", "/b", RENAME_EXCHANGE).unwrap();
    assert_eq!((content(&task, "/a").unwrap(), content(&task, "/b").unwrap()), (b"b".into(), b"a".into()));
}

#[test]
fn what_is_replaced_lives_on_for_who_has_it_open() {
    let board = board();
    let task = board.task();
    let old = task.open("/target", O_CREAT | O_RDWR, 0o644).unwrap();
    task.write(old, b"old").unwrap();
    let new = task.open("/new", O_CREAT | O_RDWR, 0o644).unwrap();
    task.write(new, b"new").unwrap();
    let names_free = || task.statfs("/").unwrap().files_free;
    let before = names_free();
    task.rename("/new", "/target", 0).unwrap();
    assert_eq!(names_free(), before + 1);
    let mut buf = [0; 3];
    task.pread(old, &mut buf, 0).unwrap();
    assert_eq!((&buf, task.fstat(old).unwrap().attr.nlink), (b"old", 0));
    assert_eq!(content(&task, "/target").unwrap(), b"new");
}

#[test]
fn nothing_is_made_in_a_directory_that_was_taken_away() {
    let board = board();
    let task = board.task();
    task.mkdir("/d", 0o755).unwrap();
    task.chdir("/d").unwrap();
    task.rmdir("/d").unwrap();
    errno(task.open("f", O_CREAT | O_WRONLY, 0o644), Errno::ENOENT);
    errno(task.mkdir("e", 0o755), Errno::ENOENT);
    errno(task.rename("/dev", "x", 0), Errno::ENOENT);
    assert_eq!(task.stat(".").unwrap().attr.nlink, 0);
}

#[test]
fn a_replaced_name_is_there_at_every_moment_and_no_loop_can_be_made() {
    let board = board();
    let task = board.task();
    for path in ["/a", "/b", "/a/x", "/b/y"] {
        task.mkdir(path, 0o755).unwrap();
    }
    task.open("/target", O_CREAT | O_WRONLY, 0o644).unwrap();
    std::thread::scope(|scope| {
        let (mover, a, b) = (board.task(), board.task(), board.task());
        let replacing = scope.spawn(move || {
            for _ in 0..2000 {
                mover.open("/b/fresh", O_CREAT | O_WRONLY, 0o644).and_then(|fd| mover.close(fd)).ok();
                mover.rename("/b/fresh", "/target", 0).ok();
            }
        });
        // Each moves a directory into the other's: both may not succeed.
        scope.spawn(move || {
            (0..2000)
                .for_each(|_| drop(a.rename("/a", "/b/y/a", 0).and_then(|()| a.rename("/b/y/a", "/a", 0))))
        });
        scope.spawn(move || {
            (0..2000)
                .for_each(|_| drop(b.rename("/b", "/a/x/b", 0).and_then(|()| b.rename("/a/x/b", "/b", 0))))
        });
        while !replacing.is_finished() {
            task.stat("/target").unwrap();
        }
    });
    let top = task.opendir("/").unwrap().map(|e| String::from_utf8(e.unwrap().name).unwrap());
    assert!(
        top.filter(|name| name == "a" || name == "b").count() >= 1,
        "both directories are lost in a loop"
    );
}
