//! Random operations on the volume and, by std, on another folder: the same answers and the same tree.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use common::{Volume, folder, mount_with};
use nxvfs_sdk::abi::filesystem::SET_SIZE;
use nxvfs_sdk::{Errno, Grow, SetAttr, fake, mode, open};
use proptest::prelude::*;

/// Directories that operations name.
const DIRS: [&str; 4] = ["", "a", "b", "a/c"];
const NAMES: [&str; 5] = ["a", "b", "c", "x", "y"];

#[derive(Clone, Debug)]
enum Step {
    Create(usize, usize),
    Write(usize, usize, u64, u8, usize),
    Truncate(usize, usize, u64),
    Mkdir(usize, usize),
    Symlink(usize, usize),
    Link(usize, usize, usize, usize),
    Unlink(usize, usize),
    Rmdir(usize, usize),
    Rename(usize, usize, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (dir, name) = (0..DIRS.len(), 0..NAMES.len());
    let at = (dir, name);
    prop_oneof![
        at.clone().prop_map(|(d, n)| Step::Create(d, n)),
        (at.clone(), 0_u64..9000, any::<u8>(), 0_usize..5000)
            .prop_map(|((d, n), offset, byte, len)| Step::Write(d, n, offset, byte, len)),
        (at.clone(), 0_u64..9000).prop_map(|((d, n), len)| Step::Truncate(d, n, len)),
        at.clone().prop_map(|(d, n)| Step::Mkdir(d, n)),
        at.clone().prop_map(|(d, n)| Step::Symlink(d, n)),
        (at.clone(), at.clone()).prop_map(|((d, n), (e, m))| Step::Link(d, n, e, m)),
        at.clone().prop_map(|(d, n)| Step::Unlink(d, n)),
        at.clone().prop_map(|(d, n)| Step::Rmdir(d, n)),
        (at.clone(), at).prop_map(|((d, n), (e, m))| Step::Rename(d, n, e, m)),
    ]
}

/// What the volume answers; 0 is success.
fn through(volume: &Volume, step: &Step) -> i32 {
    let act = || -> fake::Result<()> {
        let dir = |index: usize| volume.walk(DIRS[index]).map(|found| found.node);
        let name = |index: usize| NAMES[index].as_bytes();
        let regular = |d: usize, n: usize| {
            let found = volume.lookup(dir(d)?, name(n))?;
            volume.open(found.node, open::O_RDWR).map(|file| (found.node, file))
        };
        match *step {
            Step::Create(d, n) => volume.create(dir(d)?, name(n), 0o644, 0).map(drop),
            Step::Write(d, n, offset, byte, len) => {
                regular(d, n)?.1.write_at(offset, &vec![byte; len], 0).map(drop)
            }
            Step::Truncate(d, n, len) => {
                let (node, _file) = regular(d, n)?;
                let set = SetAttr { valid: SET_SIZE, size_bytes: len, ..Grow::empty() };
                volume.setattr(node, &set).map(drop)
            }
            Step::Mkdir(d, n) => volume.mkdir(dir(d)?, name(n), 0o755).map(drop),
            Step::Symlink(d, n) => volume.symlink(dir(d)?, name(n), b"../nowhere").map(drop),
            Step::Link(d, n, e, m) => {
                let found = volume.lookup(dir(d)?, name(n))?;
                volume.link(found.node, dir(e)?, name(m)).map(drop)
            }
            Step::Unlink(d, n) => volume.unlink(dir(d)?, name(n)).map(drop),
            Step::Rmdir(d, n) => volume.rmdir(dir(d)?, name(n)).map(drop),
            Step::Rename(d, n, e, m) => volume.rename((dir(d)?, name(n)), (dir(e)?, name(m)), 0).map(drop),
        }
    };
    act().err().map_or(0, |fail| fail.errno.get())
}

/// What std answers in a folder.
fn beside(folder: &Path, step: &Step) -> i32 {
    let at = |d: usize, n: usize| folder.join(DIRS[d]).join(NAMES[n]);
    let regular = |d: usize, n: usize| {
        let path = at(d, n);
        // The volume does not follow links.
        if fs::symlink_metadata(&path)?.is_symlink() {
            return Err(io::Error::from_raw_os_error(Errno::EINVAL.get()));
        }
        fs::OpenOptions::new().write(true).read(true).open(path)
    };
    let act = || -> io::Result<()> {
        match *step {
            Step::Create(d, n) => fs::File::create_new(at(d, n)).map(drop),
            Step::Write(d, n, offset, byte, len) => {
                use std::io::Seek;
                let mut file = regular(d, n)?;
                file.seek(io::SeekFrom::Start(offset))?;
                file.write_all(&vec![byte; len])
            }
            Step::Truncate(d, n, len) => regular(d, n)?.set_len(len),
            Step::Mkdir(d, n) => fs::create_dir(at(d, n)),
            Step::Symlink(d, n) => symlink("../nowhere", at(d, n)),
            Step::Link(d, n, e, m) => fs::hard_link(at(d, n), at(e, m)),
            Step::Unlink(d, n) => fs::remove_file(at(d, n)),
            Step::Rmdir(d, n) => fs::remove_dir(at(d, n)),
            Step::Rename(d, n, e, m) => fs::rename(at(d, n), at(e, m)),
        }
    };
    act().err().map_or(0, |error| error.raw_os_error().expect("an errno"))
}

type Tree = BTreeMap<String, (u32, u64, Vec<u8>)>;

fn tree(folder: &Path, below: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder.join(below)).unwrap() {
        let path = format!("{below}/{}", entry.unwrap().file_name().to_str().unwrap());
        let path = path.trim_start_matches('/').to_owned();
        let told = fs::symlink_metadata(folder.join(&path)).unwrap();
        let content = match () {
            () if told.is_file() => fs::read(folder.join(&path)).unwrap(),
            () if told.is_symlink() => {
                fs::read_link(folder.join(&path)).unwrap().to_str().unwrap().as_bytes().to_vec()
            }
            () => Vec::new(),
        };
        tree.insert(path.clone(), (told.mode(), told.nlink(), content));
        if told.is_dir() {
            self::tree(folder, &path, tree);
        }
    }
}

