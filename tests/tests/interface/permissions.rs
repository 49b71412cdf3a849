//! Who may do what, by POSIX: by a table, and by the same random steps on a tmpfs of the operating system.

use std::fmt::Debug;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread;

use nxvfs::task::{UTIME_NOW, UTIME_OMIT};
use nxvfs::{Errno, Task};
use nxvfs_abi::Timespec;
use nxvfs_abi::types::open::{O_CREAT, O_EXCL, O_NOATIME, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Link, on_both_links};
use proptest::prelude::*;
use rustix::fs::{Access, AtFlags, CWD, FileType, Gid, Mode, OFlags, Timestamps, Uid};
use rustix::process::{geteuid, umask};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// User, group and one more group.
const USERS: [(u32, u32, &[u32]); 4] =
    [(0, 0, &[]), (1000, 1000, &[2000]), (1001, 1001, &[2000]), (1002, 1002, &[])];

fn make(task: &Task, path: &str, mode: u32) {
    let fd = task.open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600).unwrap();
    task.close(fd).unwrap();
    task.chmod(path, mode).unwrap();
}

on_both_links! {
    fn from_a_sticky_directory_only_owners_take_names_away(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "mode=0o1777");
        let (root, one, two) = (board.task(), board.task_as(1000, 1000, &[]), board.task_as(1001, 1001, &[]));
        make(&one, "/tmp/file", 0o666);
        one.mkdir("/tmp/dir", 0o777).unwrap();
        make(&two, "/tmp/mine", 0o666);
        errno(two.unlink("/tmp/file"), Errno::EPERM);
        errno(two.rmdir("/tmp/dir"), Errno::EPERM);
        errno(two.rename("/tmp/file", "/tmp/stolen", 0), Errno::EPERM);
        errno(two.rename("/tmp/mine", "/tmp/file", 0), Errno::EPERM);
        one.rename("/tmp/file", "/tmp/moved", 0).unwrap();
        one.unlink("/tmp/moved").unwrap();
        root.rmdir("/tmp/dir").unwrap();
        // The owner of the directory may take what is in it.
        one.mkdir("/tmp/own", 0o777).unwrap();
        one.chmod("/tmp/own", 0o1777).unwrap();
        make(&two, "/tmp/own/file", 0o600);
        one.unlink("/tmp/own/file").unwrap();
    }

    fn a_set_group_directory_hands_its_group_down(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "mode=0o777");
        let (root, one) = (board.task(), board.task_as(1000, 1000, &[]));
        root.mkdir("/tmp/shared", 0o777).unwrap();
        root.chown("/tmp/shared", None, Some(2000)).unwrap();
        root.chmod("/tmp/shared", 0o2777).unwrap();
        one.mkdir("/tmp/shared/dir", 0o755).unwrap();
        one.mknod("/tmp/shared/fifo", 0o010644, 0).unwrap();
        one.symlink("x", "/tmp/shared/link").unwrap();
        let fd = one.open("/tmp/shared/program", O_WRONLY | O_CREAT, 0o2755).unwrap();
        one.close(fd).unwrap();
        for (name, mode) in [("dir", 0o042755), ("fifo", 0o010644), ("link", 0o120777), ("program", 0o100755)] {
            let attr = one.lstat(format!("/tmp/shared/{name}")).unwrap().attr;
            assert_eq!((attr.mode, attr.uid, attr.gid), (mode, 1000, 2000), "{name}");
        }
    }

    fn bits_by_which_programs_run_as_others_end_with_changes_by_others(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "mode=0o777");
        let (root, one) = (board.task(), board.task_as(1000, 1000, &[]));
        let mode = || root.stat("/tmp/f").unwrap().attr.mode & 0o7777;
        make(&one, "/tmp/f", 0o4777);
        let fd = one.open("/tmp/f", O_WRONLY, 0).unwrap();
        let by_root = root.open("/tmp/f", O_WRONLY, 0).unwrap();
        root.write(by_root, b"x").unwrap();
        assert_eq!(mode(), 0o4777, "user 0 writes and they stay");
        one.write(fd, b"x").unwrap();
        assert_eq!(mode(), 0o777);
        root.chmod("/tmp/f", 0o6777).unwrap();
        one.ftruncate(fd, 0).unwrap();
        assert_eq!(mode(), 0o777);
        root.chmod("/tmp/f", 0o6777).unwrap();
        let cut = one.open("/tmp/f", O_WRONLY | O_TRUNC, 0).unwrap();
        assert_eq!(mode(), 0o777);
        one.close(cut).unwrap();
        root.chmod("/tmp/f", 0o6777).unwrap();
        one.chown("/tmp/f", None, Some(1000)).unwrap();
        assert_eq!(mode(), 0o777);
        // A group that one is not of: the bit is not for one to give.
        root.chown("/tmp/f", None, Some(2000)).unwrap();
        one.chmod("/tmp/f", 0o2755).unwrap();
        assert_eq!(mode(), 0o755);
        board.task_as(1000, 1000, &[2000]).chmod("/tmp/f", 0o2755).unwrap();
        assert_eq!(mode(), 0o2755);
    }

    fn times_are_for_owners_and_the_present_for_writers(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "mode=0o777");
        let (one, two, three) =
            (board.task_as(1000, 1000, &[]), board.task_as(1001, 1001, &[1000]), board.task_as(1002, 1002, &[]));
        make(&one, "/tmp/f", 0o664);
        let at = |nanoseconds| Some(Timespec { seconds: 7, nanoseconds, reserved: 0 });
        let (now, omit) = (at(UTIME_NOW), at(UTIME_OMIT));
        one.utimens("/tmp/f", at(1), at(2)).unwrap();
        let times = || {
            let attr = one.stat("/tmp/f").unwrap().attr;
            (attr.atime, attr.mtime)
        };
        assert_eq!((Some(times().0), Some(times().1)), (at(1), at(2)));
        errno(two.utimens("/tmp/f", at(5), at(5)), Errno::EPERM);
        errno(two.utimens("/tmp/f", now, omit), Errno::EPERM);
        errno(three.utimens("/tmp/f", now, now), Errno::EACCES);
        three.utimens("/tmp/f", omit, omit).unwrap();
        three.utimens("/tmp/f", None, None).unwrap();
        assert_eq!((Some(times().0), Some(times().1)), (at(1), at(2)));
        two.utimens("/tmp/f", now, now).unwrap();
        assert!(times().0.seconds > 7 && times().0 == times().1);
        one.utimens("/tmp/f", omit, at(3)).unwrap();
        assert!(times().0.seconds > 7 && Some(times().1) == at(3));
        errno(one.utimens("/tmp/f", at(1_000_000_000), None), Errno::EINVAL);
    }

    fn what_else_is_for_owners_or_for_user_0(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "mode=0o777");
        let (root, one, two) = (board.task(), board.task_as(1000, 1000, &[]), board.task_as(1001, 1001, &[]));
        make(&one, "/tmp/f", 0o666);
        errno(two.open("/tmp/f", O_RDONLY | O_NOATIME, 0), Errno::EPERM);
        for task in [&one, &root] {
            let fd = task.open("/tmp/f", O_RDONLY | O_NOATIME, 0).unwrap();
            task.close(fd).unwrap();
        }
        let fd = two.open("/tmp/f", O_RDONLY, 0).unwrap();
        errno(two.setfl(fd, O_NOATIME), Errno::EPERM);
        errno(one.mknod("/tmp/null", 0o020666, 1 << 32 | 3), Errno::EPERM);
        errno(one.mknod("/tmp/disk", 0o060666, 8 << 32), Errno::EPERM);
        one.mknod("/tmp/fifo", 0o010666, 0).unwrap();
        root.mknod("/tmp/null", 0o020666, 1 << 32 | 3).unwrap();
        // Linux has a rule of its own against this one (protected_hardlinks); POSIX does not.
        two.link("/tmp/f", "/tmp/g").unwrap();
        one.mkdir("/tmp/private", 0o700).unwrap();
        make(&one, "/tmp/private/f", 0o777);
        errno(two.stat("/tmp/private/f").map(drop), Errno::EACCES);
        errno(two.link("/tmp/f", "/tmp/private/g"), Errno::EACCES);
        // To move a directory elsewhere is to change it.
        root.mkdir("/tmp/d", 0o777).unwrap();
        root.chmod("/tmp/d", 0o777).unwrap();
        errno(two.rename("/tmp/private", "/tmp/d/private", 0), Errno::EACCES);
        two.rename("/tmp/private", "/tmp/renamed", 0).unwrap();
    }

    fn each_task_has_its_own_mask(link: Link) {
        let board = Board::new(link).mount("none", "/tmp", "tmpfs", "mode=0o777");
        let (one, two) = (board.task(), board.task());
        assert_eq!(one.set_umask(0o077), 0o022);
        assert_eq!(one.set_umask(0o7077), 0o077);
        assert_eq!((one.umask(), two.umask()), (0o077, 0o022));
        for (task, name, file, dir) in [(&one, "one", 0o600, 0o700), (&two, "two", 0o644, 0o755)] {
            let fd = task.creat(format!("/tmp/{name}"), 0o666).unwrap();
            task.close(fd).unwrap();
            task.mkdir(format!("/tmp/{name}.d"), 0o777).unwrap();
            assert_eq!(task.stat(format!("/tmp/{name}")).unwrap().attr.mode & 0o7777, file);
            assert_eq!(task.stat(format!("/tmp/{name}.d")).unwrap().attr.mode & 0o7777, dir);
        }
    }
}

