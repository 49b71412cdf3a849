//! `embedded-sdmmc` 0.10. It makes and finds files by 8.3 names, and wants a partition table before the volume.

use std::cell::RefCell;
use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::Path;

use embedded_sdmmc::{
    Block, BlockCount, BlockDevice, BlockIdx, LfnBuffer, Mode, RawDirectory, RawFile, RawVolume, TimeSource,
    Timestamp, VolumeIdx, VolumeManager,
};

use super::image;
use crate::{Direction, Volume};

const BLOCK_BYTES: usize = 512;

/// An image, with a partition table of one entry before it.
struct Disk {
    table: [u8; BLOCK_BYTES],
    image: RefCell<Vec<u8>>,
}

impl Disk {
    fn new(image: Vec<u8>) -> Self {
        let mut table = [0; BLOCK_BYTES];
        // FAT32 by block numbers, from block 1 on.
        table[446 + 4] = 0x0c;
        table[446 + 8..446 + 12].copy_from_slice(&1_u32.to_le_bytes());
        let blocks = (image.len() / BLOCK_BYTES) as u32;
        table[446 + 12..446 + 16].copy_from_slice(&blocks.to_le_bytes());
        table[510..].copy_from_slice(&[0x55, 0xaa]);
        Self { table, image: RefCell::new(image) }
    }
}

impl BlockDevice for Disk {
    type Error = Infallible;

    fn read(&self, blocks: &mut [Block], start: BlockIdx) -> Result<(), Infallible> {
        let image = self.image.borrow();
        for (block, number) in blocks.iter_mut().zip(start.0 as usize..) {
            let from = match number.checked_sub(1) {
                None => &self.table[..],
                Some(number) => &image[number * BLOCK_BYTES..][..BLOCK_BYTES],
            };
            block.contents.copy_from_slice(from);
        }
        Ok(())
    }

    fn write(&self, blocks: &[Block], start: BlockIdx) -> Result<(), Infallible> {
        let mut image = self.image.borrow_mut();
        for (block, number) in blocks.iter().zip(start.0 as usize..) {
            let number = number.checked_sub(1).expect("no write to the partition table");
            image[number * BLOCK_BYTES..][..BLOCK_BYTES].copy_from_slice(&block.contents);
        }
        Ok(())
    }

    fn num_blocks(&self) -> Result<BlockCount, Infallible> {
        Ok(BlockCount(1 + (self.image.borrow().len() / BLOCK_BYTES) as u32))
    }
}

struct NoClock;

impl TimeSource for NoClock {
    fn get_timestamp(&self) -> Timestamp {
        Timestamp::from_fat(0x5a21, 0)
    }
}

/// An opened volume.
pub struct Sdmmc {
    manager: VolumeManager<Disk, NoClock, 8, 8, 1>,
    volume: RawVolume,
}

impl Sdmmc {
    /// Opens an image.
    pub fn open(path: &Path) -> Self {
        Self::over(image(path, u64::MAX))
    }

    /// Opens an image in memory.
    pub fn over(image: Vec<u8>) -> Self {
        let manager = VolumeManager::new_with_limits(Disk::new(image), NoClock, 1);
        let volume = manager.open_raw_volume(VolumeIdx(0)).expect("a FAT volume");
        Self { manager, volume }
    }

    /// Opens a directory, step by step.
    fn dir(&self, path: &str) -> RawDirectory {
        let mut at = self.manager.open_root_dir(self.volume).expect("the root");
        for name in path.split('/').filter(|name| !name.is_empty()) {
            let next = self.manager.open_dir(at, name).expect("a directory");
            self.manager.close_dir(at).expect("a directory");
            at = next;
        }
        at
    }

    fn file(&self, path: &str, mode: Mode) -> RawFile {
        let (dir, name) = path.rsplit_once('/').expect("a directory and a name");
        let dir = self.dir(dir);
        let file = self.manager.open_file_in_dir(dir, name, mode).expect("a file");
        self.manager.close_dir(dir).expect("a directory");
        file
    }
}

impl Volume for Sdmmc {
    fn label(&self) -> &str {
        "embedded-sdmmc"
    }

    fn long_names(&self) -> bool {
        false
    }

    fn write_new(&mut self, path: &str, call: &[u8], total_bytes: u64) {
        let file = self.file(path, Mode::ReadWriteCreate);
        for _ in 0..total_bytes / call.len() as u64 {
            self.manager.write(file, call).expect("a write");
        }
        self.manager.close_file(file).expect("a close");
    }

    fn read_all(&mut self, path: &str, buf: &mut [u8]) -> u64 {
        let file = self.file(path, Mode::ReadOnly);
        let mut sum = 0;
        while !self.manager.file_eof(file).expect("a file") {
            sum += self.manager.read(file, buf).expect("a read") as u64;
        }
        self.manager.close_file(file).expect("a close");
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
        let mode = if direction == Direction::Read { Mode::ReadOnly } else { Mode::ReadWriteAppend };
        let file = self.file(path, mode);
        timed(&mut || {
            for offset in offsets {
                self.manager.file_seek_from_start(file, *offset as u32).expect("a seek");
                match direction {
                    Direction::Read => assert_eq!(self.manager.read(file, buf).expect("a read"), buf.len()),
                    Direction::Write => self.manager.write(file, buf).expect("a write"),
                }
            }
        });
        self.manager.close_file(file).expect("a close");
    }

    fn create(&mut self, paths: &[String], content: &[u8]) {
        for path in paths {
            let file = self.file(path, Mode::ReadWriteCreate);
            self.manager.write(file, content).expect("a write");
            self.manager.close_file(file).expect("a close");
        }
    }

    fn stat(&mut self, paths: &[String]) -> u64 {
        let size = |path: &String| {
            let (dir, name) = path.rsplit_once('/').expect("a directory and a name");
            let dir = self.dir(dir);
            let entry = self.manager.find_directory_entry(dir, name).expect("a file");
            self.manager.close_dir(dir).expect("a directory");
            u64::from(entry.size)
        };
        paths.iter().map(size).sum()
    }

    fn unlink(&mut self, paths: &[String]) {
        for path in paths {
            let (dir, name) = path.rsplit_once('/').expect("a directory and a name");
            let dir = self.dir(dir);
            self.manager.delete_entry_in_dir(dir, name).expect("a file");
            self.manager.close_dir(dir).expect("a directory");
        }
    }

    fn list(&mut self, dir: &str) -> usize {
        let dir = self.dir(dir);
        let mut storage = [0; 1024];
        let (mut names, mut count) = (LfnBuffer::new(&mut storage), 0);
        let each = |entry: &embedded_sdmmc::DirEntry, name: Option<&str>| {
            std::hint::black_box(name);
            count += usize::from(entry.name.base_name().first() != Some(&b'.'));
            ControlFlow::Continue(())
        };
        self.manager.iterate_dir_lfn(dir, &mut names, each).expect("a listing");
        self.manager.close_dir(dir).expect("a directory");
        count
    }

    fn free_bytes(&mut self) -> Option<u64> {
        None
    }
}
