//! Names found, made and taken away.

mod common;

use common::{file, file_in, names, opened, refused, used, volume};
use nxvfs_sdk::{Errno, mode, open};

#[test]
fn an_empty_volume_has_a_root() {
    let volume = volume();
    let root = volume.root_attr();
    assert_eq!((root.mode, root.nlink, root.uid, root.gid), (mode::S_IFDIR | 0o1777, 2, 0, 0));
    assert_eq!(
        (volume.info().magic, volume.info().name_max_bytes, volume.info().flags),
        (0x0102_1994, 255, 0)
    );
    assert_eq!(names(&volume, volume.root()), [""; 0]);
    assert_eq!(used(&volume), (0, 1));
    volume.sync().unwrap();
    volume.fsync_dir(volume.root()).unwrap();
    volume.unmount().unwrap();
}

#[test]
fn what_is_made_is_found() {
    let volume = volume();
    let root = volume.root();
    let made = [
        ("file", volume.create(root, b"file", 0o640, open::O_RDWR).unwrap().0, mode::S_IFREG | 0o640),
        ("dir", volume.mkdir(root, b"dir", 0o750).unwrap(), mode::S_IFDIR | 0o750),
        ("link", volume.symlink(root, b"link", b"dir/file").unwrap(), mode::S_IFLNK | 0o777),
        ("fifo", volume.mknod(root, b"fifo", mode::S_IFIFO | 0o600, 0).unwrap(), mode::S_IFIFO | 0o600),
        ("socket", volume.mknod(root, b"socket", mode::S_IFSOCK | 0o700, 0).unwrap(), mode::S_IFSOCK | 0o700),
        (
            "block",
            volume.mknod(root, b"block", mode::S_IFBLK | 0o660, 8 << 32 | 1).unwrap(),
            mode::S_IFBLK | 0o660,
        ),
        (
            "char",
            volume.mknod(root, b"char", mode::S_IFCHR | 0o666, 1 << 32 | 3).unwrap(),
            mode::S_IFCHR | 0o666,
        ),
        ("plain", volume.mknod(root, b"plain", mode::S_IFREG | 0o600, 9).unwrap(), mode::S_IFREG | 0o600),
        ("bare", volume.mknod(root, b"bare", 0o4755, 9).unwrap(), mode::S_IFREG | 0o4755),
    ];
    let listed = volume.readdir(root).unwrap();
    for ((name, found, mode), entry) in made.iter().zip(&listed) {
        let again = volume.lookup(root, name.as_bytes()).unwrap();
        assert_eq!(
            (again.node, again.attr.ino, again.attr.mode),
            (found.node, found.attr.ino, *mode),
            "{name}"
        );
        assert_eq!((entry.name.as_slice(), entry.ino), (name.as_bytes(), found.attr.ino));
        assert_eq!(entry.file_type, mode & mode::S_IFMT);
        let rdev = match *name {
            "block" => 8 << 32 | 1,
            "char" => 1 << 32 | 3,
            _ => 0,
        };
        assert_eq!((again.attr.rdev, again.attr.nlink), (rdev, if *name == "dir" { 2 } else { 1 }), "{name}");
    }
    assert_eq!(listed.len(), made.len());
    let root_attr = volume.getattr(root).unwrap();
    assert_eq!((root_attr.nlink, root_attr.size_bytes), (3, 40 + 20 * made.len() as u64));
    assert_eq!(used(&volume), (0, 1 + made.len() as u64));
}

#[test]
fn what_is_there_is_not_made_again() {
    let volume = volume();
    let root = volume.root();
    let node = file(&volume, b"name", b"");
    assert_eq!(refused(volume.create(root, b"name", 0o644, 0)), Errno::EEXIST);
    assert_eq!(refused(volume.mkdir(root, b"name", 0o755)), Errno::EEXIST);
    assert_eq!(refused(volume.mknod(root, b"name", mode::S_IFIFO, 0)), Errno::EEXIST);
    assert_eq!(refused(volume.symlink(root, b"name", b"x")), Errno::EEXIST);
    assert_eq!(refused(volume.link(node, root, b"name")), Errno::EEXIST);
    assert_eq!(used(&volume), (0, 2));
}

#[test]
fn nonsense_is_refused() {
    let volume = volume();
    let root = volume.root();
    let long = [b'n'; 256];
    let bad: [(&[u8], Errno); 6] = [
        (b"", Errno::EINVAL),
        (b".", Errno::EINVAL),
        (b"..", Errno::EINVAL),
        (b"a/b", Errno::EINVAL),
        (b"a\0b", Errno::EINVAL),
        (&long, Errno::ENAMETOOLONG),
    ];
    let node = file(&volume, b"file", b"");
    for (name, errno) in bad {
        assert_eq!(refused(volume.lookup(root, name)), errno);
        assert_eq!(refused(volume.create(root, name, 0, 0)), errno);
        assert_eq!(refused(volume.mkdir(root, name, 0)), errno);
        assert_eq!(refused(volume.link(node, root, name)), errno);
        assert_eq!(refused(volume.unlink(root, name)), errno);
        assert_eq!(refused(volume.rmdir(root, name)), errno);
        assert_eq!(refused(volume.rename((root, b"file"), (root, name), 0)), errno);
        assert_eq!(refused(volume.rename((root, name), (root, b"x"), 0)), errno);
    }
    assert!(volume.create(root, &long[..255], 0, 0).is_ok());
    for (mode, errno) in [
        (mode::S_IFDIR, Errno::EPERM),
        (mode::S_IFLNK, Errno::EINVAL),
        (0o170000, Errno::EINVAL),
        (0o050000, Errno::EINVAL),
    ] {
        assert_eq!(refused(volume.mknod(root, b"x", mode, 0)), errno);
    }
    assert_eq!(refused(volume.symlink(root, b"x", b"")), Errno::ENOENT);
    assert_eq!(refused(volume.symlink(root, b"x", &[b't'; 4096])), Errno::ENAMETOOLONG);
    assert_eq!(refused(volume.symlink(root, b"x", b"a\0b")), Errno::EINVAL);
    for stale in [0, 12345, u64::MAX] {
        assert_eq!(refused(volume.getattr(stale)), Errno::ESTALE);
        assert_eq!(refused(volume.lookup(stale, b"x")), Errno::ESTALE);
        assert_eq!(refused(volume.open(stale, 0)), Errno::ESTALE);
        assert_eq!(refused(volume.readdir(stale)), Errno::ESTALE);
        assert_eq!(refused(volume.rename((stale, b"x"), (root, b"y"), 0)), Errno::ESTALE);
        volume.forget(stale, u64::MAX);
    }
}