const NAMES: [&str; 8] = ["a", "b", "d", "d/x", "d/y", "e", "e/x", "e/z"];

/// One step of one user.
#[derive(Clone, Debug)]
enum Step {
    Create(usize, u32),
    Mkdir(usize, u32),
    Mkfifo(usize, u32),
    Device(usize),
    Unlink(usize),
    Rmdir(usize),
    Rename(usize, usize),
    Link(usize, usize),
    Chmod(usize, u32),
    Chown(usize, Option<u32>, Option<u32>),
    Truncate(usize),
    OpenTruncating(usize),
    Write(usize),
    Read(usize),
    ReadUnseen(usize),
    TouchNow(usize),
    TouchThen(usize),
    TouchOne(usize),
    Access(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let mode = || {
        prop_oneof![
            Just(0o777u32),
            Just(0o1777),
            Just(0o2777),
            Just(0o2775),
            Just(0o6755),
            Just(0o4777),
            Just(0o2644),
            0..0o10000u32
        ]
    };
    let id = || prop::option::of(prop::sample::select(vec![0u32, 1000, 1001, 1002, 2000]));
    prop_oneof![
        (name(), mode()).prop_map(|(n, m)| Step::Create(n, m)),
        (name(), mode()).prop_map(|(n, m)| Step::Mkdir(n, m)),
        (name(), mode()).prop_map(|(n, m)| Step::Mkfifo(n, m)),
        name().prop_map(Step::Device),
        name().prop_map(Step::Unlink),
        name().prop_map(Step::Rmdir),
        (name(), name()).prop_map(|(a, b)| Step::Rename(a, b)),
        (name(), name()).prop_map(|(a, b)| Step::Link(a, b)),
        (name(), mode()).prop_map(|(n, m)| Step::Chmod(n, m)),
        (name(), id(), id()).prop_map(|(n, u, g)| Step::Chown(n, u, g)),
        name().prop_map(Step::Truncate),
        name().prop_map(Step::OpenTruncating),
        name().prop_map(Step::Write),
        name().prop_map(Step::Read),
        name().prop_map(Step::ReadUnseen),
        name().prop_map(Step::TouchNow),
        name().prop_map(Step::TouchThen),
        name().prop_map(Step::TouchOne),
        (name(), 0..8u32).prop_map(|(n, w)| Step::Access(n, w)),
    ]
}

type Outcome = Result<(), i32>;

fn ours(task: &Task, step: &Step) -> Outcome {
    let at = |name: &usize| format!("/tmp/{}", NAMES[*name]);
    let opened = |name, flags, mode, then: &dyn Fn(u32) -> nxvfs::Result<()>| {
        let fd = task.open(at(name), flags, mode)?;
        let done = then(fd);
        task.close(fd).and(done)
    };
    let nothing = |_| Ok(());
    let then = Some(Timespec { seconds: 1, ..Timespec::default() });
    let now = Some(Timespec { nanoseconds: UTIME_NOW, ..Timespec::default() });
    let result = match step {
        Step::Create(n, mode) => opened(n, O_WRONLY | O_CREAT | O_EXCL, *mode, &nothing),
        Step::Mkdir(n, mode) => task.mkdir(at(n), *mode),
        Step::Mkfifo(n, mode) => task.mknod(at(n), 0o010000 | mode, 0),
        Step::Device(n) => task.mknod(at(n), 0o020666, 1 << 32 | 3),
        Step::Unlink(n) => task.unlink(at(n)),
        Step::Rmdir(n) => task.rmdir(at(n)),
        Step::Rename(a, b) => task.rename(at(a), at(b), 0),
        Step::Link(a, b) => task.link(at(a), at(b)),
        Step::Chmod(n, mode) => task.chmod(at(n), *mode),
        Step::Chown(n, uid, gid) => task.chown(at(n), *uid, *gid),
        Step::Truncate(n) => task.truncate(at(n), 3),
        Step::OpenTruncating(n) => opened(n, O_WRONLY | O_TRUNC, 0, &nothing),
        Step::Write(n) => opened(n, O_RDWR, 0, &|fd| task.write(fd, b"x").map(drop)),
        Step::Read(n) => opened(n, O_RDONLY, 0, &nothing),
        Step::ReadUnseen(n) => opened(n, O_RDONLY | O_NOATIME, 0, &nothing),
        Step::TouchNow(n) => task.utimens(at(n), now, now),
        Step::TouchThen(n) => task.utimens(at(n), then, then),
        Step::TouchOne(n) => task.utimens(at(n), None, now),
        Step::Access(n, want) => task.access(at(n), *want),
    };
    result.map_err(|e| e.errno().get())
}

fn theirs(top: &Path, step: &Step) -> Outcome {
    let at = |name: &usize| top.join(NAMES[*name]);
    let bits = |mode: &u32| Mode::from_raw_mode(*mode);
    let open = |name, flags, mode| -> rustix::io::Result<OwnedFd> {
        rustix::fs::open(at(name), flags | OFlags::CLOEXEC, mode)
    };
    let none = Mode::empty();
    let touch = |name: &usize, atime: (i64, i64), mtime: (i64, i64)| {
        let time = |(tv_sec, tv_nsec)| rustix::fs::Timespec { tv_sec, tv_nsec };
        let times = Timestamps { last_access: time(atime), last_modification: time(mtime) };
        rustix::fs::utimensat(CWD, at(name), &times, AtFlags::empty())
    };
    let (now, omit) = ((0, i64::from(UTIME_NOW)), (0, i64::from(UTIME_OMIT)));
    let result = match step {
        Step::Create(n, mode) => {
            open(n, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, bits(mode)).map(drop)
        }
        Step::Mkdir(n, mode) => rustix::fs::mkdir(at(n), bits(mode)),
        Step::Mkfifo(n, mode) => rustix::fs::mknodat(CWD, at(n), FileType::Fifo, bits(mode), 0),
        Step::Device(n) => rustix::fs::mknodat(
            CWD,
            at(n),
            FileType::CharacterDevice,
            bits(&0o666),
            rustix::fs::makedev(1, 3),
        ),
        Step::Unlink(n) => rustix::fs::unlink(at(n)),
        Step::Rmdir(n) => rustix::fs::rmdir(at(n)),
        Step::Rename(a, b) => rustix::fs::rename(at(a), at(b)),
        Step::Link(a, b) => rustix::fs::link(at(a), at(b)),
        Step::Chmod(n, mode) => rustix::fs::chmod(at(n), bits(mode)),
        Step::Chown(n, uid, gid) => rustix::fs::chown(at(n), uid.map(Uid::from_raw), gid.map(Gid::from_raw)),
        Step::Truncate(n) => std::fs::OpenOptions::new()
            .write(true)
            .open(at(n))
            .and_then(|file| file.set_len(3))
            .map_err(|e| rustix::io::Errno::from_io_error(&e).expect("an errno")),
        Step::OpenTruncating(n) => open(n, OFlags::WRONLY | OFlags::TRUNC, none).map(drop),
        Step::Write(n) => open(n, OFlags::RDWR, none).and_then(|fd| rustix::io::write(fd, b"x").map(drop)),
        Step::Read(n) => open(n, OFlags::RDONLY, none).map(drop),
        Step::ReadUnseen(n) => open(n, OFlags::RDONLY | OFlags::NOATIME, none).map(drop),
        Step::TouchNow(n) => touch(n, now, now),
        Step::TouchThen(n) => touch(n, (1, 0), (1, 0)),
        Step::TouchOne(n) => touch(n, omit, now),
        Step::Access(n, want) => {
            let access = [(4, Access::READ_OK), (2, Access::WRITE_OK), (1, Access::EXEC_OK)]
                .into_iter()
                .filter(|(bit, _)| want & bit != 0)
                .fold(Access::EXISTS, |sum, (_, access)| sum | access);
            rustix::fs::access(at(n), access)
        }
    };
    result.map_err(|e| e.raw_os_error())
}

/// Runs something as another user. The credentials of a thread are its own, as the system sees it.
fn run_as<R: Send + Debug>(user: (u32, u32, &[u32]), run: impl FnOnce() -> R + Send) -> R {
    let (uid, gid, groups) = user;
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            set_thread_groups(&groups).expect("groups");
            set_thread_res_gid(gid, gid, gid).expect("a group");
            set_thread_res_uid(uid, uid, uid).expect("a user");
            run()
        });
        thread.join().expect("the step itself does not panic")
    })
}

