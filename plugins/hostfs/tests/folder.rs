//! What is done through the volume is seen in the folder, and the other way round.

mod common;

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

use common::{folder, mount, mount_with, names, refused};
use nxvfs_sdk::abi::filesystem::{
    FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, RENAME_EXCHANGE, RENAME_NOREPLACE, SEEK_DATA, SEEK_HOLE, SET_ATIME,
    SET_BTIME, SET_MODE, SET_MTIME, SET_SIZE, XATTR_CREATE, XATTR_REPLACE,
};
use nxvfs_sdk::{Errno, Grow, SetAttr, Timespec, fake, mode, open};

#[test]
fn content_goes_both_ways() {
    let dir = folder();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("sub/a"), "from below").unwrap();
    let volume = mount(dir.path());
    let found = volume.walk("sub/a").unwrap();
    assert_eq!(volume.read(found.node).unwrap(), b"from below");
    assert_eq!(found.valid_ns, 0, "others change the folder");
    let file = volume.open(found.node, open::O_RDWR).unwrap();
    assert_eq!(file.write_at(5, b"above", 0).unwrap(), 5);
    assert_eq!(file.write_at(0, b"!", open::O_APPEND).unwrap(), 1);
    assert_eq!(fs::read(dir.path().join("sub/a")).unwrap(), b"from above!");
    fs::write(dir.path().join("sub/a"), "shorter").unwrap();
    assert_eq!(volume.read(found.node).unwrap(), b"shorter");
    let (made, file) = volume.create(volume.root(), b"new", 0o640, open::O_RDWR).unwrap();
    file.write_at(3, b"x", 0).unwrap();
    file.fsync(false).unwrap();
    file.fsync(true).unwrap();
    volume.fsync_dir(volume.root()).unwrap();
    volume.sync().unwrap();
    let told = fs::metadata(dir.path().join("new")).unwrap();
    assert_eq!((told.ino(), told.len(), told.mode() & 0o7777), (made.attr.ino, 4, 0o640));
    assert_eq!(refused(volume.create(volume.root(), b"new", 0o640, 0)), Errno::EEXIST);
    assert_eq!(refused(volume.lookup(volume.root(), b"none")), Errno::ENOENT);
    let mut far = [0; 4];
    assert_eq!(file.read_at(4, &mut far).unwrap(), 0);
    assert_eq!(file.read_at(u64::MAX, &mut far).unwrap(), 0);
    assert_eq!(refused(file.write_at(u64::MAX, b"x", 0)), Errno::EFBIG);
}

