//! Modes, owners, times.

mod common;

use common::{Volume, file, opened, refused, volume};
use nxvfs_sdk::abi::filesystem::*;
use nxvfs_sdk::fake::{self, Value, as_caller};
use nxvfs_sdk::{Errno, Grow, Timespec, mode, open};
use nxvfs_tmpfs::TmpFs;

const OLD: Timespec = Timespec { seconds: 1000, nanoseconds: 5, reserved: 0 };

fn set(volume: &Volume, node: u64, valid: u32, change: impl FnOnce(&mut SetAttr)) -> fake::Result<Attr> {
    let mut set = SetAttr { valid, ..Grow::empty() };
    change(&mut set);
    volume.setattr(node, &set)
}

fn done<T>(_: T) {}

/// Sets the access and modification times back.
fn age(volume: &Volume, node: u64) {
    set(volume, node, SET_ATIME | SET_MTIME, |set| (set.atime, set.mtime) = (OLD, OLD)).unwrap();
}

fn permissions(volume: &Volume, node: u64) -> u32 {
    volume.getattr(node).unwrap().mode & 0o7777
}

#[test]
fn attributes_are_set_one_by_one() {
    let volume = volume();
    let node = file(&volume, b"file", b"");
    let before = volume.getattr(node).unwrap();
    assert_eq!((before.atime, before.mtime, before.btime > OLD), (before.btime, before.ctime, true));
    let attr = set(&volume, node, SET_MODE, |set| set.mode = mode::S_IFDIR | 0o7421).unwrap();
    assert_eq!((attr.mode, attr.uid), (mode::S_IFREG | 0o7421, 0), "the type never changes");
    let attr = set(&volume, node, SET_UID, |set| (set.uid, set.gid) = (7, 8)).unwrap();
    assert_eq!((attr.uid, attr.gid), (7, 0));
    let attr = set(&volume, node, SET_GID, |set| (set.uid, set.gid) = (9, 8)).unwrap();
    assert_eq!((attr.uid, attr.gid), (7, 8));
    let attr = set(&volume, node, SET_ATIME | SET_BTIME, |set| (set.atime, set.btime) = (OLD, OLD)).unwrap();
    assert_eq!((attr.atime, attr.btime, attr.mtime), (OLD, OLD, before.mtime));
    assert!(attr.ctime >= before.ctime);
    let attr =
        set(&volume, node, SET_SIZE | SET_MTIME, |set| (set.size_bytes, set.mtime) = (9, OLD)).unwrap();
    assert_eq!((attr.size_bytes, attr.mtime), (9, OLD), "a time that is given counts");
    let told = volume.getattr(node).unwrap();
    assert_eq!((told.ctime, told.uid, told.mode), (attr.ctime, attr.uid, attr.mode));
}

#[test]
fn all_or_nothing_is_set() {
    let volume = volume();
    let node = file(&volume, b"file", b"abc");
    let bad = Timespec { nanoseconds: 1_000_000_000, ..OLD };
    let mode = |set: &mut SetAttr| set.mode = 0o1;
    assert_eq!(refused(set(&volume, node, SET_MODE | 0x80, mode)), Errno::EINVAL);
    for (flag, change) in [
        (SET_ATIME, &(|set: &mut SetAttr| set.atime = bad) as &dyn Fn(&mut SetAttr)),
        (SET_MTIME, &|set: &mut SetAttr| set.mtime = bad),
        (SET_UID, &|set: &mut SetAttr| set.uid = u32::MAX),
        (SET_GID, &|set: &mut SetAttr| set.gid = u32::MAX),
    ] {
        let refusal = set(&volume, node, SET_MODE | SET_SIZE | flag, |set| {
            mode(set);
            change(set);
        });
        assert_eq!(refused(refusal), Errno::EINVAL);
    }
    assert_eq!((permissions(&volume, node), volume.read(node).unwrap()), (0o644, b"abc".to_vec()));
    let link = volume.symlink(volume.root(), b"link", b"x").unwrap().node;
    assert_eq!(refused(set(&volume, link, SET_MODE, mode)), Errno::ENOTSUP);
    assert_eq!(set(&volume, link, SET_UID, |set| set.uid = 5).unwrap().uid, 5);
}

