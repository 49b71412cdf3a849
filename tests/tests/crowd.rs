//! Sixteen threads at once open, duplicate, rename, map, unmap, close and unmount, in tasks that they share; at the end
//! nothing is left behind. Alone in its process, which is counted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nxvfs::mapping::{MapRequest, Prot, Sync};
use nxvfs::tree::UnmountFlags;
use nxvfs::{Errno, Host, MountOptions, Task};
use nxvfs_abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};
use nxvfs_abi::types::open::{O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_TRUNC};
use nxvfs_tests::process::{descriptor_count, mappings};
use nxvfs_tests::{Board, Folder, Link, Rng, genromfs};

const THREADS: usize = 16;
const STEPS: usize = 3000;
const PAGE: usize = 4096;
const PLACES: [&str; 3] = ["/a", "/b", "/rom"];

/// A view of this thread's own, so that nobody unmaps it while it is used.
struct View {
    task: Arc<Task>,
    address: usize,
    len: usize,
    writable: bool,
}

struct Actor {
    rng: Rng,
    host: Arc<Host>,
    tasks: Vec<Arc<Task>>,
    views: Vec<View>,
    done: BTreeSet<&'static str>,
}

fn path(rng: &mut Rng) -> String {
    let place = *rng.pick(&PLACES);
    format!("{place}/{}", rng.pick(&["f", "g", "h", "d/f", "d/g"]))
}

impl Actor {
    /// What other threads do at the same time decides the answer; but some answers nobody may get.
    fn note<T>(&mut self, what: &'static str, result: nxvfs::Result<T>) -> Option<T> {
        match result {
            Ok(value) => {
                self.done.insert(what);
                Some(value)
            }
            Err(e) => {
                let never = [Errno::EFAULT, Errno::ENOSYS, Errno::ENOMEM, Errno::EDEADLK];
                assert!(!never.contains(&e.errno()), "{what}: {e}");
                None
            }
        }
    }

    fn step(&mut self) {
        let task = self.rng.pick(&self.tasks).clone();
        let fd = self.rng.below(40) as u32;
        let (one, two) = (path(&mut self.rng), path(&mut self.rng));
        let (other, len) = (self.rng.below(40) as u32, self.rng.below(10 * PAGE) as u64);
        let place = *self.rng.pick(&PLACES);
        match self.rng.below(22) {
            0..=3 => {
                let flags = *self.rng.pick(&[O_RDONLY, O_RDWR, O_RDWR | O_CREAT, O_RDWR | O_CREAT | O_TRUNC]);
                self.note("open", task.open(one, flags, 0o644));
            }
            4 => drop(self.note("dup", task.dup(fd))),
            5 => drop(self.note("dup2", task.dup2(fd, other))),
            6..=8 => drop(self.note("close", task.close(fd))),
            9 => {
                let flags = *self.rng.pick(&[0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE]);
                self.note("rename", task.rename(one, two, flags));
            }
            10 => drop(self.note("unlink", task.unlink(one))),
            11 => drop(self.note("mkdir", task.mkdir(format!("{place}/d"), 0o755))),
            12 => {
                let bytes = vec![7; 1 + self.rng.below(3 * PAGE)];
                let offset = self.rng.below(8 * PAGE) as u64;
                self.note("write", task.pwrite(fd, &bytes, offset));
            }
            13 => {
                let mut bytes = vec![0; 3 * PAGE];
                let offset = self.rng.below(8 * PAGE) as u64;
                if let Some(got) = self.note("read", task.pread(fd, &mut bytes, offset)) {
                    // Nobody ever writes anything but sevens; the rest is holes, and the romfs has eights.
                    assert!(bytes[..got].iter().all(|b| [0, 7, 8].contains(b)));
                }
            }
            14 => drop(self.note("truncate", task.ftruncate(fd, len))),
            15..=16 => self.map(task, fd),
            17 => self.use_a_view(),
            18 => self.unmap(),
            19 => drop(self.note("append", task.setfl(fd, O_APPEND))),
            20 => drop(self.note("fsync", task.fsync(fd, false))),
            _ => self.mounts(),
        }
    }

    fn map(&mut self, task: Arc<Task>, fd: u32) {
        let len = 1 + self.rng.below(6 * PAGE);
        let prot = *self.rng.pick(&[Prot::READ, Prot::READ_WRITE]);
        let shared = self.rng.one_in(2);
        let offset = self.rng.below(4) as u64 * PAGE as u64;
        let request = if shared {
            MapRequest::shared(offset, len, prot)
        } else {
            MapRequest::private(offset, len, prot)
        };
        let mapped = task.mmap(fd, &request);
        if let Some(address) = self.note("mmap", mapped) {
            self.views.push(View { task, address, len, writable: prot.write && !shared });
        }
    }

