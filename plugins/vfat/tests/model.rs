//! Random operations against a model in memory, on every kind of volume; fsck.fat looks at what is left.

mod common;

use std::collections::{BTreeMap, HashMap};

use common::*;
use nxvfs_sdk::abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE, SET_SIZE, SetAttr};
use nxvfs_sdk::fake::{Device, Value};
use nxvfs_sdk::{Errno, Grow, mode, open};
use proptest::prelude::*;

const NAMES: [&str; 16] = [
    "A.TXT",
    "a.txt",
    "b",
    "Long name number one.text",
    "LONG NAME NUMBER ONE.TEXT",
    "LONGNA~9.TEX",
    "Long name number two.text",
    "Ünïcödé.ŧxt",
    "ÜNÏCÖDÉ.ŦXT",
    "😀 smile.txt",
    "dir one",
    "DIR2",
    "dots...",
    "a name that takes many slots because it is far longer than most people would ever think of typing, even in a hurry, \
     and then goes on for a while so that it crosses a sector",
    "with.many.dots.in.it",
    "c.d",
];

#[derive(Clone, Debug)]
enum Op {
    Create(usize, usize, usize),
    Write(usize, usize, u32, usize),
    Append(usize, usize, usize),
    Truncate(usize, usize, u32),
    Reserve(usize, usize, u32),
    Unlink(usize, usize),
    Mkdir(usize, usize),
    Rmdir(usize, usize),
    Rename(usize, usize, usize, usize, u32),
    Fill(usize, usize),
    Sync,
    Remount,
}

fn ops() -> impl Strategy<Value = Op> {
    let (dir, name) = (0..4_usize, 0..NAMES.len());
    let (dir2, name2) = (dir.clone(), name.clone());
    prop_oneof![
        4 => (dir.clone(), name.clone(), 0..5000_usize).prop_map(|(d, n, l)| Op::Create(d, n, l)),
        3 => (dir.clone(), name.clone(), 0..20_000_u32, 1..9000_usize).prop_map(|(d, n, o, l)| Op::Write(d, n, o, l)),
        2 => (dir.clone(), name.clone(), 1..9000_usize).prop_map(|(d, n, l)| Op::Append(d, n, l)),
        2 => (dir.clone(), name.clone(), 0..20_000_u32).prop_map(|(d, n, s)| Op::Truncate(d, n, s)),
        1 => (dir.clone(), name.clone(), 0..30_000_u32).prop_map(|(d, n, s)| Op::Reserve(d, n, s)),
        3 => (dir.clone(), name.clone()).prop_map(|(d, n)| Op::Unlink(d, n)),
        3 => (dir.clone(), name.clone()).prop_map(|(d, n)| Op::Mkdir(d, n)),
        2 => (dir.clone(), name.clone()).prop_map(|(d, n)| Op::Rmdir(d, n)),
        6 => (dir.clone(), name, dir2, name2, prop_oneof![
            4 => Just(0), 1 => Just(RENAME_NOREPLACE), 2 => Just(RENAME_EXCHANGE)
        ]).prop_map(|(d, n, e, m, f)| Op::Rename(d, n, e, m, f)),
        1 => (dir, 1..40_usize).prop_map(|(d, n)| Op::Fill(d, n)),
        1 => Just(Op::Sync),
        1 => Just(Op::Remount),
    ]
}

/// What the model knows of a node.
#[derive(Clone)]
enum Node {
    File(Vec<u8>),
    Dir(BTreeMap<String, (String, usize)>),
}

/// A name without its case and its dots at the end.
fn key(name: &str) -> String {
    name.trim_end_matches(['.', ' ']).to_uppercase()
}

struct Model {
    nodes: HashMap<usize, Node>,
    next: usize,
}

impl Model {
    fn new() -> Self {
        Self { nodes: HashMap::from([(0, Node::Dir(BTreeMap::new()))]), next: 1 }
    }

    fn dir(&mut self, id: usize) -> &mut BTreeMap<String, (String, usize)> {
        match self.nodes.get_mut(&id) {
            Some(Node::Dir(entries)) => entries,
            _ => panic!("the model takes {id} for a directory"),
        }
    }

    fn find(&mut self, dir: usize, name: &str) -> Option<usize> {
        self.dir(dir).get(&key(name)).map(|(_, id)| *id)
    }

