//! Descriptors of the operating system as nodes, beside everything else that can be waited for; and files of the tree in
//! event loops of the operating system.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nxvfs::file::PollFd;
use nxvfs::{Errno, Task};
use nxvfs_abi::character::event::{POLLHUP, POLLIN, POLLNVAL, POLLOUT};
use nxvfs_abi::ioctl::{
    FIOC_GETLK, FIOC_SETLK, FIOCLEX, FIOGCLEX, FIONBIO, FIONCLEX, FIONREAD, FIONSPACE, FIONWRITE,
    PIPEIOC_POLLINTHRD, PIPEIOC_POLLOUTTHRD,
};
use nxvfs_abi::types::open::{O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY};
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Folder, Link, genromfs};
use rustix::event::{PollFd as OsPollFd, PollFlags, Timespec, poll};

fn board() -> Board {
    Board::new(Link::Static)
}

/// What is true of one descriptor now.
fn now(task: &Task, fd: u32) -> u32 {
    let mut fds = [PollFd::new(fd, POLLIN | POLLOUT)];
    task.poll(&mut fds, Some(Duration::ZERO)).unwrap();
    fds[0].revents
}

#[test]
fn a_socket_is_a_node_that_is_read_written_and_waited_for() {
    let board = board();
    let (mut peer, socket) = UnixStream::pair().unwrap();
    board.register_descriptor("/dev/socket", OwnedFd::from(socket), 0o600).unwrap();
    errno(
        board.register_descriptor("/dev/socket", OwnedFd::from(UnixStream::pair().unwrap().0), 0o600),
        Errno::EEXIST,
    );
    let task = Arc::new(board.task());
    let fd = task.open("/dev/socket", O_RDWR, 0).unwrap();
    let nonblocking = task.open("/dev/socket", O_RDONLY | O_NONBLOCK, 0).unwrap();
    errno(task.read(nonblocking, &mut [0; 4]), Errno::EAGAIN);
    assert_eq!(now(&task, fd), POLLOUT);
    let reader = thread::spawn({
        let task = task.clone();
        move || {
            let mut buf = [0; 8];
            let len = task.read(fd, &mut buf).unwrap();
            buf[..len].to_vec()
        }
    });
    peer.write_all(b"ping").unwrap();
    assert_eq!(reader.join().unwrap(), b"ping");
    // More than the socket takes at once, while the peer reads late.
    let text = vec![7; 1 << 20];
    let writer = thread::spawn({
        let (task, text) = (task.clone(), text.clone());
        move || task.write(fd, &text).unwrap()
    });
    let mut got = vec![0; text.len()];
    peer.read_exact(&mut got).unwrap();
    assert!(writer.join().unwrap() == text.len() && got == text);
    peer.write_all(b"123").unwrap();
    let mut count = [0; 4];
    assert_eq!(task.ioctl(fd, FIONREAD, &mut count).unwrap(), 0);
    assert_eq!(i32::from_ne_bytes(count), 3);
    errno(task.lseek(fd, 0, nxvfs::file::Whence::Set), Errno::ESPIPE);
    drop(peer);
    assert_eq!(now(&task, fd) & (POLLIN | POLLHUP), POLLIN | POLLHUP);
    assert_eq!(task.read(fd, &mut [0; 8]).unwrap(), 3);
    assert_eq!(task.read(fd, &mut [0; 8]).unwrap(), 0);
    board.unregister("/dev/socket").unwrap();
}

