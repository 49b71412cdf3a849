//! A mount, from its making to its end.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use fuser::{Config, INodeNo, Notifier};
use rustix::mount::UnmountFlags;

use super::door::{Door, Stale};
use super::filesystem::Served;
use super::options::Options;
use super::refusal::FuseError;
use super::untold::Untold;
use crate::base::sync::Arc;
use crate::base::{Errno, Result};
use crate::task::Host;

/// Programs that mount and unmount for ordinary users.
const HELPERS: [&str; 2] = ["fusermount3", "fusermount"];

/// The tree of a host that is mounted as a folder. Requests are answered once it runs.
pub struct Session {
    session: fuser::Session<Served>,
    mount_point: PathBuf,
}

impl Session {
    /// Mounts a host's tree. Errors: ENOENT, ENOTDIR, EBUSY the folder; ENODEV there is no FUSE; EPERM;
    /// EINVAL options that do not go together.
    pub fn new(host: &Arc<Host>, mount_point: &Path, options: &Options) -> Result<Self> {
        let mount_point = folder(mount_point)?;
        options.go_together()?;
        raise_descriptor_limit();
        let door = Door::new(host, mount_point.clone(), options.writeback && !options.read_only)?;
        let mut config = Config::default();
        config.mount_options.clone_from(&options.kernel);
        config.mount_options.push(fuser::MountOption::DefaultPermissions);
        config.acl = options.access;
        config.n_threads = Some(options.threads);
        config.clone_fd = true;
        let stale = mpsc::channel();
        let untold = door.untold.clone();
        // The receiver waits until there is a way to the kernel.
        let _ = door.stale.set(stale.0);
        let served = Served(Arc::new(door));
        let session =
            fuser::Session::new(served, &mount_point, &config).map_err(|e| refused(&mount_point, &e))?;
        let notifier = session.notifier();
        std::thread::Builder::new()
            .name("fuse-stale".to_owned())
            .spawn(move || tell_stale(&notifier, &stale.1, &untold))?;
        Ok(Self { session, mount_point })
    }

    /// What ends it from another thread.
    pub fn ending(&self) -> Ending {
        Ending { mount_point: self.mount_point.clone() }
    }

    /// Answers requests until it is unmounted. Errors: of the connection to the kernel.
    pub fn run(self) -> Result<()> {
        let mut running = self.session.spawn()?;
        let answering = std::mem::replace(&mut running.guard, std::thread::spawn(|| Ok(())));
        let ended = match answering.join().map_err(|_| Errno::EIO)? {
            // The kernel ended it while it was handing out a last request, which nobody waits for.
            Err(e) if e.raw_os_error() == Some(libc::ECONNABORTED) => Ok(()),
            ended => ended,
        };
        if ended.is_ok() {
            // The kernel has ended it. The library (fuser 0.18) would unmount once more, as it takes a connection that has
            // ended for one that lives, and so take away what somebody else has mounted there meanwhile.
            std::mem::forget(running);
        }
        Ok(ended?)
    }
}

/// Ends a [`Session`].
#[derive(Clone)]
pub struct Ending {
    mount_point: PathBuf,
}

impl Ending {
    /// What ends the mount at a folder, whichever process answers for it. Errors: EINVAL there is none.
    pub fn of(folder: &Path) -> Result<Self> {
        // Without a look at the folder itself: whoever answered for it may be gone.
        let parent = folder.parent().and_then(|parent| parent.canonicalize().ok());
        let mount_point = match (parent, folder.file_name()) {
            (Some(parent), Some(name)) => parent.join(name),
            _ => std::path::absolute(folder)?,
        };
        let whole = match super::table::source_at(&mount_point) {
            Some(_) => mount_point,
            // A link to it.
            None => folder.canonicalize().unwrap_or(mount_point),
        };
        match super::table::source_at(&whole) {
            Some(_) => Ok(Self { mount_point: whole }),
            None => Err(FuseError::NotMounted { path: folder.display().to_string() }.into()),
        }
    }

    /// What is mounted there, as the list of mounts names it.
    pub fn source(&self) -> Option<PathBuf> {
        super::table::source_at(&self.mount_point)
    }

