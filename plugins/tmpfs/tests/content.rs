//! What files hold: reading, writing, holes, lengths, reservations.

mod common;

use common::{PAGE, file, limited, opened, pattern, refused, used, volume};
use nxvfs_sdk::abi::filesystem::{
    FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE, SEEK_DATA, SEEK_HOLE, SET_SIZE, SetAttr,
};
use nxvfs_sdk::{Errno, Grow, open};

const LAST: u64 = i64::MAX as u64;

fn length(size_bytes: u64) -> SetAttr {
    SetAttr { valid: SET_SIZE, size_bytes, ..Grow::empty() }
}

#[test]
fn what_is_written_is_read() {
    let volume = volume();
    let bytes = pattern(3 * 64 * PAGE as usize + 777);
    let node = file(&volume, b"file", &bytes);
    assert!(volume.read(node).unwrap() == bytes);
    let file = opened(&volume, node);
    let mut buf = vec![0; bytes.len()];
    for (offset, len) in
        [(0, 1), (1, 4096), (4095, 2), (64 * PAGE - 1, 3), (64 * PAGE, 64 * PAGE as usize + 5)]
    {
        assert_eq!(file.read_at(offset, &mut buf[..len]).unwrap(), len);
        assert!(buf[..len] == bytes[offset as usize..][..len]);
    }
    let len = bytes.len() as u64;
    assert_eq!(file.read_at(len - 1, &mut buf).unwrap(), 1);
    for offset in [len, len + 1, LAST, u64::MAX] {
        assert_eq!(file.read_at(offset, &mut buf).unwrap(), 0);
    }
    assert_eq!(file.write_at(100, &[9; 10_000], 0).unwrap(), 10_000);
    let mut expected = bytes;
    expected[100..10_100].fill(9);
    assert!(volume.read(node).unwrap() == expected);
    let attr = volume.getattr(node).unwrap();
    assert_eq!((attr.size_bytes, attr.blocks, attr.block_size_bytes), (len, len.div_ceil(PAGE) * 8, 4096));
    assert_eq!(file.write_at(u64::MAX, &[], 0).unwrap(), 0);
}

#[test]
fn holes_cost_nothing_and_read_as_zeroes() {
    let volume = limited(3 * PAGE, 0);
    let node = file(&volume, b"file", b"begin");
    let file = opened(&volume, node);
    assert_eq!(file.write_at(1 << 50, b"far", 0).unwrap(), 3);
    let attr = volume.getattr(node).unwrap();
    assert_eq!((attr.size_bytes, attr.blocks), ((1 << 50) + 3, 16));
    let mut buf = [0xee; 6];
    assert_eq!(file.read_at(3, &mut buf).unwrap(), 6);
    assert_eq!(&buf, b"in\0\0\0\0");
    assert_eq!(file.read_at((1 << 50) - 3, &mut buf).unwrap(), 6);
    assert_eq!(&buf, b"\0\0\0far");
    let mut long = vec![0xee; 1 << 20];
    assert_eq!(file.read_at(1 << 40, &mut long).unwrap(), 1 << 20);
    assert!(long.iter().all(|byte| *byte == 0));
}

#[test]
fn a_file_is_no_longer_than_an_offset_can_tell() {
    let volume = volume();
    let node = file(&volume, b"file", b"");
    let file = opened(&volume, node);
    assert_eq!(refused(file.write_at(LAST, b"x", 0)), Errno::EFBIG);
    assert_eq!(refused(file.write_at(u64::MAX, b"x", 0)), Errno::EFBIG);
    assert_eq!(file.write_at(LAST - 2, b"xyz", 0).unwrap(), 2, "what fits");
    assert_eq!(volume.getattr(node).unwrap().size_bytes, LAST);
    assert_eq!(refused(file.write_at(0, b"x", open::O_APPEND)), Errno::EFBIG);
    assert_eq!(refused(volume.setattr(node, &length(LAST + 1))), Errno::EFBIG);
    assert_eq!(file.seek(0, SEEK_DATA).unwrap(), LAST / PAGE * PAGE);
    assert_eq!(file.seek(LAST - 1, SEEK_HOLE).unwrap(), LAST);
    volume.setattr(node, &length(0)).unwrap();
    assert_eq!(volume.setattr(node, &length(LAST)).unwrap().blocks, 0);
    assert_eq!(file.read_at(LAST - 1, &mut [0; 9]).unwrap(), 1);
}

