//! What a mounted volume does, call by call; among it what NuttX's FAT gets wrong.

mod common;

use common::*;
use nxvfs_sdk::abi::filesystem::{
    FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, MOUNT_RDONLY, SET_ATIME, SET_BTIME, SET_MODE, SET_MTIME, SET_SIZE,
    SET_UID, SetAttr,
};
use nxvfs_sdk::fake::{self, Device, Value};
use nxvfs_sdk::{Errno, Grow, Timespec, mode, open};
use nxvfs_vfat::{GET_ATTRIBUTES, GET_LABEL, GET_VOLUME_ID, SET_ATTRIBUTES, SET_LABEL, VFat};

const FLOPPY: Shape = SHAPES[0];

fn resize(volume: &Volume, node: u64, size_bytes: u64) -> fake::Result<u64> {
    volume
        .setattr(node, &SetAttr { valid: SET_SIZE, size_bytes, ..Grow::empty() })
        .map(|attr| attr.size_bytes)
}

fn free(volume: &Volume) -> u64 {
    volume.statfs().unwrap().blocks_free
}

fn end(volume: Volume, device: &Device) {
    volume.unmount().unwrap();
    judge(&device.bytes());
}

#[test]
fn names_of_eleven_characters_are_found_again() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    for at in 0..50 {
        file(&volume, volume.root(), &format!("f{at:06}.txt"), &[at]);
    }
    for at in 0..50 {
        assert_eq!(content(&volume, &format!("F{at:06}.TXT")), [at]);
        volume.unlink(volume.root(), format!("f{at:06}.txt").as_bytes()).unwrap();
    }
    end(volume, &device);
}

#[test]
fn a_file_is_found_in_any_case_and_by_its_alias() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let node = file(&volume, volume.root(), "MiXeDCase LongName.text", b"x");
    for name in ["mixedcase longname.TEXT", "MIXEDC~1.TEX", "mixedc~1.tex", "MiXeDCase LongName.text. ."] {
        assert_eq!(volume.lookup(volume.root(), name.as_bytes()).unwrap().node, node, "{name}");
    }
    assert_eq!(refused(volume.create(volume.root(), b"mixedc~1.tex", 0, 0).map(drop)), Errno::EEXIST);
    let greek = file(&volume, volume.root(), "ΑΒΓΔ.txt", b"y");
    assert_eq!(volume.lookup(volume.root(), "αβγδ.TXT".as_bytes()).unwrap().node, greek);
    end(volume, &device);
}

#[test]
fn the_first_name_asked_for_after_a_mount_is_found_as_any_later_one() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let root = volume.root();
    for at in 0..40 {
        file(&volume, root, &format!("a neighbour with a long name {at}"), b"");
    }
    file(&volume, root, "MiXeDCase LongName.text", b"x");
    file(&volume, root, "SHORT.TXT", b"y");
    volume.unlink(root, b"a neighbour with a long name 7").unwrap();
    end(volume, &device);
    let there =
        ["MiXeDCase LongName.text", "MIXEDCASE longname.text", "mixedc~1.tex", "short.txt", "SHORT.TXT"];
    let missing =
        ["MiXeDCase LongName.tex", "MiXeDCase LongName.textt", "a neighbour with a long name 7", "SHORT"];
    let names = there.map(|name| (name, true)).into_iter().chain(missing.map(|name| (name, false)));
    for (name, is_there) in names {
        let volume = mount(&device);
        // From the start of the directory, and then by its index.
        for asked in ["first", "second"] {
            let found = volume.lookup(root, name.as_bytes());
            assert_eq!(found.is_ok(), is_there, "{name}, {asked}");
        }
        end(volume, &device);
    }
}

#[test]
fn names_that_cannot_be_are_refused() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let make = |name: &[u8]| refused(volume.create(volume.root(), name, 0, 0).map(drop));
    for name in ["a*b", "a?b", "a:b", "a\"b", "a<b", "a>b", "a|b", "a\\b", "a\x01b", "...", " ", ". ."] {
        assert_eq!(make(name.as_bytes()), Errno::EINVAL, "{name:?}");
    }
    assert_eq!(make(b"\xff\xfe"), Errno::EINVAL);
    assert_eq!(make(b"\xed\xa0\x80"), Errno::EINVAL);
    assert_eq!(make(&[b'a'; 256]), Errno::ENAMETOOLONG);
    assert_eq!(make("😀".repeat(128).as_bytes()), Errno::ENAMETOOLONG);
    for longest in ["n".repeat(255), "ü".repeat(255), "日".repeat(255), "😀".repeat(127) + "x"] {
        let node = file(&volume, volume.root(), &longest, b"z");
        assert_eq!(volume.lookup(volume.root(), longest.as_bytes()).unwrap().node, node);
    }
    assert_eq!(volume.info().name_max_bytes, 765);
    end(volume, &device);
}

