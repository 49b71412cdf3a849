//! The label of a volume: an entry of the root directory, and a copy in the boot sector.

use nxvfs_sdk::{Errno, Fail, Result, now_coarse};

use super::entries::new_entry;
use super::{Core, ROOT, Volume};
use crate::format::entry::{SlotKind, VOLUME};
use crate::format::shortname;

/// What the boot sector says of a volume without a label.
const NO_NAME: [u8; 11] = *b"NO NAME    ";

impl Core {
    fn label_slot(&mut self, volume: &Volume) -> Result<Option<u32>> {
        let dir = self.load(volume, ROOT)?;
        let slots = (0..dir.slots()).take_while(|slot| dir.kind(*slot) != SlotKind::Last);
        Ok(slots.into_iter().find(|slot| dir.kind(*slot) == SlotKind::Label))
    }

    /// The label of the root directory, else that of the boot sector, or nothing.
    pub(crate) fn label(&mut self, volume: &Volume) -> Result<String> {
        let slot = self.label_slot(volume)?;
        let label = match slot {
            Some(slot) => self.load(volume, ROOT)?.entry(slot, &volume.style).name,
            None => {
                let mut boot = [0; 512];
                volume.disk.read_meta(0, &mut boot)?;
                let mut label = [b' '; 11];
                let at = volume.layout.state_at + 6;
                if boot[at - 5] == 0x29 && boot[at..at + 11] != NO_NAME {
                    label.copy_from_slice(&boot[at..at + 11]);
                }
                label
            }
        };
        Ok(shortname::show_label(&label, volume.style.codepage))
    }

    /// Changes the label; an empty one takes it away. Errors: EINVAL, ENOSPC, EIO.
    pub(crate) fn set_label(&mut self, volume: &Volume, text: &str) -> Result<()> {
        let label = shortname::label(text, volume.style.codepage).ok_or_else(|| {
            Fail::new(Errno::EINVAL, "this cannot be the label of a volume")
                .expected("up to eleven characters of the code page, none of those that file names lack")
        })?;
        let slot = self.label_slot(volume)?;
        let dir = self.change_dir(ROOT)?;
        match slot {
            Some(slot) if text.is_empty() => dir.erase(slot, &volume.style),
            Some(slot) => dir.rename_in_place(slot, &label, &volume.style),
            None if text.is_empty() => {}
            None => {
                let mut entry = new_entry(VOLUME, 0, now_coarse(), volume.options.zone_seconds);
                entry.name = label;
                let place = self.room(volume, ROOT, 1)?;
                self.change_dir(ROOT)?.put_raw(place, &entry, &volume.style);
            }
        }
        let shown = if text.is_empty() { NO_NAME } else { label };
        let at = volume.layout.state_at + 6;
        for start in [Some(0), volume.layout.backup].into_iter().flatten() {
            let mut boot = [0; 512];
            volume.disk.read_meta(start, &mut boot)?;
            // Only a boot sector with this mark has a label.
            if boot[at - 5] == 0x29 {
                boot[at..at + 11].copy_from_slice(&shown);
                volume.disk.write_meta(start, &boot)?;
            }
        }
        Ok(())
    }
}
