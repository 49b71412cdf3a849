//! Volumes that end while they are used: by force, lazily, after they were not used, and beneath those who walk.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use nxvfs::file::Whence;
use nxvfs::tree::{Dependent, UnmountFlags};
use nxvfs::{Errno, Host, MountOptions, Task};
use nxvfs_abi::types::open::{O_CREAT, O_DIRECTORY, O_RDONLY, O_RDWR};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::{Board, Folder, Link, Stall, genromfs, on_both_links};

const FORCE: UnmountFlags = UnmountFlags(UnmountFlags::FORCE);
const DETACH: UnmountFlags = UnmountFlags(UnmountFlags::DETACH);
const EXPIRE: UnmountFlags = UnmountFlags(UnmountFlags::EXPIRE);

/// Long enough that nothing in these tests reaches it.
const PATIENT: Duration = Duration::from_secs(600);
/// For what is known not to return.
const IMPATIENT: Duration = Duration::from_millis(1);

fn tmpfs(link: Link) -> Board {
    Board::new(link).mount("none", "/tmp", "tmpfs", "")
}

fn lines(host: &Arc<Host>, plugin: &str) -> nxvfs::plugin::PluginStatus {
    host.plugins().list().into_iter().find(|p| p.name == plugin).expect("the plugin is listed")
}

fn count(log: &[String], line: &str) -> usize {
    log.iter().filter(|l| *l == line).count()
}

