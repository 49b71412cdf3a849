//! Images made by genromfs, compared with the trees that they were made from.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use common::{devices, genromfs, mount};
use nxvfs_romfs::RomFs;
use nxvfs_sdk::fake::Value;
use nxvfs_sdk::{Attr, Errno, fake, mode};

/// A device node as genromfs reads it from a file's name: `@name,type,major,minor`.
fn device_node(file_name: &OsStr) -> Option<(Vec<u8>, u32, u64)> {
    let text = file_name.to_str()?.strip_prefix('@')?;
    let mut parts = text.split(',');
    let name = parts.next()?.as_bytes().to_vec();
    let file_type = match parts.next()? {
        "b" => mode::S_IFBLK,
        "c" => mode::S_IFCHR,
        "p" => mode::S_IFIFO,
        _ => return None,
    };
    let mut number = || parts.next()?.parse::<u64>().ok();
    Some((name, file_type, number()? << 32 | number()?))
}

/// Compares one directory and all below it; collects which source inodes became which inodes of the image.
fn compare(
    volume: &fake::Mounted<RomFs>,
    dir: u64,
    source: &Path,
    inodes: &mut BTreeMap<(u64, u64), BTreeSet<u64>>,
) {
    let mut expected = BTreeSet::new();
    let listed: BTreeMap<_, _> =
        volume.readdir(dir).unwrap().into_iter().map(|entry| (entry.name.clone(), entry)).collect();
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let file_name = path.file_name().unwrap();
        let node = device_node(file_name);
        let name = node.as_ref().map_or_else(|| file_name.as_bytes().to_vec(), |(name, _, _)| name.clone());
        let found =
            volume.lookup(dir, &name).unwrap_or_else(|refusal| panic!("{}: {refusal}", path.display()));
        let attr = found.attr;
        assert!(listed.contains_key(&name), "{} is not listed: {listed:?}", path.display());
        assert_eq!(listed[&name].ino, attr.ino, "{}", path.display());
        assert_eq!(listed[&name].file_type, attr.file_type(), "{}", path.display());
        assert_eq!((attr.nlink, attr.uid, attr.gid), (1, 0, 0));
        match node {
            Some((_, file_type, rdev)) => assert_eq!((attr.file_type(), attr.rdev), (file_type, rdev)),
            None => {
                same_node(volume, &found, &attr, &path, &meta);
                if !meta.is_dir() {
                    inodes.entry((meta.dev(), meta.ino())).or_default().insert(attr.ino);
                }
            }
        }
        if meta.is_dir() {
            compare(volume, found.node, &path, inodes);
        }
        expected.insert(name);
    }
    assert_eq!(listed.into_keys().collect::<BTreeSet<_>>(), expected, "names in {}", source.display());
}

fn same_node(
    volume: &fake::Mounted<RomFs>,
    found: &fake::Found,
    attr: &Attr,
    path: &Path,
    meta: &fs::Metadata,
) {
    let x = if meta.permissions().mode() & 0o111 != 0 { 0o111 } else { 0 };
    let kind = meta.file_type();
    let expected = if kind.is_dir() {
        mode::S_IFDIR | 0o644 | x
    } else if kind.is_file() {
        mode::S_IFREG | 0o644 | x
    } else if kind.is_symlink() {
        mode::S_IFLNK | 0o777
    } else if kind.is_fifo() {
        mode::S_IFIFO | 0o644
    } else if kind.is_socket() {
        mode::S_IFSOCK | 0o644
    } else {
        panic!("{}: a kind that no test makes", path.display())
    };
    assert_eq!(attr.mode, expected, "{}: {:o}, expected {expected:o}", path.display(), attr.mode);
    if kind.is_file() {
        assert_eq!(attr.size_bytes, meta.len());
        assert_eq!(volume.read(found.node).unwrap(), fs::read(path).unwrap(), "{}", path.display());
    } else if kind.is_symlink() {
        let target = fs::read_link(path).unwrap();
        assert_eq!(volume.readlink(found.node).unwrap(), target.as_os_str().as_bytes());
        assert_eq!(attr.size_bytes, target.as_os_str().len() as u64);
    }
}

