//! Descriptors and directory streams: open, read, pread, lseek, close, fstat, readdir, and each refusal.

use std::collections::BTreeSet;
use std::os::unix::net::UnixListener;
use std::process::Command;

use nxvfs::Errno;
use nxvfs::file::{DEFAULT_DESCRIPTORS, Whence};
use nxvfs_abi::types::mode::{S_IFBLK, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG, S_IFSOCK};
use nxvfs_abi::types::open::{
    O_ACCMODE, O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_PATH, O_RDONLY, O_RDWR, O_TRUNC,
    O_WRONLY,
};
use nxvfs_tests::check::{errno, refused};
use nxvfs_tests::fixture::run;
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Board, Folder, Rng, Way, genromfs, on_every_way};

const LEN: usize = 20_000;

/// A volume with a file, an empty one, a directory and links.
fn board(way: Way) -> (Folder, Board) {
    let folder = Folder::new()
        .file("tree/file", pattern(1, LEN))
        .file("tree/empty", "")
        .file("tree/program", "#!/bin/sh\n")
        .mode("tree/program", 0o755)
        .file("tree/dir/inner", "inner")
        .link("tree/link", "file")
        .link("tree/dangling", "nowhere")
        .hard_link("tree/second", "tree/file");
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let board = way.romfs(&image);
    (folder, board)
}