on_both_links! {
    fn force_ends_a_volume_that_is_used_and_its_users_get_eio(link: Link) {
        let board = tmpfs(link);
        let task = board.task();
        task.mkdir("/tmp/dir", 0o755).unwrap();
        let fd = task.open("/tmp/dir/file", O_RDWR | O_CREAT, 0o644).unwrap();
        task.write(fd, b"abc").unwrap();
        let dir = task.open("/tmp/dir", O_RDONLY | O_DIRECTORY, 0).unwrap();
        task.chdir("/tmp/dir").unwrap();
        refused(board.unmount("/tmp"), Errno::EBUSY, &["working directory", "descriptor"]);

        board.unmount_with("/tmp", FORCE).unwrap();
        assert!(board.mounts().is_empty());
        errno(task.stat("/tmp").map(drop), Errno::ENOENT);
        let mut buf = [0; 8];
        errno(task.pread(fd, &mut buf, 0), Errno::EIO);
        errno(task.read(fd, &mut buf), Errno::EIO);
        errno(task.pwrite(fd, b"x", 0), Errno::EIO);
        errno(task.fstat(fd).map(drop), Errno::EIO);
        errno(task.ftruncate(fd, 0), Errno::EIO);
        errno(task.fsync(fd, false), Errno::EIO);
        errno(task.lseek(fd, 0, Whence::End), Errno::EIO);
        errno(task.stat("file").map(drop), Errno::EIO);
        errno(task.open("new", O_RDWR | O_CREAT, 0o644), Errno::EIO);
        errno(task.fdopendir(dir).unwrap().collect::<Result<Vec<_>, _>>().map(drop), Errno::EIO);
        // The numbers stay taken until they are closed.
        assert_eq!(task.dup(fd).unwrap(), dir + 1);
        assert_eq!(lines(&board, "tmpfs").users, []);
        let board = board.mount("none", "/tmp", "tmpfs", "");
        errno(task.pread(fd, &mut buf, 0), Errno::EIO);
        task.chdir("/tmp").unwrap();
        task.chdir("/").unwrap();
        drop(task);
        board.end();
    }

    fn force_names_volumes_inside_and_detach_takes_them_along(link: Link) {
        let board = tmpfs(link);
        let task = board.task();
        task.mkdir("/tmp/in", 0o755).unwrap();
        let board = board.mount("none", "/tmp/in", "tmpfs", "");
        let fd = task.open("/tmp/in/file", O_RDWR | O_CREAT, 0o644).unwrap();
        let other = task.open("/tmp/file", O_RDWR | O_CREAT, 0o644).unwrap();
        let error = taught(board.unmount_with("/tmp", FORCE), Errno::EBUSY, &["mount /tmp/in"]);
        assert!(!error.to_string().contains("descriptor"), "only what stands in the way: {error}");
        task.pwrite(other, b"still there", 0).unwrap();

        board.unmount_with("/tmp", DETACH).unwrap();
        assert!(board.mounts().is_empty());
        errno(task.stat("/tmp").map(drop), Errno::ENOENT);
        task.close(other).unwrap();
        task.pwrite(fd, b"inside", 0).unwrap();
        assert_eq!(lines(&board, "tmpfs").users.len(), 2, "the outer one lives as long as the inner");
        task.close(fd).unwrap();
        assert_eq!(lines(&board, "tmpfs").users, []);
    }

    fn detach_leaves_the_volume_to_who_has_it_and_the_place_to_others(link: Link) {
        let folder = Folder::new().file("tree/file", "content");
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "");
        let task = board.task();
        let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
        let root = task.open("/rom", O_RDONLY | O_DIRECTORY, 0).unwrap();
        board.unmount_with("/rom", DETACH).unwrap();
        let board = board.mount("none", "/rom", "tmpfs", "");
        errno(task.stat("/rom/file").map(drop), Errno::ENOENT);
        let mut buf = [0; 7];
        assert_eq!((task.pread(fd, &mut buf, 0).unwrap(), &buf), (7, b"content"));
        assert_eq!(task.stat_at(root, "file", 0).unwrap().attr.size_bytes, 7);
        // The device stays taken, and says by whom.
        let device = || board.devices().into_iter().find(|d| d.node == "/dev/rom0").unwrap();
        assert_eq!(device().users.iter().map(ToString::to_string).collect::<Vec<_>>(), ["mount /rom (detached)"]);
        assert_eq!(lines(&board, "romfs").users.iter().map(ToString::to_string).collect::<Vec<_>>(), ["mount /rom (detached)"]);
        refused(board.detach("/dev/rom0"), Errno::EBUSY, &["/rom (detached)"]);
        task.close(fd).unwrap();
        assert_eq!(device().users.len(), 1);
        task.close(root).unwrap();
        assert_eq!(device().users, []);
        board.detach("/dev/rom0").unwrap();
    }

    fn a_detached_volume_that_nobody_uses_ends_at_once(link: Link) {
        let board = tmpfs(link);
        board.unmount_with("/tmp", DETACH).unwrap();
        assert_eq!(lines(&board, "tmpfs").users, []);
        errno(board.unmount_with("/tmp", DETACH), Errno::ENOENT);
    }

    fn a_volume_expires_when_it_was_not_used_between_two_calls(link: Link) {
        let board = tmpfs(link);
        let task = board.task();
        taught(board.unmount_with("/tmp", EXPIRE), Errno::EAGAIN, &["/tmp"]);
        task.stat("/tmp").unwrap();
        errno(board.unmount_with("/tmp", EXPIRE), Errno::EAGAIN);
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT, 0o644).unwrap();
        refused(board.unmount_with("/tmp", EXPIRE), Errno::EBUSY, &["descriptor"]);
        task.close(fd).unwrap();
        errno(board.unmount_with("/tmp", EXPIRE), Errno::EAGAIN);
        board.unmount_with("/tmp", EXPIRE).unwrap();
        assert!(board.mounts().is_empty());
    }

    fn flags_that_do_not_go_together_are_refused(link: Link) {
        let board = tmpfs(link);
        for flags in [
            UnmountFlags::EXPIRE | UnmountFlags::FORCE,
            UnmountFlags::EXPIRE | UnmountFlags::DETACH,
            16,
            u32::MAX,
        ] {
            taught_flags(board.unmount_with("/tmp", UnmountFlags(flags)));
        }
        let task = board.task();
        task.symlink("/tmp", "/link").unwrap();
        errno(board.unmount_with("/link", UnmountFlags(UnmountFlags::NOFOLLOW)), Errno::EINVAL);
        board.unmount_with("/link", UnmountFlags::default()).unwrap();
        errno(board.unmount_with("/dev", FORCE), Errno::EINVAL);
    }

    fn an_address_in_place_that_was_lent_withstands_force(link: Link) {
        let folder = Folder::new().file("tree/file", vec![7; 8192]);
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "");
        let task = board.task();
        let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
        task.borrow_in_place(fd).unwrap();
        refused(board.unmount_with("/rom", FORCE), Errno::EBUSY, &["borrow"]);
        let mut buf = [0; 4];
        assert_eq!(task.pread(fd, &mut buf, 0).unwrap(), 4, "the refusal changed nothing");
        task.stat("/rom/file").unwrap();
        // Both at once: by force if that can be, else lazily.
        board.unmount_with("/rom", UnmountFlags(UnmountFlags::FORCE | UnmountFlags::DETACH)).unwrap();
        assert!(board.mounts().is_empty());
        assert_eq!(task.pread(fd, &mut buf, 0).unwrap(), 4);
        task.close(fd).unwrap();
    }

    fn what_depends_on_a_volume_is_told_once_before_it_ends(link: Link) {
        struct View {
            host: Arc<Host>,
            told: AtomicUsize,
            lived: AtomicBool,
        }
        impl Dependent for View {
            fn revoke(&self) {
                self.told.fetch_add(1, Ordering::Relaxed);
                let lives = lines(&self.host, "tmpfs").users.len() == 2;
                self.lived.store(lives, Ordering::Relaxed);
            }
        }
        let view = |host| Arc::new(View { host, told: AtomicUsize::new(0), lived: AtomicBool::new(false) });
        let board = tmpfs(link);
        let mounted = board.host().mount(None, "/two", "tmpfs", &MountOptions::default()).unwrap();
        let (there, gone) = (view(board.host().clone()), view(board.host().clone()));
        mounted.mount.depend(weak(&there)).unwrap();
        mounted.mount.depend(weak(&gone)).unwrap();
        drop(gone);
        board.unmount_with("/two", FORCE).unwrap();
        assert_eq!(there.told.load(Ordering::Relaxed), 1);
        assert!(there.lived.load(Ordering::Relaxed), "told before the volume ended");
        errno(mounted.mount.depend(weak(&there)), Errno::EIO);
    }

    fn unmounting_beneath_those_who_walk_harms_nobody(link: Link) {
        let folder = Folder::new().file("tree/a/b/c/file", "content").link("tree/a/link", "b/c/file");
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).romdisk("/dev/rom0", &image);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let task = board.task();
                    while !done.load(Ordering::Relaxed) {
                        walk_once(&task);
                    }
                });
            }
            for round in 0..200 {
                board.try_mount("/dev/rom0", "/rom", "romfs", "").unwrap();
                let flags = [UnmountFlags::default(), FORCE, DETACH][round % 3];
                while let Err(e) = board.unmount_with("/rom", flags) {
                    assert_eq!(e.errno(), Errno::EBUSY, "{e}");
                }
                // A lazy end comes with the last user; until then the device is read by two mounts.
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(lines(&board, "romfs").users, []);
        assert!(board.devices().iter().all(|d| d.users.is_empty()));
    }
}

