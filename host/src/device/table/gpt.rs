//! A GUID partition table: the copy at the beginning, or else the one at the device's end.

use std::io::Cursor;

use gpt::disk::LogicalBlockSize;
use gpt::header::{Header, read_header_from_arbitrary_device};
use gpt::partition::file_read_partitions;

use super::{Entry, MAX_ENTRIES, Scheme, Sectors, Table, TableError};
use crate::base::Result;

/// Bytes of an entry: what everybody makes, and the crate takes no other.
const ENTRY_BYTES: usize = 128;
/// Entries that a table may have room for; everybody makes 128.
const MAX_ROOM: usize = 4096;

/// The table. Errors: EINVAL neither copy can be used; and the device's.
pub(super) fn read(sectors: &Sectors<'_>) -> Result<Table> {
    let first = match copy(sectors, 1)? {
        Ok(entries) => return Ok(Table::new(Scheme::Gpt, entries)),
        Err(why) => why,
    };
    let second = match copy(sectors, sectors.count() - 1)? {
        Ok(entries) => {
            log::warn!(
                "{}: the GPT at the beginning cannot be used ({first}); its copy is",
                sectors.device.node()
            );
            return Ok(Table::new(Scheme::GptBackup, entries));
        }
        Err(why) => why,
    };
    Err(TableError::NoGpt { node: sectors.device.node().to_string(), first, second }.into())
}

/// The entries of the copy whose header is in a sector, or why it cannot be used. Errors: the device's.
fn copy(sectors: &Sectors<'_>, at: u64) -> Result<Result<Vec<Entry>, String>> {
    // The crate looks for the header behind one block of 512 bytes.
    let mut block = vec![0; 512];
    block.extend(sectors.read(at, 1)?);
    let header = match read_header_from_arbitrary_device(&mut Cursor::new(block), LogicalBlockSize::Lb512) {
        Ok(header) => header,
        Err(why) => return Ok(Err(why.to_string())),
    };
    let len_bytes = match room_bytes(sectors, &header, at) {
        Ok(len_bytes) => len_bytes,
        Err(why) => return Ok(Err(why)),
    };
    let table = sectors.read(header.part_start, len_bytes.div_ceil(sectors.size_bytes()))?;
    // And the entries where the header says; here that is the memory's beginning.
    let there = Header { part_start: 0, ..header.clone() };
    Ok(match file_read_partitions(&mut Cursor::new(table), &there, LogicalBlockSize::Lb512) {
        Ok(found) => Ok(entries(sectors, &header, found)),
        Err(why) => Err(why.to_string()),
    })
}

/// Bytes of the entries that a header tells of, which lie on the device. Otherwise what is wrong with it.
fn room_bytes(sectors: &Sectors<'_>, header: &Header, at: u64) -> Result<usize, String> {
    if header.current_lba != at {
        return Err(format!("a header of sector {}", header.current_lba));
    }
    if header.part_size as usize != ENTRY_BYTES {
        return Err(format!("entries of {} bytes instead of {ENTRY_BYTES}", header.part_size));
    }
    let room = header.num_parts as usize;
    if room > MAX_ROOM {
        return Err(format!("room for {room} entries, more than {MAX_ROOM}"));
    }
    let len_bytes = room * ENTRY_BYTES;
    let end = header.part_start.checked_add(len_bytes.div_ceil(sectors.size_bytes()) as u64);
    if header.part_start < 2 || end.is_none_or(|end| end > sectors.count()) {
        return Err(format!("{room} entries from sector {} on", header.part_start));
    }
    Ok(len_bytes)
}

fn entries(
    sectors: &Sectors<'_>,
    header: &Header,
    found: std::collections::BTreeMap<u32, gpt::partition::Partition>,
) -> Vec<Entry> {
    let room = header.first_usable.max(2)..header.last_usable.saturating_add(1).min(sectors.count());
    let used = found.into_iter().filter(|(_, partition)| partition.is_used());
    used.enumerate()
        .map(|(count, (number, partition))| {
            let (first, last) = (partition.first_lba, partition.last_lba);
            let sector_count = last.checked_sub(first).and_then(|count| count.checked_add(1));
            let entry = Entry {
                number,
                start_sector: first,
                sector_count: sector_count.unwrap_or(0),
                kind: partition.part_type_guid.guid.as_hyphenated().to_string(),
                name: partition.name,
                refused: match sector_count {
                    None => Some(TableError::Backwards { first, last }),
                    _ if count >= MAX_ENTRIES => Some(TableError::Many { max: MAX_ENTRIES }),
                    _ => None,
                },
            };
            entry.must_lie_in(room.clone())
        })
        .collect()
}
