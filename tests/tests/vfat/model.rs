//! Random work through descriptors, names in any case and views, against a model in memory: on every kind of FAT, in
//! memory and behind the block cache; fsck.fat looks at what is left.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use nxvfs::mapping::{MapRequest, Prot};
use nxvfs::{Errno, Task};
use nxvfs_abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use nxvfs_abi::types::open::{O_APPEND, O_CREAT, O_RDONLY, O_RDWR};
use nxvfs_tests::Link;
use proptest::prelude::*;

use crate::{Fat, Place, all, everywhere, make};

/// KiB and mkfs.fat's options: types, sectors, clusters from 512 bytes to 64 KiB.
const SHAPES: [(u64, &[&str]); 7] = [
    (1440, &["-F", "12", "-s", "1"]),
    (8192, &["-F", "12", "-S", "4096", "-s", "1"]),
    (8192, &["-F", "12", "-s", "128"]),
    (8192, &["-F", "16", "-s", "1"]),
    (40_960, &["-F", "16", "-S", "4096", "-s", "2"]),
    (36_864, &["-F", "32", "-s", "1"]),
    (270_336, &["-F", "32", "-S", "4096", "-s", "1"]),
];
const DIRS: [&str; 3] = ["/mnt", "/mnt/Dir One", "/mnt/Dir One/sub"];
/// Each name in two spellings.
const NAMES: [&str; 8] = [
    "A.TXT",
    "a.txt",
    "Long name one.text",
    "LONG name ONE.text",
    "Ünï.cöde",
    "ÜNÏ.CÖDE",
    "😀 smile",
    "😀 SMILE",
];
const HANDLES_MAX: usize = 10;

#[derive(Clone, Debug)]
enum Op {
    Open(usize, usize),
    Close(usize),
    Read(usize, usize, usize),
    Write(usize, usize, usize),
    Append(usize, usize),
    Store(usize, usize, usize),
    Cut(usize, usize),
    Sync(usize),
    Unlink(usize, usize),
    Rename(usize, usize, usize, usize, u32),
    Remount,
}

fn ops() -> impl Strategy<Value = Op> {
    let (dir, name, handle) = (0..DIRS.len(), 0..NAMES.len(), 0..HANDLES_MAX);
    let (to_dir, to_name, place, len) = (dir.clone(), name.clone(), 0..60_000_usize, 1..12_000_usize);
    prop_oneof![
        6 => (dir.clone(), name.clone()).prop_map(|(d, n)| Op::Open(d, n)),
        2 => handle.clone().prop_map(Op::Close),
        4 => (handle.clone(), place.clone(), len.clone()).prop_map(|(h, o, l)| Op::Read(h, o, l)),
        6 => (handle.clone(), place.clone(), len.clone()).prop_map(|(h, o, l)| Op::Write(h, o, l)),
        2 => (handle.clone(), len.clone()).prop_map(|(h, l)| Op::Append(h, l)),
        3 => (handle.clone(), place.clone(), len).prop_map(|(h, o, l)| Op::Store(h, o, l)),
        2 => (handle.clone(), place).prop_map(|(h, s)| Op::Cut(h, s)),
        1 => handle.prop_map(Op::Sync),
        3 => (dir.clone(), name.clone()).prop_map(|(d, n)| Op::Unlink(d, n)),
        4 => (dir, name, to_dir, to_name, prop_oneof![
            4 => Just(0), 1 => Just(RENAME_NOREPLACE), 1 => Just(RENAME_EXCHANGE)
        ]).prop_map(|(d, n, e, m, f)| Op::Rename(d, n, e, m, f)),
        1 => Just(Op::Remount),
    ]
}

type Content = Rc<RefCell<Vec<u8>>>;

fn key(dir: usize, name: &str) -> (usize, String) {
    (dir, name.to_uppercase())
}

fn bytes(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ seed as u8 | 1).collect()
}

struct Run {
    fat: Fat,
    task: Task,
    /// As it is spelled, and what is in it.
    names: BTreeMap<(usize, String), (String, Content)>,
    handles: Vec<(u32, Content)>,
}

impl Run {
    fn new(place: Place, (kib, options): (u64, &[&str])) -> Self {
        let fat = Fat::new(place, kib, options, "");
        let task = fat.task();
        DIRS[1..].iter().for_each(|dir| task.mkdir(dir, 0o755).unwrap());
        Self { fat, task, names: BTreeMap::new(), handles: Vec::new() }
    }

