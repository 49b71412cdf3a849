//! caps: what a mount agreed on.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use crate::base::Error;
use crate::cli::failure::{Done, about};
use crate::cli::output::Output;
use crate::cli::shell::Shell;
use crate::task::MountStatus;
use crate::tree::TreeError;

/// Show what file system and device agreed on mapping files in place
#[derive(Args)]
#[command(after_help = "Example:
  caps /rom")]
pub(in crate::cli) struct Caps {
    /// The mount point
    mountpoint: String,
}

impl Caps {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let path = shell.absolute(&self.mountpoint);
        let canonical = shell.task.canonical(&path).map_err(about("caps", path.as_bytes()))?;
        let mounts = shell.host.mounts();
        match mounts.iter().rev().find(|m| m.path.as_bytes() == canonical) {
            Some(mount) => show_caps(&mut shell.out, mount),
            None => Err(Error::from(TreeError::NotMountPoint { path }).doing("caps").into()),
        }
    }
}

#[derive(Serialize)]
struct CapsDocument<'a> {
    fs: &'a str,
    device: Option<&'a str>,
    fioc_mmap: bool,
    bioc_xipbase: Option<Grant>,
    mmap: String,
}

#[derive(Serialize)]
struct Grant {
    len_bytes: u64,
    writable: bool,
}

/// The picture, or the document.
pub(super) fn show_caps(out: &mut Output, mount: &MountStatus) -> Done {
    let agreed = &mount.agreement;
    if out.json {
        return out.document(&CapsDocument {
            fs: &mount.fs,
            device: mount.block_driver.is_some().then_some(&mount.source),
            fioc_mmap: agreed.fioc_mmap,
            bioc_xipbase: agreed.bioc_xipbase.map(|(len_bytes, writable)| Grant { len_bytes, writable }),
            mmap: agreed.tier.to_string(),
        });
    }
    let device = match &mount.block_driver {
        Some(driver) => format!(" on {} ({driver})", mount.source),
        None => " without a device".to_owned(),
    };
    let yes = |yes| if yes { "yes" } else { "no" };
    let extents = match agreed.fioc_mmap {
        true => "the file system tells where its files lie",
        false => "the file system does not tell where its files lie",
    };
    let memory = match (agreed.bioc_xipbase, &mount.block_driver) {
        (Some((len, true)), _) => format!("{len} bytes of memory, writable"),
        (Some((len, false)), _) => format!("{len} bytes of memory, read-only"),
        (None, Some(_)) => "the device does not grant its medium as memory".to_owned(),
        (None, None) => "there is no device".to_owned(),
    };
    writeln!(out, "{}  {}{device}", mount.path, mount.fs)?;
    writeln!(out, "  FIOC_MMAP     {:4}  {extents}", yes(agreed.fioc_mmap))?;
    writeln!(out, "  BIOC_XIPBASE  {:4}  {memory}", yes(agreed.bioc_xipbase.is_some()))?;
    Ok(writeln!(out, "  agreed        {:4}  {}", agreed.tier.to_string(), agreed.reason)?)
}
