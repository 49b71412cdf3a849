//! Transfers that go on while their caller does something else. POSIX, XSH aio_read, aio_write, aio_fsync, aio_error,
//! aio_return, aio_suspend, aio_cancel, lio_listio.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use nxvfs::device::{Openable, Stream};
use nxvfs::file::{Aio, AioNotice, AioOp, AioRequest, Cancelled, Whence};
use nxvfs::{Errno, Result, Task};
use nxvfs_abi::Ctx;
use nxvfs_abi::types::open::{O_APPEND, O_CREAT, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY};
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Folder, Link, content, genromfs, tool};

/// More than the pool has threads.
const MANY: usize = 40;

fn board() -> Board {
    Board::new(Link::Static)
}

fn ended(task: &Task, aio: &Arc<Aio>) -> Result<usize> {
    let _ = task.aio_wait(std::slice::from_ref(aio));
    aio.finish()
}

/// A node whose transfers meet: none goes on before so many are under way. It notes what was done.
#[derive(Clone)]
struct Meeting(Arc<Barrier>, Arc<Mutex<Vec<&'static str>>>);

impl Meeting {
    fn of(count: usize) -> Self {
        Self(Arc::new(Barrier::new(count)), Arc::default())
    }

    fn met(&self, what: &'static str) {
        self.0.wait();
        self.1.lock().unwrap().push(what);
    }
}

impl Openable for Meeting {
    fn open(&self, _ctx: &Ctx, _flags: u32) -> Result<Arc<dyn Stream>> {
        Ok(Arc::new(self.clone()))
    }
}

impl Stream for Meeting {
    fn read(&self, _ctx: &Ctx, _offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.met("read");
        Ok(buf.len())
    }

    fn write(&self, _ctx: &Ctx, _offset: u64, buf: &[u8], _flags: u32) -> Result<usize> {
        self.met("write");
        Ok(buf.len())
    }

    fn has_position(&self) -> bool {
        true
    }

    fn sync(&self, _ctx: &Ctx) -> Result<()> {
        self.1.lock().unwrap().push("sync");
        Ok(())
    }
}

#[test]
fn transfers_of_every_kind_of_file_leave_the_position_alone() {
    let folder = Folder::new().file("file", "from the rom");
    let images = Folder::new();
    let image = genromfs(folder.path(), &images.at("rom"));
    let fat = images.at("fat");
    tool::mkfs_fat(&fat, 1024, &[]);
    let board = board()
        .romdisk("/dev/rom0", &image)
        .mount("/dev/rom0", "/rom", "romfs", "")
        .attach("ramdisk-xip", "/dev/ram0", &format!("image={}", fat.display()))
        .mount("/dev/ram0", "/fat", "vfat", "")
        .mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    assert_eq!(board.aio_threads(), 0);
    for path in ["/fat/file", "/tmp/file", "/own"] {
        let fd = task.open(path, O_RDWR | O_CREAT, 0o600).unwrap();
        let writes: Vec<_> = (0..MANY as u64)
            .map(|i| task.aio_write(fd, vec![b'a' + i as u8 % 26; 100], i * 100).unwrap())
            .collect();
        let synced = task.aio_fsync(fd, false).unwrap();
        // A synchronisation is over only after everything before it.
        assert_eq!(ended(&task, &synced).unwrap(), 0);
        assert!(writes.iter().all(|write| write.error() == Ok(())));
        assert!(writes.iter().all(|write| write.finish().unwrap() == 100));
        errno(writes[0].finish(), Errno::EINVAL);
        assert_eq!(writes[0].take_buffer::<Vec<u8>>(), Some(vec![b'a'; 100]));
        let reads: Vec<_> =
            (0..MANY as u64).map(|i| task.aio_read(fd, vec![0; 100], i * 100).unwrap()).collect();
        task.aio_wait(&reads).unwrap();
        for (i, read) in reads.iter().enumerate() {
            assert_eq!(read.finish().unwrap(), 100);
            assert_eq!(read.take_buffer(), Some(vec![b'a' + (i % 26) as u8; 100]));
            assert_eq!(read.take_buffer::<Vec<u8>>(), None);
        }
        let end = task.aio_read(fd, vec![0; 10], MANY as u64 * 100 - 4).unwrap();
        assert_eq!(ended(&task, &end).unwrap(), 4);
        assert_eq!(task.lseek(fd, 0, Whence::Current).unwrap(), 0, "{path}");
        task.close(fd).unwrap();
    }
    assert!((1..=8).contains(&board.aio_threads()));
    let rom = task.open("/rom/file", O_RDONLY, 0).unwrap();
    let read = task.aio_read(rom, vec![0; 20], 5).unwrap();
    assert_eq!(ended(&task, &read).unwrap(), 7);
    assert_eq!(&read.take_buffer::<Vec<u8>>().unwrap()[..7], b"the rom");
    errno(task.aio_write(rom, vec![0; 4], 0), Errno::EBADF);
    errno(task.aio_fsync(rom, false), Errno::EBADF);
    errno(task.aio_read(rom + 1, vec![0; 4], 0), Errno::EBADF);
    errno(task.aio_cancel(rom + 1, None), Errno::EBADF);
    let dir = task.open("/rom", O_RDONLY, 0).unwrap();
    errno(ended(&task, &task.aio_read(dir, vec![0; 4], 0).unwrap()), Errno::EISDIR);
}

#[test]
fn transfers_go_on_at_the_same_time() {
    let board = board();
    let meeting = Meeting::of(4);
    board.register("/dev/meeting", Arc::new(meeting.clone()), 0o600).unwrap();
    let task = board.task();
    let fd = task.open("/dev/meeting", O_RDWR, 0).unwrap();
    // None of them ends before all four are under way.
    let all: Vec<_> = (0..4).map(|_| task.aio_read(fd, vec![0; 8], 0).unwrap()).collect();
    task.aio_wait(&all).unwrap();
    assert_eq!(meeting.1.lock().unwrap().len(), 4);
}

#[test]
fn what_waits_takes_no_thread_and_keeps_its_order() {
    let board = board();
    let task = board.task();
    let pipes: Vec<_> = (0..MANY).map(|_| task.pipe2(0).unwrap()).collect();
    let reads: Vec<_> = pipes
        .iter()
        .flat_map(|(r, _)| {
            [task.aio_read(*r, vec![0; 2], 0).unwrap(), task.aio_read(*r, vec![0; 2], 0).unwrap()]
        })
        .collect();
    let own = task.open("/own", O_RDWR | O_CREAT, 0o600).unwrap();
    assert_eq!(ended(&task, &task.aio_write(own, b"goes on".to_vec(), 0).unwrap()).unwrap(), 7);
    assert!(board.aio_threads() <= 8);
    assert!(reads.iter().all(|read| read.error() == Err(Errno::EINPROGRESS)));
    errno(reads[0].finish(), Errno::EINPROGRESS);
    for (_, w) in &pipes {
        task.write(*w, b"1122").unwrap();
    }
    task.aio_wait(&reads).unwrap();
    for pair in reads.chunks(2) {
        assert_eq!(pair[0].take_buffer::<Vec<u8>>().unwrap(), b"11");
        assert_eq!(pair[1].take_buffer::<Vec<u8>>().unwrap(), b"22");
    }
    // A write that is larger than the pipe goes on as it is read.
    let (r, w) = task.pipe2(0).unwrap();
    let len = 3 * task.pipe_size(w).unwrap() + 1;
    let large = task.aio_write(w, vec![7; len], 0).unwrap();
    let (mut sum, mut buf) = (0, vec![0; 10_000]);
    while sum < len {
        sum += task.read(r, &mut buf).unwrap();
    }
    assert_eq!(ended(&task, &large).unwrap(), len);
}

#[test]
fn a_descriptor_that_may_not_wait_ends_with_eagain() {
    let board = board();
    let task = board.task();
    let (r, w) = task.pipe2(O_NONBLOCK).unwrap();
    errno(ended(&task, &task.aio_read(r, vec![0; 4], 0).unwrap()), Errno::EAGAIN);
    let size = task.pipe_size(w).unwrap();
    assert_eq!(ended(&task, &task.aio_write(w, vec![0; size + 5000], 0).unwrap()).unwrap(), size);
    errno(ended(&task, &task.aio_write(w, vec![0; 5000], 0).unwrap()), Errno::EAGAIN);
    task.close(r).unwrap();
    errno(ended(&task, &task.aio_write(w, vec![0; 1], 0).unwrap()), Errno::EPIPE);
}

#[test]
fn appending_writes_come_in_the_order_of_the_calls() {
    let board = board().mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    for path in ["/tmp/log", "/log"] {
        let fd = task.open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600).unwrap();
        let writes: Vec<_> =
            (0..200).map(|i| task.aio_write(fd, format!("{i};").into_bytes(), 0).unwrap()).collect();
        task.aio_wait(&writes).unwrap();
        let expected: String = (0..200).map(|i| format!("{i};")).collect();
        assert_eq!(content(&task, path).unwrap(), expected.as_bytes());
        task.close(fd).unwrap();
    }
}

