//! Advisory locks of a host: POSIX record locks, which belong to tasks, and `flock` locks, which belong to open files.
//! The two do not see each other, as on Linux. Locks bind only who asks for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::sync::{AtomicUsize, Mutex, Ordering, lock};
use crate::base::wait::{WaitQueue, Waiter};
use crate::base::{Errno, Result};
use crate::tree::Inode;

/// Locks that one host keeps.
const MAX_LOCKS: usize = 64 * 1024;

/// What a lock is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockKind {
    /// Reading: several may have it.
    Shared,
    /// Writing: one alone has it.
    Exclusive,
}

/// Who has a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// A task: a record lock.
    Task(u64),
    /// An open file, by its address: an `flock` lock.
    Opening(usize),
}

impl Owner {
    /// Whether two owners' locks see each other.
    fn meets(self, other: Self) -> bool {
        self != other && matches!(self, Self::Task(_)) == matches!(other, Self::Task(_))
    }
}

/// The file: number of its volume and of its node there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64, u64);

impl Key {
    pub(super) fn of(inode: &Inode) -> Self {
        match inode {
            Inode::Pseudo(node) => Self(0, node.ino()),
            Inode::Volume(node) => Self(node.mount().id(), node.node()),
        }
    }
}

/// What is asked for, or held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) owner: Owner,
    /// Who asked.
    pub(super) task: u64,
    pub(super) kind: LockKind,
    /// First byte.
    pub(super) start: u64,
    /// Last byte; `u64::MAX` for the end, wherever it will be.
    pub(super) last: u64,
}

impl Claim {
    fn overlaps(&self, other: &Self) -> bool {
        self.start <= other.last && other.start <= self.last
    }

    fn blocks(&self, other: &Self) -> bool {
        let exclusive = self.kind == LockKind::Exclusive || other.kind == LockKind::Exclusive;
        exclusive && self.owner.meets(other.owner) && self.overlaps(other)
    }
}

/// A lock, as `F_GETLK` and `/proc/locks` tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockInfo {
    /// Whether it is a record lock, and not one of `flock`.
    pub record: bool,
    /// Whether it is only waited for.
    pub waiting: bool,
    /// What for.
    pub kind: LockKind,
    /// The task that took it.
    pub task: u64,
    /// Number of the volume; 0 for the host's own tree.
    pub volume: u64,
    /// Number of the node there.
    pub node: u64,
    /// First byte.
    pub start: u64,
    /// Last byte; `None` for the end, wherever it will be.
    pub last: Option<u64>,
}

impl LockInfo {
    fn new(key: Key, claim: &Claim, waiting: bool) -> Self {
        Self {
            record: matches!(claim.owner, Owner::Task(_)),
            waiting,
            kind: claim.kind,
            task: claim.task,
            volume: key.0,
            node: key.1,
            start: claim.start,
            last: (claim.last != u64::MAX).then_some(claim.last),
        }
    }
}

/// What to do while another has a lock.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    /// Fail.
    Never,
    /// Wait, until the task of this cancel token ends.
    Until(u64),
}

#[derive(Default)]
struct State {
    held: BTreeMap<Key, Vec<Claim>>,
    /// By a number of the wait.
    waiting: BTreeMap<u64, (Key, Claim)>,
    next_wait: u64,
}

/// The locks of one host.
#[derive(Default)]
pub struct LockTable {
    state: Mutex<State>,
    /// Some lock went or shrank.
    freed: WaitQueue,
    /// How many are held: most files are closed while there is none.
    count: AtomicUsize,
}

impl State {
    fn blocker(&self, key: Key, claim: &Claim) -> Option<&Claim> {
        self.held.get(&key)?.iter().find(|held| held.blocks(claim))
    }

    /// Whether waiting for this would be waiting for oneself: whoever blocks it waits, by steps, for its owner.
    fn is_deadlock(&self, key: Key, claim: &Claim) -> bool {
        let (mut seen, mut left) = (BTreeSet::new(), vec![(key, *claim)]);
        while let Some((key, wanted)) = left.pop() {
            for held in self.held.get(&key).into_iter().flatten().filter(|held| held.blocks(&wanted)) {
                if held.owner == claim.owner {
                    return true;
                }
                if seen.insert(held.owner) {
                    left.extend(self.waiting.values().filter(|(_, other)| other.owner == held.owner));
                }
            }
        }
        false
    }