#[test]
fn types_are_respected() {
    let volume = volume();
    let root = volume.root();
    let plain = file(&volume, b"file", b"");
    let dir = volume.mkdir(root, b"dir", 0o755).unwrap().node;
    let link = volume.symlink(root, b"link", b"file").unwrap().node;
    let fifo = volume.mknod(root, b"fifo", mode::S_IFIFO, 0).unwrap().node;
    let open = |node| refused(volume.open(node, 0));
    assert_eq!((open(dir), open(link), open(fifo)), (Errno::EISDIR, Errno::ELOOP, Errno::ENXIO));
    for node in [plain, link, fifo] {
        assert_eq!(refused(volume.lookup(node, b"x")), Errno::ENOTDIR);
        assert_eq!(refused(volume.readdir(node)), Errno::ENOTDIR);
        assert_eq!(refused(volume.create(node, b"x", 0, 0)), Errno::ENOTDIR);
        assert_eq!(refused(volume.mkdir(node, b"x", 0)), Errno::ENOTDIR);
        assert_eq!(refused(volume.unlink(node, b"x")), Errno::ENOTDIR);
        assert_eq!(refused(volume.link(plain, node, b"x")), Errno::ENOTDIR);
        assert_eq!(refused(volume.rename((root, b"file"), (node, b"x"), 0)), Errno::ENOTDIR);
        assert_eq!(refused(volume.rename((node, b"x"), (root, b"y"), 0)), Errno::ENOTDIR);
    }
    for node in [plain, dir, fifo] {
        assert_eq!(refused(volume.readlink(node)), Errno::EINVAL);
    }
    assert_eq!(volume.readlink(link).unwrap(), b"file");
    assert_eq!(refused(volume.rmdir(root, b"file")), Errno::ENOTDIR);
    assert_eq!(refused(volume.unlink(root, b"dir")), Errno::EISDIR);
    assert_eq!(refused(volume.unlink(root, b"none")), Errno::ENOENT);
    assert_eq!(refused(volume.rmdir(root, b"none")), Errno::ENOENT);
    assert_eq!(refused(volume.link(dir, root, b"x")), Errno::EPERM);
    let opened = opened(&volume, plain);
    assert_eq!(refused(opened.ioctl(0x0306, &mut [0; 4])), Errno::ENOTTY);
    assert_eq!(refused(volume.map_extents(plain, 0, 0)), Errno::ENOSYS, "files lie on no medium");
    opened.flush().unwrap();
    opened.fsync(true).unwrap();
}

#[test]
fn directories_count_their_subdirectories() {
    let volume = volume();
    let root = volume.root();
    let dir = volume.mkdir(root, b"dir", 0o755).unwrap().node;
    for name in [b"a", b"b", b"c"] {
        volume.mkdir(dir, name, 0o755).unwrap();
    }
    file_in(&volume, dir, b"file");
    assert_eq!(volume.getattr(dir).unwrap().nlink, 5);
    assert_eq!(refused(volume.rmdir(root, b"dir")), Errno::ENOTEMPTY);
    let removed = volume.rmdir(dir, b"a").unwrap();
    assert_eq!((removed.nlink, volume.getattr(dir).unwrap().nlink), (0, 4));
    assert_eq!(volume.getattr(removed.node).unwrap().nlink, 0);
    volume.rmdir(dir, b"b").unwrap();
    volume.rmdir(dir, b"c").unwrap();
    volume.unlink(dir, b"file").unwrap();
    assert_eq!(volume.rmdir(root, b"dir").unwrap().node, dir);
    assert_eq!(volume.getattr(root).unwrap().nlink, 2);
}

#[test]
fn nothing_enters_a_removed_directory() {
    let volume = volume();
    let root = volume.root();
    let dir = volume.mkdir(root, b"dir", 0o755).unwrap().node;
    let plain = file(&volume, b"file", b"");
    volume.rmdir(root, b"dir").unwrap();
    let before = used(&volume);
    assert_eq!(refused(volume.create(dir, b"x", 0o644, 0)), Errno::ENOENT);
    assert_eq!(refused(volume.mkdir(dir, b"x", 0o755)), Errno::ENOENT);
    assert_eq!(refused(volume.symlink(dir, b"x", &[b't'; 200])), Errno::ENOENT);
    assert_eq!(refused(volume.link(plain, dir, b"x")), Errno::ENOENT);
    assert_eq!(refused(volume.rename((root, b"file"), (dir, b"x"), 0)), Errno::ENOENT);
    assert_eq!(refused(volume.lookup(dir, b"x")), Errno::ENOENT);
    assert_eq!(volume.readdir(dir).unwrap(), []);
    assert_eq!((volume.getattr(dir).unwrap().size_bytes, volume.getattr(plain).unwrap().nlink), (40, 1));
    assert_eq!(used(&volume), before);
}
