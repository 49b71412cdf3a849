//! How many descriptors of nodes there are: the one that was not used for longest goes first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};

use crate::nodes::Node;
use crate::sync::lock;

/// Fewest descriptors that are enough for any one call.
pub(crate) const HANDLES_MIN: u64 = 16;
/// Most that anybody needs.
pub(crate) const HANDLES_MAX: u64 = 1 << 20;

/// The nodes that have a descriptor, in the order in which they got it.
pub(crate) struct Handles {
    queue: Mutex<VecDeque<Weak<Node>>>,
    limit: usize,
}

impl Handles {
    pub(crate) fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit.clamp(HANDLES_MIN, HANDLES_MAX)).unwrap_or(usize::MAX);
        Self { queue: Mutex::default(), limit }
    }

    /// A node got a descriptor. If there are too many, another one loses its own: nobody needs it at the moment, or used it
    /// since it was looked at last (second chance).
    pub(crate) fn enter(&self, node: &Arc<Node>) {
        let mut out = Vec::new();
        {
            let mut queue = lock(&self.queue);
            queue.push_back(Arc::downgrade(node));
            let mut chances = 2 * queue.len();
            while queue.len() > self.limit && chances > 0 {
                chances -= 1;
                let Some(oldest) = queue.pop_front() else { break };
                let Some(oldest) = oldest.upgrade() else { continue };
                if Arc::ptr_eq(&oldest, node) || oldest.is_needed() {
                    queue.push_back(Arc::downgrade(&oldest));
                } else {
                    out.push(oldest);
                }
            }
        }
        for node in out {
            node.lose_handle();
        }
    }
}
