//! Nodes that a program makes: streams of its own and block devices of its own; and the nodes that every host has.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nxvfs::base::wait::Bell;
use nxvfs::device::{BlockMedium, Openable, Stream, WaitQueue};
use nxvfs::file::{POLLRDNORM, POLLWRNORM, PollFd};
use nxvfs::{Errno, MountOptions, Result};
use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, POLLPRI};
use nxvfs_abi::types::open::{O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_WRONLY};
use nxvfs_tests::check::{errno, refused};
use nxvfs_tests::{Board, Folder, Link, content, genromfs};

fn board() -> Board {
    Board::new(Link::Static)
}

/// A counter that reads as its number once it is not 0, and then is 0 again; each write adds.
#[derive(Default)]
struct Counter {
    number: Mutex<u64>,
    news: WaitQueue,
    openings: AtomicUsize,
}

#[derive(Clone)]
struct CounterNode(Arc<Counter>);

impl Openable for CounterNode {
    fn open(&self, _ctx: &Ctx, flags: u32) -> Result<Arc<dyn Stream>> {
        if flags & O_WRONLY != 0 {
            return Err(Errno::EACCES.into());
        }
        self.0.openings.fetch_add(1, Ordering::SeqCst);
        Ok(Arc::new(CounterNode(self.0.clone())))
    }
}

impl Stream for CounterNode {
    fn read(&self, _ctx: &Ctx, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut number = self.0.number.lock().unwrap();
        if *number == 0 {
            return Err(Errno::EAGAIN.into());
        }
        buf[..8].copy_from_slice(&std::mem::take(&mut *number).to_ne_bytes());
        Ok(8)
    }

    fn write(&self, _ctx: &Ctx, _offset: u64, buf: &[u8], _flags: u32) -> Result<usize> {
        // Under the stream's own lock, as a driver may.
        let mut number = self.0.number.lock().unwrap();
        *number += buf.len() as u64;
        self.0.news.wake(POLLIN);
        Ok(buf.len())
    }

    fn poll(&self, _ctx: &Ctx, waiter: u64) -> Result<u32> {
        self.0.news.arm(waiter);
        Ok(POLLOUT | if *self.0.number.lock().unwrap() > 0 { POLLIN } else { 0 })
    }

    fn waits(&self) -> bool {
        true
    }
}

#[test]
fn a_programs_stream_is_opened_waited_for_and_outlives_its_node() {
    let board = board();
    board.host().mount(None, "/tmp", "tmpfs", &MountOptions::default()).unwrap();
    let counter = CounterNode(Arc::default());
    board.host().register("/dev/my/counter", Arc::new(counter.clone()), 0o600).unwrap();
    errno(board.host().register("/dev/my/counter", Arc::new(counter.clone()), 0o600), Errno::EEXIST);
    errno(board.host().register("/tmp/inside", Arc::new(counter.clone()), 0o600), Errno::EPERM);
    errno(board.host().register("relative", Arc::new(counter.clone()), 0o600), Errno::EINVAL);
    let task = Arc::new(board.task());
    errno(task.open("/dev/my/counter", O_WRONLY, 0), Errno::EACCES);
    errno(board.host().task_as(7, 7, &[]).open("/dev/my/counter", O_RDONLY, 0), Errno::EACCES);
    let fd = task.open("/dev/my/counter", O_RDWR, 0).unwrap();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let task = task.clone();
            thread::spawn(move || {
                let mut buf = [0; 8];
                task.read(fd, &mut buf).unwrap();
                u64::from_ne_bytes(buf)
            })
        })
        .collect();
    // Each reader takes what is there; nobody sleeps over what came.
    for reader in readers {
        task.write(fd, b"12345").unwrap();
        while !reader.is_finished() {
            task.write(fd, b"1").unwrap();
        }
        assert!(reader.join().unwrap() > 0);
    }
    errno(task.unlink("/dev/my/counter"), Errno::EBUSY);
    board.host().unregister("/dev/my/counter").unwrap();
    errno(task.open("/dev/my/counter", O_RDONLY, 0), Errno::ENOENT);
    errno(board.host().unregister("/dev/my/counter"), Errno::ENOENT);
    errno(board.host().unregister("/dev/my"), Errno::ENODEV);
    // NuttX unregister_driver: what is open works on.
    task.write(fd, b"x").unwrap();
    assert_eq!(task.read(fd, &mut [0; 8]).unwrap(), 8);
    board.host().register("/dev/my/counter", Arc::new(counter.clone()), 0o600).unwrap();
    assert_eq!(counter.0.openings.load(Ordering::SeqCst), 1);
    board.host().unregister("/dev/my/counter").unwrap();
}