    fn use_a_view(&mut self) {
        let Some(view) = self.views.last() else { return };
        if view.writable {
            let mut buf = [0; 1];
            // The kernel answers where the page is gone, instead of a signal.
            let there = std::fs::File::open("/proc/self/mem")
                .and_then(|mem| std::os::unix::fs::FileExt::read_at(&mem, &mut buf, view.address as u64));
            if matches!(there, Ok(1)) {
                assert!([0, 7, 8].contains(&buf[0]));
            }
        }
        let page = view.address - view.address % PAGE;
        let synced = view.task.msync(page, PAGE, Sync::Async);
        self.note("msync", synced);
    }

    fn unmap(&mut self) {
        if self.views.is_empty() {
            return;
        }
        let view = self.views.swap_remove(self.rng.below(self.views.len()));
        let whole = view.address - view.address % PAGE;
        let end = (view.address + view.len).next_multiple_of(PAGE);
        #[allow(clippy::single_range_in_vec_init, reason = "one part is meant")]
        let parts = if self.rng.one_in(3) && end - whole > 2 * PAGE {
            // First the middle, then what is beside it: the hole may be another thread's view by now.
            vec![whole + PAGE..whole + 2 * PAGE, whole..whole + PAGE, whole + 2 * PAGE..end]
        } else {
            vec![whole..end]
        };
        for part in parts {
            view.task.munmap(part.start, part.len()).unwrap();
        }
        self.done.insert("munmap");
    }

    fn mounts(&mut self) {
        let place = *self.rng.pick(&PLACES);
        match self.rng.below(6) {
            0 => drop(self.note("umount", self.host.unmount(place))),
            1 => {
                let flags = UnmountFlags(*self.rng.pick(&[UnmountFlags::DETACH, UnmountFlags::FORCE]));
                self.note("umount2", self.host.unmount_with(place, flags));
            }
            _ => drop(self.note("mount", mount(&self.host, place))),
        }
    }
}

fn mount(host: &Arc<Host>, place: &str) -> nxvfs::Result<()> {
    let (source, fs) = if place == "/rom" { ("/dev/loop0", "romfs") } else { ("none", "tmpfs") };
    let options = MountOptions::parse(nxvfs_tests::words(if fs == "romfs" { "ro" } else { "" })).unwrap();
    host.mount(Some(source), place, fs, &options).map(drop)
}

/// Mappings that views and copies make; others come and go with threads and allocations.
fn copies() -> usize {
    mappings().iter().filter(|vma| vma.name.contains("memfd:nxvfs")).count()
}

fn crowd(link: Link, seed: u64) {
    let folder = Folder::new().file("tree/f", vec![8; 30_000]).file("tree/d/f", vec![8; 5000]);
    let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let board = Board::new(link).attach("loop", "/dev/loop0", &format!("file={},ro", image.display()));
    PLACES.iter().for_each(|place| mount(board.host(), place).unwrap());
    let tasks: Vec<Arc<Task>> = (0..4).map(|_| Arc::new(board.task())).collect();
    let running = AtomicUsize::new(THREADS);
    let done: Vec<BTreeSet<&str>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|n| {
                let (host, tasks, running) = (board.host().clone(), tasks.clone(), &running);
                scope.spawn(move || {
                    let rng = Rng::new(seed * 100 + n as u64);
                    let mut actor = Actor { rng, host, tasks, views: Vec::new(), done: BTreeSet::new() };
                    (0..STEPS).for_each(|_| actor.step());
                    running.fetch_sub(1, Ordering::Relaxed);
                    while !actor.views.is_empty() {
                        actor.unmap();
                    }
                    actor.done
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let done: BTreeSet<&str> = done.into_iter().flatten().collect();
    for what in ["open", "dup", "rename", "mmap", "munmap", "close", "umount2", "mount", "write", "read"] {
        assert!(done.contains(what), "no {what} ever succeeded: {done:?}");
    }
    assert!(tasks.iter().all(|task| task.region_count() == 0));
    drop(tasks);
    assert_eq!(board.mapping_budget().used_bytes(), 0);
    for mount in board.mounts() {
        assert!(mount.users.is_empty(), "{}: {:?}", mount.path, mount.users);
    }
    board.end();
}

#[test]
fn a_crowd_leaves_nothing_behind() {
    // Once before counting: threads that fill pages, loggers and allocators have what they need.
    crowd(Link::Static, 0);
    let before = (descriptor_count(), copies());
    for seed in 1..4 {
        crowd(Link::Static, seed);
        crowd(Link::Dynamic, seed);
    }
    assert_eq!((descriptor_count(), copies()), before, "descriptors and copies of the process");
}