#[test]
fn thousands_of_names_with_one_stem_get_aliases_of_their_own() {
    let device = empty(SHAPES[5]);
    let volume = mount(&device);
    let dir = volume.mkdir(volume.root(), b"directory", 0).unwrap().node;
    for at in 0..5000 {
        file(&volume, dir, &format!("the very same stem, number {at}.text"), b"");
    }
    for at in (0..5000).step_by(7) {
        assert!(volume.lookup(dir, format!("THE VERY SAME STEM, NUMBER {at}.TEXT").as_bytes()).is_ok());
    }
    volume.unmount().unwrap();
    let image = judge(&device.bytes());
    let listing = image.mtool("mdir", &["::/directory"]);
    let aliases: Vec<&str> =
        listing.lines().filter(|line| line.contains('~')).map(|line| &line[..12]).collect();
    let unique: std::collections::BTreeSet<&&str> = aliases.iter().collect();
    assert_eq!((aliases.len(), unique.len()), (5000, 5000));
    assert!(listing.contains("THEVER~4"), "the first few are numbered, as in Windows");
}

#[test]
fn a_directory_of_a_hundred_thousand_entries_works() {
    let device = empty(SHAPES[5]);
    let volume = mount(&device);
    let dir = volume.mkdir(volume.root(), b"BIG", 0).unwrap().node;
    for at in 0..100_000 {
        let (found, file) = volume.create(dir, format!("F{at}").as_bytes(), 0, 0).unwrap();
        drop(file);
        volume.forget(found.node, 1);
    }
    assert_eq!(volume.readdir(dir).unwrap().len(), 100_000);
    for at in (0..100_000).rev().step_by(3) {
        volume.unlink(dir, format!("f{at}").as_bytes()).unwrap();
    }
    assert_eq!(refused(volume.lookup(dir, b"F99999")), Errno::ENOENT);
    assert!(volume.lookup(dir, b"F99998").is_ok());
    // fsck.fat compares every name with every other, which takes minutes here.
    volume.unmount().unwrap();
    assert_eq!(fake::check::<VFat>(&device, &options(&[])).unwrap(), (0, vec![]));
    let volume = mount_with(&device, &[("bigdirs", Value::Bool(false))]);
    assert_eq!(volume.readdir(volume.walk("BIG").unwrap().node).unwrap().len(), 66_666);
    let dir = volume.mkdir(volume.root(), b"SMALL", 0).unwrap().node;
    let refusal = (0..70_000).find_map(|at| volume.create(dir, format!("F{at}").as_bytes(), 0, 0).err());
    assert_eq!(refusal.map(|refusal| refusal.errno), Some(Errno::ENOSPC));
    volume.unmount().unwrap();
    assert_eq!(fake::check::<VFat>(&device, &options(&[])).unwrap(), (0, vec![]));
}

#[test]
fn two_openings_see_one_size_at_once() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let (found, first) = volume.create(volume.root(), b"shared", 0, open::O_RDWR).unwrap();
    let second = volume.open(found.node, open::O_RDWR).unwrap();
    first.write_at(100_000, b"end", 0).unwrap();
    assert_eq!(volume.getattr(found.node).unwrap().size_bytes, 100_003);
    assert_eq!(volume.lookup(volume.root(), b"SHARED").unwrap().attr.size_bytes, 100_003);
    let mut buf = [1; 10];
    assert_eq!(second.read_at(99_995, &mut buf).unwrap(), 8);
    assert_eq!(buf, *b"\0\0\0\0\0end\x01\x01");
    second.write_at(0, b"more", open::O_APPEND).unwrap();
    assert_eq!(first.read_at(100_003, &mut buf).unwrap(), 4);
    drop((first, second));
    end(volume, &device);
}

#[test]
fn a_file_without_a_name_keeps_its_data_until_it_is_forgotten() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let before = free(&volume);
    let (found, old) = volume.create(volume.root(), b"name", 0, open::O_RDWR).unwrap();
    old.write_at(0, &pattern(5000, 1), 0).unwrap();
    let removed = volume.unlink(volume.root(), b"name").unwrap();
    assert_eq!((removed.node, removed.nlink), (found.node, 0));
    assert_eq!(volume.getattr(found.node).unwrap().nlink, 0);
    let new = file(&volume, volume.root(), "name", b"new file contents");
    old.write_at(0, b"CORRUPT", 0).unwrap();
    old.write_at(5000, &pattern(3000, 2), 0).unwrap();
    volume.sync().unwrap();
    let mut buf = vec![0; 8000];
    assert_eq!(old.read_at(0, &mut buf).unwrap(), 8000);
    assert_eq!((&buf[..7], &buf[7..5000]), (&b"CORRUPT"[..], &pattern(5000, 1)[7..]));
    assert_eq!(content(&volume, "name"), b"new file contents");
    assert_ne!(new, found.node);
    drop(old);
    volume.forget(found.node, 1);
    assert_eq!(free(&volume), before - 1, "no cluster leaks");
    end(volume, &device);
}

