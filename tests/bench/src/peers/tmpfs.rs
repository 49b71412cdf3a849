//! The system's tmpfs: each operation is a system call.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;

use crate::{Direction, Volume};

/// A folder in `/dev/shm` that vanishes.
pub struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// An empty folder.
    pub fn new() -> Self {
        Self(tempfile::tempdir_in("/dev/shm").expect("a folder in /dev/shm, which must be a tmpfs"))
    }

    /// The path of something in it.
    pub fn at(&self, path: &str) -> std::path::PathBuf {
        self.0.path().join(path)
    }

    /// Makes a file; the directories on the way too.
    pub fn fill(&self, path: &str, content: &[u8]) {
        std::fs::create_dir_all(self.at(path).parent().expect("a directory")).expect("a directory");
        std::fs::write(self.at(path), content).expect("a file");
    }
}

impl Default for Tmpfs {
    fn default() -> Self {
        Self::new()
    }
}

impl Volume for Tmpfs {
    fn label(&self) -> &str {
        "tmpfs"
    }

    fn slow(&self) -> bool {
        false
    }

    fn paths(&self, paths: &[String]) -> Vec<String> {
        paths.iter().map(|path| self.at(path).to_str().expect("a path").to_owned()).collect()
    }

    fn write_new(&mut self, path: &str, call: &[u8], total_bytes: u64) {
        let mut file = File::create_new(self.at(path)).expect("a new file");
        for _ in 0..total_bytes / call.len() as u64 {
            file.write_all(call).expect("a write");
        }
    }

    fn read_all(&mut self, path: &str, buf: &mut [u8]) -> u64 {
        let mut file = File::open(self.at(path)).expect("a file");
        let mut sum = 0;
        loop {
            match file.read(buf).expect("a read") {
                0 => return sum,
                len => sum += len as u64,
            }
        }
    }

    fn random(
        &mut self,
        path: &str,
        offsets: &[u64],
        buf: &mut [u8],
        direction: Direction,
        timed: &mut dyn FnMut(&mut dyn FnMut()),
    ) {
        let write = direction == Direction::Write;
        let file = OpenOptions::new().read(true).write(write).open(self.at(path)).expect("a file");
        timed(&mut || {
            for offset in offsets {
                match direction {
                    Direction::Read => file.read_exact_at(buf, *offset).expect("a read"),
                    Direction::Write => file.write_all_at(buf, *offset).expect("a write"),
                }
            }
        });
    }

    fn create(&mut self, paths: &[String], content: &[u8]) {
        for path in paths {
            File::create_new(path).expect("a new file").write_all(content).expect("a write");
        }
    }

    fn stat(&mut self, paths: &[String]) -> u64 {
        paths.iter().map(|path| rustix::fs::stat(path.as_str()).expect("a file").st_size as u64).sum()
    }

    fn unlink(&mut self, paths: &[String]) {
        paths.iter().for_each(|path| std::fs::remove_file(path).expect("a file"));
    }

    fn list(&mut self, dir: &str) -> usize {
        let entries = std::fs::read_dir(self.at(dir)).expect("a directory");
        entries.map(|entry| std::hint::black_box(entry.expect("an entry").file_name())).count()
    }

    fn free_bytes(&mut self) -> Option<u64> {
        let stat = rustix::fs::statvfs(self.0.path()).expect("a volume");
        Some(stat.f_bfree * stat.f_frsize)
    }
}
