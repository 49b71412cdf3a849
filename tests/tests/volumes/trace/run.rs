//! One history: a host, and the world as the model has it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::rc::Rc;

use nxvfs::{Errno, Task};
use nxvfs_tests::{Board, Link, Rng};

use super::model::{Answer, File, Node, Volume};
use super::views::View;

/// Where volumes are mounted.
pub const PLACES: [&str; 2] = ["/a", "/b"];

/// What descriptors that were duplicated share.
#[derive(Debug)]
pub struct Open {
    pub node: Node,
    /// The mount that it keeps.
    pub place: usize,
    pub flags: u32,
    pub position: u64,
}

/// A task and what it has.
pub struct Tasks {
    pub task: Task,
    pub open: BTreeMap<u32, Rc<RefCell<Open>>>,
    pub views: Vec<View>,
    /// The mount that the working directory keeps.
    pub cwd: Option<usize>,
}

/// Both worlds.
pub struct World {
    pub rng: Rng,
    pub tasks: Vec<Tasks>,
    pub volumes: [Option<Volume>; 2],
    // Last, so that tasks end before it.
    pub board: Board,
}

/// Fails unless both answered the same.
#[track_caller]
pub fn same<T: Debug + PartialEq>(model: Answer<T>, host: nxvfs::Result<T>, what: &str) {
    match (model, host) {
        (Ok(a), Ok(b)) => assert!(a == b, "{what}: the model has {a:?}, the host {b:?}"),
        (Err(a), Err(b)) => assert_eq!(a, b.errno(), "{what}: {b}"),
        (Ok(a), Err(b)) => panic!("{what}: the model answers {a:?}, the host fails: {b}"),
        (Err(a), Ok(b)) => panic!("{what}: the model fails with {}, the host answers {b:?}", a.name()),
    }
}

impl World {
    fn new(link: Link, seed: u64) -> Self {
        let board = Board::new(link);
        let mut world = Self { rng: Rng::new(seed), tasks: Vec::new(), volumes: [None, None], board };
        for place in 0..PLACES.len() {
            world.mount(place);
        }
        for _ in 0..3 {
            world.begin_task();
        }
        world
    }

    pub fn begin_task(&mut self) {
        let task = self.board.task();
        self.tasks.push(Tasks { task, open: BTreeMap::new(), views: Vec::new(), cwd: None });
    }

    pub fn mount(&mut self, place: usize) {
        let host = self.board.try_mount("none", PLACES[place], "tmpfs", "");
        let model = if self.volumes[place].is_some() { Err(Errno::EBUSY) } else { Ok(()) };
        same(model, host, "mount");
        self.volumes[place].get_or_insert_with(Volume::new);
    }

    /// Whether anything keeps a mount.
    pub fn busy(&self, place: usize) -> bool {
        self.tasks.iter().any(|t| {
            t.cwd == Some(place)
                || t.open.values().any(|o| o.borrow().place == place)
                || t.views.iter().any(|v| v.place == Some(place))
        })
    }

    pub fn unmount(&mut self, place: usize) {
        let model = match &self.volumes[place] {
            None => Err(Errno::EINVAL),
            Some(_) if self.busy(place) => Err(Errno::EBUSY),
            Some(_) => Ok(()),
        };
        // A mount point that was made for the mount goes with it.
        let host = match self.board.unmount(PLACES[place]) {
            Err(e) if e.errno() == Errno::ENOENT && self.volumes[place].is_none() => {
                Err(Errno::EINVAL.into())
            }
            other => other,
        };
        if model.is_ok() {
            self.volumes[place] = None;
        }
        same(model, host, "umount");
    }

    /// Every file of the model is read, by name, and every directory listed.
    pub fn compare_all(&mut self) {
        let task = self.board.task();
        for (place, volume) in self.volumes.iter().enumerate() {
            let Some(volume) = volume else { continue };
            let mut left = vec![(PLACES[place].to_owned(), Node::Dir(volume.root.clone()))];
            while let Some((path, node)) = left.pop() {
                match &node {
                    Node::File(file) => compare_file(&task, &path, &file.borrow()),
                    Node::Dir(dir) => {
                        let mut names: Vec<String> = task
                            .opendir(&path)
                            .unwrap()
                            .map(|entry| String::from_utf8(entry.unwrap().name).unwrap())
                            .filter(|name| name != "." && name != "..")
                            .collect();
                        names.sort();
                        let dir = dir.borrow();
                        assert!(
                            names.iter().eq(dir.entries.keys()),
                            "{path}: {names:?} {:?}",
                            dir.entries.keys()
                        );
                        left.extend(
                            dir.entries.iter().map(|(n, node)| (format!("{path}/{n}"), node.clone())),
                        );
                    }
                }
            }
        }
    }
}

fn compare_file(task: &Task, path: &str, file: &File) {
    let stat = task.stat(path).unwrap().attr;
    assert_eq!((stat.size_bytes, stat.nlink), (file.data.len() as u64, file.nlink), "{path}");
    assert!(nxvfs_tests::content(task, path).unwrap() == file.data, "content of {path}");
}

/// Plays one history, and takes everything down again.
pub fn history(link: Link, seed: u64, steps: usize) {
    let mut world = World::new(link, seed);
    for step in 0..steps {
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            world.step();
            if step % 500 == 499 {
                world.compare_all();
            }
        }));
        if let Err(panic) = told {
            eprintln!("seed {seed}, step {step}");
            std::panic::resume_unwind(panic);
        }
    }
    world.compare_all();
    while !world.tasks.is_empty() {
        world.end_task(0);
    }
    assert_eq!(world.board.mapping_budget().used_bytes(), 0, "a copy was left behind");
    assert!(world.board.mounts().iter().all(|mount| mount.users.is_empty()), "a holder was left behind");
    world.compare_all();
}
