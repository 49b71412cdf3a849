//! Advisory locks: ranges, owners, waiting, the deadlock that is refused, and what ends them.

use nxvfs::file::{LockKind, LockRange, Whence};
use nxvfs::{Errno, Task};
use nxvfs_abi::types::open::*;
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Link, content};
use proptest::prelude::*;

const READ: Option<LockKind> = Some(LockKind::Shared);
const WRITE: Option<LockKind> = Some(LockKind::Exclusive);

fn range(start: i64, len: i64) -> LockRange {
    LockRange { whence: Whence::Set, start, len }
}

fn open(task: &Task, path: &str) -> u32 {
    task.open(path, O_CREAT | O_RDWR, 0o666).unwrap()
}

/// What stands in the way of another task: kind, first and last byte.
fn in_the_way(task: &Task, fd: u32, range: LockRange) -> Option<(LockKind, u64, Option<u64>)> {
    task.getlk(fd, LockKind::Exclusive, &range).unwrap().map(|lock| (lock.kind, lock.start, lock.last))
}

/// Files of a volume and of the host's own tree.
fn on_both(body: impl Fn(&Board, &str)) {
    let board = Board::new(Link::Static).mount("none", "/tmp", "tmpfs", "");
    for path in ["/tmp/f", "/f"] {
        body(&board, path);
    }
}

#[test]
fn readers_share_and_a_writer_is_alone() {
    on_both(|board, path| {
        let (a, b) = (board.task(), board.task());
        let (fa, fb) = (open(&a, path), open(&b, path));
        a.setlk(fa, READ, &range(0, 10), false).unwrap();
        b.setlk(fb, READ, &range(5, 10), false).unwrap();
        errno(b.setlk(fb, WRITE, &range(5, 10), false), Errno::EAGAIN);
        b.setlk(fb, WRITE, &range(10, 5), false).unwrap();
        errno(a.setlk(fa, READ, &LockRange::ALL, false), Errno::EAGAIN);
        assert_eq!(in_the_way(&b, fb, range(0, 20)), Some((LockKind::Shared, 0, Some(9))));
        // A task's own locks are never in its way.
        assert_eq!(in_the_way(&a, fa, range(0, 5)), None);
        a.setlk(fa, WRITE, &range(0, 5), false).unwrap();
        assert_eq!(in_the_way(&b, fb, range(0, 20)), Some((LockKind::Exclusive, 0, Some(4))));
        a.setlk(fa, None, &LockRange::ALL, false).unwrap();
        assert_eq!(in_the_way(&b, fb, LockRange::ALL), None);
    });
}

#[test]
fn any_close_of_the_file_and_the_end_of_the_task_give_locks_up() {
    on_both(|board, path| {
        let (a, b) = (board.task(), board.task());
        let (fa, fb) = (open(&a, path), open(&b, path));
        a.setlk(fa, WRITE, &LockRange::ALL, false).unwrap();
        let other = a.open(path, O_RDONLY, 0).unwrap();
        assert!(in_the_way(&b, fb, LockRange::ALL).is_some());
        a.close(other).unwrap();
        assert_eq!(in_the_way(&b, fb, LockRange::ALL), None);
        a.setlk(fa, WRITE, &LockRange::ALL, false).unwrap();
        let twin = a.dup(fa).unwrap();
        a.dup2(open(&a, "/other"), twin).unwrap();
        assert_eq!(in_the_way(&b, fb, LockRange::ALL), None);
        a.setlk(fa, WRITE, &LockRange::ALL, false).unwrap();
        a.end();
        b.setlk(fb, WRITE, &LockRange::ALL, false).unwrap();
    });
}

#[test]
fn ranges_count_from_start_position_or_end_and_backwards() {
    let board = Board::new(Link::Static);
    let (a, b) = (board.task(), board.task());
    let (fa, fb) = (open(&a, "/f"), open(&b, "/f"));
    a.write(fa, &[0; 100]).unwrap();
    a.lseek(fa, 40, Whence::Set).unwrap();
    let at = |whence, start, len| {
        a.setlk(fa, None, &LockRange::ALL, false).unwrap();
        a.setlk(fa, READ, &LockRange { whence, start, len }, false)?;
        let lock = b.getlk(fb, LockKind::Exclusive, &LockRange::ALL)?.unwrap();
        Ok::<_, nxvfs::Error>((lock.start, lock.last))
    };
    assert_eq!(at(Whence::Set, 3, 4).unwrap(), (3, Some(6)));
    assert_eq!(at(Whence::Current, 2, 1).unwrap(), (42, Some(42)));
    assert_eq!(at(Whence::End, -10, 0).unwrap(), (90, None));
    assert_eq!(at(Whence::Set, 10, -4).unwrap(), (6, Some(9)));
    assert_eq!(at(Whence::Set, 0, i64::MAX).unwrap(), (0, Some(i64::MAX as u64 - 1)));
    errno(at(Whence::Set, -1, 0), Errno::EINVAL);
    errno(at(Whence::Set, 3, -4), Errno::EINVAL);
    errno(at(Whence::Set, i64::MAX, 2), Errno::EOVERFLOW);
    errno(at(Whence::End, i64::MAX, 0), Errno::EOVERFLOW);
    errno(at(Whence::Data, 0, 0), Errno::EINVAL);
}

