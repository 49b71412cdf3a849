//! `/proc`: what the host tells of itself, as files. docs/proc.md has the format of each.

mod nuttx;
mod of_task;
mod text;

use nxvfs_abi::Ctx;

use super::Host;
use crate::base::sync::{Arc, Weak};
use crate::base::{Errno, Result};
use crate::device::Generated;
use crate::tree::PseudoKind;

/// Makes a text.
type Make = fn(&Host, &Ctx, &mut String) -> Result<()>;

const FILES: [(&str, Make); 11] = [
    ("/proc/devices", text::devices),
    ("/proc/filesystems", text::filesystems),
    ("/proc/fs/blocks", nuttx::blocks),
    ("/proc/fs/mount", nuttx::mount),
    ("/proc/fs/usage", nuttx::usage),
    ("/proc/locks", text::locks),
    ("/proc/meminfo", text::meminfo),
    ("/proc/modules", text::modules),
    ("/proc/mounts", text::mounts),
    ("/proc/uptime", text::uptime),
    ("/proc/version", text::version),
];

/// Makes `/proc`. Nothing in it keeps the host alive.
pub(super) fn set_up(host: &Arc<Host>) -> Result<()> {
    let weak = Arc::downgrade(host);
    let tasks = PseudoKind::Made(Arc::new(of_task::AllTasks(weak.clone())));
    host.tree().add_device(b"/proc", tasks, 0o555)?;
    for (path, make) in FILES {
        let file = generated(&weak, make);
        host.register(path, Arc::new(file), 0o444)?;
    }
    host.tree().add_device(b"/proc/maps", PseudoKind::Link(Arc::from(&b"self/maps"[..])), 0o777)?;
    Ok(())
}

/// A file that tells of a host as long as there is one. Errors of a read: ENODEV the host is ending.
fn generated(
    host: &Weak<Host>,
    make: impl Fn(&Host, &Ctx, &mut String) -> Result<()> + Send + Sync + 'static,
) -> Generated {
    let host = host.clone();
    Generated::new(move |ctx, out| {
        let mut text = String::new();
        make(&*host.upgrade().ok_or(Errno::ENODEV)?, ctx, &mut text)?;
        *out = text.into_bytes();
        Ok(())
    })
}