/// A stream that says EAGAIN and cannot be waited for.
struct Deaf;

impl Openable for Deaf {
    fn open(&self, _ctx: &Ctx, _flags: u32) -> Result<Arc<dyn Stream>> {
        Ok(Arc::new(Deaf))
    }
}

impl Stream for Deaf {
    fn read(&self, _ctx: &Ctx, _offset: u64, _buf: &mut [u8]) -> Result<usize> {
        Err(Errno::EAGAIN.into())
    }
}

#[test]
fn a_stream_that_cannot_be_waited_for_hands_eagain_on() {
    let board = board();
    board.host().register("/dev/deaf", Arc::new(Deaf), 0o666).unwrap();
    let task = board.task();
    let fd = task.open("/dev/deaf", O_RDWR, 0).unwrap();
    errno(task.read(fd, &mut [0; 4]), Errno::EAGAIN);
    errno(task.write(fd, &[0; 4]), Errno::EINVAL);
}

#[test]
fn poll_tells_what_posix_says() {
    let folder = Folder::new().file("tree/file", "text");
    let rom = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let board = board().romdisk("/dev/rom0", &rom).mount("/dev/rom0", "/rom", "romfs", "");
    let task = board.task();
    let open = |path: &str, flags| task.open(path, flags, 0).unwrap();
    let (file, dir, disk) =
        (open("/rom/file", O_RDONLY), open("/rom", O_RDONLY), open("/dev/rom0", O_RDONLY));
    let (null, path) = (open("/dev/null", O_RDWR), open("/rom/file", O_PATH));
    let (r, w) = task.pipe2(0).unwrap();
    let both = POLLIN | POLLOUT;
    let mut fds = [
        PollFd::new(file, both | POLLPRI),
        PollFd::new(dir, POLLIN),
        PollFd::new(disk, both),
        PollFd::new(null, POLLOUT | POLLWRNORM | POLLRDNORM),
        PollFd::new(path, both),
        PollFd { fd: -1, events: both, revents: 77 },
        PollFd::new(500, 0),
        PollFd::new(r, both),
        PollFd::new(w, both),
        PollFd::new(w, 0),
    ];
    assert_eq!(task.poll(&mut fds, None).unwrap(), 7);
    let told: Vec<u32> = fds.iter().map(|fd| fd.revents).collect();
    let null_told = POLLOUT | POLLWRNORM | POLLRDNORM;
    assert_eq!(told, [both, POLLIN, both, null_told, POLLNVAL, 0, POLLNVAL, 0, POLLOUT, 0]);

    // Always told, asked for or not.
    task.close(w).unwrap();
    let mut fds = [PollFd::new(r, 0)];
    assert_eq!((task.poll(&mut fds, None).unwrap(), fds[0].revents), (1, POLLHUP));
    let (r, w) = task.pipe2(0).unwrap();
    task.close(r).unwrap();
    let mut fds = [PollFd::new(w, 0)];
    assert_eq!((task.poll(&mut fds, None).unwrap(), fds[0].revents), (1, POLLERR));

    // The time is over: nothing is told.
    let (r, _w) = task.pipe2(0).unwrap();
    let mut fds = [PollFd { revents: 5, ..PollFd::new(r, POLLIN) }];
    for timeout in [Duration::ZERO, Duration::from_millis(2)] {
        assert_eq!((task.poll(&mut fds, Some(timeout)).unwrap(), fds[0].revents), (0, 0));
    }
    assert_eq!(task.poll(&mut [], Some(Duration::from_millis(2))).unwrap(), 0);
    errno(task.poll(&mut vec![PollFd::new(r, POLLIN); 1025], Some(Duration::ZERO)), Errno::EINVAL);
}

#[test]
fn poll_is_woken_by_what_comes_and_by_the_end() {
    let board = board();
    let task = Arc::new(board.task());
    let (r, w) = task.pipe2(0).unwrap();
    let poll = |fd| {
        let task = task.clone();
        thread::spawn(move || {
            let mut fds = [PollFd::new(fd, POLLIN)];
            task.poll(&mut fds, Some(Duration::MAX)).map(|count| (count, fds[0].revents))
        })
    };
    let poller = poll(r);
    task.write(w, b"x").unwrap();
    assert_eq!(poller.join().unwrap().unwrap(), (1, POLLIN));
    task.read(r, &mut [0]).unwrap();
    let poller = poll(r);
    task.close(w).unwrap();
    assert_eq!(poller.join().unwrap().unwrap(), (1, POLLHUP));
    let (r, _w) = task.pipe2(0).unwrap();
    let poller = poll(r);
    task.close(r).unwrap();
    assert_eq!(poller.join().unwrap().unwrap(), (1, POLLNVAL), "closed meanwhile");
    let (r, _w) = task.pipe2(0).unwrap();
    let poller = poll(r);
    task.interrupt();
    errno(poller.join().unwrap(), Errno::EINTR);
}

