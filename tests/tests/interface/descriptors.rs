//! Descriptors and what `fcntl` knows of them; paths from open directories; what `open` refuses.

use std::sync::Arc;

use nxvfs::file::{DEFAULT_DESCRIPTORS, MAX_DESCRIPTORS};
use nxvfs::task::{AT_REMOVEDIR, AT_SYMLINK_FOLLOW, AT_SYMLINK_NOFOLLOW, At, UTIME_NOW};
use nxvfs::{Errno, Task};
use nxvfs_abi::Timespec;
use nxvfs_abi::filesystem::RENAME_NOREPLACE;
use nxvfs_abi::ioctl::FIOC_FILEPATH;
use nxvfs_abi::types::open::{
    O_APPEND, O_CLOEXEC, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR,
    O_TRUNC, O_WRONLY,
};
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Link, content, on_both_links};

fn board(link: Link) -> Board {
    Board::new(link).mount("none", "/tmp", "tmpfs", "")
}

fn make(task: &Task, path: &str, text: &str) {
    let fd = task.creat(path, 0o644).unwrap();
    task.write(fd, text.as_bytes()).unwrap();
    task.close(fd).unwrap();
}

fn size(task: &Task, path: &str) -> u64 {
    task.stat(path).unwrap().attr.size_bytes
}

