//! Pipes and FIFOs by their public doors, and against the operating system's own.

use std::sync::Arc;
use std::thread;

use nxvfs::{Errno, Task};
use nxvfs_abi::character::event::{POLLERR, POLLHUP, POLLIN, POLLOUT};
use nxvfs_abi::ioctl::{
    FIONBIO, FIONREAD, FIONSPACE, FIONWRITE, PIPEIOC_GETSIZE, PIPEIOC_PEEK, PIPEIOC_POLICY, PIPEIOC_SETSIZE,
};
use nxvfs_abi::types::mode::{S_IFBLK, S_IFCHR, S_IFIFO, S_IFMT, S_IFSOCK};
use nxvfs_abi::types::open::{O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use nxvfs_tests::check::{errno, refused, taught};
use nxvfs_tests::{Board, Link, content};
use proptest::prelude::*;

use nxvfs::file::{PollFd, Whence};

fn board() -> Board {
    Board::new(Link::Static)
}

/// A board with a tmpfs on `/tmp`.
fn with_tmp(options: &str) -> Board {
    let board = board();
    let options = nxvfs::MountOptions::parse(nxvfs_tests::words(options)).unwrap();
    board.host().mount(None, "/tmp", "tmpfs", &options).unwrap();
    board
}

fn events(task: &Task, fd: u32) -> u32 {
    let mut fds = [PollFd::new(fd, POLLIN | POLLOUT)];
    task.poll(&mut fds, Some(std::time::Duration::ZERO)).unwrap();
    fds[0].revents
}

fn int(task: &Task, fd: u32, command: u32) -> i32 {
    let mut arg = [0; 4];
    assert_eq!(task.ioctl(fd, command, &mut arg).unwrap(), 0);
    i32::from_ne_bytes(arg)
}

#[test]
fn what_goes_in_comes_out_in_order_and_the_end_is_told_by_the_last_writer() {
    let board = board();
    let task = board.task();
    let (r, w) = task.pipe2(0).unwrap();
    let again = task.dup(w).unwrap();
    assert_eq!(task.write(w, b"abc").unwrap(), 3);
    assert_eq!(task.writev(again, &[b"de", b"", b"f"]).unwrap(), 3);
    let mut buf = [0; 4];
    assert_eq!((task.read(r, &mut buf).unwrap(), &buf), (4, b"abcd"));
    let (mut one, mut two) = ([0; 1], [0; 5]);
    assert_eq!(task.readv(r, &mut [&mut one, &mut two]).unwrap(), 2);
    assert_eq!((one, two), (*b"e", *b"f\0\0\0\0"));
    task.close(w).unwrap();
    task.setfl(r, O_NONBLOCK).unwrap();
    errno(task.read(r, &mut buf), Errno::EAGAIN);
    task.close(again).unwrap();
    assert_eq!(task.read(r, &mut buf).unwrap(), 0);
    assert_eq!(task.read(r, &mut []).unwrap(), 0);
}

#[test]
fn a_pipe_has_no_position_no_length_and_one_direction() {
    let board = board();
    let task = board.task();
    let (r, w) = task.pipe2(O_NONBLOCK).unwrap();
    errno(task.lseek(r, 0, Whence::Current), Errno::ESPIPE);
    errno(task.pread(r, &mut [0], 0), Errno::ESPIPE);
    errno(task.pwrite(w, b"x", 0), Errno::ESPIPE);
    errno(task.ftruncate(w, 0), Errno::EINVAL);
    errno(task.fsync(w, false), Errno::EINVAL);
    errno(task.read(w, &mut [0]), Errno::EBADF);
    errno(task.write(r, b"x"), Errno::EBADF);
    errno(task.pipe2(O_TRUNC), Errno::EINVAL);
    let stat = task.fstat(r).unwrap();
    assert_eq!((stat.attr.mode & S_IFMT, stat.attr.size_bytes), (S_IFIFO, 0));
    assert_eq!(stat.attr.ino, task.fstat(w).unwrap().attr.ino);
    assert_ne!(task.fstat(task.pipe2(0).unwrap().0).unwrap().attr.ino, stat.attr.ino);
    assert_eq!((task.getfl(r).unwrap(), task.getfl(w).unwrap()), (O_NONBLOCK, O_NONBLOCK | O_WRONLY));
}

#[test]
fn without_readers_writing_is_epipe() {
    let board = board();
    let task = board.task();
    let (r, w) = task.pipe2(0).unwrap();
    task.write(w, b"lost").unwrap();
    task.close(r).unwrap();
    errno(task.write(w, b"x"), Errno::EPIPE);
    assert_eq!(events(&task, w), POLLERR);
}

#[test]
fn a_full_pipe_takes_what_fits_of_a_long_write_and_all_or_nothing_of_a_short_one() {
    let board = board();
    let task = board.task();
    let (r, w) = task.pipe2(O_NONBLOCK).unwrap();
    assert_eq!(task.pipe_size(w).unwrap(), 65_536);
    assert_eq!(task.write(w, &vec![1; 65_000]).unwrap(), 65_000);
    errno(task.write(w, &[2; 4096]), Errno::EAGAIN);
    assert_eq!(events(&task, w), 0);
    assert_eq!(task.write(w, &[2; 4097]).unwrap(), 536);
    errno(task.write(w, &[3]), Errno::EAGAIN);
    let mut all = vec![0; 70_000];
    assert_eq!(task.read(r, &mut all).unwrap(), 65_536);
    assert!(all[..65_000].iter().all(|b| *b == 1) && all[65_000..65_536].iter().all(|b| *b == 2));
    assert_eq!(events(&task, w), POLLOUT);
    errno(task.read(r, &mut all), Errno::EAGAIN);
}

#[test]
fn a_write_that_may_wait_ends_when_all_is_written() {
    let board = board();
    let task = Arc::new(board.task());
    let (r, w) = task.pipe2(0).unwrap();
    assert_eq!(task.set_pipe_size(w, 1).unwrap(), 4096);
    let long: Vec<u8> = (0..100_000_u32).map(|i| (i % 251) as u8).collect();
    let writer = {
        let (task, long) = (task.clone(), long.clone());
        thread::spawn(move || {
            let done = task.write(w, &long);
            task.close(w).unwrap();
            done
        })
    };
    let (mut all, mut buf) = (Vec::new(), [0; 1000]);
    loop {
        match task.read(r, &mut buf).unwrap() {
            0 => break,
            len => all.extend_from_slice(&buf[..len]),
        }
    }
    assert_eq!(writer.join().unwrap().unwrap(), long.len());
    assert!(all == long);
}

#[test]
fn short_writes_of_many_threads_are_not_torn() {
    const RECORD: usize = 1000;
    let board = board();
    let task = Arc::new(board.task());
    let (r, w) = task.pipe2(0).unwrap();
    task.set_pipe_size(w, 4096).unwrap();
    let writers: Vec<_> = (1..=4_u8)
        .map(|number| {
            let task = task.clone();
            let fd = task.dup(w).unwrap();
            thread::spawn(move || {
                for _ in 0..200 {
                    assert_eq!(task.write(fd, &[number; RECORD]).unwrap(), RECORD);
                }
                task.close(fd).unwrap();
            })
        })
        .collect();
    task.close(w).unwrap();
    let (mut all, mut buf) = (Vec::new(), [0; 777]);
    loop {
        match task.read(r, &mut buf).unwrap() {
            0 => break,
            len => all.extend_from_slice(&buf[..len]),
        }
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(all.len(), 4 * 200 * RECORD);
    assert!(all.chunks(RECORD).all(|record| record.iter().all(|b| *b == record[0])));
}

#[test]
fn many_readers_share_what_comes_and_all_see_the_end() {
    let board = board();
    let task = Arc::new(board.task());
    let (r, w) = task.pipe2(0).unwrap();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let task = task.clone();
            thread::spawn(move || {
                let (mut sum, mut buf) = (0, [0; 3]);
                loop {
                    match task.read(r, &mut buf).unwrap() {
                        0 => return sum,
                        len => sum += len,
                    }
                }
            })
        })
        .collect();
    for _ in 0..1000 {
        task.write(w, b"12345").unwrap();
    }
    task.close(w).unwrap();
    assert_eq!(readers.into_iter().map(|reader| reader.join().unwrap()).sum::<usize>(), 5000);
}

