//! The tasks of a host, for who looks at them from outside.

use std::collections::BTreeMap;

use super::{Cwd, Task};
use crate::base::sync::{Arc, Mutex, RwLock, Weak, lock, read};
use crate::file::{DescriptorTable, OpenFile};
use crate::mapping::{Regions, Row};
use crate::tree::Dentry;

/// A task from outside: nothing of it is kept.
#[derive(Clone)]
pub(super) struct TaskView {
    /// User and group.
    pub(super) owner: (u32, u32),
    descriptors: Weak<DescriptorTable>,
    regions: Weak<Regions>,
    cwd: Weak<RwLock<Cwd>>,
}

impl TaskView {
    pub(super) fn descriptors(&self) -> Vec<(u32, Arc<OpenFile>)> {
        self.descriptors.upgrade().map(|table| table.list()).unwrap_or_default()
    }

    pub(super) fn regions(&self) -> Vec<Row> {
        self.regions.upgrade().map(|regions| regions.list()).unwrap_or_default()
    }

    pub(super) fn cwd(&self) -> Option<Arc<Dentry>> {
        self.cwd.upgrade().map(|cwd| read(&cwd).dentry.clone())
    }
}

/// The tasks of one host, by number.
#[derive(Default)]
pub(super) struct Tasks(Mutex<BTreeMap<u64, TaskView>>);

impl Tasks {
    pub(super) fn enter(&self, task: &Task) {
        let view = TaskView {
            owner: (task.caller.uid, task.caller.gid),
            descriptors: Arc::downgrade(&task.descriptors),
            regions: Arc::downgrade(&task.regions),
            cwd: Arc::downgrade(&task.cwd),
        };
        lock(&self.0).insert(task.caller.task, view);
    }

    pub(super) fn leave(&self, task: u64) {
        lock(&self.0).remove(&task);
    }

    pub(super) fn get(&self, task: u64) -> Option<TaskView> {
        lock(&self.0).get(&task).cloned()
    }

    /// Those after a number, at most `limit`.
    pub(super) fn after(&self, number: u64, limit: usize) -> Vec<(u64, TaskView)> {
        let tasks = lock(&self.0);
        let Some(first) = number.checked_add(1) else { return Vec::new() };
        tasks.range(first..).take(limit).map(|(number, view)| (*number, view.clone())).collect()
    }

    pub(super) fn count(&self) -> usize {
        lock(&self.0).len()
    }
}
