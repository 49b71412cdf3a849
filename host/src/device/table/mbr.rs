//! The records of a master boot record, and the chain of logical partitions behind its extended one.

use gpt::mbr::PartRecord;

use super::{Entry, MAX_ENTRIES, Scheme, Sectors, Table, TableError};
use crate::base::Result;

/// Where the four records stand, and the signature after them.
const RECORDS_OFFSET: usize = 446;
const SIGNATURE_OFFSET: usize = 510;

/// The records of a boot record; `None` if it is none: no signature, or what stands there is no record.
pub(super) fn records(sector: &[u8]) -> Option<[PartRecord; 4]> {
    if sector.get(SIGNATURE_OFFSET..SIGNATURE_OFFSET + 2) != Some(&[0x55, 0xaa]) {
        return None;
    }
    let mut records = [PartRecord::zero(); 4];
    for (record, bytes) in records.iter_mut().zip(sector[RECORDS_OFFSET..].chunks_exact(16)) {
        *record = PartRecord::from_bytes(bytes).ok()?;
    }
    // Boot code of a volume stands there otherwise.
    records.iter().all(|record| record.boot_indicator & 0x7f == 0).then_some(records)
}

/// Whether the sector begins a volume, which has the same signature: FAT, NTFS, exFAT.
pub(super) fn is_volume(sector: &[u8]) -> bool {
    let jumps = matches!(sector, [0xeb, _, 0x90, ..] | [0xe9, ..]);
    let word = |at: usize| u16::from_le_bytes([sector[at], sector[at + 1]]);
    let fat = matches!(word(11), 512 | 1024 | 2048 | 4096)
        && sector[13].is_power_of_two()
        && word(14) > 0
        && matches!(sector[16], 1..=4)
        && (sector[21] == 0xf0 || sector[21] >= 0xf8);
    jumps && (fat || matches!(&sector[3..11], b"NTFS    " | b"EXFAT   "))
}

/// Whether a record only keeps programs that know no GPT from the device.
pub(super) fn protects(record: &PartRecord) -> bool {
    record.os_type == 0xee
}

fn is_extended(record: &PartRecord) -> bool {
    matches!(record.os_type, 0x05 | 0x0f | 0x85)
}

fn is_used(record: &PartRecord) -> bool {
    record.os_type != 0 && record.lb_size != 0
}

fn entry(number: u32, base: u64, record: &PartRecord) -> Entry {
    Entry {
        number,
        start_sector: base + u64::from(record.lb_start),
        sector_count: record.lb_size.into(),
        kind: format!("0x{:02x}", record.os_type),
        name: String::new(),
        refused: None,
    }
}

/// The table that begins with these records. Errors: the device's.
pub(super) fn read(sectors: &Sectors<'_>, records: &[PartRecord; 4]) -> Result<Table> {
    let mut entries = Vec::new();
    for (number, record) in (1..).zip(records).filter(|(_, record)| is_used(record) && !is_extended(record)) {
        entries.push(entry(number, 0, record).must_lie_in(1..sectors.count()));
    }
    // A second extended partition is nothing that anybody makes; Linux reads the first, too.
    if let Some(extended) = records.iter().find(|record| is_used(record) && is_extended(record)) {
        logical(sectors, extended, &mut entries)?;
    }
    Ok(Table::new(Scheme::Mbr, entries))
}

/// Follows the chain. Each link lies behind the one before, so that the chain ends; and it has few of them.
fn logical(sectors: &Sectors<'_>, extended: &PartRecord, entries: &mut Vec<Entry>) -> Result<()> {
    let base = u64::from(extended.lb_start);
    let end = (base + u64::from(extended.lb_size)).min(sectors.count());
    let (mut at, mut number) = (base, 5);
    loop {
        let broken = |number, at, why| Entry {
            number,
            start_sector: at,
            sector_count: 0,
            kind: format!("0x{:02x}", extended.os_type),
            name: String::new(),
            refused: Some(TableError::Chain { sector: at, why }),
        };
        if at == 0 || at >= end {
            entries.push(broken(number, at, "a link outside the extended partition"));
            return Ok(());
        }
        let Some(records) = records(&sectors.read(at, 1)?) else {
            // An extended partition without any in it need not have been written.
            if at != base {
                entries.push(broken(number, at, "no boot record"));
            }
            return Ok(());
        };
        if let Some(record) = records[..2].iter().find(|record| is_used(record) && !is_extended(record)) {
            let mut found = entry(number, at, record).must_lie_in(at + 1..end);
            if entries.len() >= MAX_ENTRIES {
                found.refused = Some(TableError::Many { max: MAX_ENTRIES });
                entries.push(found);
                return Ok(());
            }
            entries.push(found);
            number += 1;
        }
        let Some(next) = records[..2].iter().find(|record| is_used(record) && is_extended(record)) else {
            return Ok(());
        };
        let next = base + u64::from(next.lb_start);
        if next <= at {
            entries.push(broken(number, at, "a link that leads back"));
            return Ok(());
        }
        at = next;
    }
}