#[test]
fn what_is_made_belongs_to_who_made_it() {
    let volume = volume();
    let root = volume.root();
    let (plain, handed) = as_caller(7, 8, || {
        let plain = volume.mkdir(root, b"plain", 0o755).unwrap();
        (plain, volume.mkdir(root, b"handed", 0o2775).unwrap())
    });
    assert_eq!((plain.attr.uid, plain.attr.gid, plain.attr.mode & 0o7777), (7, 8, 0o755));
    let made = |uid, gid, mode| {
        as_caller(uid, gid, || {
            let file = volume.create(handed.node, b"file", mode, open::O_RDWR).unwrap().0.attr;
            volume.unlink(handed.node, b"file").unwrap();
            (file.uid, file.gid, file.mode & 0o7777)
        })
    };
    assert_eq!(made(1, 2, 0o644), (1, 8, 0o644), "the directory hands its group down");
    assert_eq!(made(1, 2, 0o2754), (1, 8, 0o754), "but not its rights to a stranger");
    assert_eq!(made(1, 2, 0o2744), (1, 8, 0o2744));
    assert_eq!(made(1, 8, 0o2754), (1, 8, 0o2754));
    assert_eq!(made(0, 0, 0o2754), (0, 8, 0o2754));
    let inner = as_caller(1, 2, || volume.mkdir(handed.node, b"dir", 0o700).unwrap());
    assert_eq!((inner.attr.gid, inner.attr.mode & 0o7777), (8, 0o2700), "and the bit to directories");
    let link = as_caller(1, 2, || volume.symlink(handed.node, b"link", b"x").unwrap());
    assert_eq!((link.attr.uid, link.attr.gid, link.attr.mode & 0o7777), (1, 8, 0o777));
}

#[test]
fn a_program_that_is_changed_lends_no_rights() {
    let volume = volume();
    let node = file(&volume, b"file", b"abc");
    let lend = |bits| set(&volume, node, SET_MODE, |set| set.mode = bits).unwrap();
    lend(0o6755);
    opened(&volume, node).write_at(0, b"x", 0).unwrap();
    assert_eq!(permissions(&volume, node), 0o6755, "root may");
    as_caller(5, 5, || opened(&volume, node).write_at(0, b"x", 0)).unwrap();
    assert_eq!(permissions(&volume, node), 0o755);
    lend(0o6745);
    as_caller(5, 5, || set(&volume, node, SET_SIZE, |set| set.size_bytes = 1)).unwrap();
    assert_eq!(permissions(&volume, node), 0o2745, "without the right to execute, set-gid is something else");
    lend(0o6755);
    as_caller(5, 5, || opened(&volume, node).fallocate(0, 0, 10)).unwrap();
    assert_eq!(permissions(&volume, node), 0o755);
    lend(0o6755);
    set(&volume, node, SET_GID, |set| set.gid = 3).unwrap();
    assert_eq!(permissions(&volume, node), 0o755, "another owner ends it, whoever gives it away");
    set(&volume, node, SET_UID | SET_MODE, |set| (set.uid, set.mode) = (3, 0o4711)).unwrap();
    assert_eq!(permissions(&volume, node), 0o4711);
    let dir = volume.mkdir(volume.root(), b"dir", 0o2755).unwrap().node;
    set(&volume, dir, SET_UID, |set| set.uid = 3).unwrap();
    assert_eq!(permissions(&volume, dir), 0o2755, "a directory keeps it");
}

