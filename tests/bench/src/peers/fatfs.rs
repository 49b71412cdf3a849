//! `fatfs` 0.3, over a cursor.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;

use fatfs::{FileSystem, FsOptions};

use super::image;
use crate::{Direction, Volume};

/// An opened volume.
pub struct Fatfs(FileSystem<Cursor<Vec<u8>>>);

impl Fatfs {
    /// Opens an image.
    pub fn open(path: &Path) -> Self {
        Self::over(Self::memory(path, u64::MAX))
    }

    /// An image in memory.
    pub fn memory(path: &Path, touched_bytes: u64) -> Vec<u8> {
        image(path, touched_bytes)
    }

    /// Opens an image in memory.
    pub fn over(image: Vec<u8>) -> Self {
        let options = FsOptions::new().update_accessed_date(false);
        Self(FileSystem::new(Cursor::new(image), options).expect("a FAT volume"))
    }
}

/// Directory and last name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').expect("a directory and a name")
}

impl Volume for Fatfs {
    fn label(&self) -> &str {
        "fatfs"
    }

    fn write_new(&mut self, path: &str, call: &[u8], total_bytes: u64) {
        let mut file = self.0.root_dir().create_file(path).expect("a new file");
        for _ in 0..total_bytes / call.len() as u64 {
            file.write_all(call).expect("a write");
        }
    }

    fn read_all(&mut self, path: &str, buf: &mut [u8]) -> u64 {
        let mut file = self.0.root_dir().open_file(path).expect("a file");
        let mut sum = 0;
        loop {
            // It ends a read at each cluster's end.
            let mut done = 0;
            while done < buf.len() {
                match file.read(&mut buf[done..]).expect("a read") {
                    0 => break,
                    len => done += len,
                }
            }
            sum += done as u64;
            if done < buf.len() {
                return sum;
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
        let mut file = self.0.root_dir().open_file(path).expect("a file");
        timed(&mut || {
            for offset in offsets {
                file.seek(SeekFrom::Start(*offset)).expect("a seek");
                match direction {
                    Direction::Read => file.read_exact(buf).expect("a read"),
                    Direction::Write => file.write_all(buf).expect("a write"),
                }
            }
        });
    }

    fn create(&mut self, paths: &[String], content: &[u8]) {
        // The directory stays open: with a path it would be looked up each time.
        let dir = self.0.root_dir().open_dir(split(&paths[0]).0).expect("a directory");
        for path in paths {
            dir.create_file(split(path).1).expect("a new file").write_all(content).expect("a write");
        }
    }

    fn stat(&mut self, paths: &[String]) -> u64 {
        // Opening and seeking is the only way that it has.
        let size = |path: &String| {
            let mut file = self.0.root_dir().open_file(path).expect("a file");
            file.seek(SeekFrom::End(0)).expect("a seek")
        };
        paths.iter().map(size).sum()
    }

    fn unlink(&mut self, paths: &[String]) {
        let dir = self.0.root_dir().open_dir(split(&paths[0]).0).expect("a directory");
        paths.iter().for_each(|path| dir.remove(split(path).1).expect("a file"));
    }

    fn list(&mut self, dir: &str) -> usize {
        let dir = self.0.root_dir().open_dir(dir).expect("a directory");
        let names = dir.iter().map(|entry| entry.expect("an entry").file_name());
        names.filter(|name| name != "." && name != "..").count()
    }

    fn free_bytes(&mut self) -> Option<u64> {
        let stats = self.0.stats().expect("free space");
        Some(u64::from(stats.free_clusters()) * u64::from(stats.cluster_size()))
    }
}