#[test]
fn who_sleeps_in_the_operating_system_hears_a_bell() {
    let board = board();
    let task = board.task();
    let (r, w) = task.pipe2(0).unwrap();
    let bell = Bell::new(task.caller().cancel).unwrap();
    let rings = || {
        let mut fds = [rustix::event::PollFd::new(&bell, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut fds, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    };
    let mut fds = [PollFd::new(r, POLLIN)];
    bell.begin().unwrap();
    assert_eq!((task.poll_now(&mut fds, bell.token()), rings()), (0, false));
    task.write(w, b"x").unwrap();
    assert!(rings());
    bell.begin().unwrap();
    assert!(!rings(), "what was heard is forgotten");
    assert_eq!((task.poll_now(&mut fds, bell.token()), fds[0].revents), (1, POLLIN));
    task.read(r, &mut [0]).unwrap();
    bell.begin().unwrap();
    assert_eq!(task.poll_now(&mut fds, bell.token()), 0);
    task.interrupt();
    assert!(rings());
    assert_eq!(bell.begin(), Err(Errno::EINTR));
}

#[test]
fn random_nodes_give_bytes_that_differ_and_take_any() {
    let board = board();
    let task = board.task();
    let mut seen = HashSet::new();
    for path in ["/dev/random", "/dev/urandom"] {
        let fd = task.open(path, O_RDWR, 0).unwrap();
        for _ in 0..3 {
            let mut buf = vec![0; 1000];
            assert_eq!(task.read(fd, &mut buf).unwrap(), 1000);
            // Of 256 values about 251 appear among 1000 bytes.
            assert!(buf.iter().collect::<HashSet<_>>().len() > 200);
            assert!(seen.insert(buf));
        }
        assert_eq!(task.write(fd, b"seed").unwrap(), 4);
    }
}

/// A block device over memory that counts what reaches it.
struct Ram {
    bytes: Mutex<Vec<u8>>,
    flushes: AtomicUsize,
}

impl BlockMedium for Ram {
    fn sector_size_bytes(&self) -> u32 {
        512
    }

    fn sector_count(&self) -> u64 {
        self.bytes.lock().unwrap().len() as u64 / 512
    }

    fn writable(&self) -> bool {
        true
    }

    fn read(&self, start: u64, buf: &mut [u8]) -> Result<()> {
        let at = start as usize * 512;
        buf.copy_from_slice(&self.bytes.lock().unwrap()[at..at + buf.len()]);
        Ok(())
    }

    fn write(&self, start: u64, buf: &[u8]) -> Result<()> {
        let at = start as usize * 512;
        self.bytes.lock().unwrap()[at..at + buf.len()].copy_from_slice(buf);
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        self.flushes.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A block device over a file of the operating system, read-only.
struct FileDisk(File, u64);

impl BlockMedium for FileDisk {
    fn sector_size_bytes(&self) -> u32 {
        1024
    }

    fn sector_count(&self) -> u64 {
        self.1 / 1024
    }

    fn read(&self, start: u64, buf: &mut [u8]) -> Result<()> {
        Ok(self.0.read_exact_at(buf, start * 1024)?)
    }
}

#[test]
fn a_programs_block_device_is_used_as_any_other() {
    let board = board();
    let ram = Arc::new(Ram { bytes: Mutex::new(vec![0; 8192]), flushes: AtomicUsize::new(0) });
    board.host().register_block("/dev/mine", ram.clone()).unwrap();
    errno(board.host().register_block("/dev/mine", ram.clone()), Errno::EEXIST);
    let task = board.task();
    let fd = task.open("/dev/mine", O_RDWR, 0).unwrap();
    assert_eq!(task.pwrite(fd, b"across a border", 505).unwrap(), 15);
    task.fsync(fd, false).unwrap();
    assert_eq!(&ram.bytes.lock().unwrap()[505..520], b"across a border");
    assert!(ram.flushes.load(Ordering::SeqCst) > 0);
    let device = &board.devices()[0];
    assert_eq!((&*device.driver, &*device.plugin, device.sector_count), ("program", "", 16));
    refused(board.host().unregister("/dev/mine"), Errno::EBUSY, &["/dev/mine", "descriptor"]);
    task.close(fd).unwrap();
    board.host().unregister("/dev/mine").unwrap();
    assert!(board.devices().is_empty());
    assert_eq!(Arc::strong_count(&ram), 1, "the program has its device back");
    let attached = board.attach("ramdisk-xip", "/dev/ram0", "sectors=8");
    errno(attached.host().unregister("/dev/ram0"), Errno::ENODEV);
}

#[test]
fn a_volume_on_a_programs_block_device_is_mounted() {
    let folder = Folder::new().file("tree/file", "through the program");
    let path = genromfs(&folder.at("tree"), &folder.at("rom.img"));
    let len = std::fs::metadata(&path).unwrap().len();
    let board = board();
    let disk = FileDisk(File::open(&path).unwrap(), len);
    board.host().register_block("/dev/disk", Arc::new(disk)).unwrap();
    board.host().mount(Some("/dev/disk"), "/rom", "romfs", &MountOptions::default()).unwrap();
    assert_eq!(content(&board.task(), "/rom/file").unwrap(), b"through the program");
    assert!(!board.devices()[0].writable);
    refused(board.host().unregister("/dev/disk"), Errno::EBUSY, &["/rom"]);
    errno(board.task().open("/dev/disk", O_RDWR, 0), Errno::EROFS);
}

/// A shape that cannot be.
struct Odd(u32, u64);

impl BlockMedium for Odd {
    fn sector_size_bytes(&self) -> u32 {
        self.0
    }

    fn sector_count(&self) -> u64 {
        self.1
    }

    fn read(&self, _start: u64, _buf: &mut [u8]) -> Result<()> {
        Err(Errno::EIO.into())
    }
}

#[test]
fn a_programs_device_of_a_shape_that_cannot_be_is_refused() {
    let board = board();
    for (size, count) in [(0, 8), (500, 8), (256, 8), (131_072, 8), (512, 1 << 54), (512, u64::MAX)] {
        let refusal = board.host().register_block("/dev/odd", Arc::new(Odd(size, count)));
        refused(refusal, Errno::EINVAL, &["/dev/odd", &format!("{count} sectors of {size} bytes")]);
    }
    assert!(board.devices().is_empty());
    board.host().register_block("/dev/odd", Arc::new(Odd(512, 8))).unwrap();
    errno(content(&board.task(), "/dev/odd"), Errno::EIO);
}

/// This binary again, as a program whose standard input is a pipe: only the test `console_child` does something there.
fn console(mode: &str) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "console_child", "--nocapture", "--test-threads=1"])
        .env("NXVFS_CONSOLE_CHILD", mode)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn the_console_is_the_input_and_output_of_the_process() {
    let mut child = console("echo");
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"typed ").unwrap();
    input.write_all(b"later\n").unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("<typed later\n>"), "{text}");
}

