//! The model's renames.

#![allow(unreachable_pub, reason = "a module of a test binary")]

use nxvfs_sdk::Errno;
use nxvfs_sdk::abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};

use crate::model::state::{Answer, Kind, Model, Place};

impl Model {
    fn within(&self, mut dir: u64, top: u64) -> bool {
        loop {
            if dir == top {
                return true;
            }
            match self.nodes.get(&dir).map(|node| &node.kind) {
                Some(Kind::Dir { parent, .. }) => dir = *parent,
                _ => return false,
            }
        }
    }

    /// Renames: the node that was displaced and its names left, or zeroes.
    pub fn rename(&mut self, from: Place, to: Place, flags: u32) -> Answer<(u64, u32)> {
        self.known(from.0)?;
        self.known(to.0)?;
        let moved = self.entries(from.0).map(|entries| entries.get(from.1).copied())?;
        let target = self.entries(to.0).map(|entries| entries.get(to.1).copied())?;
        let moved = moved.ok_or(Errno::ENOENT)?;
        match (flags, target) {
            (RENAME_NOREPLACE, Some(_)) => return Err(Errno::EEXIST),
            (RENAME_EXCHANGE, None) => return Err(Errno::ENOENT),
            (_, Some(target)) if target == moved => return Ok((0, 0)),
            _ => {}
        }
        if self.is_dir(moved) && self.within(to.0, moved) {
            return Err(Errno::EINVAL);
        }
        let Some(target) = target else {
            self.alive(to.0)?;
            self.entries(from.0)?.remove(from.1);
            self.entries(to.0)?.insert(to.1, moved);
            self.settle(moved, from.0, to.0);
            return Ok((0, 0));
        };
        if flags == RENAME_EXCHANGE {
            if self.is_dir(target) && self.within(from.0, target) {
                return Err(Errno::EINVAL);
            }
            self.entries(from.0)?.insert(from.1, target);
            self.entries(to.0)?.insert(to.1, moved);
            self.settle(moved, from.0, to.0);
            self.settle(target, to.0, from.0);
            return Ok((0, 0));
        }
        match (self.is_dir(moved), self.is_dir(target)) {
            (false, true) => return Err(Errno::EISDIR),
            (true, false) => return Err(Errno::ENOTDIR),
            (true, true) if !self.is_empty(target) => return Err(Errno::ENOTEMPTY),
            _ => {}
        }
        self.entries(from.0)?.remove(from.1);
        self.entries(to.0)?.insert(to.1, moved);
        if self.is_dir(target) {
            self.node(to.0).nlink -= 1;
        }
        self.settle(moved, from.0, to.0);
        Ok(self.lose_name(target))
    }

    fn settle(&mut self, node: u64, from: u64, to: u64) {
        if let Kind::Dir { parent, .. } = &mut self.node(node).kind {
            *parent = to;
            self.node(from).nlink -= 1;
            self.node(to).nlink += 1;
        }
    }
}
