//! Mounting: the boot sector is read, nothing else.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nxvfs_sdk::abi::filesystem::{INFO_NAMES_FOLDED, INFO_RDONLY};
use nxvfs_sdk::{Ctx, Errno, Fail, Medium, Mount, Probe, Result, now_coarse};

use crate::VFat;
use crate::core::{Core, ROOT, Volume, is_wide};
use crate::dir::Style;
use crate::disk::Disk;
use crate::format::boot::{BOOT_BYTES, BootFlaw, STATE_DIRTY};
use crate::format::codepage::Codepage;
use crate::format::entry::DIRECTORY;
use crate::format::shortname::show_label;
use crate::format::unicode::NAME_MAX_BYTES;
use crate::format::{Entry, Layout};
use crate::hash::Keys;
use crate::inode::Inode;
use crate::options::Options;

/// Linux's magic number of FAT.
pub(crate) const MAGIC: u32 = 0x4d44;

impl From<BootFlaw> for Fail {
    fn from(flaw: BootFlaw) -> Self {
        let (errno, remedy) = match flaw.damaged {
            true => (Errno::EUCLEAN, "see what is wrong by `nxvfs image check`"),
            false => {
                (Errno::EINVAL, "is this a FAT volume? a disk with partitions is mounted by one of those")
            }
        };
        Self::new(errno, flaw.what).place("sector 0").expected(flaw.expected).found(flaw.found).remedy(remedy)
    }
}

/// The boot sector of a medium.
pub(crate) fn boot_sector(medium: &Medium) -> Result<[u8; BOOT_BYTES]> {
    let mut boot = [0; BOOT_BYTES];
    if medium.len_bytes() < BOOT_BYTES as u64 {
        return Err(Fail::new(Errno::EINVAL, "no FAT boot sector")
            .expected(format_args!("a medium of at least {BOOT_BYTES} bytes"))
            .found(medium.len_bytes()));
    }
    medium.read_meta_at(0, &mut boot)?;
    Ok(boot)
}

/// Says whether a medium holds a FAT volume.
pub(crate) fn probe(medium: &Medium) -> Result<Option<Probe>> {
    let Ok(boot) = boot_sector(medium) else { return Ok(None) };
    match Layout::parse(&boot, medium.len_bytes()) {
        Ok(layout) => {
            let signed = boot[510..512] == [0x55, 0xaa];
            let label = show_label(&layout.label, Codepage::Cp437);
            let label = if label == "NO NAME" { String::new() } else { label };
            let score = if signed { 95 } else { 60 };
            Ok(Some(Probe { score, volume_bytes: layout.total_bytes, label }))
        }
        Err(flaw) if flaw.damaged && boot[510..512] == [0x55, 0xaa] => {
            Ok(Some(Probe { score: 20, volume_bytes: 0, label: String::new() }))
        }
        Err(_) => Ok(None),
    }
}

/// The entry that the root directory would have.
fn root_entry(layout: &Layout) -> Entry {
    let mut entry = Entry::parse(&[0; 32], true);
    (entry.attr, entry.start) = (DIRECTORY, layout.root_cluster);
    entry
}

impl VFat {
    pub(crate) fn mount_volume(ctx: &Ctx, mount: &Mount<'_>) -> Result<(Self, nxvfs_sdk::Volume)> {
        let options = Options::new(ctx, mount)?;
        let medium = mount.medium()?;
        let boot = boot_sector(&medium)?;
        let layout = Layout::parse(&boot, medium.len_bytes())?;
        let style = Style {
            keys: Keys::drawn(),
            codepage: options.codepage,
            shortname: options.shortname,
            wide: is_wide(&layout),
            sector_bytes: layout.sector_bytes as usize,
        };
        let root = Inode::new(ROOT, &root_entry(&layout), &options);
        let writable = medium.writable();
        let read_only = mount.read_only() || !writable;
        let volume =
            Volume { disk: Disk::new(medium), layout, options, style, read_only: AtomicBool::new(read_only) };
        log::info!(
            "{}, {} clusters of {} bytes, number {:04X}-{:04X}",
            volume.layout.kind,
            volume.layout.clusters,
            volume.layout.cluster_bytes(),
            volume.layout.volume_id >> 16,
            volume.layout.volume_id & 0xffff,
        );
        let mut core = Core::new(&volume, root.clone(), now_coarse())?;
        let was_dirty = volume.layout.dirty;
        if was_dirty {
            log::warn!("the volume was not unmounted properly: check it by `nxvfs image check`");
        }
        if !read_only {
            if was_dirty {
                core.finish_renames(&volume)?;
            }
            mark_dirty(&volume, true)?;
        }
        // What is counted for an attribute is counted when it is asked for: a mount reads no directory.
        let attr = root.attr(&volume.layout, &volume.options, 0, u64::from(volume.layout.root_bytes));
        let answer = nxvfs_sdk::Volume {
            flags: INFO_NAMES_FOLDED | if writable { 0 } else { INFO_RDONLY },
            name_max_bytes: NAME_MAX_BYTES as u32,
            ..nxvfs_sdk::Volume::new(ROOT, attr, MAGIC)
        };
        Ok((Self { volume, core: Mutex::new(core), was_dirty: AtomicBool::new(was_dirty) }, answer))
    }

    /// Everything is on the medium when this returns.
    pub(crate) fn sync_all(&self) -> Result<()> {
        crate::sync::lock(&self.core).commit(&self.volume)?;
        self.volume.disk.flush()
    }

    /// Ends writing: everything is on the medium, and the volume says that it was left properly.
    pub(crate) fn leave(&self) -> Result<()> {
        self.sync_all()?;
        if !self.was_dirty.load(Relaxed) {
            mark_dirty(&self.volume, false)?;
        }
        self.volume.disk.flush()
    }

    /// Changes between read-only and read-write.
    pub(crate) fn change_mode(&self, read_only: bool) -> Result<()> {
        let now = self.volume.read_only.load(Relaxed);
        if read_only == now {
            return Ok(());
        }
        if read_only {
            if crate::sync::lock(&self.core).has_unlinked() {
                return Err(Fail::new(Errno::EBUSY, "files without names are still in use")
                    .remedy("close them: what they take is freed by writing"));
            }
            // New changes are refused before what was made is written.
            self.volume.read_only.store(true, Relaxed);
            return self.leave();
        }
        if !self.volume.disk.medium().writable() {
            return Err(Errno::EROFS.into());
        }
        mark_dirty(&self.volume, true)?;
        self.volume.read_only.store(false, Relaxed);
        Ok(())
    }
}

/// Sets the volume's state: whether it is in use.
fn mark_dirty(volume: &Volume, dirty: bool) -> Result<()> {
    let mut boot = [0; BOOT_BYTES];
    volume.disk.read_meta(0, &mut boot)?;
    let state = &mut boot[volume.layout.state_at];
    let new = if dirty { *state | STATE_DIRTY } else { *state & !STATE_DIRTY };
    if *state == new {
        return Ok(());
    }
    *state = new;
    volume.disk.barrier()?;
    volume.disk.write_meta(0, &boot)?;
    volume.disk.barrier()
}
