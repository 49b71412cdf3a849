//! What a file system and its device agree on at mount: whether files can be mapped in place.

use std::fmt;
use std::str::FromStr;

use super::TreeError;
use crate::base::Result;
use crate::bridge::{Volume, host_ctx};
use crate::device::BlockDevice;

/// What the user wants, `-o mmap=…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MmapMode {
    /// In place where possible, else through RAM.
    #[default]
    Auto,
    /// In place, or refuse the mount.
    Xip,
    /// Through RAM, always.
    Ram,
    /// Not at all.
    None,
}

impl FromStr for MmapMode {
    type Err = TreeError;

    fn from_str(text: &str) -> Result<Self, TreeError> {
        Ok(match text {
            "auto" => Self::Auto,
            "xip" => Self::Xip,
            "ram" => Self::Ram,
            "none" => Self::None,
            other => {
                return Err(TreeError::Option {
                    name: "mmap".to_owned(),
                    found: other.to_owned(),
                    expected: "auto, xip, ram or none".to_owned(),
                });
            }
        })
    }
}

/// How files of a volume are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// In place on the medium.
    Xip,
    /// Through a copy in RAM.
    Ram,
    /// Not at all.
    None,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xip => "xip",
            Self::Ram => "ram",
            Self::None => "none",
        })
    }
}

/// What was agreed, and why not more.
#[derive(Clone, Debug)]
pub struct Agreement {
    /// Whether the file system tells where its files lie (`FIOC_MMAP`).
    pub fioc_mmap: bool,
    /// The medium as memory (`BIOC_XIPBASE`): its length, and whether stores reach it.
    pub bioc_xipbase: Option<(u64, bool)>,
    /// What was wanted.
    pub mode: MmapMode,
    /// The best tier that files of this volume get.
    pub tier: Tier,
    /// Whether addresses inside the device's memory may be lent (`FIOC_XIPBASE`), also where views cannot be had
    /// because the driver has no memory object.
    pub lends: bool,
    /// Why this one.
    pub reason: String,
}

/// Asks both sides and writes down what they agree on; `mapper` tells whether a copy could be had.
pub(super) fn negotiate(
    volume: &Volume,
    device: Option<&BlockDevice>,
    mode: MmapMode,
    mapper: &dyn Fn() -> Result<()>,
) -> Agreement {
    let fioc_mmap = volume.offers_extents(&host_ctx());
    let grant = device.and_then(BlockDevice::grant);
    let bioc_xipbase = grant.map(|g| (g.len_bytes, g.writable));
    let missing = match (mode, device, grant) {
        (MmapMode::None, ..) => Some("switched off by mmap=none".to_owned()),
        (MmapMode::Ram, ..) => Some("in place is switched off by mmap=ram".to_owned()),
        (_, None, _) => Some("the volume has no device".to_owned()),
        (_, Some(device), None) => {
            Some(format!("driver {} grants no memory (BIOC_XIPBASE)", device.driver()))
        }
        (_, Some(_), Some(_)) if !fioc_mmap => {
            Some("the file system does not tell where its files lie (FIOC_MMAP)".to_owned())
        }
        (_, Some(device), Some(grant)) if grant.object.is_none() => Some(format!(
            "driver {} grants an address without a memory object, so only addresses in place can be lent",
            device.driver()
        )),
        (_, Some(_), Some(_)) => None,
    };
    let (tier, reason) = match missing {
        None => (Tier::Xip, "the device grants its memory and the file system its extents".to_owned()),
        Some(reason) if matches!(mode, MmapMode::None | MmapMode::Xip) => (Tier::None, reason),
        Some(reason) => match mapper() {
            Ok(()) => (Tier::Ram, format!("{reason}; files are mapped through a copy in memory")),
            Err(e) => (Tier::None, format!("{reason}; no mapper for a copy: {}", e.detail())),
        },
    };
    let wanted = matches!(mode, MmapMode::Auto | MmapMode::Xip);
    let lends = wanted && fioc_mmap && bioc_xipbase.is_some();
    Agreement { fioc_mmap, bioc_xipbase, mode, tier, lends, reason }
}