fn weak<T: Dependent + 'static>(of: &Arc<T>) -> Weak<dyn Dependent> {
    let weak: Weak<T> = Arc::downgrade(of);
    weak
}

#[track_caller]
fn taught_flags(result: nxvfs::Result<()>) {
    refused(result, Errno::EINVAL, &["do not go together", "expire (4)"]);
}

fn walk_once(task: &Task) {
    let expected = [Errno::ENOENT, Errno::ESTALE, Errno::EIO];
    let check = |result: nxvfs::Result<()>| {
        if let Err(e) = result {
            assert!(expected.contains(&e.errno()), "{e}");
        }
    };
    check(task.stat("/rom/a/b/c/file").map(drop));
    check(task.readlink("/rom/a/link").map(drop));
    check(task.statfs("/rom/a").map(drop));
    check(task.open("/rom/a/link", O_RDONLY, 0).and_then(|fd| {
        let mut buf = [0; 16];
        let read = task.pread(fd, &mut buf, 0);
        task.close(fd).ok();
        let len = read?;
        assert_eq!(&buf[..len], b"content");
        Ok(())
    }));
    check(task.opendir("/rom/a").and_then(|dir| dir.collect::<Result<Vec<_>, _>>().map(drop)));
}

#[test]
fn a_call_that_returns_in_time_is_waited_for_and_the_volume_is_ended_after_it() {
    for fs in ["stall", "stall-parallel"] {
        let stall = Stall::new();
        let board = stall.board(PATIENT).mount("none", "/mnt", fs, &stall.options());
        let task = board.task();
        let fd = task.open("/mnt/file", O_RDONLY, 0).unwrap();
        thread::scope(|scope| {
            let reading = scope.spawn(|| task.pread(fd, &mut [0; 4], 1));
            stall.wait_until_entered();
            // The serial one syncs only when the read is over; it does not stand in the way of the parallel one.
            let ending = scope.spawn(|| board.unmount_with("/mnt", FORCE));
            if fs == "stall-parallel" {
                while !task.pread(fd, &mut [0; 4], 0).is_err_and(|e| e.errno() == Errno::EIO) {
                    thread::yield_now();
                }
            }
            stall.let_go();
            assert_eq!(reading.join().unwrap().unwrap(), 4, "it was under way and ends as it would have");
            ending.join().unwrap().unwrap();
        });
        let log = stall.log();
        assert_eq!((count(&log, "sync"), count(&log, "left"), count(&log, "unmount")), (1, 1, 1), "{log:?}");
        assert_eq!(log.last().unwrap(), "unmount", "the last call of all: {log:?}");
        errno(task.pread(fd, &mut [0; 4], 0), Errno::EIO);
        drop(task);
        assert_eq!(count(&stall.log(), "unmount"), 1);
        board.plugins().rmmod("stall-fs").unwrap();
    }
}

