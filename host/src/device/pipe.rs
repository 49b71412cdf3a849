//! Pipes and FIFOs: a ring of bytes with ends that come and go. POSIX, XSH pipe, open, read and write.
//!
//! A write of at most [`PIPE_BUF_BYTES`] is one piece or nothing. Ends are counted; the last reader's end makes writing
//! EPIPE (no signal: there are none here), the last writer's end makes reading 0 once the ring is empty.

use std::collections::VecDeque;

use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLERR, POLLHUP, POLLIN, POLLOUT};
use nxvfs_abi::ioctl::{
    FIONREAD, FIONSPACE, FIONWRITE, PIPEIOC_GETSIZE, PIPEIOC_PEEK, PIPEIOC_POLICY, PIPEIOC_POLLINTHRD,
    PIPEIOC_POLLOUTTHRD, PIPEIOC_SETSIZE,
};
use nxvfs_abi::types::{mode, open};

use super::command::{fill_int, value};
use super::stream::{Openable, Stream};
use crate::base::sync::{Arc, Mutex, MutexGuard, lock};
use crate::base::wait::{WaitQueue, Waiter};
use crate::base::{Errno, Result};

/// Writes of at most so many bytes are never torn. POSIX `PIPE_BUF`.
pub const PIPE_BUF_BYTES: usize = 4096;
/// Bytes that a pipe holds unless it is told otherwise; Linux's number.
const CAPACITY_BYTES: usize = 65_536;
/// The most that a user other than 0 may ask for; Linux's number.
const CAPACITY_MOST_USER_BYTES: usize = 1 << 20;
/// The most that anybody may ask for.
const CAPACITY_MOST_BYTES: usize = 1 << 28;

struct Ring {
    bytes: VecDeque<u8>,
    capacity: usize,
    readers: usize,
    writers: usize,
    /// How many ends were ever opened: tells who waits for a partner that one came, even if it has gone again.
    readers_ever: u64,
    writers_ever: u64,
    /// Whether the bytes outlive the last end (`PIPEIOC_POLICY` 1).
    keeps: bool,
    /// More bytes than this must be there to be told of (`PIPEIOC_POLLINTHRD`).
    tells_above: usize,
    /// Room for more bytes than this must be there to be told of (`PIPEIOC_POLLOUTTHRD`).
    tells_room_above: usize,
}

/// Room for a write that must not be torn: then no write of that length waits.
const ROOM_FOR_A_PIECE: usize = PIPE_BUF_BYTES - 1;

impl Ring {
    /// Whether readers are told: of enough bytes, or of the last ones.
    fn has_bytes(&self) -> bool {
        self.bytes.len() > self.tells_above || self.writers == 0 && !self.bytes.is_empty()
    }

    fn has_room(&self) -> bool {
        self.capacity.saturating_sub(self.bytes.len()) > self.tells_room_above
    }
}

/// A FIFO's inside: what all its ends share.
pub struct Pipe {
    ring: Mutex<Ring>,
    /// Who waits for bytes, or for a writer.
    readable: WaitQueue,
    /// Who waits for room, or for a reader.
    writable: WaitQueue,
}

impl Default for Pipe {
    fn default() -> Self {
        let ring = Ring {
            bytes: VecDeque::new(),
            capacity: CAPACITY_BYTES,
            readers: 0,
            writers: 0,
            readers_ever: 0,
            writers_ever: 0,
            keeps: false,
            tells_above: 0,
            tells_room_above: ROOM_FOR_A_PIECE,
        };
        Self { ring: Mutex::new(ring), readable: WaitQueue::default(), writable: WaitQueue::default() }
    }
}

impl Pipe {
    /// Both ends of a pipe that nobody has opened yet, the reader's first. POSIX `pipe`.
    pub fn ends(self: &Arc<Self>) -> (Arc<dyn Stream>, Arc<dyn Stream>) {
        let mut ring = lock(&self.ring);
        let reads = End::count(self, &mut ring, true, false);
        (Arc::new(reads), Arc::new(End::count(self, &mut ring, false, true)))
    }

