//! After a power cut: renames that were not finished.

use nxvfs_sdk::Result;

use super::{Core, Volume};
use crate::check::renames;
use crate::check::scan::Scan;

impl Core {
    /// Finishes renames, before anything of the volume is in use.
    pub(crate) fn finish_renames(&mut self, volume: &Volume) -> Result<()> {
        let scan = Scan::new(&volume.disk, &volume.layout, volume.style.codepage)?;
        for found in renames::finish(&scan, true)? {
            log::warn!("{}: {}", found.path, found.text);
        }
        volume.disk.barrier()
    }
}