#[test]
fn the_descriptor_must_be_open_for_what_the_lock_is_for() {
    let board = Board::new(Link::Static);
    let task = board.task();
    open(&task, "/f");
    let read = task.open("/f", O_RDONLY, 0).unwrap();
    let write = task.open("/f", O_WRONLY, 0).unwrap();
    let path = task.open("/f", O_PATH, 0).unwrap();
    errno(task.setlk(read, WRITE, &LockRange::ALL, false), Errno::EBADF);
    errno(task.setlk(write, READ, &LockRange::ALL, false), Errno::EBADF);
    errno(task.setlk(path, READ, &LockRange::ALL, false), Errno::EBADF);
    errno(task.flock(path, READ, false), Errno::EBADF);
    errno(task.setlk(99, READ, &LockRange::ALL, false), Errno::EBADF);
    task.setlk(read, READ, &LockRange::ALL, false).unwrap();
    task.flock(read, WRITE, false).unwrap();
}

/// Waits until `/proc/locks` tells of so many waiting.
fn until_waiting(task: &Task, count: usize) {
    let waiting = || String::from_utf8(content(task, "/proc/locks").unwrap()).unwrap().matches("->").count();
    while waiting() < count {
        std::thread::yield_now();
    }
}

#[test]
fn the_end_of_a_task_ends_its_waiting() {
    on_both(|board, path| {
        let (a, b) = (board.task(), board.task());
        let (fa, fb) = (open(&a, path), open(&b, path));
        a.setlk(fa, WRITE, &LockRange::ALL, false).unwrap();
        a.flock(fa, WRITE, false).unwrap();
        std::thread::scope(|scope| {
            let record = scope.spawn(|| b.setlk(fb, READ, &range(5, 1), true));
            let whole = scope.spawn(|| b.flock(fb, READ, true));
            until_waiting(&a, 2);
            b.interrupt();
            errno(record.join().unwrap(), Errno::EINTR);
            errno(whole.join().unwrap(), Errno::EINTR);
        });
        assert_eq!(content(&a, "/proc/locks").unwrap().iter().filter(|c| **c == b'\n').count(), 2);
    });
}

#[test]
fn a_waiter_gets_the_lock_when_it_is_given_up() {
    on_both(|board, path| {
        let (a, b) = (board.task(), board.task());
        let (fa, fb) = (open(&a, path), open(&b, path));
        a.setlk(fa, WRITE, &LockRange::ALL, false).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| b.setlk(fb, WRITE, &range(5, 1), true));
            until_waiting(&a, 1);
            a.setlk(fa, None, &range(0, 5), false).unwrap();
            until_waiting(&a, 1);
            a.setlk(fa, None, &range(5, 1), false).unwrap();
            waiter.join().unwrap().unwrap();
        });
        assert_eq!(in_the_way(&a, fa, range(0, 6)), Some((LockKind::Exclusive, 5, Some(5))));
    });
}

#[test]
fn a_circle_of_waiting_is_refused_however_long() {
    let board = Board::new(Link::Static);
    let tasks: Vec<Task> = (0..4).map(|_| board.task()).collect();
    let fds: Vec<u32> = tasks.iter().map(|task| open(task, "/f")).collect();
    for (at, task) in tasks.iter().enumerate() {
        task.setlk(fds[at], WRITE, &range(at as i64, 1), false).unwrap();
    }
    std::thread::scope(|scope| {
        let (tasks, fds) = (&tasks, &fds);
        let waiters: Vec<_> = (0..3)
            .map(|at| scope.spawn(move || tasks[at].setlk(fds[at], WRITE, &range(at as i64 + 1, 1), true)))
            .collect();
        until_waiting(&tasks[3], 3);
        errno(tasks[3].setlk(fds[3], WRITE, &range(0, 1), true), Errno::EDEADLK);
        errno(tasks[3].setlk(fds[3], WRITE, &range(0, 1), false), Errno::EAGAIN);
        // One gives way, and then each in turn has what it waits for.
        tasks[3].setlk(fds[3], None, &LockRange::ALL, false).unwrap();
        for (at, waiter) in waiters.into_iter().enumerate().rev() {
            waiter.join().unwrap().unwrap();
            tasks[at].setlk(fds[at], None, &LockRange::ALL, false).unwrap();
        }
    });
    assert_eq!(content(&tasks[0], "/proc/locks").unwrap(), b"");
}

