//! What the host tells of itself: devices and mounts.

use std::path::PathBuf;

use super::Host;
use crate::base::Holder;
use crate::tree::{Agreement, MountFlags};

/// An attached device.
#[derive(Clone, Debug)]
pub struct DeviceStatus {
    /// Its node.
    pub node: String,
    /// Name of the plugin.
    pub plugin: String,
    /// Name of the driver.
    pub driver: String,
    /// Bytes of a sector.
    pub sector_size_bytes: u32,
    /// Number of sectors.
    pub sector_count: u64,
    /// Whether it can be written.
    pub writable: bool,
    /// Who uses it.
    pub users: Vec<Holder>,
}

/// A mounted volume.
#[derive(Clone, Debug)]
pub struct MountStatus {
    /// The mount point.
    pub path: String,
    /// What was named as source.
    pub source: String,
    /// The file system's driver.
    pub fs: String,
    /// Name of the plugin.
    pub plugin: String,
    /// The block driver, if there is a device.
    pub block_driver: Option<String>,
    /// Whether nothing may be changed.
    pub read_only: bool,
    /// The options that the host keeps; `Display` says them as `-o` would.
    pub flags: MountFlags,
    /// What was agreed on mapping.
    pub agreement: Agreement,
    /// Who uses it.
    pub users: Vec<Holder>,
}

impl Host {
    /// The attached devices, in the order of their nodes.
    pub fn devices(&self) -> Vec<DeviceStatus> {
        let devices = self.device_nodes();
        let mut list: Vec<DeviceStatus> = devices
            .iter()
            .map(|device| DeviceStatus {
                node: device.node().to_string(),
                plugin: device.plugin().to_owned(),
                driver: device.driver().to_owned(),
                sector_size_bytes: device.geometry().sector_size_bytes,
                sector_count: device.geometry().sector_count,
                writable: device.writable(),
                users: device.holders().list(),
            })
            .collect();
        list.sort_by(|a, b| a.node.cmp(&b.node));
        list
    }

    /// The mounted volumes, oldest first.
    pub fn mounts(&self) -> Vec<MountStatus> {
        self.tree()
            .mounts()
            .iter()
            .map(|mount| MountStatus {
                // A directory above the mount point may have been renamed.
                path: mount.root().map_or_else(
                    || mount.path().to_string(),
                    |root| String::from_utf8_lossy(&root.path()).into_owned(),
                ),
                source: mount.source().to_owned(),
                fs: mount.driver().to_owned(),
                plugin: mount.volume().instance().module().name().to_owned(),
                block_driver: mount.device().map(|d| d.driver().to_owned()),
                read_only: mount.read_only(),
                flags: mount.flags(),
                agreement: mount.agreement().clone(),
                users: mount.holders().list(),
            })
            .collect()
    }

    /// Where plugins are searched.
    pub fn plugin_dirs(&self) -> Vec<PathBuf> {
        self.plugins().search_dirs()
    }
}