    /// Opens an end and waits for its partner. Errors: ENXIO a writer that may not wait, without a reader; EINTR.
    fn enter(self: &Arc<Self>, ctx: &Ctx, flags: u32) -> Result<End> {
        let access = flags & open::O_ACCMODE;
        let (reads, writes) = (access != open::O_WRONLY, access != open::O_RDONLY);
        let waits = flags & open::O_NONBLOCK == 0;
        // Under one lock with the counting, so that the reader which was there stays until the end is counted.
        let mut ring = lock(&self.ring);
        if writes && !reads && !waits && ring.readers == 0 {
            return Err(Errno::ENXIO.into());
        }
        let (readers_ever, writers_ever) = (ring.readers_ever, ring.writers_ever);
        let end = End::count(self, &mut ring, reads, writes);
        drop(ring);
        end.tell_partners();
        if waits && reads != writes {
            let waiter = Waiter::new(ctx.cancel);
            loop {
                waiter.begin();
                let queue = if reads { &self.readable } else { &self.writable };
                queue.arm(waiter.token());
                let ring = lock(&self.ring);
                let there = match reads {
                    true => ring.writers > 0 || ring.writers_ever != writers_ever || !ring.bytes.is_empty(),
                    false => ring.readers > 0 || ring.readers_ever != readers_ever,
                };
                drop(ring);
                if there {
                    break;
                }
                waiter.sleep(None)?;
            }
        }
        Ok(end)
    }
}

/// A node that leads to a pipe: in the host's own tree, or for a FIFO of a volume.
#[derive(Default)]
pub struct Fifo(pub Arc<Pipe>);

impl Openable for Fifo {
    fn open(&self, ctx: &Ctx, flags: u32) -> Result<Arc<dyn Stream>> {
        Ok(Arc::new(self.0.enter(ctx, flags)?))
    }

    fn file_type(&self) -> u32 {
        mode::S_IFIFO
    }
}

/// One opening of a pipe.
struct End {
    pipe: Arc<Pipe>,
    reads: bool,
    writes: bool,
    /// Writers that had ever come when this end did: a reader that came before any writer has not lost one.
    writers_before: u64,
}

impl End {
    fn count(pipe: &Arc<Pipe>, ring: &mut Ring, reads: bool, writes: bool) -> Self {
        let writers_before = if ring.writers > 0 { u64::MAX } else { ring.writers_ever };
        ring.readers += usize::from(reads);
        ring.readers_ever += u64::from(reads);
        ring.writers += usize::from(writes);
        ring.writers_ever += u64::from(writes);
        Self { pipe: pipe.clone(), reads, writes, writers_before }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        lock(&self.pipe.ring)
    }

    /// The other side has news of this end's coming or going.
    fn tell_partners(&self) {
        if self.writes {
            self.pipe.readable.wake(POLLHUP);
        }
        if self.reads {
            self.pipe.writable.wake(POLLERR);
        }
    }

    fn set_capacity(&self, ctx: &Ctx, asked: usize) -> Result<u64> {
        if asked == 0 || asked > CAPACITY_MOST_BYTES {
            return Err(Errno::EINVAL.into());
        }
        if asked > CAPACITY_MOST_USER_BYTES && ctx.uid != 0 {
            return Err(Errno::EPERM.into());
        }
        let capacity = asked.next_multiple_of(PIPE_BUF_BYTES);
        let mut ring = self.ring();
        if ring.bytes.len() > capacity {
            return Err(Errno::EBUSY.into());
        }
        ring.capacity = capacity;
        ring.bytes.shrink_to(capacity);
        ring.tells_above = ring.tells_above.min(capacity - 1);
        ring.tells_room_above = ring.tells_room_above.min(capacity - 1);
        drop(ring);
        self.pipe.writable.wake(POLLOUT);
        Ok(capacity as u64)
    }
}

