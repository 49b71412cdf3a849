//! Tables of partitions, as they stand on a device. Decoded by the crate `gpt`, which gets only memory whose length was
//! checked here: what it would allocate or assert on a hostile table cannot come to that.

mod gpt;
mod mbr;

use std::fmt;
use std::ops::Range;

use super::block::BlockDevice;
use crate::base::Result;
use crate::base::error::teach;

/// Partitions that a table may have; what comes after them gets no node. Linux has 256.
const MAX_ENTRIES: usize = 256;

teach! {
    /// Why a table, or an entry of one, gets no nodes.
    pub enum TableError {
        /// Neither copy of a GPT can be used.
        NoGpt { node: String, first: String, second: String } => EINVAL,
            what: "the MBR says that the device has a GPT, and neither of its copies can be used", place: "{node}",
            found: "at the beginning: {first}; at the end: {second}",
            remedy: "make a new table, or restore it (gdisk, sfdisk)";
        /// An entry that does not lie on the device.
        Outside { first: u64, last: u64, from: u64, end: u64 } => EINVAL,
            what: "the partition does not lie where the table may have one", expected: "sectors {from} to {end}",
            found: "sectors {first} to {last}";
        /// An entry of nothing.
        Backwards { first: u64, last: u64 } => EINVAL, what: "the partition ends before it begins",
            found: "sectors {first} to {last}";
        /// An entry that has sectors of another.
        Overlaps { number: u32 } => EINVAL, what: "the partition has sectors of another one",
            found: "those of partition {number}", remedy: "make the table anew; partition {number} has its node";
        /// A chain of logical partitions that does not go on.
        Chain { sector: u64, why: &'static str } => EINVAL,
            what: "the chain of logical partitions breaks off", place: "sector {sector}", found: "{why}",
            remedy: "those before it have their nodes";
        /// Too many.
        Many { max: usize } => EINVAL, what: "too many partitions", expected: "at most {max}",
            remedy: "those before it have their nodes";
    }
}

/// The kind of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Master boot record, with the chain of logical partitions.
    Mbr,
    /// GUID partition table.
    Gpt,
    /// The same, by its copy at the device's end, as the one at the beginning is damaged.
    GptBackup,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mbr => "mbr",
            Self::Gpt => "gpt",
            Self::GptBackup => "gpt-backup",
        })
    }
}

/// A partition as its table tells it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number, which its node ends in.
    pub number: u32,
    /// Its first sector.
    pub start_sector: u64,
    /// How many it has.
    pub sector_count: u64,
    /// Its type: a byte as `0x0c`, or a GUID.
    pub kind: String,
    /// The name that a GPT gives it.
    pub name: String,
    /// Why it gets no node.
    pub refused: Option<TableError>,
}

impl Entry {
    fn range(&self) -> Range<u64> {
        self.start_sector..self.start_sector.saturating_add(self.sector_count)
    }

    /// Refuses an entry that does not lie within some sectors.
    fn must_lie_in(mut self, room: Range<u64>) -> Self {
        let mine = self.range();
        if self.refused.is_none() && (mine.is_empty() || mine.start < room.start || mine.end > room.end) {
            let (first, last) = (mine.start, mine.end.saturating_sub(1));
            let (from, end) = (room.start, room.end.saturating_sub(1));
            self.refused = Some(TableError::Outside { first, last, from, end });
        }
        self
    }
}

/// The table of a device.
#[derive(Clone, Debug)]
pub struct Table {
    /// Its kind.
    pub scheme: Scheme,
    /// Its entries that are used, in the order of their numbers.
    pub entries: Vec<Entry>,
}

impl Table {
    /// Refuses entries that have sectors of others; the one of the lower number has the right.
    fn new(scheme: Scheme, mut entries: Vec<Entry>) -> Self {
        for at in 1..entries.len() {
            let (before, rest) = entries.split_at_mut(at);
            let mine = rest[0].range();
            let other = before.iter().find(|other| {
                let other = (other.refused.is_none()).then(|| other.range());
                other.is_some_and(|other| mine.start < other.end && other.start < mine.end)
            });
            if let (Some(other), None) = (other, &rest[0].refused) {
                rest[0].refused = Some(TableError::Overlaps { number: other.number });
            }
        }
        Self { scheme, entries }
    }

    /// Reads the table of a device; `None` where there is none, as with a volume that takes all of it. Errors: EINVAL
    /// neither copy of a GPT can be used; and the device's.
    pub fn read(device: &BlockDevice) -> Result<Option<Self>> {
        let sectors = Sectors { device };
        if sectors.count() < 2 {
            return Ok(None);
        }
        let first = sectors.read(0, 1)?;
        match mbr::records(&first).filter(|_| !mbr::is_volume(&first)) {
            Some(records) if records.iter().any(mbr::protects) => gpt::read(&sectors).map(Some),
            Some(records) => mbr::read(&sectors, &records).map(Some),
            None => Ok(None),
        }
    }
}

/// A device as its table counts.
struct Sectors<'a> {
    device: &'a BlockDevice,
}

impl Sectors<'_> {
    fn count(&self) -> u64 {
        self.device.geometry().sector_count
    }

    fn size_bytes(&self) -> usize {
        self.device.geometry().sector_size_bytes as usize
    }

    /// Reads sectors that lie on the device, as the caller has checked.
    fn read(&self, start: u64, count: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; count * self.size_bytes()];
        self.device.read_at(start * self.size_bytes() as u64, &mut bytes, 0)?;
        Ok(bytes)
    }
}
