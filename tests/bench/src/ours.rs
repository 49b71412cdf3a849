//! The host, its plugins loaded from files, through the descriptors of a task.

use std::path::Path;
use std::sync::Arc;

use nxvfs::plugin::{Builtin, PluginOptions, params::parse_assignments};
use nxvfs::{Host, MountOptions, Task};
use nxvfs_abi::types::open::{O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY};

use crate::{Direction, Volume, plugin_dir};

/// Where volumes are mounted.
const MOUNT: &str = "/mnt";
/// The node that volumes lie on.
const NODE: &str = "/dev/disk0";

/// A medium that a volume lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium<'a> {
    /// A copy of an image in memory, used in place.
    Ramdisk(&'a Path),
    /// The same, never written.
    Romdisk(&'a Path),
    /// An image file, through the host's cache of blocks.
    Loop(&'a Path),
    /// None.
    Nothing,
}

/// A host with one volume.
pub struct Ours {
    label: String,
    // Before the host, so that it ends before it.
    task: Task,
    host: Arc<Host>,
    fs: &'static str,
    source: Option<&'static str>,
}

/// A host that loads what it needs from the folder of the plugins, and has nothing linked in.
pub fn host() -> Arc<Host> {
    let options = PluginOptions {
        dirs: vec![plugin_dir().to_owned()],
        default_dirs: false,
        builtin: Builtin::None,
        allow_unsafe_files: true,
        ..PluginOptions::default()
    };
    Host::new(options).expect("a host")
}

impl Ours {
    /// A volume that is mounted.
    pub fn mounted(label: &str, fs: &'static str, medium: Medium<'_>) -> Self {
        let ours = Self::attached(label, fs, medium, u64::MAX);
        ours.mount();
        ours
    }

    /// A medium that is attached and whose first bytes were touched, and no volume on it yet.
    pub fn attached(label: &str, fs: &'static str, medium: Medium<'_>, touched_bytes: u64) -> Self {
        let host = host();
        let attach = |driver: &str, params: String| {
            host.attach(driver, NODE, &parse_assignments(&params)).unwrap_or_else(|e| panic!("{e}"));
        };
        match medium {
            Medium::Ramdisk(image) => attach("ramdisk-xip", format!("image={}", image.display())),
            Medium::Romdisk(image) => attach("ramdisk-xip", format!("image={},ro", image.display())),
            Medium::Loop(image) => attach("loop", format!("file={}", image.display())),
            Medium::Nothing => {}
        }
        let source = (medium != Medium::Nothing).then_some(NODE);
        let ours = Self { label: label.to_owned(), task: host.task(), host, fs, source };
        match medium {
            Medium::Ramdisk(_) => ours.touch(touched_bytes, true),
            Medium::Romdisk(_) => ours.touch(touched_bytes, false),
            _ => {}
        }
        ours
    }

    /// Touches every page of the medium, so that no first touch is measured.
    fn touch(&self, len_bytes: u64, write: bool) {
        let fd = self.task.open(NODE, if write { O_RDWR } else { O_RDONLY }, 0).expect("the medium");
        let mut buf = vec![0; 1 << 20];
        let mut at = 0;
        while at < len_bytes {
            let len = self.task.pread(fd, &mut buf, at).expect("the medium's bytes");
            if len == 0 {
                break;
            }
            if write {
                self.task.pwrite(fd, &buf[..len], at).expect("the medium's bytes");
            }
            at += len as u64;
        }
        self.task.close(fd).expect("the medium");
    }

    /// Mounts the volume.
    pub fn mount(&self) {
        self.host
            .mount(self.source, MOUNT, self.fs, &MountOptions::default())
            .unwrap_or_else(|e| panic!("{e}"));
    }

    /// Unmounts it.
    pub fn unmount(&self) {
        self.host.unmount(MOUNT).unwrap_or_else(|e| panic!("{e}"));
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The absolute path of something on the volume.
    pub fn at(path: &str) -> String {
        format!("{MOUNT}/{path}")
    }

    /// Absolute paths: what users hold, so that putting them together is not measured.
    fn all_at(paths: &[String]) -> Vec<String> {
        paths.iter().map(|path| Self::at(path)).collect()
    }

    /// Where a file begins on its medium.
    pub fn medium_offset(&self, path: &str) -> u64 {
        let explained = self.task.explain(Self::at(path)).unwrap_or_else(|e| panic!("{e}"));
        explained.extents.first().map_or(0, |extent| extent.medium_offset)
    }

    /// Opens a file of the volume.
    pub fn open(&self, path: &str, flags: u32) -> u32 {
        self.task.open(Self::at(path), flags, 0o644).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Makes a directory of the volume.
    pub fn mkdir(&self, path: &str) {
        self.task.mkdir(Self::at(path), 0o755).unwrap_or_else(|e| panic!("{e}"));
    }
}

impl Volume for Ours {
    fn label(&self) -> &str {
        &self.label
    }

    fn slow(&self) -> bool {
        false
    }

    fn write_new(&mut self, path: &str, call: &[u8], total_bytes: u64) {
        let fd = self.open(path, O_WRONLY | O_CREAT | O_EXCL);
        for _ in 0..total_bytes / call.len() as u64 {
            assert_eq!(self.task.write(fd, call).expect("a write"), call.len());
        }
        self.task.close(fd).expect("a close");
    }

    fn read_all(&mut self, path: &str, buf: &mut [u8]) -> u64 {
        let fd = self.open(path, O_RDONLY);
        let mut sum = 0;
        loop {
            match self.task.read(fd, buf).expect("a read") {
                0 => break,
                len => sum += len as u64,
            }
        }
        self.task.close(fd).expect("a close");
        sum
    }

    fn random(
        &mut self,
        path: &str,
        offsets: &[u64],
        buf: &mut [u8],
        direction: Direction,
        timed: &mut dyn FnMut(&mut dyn FnMut()),
    ) {
        let fd = self.open(path, if direction == Direction::Read { O_RDONLY } else { O_RDWR });
        timed(&mut || {
            for offset in offsets {
                let done = match direction {
                    Direction::Read => self.task.pread(fd, buf, *offset),
                    Direction::Write => self.task.pwrite(fd, buf, *offset),
                };
                assert_eq!(done.expect("a transfer"), buf.len());
            }
        });
        self.task.close(fd).expect("a close");
    }

    fn create(&mut self, paths: &[String], content: &[u8]) {
        for path in paths {
            let fd = self.task.open(path, O_WRONLY | O_CREAT | O_EXCL, 0o644).expect("a new file");
            assert_eq!(self.task.write(fd, content).expect("a write"), content.len());
            self.task.close(fd).expect("a close");
        }
    }

    fn stat(&mut self, paths: &[String]) -> u64 {
        paths.iter().map(|path| self.task.stat(path).expect("a file").attr.size_bytes).sum()
    }

    fn unlink(&mut self, paths: &[String]) {
        paths.iter().for_each(|path| self.task.unlink(path).expect("a file"));
    }

    fn list(&mut self, dir: &str) -> usize {
        let mut open = self.task.opendir(Self::at(dir)).expect("a directory");
        let mut count = 0;
        while let Some(entry) = open.entry().expect("an entry") {
            std::hint::black_box(&entry);
            count += 1;
        }
        // `.` and `..`
        count - 2
    }

    fn free_bytes(&mut self) -> Option<u64> {
        let stat = self.task.statfs(MOUNT).expect("a volume");
        Some(stat.blocks_free * u64::from(stat.block_size_bytes))
    }

    fn paths(&self, paths: &[String]) -> Vec<String> {
        Self::all_at(paths)
    }
}
