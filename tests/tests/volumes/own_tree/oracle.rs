//! Random operations, done in the host's own tree and by Linux in a folder: the same answers, the same tree.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nxvfs::{HostOptions, Task};
use nxvfs_abi::types::{mode, open};
use nxvfs_tests::{Board, Link, options};
use proptest::prelude::*;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};

#[derive(Clone, Debug)]
enum Op {
    Open { path: String, flags: u32, mode: u32, data: Vec<u8> },
    Mkdir(String, u32),
    Rmdir(String),
    Unlink(String),
    Rename(String, String, u32),
    Link(String, String),
    Symlink(String, String),
    Truncate(String, u64),
    Chmod(String, u32),
    Chown(String, Option<u32>, Option<u32>),
    Read(String),
    Readlink(String),
    Stat(String),
}

/// Paths of few names, so that they meet; some end in a slash.
fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["a", "b", "c"]);
    (prop::collection::vec(name, 1..4), prop::bool::weighted(0.1)).prop_map(|(names, slash)| {
        let mut path = names.join("/");
        if slash {
            path.push('/');
        }
        path
    })
}

fn op() -> impl Strategy<Value = Op> {
    let open_flags = prop::sample::subsequence(
        vec![open::O_CREAT, open::O_EXCL, open::O_TRUNC, open::O_APPEND, open::O_NOFOLLOW],
        0..=3,
    );
    let access = prop::sample::select(vec![open::O_RDONLY, open::O_WRONLY, open::O_RDWR]);
    let modes = || prop::sample::select(vec![0o644, 0o755, 0o600, 0o2755, 0o1777, 0o4711, 0o6777, 0o2664]);
    let data = prop::collection::vec(any::<u8>(), 0..64);
    let target = prop_oneof![path(), path().prop_map(|p| format!("../{p}")), Just(".".to_owned())];
    let owner = || prop::option::of(prop::sample::select(vec![0_u32, 1000]));
    prop_oneof![
        6 => (path(), open_flags, access, modes(), data).prop_map(|(path, flags, access, mode, data)| {
            Op::Open { path, flags: flags.iter().fold(access, |a, b| a | b), mode, data }
        }),
        4 => (path(), modes()).prop_map(|(p, m)| Op::Mkdir(p, m)),
        1 => path().prop_map(Op::Rmdir),
        2 => path().prop_map(Op::Unlink),
        6 => (path(), path(), 0_u32..4).prop_map(|(a, b, f)| Op::Rename(a, b, f)),
        3 => (path(), path()).prop_map(|(a, b)| Op::Link(a, b)),
        // Without a slash at the end: with one, Linux's `O_CREAT` gives up before it sees that links go round.
        2 => (target, path()).prop_map(|(a, b)| Op::Symlink(a.trim_end_matches('/').to_owned(), b)),
        1 => (path(), 0_u64..20_000).prop_map(|(p, n)| Op::Truncate(p, n)),
        1 => (path(), modes()).prop_map(|(p, m)| Op::Chmod(p, m)),
        1 => (path(), owner(), owner()).prop_map(|(p, u, g)| Op::Chown(p, u, g)),
        2 => path().prop_map(Op::Read),
        1 => path().prop_map(Op::Readlink),
        1 => path().prop_map(Op::Stat),
    ]
}

/// What both sides answer: a number and bytes, or an errno.
type Answer = Result<(u64, Vec<u8>), i32>;

fn ours(task: &Task, op: &Op) -> Answer {
    let done = |r: nxvfs::Result<()>| r.map(|()| (0, Vec::new()));
    let at = |path: &String| format!("/p/t/{path}");
    let answer = match op {
        Op::Open { path, flags, mode, data } => task.open(at(path), *flags, *mode).and_then(|fd| {
            let wrote = if flags & open::O_ACCMODE == open::O_RDONLY { 0 } else { task.write(fd, data)? };
            let mut all = vec![0; 100_000];
            let read =
                if flags & open::O_ACCMODE == open::O_WRONLY { 0 } else { task.pread(fd, &mut all, 0)? };
            all.truncate(read);
            let position = task.lseek(fd, 0, nxvfs::file::Whence::Current)?;
            task.close(fd)?;
            Ok((wrote as u64 + (position << 32), all))
        }),
        Op::Mkdir(path, mode) => done(task.mkdir(at(path), *mode)),
        Op::Rmdir(path) => done(task.rmdir(at(path))),
        Op::Unlink(path) => done(task.unlink(at(path))),
        Op::Rename(old, new, flags) => done(task.rename(at(old), at(new), *flags)),
        Op::Link(old, new) => done(task.link(at(old), at(new))),
        Op::Symlink(target, path) => done(task.symlink(target, at(path))),
        Op::Truncate(path, size) => done(task.truncate(at(path), *size)),
        Op::Chmod(path, mode) => done(task.chmod(at(path), *mode)),
        Op::Chown(path, uid, gid) => done(task.chown(at(path), *uid, *gid)),
        Op::Read(path) => nxvfs_tests::content(task, &at(path)).map(|all| (0, all)),
        Op::Readlink(path) => task.readlink(at(path)).map(|target| (0, target)),
        Op::Stat(path) => task.stat(at(path)).map(|stat| (u64::from(stat.attr.mode), Vec::new())),
    };
    answer.map_err(|e| e.errno().get())
}