#[test]
fn changes_set_times() {
    let volume = volume();
    let root = volume.root();
    let node = file(&volume, b"file", b"abc");
    let file = opened(&volume, node);
    let touched = |node: u64, action: &dyn Fn()| {
        age(&volume, node);
        action();
        let attr = volume.getattr(node).unwrap();
        (attr.atime != OLD, attr.mtime != OLD)
    };
    assert_eq!(touched(node, &|| done(file.write_at(0, b"x", 0).unwrap())), (false, true));
    assert_eq!(touched(node, &|| done(file.write_at(0, b"", 0).unwrap())), (false, false));
    assert_eq!(touched(node, &|| done(set(&volume, node, SET_SIZE, |_| {}).unwrap())), (false, true));
    assert_eq!(touched(node, &|| done(set(&volume, node, SET_SIZE, |_| {}).unwrap())), (false, true));
    assert_eq!(touched(node, &|| done(set(&volume, node, SET_MODE, |_| {}).unwrap())), (false, false));
    assert_eq!(touched(node, &|| done(volume.link(node, root, b"link").unwrap())), (false, false));
    assert_eq!(touched(root, &|| done(volume.mkdir(root, b"dir", 0o755).unwrap())), (false, true));
    assert_eq!(
        touched(root, &|| done(volume.rename((root, b"link"), (root, b"l"), 0).unwrap())),
        (false, true)
    );
    assert_eq!(touched(root, &|| done(volume.unlink(root, b"l").unwrap())), (false, true));
    assert_eq!(touched(root, &|| done(volume.rmdir(root, b"dir").unwrap())), (false, true));
    assert_eq!(touched(root, &|| done(volume.lookup(root, b"file").unwrap())), (false, false));
}

#[test]
fn a_read_after_a_change_sets_the_access_time() {
    let volume = volume();
    let root = volume.root();
    let node = file(&volume, b"file", b"abc");
    let link = volume.symlink(root, b"link", b"target").unwrap().node;
    let atime = |node| volume.getattr(node).unwrap().atime;
    age(&volume, node);
    let quiet = volume.open(node, open::O_RDONLY | open::O_NOATIME).unwrap();
    quiet.read_at(0, &mut [0; 3]).unwrap();
    assert_eq!(atime(node), OLD);
    volume.read(node).unwrap();
    assert_ne!(atime(node), OLD);
    // Nothing has changed since, so the next read leaves even an old time alone; setting it is a change.
    let file = opened(&volume, node);
    let before = atime(node);
    for _ in 0..1000 {
        file.read_at(0, &mut [0; 3]).unwrap();
    }
    assert_eq!(atime(node), before);
    age(&volume, link);
    volume.readlink(link).unwrap();
    assert_ne!(atime(link), OLD);
    age(&volume, root);
    volume.readdir(root).unwrap();
    assert_ne!(atime(root), OLD);
    volume.remount(MOUNT_RDONLY, &[]).unwrap();
    age(&volume, node);
    volume.read(node).unwrap();
    assert_eq!(atime(node), OLD, "a volume mounted read-only does not change by reading");
}

#[test]
fn the_root_is_as_the_options_say() {
    let mount = |size, mode, uid, gid| {
        let options = [
            ("size", Value::Size(size)),
            ("nr_inodes", Value::Uint(0)),
            ("mode", Value::Uint(mode)),
            ("uid", Value::Uint(uid)),
            ("gid", Value::Uint(gid)),
        ];
        fake::mount::<TmpFs>(None, &options)
    };
    let root = *mount(1, 0o2750, 7, 8).unwrap().root_attr();
    assert_eq!((root.mode, root.uid, root.gid), (mode::S_IFDIR | 0o2750, 7, 8));
    for refusal in [
        mount(0, 0o10000, 0, 0),
        mount(0, u64::MAX, 0, 0),
        mount(0, 0, u64::from(u32::MAX), 0),
        mount(0, 0, 0, u64::MAX),
    ] {
        let error = refusal.err().unwrap();
        assert_eq!((error.errno, error.what.contains("out of range")), (Errno::EINVAL, true), "{error}");
    }
}
