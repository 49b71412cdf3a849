//! Who may write where: rights to ranges of a root device, so that a device and its partitions exclude each other.

use std::ops::Range;

use super::block::DeviceError;
use crate::base::Result;
use crate::base::sync::{Arc, Mutex, lock};

/// What a range is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A mount that reads.
    ReadMount,
    /// A mount that writes.
    WriteMount,
    /// A descriptor of the node that writes.
    WriteNode,
}

impl Use {
    /// Whether two uses of the same bytes go together: readers with all but mounts that write, and descriptors that
    /// write with each other.
    fn goes_with(self, other: Self) -> bool {
        self != Self::WriteMount && other != Self::WriteMount
    }
}

struct Entry {
    number: u64,
    kind: Use,
    bytes: Range<u64>,
    /// Who, in words.
    holder: String,
}

#[derive(Default)]
struct Entries {
    next: u64,
    list: Vec<Entry>,
}

impl Entries {
    /// Numbers and words of those against whom a use of some bytes would go.
    fn against(&self, kind: Use, bytes: &Range<u64>) -> impl Iterator<Item = (u64, &str)> {
        let overlaps = |e: &&Entry| e.bytes.start < bytes.end && bytes.start < e.bytes.end;
        let against = self.list.iter().filter(overlaps).filter(move |e| !kind.goes_with(e.kind));
        against.map(|e| (e.number, e.holder.as_str()))
    }
}

/// The rights to one root device.
#[derive(Clone, Default)]
pub(super) struct Claims(Arc<Mutex<Entries>>);

/// A right to a range; ends when dropped.
pub(super) struct RangeClaim {
    claims: Claims,
    number: u64,
}

impl Claims {
    /// Takes a right. Errors: EBUSY with the others' names.
    pub(super) fn take(
        &self,
        node: &str,
        kind: Use,
        bytes: Range<u64>,
        holder: String,
    ) -> Result<RangeClaim> {
        let mut entries = lock(&self.0);
        let against: Vec<&str> = entries.against(kind, &bytes).map(|(_, holder)| holder).collect();
        if !against.is_empty() {
            let (node, holders) = (node.to_owned(), against.join(", "));
            return Err(match kind {
                Use::WriteNode => DeviceError::Mounted { node, holders }.into(),
                Use::ReadMount | Use::WriteMount => DeviceError::Claimed { node, holders }.into(),
            });
        }
        let number = entries.next;
        entries.next += 1;
        entries.list.push(Entry { number, kind, bytes, holder });
        Ok(RangeClaim { claims: self.clone(), number })
    }
}

impl RangeClaim {
    /// Turns it into a right to another use. Errors: EBUSY with the others' names, and then it stays what it was.
    pub(super) fn change(&self, node: &str, kind: Use) -> Result<()> {
        let mut entries = lock(&self.claims.0);
        let Some(at) = entries.list.iter().position(|e| e.number == self.number) else { return Ok(()) };
        let bytes = entries.list[at].bytes.clone();
        let against: Vec<&str> =
            entries.against(kind, &bytes).filter(|(n, _)| *n != self.number).map(|(_, h)| h).collect();
        if !against.is_empty() {
            return Err(DeviceError::Claimed { node: node.to_owned(), holders: against.join(", ") }.into());
        }
        entries.list[at].kind = kind;
        Ok(())
    }
}

impl Drop for RangeClaim {
    fn drop(&mut self) {
        lock(&self.claims.0).list.retain(|e| e.number != self.number);
    }
}