#[test]
fn attributes_are_those_of_the_folder() {
    let dir = folder();
    fs::write(dir.path().join("a"), vec![7; 10_000]).unwrap();
    fs::hard_link(dir.path().join("a"), dir.path().join("b")).unwrap();
    let volume = mount(dir.path());
    let (a, b) = (volume.walk("a").unwrap(), volume.walk("b").unwrap());
    assert_eq!(a.node, b.node, "two names of one file");
    let told = fs::metadata(dir.path().join("a")).unwrap();
    let attr = volume.getattr(a.node).unwrap();
    assert_eq!((attr.nlink, attr.size_bytes, attr.blocks), (2, 10_000, told.blocks()));
    assert_eq!((attr.uid, attr.gid, attr.mode), (told.uid(), told.gid(), told.mode()));
    assert_eq!((attr.mtime.seconds, i64::from(attr.mtime.nanoseconds)), (told.mtime(), told.mtime_nsec()));
    assert!(attr.btime.seconds > 0);
    let time = |seconds, nanoseconds| Timespec { seconds, nanoseconds, ..Timespec::default() };
    let set = SetAttr {
        valid: SET_MODE | SET_SIZE | SET_ATIME | SET_MTIME,
        mode: 0o4711,
        size_bytes: 3,
        atime: time(1, 2),
        mtime: time(-3, 4),
        ..Grow::empty()
    };
    let attr = volume.setattr(a.node, &set).unwrap();
    assert_eq!((attr.size_bytes, attr.mode & 0o7777, attr.mtime), (3, 0o4711, time(-3, 4)));
    let told = fs::metadata(dir.path().join("b")).unwrap();
    assert_eq!((told.len(), told.mode() & 0o7777, told.atime(), told.atime_nsec()), (3, 0o4711, 1, 2));
    let only = SetAttr { valid: SET_MTIME, mtime: time(9, 0), ..Grow::empty() };
    assert_eq!(volume.setattr(a.node, &only).unwrap().atime, time(1, 2));
    let wrong = |set: SetAttr| refused(volume.setattr(a.node, &set));
    assert_eq!(wrong(SetAttr { valid: SET_BTIME, ..Grow::empty() }), Errno::ENOTSUP);
    assert_eq!(wrong(SetAttr { valid: SET_MTIME, mtime: time(0, 1 << 30), ..Grow::empty() }), Errno::EINVAL);
    // All or none: the mode is as it was.
    let far =
        SetAttr { valid: SET_MODE | SET_SIZE, mode: 0o600, size_bytes: i64::MAX as u64, ..Grow::empty() };
    assert_eq!(wrong(far), Errno::EFBIG);
    assert_eq!(volume.getattr(a.node).unwrap().mode & 0o7777, 0o4711);
    let size = SetAttr { valid: SET_SIZE, ..Grow::empty() };
    assert_eq!(refused(volume.setattr(volume.root(), &size)), Errno::EISDIR);
    symlink("nowhere", dir.path().join("l")).unwrap();
    let link = volume.walk("l").unwrap();
    assert_eq!(
        refused(volume.setattr(link.node, &SetAttr { valid: SET_MODE, ..Grow::empty() })),
        Errno::ENOTSUP
    );
    volume.setattr(link.node, &only).unwrap();
    assert_eq!(fs::symlink_metadata(dir.path().join("l")).unwrap().mtime(), 9);
}

#[test]
fn what_is_made_belongs_to_who_makes_it_whatever_the_mask_of_the_process() {
    let dir = folder();
    let volume = mount(dir.path());
    let root = volume.root();
    let is_root = fs::metadata(dir.path()).unwrap().uid() == 0;
    fake::as_caller(1234, 5678, || {
        volume.create(root, b"file", 0o666, 0).unwrap();
        volume.mkdir(root, b"dir", 0o2777).unwrap();
        volume.mknod(root, b"fifo", mode::S_IFIFO | 0o622, 0).unwrap();
        volume.mknod(root, b"socket", mode::S_IFSOCK | 0o777, 0).unwrap();
        volume.mknod(root, b"plain", mode::S_IFREG | 0o606, 0).unwrap();
        volume.symlink(root, b"link", b"../out").unwrap();
    });
    for (name, mode) in [
        ("file", 0o666),
        ("dir", 0o2777),
        ("fifo", 0o622),
        ("socket", 0o777),
        ("plain", 0o606),
        ("link", 0o777),
    ] {
        let told = fs::symlink_metadata(dir.path().join(name)).unwrap();
        assert_eq!(told.mode() & 0o7777, mode, "{name}");
        if is_root {
            assert_eq!((told.uid(), told.gid()), (1234, 5678), "{name}");
        }
    }
    let kind = |name: &str| fs::symlink_metadata(dir.path().join(name)).unwrap().file_type();
    assert!(kind("fifo").is_fifo() && kind("socket").is_socket());
    for device in [mode::S_IFCHR, mode::S_IFBLK] {
        let fail = volume.mknod(root, b"null", device | 0o666, 1 << 32 | 3).err().unwrap();
        assert_eq!((fail.errno, fail.remedy.contains("tmpfs")), (Errno::EPERM, true));
    }
    assert!(!dir.path().join("null").exists());
}

