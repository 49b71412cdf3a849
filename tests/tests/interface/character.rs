//! Character drivers of plugins: one in C that is loaded and lies when it is told to, one in Rust that is linked in.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use nxvfs::Errno;
use nxvfs::file::{PollFd, Whence};
use nxvfs::plugin::{Builtin, PluginOptions, PluginStatus};
use nxvfs_abi::character::event::{POLLERR, POLLHUP, POLLIN, POLLOUT};
use nxvfs_abi::ioctl::FIOC_OPTIMIZE;
use nxvfs_abi::types::mode::{S_IFCHR, S_IFMT};
use nxvfs_abi::types::open::{O_NONBLOCK, O_RDONLY, O_RDWR};
use nxvfs_sdk::{Attach, CharacterDriver, Ctx, IoctlArg};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::fixture::shared_c_plugin;
use nxvfs_tests::{Board, words};

/// A mailbox: reading it takes the oldest letter; writing puts one there, from another thread. Command 1 panics.
pub(crate) struct Mailbox(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    letters: Vec<Vec<u8>>,
    waiters: Vec<u64>,
}

impl CharacterDriver for Mailbox {
    fn attach(_ctx: &Ctx, _attach: &Attach<'_>) -> nxvfs_sdk::Result<Self> {
        Ok(Self(Arc::default()))
    }

    fn read(&self, _ctx: &Ctx, _handle: u64, _offset: u64, buf: &mut [u8]) -> nxvfs_sdk::Result<usize> {
        let mut inside = self.0.lock().unwrap();
        if inside.letters.is_empty() {
            return Err(nxvfs_sdk::Errno::EAGAIN.into());
        }
        let letter = inside.letters.remove(0);
        let len = letter.len().min(buf.len());
        buf[..len].copy_from_slice(&letter[..len]);
        Ok(len)
    }

    fn write(&self, _ctx: &Ctx, _handle: u64, _offset: u64, buf: &[u8]) -> nxvfs_sdk::Result<usize> {
        let (inside, letter) = (self.0.clone(), buf.to_vec());
        let postman = thread::spawn(move || {
            let mut inside = inside.lock().unwrap();
            inside.letters.push(letter);
            for waiter in std::mem::take(&mut inside.waiters) {
                nxvfs_sdk::wake(waiter, POLLIN);
            }
        });
        // The driver must be left alone when it ends.
        postman.join().unwrap();
        Ok(buf.len())
    }

    fn ioctl(
        &self,
        _ctx: &Ctx,
        _handle: u64,
        command: u32,
        _arg: &mut IoctlArg<'_>,
    ) -> nxvfs_sdk::Result<i64> {
        assert!(command != 1, "a bug in ioctl");
        Err(nxvfs_sdk::Errno::ENOTTY.into())
    }

    fn poll(&self, _ctx: &Ctx, _handle: u64, waiter: u64) -> nxvfs_sdk::Result<u32> {
        let mut inside = self.0.lock().unwrap();
        if waiter != 0 && !inside.waiters.contains(&waiter) {
            inside.waiters.push(waiter);
        }
        Ok(POLLOUT | if inside.letters.is_empty() { 0 } else { POLLIN })
    }
}

nxvfs_sdk::plugin! {
    name: "mailbox",
    entry: "mailbox",
    drivers: [character "mailbox" => Mailbox],
    params: [],
}

fn board() -> Board {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let options = PluginOptions { default_dirs: false, builtin: Builtin::All, ..PluginOptions::default() };
    let board = Board::with(options);
    let file = FILE.get_or_init(|| shared_c_plugin("character.c"));
    board.plugins().insmod(file, &[], false).unwrap();
    board
}

/// A board with one device that tells this lie.
fn with(driver: &str, lie: &str) -> Board {
    board().attach(driver, "/dev/it", &format!("lie={lie}"))
}

fn channel(lie: &str) -> Board {
    with("evil-channel", lie)
}

fn status(board: &Board, name: &str) -> PluginStatus {
    board.plugins().list().into_iter().find(|p| p.name == name).expect("the plugin is listed")
}