#[test]
fn poll_waits_for_a_mix_of_everything() {
    let images = Folder::new();
    let image = genromfs(Folder::new().file("file", "x").path(), &images.at("rom"));
    let board = board().romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "");
    let (mut peer, socket) = UnixStream::pair().unwrap();
    let (os_reads, os_writes) = rustix::pipe::pipe().unwrap();
    board.register_descriptor("/dev/socket", OwnedFd::from(socket), 0o600).unwrap();
    board.register_descriptor("/dev/ospipe", os_reads, 0o400).unwrap();
    let task = Arc::new(board.task());
    task.mkfifo("/fifo", 0o600).unwrap();
    let socket = task.open("/dev/socket", O_RDWR, 0).unwrap();
    let os_pipe = task.open("/dev/ospipe", O_RDONLY, 0).unwrap();
    let fifo = task.open("/fifo", O_RDWR, 0).unwrap();
    let (r, w) = task.pipe2(0).unwrap();
    let file = task.open("/rom/file", O_RDONLY, 0).unwrap();
    let all = [socket, os_pipe, fifo, r];
    let waits = move |task: &Task| {
        let mut fds = all.map(|fd| PollFd::new(fd, POLLIN));
        let count = task.poll(&mut fds, None).unwrap();
        assert_eq!(count, 1);
        fds.iter().position(|fd| fd.revents != 0).unwrap()
    };
    // Nothing is true, and a time that is over ends it.
    let mut fds = all.map(|fd| PollFd::new(fd, POLLIN));
    assert_eq!(task.poll(&mut fds, Some(Duration::from_millis(5))).unwrap(), 0);
    for turn in 0..8 {
        let sleeper = thread::spawn({
            let task = task.clone();
            move || waits(&task)
        });
        match turn % 4 {
            0 => peer.write_all(b"x").unwrap(),
            1 => assert_eq!(rustix::io::write(&os_writes, b"x").unwrap(), 1),
            2 => assert_eq!(task.write(fifo, b"x").unwrap(), 1),
            _ => assert_eq!(task.write(w, b"x").unwrap(), 1),
        }
        assert_eq!(sleeper.join().unwrap(), turn % 4);
        assert_eq!(task.read(all[turn % 4], &mut [0; 4]).unwrap(), 1);
    }
    // A regular file never waits, and the others are looked at all the same.
    let mut fds = [PollFd::new(socket, POLLIN), PollFd::new(file, POLLIN), PollFd::new(99, POLLIN)];
    assert_eq!(task.poll(&mut fds, None).unwrap(), 2);
    assert_eq!(fds.map(|fd| fd.revents), [0, POLLIN, POLLNVAL]);
    drop(os_writes);
    assert_eq!(now(&task, os_pipe) & POLLHUP, POLLHUP);
}

#[test]
fn a_regular_file_of_the_system_is_always_ready() {
    let folder = Folder::new().file("file", "content");
    let board = board();
    let file = std::fs::File::open(folder.path().join("file")).unwrap();
    board.register_descriptor("/dev/osfile", file.into(), 0o400).unwrap();
    let task = board.task();
    let fd = task.open("/dev/osfile", O_RDONLY, 0).unwrap();
    let mut fds = [PollFd::new(fd, POLLIN)];
    assert_eq!(task.poll(&mut fds, None).unwrap(), 1);
    let mut buf = [0; 16];
    assert_eq!(task.read(fd, &mut buf).unwrap(), 7);
    assert_eq!(task.read(fd, &mut buf).unwrap(), 0);
    assert_eq!(&buf[..7], b"content");
}

