//! An attached character device: its node's object, and its openings.

use nxvfs_abi::Ctx;
use nxvfs_abi::character::event::{POLLIN, POLLOUT};
use nxvfs_abi::character::{SEEK_CUR, SEEK_END};
use nxvfs_abi::ioctl::{self, Direction};

use super::block::DeviceError;
use super::command::value;
use super::stream::{Openable, Stream};
use crate::base::sync::Arc;
use crate::base::wait::{Relay, WaitQueue};
use crate::base::{Errno, Hold, Holder, Holders, Result};
use crate::bridge::{Character, CheckedGrant, Module, WireParam, host_ctx};

/// A character device with its node.
pub struct CharacterDevice {
    node: Arc<str>,
    plugin: String,
    driver: String,
    character: Character,
    holders: Holders,
    /// Closed when the driver panicked: it wakes nobody any more.
    gone: WaitQueue,
    _module: Hold,
}

impl CharacterDevice {
    /// Attaches a device by a driver of a plugin.
    pub fn attach(module: &Arc<Module>, driver: &str, node: &str, params: &[WireParam]) -> Result<Arc<Self>> {
        let node: Arc<str> = node.into();
        // Taken before the driver is called, so that the plugin cannot go away meanwhile.
        let hold = module.holders().hold(Holder::Device(node.clone())).ok_or(Errno::ENODEV)?;
        let character = Character::attach(module, driver, &host_ctx(), &node, params)?;
        Ok(Arc::new(Self {
            node,
            plugin: module.name().to_owned(),
            driver: driver.to_owned(),
            character,
            holders: Holders::default(),
            gone: WaitQueue::default(),
            _module: hold,
        }))
    }

    /// The node's path.
    pub fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// Name of the plugin.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Name of the driver.
    pub fn driver(&self) -> &str {
        &self.driver
    }

    /// Who uses it.
    pub fn holders(&self) -> &Holders {
        &self.holders
    }

    /// Ends the device. Errors: EBUSY with the holders' names, and then it lives on; the driver's own errors, and
    /// then it has ended nevertheless.
    pub fn detach(&self) -> Result<()> {
        if !self.holders.close() {
            let (node, holders) = (self.node.to_string(), self.holders.describe());
            return Err(DeviceError::Busy { node, holders }.into());
        }
        self.character.detach(&host_ctx())
    }

    /// Hands an answer on; after a panic everyone who sleeps on the device is told.
    fn judged<R>(&self, answer: Result<R>) -> Result<R> {
        if answer.is_err() && self.character.is_poisoned() {
            self.gone.close(Errno::EIO);
        }
        answer
    }
}

impl Drop for CharacterDevice {
    fn drop(&mut self) {
        // A host that ends with devices attached still ends them; after `detach` this does nothing.
        if let Err(e) = self.character.detach(&host_ctx()) {
            log::warn!("detach {}: {e}", self.node);
        }
    }
}

impl Openable for Arc<CharacterDevice> {
    fn open(&self, ctx: &Ctx, flags: u32) -> Result<Arc<dyn Stream>> {
        let holder = Holder::Descriptor { task: ctx.task, fd: u32::MAX };
        let hold = self.holders.hold(holder).ok_or(Errno::ENXIO)?;
        let handle = self.judged(self.character.open(ctx, flags))?;
        let mut opening =
            Opening { device: self.clone(), handle, relay: Relay::new(), waits: false, seeks: false, hold };
        // From here on the opening's end releases the handle.
        opening.waits = self.judged(self.character.poll(ctx, handle, 0))?.is_some();
        opening.seeks = match self.judged(self.character.seek(ctx, handle, 0, SEEK_CUR)) {
            Err(e) if e.errno() == Errno::ESPIPE => false,
            other => other.map(|_| true)?,
        };
        Ok(Arc::new(opening))
    }
}

/// One opening of a character device.
struct Opening {
    device: Arc<CharacterDevice>,
    handle: u64,
    /// What the driver knows as its waiter, for everyone who sleeps on this opening.
    relay: Relay,
    waits: bool,
    seeks: bool,
    hold: Hold,
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Err(e) = self.device.judged(self.device.character.release(&host_ctx(), self.handle)) {
            log::warn!("close {}: {e}", self.device.node);
        }
    }
}

impl Stream for Opening {
    fn read(&self, ctx: &Ctx, offset: u64, buf: &mut [u8]) -> Result<usize> {
        self.device.judged(self.device.character.read(ctx, self.handle, offset, buf))
    }

    fn write(&self, ctx: &Ctx, offset: u64, buf: &[u8], _flags: u32) -> Result<usize> {
        self.device.judged(self.device.character.write(ctx, self.handle, offset, buf))
    }

    fn has_position(&self) -> bool {
        self.seeks
    }

    fn seek(&self, ctx: &Ctx, offset: i64, whence: u32) -> Result<Option<u64>> {
        if offset < 0 && whence != SEEK_END {
            return Err(Errno::EINVAL.into());
        }
        self.device.judged(self.device.character.seek(ctx, self.handle, offset, whence)).map(Some)
    }

    fn poll(&self, ctx: &Ctx, waiter: u64) -> Result<u32> {
        self.device.gone.arm(waiter);
        self.relay.queue().arm(waiter);
        let token = if waiter == 0 { 0 } else { self.relay.token() };
        let events = self.device.judged(self.device.character.poll(ctx, self.handle, token))?;
        Ok(events.unwrap_or(POLLIN | POLLOUT))
    }

    fn waits(&self) -> bool {
        self.waits
    }

    fn ioctl(&self, ctx: &Ctx, command: u32, arg: &mut [u8]) -> Result<u64> {
        let character = &self.device.character;
        let by_value = ioctl::known(command).is_some_and(|known| known.direction == Direction::Value);
        self.device.judged(match by_value {
            true => character.ioctl_value(ctx, self.handle, command, value(arg)?),
            false => character.ioctl_bytes(ctx, self.handle, command, arg),
        })
    }

    fn memory(&self) -> Option<CheckedGrant> {
        match self.device.judged(self.device.character.map(&host_ctx(), self.handle)) {
            Ok(grant) => grant,
            Err(e) => {
                log::warn!("map {}: {e}", self.device.node);
                None
            }
        }
    }

    fn name_holder(&self, holder: &Holder) {
        self.hold.rename(holder.clone());
    }
}