#[test]
fn names_move_and_go() {
    let dir = folder();
    let volume = mount(dir.path());
    let root = volume.root();
    let at = |name: &str| dir.path().join(name);
    let sub = volume.mkdir(root, b"sub", 0o755).unwrap().node;
    let (a, file) = volume.create(root, b"a", 0o644, open::O_RDWR).unwrap();
    file.write_at(0, b"A", 0).unwrap();
    let linked = volume.link(a.node, sub, b"also").unwrap();
    assert_eq!((linked.node, linked.attr.nlink), (a.node, 2));
    assert_eq!(refused(volume.link(sub, root, b"x")), Errno::EPERM);
    assert_eq!(refused(volume.link(a.node, sub, b"also")), Errno::EEXIST);
    let (b, _) = volume.create(root, b"b", 0o644, 0).unwrap();
    assert_eq!(refused(volume.rename((root, b"a"), (root, b"b"), RENAME_NOREPLACE)), Errno::EEXIST);
    volume.rename((root, b"a"), (root, b"b"), RENAME_EXCHANGE).unwrap();
    assert_eq!(fs::read(at("b")).unwrap(), b"A");
    let removed = volume.rename((root, b"b"), (root, b"a"), 0).unwrap();
    assert_eq!((removed.node, removed.nlink), (b.node, 0));
    assert_eq!(refused(volume.rename((root, b"a"), (root, b"c"), 4)), Errno::EINVAL);
    // Two names of one file: nothing happens.
    let same = volume.rename((root, b"a"), (sub, b"also"), 0).unwrap();
    assert_eq!((same.node, at("a").exists()), (0, true));
    assert_eq!(refused(volume.unlink(root, b"sub")), Errno::EISDIR);
    assert_eq!(refused(volume.rmdir(root, b"a")), Errno::ENOTDIR);
    assert_eq!(refused(volume.rmdir(root, b"sub")), Errno::ENOTEMPTY);
    let removed = volume.unlink(sub, b"also").unwrap();
    assert_eq!((removed.node, removed.nlink), (a.node, 1));
    volume.rename((root, b"a"), (sub, b"moved"), 0).unwrap();
    assert_eq!(names(&volume, root), ["sub"]);
    // Without a name its content is still there.
    let removed = volume.unlink(sub, b"moved").unwrap();
    assert_eq!((removed.nlink, volume.getattr(a.node).unwrap().nlink), (0, 0));
    assert_eq!(volume.read(a.node).unwrap(), b"A");
    volume.rmdir(root, b"sub").unwrap();
    assert!(!at("sub").exists());
    assert_eq!(refused(volume.create(sub, b"x", 0o644, 0)), Errno::ENOENT);
    volume.forget(a.node, 2);
    assert_eq!(refused(volume.getattr(a.node)), Errno::ESTALE);
    for bad in [&b".."[..], b".", b"a/b", b"a\0b", b""] {
        assert_eq!(refused(volume.mkdir(root, bad, 0o755)), Errno::EINVAL);
    }
    assert_eq!(refused(volume.lookup(root, &[b'x'; 256])), Errno::ENAMETOOLONG);
}

#[test]
fn holes_space_and_extended_attributes() {
    let dir = folder();
    let volume = mount(dir.path());
    let (found, file) = volume.create(volume.root(), b"f", 0o644, open::O_RDWR).unwrap();
    file.write_at(1 << 20, b"end", 0).unwrap();
    assert_eq!(file.seek(0, SEEK_DATA).unwrap(), 1 << 20);
    assert_eq!(file.seek(0, SEEK_HOLE).unwrap(), 0);
    assert_eq!(refused(file.seek(2 << 20, SEEK_DATA)), Errno::ENXIO);
    file.fallocate(0, 0, 8192).unwrap();
    assert!(fs::metadata(dir.path().join("f")).unwrap().blocks() >= 16 + 8);
    file.write_at(0, &[1; 8192], 0).unwrap();
    file.fallocate(FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, 0, 4096).unwrap();
    assert_eq!(volume.read(found.node).unwrap()[..4097].iter().filter(|b| **b == 1).count(), 1);
    assert_eq!(refused(file.fallocate(0x40, 0, 4096)), Errno::ENOTSUP);
    let node = found.node;
    volume.setxattr(node, b"user.a", b"value", XATTR_CREATE).unwrap();
    assert_eq!(refused(volume.setxattr(node, b"user.a", b"", XATTR_CREATE)), Errno::EEXIST);
    assert_eq!(refused(volume.setxattr(node, b"user.b", b"", XATTR_REPLACE)), Errno::ENODATA);
    assert_eq!(refused(volume.setxattr(node, b"security.capability", b"x", 0)), Errno::ENOTSUP);
    assert_eq!(volume.getxattr(node, b"user.a").unwrap(), b"value");
    assert_eq!(volume.listxattr(node).unwrap(), b"user.a\0");
    volume.removexattr(node, b"user.a").unwrap();
    assert_eq!(refused(volume.getxattr(node, b"user.a")), Errno::ENODATA);
    let sizes = volume.statfs().unwrap();
    assert!(sizes.blocks > sizes.blocks_free && sizes.name_max_bytes == 255);
    assert!(volume.map_extents(node, 0, 0).is_err(), "there is no medium");
}

