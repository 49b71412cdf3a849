//! The model's files: a vector of bytes, and which pages there are.

#![allow(unreachable_pub, reason = "a module of a test binary")]

use std::collections::BTreeSet;
use std::ops::Range;

use nxvfs_sdk::Errno;
use nxvfs_sdk::abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, FALLOC_ZERO_RANGE};

use crate::common::PAGE;
use crate::model::state::{Answer, Kind, Model, PAGES};

#[derive(Default)]
pub struct File {
    pub bytes: Vec<u8>,
    /// Pages that hold data, and all that are paid for.
    pub data: BTreeSet<u64>,
    pub allocated: BTreeSet<u64>,
}

impl Model {
    pub fn file(&mut self, node: u64) -> &mut File {
        match &mut self.node(node).kind {
            Kind::File(file) => file,
            _ => unreachable!("only regular files are opened"),
        }
    }

    /// Writes byte by byte; a new page needs room.
    pub fn write(&mut self, node: u64, offset: usize, bytes: &[u8]) -> Answer<usize> {
        let mut free = PAGES - self.used().0;
        let file = self.file(node);
        for (done, byte) in bytes.iter().enumerate() {
            let at = offset + done;
            let page = at as u64 / PAGE;
            if !file.allocated.contains(&page) {
                if free == 0 {
                    return if done == 0 { Err(Errno::ENOSPC) } else { Ok(done) };
                }
                free -= 1;
                file.allocated.insert(page);
            }
            file.data.insert(page);
            if file.bytes.len() <= at {
                file.bytes.resize(at + 1, 0);
            }
            file.bytes[at] = *byte;
        }
        Ok(bytes.len())
    }

    pub fn truncate(&mut self, node: u64, len: usize) {
        let file = self.file(node);
        if len <= file.bytes.len() {
            let keep = |page: &u64| *page < (len as u64).div_ceil(PAGE);
            file.data.retain(keep);
            file.allocated.retain(keep);
        }
        file.bytes.resize(len, 0);
    }

    /// Reserves, frees or zeroes.
    pub fn allocate(&mut self, node: u64, mode: u32, bytes: Range<u64>) -> Answer<()> {
        let free = PAGES - self.used().0;
        let file = self.file(node);
        let touched: Vec<u64> = (bytes.start / PAGE..bytes.end.div_ceil(PAGE)).collect();
        let whole: Vec<u64> = (bytes.start.div_ceil(PAGE)..bytes.end / PAGE).collect();
        let missing = touched.iter().filter(|page| !file.allocated.contains(page)).count() as u64;
        if mode & FALLOC_PUNCH_HOLE == 0 {
            if missing > free {
                return Err(Errno::ENOSPC);
            }
            file.allocated.extend(touched);
        }
        if mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE) != 0 {
            let end = file.bytes.len().min(bytes.end as usize);
            file.bytes[(bytes.start as usize).min(end)..end].fill(0);
            file.data.retain(|page| !whole.contains(page));
        }
        if mode & FALLOC_PUNCH_HOLE != 0 {
            file.allocated.retain(|page| !whole.contains(page));
        }
        if mode & FALLOC_KEEP_SIZE == 0 && file.bytes.len() < bytes.end as usize {
            file.bytes.resize(bytes.end as usize, 0);
        }
        Ok(())
    }
}
