//! The threads of one host that do transfers, and everything that is under way.

use std::collections::{BTreeMap, VecDeque};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::job::{Job, Order};
use super::request::{Aio, AioList, AioRequest, cancelled};
use crate::base::sync::{Arc, Condvar, Mutex, MutexGuard, Weak, lock, wait, wait_until};
use crate::base::wait::Callback;
use crate::base::{Errno, Result};
use crate::bridge::spawn_quiet;
use crate::file::OpenFile;
use nxvfs_abi::Ctx;

/// Threads that one host has at most.
const MOST_THREADS: usize = 8;
/// Requests of one host that may be under way.
const MOST_REQUESTS: usize = 4096;
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(10);

/// What became of requests that were to be cancelled. POSIX `aio_cancel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// All of them were (`AIO_CANCELED`).
    All,
    /// At least one is being done and goes on (`AIO_NOTCANCELED`).
    NotAll,
    /// All were over already (`AIO_ALLDONE`).
    Over,
}

/// Which requests of a descriptor.
#[derive(Clone, Copy)]
pub enum Only<'a> {
    /// All.
    All,
    /// This one.
    Request(&'a Aio),
    /// Those whose owner gave them this tag.
    Tagged(u64),
}

/// Where a request is.
enum Place {
    /// It waits for earlier ones.
    Held(Job),
    /// A thread takes it next.
    Queued(Job),
    /// It waits for its callback.
    Parked(Job),
    /// A thread has it; its callback came meanwhile, or not.
    Running { rung: bool },
}

struct Entry {
    aio: Arc<Aio>,
    /// The owner's; 0 of none.
    tag: u64,
    task: u64,
    fd: u32,
    /// Which open file: its address, good as long as the request keeps it.
    file: usize,
    order: Order,
    /// Whether a thread that has it never has it for long: it is tried, and then it ends or waits.
    brief: bool,
    place: Place,
}

impl Entry {
    /// Takes the transfer from where it waits.
    fn take(&mut self) -> Option<Job> {
        match std::mem::replace(&mut self.place, Place::Running { rung: false }) {
            Place::Held(job) | Place::Queued(job) | Place::Parked(job) => Some(job),
            running @ Place::Running { .. } => {
                self.place = running;
                None
            }
        }
    }
}

#[derive(Default)]
struct Inner {
    /// In the order in which they came.
    requests: BTreeMap<u64, Entry>,
    queue: VecDeque<u64>,
    next: u64,
    threads: Vec<JoinHandle<()>>,
    live: usize,
    idle: usize,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    work: Condvar,
    ended: Condvar,
}

/// The pool of one host. Dropping it cancels what waits and ends its threads.
#[derive(Default)]
pub struct Pool(Arc<Shared>);

impl Pool {
    /// Accepts a request for a file of a task. Errors: EBADF not open for that; EAGAIN too many are under way, or no thread
    /// can be had.
    pub fn submit(
        &self,
        file: Arc<OpenFile>,
        ctx: Ctx,
        request: AioRequest,
        list: Option<Arc<AioList>>,
    ) -> Result<Arc<Aio>> {
        let order = Order::of(&file, &request.op);
        let tag = request.owner.as_ref().map_or(0, |owner| owner.tag);
        let aio = Arc::new(Aio::new(request.owner));
        let mut entry = Entry {
            aio: aio.clone(),
            tag,
            task: ctx.task,
            fd: request.fd,
            file: Arc::as_ptr(&file).addr(),
            order,
            brief: file.waits_for_news(),
            place: Place::Running { rung: false },
        };
        let job = Job {
            file,
            ctx,
            op: request.op,
            offset: request.offset,
            done: 0,
            callback: None,
            notice: request.notice,
            list,
        };
        let mut inner = self.0.lock();
        if inner.closed || inner.requests.len() >= MOST_REQUESTS {
            return Err(Errno::EAGAIN.into());
        }
        self.0.need_thread(&mut inner)?;
        let number = inner.next;
        inner.next += 1;
        let mut earlier = inner.requests.values().filter(|e| e.file == entry.file);
        if earlier.any(|earlier| order.comes_after(earlier.order)) {
            entry.place = Place::Held(job);
        } else {
            entry.place = Place::Queued(job);
            inner.queue.push_back(number);
            self.0.work.notify_one();
        }
        inner.requests.insert(number, entry);
        Ok(aio)
    }

    /// Cancels what waits of a task's requests on a descriptor: one of them, or all.
    pub fn cancel(&self, task: u64, fd: u32, only: Only<'_>) -> Cancelled {
        let wanted = |e: &Entry| {
            let is_one = match only {
                Only::All => true,
                Only::Request(aio) => std::ptr::eq(&raw const *e.aio, aio),
                Only::Tagged(tag) => e.tag == tag,
            };
            e.task == task && e.fd == fd && is_one
        };
        let (mut some, mut inner) = (false, self.0.lock());
        let runs = loop {
            let (mut waited, mut tried, mut runs) = (Vec::new(), false, false);
            for (number, entry) in inner.requests.iter_mut().filter(|(_, e)| wanted(e)) {
                match entry.take() {
                    Some(job) => waited.push((*number, job)),
                    None if entry.brief => tried = true,
                    None => runs = true,
                }
            }
            if !waited.is_empty() {
                some = true;
                drop(inner);
                for (number, job) in waited {
                    self.0.conclude(number, job, cancelled(), true);
                }
                inner = self.0.lock();
            } else if tried {
                // It ends now, or waits again, and then it is cancelled.
                inner = wait(&self.0.ended, inner);
            } else {
                break runs;
            }
        };
        drop(inner);
        match (runs, some) {
            (true, _) => Cancelled::NotAll,
            (false, true) => Cancelled::All,
            (false, false) => Cancelled::Over,
        }
    }

