//! A character driver, and what the fake host sees of it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use nxvfs_sdk::abi::character::event::{POLLIN, POLLOUT};
use nxvfs_sdk::{Attach, CharacterDriver, Ctx, Errno, IoctlArg, Result, fake, open, wake};

/// A queue of bytes; each opening has a number. `greedy` makes reads lie.
struct Queue {
    inside: Arc<Mutex<(Vec<u8>, Vec<u64>)>>,
    next: AtomicU64,
    open: AtomicUsize,
    greedy: bool,
}

impl CharacterDriver for Queue {
    fn attach(_ctx: &Ctx, attach: &Attach<'_>) -> Result<Self> {
        let greedy = attach.params.bool("greedy");
        Ok(Self { inside: Arc::default(), next: AtomicU64::new(1), open: AtomicUsize::new(0), greedy })
    }

    fn open(&self, _ctx: &Ctx, flags: u32) -> Result<u64> {
        if flags & open::O_APPEND != 0 {
            return Err(Errno::EINVAL.into());
        }
        self.open.fetch_add(1, Ordering::SeqCst);
        Ok(self.next.fetch_add(1, Ordering::SeqCst))
    }

    fn release(&self, _ctx: &Ctx, _handle: u64) -> Result<()> {
        self.open.fetch_sub(1, Ordering::SeqCst);
        Ok(())
    }

    fn read(&self, _ctx: &Ctx, _handle: u64, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        if self.greedy {
            return Ok(buf.len() + 1);
        }
        let mut inside = self.inside.lock().unwrap();
        if inside.0.is_empty() {
            return Err(Errno::EAGAIN.into());
        }
        let len = inside.0.len().min(buf.len());
        buf[..len].copy_from_slice(&inside.0.drain(..len).collect::<Vec<_>>());
        Ok(len)
    }

    fn write(&self, _ctx: &Ctx, _handle: u64, _offset: u64, buf: &[u8]) -> Result<usize> {
        let (inside, bytes) = (self.inside.clone(), buf.to_vec());
        // Wakes from another thread, under the driver's lock.
        let courier = thread::spawn(move || {
            let mut inside = inside.lock().unwrap();
            inside.0.extend(bytes);
            inside.1.drain(..).for_each(|waiter| wake(waiter, POLLIN));
        });
        courier.join().unwrap();
        Ok(buf.len())
    }

    fn ioctl(&self, _ctx: &Ctx, handle: u64, command: u32, arg: &mut IoctlArg<'_>) -> Result<i64> {
        match command {
            1 => Ok(arg.value() as i64 + handle as i64),
            2 => arg.fill_u32(self.open.load(Ordering::SeqCst) as u32).map(|()| 0),
            _ => Err(Errno::ENOTTY.into()),
        }
    }

    fn poll(&self, _ctx: &Ctx, _handle: u64, waiter: u64) -> Result<u32> {
        let mut inside = self.inside.lock().unwrap();
        if waiter != 0 && !inside.1.contains(&waiter) {
            inside.1.push(waiter);
        }
        Ok(POLLOUT | if inside.0.is_empty() { 0 } else { POLLIN })
    }
}

fn queue(greedy: bool) -> fake::Character<Queue> {
    fake::attach_character::<Queue>(&[("greedy", fake::Value::Bool(greedy))]).unwrap()
}

#[test]
fn a_waiter_is_woken_once_for_what_comes() {
    let device = queue(false);
    let opening = device.open(open::O_RDWR).unwrap();
    let waiter = fake::Waiter::new();
    assert_eq!(opening.poll(Some(&waiter)).unwrap(), POLLOUT);
    assert_eq!(opening.read(0, &mut [0; 4]).unwrap_err().errno, Errno::EAGAIN);
    assert_eq!(waiter.woken(), 0);
    assert_eq!(opening.write(0, b"abc").unwrap(), 3);
    assert_eq!(waiter.wait(), POLLIN);
    assert_eq!(opening.poll(None).unwrap(), POLLIN | POLLOUT);
    opening.write(0, b"d").unwrap();
    assert_eq!(waiter.woken(), 0, "the driver has forgotten it");
    let mut buf = [0; 9];
    assert_eq!((opening.read(0, &mut buf).unwrap(), &buf[..4]), (4, &b"abcd"[..]));
    // A waiter that is gone is woken without harm.
    opening.poll(Some(&fake::Waiter::new())).unwrap();
    opening.write(0, b"e").unwrap();
}

#[test]
fn openings_have_numbers_and_end() {
    let device = queue(false);
    let first = device.open(open::O_RDONLY).unwrap();
    let second = device.open(open::O_RDONLY).unwrap();
    assert_eq!(device.open(open::O_APPEND).map(drop).unwrap_err().errno, Errno::EINVAL);
    assert_eq!((first.ioctl_value(1, 10).unwrap(), second.ioctl_value(1, 10).unwrap()), (11, 12));
    drop(second);
    let mut count = [0; 4];
    first.ioctl(2, &mut count).unwrap();
    assert_eq!(u32::from_ne_bytes(count), 1);
    assert_eq!(first.seek(0, 0).unwrap_err().errno, Errno::ENOSYS, "the slot's default");
    drop(first);
    device.detach().unwrap();
}

#[test]
#[should_panic(expected = "read answered 5 of 4 bytes")]
fn a_count_that_cannot_be_fails_the_test() {
    let device = queue(true);
    let _ = device.open(open::O_RDONLY).unwrap().read(0, &mut [0; 4]);
}