/// Type and mode, owner, group, number of names (of other than directories).
type Shape = Option<(u32, u32, u32, u32)>;

fn our_shape(task: &Task, name: &str) -> Shape {
    let attr = task.lstat(format!("/tmp/{name}")).ok()?.attr;
    Some((attr.mode, attr.uid, attr.gid, attr.nlink))
}

fn their_shape(top: &Path, name: &str) -> Shape {
    let stat = rustix::fs::lstat(top.join(name)).ok()?;
    Some((stat.st_mode, stat.st_uid, stat.st_gid, stat.st_nlink as u32))
}

fn oracle() -> &'static Path {
    // Only user 0 can be others, and only Linux's own tmpfs is what we compare with.
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    let shm = Path::new("/dev/shm");
    assert!(geteuid().is_root(), "this test acts as several users: run it as user 0");
    let tmpfs = rustix::fs::statfs(shm).is_ok_and(|fs| fs.f_type == TMPFS_MAGIC);
    assert!(tmpfs, "this test compares with Linux's own tmpfs: mount one on /dev/shm");
    shm
}

/// Whether the step runs into rules of Linux beyond POSIX, or of the sandbox that the test runs in.
fn beyond_posix(user: u32, step: &Step, shapes: &[Shape]) -> bool {
    match step {
        // protected_hardlinks
        Step::Link(a, _) => user != 0 && shapes[*a].is_none_or(|(_, owner, ..)| owner != user),
        // Linux takes a chown that changes nothing as one.
        Step::Chown(_, None, None) => true,
        // A set-group bit without the right to execute for the group: a write may leave it (POSIX), and Linux looks at
        // all groups of who writes.
        Step::Write(n) if shapes[*n].is_some_and(|(mode, ..)| mode & 0o2010 == 0o2000) => true,
        // CAP_MKNOD
        Step::Device(_) => user == 0,
        // This host opens no FIFOs of volumes.
        Step::Write(n)
        | Step::Read(n)
        | Step::ReadUnseen(n)
        | Step::OpenTruncating(n)
        | Step::Truncate(n) => {
            shapes[*n].is_some_and(|(mode, ..)| !matches!(mode & 0o170000, 0o100000 | 0o040000))
        }
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_steps_have_the_same_outcome_on_linux(
        steps in prop::collection::vec((0..USERS.len(), step()), 1..60),
    ) {
        let shm = oracle();
        umask(Mode::empty());
        let folder = tempfile::tempdir_in(shm).unwrap();
        let top = folder.path();
        rustix::fs::chmod(top, Mode::from_raw_mode(0o777)).unwrap();
        let board = Board::new(Link::Static).mount("none", "/tmp", "tmpfs", "mode=0o777,uid=0,gid=0");
        let tasks = USERS.map(|(uid, gid, groups)| board.task_as(uid, gid, groups));
        for task in &tasks {
            task.set_umask(0);
        }
        let mut shapes = vec![None; NAMES.len()];
        for (user, step) in steps {
            if beyond_posix(USERS[user].0, &step, &shapes) {
                continue;
            }
            let our = ours(&tasks[user], &step);
            let their = run_as(USERS[user], || theirs(top, &step));
            prop_assert_eq!(our, their, "{:?} by {:?} on {:?}", step, USERS[user], NAMES.iter().zip(&shapes).collect::<Vec<_>>());
            shapes = NAMES.iter().map(|name| our_shape(&tasks[0], name)).collect();
            for (name, shape) in NAMES.iter().zip(&shapes) {
                prop_assert_eq!(*shape, their_shape(top, name), "{} after {:?} by {:?}", name, step, USERS[user]);
            }
        }
    }
}
