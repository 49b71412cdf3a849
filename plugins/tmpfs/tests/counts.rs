//! How nodes are counted, and when they end.

mod common;

use common::{PAGE, file, file_in, limited, opened, refused, used, volume};
use nxvfs_sdk::Errno;

#[test]
fn links_are_names_of_one_node() {
    let volume = volume();
    let root = volume.root();
    let node = file(&volume, b"first", b"content");
    let dir = volume.mkdir(root, b"dir", 0o755).unwrap().node;
    let second = volume.link(node, dir, b"second").unwrap();
    assert_eq!((second.node, second.attr.nlink), (node, 2));
    assert_eq!(volume.read(second.node).unwrap(), b"content");
    assert_eq!(used(&volume), (1, 4), "each further name counts as an inode, as in Linux");
    let removed = volume.unlink(root, b"first").unwrap();
    assert_eq!((removed.node, removed.nlink), (node, 1));
    assert_eq!(used(&volume), (1, 3));
    let removed = volume.unlink(dir, b"second").unwrap();
    assert_eq!((removed.node, removed.nlink), (node, 0));
    assert_eq!(refused(volume.link(node, root, b"again")), Errno::ENOENT, "no name is left to add one to");
    assert_eq!(used(&volume), (1, 3));
    // Counted by `create` and by `link`.
    volume.forget(node, 1);
    assert_eq!(volume.read(node).unwrap(), b"content");
    volume.forget(node, 1);
    assert_eq!(refused(volume.getattr(node)), Errno::ESTALE);
    assert_eq!(used(&volume), (0, 2));
    let link = volume.symlink(root, b"link", b"x").unwrap().node;
    assert_eq!(volume.link(link, root, b"same link").unwrap().attr.nlink, 2, "a link may have names too");
}

#[test]
fn a_node_lives_while_it_is_counted_or_open() {
    let volume = volume();
    let root = volume.root();
    let node = file(&volume, b"file", &[7; 5000]);
    for _ in 0..4 {
        volume.lookup(root, b"file").unwrap();
    }
    let first = opened(&volume, node);
    volume.unlink(root, b"file").unwrap();
    assert_eq!(refused(volume.lookup(root, b"file")), Errno::ENOENT);
    volume.forget(node, 4);
    assert_eq!(volume.getattr(node).unwrap().nlink, 0);
    assert_eq!(used(&volume), (2, 2));
    // The last count before the opening: the other order is a matter of course.
    volume.forget(node, 1);
    assert_eq!(refused(volume.getattr(node)), Errno::ESTALE);
    let mut buf = [0; 5000];
    assert_eq!((first.read_at(0, &mut buf).unwrap(), buf[4999]), (5000, 7));
    assert_eq!(first.write_at(2 * PAGE, b"more", 0).unwrap(), 4);
    assert_eq!(used(&volume), (3, 2));
    drop(first);
    assert_eq!(used(&volume), (0, 1));
}

#[test]
fn a_forgotten_node_with_a_name_is_found_again() {
    let volume = volume();
    let root = volume.root();
    let node = file(&volume, b"file", b"content");
    let dir = volume.mkdir(root, b"dir", 0o755).unwrap().node;
    let inner = file_in(&volume, dir, b"inner");
    volume.forget(node, 1);
    volume.forget(dir, 1);
    volume.forget(inner, 1000);
    assert_eq!(refused(volume.open(node, 0)), Errno::ESTALE);
    assert_eq!(volume.lookup(root, b"file").unwrap().node, node);
    assert_eq!(volume.read(node).unwrap(), b"content");
    assert_eq!(volume.walk("dir/inner").unwrap().node, inner);
    volume.forget(root, u64::MAX);
    assert!(volume.walk("dir").is_ok(), "the root is never forgotten");
}

#[test]
fn numbers_are_not_used_again() {
    let volume = volume();
    let mut seen = std::collections::HashSet::from([volume.root()]);
    for _ in 0..100 {
        let node = file(&volume, b"file", b"");
        assert!(seen.insert(node));
        volume.unlink(volume.root(), b"file").unwrap();
        volume.forget(node, 1);
    }
}

#[test]
fn a_very_deep_tree_ends_without_recursion() {
    let volume = limited(0, 0);
    let mut at = volume.root();
    for depth in 0..200_000_u64 {
        let below = volume.mkdir(at, b"d", 0o755).unwrap().node;
        // Every other directory is forgotten, so that names alone hold it.
        if at != volume.root() && depth % 2 == 0 {
            volume.forget(at, 1);
        }
        at = below;
    }
    volume.unmount().unwrap();
}