#[test]
fn a_synchronisation_comes_after_what_was_asked_for_before() {
    let board = board();
    let meeting = Meeting::of(3);
    board.register("/dev/meeting", Arc::new(meeting.clone()), 0o600).unwrap();
    let task = board.task();
    let fd = task.open("/dev/meeting", O_RDWR, 0).unwrap();
    let first = task.aio_write(fd, vec![0], 0).unwrap();
    let second = task.aio_write(fd, vec![0], 1).unwrap();
    let sync = task.aio_fsync(fd, true).unwrap();
    assert_eq!(sync.error(), Err(Errno::EINPROGRESS));
    meeting.0.wait();
    task.aio_wait(&[first, second, sync]).unwrap();
    assert_eq!(*meeting.1.lock().unwrap(), ["write", "write", "sync"]);
}

#[test]
fn what_waits_is_cancelled() {
    let board = board();
    let meeting = Meeting::of(2);
    board.register("/dev/meeting", Arc::new(meeting.clone()), 0o600).unwrap();
    let task = board.task();
    let (r, w) = task.pipe2(0).unwrap();
    let reads: Vec<_> = (0..3).map(|_| task.aio_read(r, vec![0; 4], 0).unwrap()).collect();
    assert_eq!(task.aio_cancel(r, Some(&reads[1])).unwrap(), Cancelled::All);
    assert_eq!(reads[1].error(), Err(Errno::ECANCELED));
    errno(reads[1].finish(), Errno::ECANCELED);
    assert_eq!(task.aio_cancel(r, Some(&reads[1])).unwrap(), Cancelled::Over);
    assert_eq!(task.aio_cancel(w, None).unwrap(), Cancelled::Over);
    task.write(w, b"abcd").unwrap();
    assert_eq!(ended(&task, &reads[0]).unwrap(), 4);
    assert_eq!(task.aio_cancel(r, None).unwrap(), Cancelled::All);
    assert_eq!(reads[2].error(), Err(Errno::ECANCELED));
    let fd = task.open("/dev/meeting", O_RDWR, 0).unwrap();
    let runs = task.aio_write(fd, vec![0], 0).unwrap();
    let after = task.aio_fsync(fd, false).unwrap();
    // What waits for another is cancelled, too.
    assert_eq!(task.aio_cancel(fd, Some(&after)).unwrap(), Cancelled::All);
    assert_eq!(after.error(), Err(Errno::ECANCELED));
    meeting.0.wait();
    assert_eq!(ended(&task, &runs).unwrap(), 1);
}