#[test]
fn a_listing_goes_on_where_it_stopped_whatever_comes_and_goes() {
    let dir = folder();
    for number in 0..300 {
        fs::write(dir.path().join(format!("stays{number}")), "").unwrap();
        fs::write(dir.path().join(format!("goes{number}")), "").unwrap();
    }
    let volume = mount(dir.path());
    let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
    let (mut cookie, mut step) = (0, 0);
    loop {
        let some = volume.readdir_from(volume.root(), cookie, 7).unwrap();
        let Some(last) = some.last() else { break };
        cookie = last.next_cookie;
        for entry in some {
            *seen.entry(entry.name).or_default() += 1;
        }
        fs::remove_file(dir.path().join(format!("goes{step}"))).unwrap();
        fs::write(dir.path().join(format!("comes{step}")), "").unwrap();
        // Another one begins meanwhile, and so many that what was kept of this one is not any longer.
        volume.readdir_from(volume.root(), 0, 3).unwrap();
        if step % 3 == 0 {
            let names: Vec<String> = (0..9).map(|n| format!("other{step}-{n}")).collect();
            for name in &names {
                let made = volume.mkdir(volume.root(), name.as_bytes(), 0o755).unwrap();
                volume.readdir(made.node).unwrap();
            }
        }
        step += 1;
    }
    for number in 0..300 {
        assert_eq!(seen.get(format!("stays{number}").as_bytes()), Some(&1), "stays{number}");
    }
    assert!(seen.values().all(|times| *times == 1));
    for entry in volume.readdir(volume.root()).unwrap() {
        let told = fs::symlink_metadata(dir.path().join(String::from_utf8(entry.name).unwrap())).unwrap();
        assert_eq!((entry.ino, entry.file_type), (told.ino(), told.mode() & mode::S_IFMT));
    }
}

#[test]
fn a_mount_says_what_it_needs() {
    let dir = folder();
    fs::write(dir.path().join("file"), "").unwrap();
    let fail = mount_with("".as_ref(), false, 256).err().unwrap();
    assert_eq!((fail.errno, fail.remedy.contains("path=/")), (Errno::EINVAL, true));
    assert_eq!(refused(mount_with("/no/folder".as_ref(), false, 256)), Errno::ENOENT);
    assert_eq!(refused(mount_with(&dir.path().join("file"), false, 256)), Errno::ENOTDIR);
    assert_eq!(refused(mount_with(dir.path(), false, 3)), Errno::EINVAL);
    assert_eq!(refused(mount_with(dir.path(), false, u64::MAX)), Errno::EINVAL);
    // The folder that the user names may be reached by a link.
    symlink(dir.path(), dir.path().join("itself")).unwrap();
    let volume = mount(&dir.path().join("itself"));
    assert_eq!(names(&volume, volume.root()), ["file", "itself"]);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o750)).unwrap();
    assert_eq!(volume.getattr(volume.root()).unwrap().mode & 0o7777, 0o750);
}