fn linux(root: &Path, op: &Op) -> Answer {
    let at = |path: &String| PathBuf::from(format!("{}/{path}", root.display()));
    let io = |e: std::io::Error| e.raw_os_error().expect("an errno");
    let done = |r: rustix::io::Result<()>| r.map(|()| (0, Vec::new())).map_err(|e| e.raw_os_error());
    let unlink = |path: &String, flags| done(rustix::fs::unlinkat(CWD, at(path), flags));
    match op {
        Op::Open { path, flags, mode, data } => {
            let flags_linux = OFlags::from_bits_retain(*flags) | OFlags::CLOEXEC;
            let fd = rustix::fs::open(at(path), flags_linux, Mode::from_raw_mode(*mode));
            let fd = fd.map_err(|e| e.raw_os_error())?;
            let run = || -> rustix::io::Result<(u64, Vec<u8>)> {
                let wrote =
                    if flags & open::O_ACCMODE == open::O_RDONLY { 0 } else { rustix::io::write(&fd, data)? };
                let mut all = vec![0; 100_000];
                let read = match flags & open::O_ACCMODE {
                    open::O_WRONLY => 0,
                    _ => rustix::io::pread(&fd, &mut all[..], 0)?,
                };
                all.truncate(read);
                let position = rustix::fs::tell(&fd)?;
                Ok((wrote as u64 + (position << 32), all))
            };
            run().map_err(|e| e.raw_os_error())
        }
        Op::Mkdir(path, mode) => done(rustix::fs::mkdir(at(path), Mode::from_raw_mode(*mode))),
        Op::Rmdir(path) => unlink(path, AtFlags::REMOVEDIR),
        Op::Unlink(path) => unlink(path, AtFlags::empty()),
        Op::Rename(old, new, flags) => {
            done(rustix::fs::renameat_with(CWD, at(old), CWD, at(new), RenameFlags::from_bits_retain(*flags)))
        }
        Op::Link(old, new) => done(rustix::fs::link(at(old), at(new))),
        Op::Symlink(target, path) => done(rustix::fs::symlink(target, at(path))),
        Op::Truncate(path, size) => {
            let file = std::fs::OpenOptions::new().write(true).open(at(path)).map_err(io)?;
            file.set_len(*size).map(|()| (0, Vec::new())).map_err(io)
        }
        Op::Chmod(path, mode) => {
            std::fs::set_permissions(at(path), std::fs::Permissions::from_mode(*mode)).map_err(io)?;
            Ok((0, Vec::new()))
        }
        Op::Chown(path, uid, gid) => {
            std::os::unix::fs::chown(at(path), *uid, *gid).map_err(io)?;
            Ok((0, Vec::new()))
        }
        Op::Read(path) => match std::fs::read(at(path)) {
            Ok(all) => Ok((0, all)),
            Err(e) => Err(io(e)),
        },
        Op::Readlink(path) => {
            let target = std::fs::read_link(at(path)).map_err(io)?;
            Ok((0, target.as_os_str().as_bytes().to_vec()))
        }
        Op::Stat(path) => std::fs::metadata(at(path)).map(|m| (u64::from(m.mode()), Vec::new())).map_err(io),
    }
}

/// What can be seen of a node.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    mode: u32,
    nlink: u64,
    owner: (u32, u32),
    content: Vec<u8>,
    /// The first path of the same inode.
    twin: String,
}