#[track_caller]
fn caught<T>(result: nxvfs::Result<T>, slot: &str, part: &str) {
    taught(result, Errno::EIO, &["evil-character", slot, part, "report it to the plugin's author"]);
}

#[test]
fn a_read_waits_until_another_thread_of_the_driver_wakes_it() {
    for driver in ["evil-channel", "mailbox"] {
        let params = if driver == "mailbox" { "" } else { "lie=" };
        let board = board().attach(driver, "/dev/it", params);
        let task = Arc::new(board.task());
        let fd = task.open("/dev/it", O_RDWR, 0).unwrap();
        for round in 0..100_u8 {
            let reader = {
                let task = task.clone();
                thread::spawn(move || {
                    let mut buf = [0; 8];
                    let len = task.read(fd, &mut buf).unwrap();
                    buf[..len].to_vec()
                })
            };
            assert_eq!(task.write(fd, &[round, 1, 2]).unwrap(), 3);
            assert_eq!(reader.join().unwrap(), [round, 1, 2], "{driver}");
        }
    }
}

#[test]
fn poll_waits_for_a_device_and_a_pipe_at_once() {
    let board = channel("");
    let task = Arc::new(board.task());
    let fd = task.open("/dev/it", O_RDWR | O_NONBLOCK, 0).unwrap();
    let (r, _w) = task.pipe2(0).unwrap();
    let poller = {
        let task = task.clone();
        thread::spawn(move || {
            let mut fds = [PollFd::new(r, POLLIN), PollFd::new(fd, POLLIN)];
            let count = task.poll(&mut fds, None).unwrap();
            (count, fds[0].revents, fds[1].revents)
        })
    };
    task.write(fd, b"x").unwrap();
    assert_eq!(poller.join().unwrap(), (1, 0, POLLIN));
}

#[test]
fn without_waiting_nothing_there_is_eagain() {
    let board = channel("");
    let task = board.task();
    let fd = task.open("/dev/it", O_RDWR | O_NONBLOCK, 0).unwrap();
    errno(task.read(fd, &mut [0; 4]), Errno::EAGAIN);
    assert_eq!(task.read(fd, &mut []).unwrap(), 0);
    assert_eq!(task.write(fd, &[1; 100]).unwrap(), 64, "a part, as the driver says");
}

#[test]
fn the_end_of_the_task_ends_the_sleep_in_a_device() {
    let board = channel("");
    let task = Arc::new(board.task());
    let fd = task.open("/dev/it", O_RDONLY, 0).unwrap();
    let sleeper = {
        let task = task.clone();
        thread::spawn(move || task.read(fd, &mut [0]))
    };
    task.interrupt();
    errno(sleeper.join().unwrap(), Errno::EINTR);
}

#[test]
fn wakes_that_come_twice_late_or_for_nobody_do_no_harm() {
    for lie in ["wakes-twice", "wakes-strangers"] {
        let board = channel(lie);
        let task = board.task();
        for _ in 0..10 {
            let fd = task.open("/dev/it", O_RDWR, 0).unwrap();
            let mut fds = [PollFd::new(fd, POLLIN)];
            // Leaves a waiter behind that is gone when the wake comes.
            assert_eq!(task.poll(&mut fds, Some(std::time::Duration::from_millis(1))).unwrap(), 0);
            task.write(fd, b"x").unwrap();
            assert_eq!(task.read(fd, &mut [0; 4]).unwrap(), 1);
            task.close(fd).unwrap();
        }
        assert_eq!(status(&board, "evil-character").reason, "");
    }
}

