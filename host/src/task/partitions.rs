//! Nodes for the partitions that a device's table tells of: `/dev/ram0p1` beside `/dev/ram0`.

use super::Host;
use super::host::HostError;
use crate::base::error::teach;
use crate::base::sync::Arc;
use crate::base::{Errno, Error, Holder, Holders, Result};
use crate::device::{BlockDevice, DeviceError, Entry, Table};
use crate::tree::Dentry;

teach! {
    /// Why no table is looked for.
    pub enum PartitionError {
        /// A part of a device has none.
        Part { node: String, parent: String } => EINVAL, what: "a partition has no partitions", place: "{node}",
            remedy: "name its device: {parent}";
    }
}

/// The node of a partition.
fn node_of(device: &str, number: u32) -> String {
    format!("{device}p{number}")
}

/// Whether a part is what an entry says.
fn is_that(part: &BlockDevice, entry: &Entry) -> bool {
    part.entry() == Some(entry.number)
        && part.parent().is_some_and(|(_, start)| start == entry.start_sector)
        && part.geometry().sector_count == entry.sector_count
}

impl Host {
    /// Reads the table of partitions of a device anew: makes nodes for what is new, takes those away that are gone or
    /// have moved, and leaves the others alone. Answers the table, `None` where there is none. An entry that cannot be
    /// says so and gets no node. Linux `BLKRRPART`.
    ///
    /// Errors, and then no node has changed: ENOTBLK, EBUSY a partition that would go is in use, with its users' names;
    /// EEXIST a node of another kind has a name that is needed; EINVAL the table, or the device is a part itself; and
    /// the device's.
    pub fn rescan(&self, node: &str) -> Result<Option<Table>> {
        let rescan = || {
            let device =
                self.source_device(node)?.ok_or_else(|| HostError::NotBlock { path: node.to_owned() })?;
            if let Some((parent, _)) = device.parent() {
                return Err(PartitionError::Part { node: node.to_owned(), parent: parent.to_string() }.into());
            }
            let table = Table::read(&device)?;
            let entries =
                table.iter().flat_map(|table| &table.entries).filter(|entry| entry.refused.is_none());
            let (parts, entries) = (self.parts_of(&device), entries.collect::<Vec<_>>());
            let (stay, go): (Vec<_>, Vec<_>) =
                parts.into_iter().partition(|part| entries.iter().any(|entry| is_that(part, entry)));
            let new = entries.into_iter().filter(|entry| !stay.iter().any(|part| is_that(part, entry)));
            let new: Vec<_> = new.map(|entry| (node_of(device.node(), entry.number), entry)).collect();
            let replaced = |node: &str| go.iter().any(|part| **part.node() == *node);
            for (node, _) in new.iter().filter(|(node, _)| !replaced(node)) {
                self.free_node(node)?;
            }
            self.end_parts(&go)?;
            for (node, entry) in new {
                self.add_part(&device, &node, entry)?;
            }
            Ok(table)
        };
        rescan().map_err(|e: Error| e.doing(format_args!("partprobe {node}")))
    }

    /// Makes nodes for the partitions of a device that was just attached. What is wrong with the table or the medium
    /// does not keep the device from its user, who may want to put it right.
    pub(super) fn scan(&self, device: &Arc<BlockDevice>) {
        let table = match Table::read(device) {
            Ok(Some(table)) => table,
            Ok(None) => return,
            Err(e) if e.errno() == Errno::EINVAL => return log::warn!("no nodes for partitions: {e}"),
            Err(e) => return log::info!("{}: no partitions are known: {e}", device.node()),
        };
        for entry in &table.entries {
            let node = node_of(device.node(), entry.number);
            let made = match &entry.refused {
                Some(why) => Err(why.clone().into()),
                None => self.free_node(&node).and_then(|()| self.add_part(device, &node, entry)),
            };
            if let Err(e) = made {
                log::warn!("no node {node}: {e}");
            }
        }
    }

    fn add_part(&self, device: &Arc<BlockDevice>, node: &str, entry: &Entry) -> Result<()> {
        self.add(device.partition(node, entry.start_sector, entry.sector_count, Some(entry.number))?)
    }

    fn dentry_of(&self, device: &Arc<BlockDevice>) -> Option<Arc<Dentry>> {
        let devices = self.devices_with_nodes();
        devices.iter().find(|(other, _)| Arc::ptr_eq(other, device)).map(|(_, dentry)| dentry.clone())
    }

    /// The partitions of a device that were made of its table.
    fn parts_of(&self, device: &BlockDevice) -> Vec<Arc<BlockDevice>> {
        let parts = self.device_nodes().into_iter().filter(|part| part.entry().is_some());
        parts.filter(|part| part.parent().is_some_and(|(parent, _)| parent == device.node())).collect()
    }

    /// Ends partitions of which nobody uses one. Errors: EBUSY with the users' names, and then all live on.
    fn end_parts(&self, parts: &[Arc<BlockDevice>]) -> Result<()> {
        if let Some(part) = parts.iter().find(|part| !part.holders().list().is_empty()) {
            let (node, holders) = (part.node().to_string(), part.holders().describe());
            return Err(DeviceError::Busy { node, holders }.into());
        }
        for part in parts {
            // Somebody else may have ended it meanwhile, which is as well.
            if let Some(dentry) = self.dentry_of(part) {
                self.end_device(part.node(), &dentry)?;
            }
        }
        Ok(())
    }

    /// Ends the partitions of a device that is to end, if nothing but them uses it. Errors: EBUSY with the users' names.
    pub(super) fn end_parts_of(&self, device: &Arc<BlockDevice>) -> Result<()> {
        let parts = self.parts_of(device);
        let is_part = |holder: &Holder| parts.iter().any(|p| *holder == Holder::Device(p.node().clone()));
        let others: Vec<_> = device.holders().list().into_iter().filter(|holder| !is_part(holder)).collect();
        if !others.is_empty() {
            let (node, holders) = (device.node().to_string(), Holders::in_words(&others));
            return Err(DeviceError::Busy { node, holders }.into());
        }
        self.end_parts(&parts)
    }
}
