//! What a mounted volume answers, on an image whose every byte is known.

mod common;

use common::{CHARACTER, DIR, FILE, Image, devices, mount, sampler};
use nxvfs_romfs::RomFs;
use nxvfs_sdk::abi::filesystem::{INFO_IMMUTABLE, INFO_RDONLY};
use nxvfs_sdk::{Errno, fake, mode, open};

#[test]
fn attributes_are_those_of_linux() {
    for device in devices(&sampler()) {
        let volume = mount(&device);
        let attr = |path: &str| volume.walk(path).unwrap().attr;
        let modes = [
            ("", mode::S_IFDIR | 0o755),
            ("file", mode::S_IFREG | 0o644),
            ("program", mode::S_IFREG | 0o755),
            ("symlink", mode::S_IFLNK | 0o777),
            ("sda1", mode::S_IFBLK | 0o600),
            ("tty1", mode::S_IFCHR | 0o600),
            ("socket", mode::S_IFSOCK | 0o644),
            ("fifo", mode::S_IFIFO | 0o644),
            ("dir", mode::S_IFDIR | 0o755),
        ];
        for (path, mode) in modes {
            let attr = attr(path);
            assert_eq!((attr.mode, attr.nlink, attr.uid, attr.gid), (mode, 1, 0, 0), "{path}");
            assert_eq!((attr.mtime.seconds, attr.ctime.seconds), (0, 0));
        }
        assert_eq!(attr("sda1").rdev, 8 << 32 | 1);
        assert_eq!(attr("tty1").rdev, 4 << 32 | 1);
        assert_eq!(attr("file").size_bytes, 13);
        assert_eq!(attr("dir").size_bytes, 32, "a directory is as long as its header");
        assert_eq!(attr("").ino, 32, "the inode is the offset of the header");
        let long = "dir/a hard link whose name is far longer than its target's";
        assert_eq!(attr(long).ino, attr("file").ino);
        assert_eq!(volume.read(volume.walk(long).unwrap().node).unwrap(), b"Hello, world\n");
    }
}

#[test]
fn the_volume_is_read_only_and_immutable() {
    let device = &devices(&sampler())[0];
    let volume = mount(device);
    assert_eq!(volume.info().flags, INFO_RDONLY | INFO_IMMUTABLE);
    assert_eq!((volume.info().magic, volume.info().name_max_bytes), (0x7275, 255));
    let sizes = volume.statfs().unwrap();
    assert_eq!((sizes.magic, sizes.block_size_bytes, sizes.blocks_free), (0x7275, 1024, 0));
    assert_eq!(
        sizes.blocks,
        u64::from(u32::from_be_bytes(device.bytes()[8..12].try_into().unwrap()).div_ceil(1024))
    );
    let file = volume.walk("file").unwrap().node;
    assert_eq!(volume.open(file, open::O_RDWR).err().unwrap().errno, Errno::EROFS);
    // ENOSYS is "absent" to a host, which then answers EROFS.
    assert_eq!(volume.mkdir(volume.root(), b"new", 0o755).err().unwrap().errno, Errno::ENOSYS);
    assert_eq!(volume.unlink(volume.root(), b"file").err().unwrap().errno, Errno::ENOSYS);
    assert_eq!(device.writes(), 0);
}

#[test]
fn reads_stop_at_the_end_of_the_file() {
    for device in devices(&sampler()) {
        let volume = mount(&device);
        let file = volume.open(volume.walk("file").unwrap().node, open::O_RDONLY).unwrap();
        let mut buf = [0xee; 20];
        assert_eq!(file.read_at(0, &mut buf).unwrap(), 13);
        assert_eq!((&buf[..13], buf[13]), (&b"Hello, world\n"[..], 0xee));
        assert_eq!(file.read_at(12, &mut buf).unwrap(), 1);
        for offset in [13, 14, 1 << 32, u64::MAX] {
            assert_eq!(file.read_at(offset, &mut buf).unwrap(), 0);
        }
        assert_eq!(file.read_at(0, &mut []).unwrap(), 0);
    }
}