#[test]
fn a_length_is_set_both_ways() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let node = file(&volume, volume.root(), "file", &pattern(3000, 1));
    assert_eq!(resize(&volume, node, 100).unwrap(), 100);
    assert_eq!(resize(&volume, node, 2000).unwrap(), 2000);
    let mut expected = pattern(3000, 1);
    expected.truncate(100);
    expected.resize(2000, 0);
    assert_eq!(volume.read(node).unwrap(), expected);
    assert_eq!(resize(&volume, node, 0).unwrap(), 0);
    assert_eq!(resize(&volume, node, 1000).unwrap(), 1000);
    assert_eq!(volume.read(node).unwrap(), vec![0; 1000]);
    assert_eq!(refused(resize(&volume, node, 1 << 32)), Errno::EFBIG);
    let space = free(&volume);
    assert_eq!(refused(resize(&volume, node, 10 << 20)), Errno::ENOSPC);
    assert_eq!((volume.getattr(node).unwrap().size_bytes, free(&volume)), (1000, space), "all or nothing");
    end(volume, &device);
}

#[test]
fn a_full_disk_keeps_what_fitted() {
    for shape in [FLOPPY, SHAPES[3], SHAPES[2]] {
        let device = empty(shape);
        let volume = mount(&device);
        let cluster = u64::from(volume.statfs().unwrap().block_size_bytes);
        let room = free(&volume) * cluster;
        let (_, first) = volume.create(volume.root(), b"first", 0, open::O_RDWR).unwrap();
        let all = pattern(room as usize + 70_000, 5);
        let done = first.write_at(0, &all, 0).unwrap() as u64;
        assert_eq!(done, room, "{shape:?}");
        assert_eq!(free(&volume), 0);
        assert_eq!(refused(first.write_at(done, b"x", 0)), Errno::ENOSPC);
        assert_eq!(refused(volume.mkdir(volume.root(), b"dir", 0)), Errno::ENOSPC);
        let (found, empty) = volume.create(volume.root(), b"empty", 0, open::O_RDWR).unwrap();
        assert_eq!(refused(empty.write_at(0, b"x", 0)), Errno::ENOSPC);
        assert_eq!(volume.getattr(found.node).unwrap().size_bytes, 0);
        let mut back = vec![0; all.len()];
        assert_eq!(first.read_at(0, &mut back).unwrap() as u64, room);
        assert!(back[..room as usize] == all[..room as usize]);
        // A gap that does not fit leaves nothing behind.
        drop(first);
        let node = volume.walk("first").unwrap().node;
        resize(&volume, node, room - 3 * cluster).unwrap();
        assert_eq!(refused(empty.write_at(4 * cluster, b"x", 0)), Errno::ENOSPC);
        assert_eq!(free(&volume), 3);
        assert_eq!(empty.write_at(2 * cluster + 5, &pattern(100_000, 1), 0).unwrap() as u64, cluster - 5);
        drop(empty);
        end(volume, &device);
    }
}

#[test]
fn the_disk_is_full_at_every_point() {
    // The same calls with more and more space: each may fail, none may leave damage.
    for clusters in 0..40_u64 {
        let device = empty(Shape::new(720, 12, 512, 1));
        let volume = mount(&device);
        let (_, filler) = volume.create(volume.root(), b"filler", 0, open::O_RDWR).unwrap();
        let fill = (free(&volume) - clusters) * 512;
        assert_eq!(filler.write_at(0, &vec![9; fill as usize], 0).unwrap() as u64, fill);
        drop(filler);
        let root = volume.root();
        let dir = volume.mkdir(root, b"a directory", 0);
        let dir = dir.map_or(root, |found| found.node);
        for at in 0..12 {
            let name = format!("a file with a name so long that the directory has to grow {at}");
            if let Ok((_, file)) = volume.create(dir, name.as_bytes(), 0, open::O_RDWR) {
                let _ = file.write_at(700, &pattern(1000, at), 0);
                let _ = file.fallocate(FALLOC_KEEP_SIZE, 0, 4000);
            }
            let moved = format!("moved to the root, with a name that is as long as the other was {at}");
            let _ = volume.rename((dir, name.as_bytes()), (root, moved.as_bytes()), 0);
            let _ = volume.mkdir(dir, format!("inner {at}").as_bytes(), 0);
        }
        end(volume, &device);
    }
}