#[test]
fn a_call_that_does_not_return_is_given_up_with_all_that_it_may_use() {
    let stall = Stall::new();
    let board = stall.board(IMPATIENT).attach("ramdisk-xip", "/dev/ram0", "sectors=64");
    let host = board.host().clone();
    board.try_mount("/dev/ram0", "/mnt", "stall", &stall.options()).unwrap();
    let task = host.task();
    let fd = task.open("/mnt/file", O_RDONLY, 0).unwrap();
    thread::scope(|scope| {
        let reading = scope.spawn(|| task.pread(fd, &mut [0; 4], 1));
        stall.wait_until_entered();
        // Waits for its turn, which never comes.
        let waiting = scope.spawn(|| task.pread(fd, &mut [0; 4], 0));
        taught(host.unmount_with("/mnt", FORCE), Errno::ETIMEDOUT, &["stall-fs", "/mnt"]);
        errno(waiting.join().unwrap(), Errno::EIO);
        assert!(host.mounts().is_empty());
        errno(task.pread(fd, &mut [0; 4], 0), Errno::EIO);
        let line = lines(&host, "stall-fs");
        assert_eq!(line.state, "stuck");
        assert!(line.reason.contains("did not return"), "{}", line.reason);
        assert_eq!(line.users.iter().map(nxvfs::base::Holder::kind).collect::<Vec<_>>(), ["stuck"]);
        refused(host.detach("/dev/ram0"), Errno::EBUSY, &["does not return", "/mnt"]);
        refused(host.plugins().rmmod("stall-fs").map(drop), Errno::EBUSY, &["/mnt"]);
        // It comes back late, into memory that is still there.
        stall.let_go();
        assert_eq!(reading.join().unwrap().unwrap(), 4);
    });
    assert_eq!(count(&stall.log(), "unmount"), 0, "what was given up is not called again");
    drop(task);
    // The board would demand that everything comes down.
    std::mem::forget(board);
}

