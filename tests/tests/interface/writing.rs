//! Changes through the host, on a volume that takes them: the shell's and the programs' view of tmpfs.

use std::sync::Arc;

use nxvfs::file::Whence;
use nxvfs::{Errno, Task};
use nxvfs_abi::Timespec;
use nxvfs_abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use nxvfs_abi::types::open::{O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Link, on_both_links};

fn board(link: Link) -> Board {
    Board::new(link).mount("none", "/tmp", "tmpfs", "")
}

fn make(task: &Task, path: &str, content: &str) {
    let fd = task.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644).unwrap();
    assert_eq!(task.write(fd, content.as_bytes()).unwrap(), content.len());
    task.close(fd).unwrap();
}

fn content(task: &Task, path: &str) -> String {
    let fd = task.open(path, O_RDONLY, 0).unwrap();
    let mut buf = vec![0; 4096];
    let len = task.read(fd, &mut buf).unwrap();
    task.close(fd).unwrap();
    String::from_utf8(buf[..len].to_vec()).unwrap()
}

fn names(task: &Task, path: &str) -> Vec<String> {
    let mut names: Vec<String> = task
        .opendir(path)
        .unwrap()
        .map(|entry| String::from_utf8(entry.unwrap().name).unwrap())
        .filter(|name| name != "." && name != "..")
        .collect();
    names.sort();
    names
}