#[test]
fn a_transfer_that_is_being_done_is_not_cancelled() {
    let board = board();
    let (enters, leaves) = (Meeting::of(2), Meeting::of(2));
    /// Enters by one, leaves by the other.
    struct Room(Meeting, Meeting);
    impl Openable for Room {
        fn open(&self, _ctx: &Ctx, _flags: u32) -> Result<Arc<dyn Stream>> {
            Ok(Arc::new(Room(self.0.clone(), self.1.clone())))
        }
    }
    impl Stream for Room {
        fn read(&self, _ctx: &Ctx, _offset: u64, buf: &mut [u8]) -> Result<usize> {
            self.0.met("in");
            self.1.met("out");
            Ok(buf.len())
        }
    }
    board.register("/dev/room", Arc::new(Room(enters.clone(), leaves.clone())), 0o600).unwrap();
    let task = board.task();
    let fd = task.open("/dev/room", O_RDWR, 0).unwrap();
    let inside = task.aio_read(fd, vec![0; 3], 0).unwrap();
    let behind = task.aio_read(fd, vec![0; 3], 0).unwrap();
    enters.0.wait();
    assert_eq!(task.aio_cancel(fd, Some(&inside)).unwrap(), Cancelled::NotAll);
    // Of several, those that wait are cancelled all the same.
    assert_eq!(task.aio_cancel(fd, None).unwrap(), Cancelled::NotAll);
    assert_eq!(behind.error(), Err(Errno::ECANCELED));
    leaves.0.wait();
    assert_eq!(ended(&task, &inside).unwrap(), 3);
}

