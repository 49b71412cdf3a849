//! Attaching and detaching devices, and parts of block devices.

use std::ffi::OsStr;

use nxvfs_abi::types::{PARAM_BOOL, PARAM_FILE};

use super::Host;
use super::host::HostError;
use crate::base::sync::{Arc, lock};
use crate::base::{Errno, Error, Result};
use crate::bridge::{Target, Token, WireParam};
use crate::device::{AttachSpec, BlockDevice, CharacterDevice};
use crate::file::Opener;
use crate::plugin::manifest::ParamType;
use crate::plugin::params::ParamValue;
use crate::plugin::{Found, Kind};
use crate::tree::{Caller, Dentry, PseudoKind, TreeError};

/// What a user gives to a driver.
type Given = [(String, Option<String>)];

impl Host {
    /// Attaches a block or character driver and makes its node, with missing directories. The plugin is loaded if it must be.
    ///
    /// Beside the driver's own parameters the host takes `cache=SIZE`: how much memory the device's block cache may
    /// use, 0 for none; and `partitions=BOOL`: whether the partitions that a table on the device tells of get nodes, as
    /// they do unless it is `no`. A driver that declares a parameter of such a name gets it instead.
    ///
    /// Errors: EINVAL (node, parameters), EEXIST, ENODEV no such driver, and the driver's.
    pub fn attach(&self, driver: &str, node: &str, given: &Given) -> Result<()> {
        let attach = || {
            self.free_node(node)?;
            let (kind, found) = self.device_driver(driver)?;
            if kind == Kind::Character {
                return self.add_character(CharacterDevice::attach(
                    &found.module,
                    driver,
                    node,
                    &found.params(given)?,
                )?);
            }
            let theirs = |name: &str| found.manifest.params.iter().any(|p| p.name == name);
            let is_ours = |name: &str| matches!(name, "cache" | "partitions") && !theirs(name);
            let (ours, given): (Vec<_>, Vec<_>) = given.iter().cloned().partition(|(name, _)| is_ours(name));
            let cache_bytes = number(&ours, "cache", ParamType::Size, self.cache_share() as u64)?;
            let cache_bytes = usize::try_from(cache_bytes).unwrap_or(usize::MAX);
            let partitions = number(&ours, "partitions", ParamType::Bool, 1)? != 0;
            let mut params = found.params(&given)?;
            let tokens = self.open_files(&mut params, node)?;
            let given =
                given.into_iter().map(|(name, value)| (name, value.unwrap_or_else(|| "y".to_owned())));
            let device = BlockDevice::attach(AttachSpec {
                module: &found.module,
                driver,
                node,
                params: &params,
                given: given.collect(),
                budget: self.cache_budget(),
                cache_bytes,
                keeps: Some(Box::new(tokens)),
            })?;
            self.add(device.clone())?;
            if partitions {
                self.scan(&device);
            }
            Ok(())
        };
        attach().map_err(|e: Error| e.doing(format_args!("attach {driver} {node}")))
    }

    /// Makes a node for some sectors of a device, which it holds until it is detached. Cache and memory are the
    /// device's. NuttX `register_blockpartition`.
    ///
    /// Errors: ENOTBLK no device, EINVAL (node; sectors that do not lie on it), EEXIST.
    pub fn attach_partition(
        &self,
        parent: &str,
        node: &str,
        start_sector: u64,
        sector_count: u64,
    ) -> Result<()> {
        let attach = || {
            self.free_node(node)?;
            let parent =
                self.source_device(parent)?.ok_or_else(|| HostError::NotBlock { path: parent.to_owned() })?;
            self.add(parent.partition(node, start_sector, sector_count, None)?)
        };
        attach().map_err(|e: Error| e.doing(format_args!("attach a part of {parent} as {node}")))
    }

    /// Opens the files of the VFS among the parameters. They are open as long as the tokens live.
    fn open_files(&self, params: &mut [WireParam], node: &str) -> Result<Vec<Token>> {
        let read_only = params.iter().any(|p| p.name == "ro" && p.kind == PARAM_BOOL && p.number != 0);
        let (caller, base) = (Caller::host(), self.tree().root());
        let opener = Opener { tree: self.tree(), caller: &caller, base: &base };
        let mut tokens = Vec::new();
        for param in params.iter_mut().filter(|p| p.kind == PARAM_FILE && !p.text.is_empty()) {
            let file = self.driver_files().open(&opener, &param.text, read_only, node);
            let token = Token::new(Target::File(file.map_err(|e| e.doing(&param.name))?));
            param.number = token.number();
            tokens.push(token);
        }
        Ok(tokens)
    }