#[test]
fn openings_are_counted_by_driver_and_host_and_name_their_holders() {
    let board = channel("");
    let stat = board.task().stat("/dev/it").unwrap().attr;
    assert_eq!((stat.mode & S_IFMT, stat.rdev != 0), (S_IFCHR, true));
    let device = board.devices().into_iter().find(|d| d.node == "/dev/it").unwrap();
    assert_eq!(
        (device.kind, &*device.driver, &*device.plugin),
        ("character", "evil-channel", "evil-character")
    );
    let task = board.task();
    let fd = task.open("/dev/it", O_RDWR, 0).unwrap();
    let second = task.open("/dev/it", O_RDONLY, 0).unwrap();
    let third = task.dup(second).unwrap();
    let mut count = [0; 4];
    assert_eq!(task.ioctl(fd, 0x2001, &mut count).unwrap(), 7);
    assert_eq!(u32::from_ne_bytes(count), 2);
    let holder = format!("descriptor {fd} of task {}", task.id());
    taught(board.detach("/dev/it"), Errno::EBUSY, &["/dev/it", &holder]);
    errno(board.host().unregister("/dev/it"), Errno::ENODEV);
    let users = status(&board, "evil-character").users;
    assert_eq!(users.iter().map(ToString::to_string).collect::<Vec<_>>(), ["device /dev/it"]);
    refused(board.plugins().rmmod("evil-character"), Errno::EBUSY, &["/dev/it"]);
    for fd in [second, third] {
        task.close(fd).unwrap();
    }
    task.ioctl(fd, 0x2001, &mut count).unwrap();
    assert_eq!(u32::from_ne_bytes(count), 1);
    task.close(fd).unwrap();
    board.detach("/dev/it").unwrap();
    errno(task.stat("/dev/it").map(|_| ()), Errno::ENOENT);
    board.plugins().rmmod("evil-character").unwrap();
}

#[test]
fn commands_go_by_value_or_by_memory_as_the_table_of_commands_says() {
    let board = channel("");
    let task = board.task();
    let fd = task.open("/dev/it", O_RDWR, 0).unwrap();
    assert_eq!(task.ioctl(fd, FIOC_OPTIMIZE, &mut 41_u32.to_ne_bytes()).unwrap(), 42);
    assert_eq!(task.ioctl(fd, FIOC_OPTIMIZE, &mut []).unwrap(), 1);
    errno(task.ioctl(fd, FIOC_OPTIMIZE, &mut [0; 3]), Errno::EINVAL);
    errno(task.ioctl(fd, 0x2001, &mut [0; 3]), Errno::EINVAL);
    errno(task.ioctl(fd, 0x2002, &mut [0; 4]), Errno::ENOTTY);
}

#[test]
fn a_driver_without_positions_has_none_and_one_with_them_decides_where_they_are() {
    let board = channel("");
    let task = board.task();
    let fd = task.open("/dev/it", O_RDWR | O_NONBLOCK, 0).unwrap();
    errno(task.lseek(fd, 0, Whence::Set), Errno::ESPIPE);
    errno(task.pread(fd, &mut [0], 0), Errno::ESPIPE);
    errno(task.map(fd, &nxvfs::mapping::MapRequest::read(0, 1)).map(|_| ()), Errno::ENODEV);

    let board = with("evil-register", "");
    let task = board.task();
    let fd = task.open("/dev/it", O_RDWR, 0).unwrap();
    assert_eq!(task.write(fd, b"0123456789abcdefgh").unwrap(), 16);
    errno(task.write(fd, b"x"), Errno::ENOSPC);
    assert_eq!(task.lseek(fd, -6, Whence::Current).unwrap(), 10);
    let mut buf = [0; 4];
    assert_eq!((task.read(fd, &mut buf).unwrap(), &buf), (4, b"abcd"));
    assert_eq!((task.pread(fd, &mut buf, 1).unwrap(), &buf), (4, b"1234"));
    assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), 14);
    assert_eq!(task.lseek(fd, -1, Whence::End).unwrap(), 15);
    errno(task.lseek(fd, 17, Whence::Set), Errno::EINVAL);
    errno(task.lseek(fd, -1, Whence::Set), Errno::EINVAL);
    errno(task.lseek(fd, i64::MAX, Whence::Current), Errno::EOVERFLOW);
    assert_eq!(task.read(fd, &mut buf).unwrap(), 1, "a refused seek leaves the position");
    // A driver that does not tell is always ready, and nobody waits for it.
    let mut fds = [PollFd::new(fd, POLLIN | POLLOUT)];
    assert_eq!((task.poll(&mut fds, None).unwrap(), fds[0].revents), (1, POLLIN | POLLOUT));
}