    fn is_dir(&self, id: usize) -> bool {
        matches!(self.nodes[&id], Node::Dir(_))
    }

    /// The directories by path, the root first, at most four.
    fn dirs(&self) -> Vec<(usize, String)> {
        let mut all = vec![(0, String::new())];
        let mut at = 0;
        while at < all.len() {
            let (id, path) = all[at].clone();
            if let Node::Dir(entries) = &self.nodes[&id] {
                for (name, child) in entries.values() {
                    if self.is_dir(*child) {
                        all.push((*child, format!("{path}/{name}")));
                    }
                }
            }
            at += 1;
        }
        all.truncate(4);
        all
    }

    fn below(&self, id: usize, top: usize) -> bool {
        id == top
            || matches!(&self.nodes[&top], Node::Dir(entries) if entries.values().any(|(_, child)| self.is_dir(*child) && self.below(id, *child)))
    }

    fn add(&mut self, dir: usize, name: &str, node: Node) {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, node);
        self.dir(dir).insert(key(name), (name.trim_end_matches(['.', ' ']).to_owned(), id));
    }
}

struct Run {
    device: Device,
    volume: Option<Volume>,
    model: Model,
    shortname: &'static str,
}

impl Run {
    fn volume(&self) -> &Volume {
        self.volume.as_ref().expect("a mounted volume")
    }

    fn step(&mut self, op: &Op) {
        let dirs = self.model.dirs();
        let pick = |at: usize| dirs[at % dirs.len()].clone();
        match *op {
            Op::Create(d, n, len) => {
                let (dir, path) = pick(d);
                self.create(dir, &path, NAMES[n], len);
            }
            Op::Fill(d, count) => {
                let (dir, path) = pick(d);
                for at in 0..count {
                    self.create(dir, &path, &format!("filling file {at}"), at);
                }
            }
            Op::Write(d, n, offset, len) => self.write(pick(d), NAMES[n], Some(offset as usize), len),
            Op::Append(d, n, len) => self.write(pick(d), NAMES[n], None, len),
            Op::Truncate(d, n, size) => {
                let (dir, path) = pick(d);
                let Some(id) = self.model.find(dir, NAMES[n]) else { return };
                let found = self.volume().walk(&format!("{path}/{}", NAMES[n])).unwrap();
                let set = SetAttr { valid: SET_SIZE, size_bytes: size.into(), ..Grow::empty() };
                let done = self.volume().setattr(found.node, &set);
                match self.model.nodes.get_mut(&id) {
                    Some(Node::File(content)) => {
                        assert_eq!(done.unwrap().size_bytes, u64::from(size));
                        content.resize(size as usize, 0);
                    }
                    _ => assert_eq!(refused(done), Errno::EISDIR),
                }
                self.volume().forget(found.node, 1);
            }
            Op::Reserve(d, n, size) => {
                let (dir, path) = pick(d);
                let Some(id) = self.model.find(dir, NAMES[n]).filter(|id| !self.model.is_dir(*id)) else {
                    return;
                };
                let found = self.volume().walk(&format!("{path}/{}", NAMES[n])).unwrap();
                let opened = self.volume().open(found.node, open::O_RDWR).unwrap();
                opened.fallocate(1, 0, size.into()).unwrap();
                let Node::File(content) = &self.model.nodes[&id] else { return };
                assert_eq!(self.volume().getattr(found.node).unwrap().size_bytes, content.len() as u64);
                drop(opened);
                self.volume().forget(found.node, 1);
            }
            Op::Unlink(d, n) => {
                let (dir, path) = pick(d);
                let at = self.volume().walk(&path).unwrap().node;
                let done = self.volume().unlink(at, NAMES[n].as_bytes());
                match self.model.find(dir, NAMES[n]) {
                    None => assert_eq!(refused(done), Errno::ENOENT),
                    Some(id) if self.model.is_dir(id) => assert_eq!(refused(done), Errno::EISDIR),
                    Some(_) => {
                        done.unwrap();
                        self.model.dir(dir).remove(&key(NAMES[n]));
                    }
                }
                self.volume().forget(at, 1);
            }
            Op::Mkdir(d, n) => {
                let (dir, path) = pick(d);
                let at = self.volume().walk(&path).unwrap().node;
                let done = self.volume().mkdir(at, NAMES[n].as_bytes(), 0o755);
                if self.model.find(dir, NAMES[n]).is_some() {
                    assert_eq!(refused(done), Errno::EEXIST);
                } else {
                    let found = done.unwrap();
                    self.volume().forget(found.node, 1);
                    self.model.add(dir, NAMES[n], Node::Dir(BTreeMap::new()));
                }
                self.volume().forget(at, 1);
            }
            Op::Rmdir(d, n) => {
                let (dir, path) = pick(d);
                let at = self.volume().walk(&path).unwrap().node;
                let done = self.volume().rmdir(at, NAMES[n].as_bytes());
                match self.model.find(dir, NAMES[n]) {
                    None => assert_eq!(refused(done), Errno::ENOENT),
                    Some(id) if !self.model.is_dir(id) => assert_eq!(refused(done), Errno::ENOTDIR),
                    Some(id) if !self.model.dir(id).is_empty() => assert_eq!(refused(done), Errno::ENOTEMPTY),
                    Some(_) => {
                        done.unwrap();
                        self.model.dir(dir).remove(&key(NAMES[n]));
                    }
                }
                self.volume().forget(at, 1);
            }
            Op::Rename(d, n, e, m, flags) => self.rename(pick(d), NAMES[n], pick(e), NAMES[m], flags),
            Op::Sync => self.volume().sync().unwrap(),
            Op::Remount => {
                self.volume.take().unwrap().unmount().unwrap();
                judge(&self.device.bytes());
                let device = self.device.clone();
                self.volume = Some(mount_with(&device, &[("shortname", Value::Str(self.shortname))]));
                self.compare();
            }
        }
    }

