//! `hadris-fat` 3, with and without its caches.

use std::path::Path;

use hadris_fat::CacheOptions;
use hadris_fat::sync::FatFs;
use hadris_fs::{DirCursor, MountOptions, Name, NodeId, OpenMode, Resolve, SetAttr};
use hadris_storage::{BlockSize, MemDevice};

use super::image;
use crate::{Direction, Volume};

/// A mounted volume.
pub struct Hadris {
    fs: FatFs<MemDevice<Vec<u8>>>,
    label: &'static str,
}

impl Hadris {
    /// Mounts an image; `tuned`: with as large caches as pay.
    pub fn open(path: &Path, tuned: bool) -> Self {
        Self::over(image(path, u64::MAX), tuned)
    }

    /// An image in memory.
    pub fn memory(path: &Path, touched_bytes: u64) -> Vec<u8> {
        image(path, touched_bytes)
    }

    /// Mounts an image in memory.
    pub fn over(image: Vec<u8>, tuned: bool) -> Self {
        let device = MemDevice::new(image, BlockSize::new(512).expect("a block size"));
        let mut fs = FatFs::mount(device, MountOptions::new()).ok().expect("a FAT volume");
        if tuned {
            let cache =
                CacheOptions::new().with_chain_positions(1024).with_blocks(64).with_directory_entries(16_384);
            fs = fs.with_cache(cache);
        }
        Self { fs, label: if tuned { "hadris tuned" } else { "hadris" } }
    }

    fn find(&mut self, path: &str) -> NodeId {
        self.fs.resolve(path.as_bytes(), Resolve::Lexical).expect("a path")
    }

    /// Directory and last name.
    fn parent<'a>(&mut self, path: &'a str) -> (NodeId, &'a Name) {
        let (dir, name) = path.rsplit_once('/').expect("a directory and a name");
        (self.find(dir), Name::new(name))
    }
}

impl Volume for Hadris {
    fn label(&self) -> &str {
        self.label
    }

    fn write_new(&mut self, path: &str, call: &[u8], total_bytes: u64) {
        let (dir, name) = self.parent(path);
        let node = self.fs.create(dir, name, &SetAttr::new()).expect("a new file");
        self.fs.open(node, OpenMode::Write).expect("a file");
        let mut at = 0;
        while at < total_bytes {
            assert_eq!(self.fs.write(node, at, call).expect("a write"), call.len());
            at += call.len() as u64;
        }
        self.fs.close(node).expect("a close");
        self.fs.forget(node, 1);
        self.fs.forget(dir, 1);
    }

    fn read_all(&mut self, path: &str, buf: &mut [u8]) -> u64 {
        let node = self.find(path);
        self.fs.open(node, OpenMode::Read).expect("a file");
        let mut sum = 0;
        loop {
            match self.fs.read(node, sum, buf).expect("a read") {
                0 => break,
                len => sum += len as u64,
            }
        }
        self.fs.close(node).expect("a close");
        self.fs.forget(node, 1);
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
        let node = self.find(path);
        let mode = if direction == Direction::Read { OpenMode::Read } else { OpenMode::Write };
        self.fs.open(node, mode).expect("a file");
        timed(&mut || {
            for offset in offsets {
                let done = match direction {
                    Direction::Read => self.fs.read(node, *offset, buf),
                    Direction::Write => self.fs.write(node, *offset, buf),
                };
                assert_eq!(done.expect("a transfer"), buf.len());
            }
        });
        self.fs.close(node).expect("a close");
        self.fs.forget(node, 1);
    }

    fn create(&mut self, paths: &[String], content: &[u8]) {
        let (dir, _) = self.parent(&paths[0]);
        for path in paths {
            let name = Name::new(path.rsplit_once('/').expect("a name").1);
            let node = self.fs.create(dir, name, &SetAttr::new()).expect("a new file");
            self.fs.open(node, OpenMode::Write).expect("a file");
            assert_eq!(self.fs.write(node, 0, content).expect("a write"), content.len());
            self.fs.close(node).expect("a close");
            self.fs.forget(node, 1);
        }
        self.fs.forget(dir, 1);
    }

    fn stat(&mut self, paths: &[String]) -> u64 {
        let mut size = |path: &String| {
            let node = self.find(path);
            let len = self.fs.stat(node).expect("attributes").len();
            self.fs.forget(node, 1);
            len
        };
        paths.iter().map(&mut size).sum()
    }

    fn unlink(&mut self, paths: &[String]) {
        let (dir, _) = self.parent(&paths[0]);
        for path in paths {
            let name = Name::new(path.rsplit_once('/').expect("a name").1);
            self.fs.unlink(dir, name).expect("a file");
        }
        self.fs.forget(dir, 1);
    }

    fn list(&mut self, dir: &str) -> usize {
        let dir = self.find(dir);
        let (mut cursor, mut count) = (DirCursor::START, 0);
        while let Some(entry) = self.fs.readdir(dir, cursor).expect("an entry") {
            count += usize::from(!matches!(std::hint::black_box(entry.name()).as_bytes(), b"." | b".."));
            cursor = entry.next_cursor();
        }
        self.fs.forget(dir, 1);
        count
    }

    fn free_bytes(&mut self) -> Option<u64> {
        Some(self.fs.statfs().expect("free space").free_bytes())
    }
}