#[test]
fn types_are_respected() {
    let device = &devices(&sampler())[0];
    let volume = mount(device);
    let node = |path: &str| volume.walk(path).unwrap().node;
    let open = |path: &str| volume.open(node(path), open::O_RDONLY).err().unwrap().errno;
    assert_eq!(
        (open("dir"), open("fifo"), open("sda1"), open("symlink")),
        (Errno::EISDIR, Errno::ENXIO, Errno::ENXIO, Errno::ENXIO)
    );
    assert_eq!(volume.readlink(node("file")).unwrap_err().errno, Errno::EINVAL);
    assert_eq!(volume.readlink(node("symlink")).unwrap(), b"dir/nested");
    assert_eq!(volume.lookup(node("file"), b"x").err().unwrap().errno, Errno::ENOTDIR);
    assert_eq!(volume.readdir(node("file")).unwrap_err().errno, Errno::ENOTDIR);
    assert_eq!(volume.lookup(volume.root(), b"missing").err().unwrap().errno, Errno::ENOENT);
    assert_eq!(volume.lookup(volume.root(), b"FILE").err().unwrap().errno, Errno::ENOENT);
    for number in [0, 1, 16, 31, 1 << 20, u64::MAX] {
        assert!(volume.getattr(number).is_err() && volume.lookup(number, b"x").is_err());
        assert!(volume.readdir(number).is_err() && volume.open(number, 0).is_err());
    }
}

#[test]
fn a_file_is_one_extent() {
    for device in devices(&sampler()) {
        let volume = mount(&device);
        let (bytes, node) = (device.bytes(), volume.walk("program").unwrap().node);
        let (extents, pin) = volume.map_extents(node, 10, u64::MAX).unwrap();
        let [extent] = extents.as_slice() else { panic!("one extent: {extents:?}") };
        assert_eq!((extent.file_offset, extent.len_bytes), (10, 90));
        let start = extent.medium_offset as usize;
        assert_eq!(bytes[start..start + 90], [7; 90]);
        volume.unpin(node, pin);
        assert_eq!(volume.map_extents(node, 0, 5).unwrap().0[0].len_bytes, 5);
        assert_eq!(volume.map_extents(node, 0, 0).unwrap().0, [], "length 0 asks whether mapping is offered");
        assert_eq!(volume.map_extents(node, 100, 1).unwrap_err().errno, Errno::EINVAL);
        assert_eq!(volume.map_extents(node, u64::MAX, 1).unwrap_err().errno, Errno::EINVAL);
        let empty = volume.walk("empty").unwrap().node;
        assert_eq!(volume.map_extents(empty, 0, 1).unwrap_err().errno, Errno::EINVAL);
        let symlink = volume.walk("symlink").unwrap().node;
        assert_eq!(volume.map_extents(symlink, 0, 1).unwrap_err().errno, Errno::ENXIO);
    }
}

#[test]
fn a_listing_goes_on_where_it_stopped() {
    for device in devices(&sampler()) {
        let volume = mount(&device);
        let all = volume.readdir(volume.root()).unwrap();
        let names: Vec<_> = all.iter().map(|entry| entry.name.as_slice()).collect();
        let expected: [&[u8]; 9] =
            [b"file", b"program", b"empty", b"symlink", b"sda1", b"tty1", b"socket", b"fifo", b"dir"];
        assert_eq!(names, expected, "in the order of the image, without `.` and `..`");
        for (number, entry) in all.iter().enumerate() {
            let rest = volume.readdir_from(volume.root(), entry.next_cookie, usize::MAX).unwrap();
            assert_eq!(rest, all[number + 1..]);
        }
        for cookie in [all.len() as u64, 1000, 1 << 40, u64::MAX] {
            assert_eq!(volume.readdir_from(volume.root(), cookie, usize::MAX).unwrap(), []);
        }
    }
}