#[test]
fn the_longest_file_is_four_gibibytes_less_one() {
    let device = empty(SHAPES[5]);
    let volume = mount(&device);
    let (found, file) = volume.create(volume.root(), b"f", 0, open::O_RDWR).unwrap();
    assert_eq!(refused(file.write_at(u64::from(u32::MAX), b"x", 0)), Errno::EFBIG);
    assert_eq!(refused(file.write_at(u64::MAX, b"x", 0)), Errno::EFBIG);
    assert_eq!(refused(file.write_at(u64::from(u32::MAX) - 2, b"xyz", 0)), Errno::ENOSPC);
    assert_eq!(refused(file.fallocate(0, u64::from(u32::MAX), 1)), Errno::EFBIG);
    assert_eq!(volume.getattr(found.node).unwrap().size_bytes, 0);
    drop(file);
    end(volume, &device);
}

#[test]
fn a_reservation_lasts_until_the_last_close() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let before = free(&volume);
    let (found, file) = volume.create(volume.root(), b"f", 0, open::O_RDWR).unwrap();
    file.fallocate(FALLOC_KEEP_SIZE, 0, 20_000).unwrap();
    assert_eq!((free(&volume), volume.getattr(found.node).unwrap().size_bytes), (before - 40, 0));
    file.write_at(5000, b"x", 0).unwrap();
    let (extents, pin) = volume.map_extents(found.node, 0, 5001).unwrap();
    assert_eq!(extents.len(), 1, "reserved in one piece");
    volume.unpin(found.node, pin);
    drop(file);
    assert_eq!(free(&volume), before - 10);
    let file = volume.open(found.node, open::O_RDWR).unwrap();
    file.fallocate(0, 0, 6000).unwrap();
    assert_eq!(volume.getattr(found.node).unwrap().size_bytes, 6000);
    let mut buf = [1; 999];
    file.read_at(5001, &mut buf).unwrap();
    assert_eq!(buf, [0; 999]);
    assert_eq!(refused(file.fallocate(FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, 0, 10)), Errno::ENOTSUP);
    drop(file);
    end(volume, &device);
}

#[test]
fn free_space_is_told_in_order_and_is_all_that_statfs_counts() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let nodes = ["a", "b", "c", "d"].map(|name| file(&volume, volume.root(), name, &[7; 3000]));
    volume.unlink(volume.root(), b"b").unwrap();
    volume.forget(nodes[1], 1);
    volume.sync().unwrap();
    let (mut all, mut offset) = (Vec::new(), 0);
    loop {
        let more = volume.free_extents(offset).unwrap();
        let Some(last) = more.last() else { break };
        offset = last.medium_offset + last.len_bytes;
        all.extend(more);
    }
    assert_eq!(all.iter().map(|e| e.len_bytes).sum::<u64>(), free(&volume) * 512);
    assert!(all[0].len_bytes == 3072 && all.len() > 1, "where b was: {all:?}");
    for name in ["a", "c", "d"] {
        let node = volume.walk(name).unwrap().node;
        let (extents, pin) = volume.map_extents(node, 0, 3000).unwrap();
        let apart = |of: &nxvfs_sdk::Extent, free: &nxvfs_sdk::Extent| {
            of.medium_offset + of.len_bytes <= free.medium_offset
                || free.medium_offset + free.len_bytes <= of.medium_offset
        };
        assert!(extents.iter().all(|of| all.iter().all(|free| apart(of, free))), "{name}");
        volume.unpin(node, pin);
    }
    // From the middle of a cluster on: the next one.
    assert_eq!(
        volume.free_extents(all[0].medium_offset + 1).unwrap()[0].medium_offset,
        all[0].medium_offset + 512
    );
    assert_eq!(volume.free_extents(device.len_bytes()).unwrap(), []);
    assert_eq!(volume.free_extents(u64::MAX).unwrap(), []);
    end(volume, &device);
}

#[test]
fn a_directory_does_not_move_into_itself_and_finds_its_new_parent() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let a = volume.mkdir(volume.root(), b"a", 0).unwrap().node;
    let b = volume.mkdir(a, b"b", 0).unwrap().node;
    let c = volume.mkdir(volume.root(), b"c", 0).unwrap().node;
    assert_eq!(refused(volume.rename((volume.root(), b"a"), (b, b"x"), 0)), Errno::EINVAL);
    assert_eq!(refused(volume.rename((volume.root(), b"a"), (a, b"x"), 0)), Errno::EINVAL);
    volume.rename((a, b"b"), (c, b"b"), 0).unwrap();
    assert_eq!(volume.getattr(volume.root()).unwrap().nlink, 4);
    assert_eq!((volume.getattr(a).unwrap().nlink, volume.getattr(c).unwrap().nlink), (2, 3));
    file(&volume, b, "file", b"in b");
    // fsck.fat looks at `..`.
    end(volume, &device);
}