on_both_links! {
    fn the_flag_to_close_on_execution_is_the_descriptors_own(link: Link) {
        let board = board(link);
        let task = board.task();
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | O_APPEND, 0o644).unwrap();
        assert_eq!(task.getfd(fd).unwrap(), O_CLOEXEC);
        assert_eq!(task.getfl(fd).unwrap(), O_RDWR | O_APPEND, "what was of the opening is gone");
        let twin = task.dup(fd).unwrap();
        assert_eq!(task.getfd(twin).unwrap(), 0);
        assert_eq!(task.dup_from_cloexec(fd, 10).unwrap(), 10);
        assert_eq!((task.getfd(10).unwrap(), task.dup_from(fd, 10).unwrap(), task.getfd(11).unwrap()), (O_CLOEXEC, 11, 0));
        task.setfd(fd, 0).unwrap();
        task.setfd(twin, O_CLOEXEC).unwrap();
        assert_eq!((task.getfd(fd).unwrap(), task.getfd(twin).unwrap()), (0, O_CLOEXEC));
        assert_eq!(task.dup3(fd, twin, 0).unwrap(), twin);
        assert_eq!(task.getfd(twin).unwrap(), 0);
        assert_eq!(task.dup3(fd, 20, O_CLOEXEC).unwrap(), 20);
        assert_eq!(task.getfd(20).unwrap(), O_CLOEXEC);
        errno(task.dup3(fd, fd, 0), Errno::EINVAL);
        errno(task.dup3(fd, 21, O_NONBLOCK), Errno::EINVAL);
        errno(task.dup3(99, 21, 0), Errno::EBADF);
        assert_eq!(task.dup2(20, 20).unwrap(), 20);
        assert_eq!(task.getfd(20).unwrap(), O_CLOEXEC, "the same number twice changes nothing");
        assert_eq!(task.dup2(20, 22).unwrap(), 22);
        assert_eq!(task.getfd(22).unwrap(), 0);
        // Status flags are the open file's: all of them see a change.
        task.setfl(fd, O_NONBLOCK).unwrap();
        assert_eq!(task.getfl(22).unwrap(), O_RDWR | O_NONBLOCK);
        for missing in [30, u32::MAX] {
            errno(task.getfd(missing), Errno::EBADF);
            errno(task.setfd(missing, 0), Errno::EBADF);
        }
    }

    fn a_task_has_as_many_descriptors_as_it_is_allowed(link: Link) {
        let board = board(link);
        let task = board.task();
        assert_eq!(task.descriptor_limit(), DEFAULT_DESCRIPTORS);
        task.set_descriptor_limit(3).unwrap();
        make(&task, "/tmp/f", "");
        let fds: Vec<u32> = (0..3).map(|_| task.open("/tmp/f", O_RDONLY, 0).unwrap()).collect();
        assert_eq!(fds, [0, 1, 2]);
        errno(task.open("/tmp/f", O_RDONLY, 0), Errno::EMFILE);
        errno(task.dup(0), Errno::EMFILE);
        errno(task.dup_from(0, 2), Errno::EMFILE);
        errno(task.dup_from(0, 3), Errno::EINVAL);
        errno(task.dup2(0, 3), Errno::EBADF);
        // What is open beyond a lower limit stays.
        task.set_descriptor_limit(1).unwrap();
        task.fstat(2).unwrap();
        task.set_descriptor_limit(MAX_DESCRIPTORS).unwrap();
        assert_eq!(task.dup_from(0, MAX_DESCRIPTORS - 1).unwrap(), MAX_DESCRIPTORS - 1);
        errno(task.set_descriptor_limit(MAX_DESCRIPTORS + 1), Errno::EPERM);
        errno(board.task().fstat(0).map(drop), Errno::EBADF);
    }

    fn an_open_file_tells_by_which_path_it_is_reached_now(link: Link) {
        let board = board(link);
        let task = board.task();
        task.mkdir("/tmp/a", 0o755).unwrap();
        make(&task, "/tmp/a/f", "");
        let fd = task.open("/tmp/a/f", O_RDONLY, 0).unwrap();
        assert_eq!(task.path_of(fd).unwrap(), b"/tmp/a/f");
        task.rename("/tmp/a", "/tmp/b", 0).unwrap();
        assert_eq!(task.path_of(fd).unwrap(), b"/tmp/b/f");
        let mut arg = [0xff; 64];
        task.ioctl(fd, FIOC_FILEPATH, &mut arg).unwrap();
        assert_eq!(&arg[..9], b"/tmp/b/f\0");
        errno(task.path_of(99), Errno::EBADF);
    }

    fn several_buffers_at_an_offset_leave_the_position_alone(link: Link) {
        let board = board(link);
        let task = board.task();
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT, 0o644).unwrap();
        task.write(fd, b"0123456789").unwrap();
        assert_eq!(task.pwritev(fd, &[b"ab", b"", b"cde"], 4).unwrap(), 5);
        let (mut a, mut b, mut c) = ([0; 3], [0; 4], [0; 9]);
        assert_eq!(task.preadv(fd, &mut [&mut a, &mut b, &mut c], 3).unwrap(), 7);
        assert_eq!((&a, &b, &c[..1]), (b"3ab", b"cde9", &[0u8][..]));
        assert_eq!(task.preadv(fd, &mut [&mut a], 100).unwrap(), 0);
        task.write(fd, b"!").unwrap();
        assert_eq!(content(&task, "/tmp/f").unwrap(), b"0123abcde9!");
        errno(task.pwritev(fd, &[b"x"], u64::MAX), Errno::EFBIG);
        let reader = task.open("/tmp/f", O_RDONLY, 0).unwrap();
        errno(task.pwritev(reader, &[b"x"], 0), Errno::EBADF);
    }

    fn paths_begin_at_open_directories(link: Link) {
        let board = board(link);
        let task = board.task();
        task.mkdir("/tmp/d", 0o755).unwrap();
        let dir = task.open("/tmp/d", O_PATH | O_DIRECTORY, 0).unwrap();
        let fd = task.open_at(dir, "f", O_WRONLY | O_CREAT, 0o644).unwrap();
        task.write(fd, b"abc").unwrap();
        task.mkdir_at(dir, "sub", 0o755).unwrap();
        task.symlink_at("f", dir, "link").unwrap();
        task.mknod_at(dir, "fifo", 0o010644, 0).unwrap();
        assert_eq!(task.readlink_at(dir, "link").unwrap(), b"f");
        assert_eq!(task.stat_at(dir, "link", 0).unwrap().attr.size_bytes, 3);
        assert_eq!(task.stat_at(dir, "link", AT_SYMLINK_NOFOLLOW).unwrap().attr.mode & 0o170000, 0o120000);
        task.link_at(dir, "link", At::Cwd, "/tmp/same", 0).unwrap();
        task.link_at(dir, "link", At::Cwd, "/tmp/followed", AT_SYMLINK_FOLLOW).unwrap();
        assert_eq!(task.readlink("/tmp/same").unwrap(), b"f");
        assert_eq!(content(&task, "/tmp/followed").unwrap(), b"abc");
        let sub = task.open_at(dir, "sub", O_RDONLY | O_DIRECTORY, 0).unwrap();
        task.rename_at(dir, "f", sub, "g", 0).unwrap();
        errno(task.rename_at(sub, "g", dir, "fifo", RENAME_NOREPLACE), Errno::EEXIST);
        task.chmod_at(sub, "g", 0o600, 0).unwrap();
        task.chown_at(sub, "g", Some(7), None, 0).unwrap();
        let then = Some(Timespec { seconds: 9, ..Timespec::default() });
        task.utimens_at(sub, "g", (then, None), 0).unwrap();
        let attr = task.stat_at(sub, "g", 0).unwrap().attr;
        assert_eq!((attr.mode & 0o7777, attr.uid, attr.atime.seconds), (0o600, 7, 9));
        // A link's own attributes.
        task.chown_at(dir, "link", Some(5), None, AT_SYMLINK_NOFOLLOW).unwrap();
        assert_eq!(task.lstat("/tmp/d/link").unwrap().attr.uid, 5);
        task.access_at(sub, "g", 6, 0).unwrap();
        // An absolute path looks at no descriptor, a relative one at a directory only.
        task.stat_at(999, "/tmp/d", 0).unwrap();
        errno(task.stat_at(999, "d", 0).map(drop), Errno::EBADF);
        errno(task.stat_at(fd, "d", 0).map(drop), Errno::ENOTDIR);
        errno(task.stat_at(dir, "link", AT_SYMLINK_FOLLOW).map(drop), Errno::EINVAL);
        errno(task.unlink_at(dir, "sub", 0), Errno::EISDIR);
        errno(task.unlink_at(dir, "sub", AT_REMOVEDIR), Errno::ENOTEMPTY);
        errno(task.unlink_at(dir, "link", AT_REMOVEDIR), Errno::ENOTDIR);
        task.unlink_at(sub, "g", 0).unwrap();
        task.unlink_at(dir, "sub", AT_REMOVEDIR).unwrap();
        // It is the directory, not its name.
        task.rename("/tmp/d", "/tmp/e", 0).unwrap();
        task.unlink_at(dir, "fifo", 0).unwrap();
        task.fchdir(dir).unwrap();
        assert_eq!(task.getcwd(), b"/tmp/e");
        errno(task.fchdir(fd), Errno::ENOTDIR);
        task.chdir("/").unwrap();
    }

    fn attributes_change_through_open_files(link: Link) {
        let board = board(link);
        let task = board.task();
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT, 0o644).unwrap();
        task.fchmod(fd, 0o4711).unwrap();
        task.fchown(fd, Some(3), Some(4)).unwrap();
        let time = |seconds, nanoseconds| Some(Timespec { seconds, nanoseconds, reserved: 0 });
        task.futimens(fd, time(8, 1), time(9, 2)).unwrap();
        let attr = task.fstat(fd).unwrap().attr;
        assert_eq!((attr.mode & 0o7777, attr.uid, attr.gid), (0o711, 3, 4), "chown ended set-user-id");
        assert_eq!((Some(attr.atime), Some(attr.mtime)), (time(8, 1), time(9, 2)));
        task.futimens(fd, None, time(0, UTIME_NOW)).unwrap();
        let attr = task.fstat(fd).unwrap().attr;
        assert!(Some(attr.atime) == time(8, 1) && attr.mtime.seconds > 9);
        assert_eq!(task.fstatfs(fd).unwrap().magic, task.statfs("/tmp").unwrap().magic);
        task.syncfs(fd).unwrap();
        // A name of a file only: neither its content nor its attributes can be changed through it.
        let name = task.open("/tmp/f", O_PATH, 0).unwrap();
        for (what, result) in [
            ("fchmod", task.fchmod(name, 0)),
            ("fchown", task.fchown(name, Some(0), None)),
            ("futimens", task.futimens(name, None, None)),
            ("setfl", task.setfl(name, O_APPEND)),
            ("syncfs", task.syncfs(name)),
            ("fsync", task.fsync(name, false)),
            ("read", task.read(name, &mut [0]).map(drop)),
            ("write", task.write(name, b"x").map(drop)),
        ] {
            assert_eq!(result.expect_err(what).errno(), Errno::EBADF, "{what}");
        }
        assert_eq!(task.fstat(name).unwrap().attr.uid, 3);
    }

    fn open_follows_posix_where_flags_meet(link: Link) {
        let board = board(link);
        let task = board.task();
        task.mkdir("/tmp/d", 0o755).unwrap();
        make(&task, "/tmp/f", "abc");
        task.symlink("f", "/tmp/link").unwrap();
        task.symlink("nowhere", "/tmp/dangling").unwrap();
        for (path, flags, expected) in [
            ("/tmp/f", O_RDWR | O_WRONLY, Errno::EINVAL),
            ("/tmp/f", O_RDONLY | O_DIRECTORY, Errno::ENOTDIR),
            ("/tmp/new", O_RDONLY | O_DIRECTORY | O_CREAT, Errno::EINVAL),
            ("/tmp/d", O_WRONLY, Errno::EISDIR),
            ("/tmp/d", O_RDONLY | O_CREAT, Errno::EISDIR),
            ("/tmp/d", O_RDONLY | O_TRUNC, Errno::EISDIR),
            ("/tmp/link", O_RDONLY | O_NOFOLLOW, Errno::ELOOP),
            ("/tmp/f", O_RDONLY | O_CREAT | O_EXCL, Errno::EEXIST),
            ("/tmp/dangling", O_RDONLY | O_CREAT | O_EXCL, Errno::EEXIST),
            ("/tmp/link/", O_RDONLY, Errno::ENOTDIR),
            ("/tmp/new/", O_RDONLY | O_CREAT, Errno::EISDIR),
            ("/tmp/new", O_PATH | O_CREAT, Errno::ENOENT),
        ] {
            let result = task.open(path, flags, 0o644);
            assert_eq!(result.map_err(|e| e.errno()), Err(expected), "{path} {flags:#o}");
        }
        errno(task.stat("/tmp/new").map(drop), Errno::ENOENT);
        let fd = task.open("/tmp/link", O_PATH | O_NOFOLLOW, 0).unwrap();
        assert_eq!(task.fstat(fd).unwrap().attr.mode & 0o170000, 0o120000);
        task.open("/tmp/f", O_RDONLY | O_EXCL, 0).unwrap();
        // It names the file and is no opening: nothing is cut.
        task.open("/tmp/f", O_PATH | O_TRUNC, 0).unwrap();
        assert_eq!(size(&task, "/tmp/f"), 3);
        task.open("/tmp/dangling", O_WRONLY | O_CREAT, 0o644).unwrap();
        assert_eq!(size(&task, "/tmp/nowhere"), 0);
        let fd = task.creat("/tmp/f", 0o600).unwrap();
        assert_eq!((size(&task, "/tmp/f"), task.getfl(fd).unwrap()), (0, O_WRONLY));
        assert_eq!(task.stat("/tmp/f").unwrap().attr.mode & 0o777, 0o644, "it was there: its mode stays");
    }

    fn attributes_follow_every_change_at_once(link: Link) {
        let board = board(link);
        let task = board.task();
        let old = Some(Timespec { seconds: 1, ..Timespec::default() });
        // Each change is made when all times lie long ago, and must move just these: access, content, attributes.
        let changed = |path: &str, change: &dyn Fn()| {
            task.utimens(path, old, old).unwrap();
            let before = task.stat(path).unwrap().attr;
            change();
            let after = task.stat(path).unwrap().attr;
            (after.atime != before.atime, after.mtime != before.mtime, after.ctime >= before.ctime)
        };
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT, 0o644).unwrap();
        task.mkdir("/tmp/d", 0o755).unwrap();
        let all = |atime, mtime| (atime, mtime, true);
        assert_eq!(changed("/tmp/f", &|| assert_eq!(task.pwrite(fd, b"abc", 0).unwrap(), 3)), all(false, true));
        assert_eq!(changed("/tmp/f", &|| assert_eq!(task.pread(fd, &mut [0; 2], 0).unwrap(), 2)), all(true, false));
        assert_eq!(changed("/tmp/f", &|| task.ftruncate(fd, 1).unwrap()), all(false, true));
        assert_eq!(changed("/tmp/f", &|| task.fchmod(fd, 0o600).unwrap()), all(false, false));
        assert_eq!(changed("/tmp/f", &|| task.link("/tmp/f", "/tmp/g").unwrap()), all(false, false));
        assert_eq!(task.fstat(fd).unwrap().attr.nlink, 2);
        assert_eq!(changed("/tmp/f", &|| task.unlink("/tmp/g").unwrap()), all(false, false));
        assert_eq!(task.fstat(fd).unwrap().attr.nlink, 1);
        assert_eq!(changed("/tmp/d", &|| make(&task, "/tmp/d/x", "")), all(false, true));
        assert_eq!(changed("/tmp/d", &|| task.rename("/tmp/d/x", "/tmp/d/y", 0).unwrap()), all(false, true));
        assert_eq!(changed("/tmp/d", &|| task.mkdir("/tmp/d/z", 0o755).unwrap()), all(false, true));
        assert_eq!(task.stat("/tmp/d").unwrap().attr.nlink, 3);
        assert_eq!(changed("/tmp/d", &|| task.rmdir("/tmp/d/z").unwrap()), all(false, true));
        assert_eq!(changed("/tmp/d", &|| assert_eq!(task.opendir("/tmp/d").unwrap().count(), 3)), all(true, false));
        // A second read soon after the first leaves the access time (relatime).
        let atime = || task.fstat(fd).unwrap().attr.atime;
        task.pread(fd, &mut [0; 1], 0).unwrap();
        let first = atime();
        task.pread(fd, &mut [0; 1], 0).unwrap();
        assert_eq!(atime(), first);
    }

    fn numbers_come_from_a_window_and_those_that_are_withheld_from_nobody(link: Link) {
        let board = board(link);
        let task = board.task();
        let open = || task.open("/tmp", O_RDONLY, 0);
        task.set_descriptor_window(10..14);
        assert!(task.withhold_descriptor(11).is_none());
        assert_eq!((open().unwrap(), open().unwrap()), (10, 12));
        assert_eq!(task.dup_from(10, 0).unwrap(), 13);
        errno(open(), Errno::EMFILE);
        errno(task.pipe2(0), Errno::EMFILE);
        errno(task.dup_from(10, 14), Errno::EMFILE);
        task.restore_descriptor(11);
        assert_eq!(open().unwrap(), 11);
        // A number that is chosen may be any; it does not come back to others.
        assert_eq!(task.dup2(10, 3).unwrap(), 3);
        task.close(3).unwrap();
        errno(open(), Errno::EMFILE);
        // Withheld and taken, its file is handed out and what its end means is left to who has it.
        let file = task.withhold_descriptor(12).expect("a file");
        errno(task.fstat(12).map(drop), Errno::EBADF);
        assert!(task.put_descriptor(file.clone(), 13, true).unwrap().is_some());
        assert_eq!(task.getfd(13).unwrap(), O_CLOEXEC);
        assert!(Arc::ptr_eq(&task.take_descriptor(13).unwrap(), &file));
        errno(task.take_descriptor(13).map(drop), Errno::EBADF);
        errno(task.put_descriptor(file, MAX_DESCRIPTORS, false).map(drop), Errno::EBADF);
        assert_eq!(open().unwrap(), 13);
    }
}