    /// Unmounts the folder, with everything that the kernel kept brought to its volume; the session then ends. Errors:
    /// EBUSY files are open there.
    pub fn unmount(&self) -> Result<()> {
        // What lingers in the kernel is written while requests are still answered by all.
        self.with_folder(UnmountFlags::empty(), &["-u"])
    }

    /// Takes the folder away at once; what is open goes on, and the session ends after it. Errors: EINVAL it is none any
    /// more.
    pub fn detach(&self) -> Result<()> {
        self.with_folder(UnmountFlags::DETACH, &["-u", "-z"])
    }

    fn with_folder(&self, flags: UnmountFlags, helper: &[&str]) -> Result<()> {
        match rustix::mount::unmount(&self.mount_point, flags | UnmountFlags::NOFOLLOW) {
            Err(rustix::io::Errno::PERM) => self.by_helper(helper),
            done => done.map_err(|e| io::Error::from(e).into()),
        }
    }

    fn by_helper(&self, words: &[&str]) -> Result<()> {
        for helper in HELPERS {
            match Command::new(helper).args(words).arg("--").arg(&self.mount_point).output() {
                Ok(output) if output.status.success() => return Ok(()),
                Ok(output) => {
                    let found = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                    let busy = found.contains("busy");
                    let path = self.mount_point.display().to_string();
                    return Err(if busy {
                        Errno::EBUSY.into()
                    } else {
                        FuseError::Refused { path, found }.into()
                    });
                }
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(FuseError::NoHelper { helper: HELPERS[0] }.into())
    }
}

/// The mount point without links. Errors: ENOENT, ENOTDIR; EBUSY the root of a mount of ours is there.
fn folder(path: &Path) -> Result<PathBuf> {
    let failed = |e: io::Error| crate::Error::from(e).doing(path.display());
    let whole = path.canonicalize().map_err(failed)?;
    let metadata = whole.metadata().map_err(failed)?;
    if !metadata.is_dir() {
        let path = path.display().to_string();
        return Err(FuseError::NoDirectory { path, found: "a file".to_owned() }.into());
    }
    if super::table::source_at(&whole).is_some() {
        return Err(FuseError::Mounted { path: path.display().to_string() }.into());
    }
    Ok(whole)
}

/// Files in memory cost a descriptor each: as many as the system lets.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const WANTED: u64 = 1 << 20;
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: Some(WANTED), maximum: Some(WANTED.max(limit.maximum.unwrap_or(WANTED))) };
    // Root may raise the limit itself; others go up to it.
    if setrlimit(Resource::Nofile, most).is_err() {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
}

/// What the system said of a mount.
fn refused(mount_point: &Path, error: &io::Error) -> crate::Error {
    let (path, found) = (mount_point.display().to_string(), error.to_string());
    let helper = || HELPERS.iter().all(|name| Command::new(name).arg("-V").output().is_err());
    match error.kind() {
        io::ErrorKind::NotFound if !Path::new("/dev/fuse").exists() => FuseError::NoKernel { found }.into(),
        io::ErrorKind::NotFound if helper() => FuseError::NoHelper { helper: HELPERS[0] }.into(),
        io::ErrorKind::PermissionDenied if std::fs::File::open("/dev/fuse").is_err() => {
            FuseError::Closed { found }.into()
        }
        _ if error.raw_os_error() == Some(libc::ENODEV) => FuseError::NoKernel { found }.into(),
        _ => FuseError::Refused { path, found: found.trim().to_owned() }.into(),
    }
}

/// Tells the kernel what it must forget, as long as the mount lives.
fn tell_stale(notifier: &Notifier, stale: &mpsc::Receiver<Stale>, untold: &Untold) {
    for stale in stale {
        let told = match &stale {
            Stale::Name(_, (dir, name)) => notifier.inval_entry(INodeNo(*dir), OsStr::from_bytes(name)),
            Stale::Attributes(number) => notifier.inval_inode(INodeNo(*number), -1, 0),
        };
        if let Err(e) = told {
            log::debug!("the kernel was not told what changed: {e}");
        }
        if let Stale::Name(number, _) = &stale {
            untold.told(*number);
        }
    }
}