#[test]
fn a_rename_can_change_the_case_only() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let root = volume.root();
    let node = file(&volume, root, "foo.txt", b"1");
    for name in ["FOO.TXT", "Foo.txt", "foo.TXT", "foo.txt"] {
        volume.rename((root, b"foo.txt"), (root, name.as_bytes()), 0).unwrap();
        assert_eq!(names(&volume, root), [name]);
        assert_eq!(volume.lookup(root, b"foo.txt").unwrap().node, node);
    }
    end(volume, &device);
}

#[test]
fn numbers_of_inodes_are_stable_and_those_of_the_listing() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let root = volume.root();
    for at in 0..20 {
        file(&volume, root, &format!("long name number {at}"), b"x");
    }
    volume.unmount().unwrap();
    let volume = mount(&device);
    let listed = volume.readdir(root).unwrap();
    let all: std::collections::BTreeSet<u64> = listed.iter().map(|entry| entry.ino).collect();
    assert_eq!(all.len(), 20);
    let before = volume.lookup(root, b"long name number 3").unwrap();
    volume.rename((root, b"long name number 3"), (root, b"renamed to something else altogether"), 0).unwrap();
    // A new file in the old place is another one.
    let new = file(&volume, root, "long name number 3", b"");
    assert_eq!(volume.getattr(before.node).unwrap().ino, before.attr.ino);
    assert_ne!(volume.getattr(new).unwrap().ino, before.attr.ino);
    let listed = volume.readdir(root).unwrap();
    for entry in &listed {
        assert_eq!(volume.lookup(root, &entry.name).unwrap().attr.ino, entry.ino);
    }
    end(volume, &device);
}

#[test]
fn a_listing_goes_on_where_it_was_while_the_directory_changes() {
    let device = empty(SHAPES[5]);
    let volume = mount(&device);
    let dir = volume.mkdir(volume.root(), b"dir", 0).unwrap().node;
    for at in 0..300 {
        file(&volume, dir, &format!("stays, number {at}"), b"");
        file(&volume, dir, &format!("goes, number {at}"), b"");
    }
    let (mut cookie, mut seen, mut round) = (0, Vec::new(), 0);
    loop {
        let part = volume.readdir_from(dir, cookie, 7).unwrap();
        let Some(last) = part.last() else { break };
        cookie = last.next_cookie;
        seen.extend(part.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()));
        let _ = volume.unlink(dir, format!("goes, number {round}").as_bytes());
        file(&volume, dir, &format!("new one, number {round}"), b"");
        round += 1;
    }
    for at in 0..300 {
        let name = format!("stays, number {at}");
        assert_eq!(seen.iter().filter(|other| **other == name).count(), 1, "{name}");
    }
    end(volume, &device);
}

#[test]
fn attributes_are_those_of_fat() {
    let device = empty(FLOPPY);
    let volume = mount_with(
        &device,
        &[
            ("uid", Value::Uint(7)),
            ("gid", Value::Uint(8)),
            ("fmask", Value::Str("133")),
            ("dmask", Value::Str("0o22")),
        ],
    );
    let (found, file) = volume.create(volume.root(), b"f", 0o600, open::O_RDWR).unwrap();
    let attr = found.attr;
    assert_eq!((attr.mode, attr.uid, attr.gid, attr.nlink), (mode::S_IFREG | 0o644, 7, 8, 1));
    let mut number = [0; 4];
    file.ioctl(GET_ATTRIBUTES, &mut number).unwrap();
    assert_eq!(u32::from_ne_bytes(number), 0x20);
    file.ioctl(SET_ATTRIBUTES, &mut 0x23_u32.to_ne_bytes()).unwrap();
    assert_eq!(volume.getattr(found.node).unwrap().mode & 0o777, 0o444);
    assert_eq!(refused(file.ioctl(SET_ATTRIBUTES, &mut 0x100_u32.to_ne_bytes())), Errno::EINVAL);
    let chmod = |mode| volume.setattr(found.node, &SetAttr { valid: SET_MODE, mode, ..Grow::empty() });
    assert_eq!(chmod(0o644).unwrap().mode & 0o777, 0o644);
    // Only whether it can be written can be held.
    assert_eq!(chmod(0o777).unwrap().mode & 0o777, 0o644);
    assert_eq!(chmod(0o400).unwrap().mode & 0o777, 0o444);
    assert_eq!(refused(chmod(0o1644)), Errno::EPERM);
    let chown = SetAttr { valid: SET_UID, uid: 9, ..Grow::empty() };
    assert_eq!(refused(volume.setattr(found.node, &chown)), Errno::EPERM);
    assert!(volume.setattr(found.node, &SetAttr { valid: SET_UID, uid: 7, ..Grow::empty() }).is_ok());
    assert_eq!(refused(file.ioctl(0x0301, &mut number)), Errno::ENOTTY);
    drop(file);
    end(volume, &device);
    let listing = judge(&device.bytes()).mtool("mattrib", &["::/f"]);
    assert!(listing.contains("HR") || listing.contains("R") && listing.contains('H'), "{listing}");
    let volume = mount_with(&device, &[("quiet", Value::Bool(true))]);
    let found = volume.walk("f").unwrap();
    assert_eq!(volume.setattr(found.node, &chown).unwrap().uid, 0);
    assert_eq!(
        volume.setattr(found.node, &SetAttr { valid: SET_MODE, mode: 0o4600, ..Grow::empty() }).unwrap().mode
            & 0o777,
        0o755
    );
    end(volume, &device);
}