#[test]
fn the_end_of_a_task_and_of_the_last_descriptor_end_a_sleep() {
    let board = board();
    let task = Arc::new(board.task());
    let (r, w) = task.pipe2(0).unwrap();
    let sleeper = {
        let task = task.clone();
        thread::spawn(move || task.read(r, &mut [0]))
    };
    task.interrupt();
    errno(sleeper.join().unwrap(), Errno::EINTR);
    errno(task.read(r, &mut [0]), Errno::EINTR);
    task.write(w, b"x").unwrap();
    assert_eq!(task.read(r, &mut [0]).unwrap(), 1, "what need not wait goes on");

    let other = board.task();
    let (r, _w) = other.pipe2(0).unwrap();
    let (file, ctx) = (other.file(r).unwrap(), other.caller().ctx());
    let sleeper = thread::spawn(move || file.read(&ctx, &mut [0]));
    other.close(r).unwrap();
    errno(sleeper.join().unwrap(), Errno::EINTR);
}

#[test]
fn sizes_and_contents_are_told_and_set() {
    let board = board();
    let task = board.task();
    let (r, w) = task.pipe2(O_NONBLOCK).unwrap();
    task.write(w, b"abcdef").unwrap();
    for (command, expected) in [(FIONREAD, 6), (FIONWRITE, 6), (FIONSPACE, 65_530)] {
        assert_eq!((int(&task, r, command), int(&task, w, command)), (expected, expected));
    }
    errno(task.ioctl(r, FIONREAD, &mut [0; 3]), Errno::EINVAL);
    let mut buf = [0; 4];
    assert_eq!((task.ioctl(r, PIPEIOC_PEEK, &mut buf).unwrap(), &buf), (4, b"abcd"));
    assert_eq!(int(&task, r, FIONREAD), 6);
    assert_eq!(task.ioctl(w, PIPEIOC_SETSIZE, &mut 5000_u32.to_ne_bytes()).unwrap(), 8192);
    assert_eq!(task.ioctl(r, PIPEIOC_GETSIZE, &mut []).unwrap(), 8192);
    task.write(w, &[0; 8000]).unwrap();
    errno(task.set_pipe_size(r, 4096), Errno::EBUSY);
    errno(task.set_pipe_size(r, 0), Errno::EINVAL);
    errno(task.set_pipe_size(r, usize::MAX), Errno::EINVAL);
    let user = board.host().task_as(1000, 1000, &[]);
    let (theirs, _) = user.pipe2(0).unwrap();
    errno(user.set_pipe_size(theirs, (1 << 20) + 1), Errno::EPERM);
    assert_eq!(user.set_pipe_size(theirs, 1 << 20).unwrap(), 1 << 20);
    let null = task.open("/dev/null", O_RDWR, 0).unwrap();
    errno(task.pipe_size(null), Errno::EBADF);
    errno(task.ioctl(r, 0x1234, &mut []), Errno::ENOTTY);
    task.ioctl(r, FIONBIO, &mut 0_i32.to_ne_bytes()).unwrap();
    assert_eq!(task.getfl(r).unwrap() & O_NONBLOCK, 0);
    task.ioctl(r, FIONBIO, &mut 1_i32.to_ne_bytes()).unwrap();
    assert_eq!(task.getfl(r).unwrap() & O_NONBLOCK, O_NONBLOCK);
}