fn compare_image(image: &[u8], source: &Path) {
    for device in devices(image) {
        let volume = mount(&device);
        let mut inodes = BTreeMap::new();
        compare(&volume, volume.root(), source, &mut inodes);
        let mut all = BTreeSet::new();
        for (source, ours) in inodes {
            assert_eq!(ours.len(), 1, "hard links of {source:?} share one inode: {ours:x?}");
            assert!(all.insert(ours), "different files have different inodes");
        }
        drop(volume);
        let (left, findings) = fake::check::<RomFs>(&device, &[]).unwrap();
        assert_eq!((left, findings.as_slice()), (0, [].as_slice()), "a sound image has no findings");
    }
}

/// All options of the builder, those that are given and the defaults of the others.
fn options<'a>(given: &[(&'static str, Value<'a>)]) -> Vec<(&'static str, Value<'a>)> {
    let defaults = [
        ("d", Value::Path(Path::new(""))),
        ("V", Value::Str("rom")),
        ("a", Value::Size(16)),
        ("A", Value::Str("")),
        ("x", Value::Str("")),
    ];
    let others = defaults.into_iter().filter(|(name, _)| given.iter().all(|(other, _)| name != other));
    given.iter().copied().chain(others).collect()
}

/// The image that our own builder makes, on a device that is as long as it must be.
fn built(dir: &Path, label: &str, align: u64) -> Vec<u8> {
    let device = fake::Device::new(vec![0xee; 8 << 20], 512);
    let options = options(&[("d", Value::Path(dir)), ("V", Value::Str(label)), ("a", Value::Size(align))]);
    fake::format::<RomFs>(&device, &options).unwrap_or_else(|refusal| panic!("{refusal}"));
    let len = fake::probe::<RomFs>(&device, &[]).unwrap().unwrap().volume_bytes;
    let mut image = device.bytes();
    image.truncate(len.next_multiple_of(1024) as usize);
    let rest = image.iter().rev().take_while(|byte| **byte == 0).count() as u64;
    assert!(rest >= len.next_multiple_of(1024) - len, "filled up with zeros");
    image
}

