//! What the host tells of itself: devices and mounts.

use std::path::PathBuf;

use super::Host;
use crate::base::Holder;
use crate::base::sync::lock;
use crate::device::CacheStatus;
use crate::tree::{Agreement, MountFlags};

/// An attached device.
#[derive(Clone, Debug)]
pub struct DeviceStatus {
    /// Its node.
    pub node: String,
    /// Name of the plugin; empty if a program offers the device itself.
    pub plugin: String,
    /// Name of the driver.
    pub driver: String,
    /// `block` or `character`.
    pub kind: &'static str,
    /// Bytes of a sector; 0 of a character device.
    pub sector_size_bytes: u32,
    /// Number of sectors; 0 of a character device.
    pub sector_count: u64,
    /// Whether it can be written.
    pub writable: bool,
    /// Of a partition: its device's node, and the sector of that at which it begins.
    pub parent: Option<(String, u64)>,
    /// What the user gave when it was attached.
    pub given: Vec<(String, String)>,
    /// The cache of its medium; `None` where the medium is used as memory.
    pub cache: Option<CacheStatus>,
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
            .map(|(device, dentry)| DeviceStatus {
                // It may have been renamed.
                node: super::shown(dentry),
                plugin: device.plugin().to_owned(),
                driver: device.driver().to_owned(),
                kind: "block",
                sector_size_bytes: device.geometry().sector_size_bytes,
                sector_count: device.geometry().sector_count,
                writable: device.writable(),
                parent: device.parent().map(|(node, start)| (node.to_string(), start)),
                given: device.given().to_vec(),
                cache: device.cache_status(),
                users: device.holders().list(),
            })
            .collect();
        let characters: Vec<_> = lock(&self.characters).clone();
        list.extend(characters.iter().map(|(device, dentry)| DeviceStatus {
            node: super::shown(dentry),
            plugin: device.plugin().to_owned(),
            driver: device.driver().to_owned(),
            kind: "character",
            sector_size_bytes: 0,
            sector_count: 0,
            writable: true,
            parent: None,
            given: Vec::new(),
            cache: None,
            users: device.holders().list(),
        }));
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
