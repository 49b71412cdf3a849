//! Volumes that are full, of bytes or of inodes.

mod common;

use common::{PAGE, file, limited, opened, pattern, refused, used};
use nxvfs_sdk::abi::filesystem::{SET_SIZE, SetAttr};
use nxvfs_sdk::fake::Value;
use nxvfs_sdk::{Errno, Grow, open};

const PAGES: u64 = 3;
const ROOM: usize = (PAGES * PAGE) as usize;

#[test]
fn a_volume_ends_at_every_byte_alike() {
    let volume = limited(PAGES * PAGE, 0);
    let node = file(&volume, b"file", b"");
    let file = opened(&volume, node);
    let bytes = pattern(ROOM + PAGE as usize);
    // From each offset a write that is too long: what fits is kept, and the next one is refused.
    for start in (0..ROOM).step_by(7).chain([ROOM - 1, PAGE as usize - 1, PAGE as usize]) {
        file.write_at(0, &bytes[..start], 0).unwrap();
        assert_eq!(file.write_at(start as u64, &bytes[start..], 0).unwrap(), ROOM - start);
        assert!(volume.read(node).unwrap() == bytes[..ROOM]);
        assert_eq!((used(&volume).0, volume.statfs().unwrap().blocks_free), (PAGES, 0));
        assert_eq!(refused(file.write_at(ROOM as u64, b"x", 0)), Errno::ENOSPC);
        assert_eq!(refused(file.write_at(0, b"x", open::O_APPEND)), Errno::ENOSPC);
        assert_eq!(file.write_at(5, b"over", 0).unwrap(), 4, "what is there may be overwritten");
        volume.setattr(node, &SetAttr { valid: SET_SIZE, ..Grow::empty() }).unwrap();
        assert_eq!(used(&volume).0, 0);
    }
}

#[test]
fn single_bytes_fill_it_to_the_last() {
    let volume = limited(PAGES * PAGE, 0);
    let node = file(&volume, b"file", b"");
    let file = opened(&volume, node);
    for at in 0..ROOM {
        assert_eq!(file.write_at(0, &[at as u8], open::O_APPEND).unwrap(), 1);
        assert_eq!(used(&volume).0, at as u64 / PAGE + 1);
    }
    assert_eq!(refused(file.write_at(0, &[0], open::O_APPEND)), Errno::ENOSPC);
    let expected: Vec<u8> = (0..ROOM).map(|at| at as u8).collect();
    assert!(volume.read(node).unwrap() == expected);
}

#[test]
fn files_share_the_room() {
    let volume = limited(PAGES * PAGE - 1, 0);
    assert_eq!(volume.statfs().unwrap().blocks, PAGES, "rounded up to pages");
    let nodes: Vec<u64> = (0..3_u8).map(|name| file(&volume, &[b'a' + name], b"x")).collect();
    let last = file(&volume, b"last", b"");
    let opened = opened(&volume, last);
    assert_eq!(refused(opened.write_at(0, b"x", 0)), Errno::ENOSPC);
    assert_eq!(refused(opened.fallocate(0, 0, 1)), Errno::ENOSPC);
    assert_eq!(refused(volume.symlink(volume.root(), b"long", &[b't'; 128])), Errno::ENOSPC);
    volume.symlink(volume.root(), b"short", &[b't'; 127]).unwrap();
    assert_eq!(volume.getattr(last).unwrap().size_bytes, 0, "nothing was written");
    volume.unlink(volume.root(), b"b").unwrap();
    assert_eq!(refused(opened.write_at(0, b"x", 0)), Errno::ENOSPC, "still counted");
    volume.forget(nodes[1], 1);
    let link = volume.symlink(volume.root(), b"long", &[b't'; 128]).unwrap();
    assert_eq!((link.attr.blocks, volume.readlink(link.node).unwrap()), (8, vec![b't'; 128]));
    assert_eq!(used_pages(&volume), PAGES);
}

fn used_pages(volume: &common::Volume) -> u64 {
    let sizes = volume.statfs().unwrap();
    sizes.blocks - sizes.blocks_free
}

#[test]
fn inodes_and_further_names_are_limited() {
    let volume = limited(0, 4);
    let root = volume.root();
    let sizes = volume.statfs().unwrap();
    assert_eq!((sizes.files, sizes.files_free), (4, 3));
    let node = file(&volume, b"file", b"");
    volume.link(node, root, b"link").unwrap();
    volume.mkdir(root, b"dir", 0o755).unwrap();
    assert_eq!(refused(volume.create(root, b"x", 0, 0)), Errno::ENOSPC);
    assert_eq!(refused(volume.mkdir(root, b"x", 0)), Errno::ENOSPC);
    assert_eq!(refused(volume.symlink(root, b"x", b"t")), Errno::ENOSPC);
    assert_eq!(refused(volume.link(node, root, b"x")), Errno::ENOSPC);
    assert_eq!(refused(volume.create(root, b"dir", 0, 0)), Errno::EEXIST, "that is the better reason");
    assert_eq!(volume.getattr(node).unwrap().nlink, 2);
    volume.rename((root, b"link"), (root, b"moved"), 0).unwrap();
    volume.unlink(root, b"file").unwrap();
    volume.link(node, root, b"back").unwrap();
    assert_eq!(volume.statfs().unwrap().files_free, 0);
    // Displaced by a rename, it ends when it is forgotten.
    let removed = volume.rename((root, b"back"), (root, b"moved"), 0).unwrap();
    assert_eq!(removed.node, 0, "two names of one node");
    volume.unlink(root, b"back").unwrap();
    assert_eq!(volume.statfs().unwrap().files_free, 1);
}

#[test]
fn limits_change_while_mounted() {
    let volume = limited(PAGES * PAGE, 3);
    let node = file(&volume, b"file", &[1; 2 * PAGE as usize]);
    let limit = |name, value| volume.remount(0, &[(name, value)]);
    let error = limit("size", Value::Size(PAGE)).unwrap_err();
    assert_eq!((error.errno, error.what.contains("size")), (Errno::EINVAL, true));
    assert_eq!(refused(limit("nr_inodes", Value::Uint(1))), Errno::EINVAL);
    assert_eq!(used(&volume), (2, 2));
    limit("size", Value::Size(2 * PAGE)).unwrap();
    assert_eq!(refused(opened(&volume, node).write_at(2 * PAGE, b"x", 0)), Errno::ENOSPC);
    limit("size", Value::Size(0)).unwrap();
    limit("nr_inodes", Value::Uint(0)).unwrap();
    opened(&volume, node).write_at(1 << 40, b"x", 0).unwrap();
    let sizes = volume.statfs().unwrap();
    assert_eq!((sizes.files, sizes.files_free), (0, 0), "not limited");
    assert_eq!(sizes.blocks * PAGE, (1 << 63) - PAGE);
    assert_eq!(sizes.blocks - sizes.blocks_free, 3);
    assert_eq!((sizes.magic, sizes.block_size_bytes, sizes.name_max_bytes), (0x0102_1994, 4096, 255));
}
