//! A host with devices and volumes, put together in a few lines and taken apart at its end.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use nxvfs::plugin::{Builtin, PluginOptions};
use nxvfs::{Host, HostOptions, MountOptions, Task};
use nxvfs_abi::types::open::O_RDONLY;

pub use nxvfs::plugin::Link;

/// How a test body runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// How the plugins come into the process.
    pub link: Link,
    /// Whether the file system may use the medium as memory; without it, it reads by copying.
    pub in_place: bool,
}

impl Way {
    /// A board with this romfs image at `/dev/rom0`, mounted on `/rom` in this way.
    pub fn romfs(self, image: &Path) -> Board {
        let options = if self.in_place { "mmap=xip" } else { "mmap=none" };
        Board::new(self.link).romdisk("/dev/rom0", image).mount("/dev/rom0", "/rom", "romfs", options)
    }
}

/// Options of a host whose plugins come in this way: [`Link::Dynamic`] uses the files beside the test alone.
pub fn options(link: Link) -> PluginOptions {
    let builtin = match link {
        Link::Static => Builtin::All,
        Link::Dynamic => Builtin::None,
    };
    // With static plugins nothing is searched, so that a test never passes by a file that lies about.
    PluginOptions { builtin, default_dirs: link == Link::Dynamic, ..PluginOptions::default() }
}

/// Reads a whole file.
pub fn content(task: &Task, path: &str) -> nxvfs::Result<Vec<u8>> {
    let fd = task.open(path, O_RDONLY, 0)?;
    let (mut all, mut buf) = (Vec::new(), vec![0; 64 * 1024]);
    let outcome = loop {
        match task.read(fd, &mut buf) {
            Ok(0) => break Ok(all),
            Ok(len) => all.extend_from_slice(&buf[..len]),
            Err(e) => break Err(e),
        }
    };
    let closed = task.close(fd);
    outcome.and_then(|all| closed.map(|()| all))
}

/// Splits `name=value,name` as `-o` does.
pub fn words(text: &str) -> Vec<(String, Option<String>)> {
    nxvfs::plugin::params::parse_assignments(text)
}

/// A host. When it is dropped, everything that is mounted and attached must come down: a holder that was left behind
/// fails the test. Tasks and mappings are declared after it, so that they end before it.
pub struct Board {
    host: Arc<Host>,
}

impl Board {
    /// A host whose plugins come in this way.
    pub fn new(link: Link) -> Self {
        Self::with(options(link))
    }

    /// A host with these options.
    pub fn with(options: impl Into<HostOptions>) -> Self {
        Self { host: Host::new(options).expect("a host without anything in it") }
    }

    /// Attaches a driver with `name=value,…`.
    #[track_caller]
    pub fn attach(self, driver: &str, node: &str, params: &str) -> Self {
        self.host.attach(driver, node, &words(params)).unwrap_or_else(|e| panic!("{e}"));
        self
    }

    /// Attaches a read-only RAM disk over an image.
    #[track_caller]
    pub fn romdisk(self, node: &str, image: &Path) -> Self {
        self.attach("ramdisk-xip", node, &format!("image={},ro", image.display()))
    }

    /// Mounts a volume; `options` as after `-o`.
    #[track_caller]
    pub fn mount(self, source: &str, target: &str, fs: &str, options: &str) -> Self {
        self.try_mount(source, target, fs, options).unwrap_or_else(|e| panic!("{e}"));
        self
    }

    /// Mounts, and answers what the host answers.
    pub fn try_mount(&self, source: &str, target: &str, fs: &str, options: &str) -> nxvfs::Result<()> {
        let options = MountOptions::parse(words(options))?;
        self.host.mount(Some(source), target, fs, &options).map(drop)
    }

    /// The whole content of a file, as a task of user 0 reads it.
    #[track_caller]
    pub fn read(&self, path: &str) -> Vec<u8> {
        content(&self.host.task(), path).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// The host, for what shares it.
    pub fn host(&self) -> &Arc<Host> {
        &self.host
    }

    /// Unmounts and detaches everything; fails if somebody still holds something.
    #[track_caller]
    pub fn end(self) {
        drop(self);
    }
}

impl Deref for Board {
    type Target = Arc<Host>;

    fn deref(&self) -> &Arc<Host> {
        &self.host
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // Volumes lie on devices, and devices may lie on files of volumes: what nobody uses goes first.
        loop {
            let (mounts, devices) = (self.host.mounts(), self.host.devices());
            let free_mount = mounts.iter().rev().find(|m| m.users.is_empty());
            let free_device = devices.iter().find(|d| d.users.is_empty());
            let ended = match (free_mount, free_device) {
                (Some(mount), _) => self.host.unmount(&mount.path),
                (None, Some(device)) => self.host.detach(&device.node),
                (None, None) => {
                    let held: Vec<_> = mounts.iter().map(|m| (&m.path, &m.users)).collect();
                    assert!(held.is_empty(), "something holds the volumes: {held:?}");
                    let held: Vec<_> = devices.iter().map(|d| (&d.node, &d.users)).collect();
                    assert!(held.is_empty(), "something holds the devices: {held:?}");
                    break;
                }
            };
            ended.unwrap_or_else(|e| panic!("{e}"));
        }
        for plugin in self.host.plugins().list() {
            assert!(plugin.users.is_empty(), "{} is held by {:?}", plugin.name, plugin.users);
        }
    }
}
