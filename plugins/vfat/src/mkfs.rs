//! An empty volume.
use nxvfs_sdk::{Errno, Mount, Result};
pub(crate) fn format(_mount: &Mount<'_>) -> Result<()> {
    Err(Errno::ENOTSUP.into())
}
