//! The examination of a volume.
use nxvfs_sdk::{Check, Errno, Mount, Result};
pub(crate) fn examine(_mount: &Mount<'_>, _check: &mut Check<'_>) -> Result<()> {
    Err(Errno::ENOTSUP.into())
}