#[test]
fn a_listing_survives_that_the_directory_was_forgotten() {
    let device = &devices(&sampler())[0];
    let volume = mount(device);
    let dir = volume.walk("dir").unwrap().node;
    let first = volume.readdir_from(dir, 0, 1).unwrap();
    assert_eq!(volume.walk("dir").unwrap().node, dir);
    volume.forget(dir, 1);
    assert_eq!(volume.readdir(dir).unwrap().len(), 2, "it is still counted once");
    volume.forget(dir, 1);
    assert_eq!(volume.readdir(dir).unwrap_err().errno, Errno::ESTALE);
    assert_eq!(volume.walk("dir").unwrap().node, dir, "the same number after all");
    let rest = volume.readdir_from(dir, first[0].next_cookie, usize::MAX).unwrap();
    assert_eq!(rest.len(), 1);
    // Others have no state, and the root is never forgotten.
    volume.forget(volume.walk("file").unwrap().node, 1);
    volume.forget(volume.root(), 100);
    volume.forget(u64::MAX, 1);
    assert!(volume.walk("file").is_ok());
}

#[test]
fn the_first_of_two_equal_names_counts() {
    let mut image = Image::new("");
    let root = image.add(b".", DIR, 0, b"");
    let first = image.add(b"same", FILE, 0, b"first");
    let other = image.add(b"other", FILE, 0, b"");
    let second = image.add(b"same", CHARACTER, 1, b"");
    image.chain(&[root, first, other, second]);
    image.set(root, 4, root);
    for device in devices(&image.finish()) {
        let volume = mount(&device);
        assert_eq!(volume.readdir(volume.root()).unwrap().len(), 2);
        assert_eq!(volume.walk("same").unwrap().attr.ino, u64::from(first));
        let (left, findings) = fake::check::<RomFs>(&device, &[]).unwrap();
        assert_eq!((left, findings[0].path.as_str()), (1, "/same"), "{findings:?}");
    }
}

#[test]
fn a_mount_reads_two_headers_and_no_tree() {
    let device = &devices(&sampler())[0];
    let volume = mount(device);
    assert_eq!(device.reads(), 2);
    volume.walk("file").unwrap();
    let indexed = device.reads();
    volume.walk("program").unwrap();
    volume.walk("fifo").unwrap();
    volume.readdir(volume.root()).unwrap();
    assert_eq!(device.reads(), indexed, "what is indexed is not read again");
    let file = volume.open(volume.walk("program").unwrap().node, open::O_RDONLY).unwrap();
    let opened = device.reads();
    file.read_at(3, &mut [0; 50]).unwrap();
    assert_eq!(device.reads(), opened + 1, "a read is one read of the medium");
}

#[test]
fn a_failing_device_is_eio_and_nothing_of_it_is_kept() {
    let device = &devices(&sampler())[0];
    let volume = mount(device);
    device.fail_at(0..u64::MAX);
    assert_eq!(volume.walk("file").err().unwrap().errno, Errno::EIO);
    assert_eq!(volume.readdir(volume.root()).unwrap_err().errno, Errno::EIO);
    assert_eq!(fake::mount::<RomFs>(device, &[]).err().unwrap().errno, Errno::EIO);
    assert_eq!(fake::check::<RomFs>(device, &[]).unwrap_err().errno, Errno::EIO);
    device.heal();
    let node = volume.walk("dir/nested").unwrap().node;
    device.fail_at(0..u64::MAX);
    assert_eq!(volume.read(node).unwrap_err().errno, Errno::EIO);
    device.heal();
    assert_eq!(volume.read(node).unwrap(), b"deep\n");
}

#[test]
fn threads_see_the_same() {
    for device in devices(&sampler()) {
        let volume = mount(&device);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let dir = volume.walk("dir").unwrap().node;
                        assert_eq!(volume.readdir(dir).unwrap().len(), 2);
                        assert_eq!(
                            volume.read(volume.lookup(dir, b"nested").unwrap().node).unwrap(),
                            b"deep\n"
                        );
                        volume.forget(dir, 1);
                    }
                });
            }
        });
    }
}