    fn handle(&self, at: usize) -> Option<(u32, Content)> {
        let index = at.checked_rem(self.handles.len())?;
        Some(self.handles[index].clone())
    }

    fn step(&mut self, number: usize, op: &Op) {
        match *op {
            Op::Open(dir, name) if self.handles.len() < HANDLES_MAX => {
                let path = format!("{}/{}", DIRS[dir], NAMES[name]);
                let fd = self.task.open(path, O_RDWR | O_CREAT, 0o644).unwrap();
                let made = || (NAMES[name].to_owned(), Content::default());
                let (_, content) = self.names.entry(key(dir, NAMES[name])).or_insert_with(made);
                self.handles.push((fd, content.clone()));
            }
            Op::Open(..) => {}
            Op::Close(at) => {
                if let Some(index) = at.checked_rem(self.handles.len()) {
                    self.task.close(self.handles.swap_remove(index).0).unwrap();
                }
            }
            Op::Read(at, offset, len) => {
                let Some((fd, content)) = self.handle(at) else { return };
                let content = content.borrow();
                let mut buf = vec![0; len];
                let got = self.task.pread(fd, &mut buf, offset as u64).unwrap();
                let end = content.len().min(offset + len);
                assert!(buf[..got] == content[offset.min(end)..end], "read of {len} at {offset}");
            }
            Op::Write(at, offset, len) => {
                let Some((fd, content)) = self.handle(at) else { return };
                let bytes = bytes(number, len);
                assert_eq!(self.task.pwrite(fd, &bytes, offset as u64).unwrap(), len);
                put(&content, offset, &bytes);
            }
            Op::Append(at, len) => {
                let Some((fd, content)) = self.handle(at) else { return };
                let bytes = bytes(number, len);
                self.task.setfl(fd, O_APPEND).unwrap();
                assert_eq!(self.task.write(fd, &bytes).unwrap(), len);
                self.task.setfl(fd, 0).unwrap();
                let end = content.borrow().len();
                put(&content, end, &bytes);
            }
            Op::Store(at, offset, len) => {
                let Some((fd, content)) = self.handle(at) else { return };
                let size = content.borrow().len();
                let Some(offset) = offset.checked_rem(size) else { return };
                let bytes = bytes(number, len.min(size - offset));
                let request = MapRequest::shared(0, size, Prot::READ_WRITE);
                let view = self.task.map(fd, &request).unwrap();
                view.write_at(offset, &bytes).unwrap();
                put(&content, offset, &bytes);
                assert!(all(&self.task, fd) == *content.borrow(), "a store that read does not see");
            }
            Op::Cut(at, size) => {
                let Some((fd, content)) = self.handle(at) else { return };
                self.task.ftruncate(fd, size as u64).unwrap();
                content.borrow_mut().resize(size, 0);
            }
            Op::Sync(at) => {
                let Some((fd, _)) = self.handle(at) else { return };
                self.task.fsync(fd, false).unwrap();
            }
            Op::Unlink(dir, name) => {
                let host = self.task.unlink(format!("{}/{}", DIRS[dir], NAMES[name]));
                let there = self.names.remove(&key(dir, NAMES[name]));
                same(there.map(drop).ok_or(Errno::ENOENT), host);
            }
            Op::Rename(dir, name, to, new, flags) => {
                let path = |dir: usize, name: usize| format!("{}/{}", DIRS[dir], NAMES[name]);
                let host = self.task.rename(path(dir, name), path(to, new), flags);
                let (old, new) = ((dir, NAMES[name]), (to, NAMES[new]));
                let nothing = old == new && flags == 0;
                same(if nothing { self.known(old) } else { self.rename(old, new, flags) }, host);
            }
            Op::Remount => {
                self.close();
                self.fat.board.unmount("/mnt").unwrap();
                self.fat.board.try_mount("/dev/disk", "/mnt", "vfat", "").unwrap();
                self.compare();
            }
        }
    }

    fn known(&self, (dir, name): (usize, &str)) -> Result<(), Errno> {
        self.names.get(&key(dir, name)).map(drop).ok_or(Errno::ENOENT)
    }