    fn create(&mut self, dir: usize, path: &str, name: &str, len: usize) {
        let at = self.volume().walk(path).unwrap().node;
        let taken = self.model.find(dir, name).is_some();
        let content = pattern(len, name.len() as u8);
        let volume = self.volume();
        let made = volume.create(at, name.as_bytes(), 0o644, open::O_RDWR).map(|(found, opened)| {
            assert_eq!(opened.write_at(0, &content, 0).unwrap(), len);
            drop(opened);
            volume.forget(found.node, 1);
        });
        assert_eq!(
            made.map_err(|fail| fail.errno),
            if taken { Err(Errno::EEXIST) } else { Ok(()) },
            "{name}"
        );
        if !taken {
            self.model.add(dir, name, Node::File(content));
        }
        self.volume().forget(at, 1);
    }

    fn write(&mut self, (dir, path): (usize, String), name: &str, offset: Option<usize>, len: usize) {
        let Some(id) = self.model.find(dir, name).filter(|id| !self.model.is_dir(*id)) else { return };
        let found = self.volume().walk(&format!("{path}/{name}")).unwrap();
        let opened = self.volume().open(found.node, open::O_RDWR).unwrap();
        let bytes = pattern(len, 77);
        let flags = if offset.is_none() { open::O_APPEND } else { 0 };
        assert_eq!(opened.write_at(offset.unwrap_or(0) as u64, &bytes, flags).unwrap(), len);
        drop(opened);
        self.volume().forget(found.node, 1);
        let Some(Node::File(content)) = self.model.nodes.get_mut(&id) else { return };
        let offset = offset.unwrap_or(content.len());
        content.resize(content.len().max(offset + len), 0);
        content[offset..offset + len].copy_from_slice(&bytes);
    }

    fn rename(&mut self, (d, from): (usize, String), n: &str, (e, to): (usize, String), m: &str, flags: u32) {
        let old = self.volume().walk(&from).unwrap().node;
        let new = self.volume().walk(&to).unwrap().node;
        let expected = self.expect(d, n, e, m, flags);
        let done = self.volume().rename((old, n.as_bytes()), (new, m.as_bytes()), flags);
        assert_eq!(done.map(drop).map_err(|fail| fail.errno), expected, "{from}/{n} -> {to}/{m} {flags}");
        self.volume().forget(old, 1);
        self.volume().forget(new, 1);
    }