    pub(super) fn free_node(&self, node: &str) -> Result<()> {
        if !node.starts_with('/') || node.ends_with('/') {
            return Err(HostError::BadNode { node: node.to_owned() }.into());
        }
        if self.tree().resolve(&Caller::host(), &self.tree().root(), node.as_bytes()).is_ok() {
            return Err(TreeError::Exists { path: node.to_owned() }.into());
        }
        Ok(())
    }

    /// The block driver of a name, or else the character driver. Errors: ENODEV, with the block drivers that there are.
    fn device_driver(&self, driver: &str) -> Result<(Kind, Found)> {
        match self.plugins().driver(Kind::Block, driver) {
            Err(e) if e.errno() == Errno::ENODEV => match self.plugins().driver(Kind::Character, driver) {
                Err(other) if other.errno() == Errno::ENODEV => Err(e),
                found => Ok((Kind::Character, found?)),
            },
            found => Ok((Kind::Block, found?)),
        }
    }

    fn add_character(&self, device: Arc<CharacterDevice>) -> Result<()> {
        let object = PseudoKind::Node(Arc::new(device.clone()));
        let dentry = self.tree().add_device(device.node().as_bytes(), object, 0o666)?;
        lock(&self.characters).push((device, dentry));
        Ok(())
    }

    pub(super) fn add(&self, device: Arc<BlockDevice>) -> Result<()> {
        let kind = PseudoKind::Block(device.clone());
        let dentry = self.tree().add_device(device.node().as_bytes(), kind, 0o660)?;
        self.devices_with_nodes().push((device, dentry));
        Ok(())
    }

    /// Ends a device and takes its node away, with those of the partitions that its table tells of. Errors: ENODEV, EBUSY with the holders' names; of writes that failed and
    /// the driver's own, and then it has ended nevertheless.
    pub fn detach(&self, node: &str) -> Result<()> {
        let detach = || {
            let dentry = self.tree().resolve(&Caller::host(), &self.tree().root(), node.as_bytes())?;
            self.end_device(node, &dentry)
        };
        detach().map_err(|e: Error| e.doing(format_args!("detach {node}")))
    }

    pub(super) fn end_device(&self, node: &str, dentry: &Arc<Dentry>) -> Result<()> {
        let block = {
            let devices = self.devices_with_nodes();
            let found = devices.iter().find(|(_, d)| Arc::ptr_eq(d, dentry));
            found.map(|(device, _)| device.clone())
        };
        if let Some(device) = &block {
            self.end_parts_of(device)?;
        }
        let (result, holders) = match (block, self.character(dentry)) {
            (Some(device), _) => (device.detach(), device.holders().clone()),
            (None, Some(device)) => (device.detach(), device.holders().clone()),
            (None, None) => return Err(HostError::NotDevice { path: node.to_owned() }.into()),
        };
        if result.as_ref().is_err_and(|e| e.errno() == Errno::EBUSY) && !holders.list().is_empty() {
            return result;
        }
        self.devices_with_nodes().retain(|(_, d)| !Arc::ptr_eq(d, dentry));
        lock(&self.characters).retain(|(_, d)| !Arc::ptr_eq(d, dentry));
        self.tree().remove_device(dentry)?;
        result
    }

    /// The attached character device of a node.
    pub(super) fn character(&self, dentry: &Arc<Dentry>) -> Option<Arc<CharacterDevice>> {
        let all = lock(&self.characters);
        all.iter().find(|(_, d)| Arc::ptr_eq(d, dentry)).map(|(device, _)| device.clone())
    }
}

/// What the host's own parameter says, the last one if it stands there often.
fn number(given: &Given, name: &str, ty: ParamType, default: u64) -> Result<u64> {
    let Some((_, text)) = given.iter().rfind(|(given, _)| given == name) else { return Ok(default) };
    let text = text.as_deref().unwrap_or(if ty == ParamType::Bool { "y" } else { "" });
    let value = ParamValue::parse(ty, OsStr::new(text)).map_err(|e| Error::from(e).doing(name))?;
    Ok(value.number())
}
