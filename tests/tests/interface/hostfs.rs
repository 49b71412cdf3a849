//! A folder of the operating system in the tree: what tasks see and do is what std sees there.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

use nxvfs::mapping::{MapRequest, Prot};
use nxvfs::task::MountOptions;
use nxvfs::tree::Tier;
use nxvfs::{Errno, Task};
use nxvfs_abi::types::mode::{S_IFCHR, S_IFIFO};
use nxvfs_abi::types::open::{O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Folder, Link, on_both_links};

fn board(link: Link, folder: &Folder) -> Board {
    let options = format!("path={},handles=16", folder.path().display());
    Board::new(link).mount("none", "/host", "hostfs", &options)
}

fn write(task: &Task, path: &str, flags: u32, content: &str) {
    let fd = task.open(path, O_WRONLY | O_CREAT | flags, 0o644).unwrap();
    assert_eq!(task.write(fd, content.as_bytes()).unwrap(), content.len());
    task.fsync(fd, false).unwrap();
    task.close(fd).unwrap();
}

on_both_links! {
    fn what_either_side_does_the_other_sees_at_once(link: Link) {
        let folder = Folder::new().file("sub/a", "from below");
        let board = board(link, &folder);
        let task = board.task();
        assert_eq!(board.read("/host/sub/a"), b"from below");
        fs::write(folder.at("sub/a"), "changed").unwrap();
        assert_eq!(board.read("/host/sub/a"), b"changed");
        // What was not there is looked for again.
        errno(task.stat("/host/new").map(drop), Errno::ENOENT);
        fs::write(folder.at("new"), "new").unwrap();
        assert_eq!(board.read("/host/new"), b"new");
        fs::remove_file(folder.at("new")).unwrap();
        errno(task.stat("/host/new").map(drop), Errno::ENOENT);
        // Another directory under the same name.
        fs::rename(folder.at("sub"), folder.at("before")).unwrap();
        fs::create_dir(folder.at("sub")).unwrap();
        fs::write(folder.at("sub/a"), "another").unwrap();
        assert_eq!(board.read("/host/sub/a"), b"another");
        assert_eq!(board.read("/host/before/a"), b"changed");
        write(&task, "/host/sub/b", O_TRUNC, "one");
        write(&task, "/host/sub/b", O_APPEND, ", two");
        assert_eq!(fs::read(folder.at("sub/b")).unwrap(), b"one, two");
        task.rename("/host/sub/b", "/host/c", 0).unwrap();
        task.mkdir("/host/d", 0o750).unwrap();
        task.link("/host/c", "/host/d/e").unwrap();
        assert_eq!(fs::metadata(folder.at("d/e")).unwrap().nlink(), 2);
        assert_eq!(fs::metadata(folder.at("d")).unwrap().mode() & 0o7777, 0o750);
        task.unlink("/host/c").unwrap();
        task.truncate("/host/d/e", 3).unwrap();
        task.chmod("/host/d/e", 0o600).unwrap();
        let told = fs::metadata(folder.at("d/e")).unwrap();
        assert_eq!((told.nlink(), told.len(), told.mode() & 0o7777), (1, 3, 0o600));
        let stat = task.stat("/host/d/e").unwrap().attr;
        assert_eq!((stat.ino, stat.size_bytes, stat.nlink), (told.ino(), 3, 1));
        board.host().sync().unwrap();
    }

    fn links_are_followed_inside_the_tree_of_the_host_only(link: Link) {
        let folder = Folder::new().file("sub/a", "inside");
        symlink("/etc/passwd", folder.at("absolute")).unwrap();
        symlink("../../../../../../etc/passwd", folder.at("up")).unwrap();
        symlink("sub/a", folder.at("in")).unwrap();
        symlink("/own/file", folder.at("own")).unwrap();
        let board = board(link, &folder);
        let task = board.task();
        for name in ["absolute", "up"] {
            errno(task.open(format!("/host/{name}"), O_RDONLY, 0).map(drop), Errno::ENOENT);
            errno(task.open(format!("/host/{name}"), O_RDWR | O_CREAT, 0o644).map(drop), Errno::ENOENT);
        }
        assert_eq!(board.read("/host/in"), b"inside");
        task.mkdir("/own", 0o755).unwrap();
        write(&task, "/own/file", 0, "the VFS's");
        assert_eq!(board.read("/host/own"), b"the VFS's");
        assert_eq!(board.read("/host/sub/../../own/file"), b"the VFS's", "above the folder is the VFS");
        assert_eq!(task.readlink("/host/absolute").unwrap(), b"/etc/passwd");
    }

    fn special_nodes_are_those_of_the_vfs(link: Link) {
        let folder = Folder::new();
        let board = board(link, &folder);
        let task = board.task();
        task.mknod("/host/fifo", S_IFIFO | 0o600, 0).unwrap();
        assert!(fs::symlink_metadata(folder.at("fifo")).unwrap().file_type().is_fifo());
        // Nobody has the FIFO of the machine open: the bytes go through the host's pipe.
        let reader = task.open("/host/fifo", O_RDONLY | O_NONBLOCK, 0).unwrap();
        let writer = task.open("/host/fifo", O_WRONLY | O_NONBLOCK, 0).unwrap();
        task.write(writer, b"through").unwrap();
        let mut got = [0; 16];
        assert_eq!(task.read(reader, &mut got).unwrap(), 7);
        errno(task.mknod("/host/null", S_IFCHR | 0o666, 1 << 32 | 3), Errno::EPERM);
    }

    fn many_names_come_and_go_with_few_descriptors(link: Link) {
        let folder = Folder::new();
        let board = board(link, &folder);
        let task = board.task();
        let held = task.open("/host/held", O_RDWR | O_CREAT, 0o644).unwrap();
        task.write(held, b"held").unwrap();
        for number in 0..500 {
            write(&task, &format!("/host/f{number}"), 0, &number.to_string());
        }
        task.unlink("/host/held").unwrap();
        for number in (0..500).rev() {
            assert_eq!(board.read(&format!("/host/f{number}")), number.to_string().as_bytes());
        }
        let listed = task.opendir("/host").unwrap().filter(|entry| entry.as_ref().unwrap().name.starts_with(b"f"));
        assert_eq!(listed.count(), 500);
        let mut text = [0; 4];
        assert_eq!((task.pread(held, &mut text, 0).unwrap(), &text), (4, b"held"));
        assert_eq!(task.fstat(held).unwrap().attr.nlink, 0);
        errno(board.host().unmount("/host"), Errno::EBUSY);
        task.close(held).unwrap();
        board.host().unmount("/host").unwrap();
    }

    fn a_file_is_mapped_by_a_copy_that_comes_back_to_the_folder(link: Link) {
        let folder = Folder::new().file("a", vec![b'.'; 10_000]);
        let board = board(link, &folder);
        let task = board.task();
        let caps = board.host().mounts().into_iter().find(|mount| &*mount.path == "/host").unwrap();
        assert_eq!(caps.agreement.tier, Tier::Ram, "{}", caps.agreement.reason);
        let words = |text: &str| MountOptions::parse(vec![(text.to_owned(), None), ("remount".to_owned(), None)]);
        board.host().remount("/host", &words("ro").unwrap()).unwrap();
        errno(task.open("/host/a", O_RDWR, 0).map(drop), Errno::EROFS);
        board.host().remount("/host", &words("rw").unwrap()).unwrap();
        let fd = task.open("/host/a", O_RDWR, 0).unwrap();
        let view = task.map(fd, &MapRequest::shared(0, 10_000, Prot::READ_WRITE)).unwrap();
        view.write_at(5000, b"stored").unwrap();
        view.sync().unwrap();
        assert_eq!(&fs::read(folder.at("a")).unwrap()[4999..5007], b".stored.");
        task.pwrite(fd, b"written", 9000).unwrap();
        let mut seen = [0; 9];
        view.read_at(8999, &mut seen).unwrap();
        assert_eq!(&seen, b".written.");
        drop(view);
        assert_eq!(&fs::read(folder.at("a")).unwrap()[8999..9008], b".written.");
    }
}

#[test]
fn a_folder_that_is_none_is_refused_with_a_sentence() {
    let board = Board::new(Link::Static);
    let mount = |options: &str| {
        let options = MountOptions::parse(nxvfs::plugin::params::parse_assignments(options)).unwrap();
        board.host().mount(None, "/host", "hostfs", &options).map(drop)
    };
    for (options, expected, word) in [
        ("", Errno::EINVAL, "path=/some/folder"),
        ("path=/no/such/folder", Errno::ENOENT, "/no/such/folder"),
        ("path=/etc/passwd", Errno::ENOTDIR, "/etc/passwd"),
        ("path=/tmp,handles=1", Errno::EINVAL, "16 to"),
    ] {
        let e = mount(options).unwrap_err();
        assert_eq!(e.errno(), expected, "{e}");
        assert!(e.to_string().contains(word), "{e}");
    }
}
