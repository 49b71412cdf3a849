//! The tree: walks along paths, mounts and unmounts, changes that a read-only volume refuses, permissions.

use nxvfs::{Errno, MountOptions, Task};
use nxvfs_abi::types::mode::{S_IFDIR, S_IFIFO, S_IFMT, S_IFREG};
use nxvfs_abi::types::open::{O_DIRECTORY, O_RDONLY};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::{Board, Folder, Way, content, genromfs, on_every_way};

/// A volume of directories and links.
fn board(way: Way) -> (Folder, Board) {
    let long = "n".repeat(255);
    let folder = Folder::new()
        .file("tree/file", "top")
        .file("tree/a/b/c/deep", "deep")
        .file("tree/a/beside", "beside")
        .file(&format!("tree/{long}"), "long")
        .link("tree/to-file", "file")
        .link("tree/to-dir", "a/b")
        .link("tree/up", "..")
        .link("tree/dot", ".")
        .link("tree/a/to-top", "../file")
        .link("tree/absolute", "/rom/a/beside")
        .link("tree/outside", "/dev/rom0")
        .link("tree/dangling", "a/none")
        .link("tree/loop", "loop")
        .link("tree/ping", "pong")
        .link("tree/pong", "ping")
        .link("tree/slash", "file/")
        .link("tree/dir-slash", "a/")
        .link("tree/chain0", "file");
    let folder = (1..=45).fold(folder, |f, i| f.link(&format!("tree/chain{i}"), &format!("chain{}", i - 1)));
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let board = way.romfs(&image);
    (folder, board)
}

fn read(task: &Task, path: &str) -> Result<String, Errno> {
    content(task, path).map(|bytes| String::from_utf8(bytes).unwrap()).map_err(|e| e.errno())
}