/// The same in the host's own tree and in a volume.
fn on_both_places(body: impl Fn(&Board, &str)) {
    let board = with_tmp("");
    for path in ["/var/fifo", "/tmp/fifo"] {
        let task = board.task();
        let _ = task.mkdir("/var", 0o755);
        task.mkfifo(path, 0o666).unwrap();
        body(&board, path);
        task.unlink(path).unwrap();
        errno(task.stat(path).map(|_| ()), Errno::ENOENT);
    }
}

#[test]
fn an_opening_of_a_fifo_waits_for_its_partner() {
    on_both_places(|board, path| {
        let stat = board.task().stat(path).unwrap();
        assert_eq!(stat.attr.mode, S_IFIFO | 0o644);
        for (first, second) in [(O_RDONLY, O_WRONLY), (O_WRONLY, O_RDONLY)] {
            let task = Arc::new(board.task());
            let opener = {
                let (task, path) = (task.clone(), path.to_owned());
                thread::spawn(move || task.open(path, first, 0))
            };
            let other = task.open(path, second, 0).unwrap();
            let one = opener.join().unwrap().unwrap();
            let (r, w) = if first == O_RDONLY { (one, other) } else { (other, one) };
            task.write(w, b"through").unwrap();
            let mut buf = [0; 7];
            task.read(r, &mut buf).unwrap();
            assert_eq!(&buf, b"through");
        }
        let task = Arc::new(board.task());
        let waiting = {
            let (task, path) = (task.clone(), path.to_owned());
            thread::spawn(move || task.open(path, O_RDONLY, 0))
        };
        task.interrupt();
        errno(waiting.join().unwrap(), Errno::EINTR);
    });
}