#[test]
fn flock_belongs_to_the_open_file() {
    on_both(|board, path| {
        let (a, b) = (board.task(), board.task());
        let (first, fb) = (open(&a, path), open(&b, path));
        let (twin, second) = (a.dup(first).unwrap(), open(&a, path));
        a.flock(first, WRITE, false).unwrap();
        // Also of the same task, and record locks are another matter.
        errno(a.flock(second, READ, false), Errno::EAGAIN);
        errno(b.flock(fb, READ, false), Errno::EAGAIN);
        b.setlk(fb, WRITE, &LockRange::ALL, false).unwrap();
        a.flock(twin, READ, false).unwrap();
        b.flock(fb, READ, false).unwrap();
        // A change that fails keeps what there was.
        errno(a.flock(first, WRITE, false), Errno::EAGAIN);
        errno(b.flock(fb, WRITE, false), Errno::EAGAIN);
        b.flock(fb, None, false).unwrap();
        a.flock(first, WRITE, false).unwrap();
        // It goes with the last descriptor.
        a.close(first).unwrap();
        errno(b.flock(fb, READ, false), Errno::EAGAIN);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| b.flock(fb, READ, true));
            until_waiting(&a, 1);
            a.close(twin).unwrap();
            waiter.join().unwrap().unwrap();
        });
    });
}

#[test]
fn locks_are_told_as_linux_tells_them() {
    let board = Board::new(Link::Static);
    let (a, b) = (board.task(), board.task());
    let fd = open(&a, "/f");
    let ino = a.fstat(fd).unwrap().attr.ino;
    a.setlk(fd, WRITE, &range(7, 3), false).unwrap();
    a.setlk(fd, READ, &range(20, 0), false).unwrap();
    a.flock(fd, READ, false).unwrap();
    let text = String::from_utf8(content(&b, "/proc/locks").unwrap()).unwrap();
    let id = a.id();
    assert_eq!(
        text,
        format!(
            "1: POSIX  ADVISORY  WRITE {id} 0:{ino} 7 9\n2: POSIX  ADVISORY  READ  {id} 0:{ino} 20 EOF\n\
             3: FLOCK  ADVISORY  READ  {id} 0:{ino} 0 EOF\n"
        )
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    /// Against a model that keeps a lock for each byte.
    #[test]
    fn ranges_split_and_merge_as_bytes_would(
        steps in prop::collection::vec((0_usize..3, 0_i64..24, 1_i64..12, 0_u8..3), 1..60),
    ) {
        let board = Board::new(Link::Static);
        let tasks: Vec<Task> = (0..3).map(|_| board.task()).collect();
        let probe = board.task();
        let fds: Vec<u32> = tasks.iter().map(|task| open(task, "/f")).collect();
        let probe_fd = open(&probe, "/f");
        let mut model = [[None::<LockKind>; 3]; 40];
        for (who, start, len, kind) in steps {
            let kind = [None, READ, WRITE][kind as usize];
            let bytes = start as usize..(start + len) as usize;
            let blocked = kind.is_some() && bytes.clone().any(|byte| {
                (0..3).any(|other| other != who && model[byte][other].is_some_and(|held| {
                    held == LockKind::Exclusive || kind == WRITE
                }))
            });
            let done = tasks[who].setlk(fds[who], kind, &range(start, len), false);
            prop_assert_eq!(done.is_err(), blocked, "{:?}", done);
            if !blocked {
                for byte in bytes {
                    model[byte][who] = kind;
                }
            }
            for (byte, model) in model.iter().enumerate() {
                let told = in_the_way(&probe, probe_fd, range(byte as i64, 1)).map(|(kind, ..)| kind);
                let held = model.iter().flatten().max_by_key(|kind| **kind == LockKind::Exclusive);
                prop_assert_eq!(told, held.copied(), "byte {}", byte);
            }
            // What touches and is alike is one lock.
            let runs: usize = (0..3).map(|who| {
                let of = |byte: usize| model[byte][who];
                (0..40).filter(|byte| of(*byte).is_some() && (*byte == 0 || of(byte - 1) != of(*byte))).count()
            }).sum();
            let told = String::from_utf8(content(&probe, "/proc/locks").unwrap()).unwrap();
            prop_assert_eq!(told.lines().count(), runs, "{}", told);
        }
    }
}