    fn rename(&mut self, old: (usize, &str), new: (usize, &str), flags: u32) -> Result<(), Errno> {
        let (spelled, old, new) = (new.1, key(old.0, old.1), key(new.0, new.1));
        let (was, moved) = self.names.get(&old).cloned().ok_or(Errno::ENOENT)?;
        match self.names.get(&new).cloned() {
            // The same name in another case is only spelled anew; an exchange with itself is nothing.
            Some(_) if old == new && flags == RENAME_EXCHANGE => {}
            Some(_) if old == new => drop(self.names.insert(new, (spelled.to_owned(), moved))),
            Some(_) if flags == RENAME_NOREPLACE => return Err(Errno::EEXIST),
            Some((other_spelled, other)) if flags == RENAME_EXCHANGE => {
                self.names.insert(old, (was, other));
                self.names.insert(new, (other_spelled, moved));
            }
            None if flags == RENAME_EXCHANGE => return Err(Errno::ENOENT),
            // A name that is there stays as it is spelled.
            Some((other_spelled, _)) => {
                self.names.remove(&old);
                self.names.insert(new, (other_spelled, moved));
            }
            None => {
                self.names.remove(&old);
                self.names.insert(new, (spelled.to_owned(), moved));
            }
        }
        Ok(())
    }

    fn close(&mut self) {
        self.handles.drain(..).for_each(|(fd, _)| self.task.close(fd).unwrap());
    }

    /// All names, as they are spelled, and all content.
    fn compare(&self) {
        for (number, dir) in DIRS.iter().enumerate() {
            let entries = self.task.opendir(dir).unwrap().map(|entry| entry.unwrap().name);
            let mut listed: Vec<String> = entries.map(|name| String::from_utf8(name).unwrap()).collect();
            listed.retain(|name| !matches!(&name[..], "." | ".." | "Dir One" | "sub"));
            listed.sort();
            let here = self.names.iter().filter(|((dir, _), _)| *dir == number);
            let mut expected: Vec<String> = here.map(|(_, (spelled, _))| spelled.clone()).collect();
            expected.sort();
            assert_eq!(listed, expected, "in {dir}");
        }
        for ((dir, _), (spelled, content)) in &self.names {
            let path = format!("{}/{spelled}", DIRS[*dir]);
            let fd = self.task.open(&path, O_RDONLY, 0).unwrap();
            assert!(all(&self.task, fd) == *content.borrow(), "{path}");
            self.task.close(fd).unwrap();
        }
    }
}

fn put(content: &Content, offset: usize, bytes: &[u8]) {
    let mut content = content.borrow_mut();
    let end = content.len().max(offset + bytes.len());
    content.resize(end, 0);
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

#[track_caller]
fn same(model: Result<(), Errno>, host: nxvfs::Result<()>) {
    let said = host.as_ref().err().map(ToString::to_string);
    assert_eq!(model, host.map_err(|e| e.errno()), "{said:?}");
}

#[test]
fn a_new_spelling_of_a_name_is_taken() {
    everywhere(|place| {
        let fat = Fat::new(place, 1440, &["-F", "12"], "");
        let task = fat.task();
        task.mkdir("/mnt/dir", 0o755).unwrap();
        let fd = make(&task, "/mnt/dir/file.text", b"content");
        task.rename("/mnt/dir", "/mnt/Dir", 0).unwrap();
        task.rename("/mnt/DIR/FILE.text", "/mnt/dir/File.Text", 0).unwrap();
        // One name twice is nothing, however it is spelled.
        task.rename("/mnt/DIR/FILE.TEXT", "/mnt/DIR/FILE.TEXT", 0).unwrap();
        let names = |dir: &str| {
            let all = task.opendir(dir).unwrap().map(|entry| entry.unwrap().name);
            all.filter(|name| name[0] != b'.').collect::<Vec<_>>()
        };
        assert_eq!((names("/mnt"), names("/mnt/dir")), (vec![b"Dir".to_vec()], vec![b"File.Text".to_vec()]));
        assert_eq!(all(&task, fd), b"content");
        let again = task.open("/mnt/dir/file.text", O_RDONLY, 0).unwrap();
        assert_eq!(all(&task, again), b"content");
        [fd, again].into_iter().for_each(|fd| task.close(fd).unwrap());
        drop(task);
        fat.judged();
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(96),
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn work_through_descriptors_and_views_agrees_with_the_model(
        shape in 0..SHAPES.len(),
        memory in any::<bool>(),
        loaded in any::<bool>(),
        ops in proptest::collection::vec(ops(), 1..80),
    ) {
        let link = if loaded { Link::Dynamic } else { Link::Static };
        let mut run = Run::new(Place { link, memory }, SHAPES[shape]);
        for (number, op) in ops.iter().enumerate() {
            run.step(number, op);
        }
        run.compare();
        run.close();
        drop(run.task);
        run.fat.judged();
    }
}