#[test]
fn an_opening_that_may_not_wait_reads_at_once_and_writes_only_with_a_reader() {
    on_both_places(|board, path| {
        let task = board.task();
        errno(task.open(path, O_WRONLY | O_NONBLOCK, 0), Errno::ENXIO);
        let r = task.open(path, O_RDONLY | O_NONBLOCK, 0).unwrap();
        assert_eq!(task.read(r, &mut [0]).unwrap(), 0, "no writer is the end");
        assert_eq!(events(&task, r), 0, "no writer was lost that never was");
        let w = task.open(path, O_WRONLY | O_NONBLOCK, 0).unwrap();
        errno(task.read(r, &mut [0]), Errno::EAGAIN);
        task.write(w, b"x").unwrap();
        task.close(w).unwrap();
        assert_eq!(events(&task, r), POLLIN | POLLHUP);
        assert_eq!(task.read(r, &mut [0]).unwrap(), 1);
        assert_eq!(events(&task, r), POLLHUP);
        task.close(r).unwrap();
        // Both ends in one: never waits for a partner, never ends.
        let both = task.open(path, O_RDWR | O_TRUNC | O_CREAT | O_NONBLOCK, 0o600).unwrap();
        task.write(both, b"y").unwrap();
        assert_eq!(events(&task, both), POLLIN | POLLOUT);
        assert_eq!(task.read(both, &mut [0]).unwrap(), 1);
        errno(task.read(both, &mut [0]), Errno::EAGAIN);
        // What nobody has open has no bytes.
        task.write(both, b"z").unwrap();
        task.close(both).unwrap();
        let r = task.open(path, O_RDONLY | O_NONBLOCK, 0).unwrap();
        assert_eq!(task.read(r, &mut [0]).unwrap(), 0);
        task.close(r).unwrap();
    });
}

#[test]
fn a_fifo_of_the_hosts_own_tree_keeps_its_bytes_if_its_policy_says_so() {
    let board = board();
    let task = board.task();
    task.mkfifo("/dev/queue", 0o600).unwrap();
    let both = task.open("/dev/queue", O_RDWR, 0).unwrap();
    task.ioctl(both, PIPEIOC_POLICY, &mut 1_u32.to_ne_bytes()).unwrap();
    errno(task.ioctl(both, PIPEIOC_POLICY, &mut 2_u32.to_ne_bytes()), Errno::EINVAL);
    task.write(both, b"kept").unwrap();
    task.close(both).unwrap();
    // There is something to read: no writer is waited for.
    assert_eq!(content(&task, "/dev/queue").unwrap(), b"kept");
}

