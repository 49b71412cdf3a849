//! Names that the kernel must forget and was not told of yet.

use std::collections::HashMap;

use crate::base::sync::{Condvar, Mutex, lock, wait};

/// How many of each node there are.
#[derive(Default)]
pub(super) struct Untold {
    names: Mutex<HashMap<u64, usize>>,
    told: Condvar,
}

impl Untold {
    /// One more of a node.
    pub(super) fn add(&self, number: u64) {
        *lock(&self.names).entry(number).or_default() += 1;
    }

    /// The kernel was told of one.
    pub(super) fn told(&self, number: u64) {
        let mut names = lock(&self.names);
        if let Some(count) = names.get_mut(&number) {
            *count -= 1;
            if *count == 0 {
                names.remove(&number);
            }
        }
        drop(names);
        self.told.notify_all();
    }

    /// Waits until there is none.
    pub(super) fn wait(&self) {
        let mut names = lock(&self.names);
        while !names.is_empty() {
            names = wait(&self.told, names);
        }
    }
}
