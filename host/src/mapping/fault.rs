//! Pages of a copy that are filled when they are touched, by whomever: a program, or the kernel on its behalf.
//!
//! The kernel tells of the first touch of each page (userfaultfd(2)) and lets the toucher wait. Threads of this module
//! fill the page and wake it. A page whose bytes cannot be read answers with SIGBUS, never with zeroes. All of this needs
//! a kernel that lets faults of its own be served (root, or `vm.unprivileged_userfaultfd`), because a system call that
//! touched such a page would otherwise fail; elsewhere ranges are filled when they are mapped.

use std::collections::BTreeMap;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr::with_exposed_provenance;

use linux_raw_sys::general as raw;
use linux_raw_sys::ioctl as number;
use rustix::ioctl::{Opcode, Updater, ioctl};
use rustix::mm::{UserfaultfdFlags, userfaultfd};

use super::region::Region;
use super::view::overlap;
use super::vma::page;
use crate::base::sync::{Arc, AtomicUsize, Condvar, Mutex, OnceLock, Ordering, Weak, lock, wait};
use crate::base::{Errno, Result};

/// Threads that fill pages: while one waits for a slow medium, others go on.
const THREADS: usize = 2;

/// How many ranges of pages are watched in this process.
static WATCHED: AtomicUsize = AtomicUsize::new(0);

/// Pages of one view that are filled when they are touched.
struct Watched {
    end: usize,
    region: Weak<Region>,
    /// Number in the file of the first page.
    first_page: u64,
}

#[derive(Default)]
struct State {
    watched: BTreeMap<usize, Watched>,
    /// Copies that a thread fills now. Whoever unmaps pages of one waits for it, so that nothing of a view is in use when
    /// it has ended.
    serving: Vec<Arc<Region>>,
}

/// The channel to the kernel. One for the process, for good: views of any host come and go.
struct Faults {
    kernel: OwnedFd,
    state: Mutex<State>,
    served: Condvar,
}

const POISON: Opcode = rustix::ioctl::opcode::read_write::<Poison>(0xaa, raw::_UFFDIO_POISON as u8);

/// `struct uffdio_poison`.
#[repr(C)]
struct Poison {
    range: raw::uffdio_range,
    mode: u64,
    updated: i64,
}

/// Opened when it is first asked for; `None` where the kernel does not offer what is needed.
fn faults() -> Option<&'static Faults> {
    static FAULTS: OnceLock<Option<&'static Faults>> = OnceLock::new();
    *FAULTS.get_or_init(|| {
        // SAFETY: the descriptor is used by this module alone, for pages of views.
        let kernel = unsafe { userfaultfd(UserfaultfdFlags::CLOEXEC) }.ok()?;
        let needed = u64::from(raw::UFFD_FEATURE_MISSING_SHMEM | raw::UFFD_FEATURE_POISON);
        let mut api = raw::uffdio_api { api: u64::from(raw::UFFD_API), features: needed, ioctls: 0 };
        call::<{ number::UFFDIO_API }, _>(&kernel, &mut api).ok()?;
        let faults: &'static Faults =
            Box::leak(Box::new(Faults { kernel, state: Mutex::default(), served: Condvar::new() }));
        for _ in 0..THREADS {
            let thread = std::thread::Builder::new().name("nxvfs-fault".to_owned());
            thread.spawn(move || faults.serve()).ok()?;
        }
        Some(faults)
    })
}

fn call<const CODE: Opcode, T>(kernel: &OwnedFd, argument: &mut T) -> rustix::io::Result<()> {
    // SAFETY: each code is called with the struct that linux/userfaultfd.h defines for it, and the ranges in it are
    // pages of views.
    unsafe { ioctl(kernel.as_fd(), Updater::<CODE, T>::new(argument)) }
}

fn range_of(pages: &Range<usize>) -> raw::uffdio_range {
    raw::uffdio_range { start: pages.start as u64, len: pages.len() as u64 }
}

/// Whether pages can be filled when they are touched.
pub(super) fn available() -> bool {
    faults().is_some()
}

/// From now on the pages, which nobody has touched yet, are filled by `region` when they are touched. Errors: ENOTSUP,
/// and the kernel's.
pub(super) fn watch(pages: Range<usize>, region: &Arc<Region>, first_page: u64) -> Result<()> {
    let faults = faults().ok_or(Errno::ENOTSUP)?;
    let watched = Watched { end: pages.end, region: Arc::downgrade(region), first_page };
    lock(&faults.state).watched.insert(pages.start, watched);
    WATCHED.fetch_add(1, Ordering::Release);
    let mut register = raw::uffdio_register {
        range: range_of(&pages),
        mode: u64::from(raw::UFFDIO_REGISTER_MODE_MISSING),
        ioctls: 0,
    };
    if let Err(e) = call::<{ number::UFFDIO_REGISTER }, _>(&faults.kernel, &mut register) {
        forget(&pages);
        return Err(e.into());
    }
    Ok(())
}

