//! A large tree on romfs is the same as its source, file by file: names, types, sizes, permissions, links, contents.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nxvfs::Task;
use nxvfs::tree::Tier;
use nxvfs_abi::types::mode::{S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};
use nxvfs_abi::types::open::O_RDONLY;
use nxvfs_tests::image::pattern;
use nxvfs_tests::{Folder, Link, Rng, Way, genromfs};

const FILES: usize = 10_000;
const DIRECTORIES: usize = 400;
const HARD_LINKS: usize = 300;
const SYMBOLIC_LINKS: usize = 400;
/// One of so many files is explained.
const EXPLAINED_ONE_IN: usize = 50;

/// A tree that is the same in every run.
fn plant() -> Folder {
    let mut rng = Rng::new(2026);
    let mut folder = Folder::new().dir("tree");
    let mut directories = vec!["tree".to_owned()];
    for index in 0..DIRECTORIES {
        let parent = rng.pick(&directories).clone();
        let name = format!("{parent}/d{index}{}", "-long".repeat(rng.below(4)));
        folder = folder.dir(&name);
        directories.push(name);
    }
    let mut files = Vec::new();
    for index in 0..FILES {
        let parent = rng.pick(&directories).clone();
        // Spaces, UTF-8 and lengths around the format's 16-byte paddings.
        let odd = *rng.pick(&["", " with spaces", "-äöü", "-日本", ".tar.gz", "-0123456789abcde"]);
        let name = format!("{parent}/f{index}{odd}");
        let len = match rng.below(100) {
            0..5 => 0,
            5..40 => rng.below(64),
            40..90 => rng.below(3000),
            90..99 => rng.below(20_000),
            _ => rng.below(200_000),
        };
        folder = folder.file(&name, pattern(index as u64, len));
        if rng.one_in(5) {
            folder = folder.mode(&name, 0o755);
        }
        files.push(name);
    }
    for index in 0..HARD_LINKS {
        let (old, parent) = (rng.pick(&files).clone(), rng.pick(&directories).clone());
        folder = folder.hard_link(&format!("{parent}/h{index}"), &old);
    }
    for index in 0..SYMBOLIC_LINKS {
        let parent = rng.pick(&directories).clone();
        let target = match rng.below(3) {
            0 => "nowhere/at all".to_owned(),
            1 => "../".repeat(1 + rng.below(3)),
            _ => format!("/rom/{}", rng.pick(&files).trim_start_matches("tree/")),
        };
        folder = folder.link(&format!("{parent}/s{index}"), &target);
    }
    folder
}

/// What was compared.
#[derive(Default)]
struct Seen {
    directories: usize,
    files: usize,
    links: usize,
    explained: usize,
    bytes: u64,
    /// Inode of the source to inode of the volume.
    inodes: BTreeMap<u64, u64>,
}

fn read(task: &Task, path: &[u8], len: usize) -> Vec<u8> {
    let fd = task.open(path, O_RDONLY, 0).unwrap();
    // One byte more than there is, so that a file that is too long shows.
    let mut buf = vec![0; len + 1];
    let done = task.read(fd, &mut buf).unwrap();
    buf.truncate(done);
    task.close(fd).unwrap();
    buf
}

fn compare(task: &Task, source: &Path, path: &[u8], in_place: bool, seen: &mut Seen) {
    let shown = String::from_utf8_lossy(path).into_owned();
    let mut listed = BTreeMap::new();
    for record in task.opendir(path).unwrap() {
        let record = record.unwrap();
        if record.name != b"." && record.name != b".." {
            let twice = listed.insert(record.name.clone(), record);
            assert!(twice.is_none(), "{shown} lists an entry twice");
        }
    }
    let entries: BTreeMap<Vec<u8>, _> = std::fs::read_dir(source)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().as_bytes().to_vec(), entry.path()))
        .collect();
    assert!(listed.keys().eq(entries.keys()), "{shown}: the names");
    seen.directories += 1;
    for (name, source) in entries {
        let path = [path, b"/", &name].concat();
        let shown = String::from_utf8_lossy(&path).into_owned();
        let expected = std::fs::symlink_metadata(&source).unwrap();
        let attr = task.lstat(&path).unwrap().attr;
        assert_eq!(attr.mode & S_IFMT, expected.mode() & S_IFMT, "{shown}: the type");
        assert_eq!((listed[&name].ino, listed[&name].file_type), (attr.ino, attr.mode & S_IFMT), "{shown}");
        match attr.mode & S_IFMT {
            S_IFDIR => compare(task, &source, &path, in_place, seen),
            S_IFLNK => {
                seen.links += 1;
                let target = std::fs::read_link(&source).unwrap();
                assert_eq!(
                    task.readlink(&path).unwrap(),
                    target.as_os_str().as_bytes(),
                    "{shown}: the target"
                );
                assert_eq!(attr.size_bytes, target.as_os_str().len() as u64, "{shown}: the target's length");
            }
            S_IFREG => {
                seen.files += 1;
                assert_eq!(attr.size_bytes, expected.len(), "{shown}: the size");
                assert_eq!(attr.mode & 0o111 != 0, expected.mode() & 0o111 != 0, "{shown}: executable");
                let known = *seen.inodes.entry(expected.ino()).or_insert(attr.ino);
                assert_eq!(known, attr.ino, "{shown}: hard links are one inode");
                let content = std::fs::read(&source).unwrap();
                assert!(read(task, &path, content.len()) == content, "{shown}: the content");
                seen.bytes += content.len() as u64;
                if seen.files.is_multiple_of(EXPLAINED_ONE_IN) {
                    seen.explained += 1;
                    let explained = task.explain(&path).unwrap();
                    let tier = if in_place && !content.is_empty() { Tier::Xip } else { Tier::None };
                    assert_eq!(explained.tier, tier, "{shown}: {}", explained.reason);
                }
            }
            other => panic!("{shown}: type {other:o}"),
        }
    }
}

#[test]
fn ten_thousand_files_are_the_same_by_every_way() {
    let folder = plant();
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    for link in [Link::Static, Link::Dynamic] {
        for in_place in [true, false] {
            let board = Way { link, in_place }.romfs(&image);
            let task = board.task();
            let mut seen = Seen::default();
            compare(&task, &folder.at("tree"), b"/rom", in_place, &mut seen);
            assert_eq!(
                (seen.directories, seen.files, seen.links),
                (DIRECTORIES + 1, FILES + HARD_LINKS, SYMBOLIC_LINKS)
            );
            // Different files are different inodes.
            let mut inodes: Vec<u64> = seen.inodes.values().copied().collect();
            inodes.sort_unstable();
            inodes.dedup();
            assert_eq!(inodes.len(), seen.inodes.len());
            assert!(seen.explained >= 200 && seen.bytes > 20_000_000);
        }
    }
}
