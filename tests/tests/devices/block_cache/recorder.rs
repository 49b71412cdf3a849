//! A disk that remembers what it was asked for, and a file system whose one file is the disk.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock, Mutex};

use nxvfs_sdk::abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_DISCARD_ZEROES, GEOMETRY_WRITABLE};
use nxvfs_sdk::mode::{S_IFDIR, S_IFREG};
use nxvfs_sdk::open::O_DSYNC;
use nxvfs_sdk::{
    Attach, Attr, BlockDriver, Ctx, Emit, Errno, FileSystem, Found, Geometry, Grow, Medium, Mount, Result,
    Volume, WRITE_FUA,
};

/// What the disk was asked for, in the order in which it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Write { sector: u64, bytes: Vec<u8>, fua: bool },
    Flush,
    Barrier,
    Discard { sectors: Range<u64> },
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    events: Vec<Event>,
    reads: Vec<Range<u64>>,
    bad_writes: Vec<Range<u64>>,
    bad_reads: Vec<Range<u64>>,
    bad_flushes: usize,
}

/// One disk's record.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<State>>);

static RECORDS: LazyLock<Mutex<HashMap<String, Record>>> = LazyLock::new(Mutex::default);

impl Record {
    /// The record of the disk at a node; tests use a node each.
    pub(crate) fn of(node: &str) -> Self {
        RECORDS.lock().unwrap().entry(node.to_owned()).or_default().clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().events.clone()
    }

    pub(crate) fn writes(&self) -> usize {
        self.events().iter().filter(|e| matches!(e, Event::Write { .. })).count()
    }

    /// The sectors that were read, call by call, since the last question.
    pub(crate) fn take_reads(&self) -> Vec<Range<u64>> {
        std::mem::take(&mut self.0.lock().unwrap().reads)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    /// What was on the disk before it was attached.
    pub(crate) fn fill(&self, bytes: &[u8]) {
        self.0.lock().unwrap().bytes = bytes.to_vec();
    }

    pub(crate) fn refuse_writes(&self, sectors: Range<u64>) {
        self.0.lock().unwrap().bad_writes.push(sectors);
    }

    pub(crate) fn refuse_reads(&self, sectors: Range<u64>) {
        self.0.lock().unwrap().bad_reads.push(sectors);
    }

    pub(crate) fn refuse_flushes(&self, count: usize) {
        self.0.lock().unwrap().bad_flushes = count;
    }

    pub(crate) fn heal(&self) {
        let mut state = self.0.lock().unwrap();
        state.bad_writes.clear();
        state.bad_reads.clear();
    }
}

fn meets(bad: &[Range<u64>], sectors: &Range<u64>) -> bool {
    bad.iter().any(|b| b.start < sectors.end && sectors.start < b.end)
}

/// The disk.
pub(crate) struct Recorder {
    record: Record,
    sector_size_bytes: u32,
    sectors: u64,
}

impl Recorder {
    fn range(&self, start: u64, len: usize) -> (Range<u64>, Range<usize>) {
        let size = self.sector_size_bytes as usize;
        let sectors = start..start + (len / size) as u64;
        (sectors, start as usize * size..start as usize * size + len)
    }
}

impl BlockDriver for Recorder {
    fn attach(_ctx: &Ctx, attach: &Attach<'_>) -> Result<Self> {
        let record = Record::of(attach.node);
        let sector_size_bytes = attach.params.uint("sector_size") as u32;
        let sectors = attach.params.uint("sectors");
        record.0.lock().unwrap().bytes.resize((sectors * u64::from(sector_size_bytes)) as usize, 0);
        Ok(Self { record, sector_size_bytes, sectors })
    }

    fn geometry(&self) -> Geometry {
        Geometry {
            flags: GEOMETRY_AVAILABLE | GEOMETRY_WRITABLE | GEOMETRY_DISCARD_ZEROES,
            sector_size_bytes: self.sector_size_bytes,
            sector_count: self.sectors,
            ..Grow::empty()
        }
    }