impl End {
    /// NuttX: from how much on `poll` tells. Reading and writing do not change. Errors: EINVAL as much as the pipe holds.
    fn set_threshold(&self, command: u32, threshold: usize) -> Result<u64> {
        let mut ring = self.ring();
        if threshold >= ring.capacity {
            return Err(Errno::EINVAL.into());
        }
        match (command, threshold) {
            (PIPEIOC_POLLINTHRD, _) => ring.tells_above = threshold,
            (_, 0) => ring.tells_room_above = ROOM_FOR_A_PIECE,
            (_, _) => ring.tells_room_above = threshold,
        }
        drop(ring);
        self.pipe.readable.wake(POLLIN);
        self.pipe.writable.wake(POLLOUT);
        Ok(0)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut ring = self.ring();
        ring.readers -= usize::from(self.reads);
        ring.writers -= usize::from(self.writes);
        if ring.readers == 0 && ring.writers == 0 && !ring.keeps {
            ring.bytes = VecDeque::new();
        }
        drop(ring);
        self.tell_partners();
    }
}

/// Copies the first bytes of a ring; answers how many.
fn peek(bytes: &VecDeque<u8>, buf: &mut [u8]) -> usize {
    let len = buf.len().min(bytes.len());
    let (first, second) = bytes.as_slices();
    let cut = len.min(first.len());
    buf[..cut].copy_from_slice(&first[..cut]);
    buf[cut..len].copy_from_slice(&second[..len - cut]);
    len
}

impl Stream for End {
    fn read(&self, _ctx: &Ctx, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut ring = self.ring();
        if ring.bytes.is_empty() {
            return if ring.writers == 0 { Ok(0) } else { Err(Errno::EAGAIN.into()) };
        }
        let len = peek(&ring.bytes, buf);
        ring.bytes.drain(..len);
        drop(ring);
        self.pipe.writable.wake(POLLOUT);
        Ok(len)
    }

    fn write(&self, _ctx: &Ctx, _offset: u64, buf: &[u8], _flags: u32) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let mut ring = self.ring();
        if ring.readers == 0 {
            return Err(Errno::EPIPE.into());
        }
        let room = ring.capacity.saturating_sub(ring.bytes.len());
        if room == 0 || (buf.len() <= PIPE_BUF_BYTES && room < buf.len()) {
            return Err(Errno::EAGAIN.into());
        }
        let len = buf.len().min(room);
        ring.bytes.extend(&buf[..len]);
        drop(ring);
        self.pipe.readable.wake(POLLIN);
        Ok(len)
    }

    fn poll(&self, _ctx: &Ctx, waiter: u64) -> Result<u32> {
        if self.reads {
            self.pipe.readable.arm(waiter);
        }
        if self.writes {
            self.pipe.writable.arm(waiter);
        }
        let ring = self.ring();
        let mut events = 0;
        if self.reads {
            events |= if ring.has_bytes() { POLLIN } else { 0 };
            let left = ring.writers == 0 && ring.writers_ever != self.writers_before;
            events |= if left { POLLHUP } else { 0 };
        }
        if self.writes {
            events |= match (ring.readers, ring.has_room()) {
                (0, _) => POLLERR,
                (_, true) => POLLOUT,
                (_, false) => 0,
            };
        }
        Ok(events)
    }

    fn waits(&self) -> bool {
        true
    }

    fn writes_all(&self) -> bool {
        true
    }

    fn ioctl(&self, ctx: &Ctx, command: u32, arg: &mut [u8]) -> Result<u64> {
        match command {
            FIONREAD | FIONWRITE => fill_int(arg, self.ring().bytes.len()),
            FIONSPACE => {
                let ring = self.ring();
                fill_int(arg, ring.capacity.saturating_sub(ring.bytes.len()))
            }
            PIPEIOC_GETSIZE => Ok(self.ring().capacity as u64),
            PIPEIOC_SETSIZE => self.set_capacity(ctx, value(arg)?),
            PIPEIOC_PEEK => Ok(peek(&self.ring().bytes, arg) as u64),
            PIPEIOC_POLLINTHRD | PIPEIOC_POLLOUTTHRD => self.set_threshold(command, value(arg)?),
            PIPEIOC_POLICY => {
                let keeps = match value(arg)? {
                    0 => false,
                    1 => true,
                    _ => return Err(Errno::EINVAL.into()),
                };
                self.ring().keeps = keeps;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY.into()),
        }
    }
}