on_every_way! {
    fn reads_give_the_content_at_each_offset_and_length(way: Way) {
        let (_folder, board) = board(way);
        let content = pattern(1, LEN);
        let task = board.task();
        let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
        let mut rng = Rng::new(7);
        for _ in 0..500 {
            let offset = rng.below(LEN + 100);
            let mut buf = vec![0xee; rng.below(6000)];
            let expected = content.get(offset..).unwrap_or_default();
            let expected = &expected[..expected.len().min(buf.len())];
            assert_eq!(task.pread(fd, &mut buf, offset as u64).unwrap(), expected.len());
            assert_eq!(&buf[..expected.len()], expected);
            assert!(buf[expected.len()..].iter().all(|b| *b == 0xee), "bytes beyond the answer are left alone");
        }
        for offset in [LEN as u64, 1 << 40, i64::MAX as u64, u64::MAX - 5, u64::MAX] {
            assert_eq!(task.pread(fd, &mut [0; 10], offset).unwrap(), 0, "{offset}");
        }
        // In pieces by the position, of every small size.
        for piece in [1, 7, 511, 512, 513, 4096, LEN, LEN + 1] {
            assert_eq!(task.lseek(fd, 0, Whence::Set).unwrap(), 0);
            let mut all = Vec::new();
            let mut buf = vec![0; piece];
            loop {
                let len = task.read(fd, &mut buf).unwrap();
                if len == 0 {
                    break;
                }
                all.extend_from_slice(&buf[..len]);
            }
            assert!(all == content, "in pieces of {piece} bytes");
        }
        assert_eq!(task.read(fd, &mut []).unwrap(), 0);
    }

    fn pread_leaves_the_position_and_descriptors_have_their_own(way: Way) {
        let (_folder, board) = board(way);
        let content = pattern(1, LEN);
        let task = board.task();
        let first = task.open("/rom/file", O_RDONLY, 0).unwrap();
        let second = task.open("/rom/second", O_RDONLY, 0).unwrap();
        let mut buf = [0; 100];
        assert_eq!(task.read(first, &mut buf).unwrap(), 100);
        assert_eq!(task.pread(first, &mut buf, 5000).unwrap(), 100);
        assert_eq!(&buf[..], &content[5000..5100]);
        assert_eq!(task.lseek(first, 0, Whence::Current).unwrap(), 100);
        assert_eq!(task.read(first, &mut buf).unwrap(), 100);
        assert_eq!(&buf[..], &content[100..200]);
        assert_eq!(task.lseek(second, 0, Whence::Current).unwrap(), 0);
        // A file outlives its descriptor for who holds it.
        let file = task.file(first).unwrap();
        task.close(first).unwrap();
        assert_eq!(file.pread(&task.caller().ctx(), &mut buf, 0).unwrap(), 100);
    }

    fn lseek_goes_anywhere_that_is_a_place(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
        let len = LEN as u64;
        assert_eq!(task.lseek(fd, 0, Whence::End).unwrap(), len);
        assert_eq!(task.lseek(fd, -1, Whence::End).unwrap(), len - 1);
        assert_eq!(task.lseek(fd, -(LEN as i64), Whence::End).unwrap(), 0);
        assert_eq!(task.lseek(fd, 1000, Whence::End).unwrap(), len + 1000);
        assert_eq!(task.read(fd, &mut [0; 8]).unwrap(), 0, "beyond the end there is nothing");
        assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), len + 1000);
        assert_eq!(task.lseek(fd, 50, Whence::Set).unwrap(), 50);
        assert_eq!(task.lseek(fd, -20, Whence::Current).unwrap(), 30);
        // A refusal leaves the position.
        errno(task.lseek(fd, -1, Whence::Set), Errno::EINVAL);
        errno(task.lseek(fd, -31, Whence::Current), Errno::EINVAL);
        errno(task.lseek(fd, -(LEN as i64) - 1, Whence::End), Errno::EINVAL);
        errno(task.lseek(fd, i64::MIN, Whence::Set), Errno::EINVAL);
        assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), 30);
        assert_eq!(task.lseek(fd, i64::MAX, Whence::Set).unwrap(), i64::MAX as u64);
        errno(task.lseek(fd, 1, Whence::Current), Errno::EOVERFLOW);
        errno(task.lseek(fd, i64::MAX, Whence::End), Errno::EOVERFLOW);
        assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), i64::MAX as u64);
        // No holes: all is data, and the only hole is the end.
        assert_eq!(task.lseek(fd, 100, Whence::Data).unwrap(), 100);
        assert_eq!(task.lseek(fd, 100, Whence::Hole).unwrap(), len);
        for whence in [Whence::Data, Whence::Hole] {
            errno(task.lseek(fd, LEN as i64, whence), Errno::ENXIO);
            errno(task.lseek(fd, -1, whence), Errno::ENXIO);
        }
    }

    fn descriptors_are_the_lowest_free_numbers(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        let open = || task.open("/rom/file", O_RDONLY, 0);
        assert_eq!((open().unwrap(), open().unwrap(), open().unwrap()), (0, 1, 2));
        task.close(1).unwrap();
        errno(task.close(1), Errno::EBADF);
        errno(task.read(1, &mut [0; 1]), Errno::EBADF);
        errno(task.pread(1, &mut [0; 1], 0), Errno::EBADF);
        errno(task.lseek(1, 0, Whence::Set), Errno::EBADF);
        errno(task.fstat(1).map(|_| ()), Errno::EBADF);
        errno(task.fsync(1, false), Errno::EBADF);
        errno(task.fdopendir(1).map(|_| ()), Errno::EBADF);
        for fd in [3, 1023, 1024, u32::MAX] {
            errno(task.close(fd), Errno::EBADF);
        }
        assert_eq!(open().unwrap(), 1);
        for expected in 3..DEFAULT_DESCRIPTORS {
            assert_eq!(open().unwrap(), expected);
        }
        errno(open(), Errno::EMFILE);
        assert_eq!(task.descriptor_count(), 1024);
        // The refused opening holds nothing: when the others are closed, the volume is free.
        task.close(500).unwrap();
        assert_eq!(open().unwrap(), 500);
        // Another task has numbers of its own.
        assert_eq!(board.task().open("/rom/file", O_RDONLY, 0).unwrap(), 0);
        task.end();
        board.unmount("/rom").unwrap();
    }

    fn what_is_not_open_for_it_refuses_it(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
        errno(task.write(fd, b"x"), Errno::EBADF);
        errno(task.pwrite(fd, b"x", 0), Errno::EBADF);
        task.fsync(fd, false).unwrap();
        let dir = task.open("/rom/dir", O_RDONLY, 0).unwrap();
        errno(task.read(dir, &mut [0; 8]), Errno::EISDIR);
        errno(task.pread(dir, &mut [0; 8], 0), Errno::EISDIR);
        let path = task.open("/rom/file", O_PATH, 0).unwrap();
        errno(task.read(path, &mut [0; 8]), Errno::EBADF);
        assert_eq!(task.fstat(path).unwrap().attr.size_bytes, LEN as u64);
        errno(task.fdopendir(fd).map(|_| ()), Errno::ENOTDIR);
        errno(task.opendir("/rom/file").map(|_| ()), Errno::ENOTDIR);
        errno(task.opendir("/rom/none").map(|_| ()), Errno::ENOENT);
    }

    fn open_refuses_as_posix_says(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        let open = |path: &str, flags| task.open(path, flags, 0o644);
        for (path, flags, expected) in [
            ("/rom/none", O_RDONLY, Errno::ENOENT),
            ("/rom/none/x", O_RDONLY, Errno::ENOENT),
            ("/rom/file/x", O_RDONLY, Errno::ENOTDIR),
            ("/rom/file/", O_RDONLY, Errno::ENOTDIR),
            ("/rom/dangling", O_RDONLY, Errno::ENOENT),
            ("/rom/link", O_RDONLY | O_NOFOLLOW, Errno::ELOOP),
            ("/rom/file", O_RDONLY | O_DIRECTORY, Errno::ENOTDIR),
            ("/rom/file", O_ACCMODE, Errno::EINVAL),
            ("/rom/file", O_CREAT | O_EXCL, Errno::EEXIST),
            ("/rom/link", O_CREAT | O_EXCL, Errno::EEXIST),
            ("/rom/dangling", O_CREAT | O_EXCL, Errno::EEXIST),
            ("/rom/dir", O_WRONLY, Errno::EISDIR),
            ("/rom/dir", O_RDWR, Errno::EISDIR),
            ("/rom/dir", O_RDONLY | O_CREAT, Errno::EISDIR),
            ("/rom/dir", O_RDONLY | O_TRUNC, Errno::EISDIR),
            ("/rom/file", O_WRONLY, Errno::EROFS),
            ("/rom/file", O_RDWR, Errno::EROFS),
            ("/rom/file", O_RDONLY | O_TRUNC, Errno::EROFS),
            ("/rom/file", O_WRONLY | O_APPEND, Errno::EROFS),
            ("/rom/new", O_RDONLY | O_CREAT, Errno::EROFS),
            ("/rom/dir/new", O_WRONLY | O_CREAT | O_EXCL, Errno::EROFS),
            ("/rom/new/", O_WRONLY | O_CREAT, Errno::EISDIR),
            ("/rom/none/new", O_WRONLY | O_CREAT, Errno::ENOENT),
            ("", O_RDONLY, Errno::ENOENT),
            ("/none/new", O_WRONLY | O_CREAT, Errno::ENOENT),
            ("/dev/rom0", O_WRONLY, Errno::EROFS),
        ] {
            match open(path, flags) {
                Ok(fd) => panic!("open('{path}', {flags:o}) answered {fd}, expected {}", expected.name()),
                Err(e) => assert_eq!(e.errno(), expected, "open('{path}', {flags:o}): {e}"),
            }
        }
        assert_eq!(task.descriptor_count(), 0);
        // And what it does not refuse: creating what is there is opening it.
        let fd = open("/rom/file", O_RDONLY | O_CREAT).unwrap();
        assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, LEN as u64);
        open("/rom/dir", O_RDONLY | O_DIRECTORY).unwrap();
        open("/rom/link", O_RDONLY).unwrap();
        let link = open("/rom/link", O_PATH | O_NOFOLLOW).unwrap();
        assert_eq!(task.fstat(link).unwrap().attr.mode & S_IFMT, S_IFLNK);
    }

    fn attributes_are_those_of_the_image(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        let file = task.stat("/rom/file").unwrap();
        assert_eq!(file.attr.mode, S_IFREG | 0o644);
        assert_eq!(file.attr.size_bytes, LEN as u64);
        assert_eq!(task.stat("/rom/program").unwrap().attr.mode, S_IFREG | 0o755);
        assert_eq!(task.stat("/rom/dir").unwrap().attr.mode, S_IFDIR | 0o755);
        assert_eq!(task.stat("/rom/empty").unwrap().attr.size_bytes, 0);
        let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
        let opened = task.fstat(fd).unwrap();
        assert_eq!((opened.attr.ino, opened.dev), (file.attr.ino, file.dev));
        assert_ne!(file.dev, task.stat("/").unwrap().dev);
        // stat follows, lstat does not.
        assert_eq!(task.stat("/rom/link").unwrap().attr.ino, file.attr.ino);
        let link = task.lstat("/rom/link").unwrap();
        assert_eq!((link.attr.mode & S_IFMT, link.attr.size_bytes), (S_IFLNK, 4));
        assert_eq!(task.readlink("/rom/link").unwrap(), b"file");
        errno(task.readlink("/rom/file"), Errno::EINVAL);
        errno(task.stat("/rom/dangling").map(|_| ()), Errno::ENOENT);
        assert_eq!(task.lstat("/rom/dangling").unwrap().attr.mode & S_IFMT, S_IFLNK);
        // A second name of the same file.
        assert_eq!(task.stat("/rom/second").unwrap().attr.ino, file.attr.ino);
        assert_ne!(task.stat("/rom/empty").unwrap().attr.ino, file.attr.ino);
        let sizes = task.statfs("/rom/dir/inner").unwrap();
        assert_eq!((sizes.magic, sizes.name_max_bytes, sizes.blocks_free), (0x7275, 255, 0));
        assert!(sizes.blocks * u64::from(sizes.block_size_bytes) >= LEN as u64);
    }

    fn the_device_itself_is_a_file_of_sectors(way: Way) {
        let (folder, board) = board(way);
        let image = std::fs::read(folder.at("rom.img")).unwrap();
        let task = board.task();
        let stat = task.stat("/dev/rom0").unwrap().attr;
        assert_eq!((stat.mode & S_IFMT, stat.size_bytes), (S_IFBLK, image.len() as u64));
        assert_eq!(board.read("/dev/rom0"), image);
        let fd = task.open("/dev/rom0", O_RDONLY, 0).unwrap();
        let mut rng = Rng::new(3);
        for _ in 0..200 {
            let offset = rng.below(image.len() + 600);
            let mut buf = vec![0; rng.below(2000)];
            let expected = image.get(offset..).unwrap_or_default();
            let expected = &expected[..expected.len().min(buf.len())];
            assert_eq!(task.pread(fd, &mut buf, offset as u64).unwrap(), expected.len());
            assert_eq!(&buf[..expected.len()], expected);
        }
        assert_eq!(task.lseek(fd, 0, Whence::End).unwrap(), image.len() as u64);
        errno(task.write(fd, b"x"), Errno::EBADF);
    }

    fn special_nodes_of_a_volume_are_seen_and_only_the_fifo_is_opened(way: Way) {
        let folder = Folder::new().file("tree/file", "");
        run(Command::new("mkfifo").arg(folder.at("tree/fifo")));
        let _socket = UnixListener::bind(folder.at("tree/socket")).unwrap();
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = way.romfs(&image);
        let task = board.task();
        refused(task.open("/rom/socket", O_RDONLY, 0), Errno::ENXIO, &["/rom/socket", "socket"]);
        // A FIFO is a pipe of the host's, also where nothing can be changed.
        let fifo = task.open("/rom/fifo", O_RDWR, 0).unwrap();
        assert_eq!((task.write(fifo, b"x").unwrap(), task.read(fifo, &mut [0; 9]).unwrap()), (1, 1));
        task.close(fifo).unwrap();
        task.access("/rom/fifo", 2).unwrap();
        errno(task.access("/rom/file", 2), Errno::EROFS);
        for (path, file_type) in [("/rom/fifo", S_IFIFO), ("/rom/socket", S_IFSOCK)] {
            assert_eq!(task.stat(path).unwrap().attr.mode & S_IFMT, file_type);
            errno(task.explain(path).map(|_| ()), Errno::ENODEV);
            errno(task.readlink(path), Errno::EINVAL);
            task.close(task.open(path, O_PATH, 0).unwrap()).unwrap();
        }
        assert!(board.mounts()[0].users.is_empty());
    }

    fn a_large_directory_is_listed_exactly_once(way: Way) {
        const COUNT: usize = 5000;
        let mut folder = Folder::new();
        for index in 0..COUNT {
            folder = folder.file(&format!("tree/big/name-{index:04}"), "");
        }
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = way.romfs(&image);
        let task = board.task();
        let records: Vec<_> = task.opendir("/rom/big").unwrap().map(|r| r.unwrap()).collect();
        assert_eq!((&*records[0].name, &*records[1].name), (&b"."[..], &b".."[..]));
        let names: BTreeSet<Vec<u8>> = records[2..].iter().map(|r| r.name.clone()).collect();
        assert_eq!((records.len(), names.len()), (COUNT + 2, COUNT));
        assert_eq!(names, (0..COUNT).map(|i| format!("name-{i:04}").into_bytes()).collect());
        // Each entry's type and number are those that stat tells.
        for record in records[2..].iter().step_by(97) {
            let stat = task.lstat([b"/rom/big/", &record.name[..]].concat()).unwrap().attr;
            assert_eq!((record.ino, record.file_type), (stat.ino, stat.mode & S_IFMT));
        }
        // From any position that was told the same entries follow.
        let mut dir = task.opendir("/rom/big").unwrap();
        let mut told = vec![dir.tell()];
        while dir.read().unwrap().is_some() {
            told.push(dir.tell());
        }
        assert_eq!(told.len(), COUNT + 3);
        let mut rng = Rng::new(11);
        for _ in 0..200 {
            let index = rng.below(told.len());
            dir.seek(told[index]);
            assert_eq!(dir.tell(), told[index]);
            assert_eq!(dir.read().unwrap().as_ref(), records.get(index));
            assert_eq!(dir.read().unwrap().as_ref(), records.get(index + 1));
        }
        dir.rewind();
        assert_eq!(dir.count(), COUNT + 2);
    }

    fn a_directory_stream_tells_dot_and_dot_dot_and_ends(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        let records: Vec<_> = task.opendir("/rom/dir").unwrap().map(|r| r.unwrap()).collect();
        let names: Vec<&[u8]> = records.iter().map(|r| &*r.name).collect();
        assert_eq!(names, [&b"."[..], b"..", b"inner"]);
        assert_eq!(records[0].ino, task.stat("/rom/dir").unwrap().attr.ino);
        assert_eq!(records[1].ino, task.stat("/rom").unwrap().attr.ino);
        assert!(records.iter().take(2).all(|r| r.file_type == S_IFDIR));
        // At its end it stays at its end.
        let mut dir = task.opendir("/rom/dir").unwrap();
        while dir.read().unwrap().is_some() {}
        assert!(dir.read().unwrap().is_none());
        // By a descriptor, from its position.
        let fd = task.open("/rom/dir", O_RDONLY | O_DIRECTORY, 0).unwrap();
        let mut dir = task.fdopendir(fd).unwrap();
        assert_eq!(dir.read().unwrap().unwrap().name, b".");
        drop(dir);
        assert_eq!(task.fdopendir(fd).unwrap().read().unwrap().unwrap().name, b"..");
        // The root of the volume and its mount point's parent.
        let root: Vec<_> = task.opendir("/rom").unwrap().map(|r| r.unwrap()).collect();
        assert_eq!(root[1].ino, task.stat("/").unwrap().attr.ino);
        assert_eq!(root.len(), 2 + 7);
        let top: Vec<_> = task.opendir("/").unwrap().map(|r| String::from_utf8(r.unwrap().name).unwrap()).collect();
        assert_eq!(top, [".", "..", "dev", "proc", "rom"]);
    }

    fn a_task_that_ends_gives_back_what_it_had(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        for path in ["/rom/file", "/rom/dir", "/dev/rom0", "/rom/empty"] {
            task.open(path, O_RDONLY, 0).unwrap();
        }
        task.chdir("/rom/dir").unwrap();
        assert_eq!(task.descriptor_count(), 4);
        refused(board.unmount("/rom"), Errno::EBUSY, &["/rom"]);
        task.end();
        board.unmount("/rom").unwrap();
        board.detach("/dev/rom0").unwrap();
    }
}