    fn read(&self, _ctx: &Ctx, start: u64, buf: &mut [u8], _flags: u32) -> Result<()> {
        let (sectors, bytes) = self.range(start, buf.len());
        let mut state = self.record.0.lock().unwrap();
        if meets(&state.bad_reads, &sectors) {
            return Err(Errno::EIO.into());
        }
        state.reads.push(sectors);
        buf.copy_from_slice(&state.bytes[bytes]);
        Ok(())
    }

    fn write(&self, _ctx: &Ctx, start: u64, buf: &[u8], flags: u32) -> Result<()> {
        let (sectors, range) = self.range(start, buf.len());
        let mut state = self.record.0.lock().unwrap();
        if meets(&state.bad_writes, &sectors) {
            return Err(Errno::EIO.into());
        }
        state.bytes[range].copy_from_slice(buf);
        let (bytes, fua) = (buf.to_vec(), flags & WRITE_FUA != 0);
        state.events.push(Event::Write { sector: start, bytes, fua });
        Ok(())
    }

    fn flush(&self, _ctx: &Ctx) -> Result<()> {
        let mut state = self.record.0.lock().unwrap();
        if state.bad_flushes > 0 {
            state.bad_flushes -= 1;
            return Err(Errno::EIO.into());
        }
        state.events.push(Event::Flush);
        Ok(())
    }

    fn barrier(&self, _ctx: &Ctx) -> Result<()> {
        self.record.0.lock().unwrap().events.push(Event::Barrier);
        Ok(())
    }

    fn discard(&self, _ctx: &Ctx, start: u64, count: u64) -> Result<()> {
        let size = self.sector_size_bytes as usize;
        let mut state = self.record.0.lock().unwrap();
        state.bytes[start as usize * size..(start + count) as usize * size].fill(0);
        state.events.push(Event::Discard { sectors: start..start + count });
        Ok(())
    }
}

/// A volume with one file, `disk`: `fsync` is a flush of the device, `fdatasync` a barrier, a hole a discard.
pub(crate) struct Whole {
    medium: Medium,
}

const ROOT: u64 = 1;
const DISK: u64 = 2;

impl FileSystem for Whole {
    type File = ();

    fn mount(_ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, Volume)> {
        let volume = Volume::new(ROOT, Attr::new(ROOT, S_IFDIR | 0o755, 0), 0x5748_4f4c);
        Ok((Self { medium: mount.medium()? }, volume))
    }

    fn lookup(&self, _ctx: &Ctx, dir: u64, name: &[u8]) -> Result<Found> {
        if dir != ROOT || name != b"disk" {
            return Err(Errno::ENOENT.into());
        }
        Ok(Found::new(DISK, Attr::new(DISK, S_IFREG | 0o644, self.medium.len_bytes())))
    }

    fn readdir(&self, _ctx: &Ctx, _dir: u64, cookie: u64, emit: &mut Emit<'_>) -> Result<()> {
        if cookie == 0 {
            let _ = emit.entry(b"disk", DISK, S_IFREG, 1);
        }
        Ok(())
    }

    fn read(&self, _ctx: &Ctx, _node: u64, _file: &(), offset: u64, buf: &mut [u8]) -> Result<usize> {
        let len = self.medium.len_bytes().saturating_sub(offset).min(buf.len() as u64) as usize;
        self.medium.read_at(offset, &mut buf[..len])?;
        Ok(len)
    }

    fn write(&self, _: &Ctx, _: u64, _: &(), offset: u64, buf: &[u8], flags: u32) -> Result<usize> {
        self.medium.write_at(offset, buf, if flags & O_DSYNC != 0 { WRITE_FUA } else { 0 })?;
        Ok(buf.len())
    }

    fn fsync(&self, _ctx: &Ctx, _node: u64, _file: Option<&()>, data_only: bool) -> Result<()> {
        if data_only { self.medium.barrier() } else { self.medium.flush() }
    }

    fn fallocate(&self, _: &Ctx, _: u64, _: &(), _mode: u32, offset: u64, len: u64) -> Result<()> {
        self.medium.discard(offset, len)
    }
}

nxvfs_sdk::plugin! {
    name: "recorder",
    entry: "recorder",
    drivers: [block "recorder" => Recorder, parallel; filesystem "whole" => Whole, parallel],
    params: [
        "sectors": uint = "256", "number of sectors";
        "sector_size": uint = "512", "bytes of a sector";
    ],
}