#[test]
fn an_unmount_without_force_waits_for_calls_that_hold_nothing() {
    // A walker's call is under way while nobody holds the volume: the file system must not be ended beneath it.
    let stall = Stall::new();
    let board = stall.board(PATIENT).mount("none", "/mnt", "stall-parallel", &stall.options());
    let task = board.task();
    let fd = task.open("/mnt/file", O_RDONLY, 0).unwrap();
    let file = task.file(fd).unwrap();
    thread::scope(|scope| {
        let reading = scope.spawn(|| file.pread(&task.caller().ctx(), &mut [0; 4], 1));
        stall.wait_until_entered();
        task.close(fd).unwrap();
        refused(board.unmount("/mnt"), Errno::EBUSY, &["descriptor"]);
        stall.let_go();
        reading.join().unwrap().unwrap();
    });
    drop(file);
    board.unmount("/mnt").unwrap();
    assert_eq!(stall.log().last().unwrap(), "unmount");
}

#[test]
fn whoever_waits_for_a_turn_is_woken_by_the_end() {
    let stall = Stall::new();
    let board = stall.board(PATIENT);
    for _ in 0..100 {
        board.try_mount("none", "/mnt", "stall", "").unwrap();
        let task = board.task();
        let fd = task.open("/mnt/file", O_RDONLY, 0).unwrap();
        let started = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    loop {
                        let read = task.pread(fd, &mut [0; 64], 0);
                        started.fetch_add(1, Ordering::Relaxed);
                        if let Err(e) = read {
                            assert_eq!(e.errno(), Errno::EIO, "{e}");
                            return;
                        }
                    }
                });
            }
            while started.load(Ordering::Relaxed) < 50 {
                thread::yield_now();
            }
            board.unmount_with("/mnt", FORCE).unwrap();
        });
    }
    board.plugins().rmmod("stall-fs").unwrap();
}

#[test]
fn the_last_users_of_detached_volumes_may_go_at_once() {
    for _ in 0..200 {
        let board = tmpfs(Link::Static);
        let tasks: Vec<Task> = (0..4).map(|_| board.task()).collect();
        for (index, task) in tasks.iter().enumerate() {
            task.open(format!("/tmp/{index}"), O_RDWR | O_CREAT, 0o644).unwrap();
            task.chdir("/tmp").unwrap();
        }
        thread::scope(|scope| {
            for task in tasks {
                scope.spawn(move || task.end());
            }
            board.unmount_with("/tmp", DETACH).unwrap();
        });
        assert_eq!(lines(&board, "tmpfs").users, []);
    }
}

#[test]
fn volumes_that_were_walked_while_they_ended_leave_nothing_behind() {
    let folder = Folder::new().file("tree/a/b/c/file", "content");
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let board = Board::new(Link::Static).romdisk("/dev/rom0", &image);
    let options = MountOptions::default();
    let mut ended = Vec::new();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let task = board.task();
                while !done.load(Ordering::Relaxed) {
                    // What is not there is either the volume or known to be about to go.
                    let _ = task.stat("/rom/a/b/c/file");
                    thread::yield_now();
                }
            });
        }
        for round in 0..300 {
            let mounted = board.host().mount(Some("/dev/rom0"), "/rom", "romfs", &options).unwrap();
            ended.push(Arc::downgrade(&mounted.mount));
            drop(mounted);
            board.task().stat("/rom/a/b").unwrap();
            let flags = if round % 2 == 0 { FORCE } else { UnmountFlags::default() };
            board.unmount_with("/rom", flags).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(
        ended.iter().filter(|mount| mount.strong_count() > 0).count(),
        0,
        "volumes that hold themselves"
    );
}
