//! Signals that end a mount.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::base::{Errno, Result};
use crate::fuse::Ending;

/// Lets SIGINT, SIGTERM and SIGHUP unmount from here on. The first that comes while files are open takes the folder away;
/// the mount ends when they are closed, and everything written reaches the volume.
pub(super) fn signal(ending: Ending) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
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
