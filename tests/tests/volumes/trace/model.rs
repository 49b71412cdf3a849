//! What the host is compared with: volumes of directories and files in ordinary memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use nxvfs::Errno;

/// What a model answers.
pub type Answer<T> = Result<T, Errno>;

/// A file's content with its number of names.
#[derive(Debug, Default)]
pub struct File {
    pub data: Vec<u8>,
    pub nlink: u32,
}

/// A directory. Without a parent it has been removed, or is a root.
#[derive(Debug, Default)]
pub struct Dir {
    pub entries: BTreeMap<String, Node>,
    pub removed: bool,
}

/// What a name leads to.
#[derive(Clone, Debug)]
pub enum Node {
    File(Rc<RefCell<File>>),
    Dir(Rc<RefCell<Dir>>),
}

impl Node {
    pub fn new_file() -> Self {
        Self::File(Rc::new(RefCell::new(File { data: Vec::new(), nlink: 1 })))
    }

    pub fn new_dir() -> Self {
        Self::Dir(Rc::default())
    }

    pub fn is_dir(&self) -> bool {
        matches!(self, Self::Dir(_))
    }

    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(a), Self::File(b)) => Rc::ptr_eq(a, b),
            (Self::Dir(a), Self::Dir(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }
}

/// A mounted volume.
#[derive(Debug)]
pub struct Volume {
    pub root: Rc<RefCell<Dir>>,
    pub read_only: bool,
}

/// A name in a directory, and what it leads to.
pub struct Spot {
    pub dir: Rc<RefCell<Dir>>,
    pub name: String,
    pub node: Option<Node>,
}

impl Volume {
    pub fn new() -> Self {
        Self { root: Rc::default(), read_only: false }
    }

    /// Walks names from the root to the last one.
    pub fn walk(&self, names: &[&str]) -> Answer<Spot> {
        let mut dir = self.root.clone();
        let (last, before) = names.split_last().expect("a path below the mount point");
        for name in before {
            let next = dir.borrow().entries.get(*name).cloned();
            dir = match next {
                Some(Node::Dir(next)) => next,
                Some(Node::File(_)) => return Err(Errno::ENOTDIR),
                None => return Err(Errno::ENOENT),
            };
        }
        let node = dir.borrow().entries.get(*last).cloned();
        Ok(Spot { dir, name: (*last).to_owned(), node })
    }
}

/// Whether `dir` is `top` or lies below it.
pub fn within(top: &Rc<RefCell<Dir>>, dir: &Rc<RefCell<Dir>>) -> bool {
    if Rc::ptr_eq(top, dir) {
        return true;
    }
    top.borrow().entries.values().any(|node| match node {
        Node::Dir(below) => within(below, dir),
        Node::File(_) => false,
    })
}