#[test]
fn memory_is_granted_to_an_opening_if_the_grant_can_be() {
    let board = with("evil-register", "");
    let task = board.task();
    let file = task.file(task.open("/dev/it", O_RDWR, 0).unwrap()).unwrap();
    let grant = file.stream().unwrap().memory().expect("memory");
    assert_eq!((grant.len_bytes, grant.writable, grant.object.is_some()), (4096, true, true));
    drop(file);
    for lie in ["map-null", "map-empty", "map-short", "map-wraps"] {
        let board = with("evil-register", lie);
        let task = board.task();
        let file = task.file(task.open("/dev/it", O_RDWR, 0).unwrap()).unwrap();
        assert!(file.stream().unwrap().memory().is_none(), "{lie}");
        assert!(status(&board, "evil-character").reason.contains("answers that cannot be"), "{lie}");
    }
}

#[test]
fn answers_that_cannot_be_are_caught() {
    for (lie, slot, part) in [
        ("read-more", "read", "5 bytes of 4"),
        ("poll-bits", "poll", "events 0x8000"),
        ("poll-nval", "poll", "events 0x20"),
        ("poll-wide", "poll", "events 0x100000001"),
    ] {
        let board = channel(lie);
        let task = board.task();
        let fd = task.open("/dev/it", O_RDWR, 0).unwrap();
        caught(task.read(fd, &mut [0; 4]), slot, part);
        let mut fds = [PollFd::new(fd, POLLIN)];
        if slot == "poll" {
            task.poll(&mut fds, None).unwrap();
            assert_eq!(fds[0].revents, POLLERR | POLLHUP);
        }
        assert!(status(&board, "evil-character").reason.contains("answers that cannot be"));
    }
    let board = channel("write-more");
    let task = board.task();
    let fd = task.open("/dev/it", O_RDWR, 0).unwrap();
    caught(task.write(fd, &[0; 4]), "write", "5 bytes of 4");
    let board = channel("read-garbage");
    let task = board.task();
    let fd = task.open("/dev/it", O_RDWR, 0).unwrap();
    errno(task.read(fd, &mut [0; 4]), Errno::EIO);
    let board = channel("open-garbage");
    errno(board.task().open("/dev/it", O_RDWR, 0), Errno::EIO);
    assert!(board.devices()[0].users.is_empty());
    let board = channel("detach-fails");
    refused(board.detach("/dev/it"), Errno::EIO, &["/dev/it"]);
    assert!(board.devices().is_empty());
}

#[test]
fn a_panic_wakes_who_sleeps_on_the_device() {
    let board = board().attach("mailbox", "/dev/it", "");
    let task = Arc::new(board.task());
    let fd = task.open("/dev/it", O_RDWR, 0).unwrap();
    let sleeper = {
        let task = task.clone();
        thread::spawn(move || task.read(fd, &mut [0]))
    };
    taught(task.ioctl(fd, 1, &mut []), Errno::EIO, &["a bug in ioctl"]);
    errno(sleeper.join().unwrap(), Errno::EIO);
    taught(task.write(fd, b"x"), Errno::EIO, &["out of service", "mailbox", "/dev/it"]);
    task.close(fd).unwrap();
    board.detach("/dev/it").unwrap();
}

#[test]
fn a_taken_node_and_an_unknown_driver_are_refused() {
    let board = channel("");
    errno(board.host().attach("evil-register", "/dev/it", &words("lie=")), Errno::EEXIST);
    errno(board.host().attach("no-such-driver", "/dev/other", &[]), Errno::ENODEV);
    errno(board.host().attach("evil-channel", "other", &words("lie=")), Errno::EINVAL);
    assert_eq!(board.devices().len(), 1);
}