#[test]
fn appending_goes_to_the_end_whatever_the_offset() {
    let volume = volume();
    let node = file(&volume, b"file", b"one");
    let file = opened(&volume, node);
    for text in [" two", " three"] {
        file.write_at(0, text.as_bytes(), open::O_RDWR | open::O_APPEND).unwrap();
    }
    assert_eq!(volume.read(node).unwrap(), b"one two three");
}

#[test]
fn lengths_change_both_ways() {
    let volume = volume();
    let node = file(&volume, b"file", &[7; 3 * PAGE as usize]);
    let attr = volume.setattr(node, &length(PAGE + 10)).unwrap();
    assert_eq!((attr.size_bytes, attr.blocks, used(&volume).0), (PAGE + 10, 16, 2));
    volume.setattr(node, &length(3 * PAGE)).unwrap();
    let mut expected = vec![7; PAGE as usize + 10];
    expected.resize(3 * PAGE as usize, 0);
    assert!(volume.read(node).unwrap() == expected, "what was cut off does not come back");
    assert_eq!(used(&volume).0, 2, "what was added is a hole");
    volume.setattr(node, &length(0)).unwrap();
    assert_eq!((volume.read(node).unwrap(), used(&volume).0), (vec![], 0));
    let dir = volume.mkdir(volume.root(), b"dir", 0o755).unwrap().node;
    assert_eq!(refused(volume.setattr(dir, &length(0))), Errno::EISDIR);
    let link = volume.symlink(volume.root(), b"link", b"x").unwrap().node;
    assert_eq!(refused(volume.setattr(link, &length(0))), Errno::EINVAL);
}

#[test]
fn space_is_reserved_without_memory() {
    let volume = limited(1 << 50, 0);
    let node = file(&volume, b"file", b"abc");
    let file = opened(&volume, node);
    file.fallocate(FALLOC_KEEP_SIZE, PAGE - 1, 2).unwrap();
    assert_eq!((used(&volume).0, volume.getattr(node).unwrap().size_bytes), (2, 3));
    file.fallocate(0, 0, 1 << 49).unwrap();
    assert_eq!(volume.getattr(node).unwrap().size_bytes, 1 << 49);
    assert_eq!(used(&volume).0, (1 << 49) / PAGE);
    file.fallocate(0, 5, (1 << 49) - 5).unwrap();
    assert_eq!(used(&volume).0, (1 << 49) / PAGE, "what is there is not taken twice");
    assert_eq!(refused(file.fallocate(0, 1 << 49, (1 << 49) + 1)), Errno::ENOSPC);
    assert_eq!(volume.getattr(node).unwrap().size_bytes, 1 << 49, "nothing has changed");
    // Writing there takes nothing more, and freeing gives it all back.
    file.write_at(1 << 48, &[1; 10_000], 0).unwrap();
    assert_eq!(used(&volume).0, (1 << 49) / PAGE);
    assert_eq!(file.seek(1, SEEK_HOLE).unwrap(), PAGE, "a reservation is a hole");
    assert_eq!(file.seek(PAGE, SEEK_DATA).unwrap(), 1 << 48);
    volume.setattr(node, &length(3)).unwrap();
    assert_eq!((used(&volume).0, volume.read(node).unwrap()), (1, b"abc".to_vec()));
    file.fallocate(FALLOC_KEEP_SIZE, 0, 1 << 30).unwrap();
    volume.setattr(node, &length(3)).unwrap();
    assert_eq!(used(&volume).0, 1, "a length that is set ends what lies beyond");
}