#[test]
fn who_waits_for_the_console_can_be_interrupted() {
    let mut child = console("interrupt");
    // Its input stays open and empty until it has ended.
    let input = child.stdin.take().unwrap();
    let output = child.wait_with_output().unwrap();
    drop(input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn console_child() {
    let Ok(mode) = std::env::var("NXVFS_CONSOLE_CHILD") else { return };
    let board = board();
    let task = Arc::new(board.task());
    let fd = task.open(if mode == "echo" { "/dev/console" } else { "/dev/tty" }, O_RDWR, 0).unwrap();
    if mode == "echo" {
        assert_eq!(task.write(fd, b"<").unwrap(), 1);
        let mut buf = [0; 5];
        loop {
            let len = task.read(fd, &mut buf).unwrap();
            if len == 0 {
                break;
            }
            task.write(fd, &buf[..len]).unwrap();
        }
        assert_eq!(task.write(fd, b">").unwrap(), 1);
        return;
    }
    let mut fds = [PollFd::new(fd, POLLIN | POLLOUT)];
    assert_eq!((task.poll(&mut fds, None).unwrap(), fds[0].revents), (1, POLLOUT));
    fds[0].events = POLLIN;
    assert_eq!(task.poll(&mut fds, Some(Duration::from_millis(1))).unwrap(), 0);
    task.setfl(fd, O_NONBLOCK).unwrap();
    errno(task.read(fd, &mut [0]), Errno::EAGAIN);
    task.setfl(fd, 0).unwrap();
    let sleeper = {
        let task = task.clone();
        thread::spawn(move || task.read(fd, &mut [0]))
    };
    task.interrupt();
    errno(sleeper.join().unwrap(), Errno::EINTR);
}

#[test]
fn every_host_has_the_standard_nodes() {
    let board = board();
    let names: Vec<String> = board
        .task()
        .opendir("/dev")
        .unwrap()
        .map(|record| String::from_utf8(record.unwrap().name).unwrap())
        .filter(|name| !name.starts_with('.'))
        .collect();
    for name in ["null", "zero", "full", "random", "urandom", "console", "tty"] {
        assert!(names.iter().any(|n| n == name), "{name} is not in {names:?}");
    }
}