/// Both images of a tree are as the tree, and as long as each other.
fn compare_both(dir: &Path, label: &str) {
    let (theirs, ours) = (genromfs(dir, label), built(dir, label, 16));
    compare_image(&theirs, dir);
    compare_image(&ours, dir);
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn a_volume_that_cannot_be_made_says_why() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), vec![1; 5000]).unwrap();
    let folder = ("d", Value::Path(dir.path()));
    let make = |device: &fake::Device, wrong: Option<(&'static str, Value<'_>)>| {
        let folder = Some(folder).filter(|_| wrong.is_none_or(|(name, _)| name != "d"));
        let given: Vec<_> = folder.into_iter().chain(wrong).collect();
        fake::format::<RomFs>(device, &options(&given)).unwrap_err()
    };
    let small = fake::Device::new([0xee; 4096], 512);
    let said = make(&small, None);
    assert!(said.errno == Errno::ENOSPC && said.to_string().contains("4096 bytes"), "{said}");
    assert_eq!(small.bytes(), [0xee; 4096], "nothing is written before it is known that it fits");
    let large = fake::Device::new([0xee; 64 << 10], 512);
    for (wrong, word) in [
        (("a", Value::Size(24)), "power of two"),
        (("a", Value::Size(8)), "power of two"),
        (("a", Value::Size(1 << 40)), "power of two"),
        (("A", Value::Str("32,*\n4096")), "ALIGN,PATTERN"),
        (("A", Value::Str("x,*")), "power of two"),
        (("x", Value::Str("[")), "pattern"),
        (("V", Value::Str(&"l".repeat(256))), "255"),
        (("d", Value::Path(Path::new(""))), "folder"),
        (("d", Value::Path(&dir.path().join("none"))), "none"),
        (("d", Value::Path(&dir.path().join("file"))), "file"),
    ] {
        let said = make(&large, Some(wrong));
        assert!(said.to_string().contains(word), "{word}: {said}");
    }
    assert_eq!(make(&fake::Device::new([0; 64 << 10], 512).read_only(true), None).errno, Errno::EROFS);
    fs::write(dir.path().join("a"), "").unwrap();
    fs::write(dir.path().join("@a,b,1,2"), "").unwrap();
    let said = make(&large, None);
    assert!(said.errno == Errno::EEXIST && said.to_string().contains("one name"), "{said}");
    assert!(large.bytes().iter().all(|byte| *byte == 0xee));
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn every_kind_of_node_is_as_in_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("a/b/c/d/e/f")).unwrap();
    fs::create_dir(at("empty")).unwrap();
    fs::write(at("hello.txt"), "Hello, world\n").unwrap();
    fs::write(at("nothing"), "").unwrap();
    for len in [1, 15, 16, 17, 511, 512, 513, 4096, 70_000] {
        let content: Vec<u8> = (0..len).map(|i| (i * 7 + len) as u8).collect();
        fs::write(at(&format!("a/{len}")), content).unwrap();
    }
    fs::write(at("a/b/program"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(at("a/b/program"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("../hello.txt", at("a/up")).unwrap();
    symlink("/nowhere/at all", at("a/b/broken")).unwrap();
    symlink("x".repeat(1000), at("a/long target")).unwrap();
    mkfifo(&at("a/b/pipe"));
    let _socket = UnixListener::bind(at("a/socket")).unwrap();
    for name in ["@console,c,5,1", "@sda1,b,8,1", "@high,c,65535,65535", "@queue,p,0,0"] {
        fs::write(at(&format!("a/{name}")), "").unwrap();
    }
    fs::write(at("a/b/c/na\u{ef}ve \u{4e2d}"), "utf-8").unwrap();
    fs::write(at("a/b/c").join(OsStr::from_bytes(b"\xff\xfe raw")), "raw").unwrap();
    compare_both(dir.path(), "every kind");
}

#[test]
fn hard_links_read_the_target_whatever_the_lengths_of_their_names() {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| dir.path().join(path);
    fs::create_dir_all(at("x/y")).unwrap();
    for (number, len) in [1, 14, 15, 16, 17, 31, 32, 100].into_iter().enumerate() {
        let target = at(&"t".repeat(len));
        fs::write(&target, format!("content of number {number}")).unwrap();
        for link_len in [2, 13, 15, 16, 18, 33, 120] {
            fs::hard_link(&target, at(&format!("x/{number}{}", "l".repeat(link_len)))).unwrap();
            fs::hard_link(&target, at(&format!("x/y/{number}{}", "m".repeat(link_len)))).unwrap();
        }
    }
    fs::write(at("x/program"), "#!").unwrap();
    fs::set_permissions(at("x/program"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::hard_link(at("x/program"), at("program as well")).unwrap();
    compare_both(dir.path(), "links");
}

#[test]
fn names_up_to_the_longest_and_labels_of_every_padding() {
    let dir = tempfile::tempdir().unwrap();
    for len in [127, 128, 129, 200, 239, 240, 254, 255] {
        fs::write(dir.path().join("n".repeat(len)), format!("{len}")).unwrap();
    }
    for label_len in [0, 1, 15, 16, 17, 100] {
        let label = "v".repeat(label_len);
        compare_both(dir.path(), &label);
        let image = genromfs(dir.path(), &label);
        let probed = fake::probe::<RomFs>(&devices(&image)[0], &[]).unwrap().unwrap();
        let expected: String = label.chars().take(64).collect();
        assert_eq!((probed.score, probed.label), (100, expected));
    }
}

#[test]
fn aligned_images_and_empty_ones() {
    let dir = tempfile::tempdir().unwrap();
    compare_both(dir.path(), "empty");
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("sub/one"), vec![1; 5000]).unwrap();
    fs::write(dir.path().join("two"), vec![2; 50]).unwrap();
    let out = tempfile::NamedTempFile::new().unwrap();
    let run = Command::new("genromfs")
        .args(["-a", "4096", "-d"])
        .arg(dir.path())
        .arg("-f")
        .arg(out.path())
        .status()
        .expect("genromfs is what romfs is judged by: install it (package genromfs)");
    assert!(run.success());
    for image in [fs::read(out.path()).unwrap(), built(dir.path(), "aligned", 4096)] {
        compare_image(&image, dir.path());
        let device = fake::Device::new(&image, 512).xip(true);
        let volume = mount(&device);
        let (extents, _) = volume.map_extents(volume.walk("sub/one").unwrap().node, 0, 5000).unwrap();
        assert_eq!(extents[0].medium_offset % 4096, 0, "-a aligns the content");
    }
}

#[test]
fn a_directory_of_two_thousand() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..2000 {
        fs::write(dir.path().join(format!("file-{number}")), format!("{number}")).unwrap();
    }
    compare_both(dir.path(), "many");
}