fn our_tree(task: &Task) -> BTreeMap<String, Seen> {
    let (mut out, mut twins) = (BTreeMap::new(), BTreeMap::new());
    let mut left = vec![String::new()];
    while let Some(path) = left.pop() {
        let full = format!("/p/t{path}");
        let attr = task.lstat(&full).unwrap().attr;
        let content = match attr.file_type() {
            mode::S_IFREG => nxvfs_tests::content(task, &full).unwrap(),
            mode::S_IFLNK => task.readlink(&full).unwrap(),
            _ => {
                let entries = task.opendir(&full).unwrap().map(|e| e.unwrap());
                let names = entries.filter(|e| e.name != b"." && e.name != b"..");
                left.extend(names.map(|e| {
                    let child = format!("{path}/{}", String::from_utf8(e.name).unwrap());
                    assert_eq!(task.lstat(format!("/p/t{child}")).unwrap().attr.ino, e.ino);
                    child
                }));
                Vec::new()
            }
        };
        assert!(content.is_empty() || attr.size_bytes == content.len() as u64);
        let owner = (attr.uid, attr.gid);
        let seen = Seen { mode: attr.mode, nlink: attr.nlink.into(), owner, content, twin: String::new() };
        twins.entry(attr.ino).or_insert_with(Vec::new).push(path.clone());
        out.insert(path, seen);
    }
    name_twins(&mut out, twins);
    out
}

fn linux_tree(root: &Path) -> BTreeMap<String, Seen> {
    let (mut out, mut twins) = (BTreeMap::new(), BTreeMap::new());
    let mut left = vec![String::new()];
    while let Some(path) = left.pop() {
        let full = PathBuf::from(format!("{}{path}", root.display()));
        let meta = std::fs::symlink_metadata(&full).unwrap();
        let content = if meta.is_file() {
            std::fs::read(&full).unwrap()
        } else if meta.is_symlink() {
            std::fs::read_link(&full).unwrap().as_os_str().as_bytes().to_vec()
        } else {
            let entries = std::fs::read_dir(&full).unwrap().map(|e| e.unwrap().file_name());
            left.extend(entries.map(|name| format!("{path}/{}", name.to_str().unwrap())));
            Vec::new()
        };
        let owner = (meta.uid(), meta.gid());
        let seen = Seen { mode: meta.mode(), nlink: meta.nlink(), owner, content, twin: String::new() };
        twins.entry(meta.ino()).or_insert_with(Vec::new).push(path.clone());
        out.insert(path, seen);
    }
    name_twins(&mut out, twins);
    out
}

fn name_twins(tree: &mut BTreeMap<String, Seen>, twins: BTreeMap<u64, Vec<String>>) {
    for paths in twins.values() {
        let first = paths.iter().min().unwrap();
        for path in paths {
            tree.get_mut(path).unwrap().twin = first.clone();
        }
    }
}

/// A folder of Linux's file system in memory, which counts links as POSIX says.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_own_tree_answers_as_linux_does(ops in prop::collection::vec(op(), 1..60)) {
        // Linux lets user 0 alone change owners.
        let root = rustix::process::geteuid().is_root();
        // One level down, because links may lead to the level above.
        let above = folder();
        let folder = above.path().join("t");
        std::fs::create_dir(&folder).unwrap();
        let host = HostOptions { proc: false, ..options(Link::Static).into() };
        let board = Board::with(host);
        let umask = rustix::process::umask(Mode::from_raw_mode(0o022));
        prop_assert_eq!(umask.as_raw_mode(), 0o022, "the test runs with another umask than the task");
        let task = board.task();
        task.mkdir("/p", 0o755).unwrap();
        task.mkdir("/p/t", std::fs::metadata(&folder).unwrap().mode() & 0o777).unwrap();
        for op in &ops {
            // And takes set-user-id away even if no owner is named; POSIX leaves that open.
            if matches!(op, Op::Chown(..)) && !root || matches!(op, Op::Chown(_, None, None)) {
                continue;
            }
            let (mut theirs, mine) = (linux(&folder, op), ours(&task, op));
            if let (Op::Stat(_), Ok((mode, _))) = (op, &mut theirs) {
                *mode &= 0o177777;
            }
            prop_assert_eq!(&mine, &theirs, "{:?} in {:?}", op, &ops);
        }
        if root {
            prop_assert_eq!(our_tree(&task), linux_tree(&folder), "after {:?}", &ops);
        }
    }
}