    fn count(&self) -> usize {
        self.held.values().map(Vec::len).sum()
    }

    /// Gives the owner this range: its other locks there are cut, and what touches and is alike becomes one.
    fn set(&mut self, key: Key, range: &Claim, kind: Option<LockKind>) {
        let held = self.held.entry(key).or_default();
        let mut own = Vec::new();
        held.retain(|claim| {
            let mine = claim.owner == range.owner;
            if mine {
                own.push(*claim);
            }
            !mine
        });
        let mut pieces = Vec::new();
        for claim in own {
            if !claim.overlaps(range) {
                pieces.push(claim);
                continue;
            }
            if claim.start < range.start {
                pieces.push(Claim { last: range.start - 1, ..claim });
            }
            if claim.last > range.last {
                pieces.push(Claim { start: range.last + 1, ..claim });
            }
        }
        if let Some(kind) = kind {
            pieces.push(Claim { kind, ..*range });
        }
        pieces.sort_unstable_by_key(|claim| claim.start);
        for piece in pieces {
            match held.last_mut() {
                Some(before)
                    if before.owner == piece.owner
                        && before.kind == piece.kind
                        && before.last.checked_add(1) == Some(piece.start) =>
                {
                    before.last = piece.last;
                }
                _ => held.push(piece),
            }
        }
        if held.is_empty() {
            self.held.remove(&key);
        }
    }
}

impl LockTable {
    /// Takes (or for `None` gives up) a range. Errors: EAGAIN another has it, and it shall not wait; EDEADLK waiting would
    /// never end; EINTR the waiting task ends, or a signal's handler ran; ENOLCK.
    pub(super) fn set(&self, key: Key, claim: &Claim, kind: Option<LockKind>, wait: Wait) -> Result<()> {
        let wanted = Claim { kind: kind.unwrap_or(claim.kind), ..*claim };
        let (mut state, mut waiter) = (lock(&self.state), None);
        while kind.is_some() && state.blocker(key, &wanted).is_some() {
            let Wait::Until(cancel) = wait else { return Err(Errno::EAGAIN.into()) };
            if state.is_deadlock(key, &wanted) {
                return Err(Errno::EDEADLK.into());
            }
            let waiter = waiter.get_or_insert_with(|| Waiter::new(cancel));
            // Under the lock of the state: what is freed from now on wakes it.
            waiter.begin();
            self.freed.arm(waiter.token());
            let number = state.next_wait;
            state.next_wait += 1;
            state.waiting.insert(number, (key, wanted));
            drop(state);
            let slept = waiter.sleep(None);
            state = lock(&self.state);
            state.waiting.remove(&number);
            slept?;
        }
        if kind.is_some() && self.count.load(Ordering::Relaxed) >= MAX_LOCKS {
            return Err(Errno::ENOLCK.into());
        }
        state.set(key, &wanted, kind);
        self.changed(&state);
        Ok(())
    }

    /// Gives up all that an owner has on a file.
    pub(super) fn release(&self, key: Key, owner: Owner) {
        self.retain(|at, claim| at != key || claim.owner != owner);
    }

    /// Gives up all record locks of a task.
    pub fn end_task(&self, task: u64) {
        self.retain(|_, claim| claim.owner != Owner::Task(task));
    }

    fn retain(&self, keep: impl Fn(Key, &Claim) -> bool) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut state = lock(&self.state);
        state.held.retain(|key, held| {
            held.retain(|claim| keep(*key, claim));
            !held.is_empty()
        });
        self.changed(&state);
    }

    fn changed(&self, state: &State) {
        self.count.store(state.count(), Ordering::Release);
        self.freed.wake(0);
    }

    /// A lock that would be in the way.
    pub(super) fn blocker(&self, key: Key, claim: &Claim) -> Option<LockInfo> {
        lock(&self.state).blocker(key, claim).map(|held| LockInfo::new(key, held, false))
    }

    /// All locks, and those that are waited for.
    pub fn list(&self) -> Vec<LockInfo> {
        let state = lock(&self.state);
        let held =
            state.held.iter().flat_map(|(key, held)| held.iter().map(|c| LockInfo::new(*key, c, false)));
        let waiting = state.waiting.values().map(|(key, claim)| LockInfo::new(*key, claim, true));
        held.chain(waiting).collect()
    }
}
