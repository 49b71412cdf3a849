//! The model: every node with everything about it, and plain rules.

#![allow(unreachable_pub, reason = "a module of a test binary")]

use std::collections::BTreeMap;

use nxvfs_sdk::Errno;

use crate::model::files::File;

/// The volume's limits, low enough to be reached.
pub const PAGES: u64 = 12;
pub const INODES: u64 = 14;

pub enum Kind {
    File(File),
    Dir { entries: BTreeMap<&'static [u8], u64>, parent: u64 },
    Link(Vec<u8>),
    Fifo,
}

pub struct Node {
    pub kind: Kind,
    pub nlink: u32,
    pub count: u64,
    pub opened: u32,
}

pub struct Model {
    pub root: u64,
    pub nodes: BTreeMap<u64, Node>,
    /// All numbers that ever were, to be picked from.
    pub seen: Vec<u64>,
}

pub type Place = (u64, &'static [u8]);
pub type Answer<T> = Result<T, Errno>;

impl Model {
    pub fn new(root: u64) -> Self {
        let dir = Node { kind: dir(0), nlink: 2, count: 1, opened: 0 };
        Self { root, nodes: BTreeMap::from([(root, dir)]), seen: vec![root] }
    }

    pub fn used(&self) -> (u64, u64) {
        let (mut pages, mut inodes) = (0, 0);
        for node in self.nodes.values() {
            inodes += 1;
            match &node.kind {
                Kind::File(file) => pages += file.allocated.len() as u64,
                Kind::Link(target) => pages += u64::from(target.len() > 127),
                _ => {}
            }
            if !matches!(node.kind, Kind::Dir { .. }) {
                inodes += u64::from(node.nlink.saturating_sub(1));
            }
        }
        (pages, inodes)
    }

    /// A node that the host knows.
    pub fn known(&self, node: u64) -> Answer<&Node> {
        self.nodes.get(&node).filter(|known| known.count > 0).ok_or(Errno::ESTALE)
    }

    pub fn entries(&mut self, dir: u64) -> Answer<&mut BTreeMap<&'static [u8], u64>> {
        self.known(dir)?;
        match &mut self.nodes.get_mut(&dir).unwrap().kind {
            Kind::Dir { entries, .. } => Ok(entries),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub fn is_dir(&self, node: u64) -> bool {
        matches!(self.nodes[&node].kind, Kind::Dir { .. })
    }

    pub fn is_empty(&self, node: u64) -> bool {
        matches!(&self.nodes[&node].kind, Kind::Dir { entries, .. } if entries.is_empty())
    }

    pub fn node(&mut self, node: u64) -> &mut Node {
        self.nodes.get_mut(&node).unwrap()
    }

    /// Ends a node that nothing holds.
    pub fn reap(&mut self, node: u64) {
        let gone = self.nodes.get(&node).is_some_and(|n| n.nlink == 0 && n.count == 0 && n.opened == 0);
        if gone {
            self.nodes.remove(&node);
        }
    }

    /// Whether a node of this kind could be made.
    pub fn make(&mut self, (dir, name): Place, pages: u64) -> Answer<()> {
        if self.entries(dir)?.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        let (used_pages, used_inodes) = self.used();
        if used_inodes == INODES || used_pages + pages > PAGES {
            return Err(Errno::ENOSPC);
        }
        self.alive(dir)
    }

    pub fn alive(&self, dir: u64) -> Answer<()> {
        if self.nodes[&dir].nlink == 0 { Err(Errno::ENOENT) } else { Ok(()) }
    }

    pub fn made(&mut self, (dir, name): Place, node: u64, mut kind: Kind) {
        let mut nlink = 1;
        if let Kind::Dir { parent, .. } = &mut kind {
            *parent = dir;
            nlink = 2;
            self.node(dir).nlink += 1;
        }
        self.entries(dir).unwrap().insert(name, node);
        assert!(!self.seen.contains(&node), "a number is used once");
        self.seen.push(node);
        self.nodes.insert(node, Node { kind, nlink, count: 1, opened: 0 });
    }

    pub fn link(&mut self, node: u64, (dir, name): Place) -> Answer<u64> {
        self.known(node)?;
        let there = self.entries(dir)?.contains_key(name);
        if self.is_dir(node) {
            return Err(Errno::EPERM);
        }
        if there {
            return Err(Errno::EEXIST);
        }
        if self.used().1 == INODES {
            return Err(Errno::ENOSPC);
        }
        self.alive(dir)?;
        self.alive(node)?;
        self.entries(dir)?.insert(name, node);
        self.node(node).nlink += 1;
        self.node(node).count += 1;
        Ok(node)
    }

    /// Takes a name away: the node and its names left.
    pub fn take(&mut self, (dir, name): Place, want_dir: bool) -> Answer<(u64, u32)> {
        let node = *self.entries(dir)?.get(name).ok_or(Errno::ENOENT)?;
        match (self.is_dir(node), want_dir) {
            (true, false) => return Err(Errno::EISDIR),
            (false, true) => return Err(Errno::ENOTDIR),
            (true, true) if !self.is_empty(node) => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.entries(dir)?.remove(name);
        if want_dir {
            self.node(dir).nlink -= 1;
        }
        Ok(self.lose_name(node))
    }

    pub fn lose_name(&mut self, node: u64) -> (u64, u32) {
        let nlink = if self.is_dir(node) { 0 } else { self.nodes[&node].nlink - 1 };
        self.node(node).nlink = nlink;
        self.reap(node);
        (node, nlink)
    }
}

/// An empty directory; its parent is set when it is made.
pub fn dir(parent: u64) -> Kind {
    Kind::Dir { entries: BTreeMap::new(), parent }
}