#[test]
fn ranges_are_freed_and_zeroed() {
    let volume = volume();
    let node = file(&volume, b"file", &[7; 5 * PAGE as usize]);
    let file = opened(&volume, node);
    let mut expected = vec![7; 5 * PAGE as usize];
    let check = |expected: &[u8], pages: u64| {
        assert!(volume.read(node).unwrap() == expected);
        assert_eq!((used(&volume).0, volume.getattr(node).unwrap().blocks), (pages, pages * 8));
    };
    let punch = FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE;
    file.fallocate(punch, 100, 50).unwrap();
    expected[100..150].fill(0);
    check(&expected, 5);
    file.fallocate(punch, PAGE - 1, PAGE + 2).unwrap();
    expected[PAGE as usize - 1..2 * PAGE as usize + 1].fill(0);
    check(&expected, 4);
    file.fallocate(FALLOC_ZERO_RANGE, PAGE + 5, 2 * PAGE).unwrap();
    expected[PAGE as usize + 5..3 * PAGE as usize + 5].fill(0);
    check(&expected, 5);
    assert_eq!((file.seek(PAGE, SEEK_DATA).unwrap(), file.seek(0, SEEK_HOLE).unwrap()), (3 * PAGE, PAGE));
    file.fallocate(FALLOC_ZERO_RANGE | FALLOC_KEEP_SIZE, 5 * PAGE, 1).unwrap();
    check(&expected, 6);
    file.fallocate(FALLOC_ZERO_RANGE, 5 * PAGE, 1).unwrap();
    expected.push(0);
    check(&expected, 6);
    file.fallocate(punch, 0, LAST).unwrap();
    expected.fill(0);
    check(&expected, 0);
    for mode in [FALLOC_PUNCH_HOLE, FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE, 8, 0x20, u32::MAX] {
        assert_eq!(refused(file.fallocate(mode, 0, 1)), Errno::ENOTSUP);
    }
    assert_eq!(refused(file.fallocate(0, 0, 0)), Errno::EINVAL);
    assert_eq!(refused(file.fallocate(0, LAST, 1)), Errno::EFBIG);
    assert_eq!(refused(file.fallocate(punch, u64::MAX, u64::MAX)), Errno::EFBIG);
}

#[test]
fn data_and_holes_are_told_apart() {
    let volume = volume();
    let node = file(&volume, b"file", b"");
    let file = opened(&volume, node);
    assert_eq!(refused(file.seek(0, SEEK_DATA)), Errno::ENXIO);
    file.write_at(10 * PAGE, &vec![1; 100 * PAGE as usize], 0).unwrap();
    file.write_at(300 * PAGE + 5, b"x", 0).unwrap();
    volume.setattr(node, &length(400 * PAGE)).unwrap();
    let (data, hole) = (|at| file.seek(at, SEEK_DATA), |at| file.seek(at, SEEK_HOLE));
    assert_eq!((data(0).unwrap(), hole(0).unwrap()), (10 * PAGE, 0));
    assert_eq!((data(10 * PAGE + 3).unwrap(), hole(10 * PAGE).unwrap()), (10 * PAGE + 3, 110 * PAGE));
    assert_eq!((data(110 * PAGE).unwrap(), hole(300 * PAGE + 9).unwrap()), (300 * PAGE, 301 * PAGE));
    assert_eq!((refused(data(301 * PAGE)), hole(399 * PAGE + 1).unwrap()), (Errno::ENXIO, 399 * PAGE + 1));
    for offset in [400 * PAGE, LAST, u64::MAX] {
        assert_eq!((refused(data(offset)), refused(hole(offset))), (Errno::ENXIO, Errno::ENXIO));
    }
    assert_eq!(refused(file.seek(0, 0)), Errno::EINVAL);
}
