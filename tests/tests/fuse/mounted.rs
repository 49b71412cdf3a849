//! Mounts that end with their test.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use nxvfs_tests::{Folder, repository, tool};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

/// How long something that must come is waited for. A test that comes so far has failed.
const PATIENCE: rustix::event::Timespec = rustix::event::Timespec { tv_sec: 30, tv_nsec: 0 };

/// The binary, with nothing of this process's settings.
pub(crate) fn nxvfs() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nxvfs-under-test"));
    command.current_dir(repository()).stdin(Stdio::null());
    for name in ["RUST_LOG", "NXVFS_LOAD", "NXVFS_PLUGIN_PATH"] {
        command.env_remove(name);
    }
    command
}

/// A folder that other users may look into.
pub(crate) fn open_folder() -> Folder {
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    folder
}

/// `nxvfs mount -f`, from when its folder is mounted. Dropped, it unmounts and waits for the program's end.
pub(crate) struct Mounted {
    daemon: Child,
    watch: OwnedFd,
    point: PathBuf,
    said: File,
    ended: bool,
    _folder: Folder,
}

impl Mounted {
    /// With these words before the folder.
    #[track_caller]
    pub(crate) fn new(words: &[&str]) -> Self {
        Self::by(nxvfs().args(["mount", "-f"]).args(words))
    }

    /// With these words before `mount`.
    #[track_caller]
    pub(crate) fn by(program: &mut Command) -> Self {
        let folder = open_folder();
        let point = folder.at("mnt");
        std::fs::create_dir(&point).expect("a folder");
        let said = File::options().read(true).write(true).create(true).truncate(true).open(folder.at("said"));
        let said = said.expect("a file");
        program.arg(&point).stdout(Stdio::null()).stderr(said.try_clone().expect("a descriptor"));
        let daemon = program.spawn().expect("the binary runs");
        let pid = Pid::from_child(&daemon);
        let watch = pidfd_open(pid, PidfdFlags::empty()).expect("a descriptor of the process");
        let mut mounted = Self { daemon, watch, point, said, ended: false, _folder: folder };
        if !await_mount(&mounted.point, mounted.watch.as_fd()) {
            panic!("it ended instead of mounting: {}", mounted.said());
        }
        // Answered only once it runs.
        mounted.point.metadata().unwrap_or_else(|e| panic!("{e}: {}", mounted.said()));
        mounted
    }

    /// A volume of tmpfs with everything that root may do.
    #[track_caller]
    pub(crate) fn tmpfs() -> Self {
        Self::new(&["-t", "tmpfs", "-o", "dev,suid,allow_other", "none"])
    }

    /// The volume of an image.
    #[track_caller]
    pub(crate) fn image(image: &Path) -> Self {
        Self::new(&[tool::text(image)])
    }

    pub(crate) fn path(&self) -> &Path {
        &self.point
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.point.join(name)
    }

    /// What it said on standard error until now.
    pub(crate) fn said(&mut self) -> String {
        let mut said = String::new();
        self.said.rewind().expect("a file");
        self.said.read_to_string(&mut said).expect("text");
        said
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.daemon), signal).expect("it runs");
    }

    /// Waits until it has ended by itself.
    #[track_caller]
    pub(crate) fn status(&mut self) -> ExitStatus {
        assert!(ready(self.watch.as_fd(), PollFlags::IN), "it does not end: {}", self.said());
        self.ended = true;
        self.daemon.wait().expect("its status")
    }

    /// Waits until it has ended by itself, with success and without a word.
    #[track_caller]
    pub(crate) fn ended(mut self) {
        let status = self.status();
        assert!(status.success() && self.said().is_empty(), "{status}: {}", self.said());
    }

    /// Unmounts; everything is on the medium then.
    #[track_caller]
    pub(crate) fn unmount(self) {
        // Not refused, if a program that another test is about to start still has a copy of our descriptors: the mount ends
        // when that is gone.
        unmount(&self.point, UnmountFlags::DETACH).expect("it is mounted");
        self.ended();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let _ = unmount(&self.point, UnmountFlags::DETACH);
        if std::thread::panicking() {
            // What the test left open would keep it.
            let _ = self.daemon.kill();
        }
        if !ready(self.watch.as_fd(), PollFlags::IN) {
            let _ = self.daemon.kill();
        }
        let _ = self.daemon.wait();
    }
}

/// Linux's own tmpfs.
pub(crate) struct Tmpfs {
    point: PathBuf,
    _folder: Folder,
}

impl Tmpfs {
    pub(crate) fn new() -> Self {
        let folder = open_folder();
        let point = folder.at("mnt");
        std::fs::create_dir(&point).expect("a folder");
        mount("none", &point, "tmpfs", MountFlags::empty(), None).expect("these tests need root");
        Self { point, _folder: folder }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.point
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = unmount(&self.point, UnmountFlags::DETACH);
    }
}

/// Whether it becomes ready before patience ends.
fn ready(fd: BorrowedFd<'_>, events: PollFlags) -> bool {
    poll(&mut [PollFd::from_borrowed_fd(fd, events)], Some(&PATIENCE)).is_ok_and(|count| count == 1)
}

/// Waits until something is mounted at a path; false if the program ends before that.
fn await_mount(point: &Path, program: BorrowedFd<'_>) -> bool {
    let mut mounts = File::open("/proc/self/mountinfo").expect("/proc");
    let wanted = format!(" {} ", point.display());
    loop {
        let mut text = String::new();
        mounts.rewind().expect("/proc");
        mounts.read_to_string(&mut text).expect("/proc");
        if text.contains(&wanted) {
            return true;
        }
        let mut fds =
            [PollFd::new(&mounts, PollFlags::PRI), PollFd::from_borrowed_fd(program, PollFlags::IN)];
        let count = poll(&mut fds, Some(&PATIENCE)).expect("poll");
        if count == 0 || !fds[1].revents().is_empty() {
            return false;
        }
    }
}
