//! The examination of an unmounted volume: what fsck.fat finds, and the names of the files concerned. Repairs what loses
//! nothing: copies that differ, counts, clusters and pieces of names that belong to nobody, lengths that a chain
//! contradicts, `..`, renames cut short.

mod files;
pub(crate) mod renames;
pub(crate) mod scan;
mod whole;

use std::ops::ControlFlow;

use nxvfs_sdk::abi::filesystem::{FINDING_ERROR, FINDING_REPAIRED, FINDING_WARNING};
use nxvfs_sdk::{Check, Errno, Fail, Mount, Result};

use crate::disk::Disk;
use crate::format::Layout;
use crate::mount::boot_sector;
use crate::options::codepage;
use scan::Scan;

/// Why an examination ends early.
pub(crate) enum Stop {
    /// The host wants no more findings.
    Enough,
    /// The device failed.
    Device(Fail),
}

impl From<Fail> for Stop {
    fn from(fail: Fail) -> Self {
        Self::Device(fail)
    }
}

type Step<T = ()> = std::result::Result<T, Stop>;

/// Where findings go.
struct Report<'a, 'c> {
    check: &'a mut Check<'c>,
    repair: bool,
    /// Something is wrong that was not repaired.
    left: bool,
}

impl Report<'_, '_> {
    /// Something that a repair puts right. Whether to do so.
    fn safe(&mut self, severity: u32, at: u64, path: &str, text: &str) -> Step<bool> {
        let severity = if self.repair { FINDING_REPAIRED } else { severity };
        self.left |= !self.repair;
        self.send(severity, at, path, text)?;
        Ok(self.repair)
    }

    /// Something that nobody can put right without a choice.
    fn error(&mut self, at: u64, path: &str, text: &str) -> Step {
        self.left = true;
        self.send(FINDING_ERROR, at, path, text)
    }

    fn send(&mut self, severity: u32, at: u64, path: &str, text: &str) -> Step {
        match self.check.finding(severity, at, path, text) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Enough),
        }
    }
}

/// Examines the volume on a medium. Errors: as a mount for what is no FAT volume at all, and the device's.
pub(crate) fn examine(mount: &Mount<'_>, check: &mut Check<'_>) -> Result<()> {
    let medium = mount.medium()?;
    let page = codepage(mount.params())?;
    let boot = boot_sector(&medium)?;
    let layout = Layout::parse(&boot, medium.len_bytes())?;
    if mount.repair() && !medium.writable() {
        return Err(
            Fail::new(Errno::EROFS, "the medium cannot be written").remedy("check it without --repair")
        );
    }
    let disk = Disk::new(medium);
    let mut report = Report { check, repair: mount.repair(), left: false };
    let outcome = (|| {
        whole::boot(&disk, &layout, &boot, &mut report)?;
        let mut scan = Scan::new(&disk, &layout, page)?;
        whole::copies(&scan, &mut report)?;
        for found in renames::finish(&scan, report.repair)? {
            report.safe(FINDING_WARNING, found.medium_offset, &found.path, &found.text)?;
        }
        let owners = files::examine(&mut scan, &mut report)?;
        whole::lost(&mut scan, &owners, &mut report)?;
        scan.fat.write_back(&disk)?;
        whole::free_count(&scan, &mut report)?;
        whole::state(&disk, &layout, &mut report)
    })();
    match outcome {
        Ok(()) | Err(Stop::Enough) => disk.flush(),
        Err(Stop::Device(fail)) => Err(fail),
    }
}