#[test]
fn times_are_kept_as_finely_as_the_format_can() {
    let device = empty(FLOPPY);
    let time = |seconds, nanoseconds| Timespec { seconds, nanoseconds, reserved: 0 };
    let volume = mount_with(&device, &[("tz", Value::Str("+02:00"))]);
    let node = file(&volume, volume.root(), "f", b"");
    let set = SetAttr {
        valid: SET_ATIME | SET_MTIME | SET_BTIME,
        atime: time(1_600_000_001, 5),
        mtime: time(1_600_000_001, 999),
        btime: time(1_600_000_001, 123_456_789),
        ..Grow::empty()
    };
    let attr = volume.setattr(node, &set).unwrap();
    assert_eq!((attr.mtime, attr.btime), (time(1_600_000_000, 0), time(1_600_000_001, 120_000_000)));
    assert_eq!((attr.atime.seconds + 7200) % 86_400, 0);
    volume.unmount().unwrap();
    let volume = mount_with(&device, &[("tz", Value::Str("+02:00"))]);
    let again = volume.walk("f").unwrap().attr;
    assert_eq!((again.mtime, again.btime, again.atime), (attr.mtime, attr.btime, attr.atime));
    volume.unmount().unwrap();
    let volume = mount(&device);
    assert_eq!(volume.walk("f").unwrap().attr.mtime.seconds, 1_600_000_000 + 7200);
}

#[test]
fn the_label_can_be_read_and_changed() {
    for shape in [FLOPPY, SHAPES[5]] {
        let device = Device::new(Image::made(shape, &["-n", "FIRST", "-i", "12345678"]).bytes(), 512);
        let probed = fake::probe::<VFat>(&device, &options(&[])).unwrap().unwrap();
        assert_eq!((probed.label.as_str(), probed.score), ("FIRST", 95));
        let volume = mount(&device);
        let node = file(&volume, volume.root(), "f", b"");
        let opened = volume.open(node, open::O_RDWR).unwrap();
        let mut label = [1; 256];
        opened.ioctl(GET_LABEL, &mut label).unwrap();
        assert_eq!(&label[..6], b"FIRST\0");
        let mut number = [0; 4];
        opened.ioctl(GET_VOLUME_ID, &mut number).unwrap();
        assert_eq!(u32::from_ne_bytes(number), 0x1234_5678);
        let mut wanted = [0; 256];
        wanted[..7].copy_from_slice(b"another");
        opened.ioctl(SET_LABEL, &mut wanted).unwrap();
        wanted[..8].copy_from_slice(b"too long");
        wanted[8..20].fill(b'x');
        assert_eq!(refused(opened.ioctl(SET_LABEL, &mut wanted)), Errno::EINVAL);
        drop(opened);
        volume.unmount().unwrap();
        let said = judge(&device.bytes()).mtool("mlabel", &["-s", "::"]);
        assert!(said.contains("ANOTHER"), "{said}");
        assert_eq!(fake::probe::<VFat>(&device, &options(&[])).unwrap().unwrap().label, "ANOTHER");
        let volume = mount(&device);
        let opened = volume.open(volume.walk("f").unwrap().node, 0).unwrap();
        opened.ioctl(SET_LABEL, &mut [0; 256]).unwrap();
        opened.ioctl(GET_LABEL, &mut label).unwrap();
        assert_eq!(label[0], 0);
        drop(opened);
        end(volume, &device);
    }
}

