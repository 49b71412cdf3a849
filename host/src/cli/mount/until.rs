//! Signals that end a mount.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::base::{Errno, Result};
use crate::fuse::Ending;

/// The signals that end a mount, kept from here on: one that comes before the mount is there ends it then.
pub(super) struct Until(Signals);

impl Until {
    /// Keeps them.
    pub(super) fn signal() -> Result<Self> {
        Ok(Self(Signals::new([SIGINT, SIGTERM, SIGHUP])?))
    }

    /// Lets them unmount. The first that comes while files are open takes the folder away; the mount ends when they are
    /// closed, and everything written reaches the volume.
    pub(super) fn unmount(self, ending: Ending) -> Result<()> {
        let mut signals = self.0;
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in &mut signals {
                match ending.unmount() {
                    Err(e) if e.errno() == Errno::EBUSY => {
                        log::warn!("files are open: the mount ends when they are closed");
                        if let Err(e) = ending.detach() {
                            log::warn!("the folder stays: {e}");
                        }
                    }
                    // It was unmounted already, and ends.
                    Err(e) => log::info!("unmount: {e}"),
                    Ok(()) => {}
                }
            }
        })?;
        Ok(())
    }
}
