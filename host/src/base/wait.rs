//! Waiting: who sleeps is a token, who has news marks it.
//!
//! A call that cannot go on *arms* its waiter with every source that may have news for it, *tries again*, and only then
//! sleeps. News that come after the arming mark the waiter, so that its sleep ends at once; news from before are seen
//! by the second try. So none is lost, in whichever order the threads run (`tests/tests/wait_model.rs` tries them all).
//!
//! A source forgets a waiter when it wakes it. A token is an index and a generation: waking a sleeper that went away
//! long ago finds nobody and does no harm. Waking takes two locks, one after the other, under which nothing is called:
//! it may be done under any lock of whoever does it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{EventfdFlags, eventfd};

use super::Errno;
use super::sync::{Arc, Gate, Mutex, Ring, global, lock};

/// Where one call sleeps.
#[derive(Default)]
struct Sleeper {
    cancelled: Mutex<Option<Errno>>,
    /// Open once it is woken.
    gate: Gate,
}

impl Sleeper {
    fn mark(&self, cancelled: Option<Errno>) {
        if let Some(errno) = cancelled {
            lock(&self.cancelled).get_or_insert(errno);
        }
        self.gate.open();
    }
}

/// What a token leads to.
#[derive(Clone)]
enum Target {
    Sleeper(Arc<Sleeper>),
    Queue(Arc<WaitQueue>),
    Bell(Arc<Ringing>),
    Call(Ring),
}

#[derive(Default)]
struct Slots {
    slots: Vec<(u32, Option<Target>)>,
    free: Vec<u32>,
}

/// All tokens of the process.
#[derive(Default)]
struct Table(Mutex<Slots>);

impl Table {
    fn the() -> &'static Self {
        global!(Table)
    }

    fn insert(&self, target: Target) -> u64 {
        let mut all = lock(&self.0);
        let index = match all.free.pop() {
            Some(index) => index,
            None => {
                all.slots.push((0, None));
                (all.slots.len() - 1) as u32
            }
        };
        let slot = &mut all.slots[index as usize];
        // A generation is never 0, so that no token is.
        slot.0 = slot.0.wrapping_add(1).max(1);
        slot.1 = Some(target);
        u64::from(slot.0) << 32 | u64::from(index)
    }

    fn remove(&self, token: u64) {
        let index = token as u32;
        let mut all = lock(&self.0);
        let target = all.slots[index as usize].1.take();
        all.free.push(index);
        drop(all);
        // Outside the lock, which its own end may need.
        drop(target);
    }

    fn find(&self, token: u64) -> Option<Target> {
        let all = lock(&self.0);
        match all.slots.get(token as u32 as usize) {
            Some((generation, target)) if *generation == (token >> 32) as u32 => target.clone(),
            _ => None,
        }
    }
}

/// Marks a waiter, or all waiters of a queue that a [`Relay`] stands for. Errors: EBADF nobody has the token any longer.
pub fn wake(token: u64, events: u32) -> Result<(), Errno> {
    match Table::the().find(token) {
        Some(Target::Sleeper(sleeper)) => sleeper.mark(None),
        Some(Target::Queue(queue)) => queue.wake(events),
        Some(Target::Bell(bell)) => bell.ring(None),
        Some(Target::Call(call)) => call(),
        None => return Err(Errno::EBADF),
    }
    Ok(())
}

/// Ends the sleep of a waiter for good.
fn cancel(token: u64, errno: Errno) {
    match Table::the().find(token) {
        Some(Target::Sleeper(sleeper)) => sleeper.mark(Some(errno)),
        Some(Target::Bell(bell)) => bell.ring(Some(errno)),
        // Who is called looks, and finds that its task ends.
        Some(Target::Call(call)) => call(),
        Some(Target::Queue(_)) | None => {}
    }
}

/// What a bell's token leads to.
struct Ringing {
    fd: OwnedFd,
    cancelled: Mutex<Option<Errno>>,
}

impl Ringing {
    fn ring(&self, cancelled: Option<Errno>) {
        if let Some(errno) = cancelled {
            lock(&self.cancelled).get_or_insert(errno);
        }
        // A count that cannot grow any more has rung already.
        let _ = rustix::io::write(&self.fd, &1u64.to_ne_bytes());
    }
}

/// A waiter for who sleeps in the operating system: news make a descriptor readable there.
pub struct Bell {
    ringing: Arc<Ringing>,
    token: u64,
    group: u64,
}

impl Bell {
    /// A bell that has not rung; `group` as for [`Waiter::new`]. Errors: EMFILE, ENFILE, ENOMEM.
    pub fn new(group: u64) -> rustix::io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let ringing = Arc::new(Ringing { fd, cancelled: Mutex::default() });
        let token = Table::the().insert(Target::Bell(ringing.clone()));
        Ok(Self { ringing, token, group })
    }

    /// The number by which sources know it; never 0.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Begins a round: forgets earlier news. Sources are armed after it. Errors: what it was cancelled with.
    pub fn begin(&self) -> Result<(), Errno> {
        // That there was nothing to forget is no failure.
        let _ = rustix::io::read(&self.ringing.fd, &mut [0; 8]);
        if let Some(Target::Queue(queue)) = Table::the().find(self.group) {
            queue.arm(self.token);
        }
        lock(&self.ringing.cancelled).map_or(Ok(()), Err)
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ringing.fd.as_fd()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        Table::the().remove(self.token);
    }
}