#[test]
fn what_is_pinned_is_not_given_to_others() {
    let device = empty(Shape::new(720, 12, 512, 1)).xip(true);
    let volume = mount(&device);
    let node = file(&volume, volume.root(), "mapped", &pattern(10_000, 3));
    let (extents, pin) = volume.map_extents(node, 0, 10_000).unwrap();
    assert_eq!(extents.iter().map(|extent| extent.len_bytes).sum::<u64>(), 10_000);
    assert_eq!(extents.len(), 1, "written in one go, mapped in one piece");
    let bytes = device.bytes();
    let at = extents[0].medium_offset as usize;
    assert!(bytes[at..at + 10_000] == pattern(10_000, 3));
    resize(&volume, node, 0).unwrap();
    volume.unlink(volume.root(), b"mapped").unwrap();
    volume.sync().unwrap();
    // All that is left is filled; the pinned bytes stay.
    let (_, file) = volume.create(volume.root(), b"greedy", 0, open::O_RDWR).unwrap();
    let room = free(&volume) * 512;
    assert_eq!(file.write_at(0, &vec![0xee; room as usize + 50_000], 0).unwrap() as u64, room);
    assert!(device.bytes()[at..at + 10_000] == pattern(10_000, 3), "pinned");
    volume.forget(node, 1);
    assert_eq!(free(&volume), 0, "the pin holds it though nobody knows it");
    volume.unpin(node, pin);
    assert_eq!(free(&volume), 20);
    assert_eq!(file.write_at(0, &[0xee; 10_240], open::O_APPEND).unwrap(), 10_240);
    assert_eq!(device.bytes()[at..at + 10_000], vec![0xee; 10_000]);
    drop(file);
    end(volume, &device);
}

#[test]
fn files_that_grow_side_by_side_stay_in_one_piece_for_long() {
    let device = empty(Shape::new(65_536, 32, 512, 1)).xip(true);
    let volume = mount(&device);
    let made: Vec<_> = (0..4)
        .map(|at| volume.create(volume.root(), format!("f{at}").as_bytes(), 0, open::O_RDWR).unwrap())
        .collect();
    for _ in 0..512 {
        for (_, file) in &made {
            file.write_at(0, &[1; 4096], open::O_APPEND).unwrap();
        }
    }
    for (found, _) in &made {
        let (extents, pin) = volume.map_extents(found.node, 0, 512 * 4096).unwrap();
        assert!(extents.len() <= 14, "{} pieces", extents.len());
        volume.unpin(found.node, pin);
    }
    drop(made);
    end(volume, &device);
}

#[test]
fn nothing_is_mapped_where_the_user_said_so_and_nothing_but_files() {
    let device = empty(FLOPPY).xip(true);
    let volume = mount(&device);
    let node = file(&volume, volume.root(), "f", &pattern(100, 1));
    assert_eq!(refused(volume.map_extents(node, 100, 1)), Errno::EINVAL);
    assert_eq!(refused(volume.map_extents(volume.root(), 0, 1)), Errno::ENXIO);
    assert!(volume.map_extents(node, 0, 0).is_ok());
    volume.unmount().unwrap();
    let volume = mount_with(&device, &[("mmap", Value::Bool(false))]);
    assert_eq!(refused(volume.map_extents(volume.walk("f").unwrap().node, 0, 1)), Errno::ENXIO);
}

#[test]
fn a_read_only_volume_refuses_every_change() {
    let device = empty(FLOPPY);
    let volume = mount(&device);
    let node = file(&volume, volume.root(), "f", b"content");
    volume.remount(MOUNT_RDONLY, &options(&[])).unwrap();
    let root = volume.root();
    assert_eq!(refused(volume.create(root, b"g", 0, 0).map(drop)), Errno::EROFS);
    assert_eq!(refused(volume.mkdir(root, b"g", 0)), Errno::EROFS);
    assert_eq!(refused(volume.unlink(root, b"f")), Errno::EROFS);
    assert_eq!(refused(volume.rename((root, b"f"), (root, b"g"), 0)), Errno::EROFS);
    assert_eq!(refused(resize(&volume, node, 0)), Errno::EROFS);
    assert_eq!(refused(volume.open(node, open::O_RDWR).unwrap().write_at(0, b"x", 0)), Errno::EROFS);
    assert_eq!(volume.read(node).unwrap(), b"content");
    end(volume, &device);
}

#[test]
fn with_sync_every_change_is_on_the_medium_when_its_call_returns() {
    let device = empty(FLOPPY);
    let volume = mount_with(&device, &[("sync", Value::Bool(true))]);
    let dir = volume.mkdir(volume.root(), b"dir", 0).unwrap().node;
    file(&volume, dir, "file", &pattern(3000, 4));
    let image = Image::new(&device.bytes());
    let said = image.fsck(&["-n"]);
    assert!(said.iter().all(|line| line.contains("irty") || line.contains("Leaving")), "{said:?}");
    let out = image.folder().join("out");
    image.mtool("mcopy", &["-n", "::/dir/file", out.to_str().unwrap()]);
    assert_eq!(std::fs::read(out).unwrap(), pattern(3000, 4));
    volume.unmount().unwrap();
}