    /// The model's rename.
    fn expect(&mut self, d: usize, n: &str, e: usize, m: &str, flags: u32) -> Result<(), Errno> {
        let model = &mut self.model;
        let moved = model.find(d, n).ok_or(Errno::ENOENT)?;
        if d != e && model.is_dir(moved) && model.below(e, moved) {
            return Err(Errno::EINVAL);
        }
        let target = model.find(e, m);
        let itself = target == Some(moved);
        let exact = m.trim_end_matches(['.', ' ']).to_owned();
        match target {
            Some(_) if flags == RENAME_NOREPLACE && !itself => return Err(Errno::EEXIST),
            None if flags == RENAME_EXCHANGE => return Err(Errno::ENOENT),
            Some(_) if flags == RENAME_EXCHANGE && itself => {}
            Some(other) if flags == RENAME_EXCHANGE => {
                if d != e && model.is_dir(other) && model.below(d, other) {
                    return Err(Errno::EINVAL);
                }
                model.dir(d).get_mut(&key(n)).unwrap().1 = other;
                model.dir(e).get_mut(&key(m)).unwrap().1 = moved;
            }
            Some(_) if itself => {
                model.dir(e).insert(key(m), (exact, moved));
            }
            Some(other) => {
                match (model.is_dir(other), model.is_dir(moved)) {
                    (true, false) => return Err(Errno::EISDIR),
                    (false, true) => return Err(Errno::ENOTDIR),
                    (true, true) if !model.dir(other).is_empty() => return Err(Errno::ENOTEMPTY),
                    _ => {}
                }
                model.dir(d).remove(&key(n));
                model.dir(e).get_mut(&key(m)).unwrap().1 = moved;
            }
            None => {
                model.dir(d).remove(&key(n));
                model.dir(e).insert(key(m), (exact, moved));
            }
        }
        Ok(())
    }

    /// The whole tree is that of the model.
    fn compare(&self) {
        let mut todo = vec![(0, self.volume().root(), String::new())];
        while let Some((id, node, path)) = todo.pop() {
            let Node::Dir(entries) = &self.model.nodes[&id] else { continue };
            let mut listed = names(self.volume(), node);
            listed.sort();
            let mut expected: Vec<String> = entries.values().map(|(name, _)| name.clone()).collect();
            expected.sort();
            assert_eq!(listed, expected, "in '{path}'");
            let subdirectories = entries.values().filter(|(_, id)| self.model.is_dir(*id)).count();
            assert_eq!(self.volume().getattr(node).unwrap().nlink as usize, 2 + subdirectories, "{path}");
            for entry in self.volume().readdir(node).unwrap() {
                let name = String::from_utf8(entry.name).unwrap();
                let child = entries.values().find(|(other, _)| *other == name).unwrap().1;
                let found = self.volume().lookup(node, name.as_bytes()).unwrap();
                assert_eq!(found.attr.ino, entry.ino, "{path}/{name}");
                assert_eq!(found.attr.file_type(), entry.file_type);
                match &self.model.nodes[&child] {
                    Node::File(content) => {
                        assert_eq!(found.attr.mode & mode::S_IFMT, mode::S_IFREG);
                        assert_eq!(found.attr.size_bytes, content.len() as u64, "{path}/{name}");
                        assert!(self.volume().read(found.node).unwrap() == *content, "{path}/{name}");
                    }
                    Node::Dir(_) => todo.push((child, found.node, format!("{path}/{name}"))),
                }
                if !self.model.is_dir(child) {
                    self.volume().forget(found.node, 1);
                }
            }
        }
    }
}

const MODEL_SHAPES: [Shape; 9] = [
    Shape::new(1440, 12, 512, 1),
    Shape::new(4096, 12, 512, 8),
    Shape::new(8192, 12, 4096, 2),
    Shape::new(8192, 16, 512, 1),
    Shape::new(24_576, 16, 4096, 1),
    Shape::new(36_864, 32, 512, 1),
    Shape::new(16_384, 32, 4096, 1),
    // Clusters of 64 KiB.
    Shape::new(8192, 12, 512, 128),
    Shape::new(16_384, 12, 4096, 16),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(96), max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_volume_behaves_as_the_model(
        shape in 0..MODEL_SHAPES.len(),
        xip in any::<bool>(),
        shortname in prop_oneof![Just("mixed"), Just("winnt")],
        ops in proptest::collection::vec(ops(), 1..70),
    ) {
        let device = empty(MODEL_SHAPES[shape]).xip(xip);
        let volume = mount_with(&device, &[("shortname", Value::Str(shortname))]);
        let mut run = Run { device, volume: Some(volume), model: Model::new(), shortname };
        for op in &ops {
            run.step(op);
        }
        run.compare();
        run.step(&Op::Remount);
    }
}