    /// Cancels what waits of a task, and waits for what is being done: nothing of it is left.
    pub fn end_task(&self, task: u64) {
        loop {
            let mut inner = self.0.lock();
            let waits = |e: &Entry| e.task == task && !matches!(e.place, Place::Running { .. });
            let found = inner.requests.iter_mut().find(|(_, e)| waits(e));
            if let Some((number, entry)) = found {
                let (number, job) = (*number, entry.take());
                drop(inner);
                if let Some(job) = job {
                    self.0.conclude(number, job, cancelled(), false);
                }
            } else if inner.requests.values().any(|e| e.task == task) {
                drop(wait(&self.0.ended, inner));
            } else {
                return;
            }
        }
    }

    /// How many threads there are.
    pub fn threads(&self) -> usize {
        self.0.lock().live
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Starts one more thread if none is idle. Errors: EAGAIN there is none, and none can be had.
    fn need_thread(self: &Arc<Self>, inner: &mut Inner) -> Result<()> {
        if inner.idle > inner.queue.len() || inner.live >= MOST_THREADS {
            return Ok(());
        }
        inner.threads.retain(|thread| !thread.is_finished());
        let shared = self.clone();
        match spawn_quiet("aio", move || shared.work()) {
            Ok(thread) => {
                inner.threads.push(thread);
                inner.live += 1;
                Ok(())
            }
            Err(_) if inner.live > 0 => Ok(()),
            Err(_) => Err(Errno::EAGAIN.into()),
        }
    }

    fn work(self: Arc<Self>) {
        let mut inner = self.lock();
        while !inner.closed {
            let Some(number) = inner.queue.pop_front() else {
                let until = Instant::now() + IDLE;
                inner.idle += 1;
                while inner.queue.is_empty() && !inner.closed && Instant::now() < until {
                    inner = wait_until(&self.work, inner, Some(until));
                }
                inner.idle -= 1;
                if inner.queue.is_empty() {
                    break;
                }
                continue;
            };
            // Who was cancelled is not there any more, or no longer queued.
            let entry = inner.requests.get_mut(&number).filter(|e| matches!(e.place, Place::Queued(_)));
            let Some(mut job) = entry.and_then(Entry::take) else { continue };
            drop(inner);
            let shared = Arc::downgrade(&self);
            let done = job.attempt(|| Callback::new(move || ring(&shared, number)));
            match done {
                Some(result) => {
                    self.conclude(number, job, result, true);
                    inner = self.lock();
                }
                None => {
                    inner = self.lock();
                    let Inner { requests, queue, .. } = &mut *inner;
                    let Some(entry) = requests.get_mut(&number) else { continue };
                    entry.place = match entry.place {
                        Place::Running { rung: true } => {
                            queue.push_back(number);
                            Place::Queued(job)
                        }
                        _ => Place::Parked(job),
                    };
                    // Who ends its task takes it now that it waits.
                    self.ended.notify_all();
                }
            }
        }
        inner.live -= 1;
    }

    /// Queues those of a file that waited for what is over now.
    fn let_go(&self, inner: &mut Inner, file: usize) {
        let Inner { requests, queue, .. } = inner;
        let mut before = Vec::new();
        for (number, entry) in requests.iter_mut().filter(|(_, e)| e.file == file) {
            let order = entry.order;
            if matches!(entry.place, Place::Held(_))
                && !before.iter().any(|earlier| order.comes_after(*earlier))
                && let Some(job) = entry.take()
            {
                entry.place = Place::Queued(job);
                queue.push_back(*number);
                self.work.notify_one();
            }
            if !before.contains(&order) {
                before.push(order);
            }
        }
    }

    /// Ends a request, whose entry is still there. Its file is given back before anybody is told.
    fn conclude(&self, number: u64, job: Job, result: Result<usize>, tell: bool) {
        let Job { file, op, callback, notice, list, .. } = job;
        drop(callback);
        drop(file);
        let aio = self.lock().requests.get(&number).map(|e| e.aio.clone());
        if let Some(aio) = aio {
            aio.complete(result, op.into_buffer());
        }
        let mut inner = self.lock();
        if let Some(gone) = inner.requests.remove(&number) {
            self.let_go(&mut inner, gone.file);
        }
        self.ended.notify_all();
        drop(inner);
        if tell {
            notice.give();
            if let Some(list) = list {
                list.one_ended();
            }
        }
    }
}

/// News for a request that waits.
fn ring(shared: &Weak<Shared>, number: u64) {
    let Some(shared) = shared.upgrade() else { return };
    let mut inner = shared.lock();
    let Inner { requests, queue, .. } = &mut *inner;
    let Some(entry) = requests.get_mut(&number) else { return };
    match &mut entry.place {
        Place::Running { rung } => *rung = true,
        Place::Parked(_) => {
            if let Some(job) = entry.take() {
                entry.place = Place::Queued(job);
                queue.push_back(number);
                shared.work.notify_one();
            }
        }
        Place::Held(_) | Place::Queued(_) => {}
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.closed = true;
        let threads = std::mem::take(&mut inner.threads);
        self.0.work.notify_all();
        drop(inner);
        let own = std::thread::current().id();
        for thread in threads.into_iter().filter(|thread| thread.thread().id() != own) {
            let _ = thread.join();
        }
    }
}