#[test]
fn discarded_clusters_are_those_that_nobody_uses() {
    let device = empty(FLOPPY);
    let volume = mount_with(&device, &[("discard", Value::Bool(true))]);
    let keep = file(&volume, volume.root(), "keep", &pattern(5000, 1));
    let go = file(&volume, volume.root(), "go", &pattern(5000, 2));
    let (extents, pin) = volume.map_extents(go, 0, 1).unwrap();
    volume.unpin(go, pin);
    volume.unlink(volume.root(), b"go").unwrap();
    volume.forget(go, 1);
    volume.sync().unwrap();
    assert_eq!(device.bytes()[extents[0].medium_offset as usize], 0xdd);
    assert_eq!(volume.read(keep).unwrap(), pattern(5000, 1));
    end(volume, &device);
}

#[test]
fn options_out_of_range_are_refused_with_what_is_expected() {
    let device = empty(FLOPPY);
    for (name, value) in [
        ("codepage", Value::Uint(1252)),
        ("iocharset", Value::Str("latin1")),
        ("shortname", Value::Str("win2000")),
        ("tz", Value::Str("Mars")),
        ("errors", Value::Str("panic")),
        ("fmask", Value::Str("1000")),
        ("dmask", Value::Str("9")),
        ("umask", Value::Str("+22")),
        ("uid", Value::Uint(1 << 32)),
    ] {
        let refusal = fake::mount::<VFat>(&device, &options(&[(name, value)])).err().unwrap();
        assert_eq!(refusal.errno, Errno::EINVAL, "{name}");
        assert!(refusal.what.contains(name) && !refusal.expected.is_empty(), "{refusal}");
    }
}

#[test]
fn case_flags_are_those_of_windows_nt() {
    let device = empty(FLOPPY);
    let volume = mount_with(&device, &[("shortname", Value::Str("winnt"))]);
    let all = ["lower.txt", "UPPER.TXT", "mixed.EXT", "MIXED2.ext", "noext"];
    for name in all {
        file(&volume, volume.root(), name, b"");
    }
    volume.unmount().unwrap();
    assert_eq!(names(&mount(&device), 1), all);
    let upper: Vec<String> = all.iter().map(|name| name.to_uppercase()).collect();
    assert_eq!(names(&mount_with(&device, &[("shortname", Value::Str("win95"))]), 1), upper);
    let lower: Vec<String> = all.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(names(&mount_with(&device, &[("shortname", Value::Str("lower"))]), 1), lower);
    // One slot each: no long names were made.
    let listing = judge(&device.bytes()).mtool("mdir", &["::/"]);
    assert!(!listing.contains('~'), "{listing}");
}

#[test]
fn short_names_are_read_by_the_code_page() {
    let image = Image::made(FLOPPY, &[]);
    let mut bytes = image.bytes();
    let root = 512 * (1 + 2 * 9);
    bytes[root..root + 11].copy_from_slice(b"\x05\x9aBER\x9b  TXT");
    bytes[root + 11] = 0x20;
    let device = Device::new(&bytes, 512);
    assert_eq!(names(&mount_with(&device, &[("codepage", Value::Uint(437))]), 1), ["σÜBER¢.TXT"]);
    assert_eq!(names(&mount_with(&device, &[("codepage", Value::Uint(850))]), 1), ["ÕÜBERø.TXT"]);
    let volume = mount_with(&device, &[("codepage", Value::Uint(850))]);
    assert!(volume.lookup(1, "õüberØ.txt".as_bytes()).is_ok());
}

#[test]
fn a_device_that_fails_is_told_and_nothing_more_is_written() {
    let device = empty(SHAPES[3]);
    let volume = mount(&device);
    let node = file(&volume, volume.root(), "f", &pattern(5000, 1));
    volume.sync().unwrap();
    let (extents, pin) = volume.map_extents(node, 0, 5000).unwrap();
    volume.unpin(node, pin);
    let at = extents[0].medium_offset;
    device.fail_at(at + 1024..at + 1025);
    let opened = volume.open(node, open::O_RDWR).unwrap();
    let mut buf = [0; 512];
    assert_eq!(refused(opened.read_at(1024, &mut buf)), Errno::EIO);
    assert_eq!(opened.read_at(0, &mut buf).unwrap(), 512);
    device.heal();
    assert_eq!(opened.read_at(1024, &mut buf).unwrap(), 512);
    // The table cannot be written.
    device.fail_at(512..1024);
    opened.write_at(5000, &pattern(5000, 2), 0).unwrap();
    assert_eq!(refused(opened.fsync(false)), Errno::EIO);
    assert_eq!(refused(opened.write_at(0, b"x", 0)), Errno::EROFS);
    device.heal();
    drop(opened);
    volume.unmount().unwrap();
}