#[test]
fn an_open_fifo_outlives_its_name_and_holds_its_volume() {
    let board = with_tmp("");
    let task = board.task();
    task.mkfifo("/tmp/a", 0o666).unwrap();
    task.link("/tmp/a", "/tmp/b").unwrap();
    let r = task.open("/tmp/a", O_RDONLY | O_NONBLOCK, 0).unwrap();
    let w = task.open("/tmp/b", O_WRONLY, 0).unwrap();
    task.unlink("/tmp/a").unwrap();
    task.unlink("/tmp/b").unwrap();
    task.write(w, b"x").unwrap();
    assert_eq!(task.read(r, &mut [0]).unwrap(), 1);
    refused(board.unmount("/tmp"), Errno::EBUSY, &["descriptor"]);
    task.close(r).unwrap();
    errno(task.write(w, b"x"), Errno::EPIPE);
}

#[test]
fn mode_bits_count_for_fifos() {
    let board = with_tmp("");
    let task = board.task();
    task.mkfifo("/tmp/private", 0o600).unwrap();
    let user = board.host().task_as(1000, 1000, &[]);
    errno(user.open("/tmp/private", O_RDONLY | O_NONBLOCK, 0), Errno::EACCES);
    errno(user.mkfifo("/dev/mine", 0o600), Errno::EACCES);
    errno(task.mkfifo("/tmp/private", 0o600), Errno::EEXIST);
    errno(user.access("/tmp/private", 2), Errno::EACCES);
    task.access("/tmp/private", 2).unwrap();
    errno(task.truncate("/tmp/private", 0), Errno::EINVAL);
}

#[test]
fn special_nodes_of_a_volume_lead_to_devices_only_if_the_mount_says_so() {
    for (options, allowed) in [("", false), ("dev", true), ("dev,nodev", false)] {
        let board = with_tmp(options).attach("ramdisk-xip", "/dev/ram7", "sectors=8");
        let task = board.task();
        let zero = task.stat("/dev/zero").unwrap().attr;
        let ram = task.stat("/dev/ram7").unwrap().attr;
        assert_ne!(zero.rdev, 0);
        task.mknod("/tmp/zero", S_IFCHR | 0o644, zero.rdev).unwrap();
        task.mknod("/tmp/disk", S_IFBLK | 0o600, ram.rdev).unwrap();
        task.mknod("/tmp/nobody", S_IFCHR | 0o644, 77 << 32 | 5).unwrap();
        task.mknod("/tmp/other-type", S_IFBLK | 0o644, zero.rdev).unwrap();
        task.mknod("/tmp/socket", S_IFSOCK | 0o644, 0).unwrap();
        refused(task.open("/tmp/socket", O_RDONLY, 0), Errno::ENXIO, &["/tmp/socket", "socket"]);
        if !allowed {
            taught(task.open("/tmp/zero", O_RDONLY, 0), Errno::EACCES, &["/tmp/zero", "-o dev"]);
            taught(task.open("/tmp/disk", O_RDONLY, 0), Errno::EACCES, &["/tmp/disk", "-o dev"]);
            continue;
        }
        let fd = task.open("/tmp/zero", O_RDONLY, 0).unwrap();
        let mut buf = [1; 3];
        assert_eq!((task.read(fd, &mut buf).unwrap(), buf), (3, [0; 3]));
        let disk = task.open("/tmp/disk", O_RDWR, 0).unwrap();
        task.write(disk, b"sector").unwrap();
        assert_eq!(&board.read("/dev/ram7")[..6], b"sector");
        taught(task.open("/tmp/nobody", O_RDONLY, 0), Errno::ENXIO, &["/tmp/nobody", "77, 5"]);
        errno(task.open("/tmp/other-type", O_RDONLY, 0), Errno::ENXIO);
        let user = board.host().task_as(1000, 1000, &[]);
        errno(user.open("/tmp/zero", O_RDWR, 0), Errno::EACCES);
        errno(user.open("/tmp/disk", O_RDONLY, 0), Errno::EACCES);
        // A device that went has no number any longer.
        refused(board.detach("/dev/ram7"), Errno::EBUSY, &["descriptor"]);
        task.close(disk).unwrap();
        board.detach("/dev/ram7").unwrap();
        errno(task.open("/tmp/disk", O_RDONLY, 0), Errno::ENXIO);
        board.host().unregister("/dev/zero").unwrap();
        errno(task.open("/tmp/zero", O_RDONLY, 0), Errno::ENXIO);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Read(usize),
    CloseReader,
    CloseWriter,
    Poll,
    Count,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3000_usize).prop_map(Step::Write),
        8 => (0..5000_usize).prop_map(Step::Read),
        1 => Just(Step::CloseReader),
        1 => Just(Step::CloseWriter),
        4 => Just(Step::Poll),
        4 => Just(Step::Count),
    ]
}

