//! A volume made of a folder of the operating system, in the way of `genromfs`: the same folder gives the same bytes,
//! whoever makes it, when and where. Names are sorted; there are no times in it.
//!
//! Each directory's header is followed by its entries, each by its own content or entries. The root's header stands
//! among its entries, as `.`.

mod options;
mod plan;
mod write;

use nxvfs_sdk::{Errno, Fail, Mount, Result};

use options::Options;
use plan::Plan;

/// Linux counts a volume in these, and genromfs fills the last one up.
const UNIT_BYTES: u64 = 1024;

/// Makes a volume. Errors: EINVAL the options; EFBIG more than the format can address; ENOSPC more than the medium has;
/// EROFS; and the operating system's for what cannot be read.
pub(crate) fn format(mount: &Mount<'_>) -> Result<()> {
    let medium = mount.medium()?;
    if mount.read_only() || !medium.writable() {
        return Err(Errno::EROFS.into());
    }
    let options = Options::new(mount.params())?;
    let plan = Plan::new(&options)?;
    if plan.len_bytes > medium.len_bytes() {
        return Err(Fail::new(Errno::ENOSPC, "the volume does not fit on the medium")
            .expected(format_args!("{} bytes or more", plan.len_bytes))
            .found(format_args!("{} bytes", medium.len_bytes())));
    }
    log::info!("'{}': {} entries, {} bytes", options.label, plan.nodes.len(), plan.len_bytes);
    write::write(&medium, &plan, options.label)
}

/// An error of the operating system.
fn system(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Fail {
    move |error| {
        let errno = error.raw_os_error().and_then(Errno::new).unwrap_or(Errno::EIO);
        Fail::new(errno, what).place(path.display()).found(errno.text())
    }
}