on_both_links! {
    fn descriptors_that_were_duplicated_share_one_position(link: Link) {
        let board = board(link);
        let task = board.task();
        let fd = task.open("/tmp/f", O_RDWR | O_CREAT, 0o600).unwrap();
        let twin = task.dup(fd).unwrap();
        task.write(fd, b"abc").unwrap();
        task.write(twin, b"def").unwrap();
        assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), 6);
        assert_eq!(task.dup_from(fd, 100).unwrap(), 100);
        assert_eq!(task.dup2(fd, 7).unwrap(), 7);
        assert_eq!(task.dup2(7, 7).unwrap(), 7);
        errno(task.dup2(99, 3).map(drop), Errno::EBADF);
        errno(task.dup2(fd, 1024).map(drop), Errno::EBADF);
        errno(task.dup_from(fd, 1024).map(drop), Errno::EINVAL);
        task.close(fd).unwrap();
        task.lseek(7, 1, Whence::Set).unwrap();
        let mut buf = [0; 2];
        assert_eq!(task.read(100, &mut buf).unwrap(), 2);
        assert_eq!(&buf, b"bc");
        for fd in [twin, 100, 7] {
            task.close(fd).unwrap();
        }
        assert_eq!(task.descriptor_count(), 0);
    }

    fn append_is_at_the_end_of_each_write_and_pwrite_is_not(link: Link) {
        let board = board(link);
        let task = board.task();
        make(&task, "/tmp/log", "one\n");
        let first = task.open("/tmp/log", O_RDWR | O_APPEND, 0).unwrap();
        let second = task.open("/tmp/log", O_RDWR, 0).unwrap();
        task.lseek(first, 0, Whence::Set).unwrap();
        task.write(first, b"two\n").unwrap();
        assert_eq!(task.lseek(first, 0, Whence::Current).unwrap(), 8);
        task.setfl(second, O_APPEND).unwrap();
        task.writev(second, &[b"thr", b"ee\n"]).unwrap();
        task.pwrite(first, b"ONE", 0).unwrap();
        assert_eq!(content(&task, "/tmp/log"), "ONE\ntwo\nthree\n");
        task.setfl(second, 0).unwrap();
        task.lseek(second, 4, Whence::Set).unwrap();
        task.write(second, b"TWO").unwrap();
        let (mut a, mut b) = ([0; 3], [0; 5]);
        task.lseek(second, 0, Whence::Set).unwrap();
        assert_eq!(task.readv(second, &mut [&mut a, &mut b]).unwrap(), 8);
        assert_eq!((&a, &b), (b"ONE", b"\nTWO\n"));
    }

    fn threads_that_append_lose_nothing(link: Link) {
        let board = board(link);
        let task = Arc::new(board.task());
        make(&task, "/tmp/log", "");
        std::thread::scope(|scope| {
            for mark in b"abcdefgh" {
                let task = task.clone();
                scope.spawn(move || {
                    let fd = task.open("/tmp/log", O_WRONLY | O_APPEND, 0).unwrap();
                    for _ in 0..50 {
                        assert_eq!(task.write(fd, &[*mark; 9]).unwrap(), 9);
                    }
                    task.close(fd).unwrap();
                });
            }
        });
        let text = content(&task, "/tmp/log");
        assert_eq!(text.len(), 8 * 50 * 9);
        for record in text.as_bytes().chunks(9) {
            assert!(record.iter().all(|b| b == &record[0]), "{record:?} is torn");
        }
    }

    fn whoever_makes_a_file_first_all_open_it(link: Link) {
        let board = board(link);
        let task = board.task();
        for number in 0..300 {
            let path = format!("/tmp/f{number}");
            // All begin at once, as near as threads can; a failure ends the scope and the test.
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        let fd = task.open(&path, O_WRONLY | O_CREAT | O_APPEND, 0o644).unwrap();
                        task.write(fd, b"x").unwrap();
                        task.close(fd).unwrap();
                    });
                }
            });
            assert_eq!(content(&task, &path), "xxxx");
            task.unlink(&path).unwrap();
            errno(task.stat(&path).map(drop), Errno::ENOENT);
        }
    }

    fn attributes_follow_what_is_done(link: Link) {
        let board = board(link);
        let task = board.task();
        let attr = |path: &str| task.stat(path).unwrap().attr;
        assert_eq!(attr("/tmp").nlink, 2);
        task.mkdir("/tmp/d", 0o755).unwrap();
        assert_eq!(attr("/tmp").nlink, 3);
        make(&task, "/tmp/d/f", "12345");
        assert_eq!((attr("/tmp/d/f").size_bytes, attr("/tmp/d/f").nlink), (5, 1));
        task.link("/tmp/d/f", "/tmp/g").unwrap();
        assert_eq!((attr("/tmp/d/f").nlink, attr("/tmp/g").nlink), (2, 2));
        assert_eq!(attr("/tmp/d/f").ino, attr("/tmp/g").ino);
        let fd = task.open("/tmp/g", O_RDWR, 0).unwrap();
        task.unlink("/tmp/g").unwrap();
        assert_eq!(attr("/tmp/d/f").nlink, 1);
        task.unlink("/tmp/d/f").unwrap();
        assert_eq!(task.fstat(fd).unwrap().attr.nlink, 0);
        task.ftruncate(fd, 2).unwrap();
        task.pwrite(fd, b"x", 4).unwrap();
        assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, 5);
        let mut buf = [9; 8];
        assert_eq!(task.pread(fd, &mut buf, 0).unwrap(), 5);
        assert_eq!(&buf[..5], b"12\0\0x");
        task.close(fd).unwrap();
        task.rmdir("/tmp/d").unwrap();
        assert_eq!(attr("/tmp").nlink, 2);
        assert_eq!(names(&task, "/tmp"), Vec::<String>::new());
    }

    fn names_are_right_at_once_after_each_change(link: Link) {
        let board = board(link);
        let task = board.task();
        // A name that was asked for in vain is there once it is made.
        errno(task.stat("/tmp/a").map(drop), Errno::ENOENT);
        make(&task, "/tmp/a", "a");
        task.stat("/tmp/a").unwrap();
        errno(task.open("/tmp/a", O_WRONLY | O_CREAT | O_EXCL, 0o600).map(drop), Errno::EEXIST);
        make(&task, "/tmp/b", "b");
        errno(task.rename("/tmp/a", "/tmp/b", RENAME_NOREPLACE), Errno::EEXIST);
        task.rename("/tmp/a", "/tmp/b", RENAME_EXCHANGE).unwrap();
        assert_eq!((content(&task, "/tmp/a"), content(&task, "/tmp/b")), ("b".into(), "a".into()));
        let fd = task.open("/tmp/b", O_RDONLY, 0).unwrap();
        task.rename("/tmp/a", "/tmp/b", 0).unwrap();
        errno(task.stat("/tmp/a").map(drop), Errno::ENOENT);
        assert_eq!(content(&task, "/tmp/b"), "b");
        let mut buf = [0; 4];
        assert_eq!(task.read(fd, &mut buf).unwrap(), 1);
        assert_eq!(buf[0], b'a', "the displaced file lives as long as it is open");
        task.close(fd).unwrap();
        // Directories: their contents come along, and none becomes its own ancestor.
        task.mkdir("/tmp/d", 0o755).unwrap();
        task.mkdir("/tmp/d/e", 0o755).unwrap();
        make(&task, "/tmp/d/e/f", "f");
        errno(task.rename("/tmp/d", "/tmp/d/e/g", 0), Errno::EINVAL);
        errno(task.rename("/tmp/b", "/tmp/d", 0), Errno::EISDIR);
        errno(task.rename("/tmp/d", "/tmp/b", 0), Errno::ENOTDIR);
        errno(task.rmdir("/tmp/d"), Errno::ENOTEMPTY);
        errno(task.unlink("/tmp/d"), Errno::EISDIR);
        errno(task.rmdir("/tmp/b"), Errno::ENOTDIR);
        task.chdir("/tmp/d/e").unwrap();
        task.rename("/tmp/d", "/tmp/moved", 0).unwrap();
        assert_eq!(task.getcwd(), b"/tmp/moved/e");
        assert_eq!(content(&task, "f"), "f");
        assert_eq!(content(&task, "../../moved/e/f"), "f");
        task.chdir("/").unwrap();
        task.symlink("moved/e", "/tmp/s").unwrap();
        assert_eq!(content(&task, "/tmp/s/f"), "f");
        assert_eq!(names(&task, "/tmp"), ["b", "moved", "s"]);
    }

    fn what_is_mounted_below_moves_along(link: Link) {
        let board = board(link);
        let task = board.task();
        task.mkdir("/tmp/d", 0o755).unwrap();
        task.mkdir("/tmp/d/m", 0o755).unwrap();
        board.try_mount("none", "/tmp/d/m", "tmpfs", "").unwrap();
        make(&task, "/tmp/d/m/f", "inner");
        task.rename("/tmp/d", "/tmp/e", 0).unwrap();
        assert_eq!(content(&task, "/tmp/e/m/f"), "inner");
        errno(task.stat("/tmp/d").map(drop), Errno::ENOENT);
        assert_eq!(board.mounts()[1].path, "/tmp/e/m");
        task.chdir("/tmp/e/m").unwrap();
        assert_eq!(task.getcwd(), b"/tmp/e/m");
        assert_eq!(names(&task, ".."), ["m"]);
        errno(task.rename("/tmp/e/m", "/tmp/n", 0), Errno::EBUSY);
        task.chdir("/").unwrap();
        board.unmount("/tmp/e/m").unwrap();
        assert_eq!(names(&task, "/tmp/e/m"), Vec::<String>::new());
    }

    fn who_may_change_what(link: Link) {
        let board = board(link);
        let root = board.task();
        root.chmod("/tmp", 0o777).unwrap();
        make(&root, "/tmp/roots", "x");
        let user = board.task_as(1000, 1000, &[2000]);
        make(&user, "/tmp/users", "x");
        let made = user.stat("/tmp/users").unwrap().attr;
        assert_eq!((made.uid, made.gid, made.mode & 0o777), (1000, 1000, 0o644));
        errno(user.open("/tmp/roots", O_WRONLY, 0).map(drop), Errno::EACCES);
        errno(user.truncate("/tmp/roots", 0), Errno::EACCES);
        errno(user.chmod("/tmp/roots", 0o777), Errno::EPERM);
        errno(user.chown("/tmp/users", Some(0), None), Errno::EPERM);
        errno(user.chown("/tmp/users", None, Some(3000)), Errno::EPERM);
        user.chown("/tmp/users", None, Some(2000)).unwrap();
        assert_eq!(user.stat("/tmp/users").unwrap().attr.gid, 2000);
        errno(user.access("/tmp/roots", 2), Errno::EACCES);
        user.access("/tmp/roots", 4).unwrap();
        let time = Timespec { seconds: 86_400, nanoseconds: 5, reserved: 0 };
        errno(user.utimens("/tmp/roots", Some(time), None), Errno::EPERM);
        user.utimens("/tmp/users", None, Some(time)).unwrap();
        assert_eq!(user.stat("/tmp/users").unwrap().attr.mtime, time);
        root.chmod("/tmp", 0o755).unwrap();
        errno(user.unlink("/tmp/users"), Errno::EACCES);
        errno(user.mkdir("/tmp/d", 0o755), Errno::EACCES);
    }
}
