//! Extended attributes.

mod common;

use common::{file, limited, refused, used, volume};
use nxvfs_sdk::Errno;
use nxvfs_sdk::abi::filesystem::{XATTR_CREATE, XATTR_REPLACE};

#[test]
fn values_are_kept_replaced_and_removed() {
    let volume = volume();
    let dir = volume.mkdir(volume.root(), b"dir", 0o755).unwrap().node;
    for node in [volume.root(), file(&volume, b"file", b""), dir] {
        assert_eq!(volume.listxattr(node).unwrap(), b"");
        assert_eq!(refused(volume.getxattr(node, b"user.a")), Errno::ENODATA);
        assert_eq!(refused(volume.removexattr(node, b"user.a")), Errno::ENODATA);
        assert_eq!(refused(volume.setxattr(node, b"user.a", b"1", XATTR_REPLACE)), Errno::ENODATA);
        volume.setxattr(node, b"user.a", b"1", XATTR_CREATE).unwrap();
        assert_eq!(refused(volume.setxattr(node, b"user.a", b"2", XATTR_CREATE)), Errno::EEXIST);
        volume.setxattr(node, b"user.a", b"longer", XATTR_REPLACE).unwrap();
        volume.setxattr(node, b"security.b", b"", 0).unwrap();
        volume.setxattr(node, b"trusted.c", &[0; 65536], 0).unwrap();
        assert_eq!(volume.getxattr(node, b"user.a").unwrap(), b"longer");
        assert_eq!(volume.getxattr(node, b"security.b").unwrap(), b"");
        assert_eq!(volume.getxattr(node, b"trusted.c").unwrap().len(), 65536);
        assert_eq!(volume.listxattr(node).unwrap(), b"security.b\0trusted.c\0user.a\0");
        volume.removexattr(node, b"trusted.c").unwrap();
        assert_eq!(volume.listxattr(node).unwrap(), b"security.b\0user.a\0");
    }
    assert_eq!(refused(volume.getxattr(99, b"user.a")), Errno::ESTALE);
}

#[test]
fn bounds_are_kept() {
    let volume = volume();
    let node = file(&volume, b"file", b"");
    let set = |name: &[u8], value: &[u8], flags| volume.setxattr(node, name, value, flags);
    assert_eq!(refused(set(b"user.a", &[0; 65537], 0)), Errno::E2BIG);
    assert_eq!(refused(set(b"", b"", 0)), Errno::ERANGE);
    assert_eq!(refused(set(&[b'n'; 256], b"", 0)), Errno::ERANGE);
    assert_eq!(refused(set(b"a\0b", b"", 0)), Errno::EINVAL);
    assert_eq!(refused(set(b"user.a", b"", 4)), Errno::EINVAL);
    let name = |number: usize| format!("{number:0>255}").into_bytes();
    for number in 0..256 {
        set(&name(number), b"v", 0).unwrap();
    }
    assert_eq!(volume.listxattr(node).unwrap().len(), 65536);
    assert_eq!(refused(set(b"x", b"", 0)), Errno::ENOSPC, "all names can be listed at once");
    set(&name(7), b"other", 0).unwrap();
    assert!(used(&volume).1 > 2, "they take room");
    volume.unlink(volume.root(), b"file").unwrap();
    volume.forget(node, 1);
    assert_eq!(used(&volume), (0, 1));
}

#[test]
fn they_take_room_for_inodes() {
    let volume = limited(0, 3);
    let node = file(&volume, b"file", b"");
    volume.setxattr(node, b"user.a", &[0; 900], 0).unwrap();
    assert_eq!(volume.statfs().unwrap().files_free, 0);
    assert_eq!(refused(volume.setxattr(node, b"user.a", &[0; 1000], 0)), Errno::ENOSPC);
    assert_eq!(refused(volume.setxattr(node, b"user.b", b"", 0)), Errno::ENOSPC);
    assert_eq!(refused(volume.mkdir(volume.root(), b"dir", 0)), Errno::ENOSPC);
    assert_eq!(volume.getxattr(node, b"user.a").unwrap(), [0; 900]);
    volume.setxattr(node, b"user.a", b"", XATTR_REPLACE).unwrap();
    volume.setxattr(node, b"user.b", b"", 0).unwrap();
    volume.removexattr(node, b"user.b").unwrap();
    volume.removexattr(node, b"user.a").unwrap();
    assert_eq!(used(&volume), (used(&volume).0, 2));
    volume.mkdir(volume.root(), b"dir", 0).unwrap();
}
