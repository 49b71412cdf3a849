//! A part of a device as a device of its own. Cache, memory and claims are those of the root device.

use nxvfs_abi::block::Geometry;

use super::block::{BlockDevice, DeviceError};
use crate::base::sync::{Arc, Mutex};
use crate::base::{Holder, Holders, Result};
use crate::bridge::CheckedGrant;

impl BlockDevice {
    /// Makes a device of some sectors of this one, which it holds until it is detached. `entry`: the number of the
    /// table's entry that it is made for. Errors: EINVAL they do not lie on it; ENXIO it is being detached.
    pub fn partition(
        self: &Arc<Self>,
        node: &str,
        start_sector: u64,
        sector_count: u64,
        entry: Option<u32>,
    ) -> Result<Arc<Self>> {
        let end = self.geometry.sector_count;
        if sector_count == 0 || start_sector.checked_add(sector_count).is_none_or(|e| e > end) {
            let (node, start, count) = (self.node.to_string(), start_sector, sector_count);
            return Err(DeviceError::Outside { node, start, count, end }.into());
        }
        let node: Arc<str> = node.into();
        let hold = self.hold(Holder::Device(node.clone()))?;
        let size = u64::from(self.geometry.sector_size_bytes);
        let (start, len_bytes) = (start_sector * size, sector_count * size);
        let grant = self.grant.as_ref().map(|whole| CheckedGrant {
            base: whole.base + start as usize,
            len_bytes,
            writable: whole.writable,
            object: whole.object.as_ref().map(|(fd, offset)| (fd.clone(), offset + start)),
        });
        Ok(Arc::new(Self {
            node,
            medium: self.medium.clone(),
            start_bytes: self.start_bytes + start,
            geometry: Geometry { sector_count, ..self.geometry },
            grant,
            holders: Holders::default(),
            place: Some((self.node.clone(), start_sector)),
            entry,
            parent: Mutex::new(Some(hold)),
            given: Vec::new(),
            keeps: Mutex::default(),
        }))
    }
}