#[test]
fn suspend_ends_with_the_first_with_its_time_or_with_the_task() {
    let board = board();
    let task = Arc::new(board.task());
    let (r, w) = task.pipe2(0).unwrap();
    let (other, _keeps) = task.pipe2(0).unwrap();
    let waits = task.aio_read(r, vec![0; 4], 0).unwrap();
    let never = task.aio_read(other, vec![0; 4], 0).unwrap();
    errno(task.aio_suspend(&[Some(&waits), None], Some(Duration::from_millis(5))), Errno::EAGAIN);
    errno(task.aio_suspend(&[], Some(Duration::ZERO)), Errno::EAGAIN);
    let writer = thread::spawn({
        let task = task.clone();
        move || task.write(w, b"abcd").unwrap()
    });
    task.aio_suspend(&[None, Some(&never), Some(&waits)], None).unwrap();
    assert_eq!((waits.finish().unwrap(), writer.join().unwrap()), (4, 4));
    let sleeper = thread::spawn({
        let (task, never) = (task.clone(), never.clone());
        move || task.aio_suspend(&[Some(&never)], None)
    });
    task.interrupt();
    errno(sleeper.join().unwrap(), Errno::EINTR);
}

#[test]
fn ends_are_told_once_each_and_a_list_after_its_last() {
    let board = board();
    let task = board.task();
    let fd = task.open("/own", O_RDWR | O_CREAT, 0o600).unwrap();
    let (tell, told) = mpsc::channel();
    let write = |offset: u64, tell: &mpsc::Sender<u64>| {
        let tell = tell.clone();
        AioRequest {
            fd,
            op: AioOp::Write(Box::new(vec![1; 10])),
            offset,
            notice: AioNotice::Call(Box::new(move || tell.send(offset).unwrap())),
            owner: None,
        }
    };
    let one = task.aio_submit(write(70, &tell)).unwrap();
    assert_eq!(told.recv().unwrap(), 70);
    assert_eq!(one.error(), Ok(()));
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, last) = (count.clone(), tell.clone());
    let mut requests: Vec<_> = (0..MANY as u64).map(|i| write(i, &tell)).collect();
    requests.push(AioRequest {
        fd: 999,
        op: AioOp::Sync { data_only: false },
        offset: 0,
        notice: AioNotice::None,
        owner: None,
    });
    let all = task.aio_list(
        requests,
        AioNotice::Call(Box::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            last.send(u64::MAX).unwrap();
        })),
    );
    errno(all[MANY].as_ref().map(drop).map_err(Clone::clone), Errno::EBADF);
    let mut seen: Vec<u64> = (0..=MANY).map(|_| told.recv().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..MANY as u64).chain([u64::MAX]).collect::<Vec<_>>());
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let accepted: Vec<_> = all.into_iter().flatten().collect();
    task.aio_wait(&accepted).unwrap();
    // An empty list is over at once.
    let empty = tell.clone();
    assert!(task.aio_list(vec![], AioNotice::Call(Box::new(move || empty.send(5).unwrap()))).is_empty());
    assert_eq!(told.recv().unwrap(), 5);
    let bad = task.aio_read(task.open("/", O_RDONLY, 0).unwrap(), vec![0; 1], 0).unwrap();
    errno(task.aio_wait(&[one, bad]), Errno::EIO);
}

#[test]
fn too_many_requests_are_refused_and_all_end_with_the_task() {
    let board = board().mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    task.mkfifo("/tmp/fifo", 0o600).unwrap();
    let fd = task.open("/tmp/fifo", O_RDWR, 0).unwrap();
    let mut accepted = Vec::new();
    let refused = loop {
        match task.aio_read(fd, vec![0; 1], 0) {
            Ok(aio) => accepted.push(aio),
            Err(e) => break e,
        }
    };
    assert_eq!(refused.errno(), Errno::EAGAIN);
    assert_eq!(accepted.len(), 4096);
    task.end();
    assert!(accepted.iter().all(|aio| aio.error() == Err(Errno::ECANCELED)));
    // Nothing of the task is left that would hold the volume.
    board.unmount("/tmp").unwrap();
}

#[test]
fn closing_the_last_descriptor_ends_what_waits_and_nothing_else() {
    let board = board().mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    let (r, w) = task.pipe2(0).unwrap();
    let again = task.dup(r).unwrap();
    let waits = task.aio_read(r, vec![0; 4], 0).unwrap();
    task.close(r).unwrap();
    task.write(w, b"abcd").unwrap();
    assert_eq!(ended(&task, &waits).unwrap(), 4);
    let waits = task.aio_read(again, vec![0; 4], 0).unwrap();
    task.close(again).unwrap();
    errno(ended(&task, &waits), Errno::ECANCELED);
    let fd = task.open("/tmp/file", O_RDWR | O_CREAT, 0o600).unwrap();
    let writes: Vec<_> = (0..MANY as u64).map(|i| task.aio_write(fd, vec![3; 50], i * 50).unwrap()).collect();
    task.close(fd).unwrap();
    task.aio_wait(&writes).unwrap();
    assert_eq!(content(&task, "/tmp/file").unwrap(), vec![3; MANY * 50]);
}