/// As the volume tells it.
fn told(volume: &Volume, dir: u64, below: &str, tree: &mut Tree) {
    for entry in volume.readdir(dir).unwrap() {
        let name = String::from_utf8(entry.name.clone()).unwrap();
        let path = format!("{below}/{name}").trim_start_matches('/').to_owned();
        let found = volume.lookup(dir, &entry.name).unwrap();
        let content = match found.attr.file_type() {
            mode::S_IFREG => volume.read(found.node).unwrap(),
            mode::S_IFLNK => volume.readlink(found.node).unwrap(),
            _ => Vec::new(),
        };
        tree.insert(path.clone(), (found.attr.mode, found.attr.nlink.into(), content));
        if found.attr.file_type() == mode::S_IFDIR {
            told(volume, found.node, &path, tree);
        }
    }
}

/// Refusals of which either is right: the volume asks in another order, and the host has checked types before.
fn alike(ours: i32, theirs: i32) -> bool {
    let kinds = [Errno::EISDIR, Errno::ENOTDIR, Errno::EINVAL, Errno::EPERM].map(Errno::get);
    ours == theirs
        || kinds.contains(&ours) && (kinds.contains(&theirs) || theirs == Errno::EEXIST.get())
        || ours == Errno::EEXIST.get() && kinds.contains(&theirs)
        || ours == Errno::ENOENT.get() && kinds.contains(&theirs)
        || kinds.contains(&ours) && theirs == Errno::ENOENT.get()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_volume_does_what_linux_does(steps in prop::collection::vec(step(), 1..120)) {
        let (ours, theirs) = (folder(), folder());
        let volume = mount_with(ours.path(), false, 16).unwrap();
        for step in &steps {
            let (answer, expected) = (through(&volume, step), beside(theirs.path(), step));
            prop_assert!(alike(answer, expected), "{step:?}: {answer}, but Linux {expected}");
            prop_assert_eq!(answer == 0, expected == 0, "{:?}: {}, but Linux {}", step, answer, expected);
        }
        let mut trees = [Tree::new(), Tree::new(), Tree::new()];
        tree(ours.path(), "", &mut trees[0]);
        tree(theirs.path(), "", &mut trees[1]);
        told(&volume, volume.root(), "", &mut trees[2]);
        prop_assert_eq!(&trees[0], &trees[1]);
        prop_assert_eq!(&trees[0], &trees[2]);
    }
}