proptest! {
    /// The operating system's pipe is the oracle. Never full: there Linux counts pages, and POSIX leaves it open.
    #[test]
    fn a_pipe_does_what_the_pipe_of_the_operating_system_does(steps in proptest::collection::vec(step(), 1..40)) {
        use rustix::event::{PollFlags, poll, Timespec};
        let (mut their_r, mut their_w) = {
            let (r, w) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK).unwrap();
            (Some(r), Some(w))
        };
        // A write into a pipe without readers is also a signal there.
        let board = board();
        let task = board.task();
        let (our_r, our_w) = task.pipe2(O_NONBLOCK).unwrap();
        let wire = |e: rustix::io::Errno| e.raw_os_error();
        let ours = |e: nxvfs::Error| -e.errno().wire();
        let mut inside = 0_usize;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Write(len) if inside + len <= 16_384 => {
                    let Some(w) = &their_w else { continue };
                    let bytes: Vec<u8> = (0..len).map(|i| (i + number) as u8).collect();
                    let theirs = rustix::io::write(w, &bytes).map_err(wire);
                    prop_assert_eq!(task.write(our_w, &bytes).map_err(ours), theirs);
                    inside += theirs.unwrap_or(0);
                }
                Step::Write(_) => {}
                Step::Read(len) => {
                    let Some(r) = &their_r else { continue };
                    let (mut a, mut b) = (vec![0; len], vec![0; len]);
                    let theirs = rustix::io::read(r, &mut a[..]).map_err(wire);
                    prop_assert_eq!(task.read(our_r, &mut b).map_err(ours), theirs);
                    prop_assert_eq!(a, b);
                    inside -= theirs.unwrap_or(0);
                }
                Step::CloseReader => if their_r.take().is_some() { task.close(our_r).unwrap() },
                Step::CloseWriter => if their_w.take().is_some() { task.close(our_w).unwrap() },
                Step::Count => if let Some(r) = &their_r {
                    prop_assert_eq!(rustix::io::ioctl_fionread(r).unwrap() as i32, int(&task, our_r, FIONREAD));
                },
                Step::Poll => for (theirs, fd) in [(&their_r, our_r), (&their_w, our_w)] {
                    let Some(theirs) = theirs else { continue };
                    let mut fds = [rustix::event::PollFd::new(theirs, PollFlags::IN | PollFlags::OUT)];
                    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap();
                    let mut told = u32::from(fds[0].revents().bits());
                    // Linux also calls a pipe without readers writable; NuttX and we do not.
                    if told & POLLERR != 0 { told &= !POLLOUT }
                    prop_assert_eq!(events(&task, fd), told);
                },
            }
        }
    }
}