/// Whether a descriptor of the operating system is readable, at once or after news.
fn readable(fd: impl AsFd, waits: bool) -> bool {
    let mut fds = [OsPollFd::new(&fd, PollFlags::IN)];
    poll(&mut fds, (!waits).then_some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
}

#[test]
fn a_set_of_files_makes_a_descriptor_of_the_system_readable() {
    let board = board();
    let task = Arc::new(board.task());
    let (r, w) = task.pipe2(0).unwrap();
    let (other, other_w) = task.pipe2(0).unwrap();
    let ready = task.ready(&[PollFd::new(r, POLLIN), PollFd::new(other, POLLIN)]).unwrap();
    assert!(!readable(&ready, false) && ready.look().is_empty());
    for _ in 0..100 {
        let writer = thread::spawn({
            let task = task.clone();
            move || task.write(w, b"x").unwrap()
        });
        assert!(readable(&ready, true));
        writer.join().unwrap();
        // Level-triggered: as long as it is true it stays readable, look after look.
        for _ in 0..2 {
            assert_eq!(ready.look(), [PollFd { revents: POLLIN, ..PollFd::new(r, POLLIN) }]);
            assert!(readable(&ready, false));
        }
        task.read(r, &mut [0; 4]).unwrap();
        assert!(ready.look().is_empty() && !readable(&ready, false));
    }
    task.write(w, b"x").unwrap();
    task.write(other_w, b"x").unwrap();
    assert!(readable(&ready, false));
    assert_eq!(ready.look().len(), 2);
    // What the set waits for changes; a descriptor that is closed is told.
    ready.set(&[PollFd::new(other_w, POLLOUT)]).unwrap();
    assert!(readable(&ready, false));
    ready.set(&[]).unwrap();
    assert!(!readable(&ready, false));
    ready.set(&[PollFd::new(r, 0)]).unwrap();
    assert!(!readable(&ready, false));
    task.close(r).unwrap();
    assert!(readable(&ready, false));
    assert_eq!(ready.look()[0].revents, POLLNVAL);
    errno(task.ready(&vec![PollFd::new(0, POLLIN); 5000]).map(drop), Errno::EINVAL);
}

#[test]
fn a_pipe_tells_from_its_thresholds_on() {
    let board = board();
    let task = board.task();
    let (r, w) = task.pipe2(O_NONBLOCK).unwrap();
    let size = task.pipe_size(r).unwrap();
    let set = |fd, command, value: usize| task.ioctl(fd, command, &mut value.to_ne_bytes());
    set(r, PIPEIOC_POLLINTHRD, 10).unwrap();
    task.write(w, &[0; 10]).unwrap();
    assert_eq!(now(&task, r), 0);
    task.write(w, &[0; 1]).unwrap();
    assert_eq!(now(&task, r), POLLIN);
    set(w, PIPEIOC_POLLOUTTHRD, size - 11).unwrap();
    assert_eq!(now(&task, w), 0);
    task.read(r, &mut [0; 1]).unwrap();
    assert_eq!(now(&task, w), POLLOUT);
    // What was told is told again as it was, and the last bytes are never kept back.
    set(w, PIPEIOC_POLLOUTTHRD, 0).unwrap();
    set(r, PIPEIOC_POLLINTHRD, 1000).unwrap();
    assert_eq!((now(&task, r), now(&task, w)), (0, POLLOUT));
    errno(set(r, PIPEIOC_POLLINTHRD, size), Errno::EINVAL);
    errno(set(r, PIPEIOC_POLLOUTTHRD, size), Errno::EINVAL);
    task.close(w).unwrap();
    assert_eq!(now(&task, r), POLLIN | POLLHUP);
}

#[test]
fn commands_that_every_descriptor_knows() {
    let board = board().mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    let number = |fd, command| {
        let mut arg = [0; 4];
        task.ioctl(fd, command, &mut arg).map(|_| i32::from_ne_bytes(arg))
    };
    let (r, w) = task.pipe2(0).unwrap();
    for path in ["/tmp/file", "/own"] {
        let fd = task.open(path, O_RDWR | O_CREAT, 0o600).unwrap();
        task.write(fd, &[1; 100]).unwrap();
        assert_eq!(number(fd, FIONREAD).unwrap(), 0);
        task.lseek(fd, 30, nxvfs::file::Whence::Set).unwrap();
        assert_eq!(number(fd, FIONREAD).unwrap(), 70);
        task.lseek(fd, 300, nxvfs::file::Whence::Set).unwrap();
        assert_eq!(number(fd, FIONREAD).unwrap(), 0);
        errno(number(fd, FIONSPACE), Errno::ENOTTY);
        errno(number(fd, FIONWRITE), Errno::ENOTTY);
        // The system's struct flock: a write lock on bytes 10 to 19.
        let mut lock = [0u8; 32];
        lock[..2].copy_from_slice(&1i16.to_ne_bytes());
        lock[8..16].copy_from_slice(&10i64.to_ne_bytes());
        lock[16..24].copy_from_slice(&10i64.to_ne_bytes());
        task.ioctl(fd, FIOC_SETLK, &mut lock).unwrap();
        let other = board.task();
        let theirs = other.open(path, O_RDWR, 0).unwrap();
        lock[8..24].fill(0);
        errno(other.ioctl(theirs, FIOC_SETLK, &mut lock), Errno::EAGAIN);
        other.ioctl(theirs, FIOC_GETLK, &mut lock).unwrap();
        let long = |at: usize| i64::from_ne_bytes(lock[at..at + 8].try_into().unwrap());
        assert_eq!((lock[0], long(8), long(16)), (1, 10, 10));
        assert_eq!(i32::from_ne_bytes(lock[24..28].try_into().unwrap()), task.id() as i32);
        lock[0] = 9;
        errno(other.ioctl(theirs, FIOC_SETLK, &mut lock), Errno::EINVAL);
        errno(other.ioctl(theirs, FIOC_SETLK, &mut lock[..31]), Errno::EINVAL);
    }
    task.write(w, &[0; 12]).unwrap();
    assert_eq!((number(r, FIONREAD).unwrap(), number(w, FIONWRITE).unwrap()), (12, 12));
    assert_eq!(number(w, FIONSPACE).unwrap() as usize, task.pipe_size(w).unwrap() - 12);
    let null = task.open("/dev/null", O_WRONLY, 0).unwrap();
    let dir = task.open("/tmp", O_RDONLY, 0).unwrap();
    for fd in [r, null, dir] {
        errno(if fd == r { number(r, 0x0999) } else { number(fd, FIONREAD) }, Errno::ENOTTY);
        assert_eq!(number(fd, FIOGCLEX).unwrap(), 0);
        task.ioctl(fd, FIOCLEX, &mut []).unwrap();
        assert_eq!(number(fd, FIOGCLEX).unwrap(), 1);
        task.ioctl(fd, FIONCLEX, &mut []).unwrap();
        assert_eq!(number(fd, FIOGCLEX).unwrap(), 0);
        task.ioctl(fd, FIONBIO, &mut 1i32.to_ne_bytes()).unwrap();
        assert_eq!(task.getfl(fd).unwrap() & O_NONBLOCK, O_NONBLOCK);
    }
}
