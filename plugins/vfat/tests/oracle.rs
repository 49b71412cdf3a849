//! Both directions against mkfs.fat, mtools and fsck.fat.

mod common;

use std::io::{Cursor, Read};

use common::*;
use nxvfs_sdk::fake::Device;
use nxvfs_sdk::open;

/// Names of every kind, all legal.
const NAMES: [&str; 13] = [
    "README.TXT",
    "readme2.txt",
    "MixedCase.Name",
    "a name with spaces and a very long extension.extension",
    ".hidden",
    "no_extension_but_long_enough",
    "ÄÖÜ äöü ß.txt",
    "Ελληνικά.txt",
    "日本語のファイル名.dat",
    "a+b=c,d;e[f].x",
    "f000001.txt",
    "x",
    "trailing.dots.inside..x",
];

#[test]
fn volumes_of_mkfs_filled_by_mtools_are_read_bit_exactly() {
    for shape in SHAPES {
        let image = Image::made(shape, &["-n", "LABEL"]);
        image.mtool("mmd", &["::/sub", "::/sub/deeper directory"]);
        for (at, name) in NAMES.iter().enumerate() {
            let source = image.folder().join("source");
            std::fs::write(&source, pattern(at * 3001, at as u8)).unwrap();
            for dir in ["", "/sub", "/sub/deeper directory"] {
                image.mtool("mcopy", &[source.to_str().unwrap(), &format!("::{dir}/{name}")]);
            }
        }
        let bytes = image.bytes();
        let device = Device::new(&bytes, shape.sector).read_only(true);
        let volume = mount(&device);
        for dir in ["", "/sub", "/sub/deeper directory"] {
            for (at, name) in NAMES.iter().enumerate() {
                let path = format!("{dir}/{name}");
                assert_eq!(content(&volume, &path), pattern(at * 3001, at as u8), "{shape:?} {path}");
                let upper = format!("{dir}/{}", name.to_uppercase().replace("SS", "ß"));
                assert!(volume.walk(&upper).is_ok(), "{upper}");
            }
            let mut listed = names(&volume, volume.walk(dir).unwrap().node);
            listed.retain(|name| name != "sub" && name != "deeper directory");
            assert_eq!(listed, NAMES, "{shape:?} {dir}");
        }
        volume.unmount().unwrap();
        assert!(device.bytes() == bytes, "a read-only mount changes nothing");
    }
}

#[test]
fn volumes_written_by_us_satisfy_fsck_and_are_read_by_mtools() {
    for shape in SHAPES {
        for xip in [false, true] {
            let device = empty(shape).xip(xip);
            let volume = mount(&device);
            let sub = volume.mkdir(volume.root(), b"sub", 0o755).unwrap().node;
            let deep = volume.mkdir(sub, b"deeper directory", 0o755).unwrap().node;
            for dir in [volume.root(), sub, deep] {
                for (at, name) in NAMES.iter().enumerate() {
                    file(&volume, dir, name, &pattern(at * 3001, at as u8));
                }
            }
            // What was made and went leaves nothing.
            for at in 0..40 {
                file(&volume, deep, &format!("temporary file number {at}"), &pattern(5000, 1));
            }
            for at in 0..40 {
                volume.unlink(deep, format!("temporary file number {at}").as_bytes()).unwrap();
            }
            volume.unmount().unwrap();
            let image = judge(&device.bytes());
            let out = image.folder().join("out");
            std::fs::create_dir(&out).unwrap();
            image.mtool("mcopy", &["-s", "-n", "::/", out.to_str().unwrap()]);
            for dir in ["", "sub", "sub/deeper directory"] {
                for (at, name) in NAMES.iter().enumerate() {
                    let path = out.join(dir).join(name);
                    let read =
                        std::fs::read(&path).unwrap_or_else(|e| panic!("{shape:?} {}: {e}", path.display()));
                    assert_eq!(read, pattern(at * 3001, at as u8), "{shape:?} {}", path.display());
                }
            }
            read_by_fatfs(device.bytes(), &format!("{shape:?}"));
            let volume = mount(&device);
            for (at, name) in NAMES.iter().enumerate() {
                assert_eq!(content(&volume, &format!("sub/{name}")), pattern(at * 3001, at as u8));
            }
            volume.unmount().unwrap();
            judge(&device.bytes());
        }
    }
}

/// The crate `fatfs` finds the same files in it.
#[track_caller]
fn read_by_fatfs(bytes: Vec<u8>, shape: &str) {
    let volume = fatfs::FileSystem::new(Cursor::new(bytes), fatfs::FsOptions::new()).unwrap();
    let root = volume.root_dir();
    for dir in ["", "sub", "sub/deeper directory"] {
        let there = if dir.is_empty() { root.clone() } else { root.open_dir(dir).unwrap() };
        let listed: Vec<String> = there.iter().map(|entry| entry.unwrap().file_name()).collect();
        for (at, name) in NAMES.iter().enumerate() {
            assert!(listed.iter().any(|there| there == name), "{shape} {dir}: no {name} in {listed:?}");
            let mut read = Vec::new();
            there.open_file(name).unwrap().read_to_end(&mut read).unwrap();
            assert!(read == pattern(at * 3001, at as u8), "{shape} {dir}/{name}");
        }
    }
}

#[test]
fn a_tree_of_ten_thousand_files_comes_back_identical() {
    let device = empty(Shape::new(65_536, 32, 512, 1));
    let volume = mount(&device);
    let stem = "a rather long name of a file with ünïcödé number";
    for dir in 0..10 {
        let node = volume.mkdir(volume.root(), format!("directory {dir}").as_bytes(), 0o755).unwrap().node;
        for at in 0..1000 {
            file(&volume, node, &format!("{stem} {at}"), &pattern(at % 700, dir as u8));
        }
    }
    volume.unmount().unwrap();
    let image = judge(&device.bytes());
    let out = image.folder().join("out");
    std::fs::create_dir(&out).unwrap();
    image.mtool("mcopy", &["-s", "-n", "::/", out.to_str().unwrap()]);
    for dir in 0..10 {
        for at in 0..1000 {
            let path = out.join(format!("directory {dir}/{stem} {at}"));
            assert_eq!(std::fs::read(&path).unwrap(), pattern(at % 700, dir as u8), "{}", path.display());
        }
    }
}

#[test]
fn a_volume_is_marked_while_it_is_mounted_for_writing() {
    let device = empty(SHAPES[5]);
    let volume = mount(&device);
    file(&volume, volume.root(), "f", b"x");
    volume.sync().unwrap();
    let said = Image::new(&device.bytes()).fsck(&["-n"]);
    assert!(said.iter().any(|line| line.contains("Dirty bit is set")), "{said:?}");
    volume.unmount().unwrap();
    judge(&device.bytes());
    let volume = mount(&device);
    let (found, opened) = volume.create(volume.root(), b"g", 0o644, open::O_RDWR).unwrap();
    assert_eq!(found.attr.size_bytes, 0);
    drop(opened);
    volume.remount(nxvfs_sdk::abi::filesystem::MOUNT_RDONLY, &options(&[])).unwrap();
    judge(&device.bytes());
    volume.remount(0, &options(&[])).unwrap();
    file(&volume, volume.root(), "h", b"x");
    volume.unmount().unwrap();
    judge(&device.bytes());
}