/// The pages are about to be unmapped.
pub(super) fn forget(pages: &Range<usize>) {
    if WATCHED.load(Ordering::Acquire) == 0 {
        return;
    }
    let Some(faults) = faults() else { return };
    let mut state = lock(&faults.state);
    let mut gone = Vec::new();
    for start in overlapping(&state.watched, pages) {
        let Some(old) = state.watched.remove(&start) else { continue };
        WATCHED.fetch_sub(1, Ordering::Release);
        gone.push(old.region.clone());
        for rest in [start..pages.start.min(old.end), pages.end.max(start)..old.end] {
            if rest.start < rest.end {
                let first_page = old.first_page + ((rest.start - start) / page()) as u64;
                let part = Watched { end: rest.end, region: old.region.clone(), first_page };
                state.watched.insert(rest.start, part);
                WATCHED.fetch_add(1, Ordering::Release);
            }
        }
    }
    let served = |region: &Arc<Region>| gone.iter().any(|g| std::ptr::eq(g.as_ptr(), Arc::as_ptr(region)));
    while state.serving.iter().any(served) {
        state = wait(&faults.served, state);
    }
}

/// Where watched ranges begin that have pages in common with a range.
fn overlapping(watched: &BTreeMap<usize, Watched>, pages: &Range<usize>) -> Vec<usize> {
    let before = watched.range(..pages.end).rev();
    before.take_while(|(_, w)| w.end > pages.start).map(|(start, _)| *start).collect()
}

/// Touches those pages of a user's buffer that are filled when they are touched, before any lock is taken that filling
/// them may need. One atomic load where there are none.
#[inline]
pub fn touch(buffer: &[u8]) {
    if WATCHED.load(Ordering::Acquire) > 0 {
        touch_watched(buffer);
    }
}

#[cold]
fn touch_watched(buffer: &[u8]) {
    let Some(faults) = faults() else { return };
    let bytes = buffer.as_ptr_range();
    let bytes = bytes.start.expose_provenance()..bytes.end.expose_provenance();
    let ranges: Vec<Range<usize>> = {
        let State { watched, .. } = &*lock(&faults.state);
        let starts = overlapping(watched, &bytes);
        starts.iter().map(|start| overlap(&bytes, &(*start..watched[start].end))).collect()
    };
    for range in ranges {
        let mut at = range.start;
        while at < range.end {
            // SAFETY: a byte of the caller's buffer.
            unsafe { with_exposed_provenance::<u8>(at).read_volatile() };
            at = (at + 1).next_multiple_of(page());
        }
    }
}

impl Faults {
    /// Serves touches for as long as the process lives.
    fn serve(&self) {
        loop {
            let mut message = [0_u8; size_of::<raw::uffd_msg>()];
            match rustix::io::read(&self.kernel, &mut message) {
                Ok(len) if len == message.len() => {}
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) | Ok(_) => continue,
                Err(e) => {
                    log::error!("pages that are touched are no longer filled: userfaultfd: {e}");
                    return;
                }
            }
            // `event` is the first byte, `arg.pagefault.address` the third word.
            if u32::from(message[0]) != raw::UFFD_EVENT_PAGEFAULT {
                continue;
            }
            let mut address = [0; 8];
            address.copy_from_slice(&message[16..24]);
            self.fault(usize::from_ne_bytes(address));
        }
    }

    fn fault(&self, address: usize) {
        let at = address - address % page();
        let one = at..at + page();
        let found = {
            let mut state = lock(&self.state);
            let start = overlapping(&state.watched, &one).pop();
            let watched = start.map(|start| (start, &state.watched[&start]));
            let found = watched.and_then(|(start, w)| {
                Some((w.region.upgrade()?, w.first_page + ((at - start) / page()) as u64, w.end))
            });
            state.serving.extend(found.as_ref().map(|(region, ..)| region.clone()));
            found
        };
        // Where nobody watches any more the touch is repeated, and meets what is there now.
        let Some((region, number, end)) = found else { return self.wake(&one) };
        self.fill(&region, number, &one, end);
        let mut state = lock(&self.state);
        let served = state.serving.iter().position(|other| Arc::ptr_eq(other, &region));
        // The last of a copy is never here: whoever ends its views waits for this.
        drop(region);
        served.map(|at| state.serving.swap_remove(at));
        drop(state);
        self.served.notify_all();
    }

    /// Fills a page that was touched, and those behind it, up to `end`, that probably will be.
    fn fill(&self, region: &Region, number: u64, one: &Range<usize>, end: usize) {
        if let Err(e) = region.fill(number..number + 1) {
            log::error!("a page of a mapped file cannot be read, SIGBUS for who touched it: {e}");
            let mut poison = Poison { range: range_of(one), mode: 0, updated: 0 };
            if call::<POISON, _>(&self.kernel, &mut poison).is_err() {
                self.wake(one);
            }
            return;
        }
        self.wake(one);
        let ahead = (region.ahead_bytes / page() as u64).min(((end - one.end) / page()) as u64);
        if ahead > 0 && region.fill(number + 1..number + 1 + ahead).is_ok() {
            self.wake(&(one.end..one.end + ahead as usize * page()));
        }
    }

    fn wake(&self, pages: &Range<usize>) {
        let mut range = range_of(pages);
        // The pages may have been unmapped meanwhile: then nobody waits.
        let _ = call::<{ number::UFFDIO_WAKE }, _>(&self.kernel, &mut range);
    }
}