/// One call's place to sleep; its token goes to whoever may have news.
pub struct Waiter {
    sleeper: Arc<Sleeper>,
    token: u64,
    group: u64,
}

impl Waiter {
    /// A waiter that ends with EINTR when the task of `group` ends: the token of [`Relay`] over the queue of its
    /// sleepers, or 0 for none.
    pub fn new(group: u64) -> Self {
        let sleeper = Arc::new(Sleeper::default());
        let token = Table::the().insert(Target::Sleeper(sleeper.clone()));
        Self { sleeper, token, group }
    }

    /// The number by which sources know it; never 0.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Begins a round: forgets earlier wakes. Sources are armed after it.
    pub fn begin(&self) {
        self.sleeper.gate.close();
        if let Some(Target::Queue(queue)) = Table::the().find(self.group) {
            queue.arm(self.token);
        }
    }

    /// Sleeps until it is woken (true; at once if that was since [`Waiter::begin`]) or a deadline has passed (false). A
    /// signal ends it as it ends a call of the kernel's: one that comes before the sleep does not.
    /// Errors: what it was cancelled with; EINTR a signal's handler ran on this thread, unless it was installed with
    /// `SA_RESTART` and there is no deadline.
    pub fn sleep(&self, until: Option<Instant>) -> Result<bool, Errno> {
        loop {
            if let Some(woken) = self.look(until)? {
                return Ok(woken);
            }
            self.sleeper.gate.sleep(until)?;
        }
    }

    /// As [`Waiter::sleep`], whatever signals come.
    pub fn sleep_through(&self, until: Option<Instant>) -> Result<bool, Errno> {
        loop {
            if let Some(woken) = self.look(until)? {
                return Ok(woken);
            }
            let _ = self.sleeper.gate.sleep(until);
        }
    }

    fn look(&self, until: Option<Instant>) -> Result<Option<bool>, Errno> {
        if let Some(errno) = *lock(&self.sleeper.cancelled) {
            return Err(errno);
        }
        if self.sleeper.gate.is_open() {
            return Ok(Some(true));
        }
        Ok(until.is_some_and(|until| Instant::now() >= until).then_some(false))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        Table::the().remove(self.token);
    }
}

#[derive(Default)]
struct Queue {
    waiters: Vec<u64>,
    /// Length at which those that went away are looked for.
    sweep_at: usize,
    closed: Option<Errno>,
}

/// The waiters of one source of news. Forgets each when it wakes it.
#[derive(Default)]
pub struct WaitQueue(Mutex<Queue>);

impl WaitQueue {
    /// Remembers a waiter, once; of a queue that was closed it is cancelled at once. Token 0 is nobody.
    pub fn arm(&self, waiter: u64) {
        const SWEEP_LEAST: usize = 16;
        if waiter == 0 {
            return;
        }
        let mut queue = lock(&self.0);
        if let Some(errno) = queue.closed {
            drop(queue);
            return cancel(waiter, errno);
        }
        if queue.waiters.contains(&waiter) {
            return;
        }
        if queue.waiters.len() >= queue.sweep_at {
            queue.waiters.retain(|token| Table::the().find(*token).is_some());
            queue.sweep_at = (queue.waiters.len() * 2).max(SWEEP_LEAST);
        }
        queue.waiters.push(waiter);
    }

    /// Wakes everyone, who then look for themselves what came.
    pub fn wake(&self, events: u32) {
        let waiters = std::mem::take(&mut lock(&self.0).waiters);
        for waiter in waiters {
            let _ = wake(waiter, events);
        }
    }

    /// Ends every sleep, and those that begin later, with an error.
    pub fn close(&self, errno: Errno) {
        let waiters = {
            let mut queue = lock(&self.0);
            queue.closed.get_or_insert(errno);
            std::mem::take(&mut queue.waiters)
        };
        for waiter in waiters {
            cancel(waiter, errno);
        }
    }
}

/// A token that stands for a whole queue: waking it wakes everyone there. A driver thus knows one waiter for each
/// opening, however many calls sleep on it.
pub struct Relay {
    queue: Arc<WaitQueue>,
    token: u64,
}

impl Relay {
    /// A queue of its own with its token.
    pub fn new() -> Self {
        let queue = Arc::new(WaitQueue::default());
        let token = Table::the().insert(Target::Queue(queue.clone()));
        Self { queue, token }
    }

    /// The queue.
    pub fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// The number by which others know it; never 0.
    pub fn token(&self) -> u64 {
        self.token
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        Table::the().remove(self.token);
    }
}

/// A token that calls: for who waits for news without sleeping. The call may come on any thread and under any lock of
/// whoever has news: it must not call on, and may come late.
pub struct Callback(u64);

impl Callback {
    /// A token that does this whenever a source has news; each source forgets it then, as any waiter.
    pub fn new(ring: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Table::the().insert(Target::Call(std::sync::Arc::new(ring))))
    }

    /// The number by which sources know it; never 0.
    pub fn token(&self) -> u64 {
        self.0
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        Table::the().remove(self.0);
    }
}