on_every_way! {
    fn paths_lead_where_they_should(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        let long = format!("/rom/{}", "n".repeat(255));
        let slashes = format!("{}rom{}file", "/".repeat(500), "/".repeat(500));
        let dots = format!("/rom{}/file", "/.".repeat(2000));
        let detours = format!("/rom{}/file", "/a/..".repeat(800));
        for (path, expected) in [
            ("/rom/file", Ok("top")),
            ("//rom///file", Ok("top")),
            (&slashes, Ok("top")),
            (&dots, Ok("top")),
            (&detours, Ok("top")),
            ("/rom/./a/./b/c/deep", Ok("deep")),
            ("/rom/a/../file", Ok("top")),
            ("/rom/a/b/../../file", Ok("top")),
            ("/rom/../rom/file", Ok("top")),
            ("/../../../rom/file", Ok("top")),
            ("/dev/../rom/file", Ok("top")),
            (&long, Ok("long")),
            ("/rom/to-file", Ok("top")),
            ("/rom/to-dir/c/deep", Ok("deep")),
            ("/rom/to-dir/../beside", Ok("beside")),
            ("/rom/up/rom/file", Ok("top")),
            ("/rom/dot/dot/./dot/file", Ok("top")),
            ("/rom/a/to-top", Ok("top")),
            ("/rom/absolute", Ok("beside")),
            ("/rom/dir-slash/beside", Ok("beside")),
            ("/rom/chain39", Ok("top")),
            ("/rom/chain40", Err(Errno::ELOOP)),
            ("/rom/chain45", Err(Errno::ELOOP)),
            ("/rom/loop", Err(Errno::ELOOP)),
            ("/rom/ping", Err(Errno::ELOOP)),
            ("/rom/loop/x", Err(Errno::ELOOP)),
            ("/rom/dangling", Err(Errno::ENOENT)),
            ("/rom/slash", Err(Errno::ENOTDIR)),
            ("/rom/file/", Err(Errno::ENOTDIR)),
            ("/rom/file/.", Err(Errno::ENOTDIR)),
            ("/rom/file/..", Err(Errno::ENOTDIR)),
            ("/rom/file/x", Err(Errno::ENOTDIR)),
            ("/rom/to-file/", Err(Errno::ENOTDIR)),
            ("/rom/none", Err(Errno::ENOENT)),
            ("/rom/none/", Err(Errno::ENOENT)),
            ("/rom/none/../file", Err(Errno::ENOENT)),
            ("/rom/a", Err(Errno::EISDIR)),
            ("", Err(Errno::ENOENT)),
            ("/rom/File", Err(Errno::ENOENT)),
        ] {
            let short = &path[..path.len().min(60)];
            assert_eq!(read(&task, path), expected.map(str::to_owned), "{short}");
        }
        // With a slash behind it a link to a directory is the directory.
        assert_eq!(task.lstat("/rom/to-dir/").unwrap().attr.mode & S_IFMT, S_IFDIR);
        errno(task.lstat("/rom/to-file/").map(|_| ()), Errno::ENOTDIR);
        assert_eq!(task.canonical("/rom/to-dir/../to-top").unwrap(), b"/rom/file");
        assert_eq!(task.canonical("/rom/up/rom/./a//b/").unwrap(), b"/rom/a/b");
        assert_eq!(task.canonical("/..").unwrap(), b"/");
        assert_eq!(task.stat("/rom/outside").unwrap().attr.ino, task.stat("/dev/rom0").unwrap().attr.ino);
        errno(task.stat(b"/rom/fi\0le").map(|_| ()), Errno::EINVAL);
        // A name that was missed once is missed again, and does not hide others.
        for _ in 0..3 {
            errno(task.stat("/rom/a/none").map(|_| ()), Errno::ENOENT);
            assert_eq!(read(&task, "/rom/a/beside").unwrap(), "beside");
        }
    }

    fn names_and_paths_have_a_longest_length(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        refused(task.stat(format!("/rom/{}", "n".repeat(256))), Errno::ENAMETOOLONG, &["256", "255"]);
        refused(task.stat(format!("/{}", "n".repeat(256))), Errno::ENAMETOOLONG, &["256"]);
        refused(task.stat(format!("/rom/{}/x", "n".repeat(256))), Errno::ENAMETOOLONG, &[]);
        errno(task.stat(format!("/rom/{}", "m".repeat(255))).map(|_| ()), Errno::ENOENT);
        let path = |len: usize| format!("/rom/file{}", "/.".repeat(len).split_at(len - 9).0);
        let fits = format!("/rom{}/file", "/".repeat(4095 - 9));
        assert_eq!(fits.len(), 4095);
        assert_eq!(task.stat(&fits).unwrap().attr.mode & S_IFMT, S_IFREG);
        errno(task.stat(format!("/{fits}")).map(|_| ()), Errno::ENAMETOOLONG);
        errno(task.stat(path(8000)).map(|_| ()), Errno::ENAMETOOLONG);
    }

    fn the_working_directory_begins_relative_paths(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        assert_eq!(task.getcwd(), b"/");
        assert_eq!(read(&task, "rom/file").unwrap(), "top");
        task.chdir("rom/to-dir").unwrap();
        assert_eq!(task.getcwd(), b"/rom/a/b");
        assert_eq!(read(&task, "c/deep").unwrap(), "deep");
        assert_eq!(read(&task, "../beside").unwrap(), "beside");
        task.chdir("../../..").unwrap();
        assert_eq!(task.getcwd(), b"/");
        task.chdir("..").unwrap();
        assert_eq!(task.getcwd(), b"/");
        task.chdir("/rom/a").unwrap();
        for (path, expected) in [
            ("/rom/file", Errno::ENOTDIR),
            ("none", Errno::ENOENT),
            ("", Errno::ENOENT),
            ("/rom/loop", Errno::ELOOP),
            ("/dev/rom0", Errno::ENOTDIR),
        ] {
            errno(task.chdir(path), expected);
            assert_eq!(task.getcwd(), b"/rom/a");
        }
        // Another task has its own.
        assert_eq!(board.task().getcwd(), b"/");
        refused(board.unmount("/rom"), Errno::EBUSY, &[&format!("working directory of task {}", task.id())]);
        task.chdir("/dev").unwrap();
        board.unmount("/rom").unwrap();
    }

    fn a_read_only_volume_refuses_every_change(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        for (what, result) in [
            ("mkdir", task.mkdir("/rom/new", 0o755)),
            ("mkdir deep", task.mkdir("/rom/a/b/new/", 0o755)),
            ("unlink", task.unlink("/rom/file")),
            ("unlink a link", task.unlink("/rom/dangling")),
            ("rmdir", task.rmdir("/rom/a/b/c")),
            ("symlink", task.symlink("x", "/rom/new")),
            ("link", task.link("/rom/file", "/rom/new")),
            ("mknod", task.mknod("/rom/new", S_IFIFO | 0o644, 0)),
            ("mknod of a file", task.mknod("/rom/new", S_IFREG | 0o644, 0)),
            ("rename", task.rename("/rom/file", "/rom/new", 0)),
            ("rename over", task.rename("/rom/file", "/rom/a/beside", 0)),
            ("truncate", task.truncate("/rom/file", 0)),
            ("truncate to more", task.truncate("/rom/to-file", 1 << 20)),
            ("chmod", task.chmod("/rom/file", 0o600)),
            ("chmod of the root", task.chmod("/rom", 0o700)),
        ] {
            let refusal = result.expect_err(what);
            assert_eq!(refusal.errno(), Errno::EROFS, "{what}: {refusal}");
        }
        // What is wrong with the request comes first where POSIX says so.
        errno(task.mkdir("/rom/a", 0o755), Errno::EEXIST);
        errno(task.mkdir("/rom/none/new", 0o755), Errno::ENOENT);
        errno(task.mkdir("/rom/file/new", 0o755), Errno::ENOTDIR);
        errno(task.unlink("/rom/none"), Errno::ENOENT);
        errno(task.symlink("", "/rom/new"), Errno::ENOENT);
        errno(task.symlink("x", "/rom/file"), Errno::EEXIST);
        errno(task.link("/rom/file", "/new"), Errno::EXDEV);
        errno(task.link("/dev/rom0", "/rom/new"), Errno::EXDEV);
        errno(task.rename("/rom/file", "/new", 0), Errno::EXDEV);
        errno(task.rename("/rom/none", "/rom/new", 0), Errno::ENOENT);
        errno(task.truncate("/rom/a", 0), Errno::EISDIR);
        errno(task.mknod("/rom/new", S_IFDIR | 0o755, 0), Errno::EINVAL);
        errno(task.rmdir("/rom"), Errno::EBUSY);
        // Nothing changed.
        assert_eq!(read(&task, "/rom/file").unwrap(), "top");
        errno(task.stat("/rom/new").map(|_| ()), Errno::ENOENT);
    }

    fn the_hosts_own_tree_has_directories_and_links(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        task.mkdir("/var", 0o777).unwrap();
        assert_eq!(task.stat("/var").unwrap().attr.mode, S_IFDIR | 0o755);
        task.mkdir("/var/tmp/", 0o700).unwrap();
        errno(task.mkdir("/var/none/x", 0o700), Errno::ENOENT);
        errno(task.mkdir("/var", 0o700), Errno::EEXIST);
        task.symlink("/rom/a", "/var/into").unwrap();
        assert_eq!(read(&task, "/var/into/b/c/deep").unwrap(), "deep");
        assert_eq!(task.canonical("/var/into").unwrap(), b"/rom/a");
        assert_eq!(task.canonical("/var/into/..").unwrap(), b"/rom");
        assert_eq!(task.readlink("/var/into").unwrap(), b"/rom/a");
        task.symlink("self", "/var/self").unwrap();
        errno(task.stat("/var/self").map(|_| ()), Errno::ELOOP);
        errno(task.rmdir("/var"), Errno::ENOTEMPTY);
        errno(task.rmdir("/var/into"), Errno::ENOTDIR);
        errno(task.unlink("/var/tmp"), Errno::EISDIR);
        errno(task.rmdir("/var/tmp/."), Errno::EINVAL);
        errno(task.rmdir("/var/tmp/.."), Errno::ENOTEMPTY);
        errno(task.rmdir("/"), Errno::EBUSY);
        refused(task.unlink("/dev/rom0"), Errno::EBUSY, &["detach"]);
        task.rename("/var/tmp", "/var/other", 0).unwrap();
        task.rename("/var/other", "/var/tmp", 0).unwrap();
        task.mknod("/var/file", S_IFREG | 0o600, 0).unwrap();
        task.mknod("/var/fifo", S_IFIFO | 0o600, 0).unwrap();
        for path in ["/var/into", "/var/self", "/var/file", "/var/fifo"] {
            task.unlink(path).unwrap();
        }
        task.rmdir("/var/tmp").unwrap();
        task.rmdir("/var/").unwrap();
        errno(task.stat("/var").map(|_| ()), Errno::ENOENT);
    }

    fn another_user_is_bound_by_the_mode_bits(way: Way) {
        let (_folder, board) = board(way);
        let root = board.task();
        root.mkdir("/secret", 0o700).unwrap();
        root.mkdir("/secret/inside", 0o755).unwrap();
        root.mkdir("/shown", 0o711).unwrap();
        root.mkdir("/shown/inside", 0o755).unwrap();
        let user = board.host().task_as(1000, 1000, &[]);
        refused(user.stat("/secret/inside"), Errno::EACCES, &["/secret/inside", "1000"]);
        refused(user.stat("/secret/none"), Errno::EACCES, &[]);
        errno(user.opendir("/secret").map(|_| ()), Errno::EACCES);
        errno(user.chdir("/secret"), Errno::EACCES);
        user.stat("/secret").unwrap();
        // Searching is not listing.
        user.stat("/shown/inside").unwrap();
        user.chdir("/shown").unwrap();
        errno(user.opendir("/shown").map(|_| ()), Errno::EACCES);
        errno(user.mkdir("/shown/new", 0o755), Errno::EACCES);
        errno(user.symlink("x", "/new"), Errno::EACCES);
        errno(user.rmdir("/shown/inside"), Errno::EACCES);
        // The device is for root and its group.
        errno(user.open("/dev/rom0", O_RDONLY, 0), Errno::EACCES);
        let member = board.host().task_as(1000, 1000, &[5, 0]);
        member.open("/dev/rom0", O_RDONLY, 0).unwrap();
        // What everybody may read, everybody reads; a volume that cannot change says so before it asks who wants to.
        assert_eq!(read(&user, "/rom/a/b/c/deep").unwrap(), "deep");
        errno(user.unlink("/rom/file"), Errno::EROFS);
        root.opendir("/secret").unwrap();
    }

    fn a_mount_point_is_a_directory_that_is_free(way: Way) {
        let (folder, board) = board(way);
        let task = board.task();
        let options = if way.in_place { "ro" } else { "ro,mmap=none" };
        let mount = |target: &str| board.try_mount("/dev/rom0", target, "romfs", options);
        // Missing directories are made; the last one goes at unmount, its parents stay.
        mount("/mnt/deep/here").unwrap();
        assert_eq!(read(&task, "/mnt/deep/here/file").unwrap(), "top");
        board.unmount("/mnt/deep/here").unwrap();
        errno(task.stat("/mnt/deep/here").map(|_| ()), Errno::ENOENT);
        task.stat("/mnt/deep").unwrap();
        // Over a directory that was there: what it holds is hidden, and comes back.
        task.mkdir("/mnt/deep/own", 0o755).unwrap();
        task.mkdir("/mnt/deep/own/child", 0o755).unwrap();
        mount("/mnt/deep/own").unwrap();
        errno(task.stat("/mnt/deep/own/child").map(|_| ()), Errno::ENOENT);
        errno(task.rmdir("/mnt/deep/own"), Errno::EBUSY);
        taught(mount("/mnt/deep/own"), Errno::EBUSY, &["/mnt/deep/own", "romfs", "unmount"]);
        board.unmount("/mnt/deep/own").unwrap();
        task.stat("/mnt/deep/own/child").unwrap();
        // Inside a volume.
        mount("/rom/a/b").unwrap();
        assert_eq!(read(&task, "/rom/a/b/file").unwrap(), "top");
        errno(task.stat("/rom/a/b/c").map(|_| ()), Errno::ENOENT);
        assert_eq!(read(&task, "/rom/a/b/../beside").unwrap(), "beside");
        assert_eq!(task.canonical("/rom/to-dir/up").unwrap(), b"/rom/a");
        refused(board.unmount("/rom"), Errno::EBUSY, &["/rom", "mount /rom/a/b"]);
        board.unmount("/rom/a/b").unwrap();
        assert_eq!(read(&task, "/rom/a/b/c/deep").unwrap(), "deep");
        // By a link: the volume is where the link leads.
        mount("/rom/to-dir").unwrap();
        assert!(board.mounts().iter().any(|m| m.path == "/rom/a/b"));
        board.unmount("/rom/to-dir").unwrap();
        // What cannot be a mount point.
        refused(mount("/rom/file"), Errno::ENOTDIR, &["/rom/file"]);
        refused(mount("/dev/rom0"), Errno::ENOTDIR, &["/dev/rom0"]);
        refused(mount("/rom/none"), Errno::ENOENT, &["/rom/none"]);
        refused(mount("/rom/dangling"), Errno::ENOENT, &["/rom/dangling"]);
        refused(mount("/rom/file/x"), Errno::ENOTDIR, &[]);
        refused(mount(""), Errno::ENOENT, &[]);
        // After a refused mount the directory that was made for it is gone.
        refused(board.try_mount("/dev/none", "/new", "romfs", ""), Errno::ENOTBLK, &["/dev/none", "attach"]);
        refused(board.try_mount("/rom/file", "/new", "romfs", ""), Errno::ENOTBLK, &["/rom/file"]);
        refused(board.try_mount("/dev", "/new", "romfs", ""), Errno::ENOTBLK, &["/dev"]);
        let zeroes = folder.at("zero.img");
        std::fs::write(&zeroes, [0; 4096]).unwrap();
        board.host().attach("ramdisk-xip", "/dev/zero0", &nxvfs_tests::words(&format!("image={},ro", zeroes.display()))).unwrap();
        taught(board.try_mount("/dev/zero0", "/new", "romfs", ""), Errno::EINVAL, &["/dev/zero0", "/new", "rom1fs"]);
        errno(task.stat("/new").map(|_| ()), Errno::ENOENT);
        assert!(board.devices().iter().find(|d| d.node == "/dev/zero0").unwrap().users.is_empty());
        refused(board.host().mount(None, "/new", "romfs", &MountOptions::default()), Errno::ENODEV, &["block device"]);
        refused(board.try_mount("/dev/rom0", "/new", "romfs", "mmap=perhaps"), Errno::EINVAL, &["mmap", "perhaps"]);
    }

    fn one_device_has_many_readers_or_one_writer(way: Way) {
        let (folder, _board) = board(way);
        let image = folder.at("rom.img");
        let board = Board::new(way.link).attach("ramdisk-xip", "/dev/ram0", &format!("image={}", image.display()));
        let board = board.mount("/dev/ram0", "/one", "romfs", "ro").mount("/dev/ram0", "/two", "romfs", "ro");
        assert_eq!((board.read("/one/file"), board.read("/two/file")), (b"top".to_vec(), b"top".to_vec()));
        let (one, two) = (board.task().stat("/one/file").unwrap(), board.task().stat("/two/file").unwrap());
        assert_ne!(one.dev, two.dev, "each mount is a volume of its own");
        taught(board.try_mount("/dev/ram0", "/rw", "romfs", ""), Errno::EBUSY, &["/dev/ram0", "mount /one", "ro"]);
        board.unmount("/one").unwrap();
        board.unmount("/two").unwrap();
        // A device that can be written, mounted without `ro`, is its mount's alone.
        let board = board.mount("/dev/ram0", "/rw", "romfs", "");
        taught(board.try_mount("/dev/ram0", "/one", "romfs", "ro"), Errno::EBUSY, &["mount /rw"]);
        assert!(board.mounts()[0].read_only, "romfs is read-only, whatever was asked");
        taught(board.detach("/dev/ram0"), Errno::EBUSY, &["mount /rw"]);
    }

    fn unmount_names_who_holds_the_volume(way: Way) {
        let (_folder, board) = board(way);
        let task = board.task();
        let dir = task.open("/rom/a", O_RDONLY | O_DIRECTORY, 0).unwrap();
        refused(board.unmount("/rom"), Errno::EBUSY, &[&format!("descriptor {dir} of task {}", task.id())]);
        task.close(dir).unwrap();
        let stream = task.opendir("/rom/a").unwrap();
        refused(board.unmount("/rom"), Errno::EBUSY, &["/rom"]);
        drop(stream);
        for _ in 0..6 {
            task.open("/rom/file", O_RDONLY, 0).unwrap();
        }
        refused(board.unmount("/rom"), Errno::EBUSY, &["descriptor 0 of", "and 2 more"]);
        task.end();
        // A volume ends at its mount point, and only there.
        for (path, expected) in
            [("/rom/a", Errno::EINVAL), ("/dev", Errno::EINVAL), ("/", Errno::EINVAL), ("/none", Errno::ENOENT)]
        {
            refused(board.unmount(path), expected, &[path]);
        }
        board.unmount("/rom").unwrap();
        refused(board.unmount("/rom"), Errno::ENOENT, &["/rom"]);
    }

    fn a_node_of_a_device_is_a_new_name(way: Way) {
        let (folder, board) = board(way);
        let given = nxvfs_tests::words(&format!("image={},ro", folder.at("rom.img").display()));
        let attach = |node: &str| board.host().attach("ramdisk-xip", node, &given);
        refused(attach("/dev/rom0"), Errno::EEXIST, &["/dev/rom0"]);
        refused(attach("/dev"), Errno::EEXIST, &["/dev"]);
        refused(attach("dev/x"), Errno::EINVAL, &["dev/x"]);
        refused(attach("/dev/x/"), Errno::EINVAL, &["/dev/x/"]);
        refused(attach("/rom/x"), Errno::EPERM, &["/rom/x"]);
        attach("/dev/disk/by-name/rom").unwrap();
        board.detach("/dev/disk/by-name/rom").unwrap();
        refused(board.detach("/dev/none"), Errno::ENOENT, &["/dev/none"]);
        refused(board.detach("/rom/file"), Errno::ENODEV, &["/rom/file"]);
        // A refused attach leaves no device and no holder.
        let lines = board.plugins().list();
        let users = &lines.iter().find(|p| p.name == "ramdisk-xip").unwrap().users;
        assert_eq!(users.len(), 1, "{users:?}");
    }
}
