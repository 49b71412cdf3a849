//! Options that the host keeps for each mount, and how they change while it is mounted.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nxvfs::{Errno, MountOptions, Task};
use nxvfs_abi::Timespec;
use nxvfs_abi::types::open::{O_CREAT, O_DSYNC, O_RDONLY, O_RDWR, O_SYNC, O_TRUNC, O_WRONLY};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::{Board, Folder, Link, Stall, genromfs, on_both_links, words};

fn board(link: Link, options: &str) -> Board {
    Board::new(link).mount("none", "/tmp", "tmpfs", options)
}

fn remount(board: &Board, target: &str, options: &str) -> nxvfs::Result<()> {
    board.remount(target, &MountOptions::parse(words(options)).unwrap())
}

fn make(task: &Task, path: &str) {
    let fd = task.open(path, O_WRONLY | O_CREAT, 0o755).unwrap();
    task.write(fd, b"content").unwrap();
    task.close(fd).unwrap();
}

fn shown(board: &Board) -> String {
    board.mounts()[0].flags.to_string()
}

on_both_links! {
    fn a_volume_becomes_read_only_and_writable_again(link: Link) {
        let board = board(link, "");
        let task = board.task();
        make(&task, "/tmp/file");
        task.mkdir("/tmp/dir", 0o755).unwrap();
        task.symlink("file", "/tmp/link").unwrap();
        remount(&board, "/tmp", "remount,ro").unwrap();
        assert!(board.mounts()[0].read_only && task.statvfs("/tmp").unwrap().flags.0 & 1 == 1);
        // Every change is refused, before the file system is asked.
        let time = Some(Timespec::default());
        for (what, result) in [
            ("open to write", task.open("/tmp/file", O_WRONLY, 0).map(drop)),
            ("open to truncate", task.open("/tmp/file", O_RDONLY | O_TRUNC, 0).map(drop)),
            ("create", task.open("/tmp/new", O_RDONLY | O_CREAT, 0o644).map(drop)),
            ("mkdir", task.mkdir("/tmp/new", 0o755)),
            ("rmdir", task.rmdir("/tmp/dir")),
            ("unlink", task.unlink("/tmp/file")),
            ("rename", task.rename("/tmp/file", "/tmp/new", 0)),
            ("link", task.link("/tmp/file", "/tmp/new")),
            ("symlink", task.symlink("x", "/tmp/new")),
            ("mknod", task.mknod("/tmp/new", 0o010644, 0)),
            ("chmod", task.chmod("/tmp/file", 0)),
            ("chown", task.chown("/tmp/file", Some(1), None)),
            ("utimens", task.utimens("/tmp/file", time, time)),
            ("truncate", task.truncate("/tmp/file", 0)),
            ("access", task.access("/tmp/file", 2)),
        ] {
            assert_eq!(result.expect_err(what).errno(), Errno::EROFS, "{what}");
        }
        assert_eq!(board.read("/tmp/link"), b"content");
        remount(&board, "/tmp", "remount,rw").unwrap();
        task.unlink("/tmp/file").unwrap();
        task.rmdir("/tmp/dir").unwrap();
        make(&task, "/tmp/new");
    }

    fn files_that_are_open_for_writing_keep_it_writable_and_are_named(link: Link) {
        let board = board(link, "");
        let task = board.task();
        let fd = task.open("/tmp/file", O_RDWR | O_CREAT, 0o644).unwrap();
        let reader = task.open("/tmp/file", O_RDONLY, 0).unwrap();
        let named = format!("descriptor {fd} of task {}", task.id());
        let error = taught(remount(&board, "/tmp", "ro"), Errno::EBUSY, &[&named, "/tmp"]);
        assert!(!error.to_string().contains(&format!("descriptor {reader} ")), "{error}");
        // The refusal changed nothing.
        task.write(fd, b"more").unwrap();
        task.mkdir("/tmp/dir", 0o755).unwrap();
        task.close(fd).unwrap();
        remount(&board, "/tmp", "ro").unwrap();
        assert_eq!(task.pread(reader, &mut [0; 8], 0).unwrap(), 4);
        errno(task.fchmod(reader, 0o600), Errno::EROFS);
    }

    fn options_come_and_go_one_by_one_and_are_shown(link: Link) {
        let board = board(link, "");
        assert_eq!(shown(&board), "rw,nodev,relatime");
        remount(&board, "/tmp", "noexec,noatime,sync").unwrap();
        assert_eq!(shown(&board), "rw,nodev,noexec,sync,noatime");
        remount(&board, "/tmp", "ro,exec,dev,nosuid,async,dirsync,relatime").unwrap();
        assert_eq!(shown(&board), "ro,nosuid,dirsync,relatime");
        refused(remount(&board, "/tmp", "mmap=none"), Errno::EINVAL, &["mmap", "/tmp"]);
        refused(remount(&board, "/tmp", "nonsense"), Errno::EINVAL, &["nonsense"]);
        refused(remount(&board, "/dev", "ro"), Errno::EINVAL, &["/dev"]);
        assert_eq!(shown(&board), "ro,nosuid,dirsync,relatime", "after a failure nothing has changed");
    }

    fn options_of_the_file_system_reach_it(link: Link) {
        let board = board(link, "size=64K");
        let task = board.task();
        let blocks = || task.statfs("/tmp").unwrap().blocks;
        assert_eq!(blocks(), 16);
        remount(&board, "/tmp", "size=1M").unwrap();
        assert_eq!(blocks(), 256);
        // It refuses what does not fit, and then nothing has changed, of the host's options neither.
        let fd = task.open("/tmp/file", O_WRONLY | O_CREAT, 0o644).unwrap();
        task.write(fd, &[1; 100_000]).unwrap();
        task.close(fd).unwrap();
        refused(remount(&board, "/tmp", "ro,size=4K"), Errno::EINVAL, &["size"]);
        assert_eq!((blocks(), shown(&board).starts_with("rw,")), (256, true));
        task.unlink("/tmp/file").unwrap();
    }

    fn a_file_system_that_never_writes_says_so(link: Link) {
        let folder = Folder::new().file("tree/file", "content");
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "");
        taught(remount(&board, "/rom", "rw"), Errno::EROFS, &["romfs", "/rom"]);
        remount(&board, "/rom", "ro,noexec").unwrap();
        assert_eq!(board.read("/rom/file"), b"content");
    }

    fn noexec_and_noatime_do_what_they_say(link: Link) {
        let board = board(link, "noexec,noatime");
        let task = board.task();
        make(&task, "/tmp/file");
        errno(task.access("/tmp/file", 1), Errno::EACCES);
        task.access("/tmp", 1).unwrap();
        let old = Timespec { seconds: 1, ..Timespec::default() };
        let atime = || task.stat("/tmp/file").unwrap().attr.atime.seconds;
        task.utimens("/tmp/file", Some(old), None).unwrap();
        board.read("/tmp/file");
        assert_eq!(atime(), 1);
        remount(&board, "/tmp", "exec,relatime").unwrap();
        task.access("/tmp/file", 1).unwrap();
        board.read("/tmp/file");
        assert!(atime() > 1, "the access time was older than the change");
    }
}

#[test]
fn nothing_changes_once_a_volume_is_read_only() {
    let board = board(Link::Static, "");
    let done = AtomicBool::new(false);
    let refusals = AtomicUsize::new(0);
    thread::scope(|scope| {
        for thread in 0..3 {
            let (board, done, refusals) = (&board, &done, &refusals);
            scope.spawn(move || {
                let task = board.task();
                for round in (0u64..).take_while(|_| !done.load(Ordering::Relaxed)) {
                    let name = format!("/tmp/{thread}.{}", round % 100);
                    let step = match task.creat(&name, 0o644) {
                        Ok(fd) => task.pwrite(fd, b"x", 0).and_then(|_| task.close(fd)),
                        Err(e) => Err(e),
                    };
                    for result in [step, task.chmod(&name, 0o600), task.unlink(&name)] {
                        if let Err(e) = result {
                            assert!(matches!(e.errno(), Errno::EROFS | Errno::ENOENT), "{e}");
                            refusals.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
        let task = board.task();
        let mut times = 0;
        while times < 50 {
            match remount(&board, "/tmp", "ro") {
                // Somebody has a file open for writing.
                Err(e) => assert_eq!(e.errno(), Errno::EBUSY, "{e}"),
                Ok(()) => {
                    let all = || -> Vec<_> {
                        let names = task.opendir("/tmp").unwrap().map(|entry| entry.unwrap().name);
                        names.map(|n| (task.stat([b"/tmp/", &*n].concat()).unwrap().attr.mode, n)).collect()
                    };
                    let (first, before) = (all(), refusals.load(Ordering::Relaxed));
                    while refusals.load(Ordering::Relaxed) < before + 10 {
                        thread::yield_now();
                    }
                    assert_eq!(all(), first);
                    remount(&board, "/tmp", "rw").unwrap();
                    times += 1;
                }
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn the_device_is_claimed_as_the_mount_is() {
    let stall = Stall::new();
    let board = stall.board(Duration::from_secs(600)).attach("ramdisk-xip", "/dev/ram0", "sectors=64");
    let board = board.mount("/dev/ram0", "/one", "stall-remount", &stall.options());
    let task = board.task();
    let write = || {
        let fd = task.open("/one/file", O_WRONLY, 0)?;
        let done = task.pwrite(fd, b"x", 0);
        task.close(fd)?;
        done
    };
    write().unwrap();
    let two = || board.try_mount("/dev/ram0", "/two", "stall", "ro");
    taught(two(), Errno::EBUSY, &["mount /one"]);
    remount(&board, "/one", "ro").unwrap();
    two().unwrap();
    errno(write(), Errno::EROFS);
    // A second user of the device: nobody may write.
    taught(remount(&board, "/one", "rw"), Errno::EBUSY, &["mount /two"]);
    assert!(board.mounts()[0].read_only);
    board.unmount("/two").unwrap();
    remount(&board, "/one", "rw").unwrap();
    write().unwrap();
    taught(two(), Errno::EBUSY, &["mount /one"]);
    let log = stall.log();
    assert_eq!(log, ["write", "sync", "remount ro", "remount rw", "write"], "synced before it is read-only");
}

#[test]
fn a_device_that_cannot_be_written_stays_read_only() {
    let stall = Stall::new();
    let board = stall.board(Duration::from_secs(600)).attach("ramdisk-xip", "/dev/ram0", "sectors=64,ro");
    let board = board.mount("/dev/ram0", "/one", "stall-remount", &stall.options());
    taught(remount(&board, "/one", "rw"), Errno::EROFS, &["/dev/ram0"]);
    assert!(board.mounts()[0].read_only);
    assert_eq!(stall.log(), [""; 0]);
}

#[test]
fn a_file_system_that_refuses_leaves_all_as_it_was() {
    let stall = Stall::logging_to("stubborn");
    let board = stall.board(Duration::from_secs(600)).attach("ramdisk-xip", "/dev/ram0", "sectors=64");
    let board = board.mount("/dev/ram0", "/one", "stall-remount", &stall.options());
    let task = board.task();
    errno(remount(&board, "/one", "ro"), Errno::EIO);
    let fd = task.open("/one/file", O_WRONLY, 0).unwrap();
    task.pwrite(fd, b"x", 0).unwrap();
    refused(board.try_mount("/dev/ram0", "/two", "stall", "ro"), Errno::EBUSY, &["mount /one"]);
}

#[test]
fn a_file_system_without_remount_is_made_read_only_by_the_host_alone() {
    let stall = Stall::new();
    let board = stall.board(Duration::from_secs(600)).mount("none", "/one", "stall", &stall.options());
    let task = board.task();
    remount(&board, "/one", "ro").unwrap();
    errno(task.unlink("/one/file"), Errno::EROFS);
    taught(remount(&board, "/one", "log=elsewhere"), Errno::EINVAL, &["log", "stall"]);
    remount(&board, "/one", "rw").unwrap();
    task.unlink("/one/file").unwrap();
    assert_eq!(stall.log(), ["sync", "unlink"]);
}

#[test]
fn synchronous_files_and_mounts_write_through_and_make_sure() {
    let stall = Stall::new();
    let board = stall.board(Duration::from_secs(600)).mount("none", "/one", "stall", &stall.options());
    let task = board.task();
    let mut seen = 0;
    let mut since = || {
        let log = stall.log();
        let fresh = log[seen..].to_vec();
        seen = log.len();
        fresh
    };
    let write = |flags| {
        let fd = task.open("/one/file", O_WRONLY | flags, 0).unwrap();
        task.write(fd, b"x").unwrap();
        task.close(fd).unwrap();
    };
    write(0);
    assert_eq!(since(), ["write"]);
    write(O_DSYNC);
    assert_eq!(since(), ["write through", "fdatasync"]);
    write(O_SYNC);
    assert_eq!(since(), ["write through", "fsync"]);
    remount(&board, "/one", "dirsync").unwrap();
    write(0);
    task.unlink("/one/file").unwrap();
    assert_eq!(since(), ["write", "unlink", "fsync dir"]);
    remount(&board, "/one", "sync").unwrap();
    write(0);
    assert_eq!(since(), ["write through", "fdatasync"]);
    board.sync().unwrap();
    let fd = task.open("/one/file", O_RDONLY, 0).unwrap();
    task.syncfs(fd).unwrap();
    assert_eq!(since(), ["sync", "sync"]);
}

#[test]
fn a_write_by_another_user_ends_what_the_program_lends_whatever_the_file_system_does() {
    let stall = Stall::new();
    let board = stall.board(Duration::from_secs(600)).mount("none", "/one", "stall", &stall.options());
    let (root, user) = (board.task(), board.task_as(1, 1, &[]));
    let mode = || root.stat("/one/file").unwrap().attr.mode & 0o7777;
    root.chmod("/one/file", 0o6777).unwrap();
    let fd = root.open("/one/file", O_WRONLY, 0).unwrap();
    root.write(fd, b"x").unwrap();
    assert_eq!(mode(), 0o6777, "user 0 may");
    let fd = user.open("/one/file", O_WRONLY, 0).unwrap();
    user.write(fd, b"x").unwrap();
    assert_eq!(mode(), 0o777);
}
