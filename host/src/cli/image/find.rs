//! Which partition of an image, and which file system, a command is about.

use std::path::PathBuf;

use clap::Args;

use super::refusal::ImageError;
use crate::Host;
use crate::base::{Error, Result};
use crate::bridge::ProbeFound;
use crate::cli::text::human;

/// The node that the image has while a command runs.
pub(in crate::cli) const NODE: &str = "/dev/image";

/// The volume that a command is about.
#[derive(Args, Clone)]
pub(in crate::cli) struct Source {
    /// The file system's driver; if left out each is asked
    #[arg(short = 't', long, value_name = "FS")]
    pub(in crate::cli) fs: Option<String>,
    /// The volume is in this partition of the image; if left out, in the only one that has a volume
    #[arg(long, value_name = "N")]
    pub(in crate::cli) part: Option<u32>,
    /// The image
    pub(in crate::cli) image: PathBuf,
}

/// Where the volume was found.
pub(in crate::cli) struct Place {
    /// The device.
    pub(in crate::cli) node: String,
    /// The partition.
    pub(super) part: Option<u32>,
    /// The file system.
    pub(in crate::cli) fs: String,
    /// What it says of itself.
    pub(super) found: Option<ProbeFound>,
}

/// The numbers and lengths of the partitions of the image.
pub(super) fn partitions(host: &Host) -> Vec<(u32, u64)> {
    let parts = host.devices().into_iter().filter_map(|device| {
        let number = device.node.strip_prefix(NODE)?.strip_prefix('p')?.parse().ok()?;
        Some((number, device.sector_count * u64::from(device.sector_size_bytes)))
    });
    let mut parts: Vec<(u32, u64)> = parts.collect();
    parts.sort_unstable();
    parts
}

fn node_of(part: u32) -> String {
    format!("{NODE}p{part}")
}

impl Source {
    /// What people know the volume by.
    pub(super) fn label(&self, part: Option<u32>) -> String {
        match part {
            Some(part) => format!("{} partition {part}", self.image.display()),
            None => self.image.display().to_string(),
        }
    }

    /// The node of a partition that was named. Errors: ENOENT it is not there, with those that are.
    pub(super) fn named(&self, host: &Host, number: u32) -> Result<String> {
        let parts = partitions(host);
        if parts.iter().any(|(part, _)| *part == number) {
            return Ok(node_of(number));
        }
        let known = match parts.len() {
            0 => "no partitions".to_owned(),
            _ => parts.iter().map(|(part, _)| part.to_string()).collect::<Vec<_>>().join(", "),
        };
        Err(ImageError::NoPartition { path: self.image.display().to_string(), number, known }.into())
    }

    /// The volume on a device, by the file system that was named or by asking each.
    fn ask(&self, host: &Host, node: &str) -> Result<Option<(String, ProbeFound)>> {
        match &self.fs {
            Some(fs) => Ok(host.probe(node, fs)?.map(|found| (fs.clone(), found))),
            None => Ok(host.detect(node).ok()),
        }
    }

    /// Finds the volume in the image that is attached: on the whole of it, else in the only partition that has one.
    /// Errors: EINVAL no file system knows it, or several partitions may be meant; ENOENT.
    pub(in crate::cli) fn find(&self, host: &Host) -> Result<Place> {
        let place = |part: Option<u32>, (fs, found): (String, ProbeFound)| Place {
            node: part.map_or_else(|| NODE.to_owned(), node_of),
            part,
            fs,
            found: Some(found),
        };
        if let Some(number) = self.part {
            let node = self.named(host, number)?;
            return self.forced(host, node, Some(number));
        }
        let parts = partitions(host);
        if parts.is_empty() {
            return self.forced(host, NODE.to_owned(), None);
        }
        if let Some(found) = self.ask(host, NODE)? {
            return Ok(place(None, found));
        }
        let mut known = Vec::new();
        for (number, _) in &parts {
            known.push(self.ask(host, &node_of(*number))?);
        }
        let told = parts.iter().zip(&known).map(|((number, len), known)| match known {
            Some((fs, found)) if found.label.is_empty() => format!("{number} ({fs}, {})", human(*len)),
            Some((fs, found)) => format!("{number} ({fs} '{}', {})", found.label, human(*len)),
            None => format!("{number} (no known volume, {})", human(*len)),
        });
        let told = told.collect::<Vec<_>>().join(", ");
        let mut volumes = parts.iter().zip(known).filter_map(|((number, _), known)| Some((*number, known?)));
        match (volumes.next(), volumes.next()) {
            (Some((number, found)), None) => Ok(place(Some(number), found)),
            _ => {
                let path = self.image.display().to_string();
                Err(ImageError::Which { path, parts: format!("partitions {told}") }.into())
            }
        }
    }

    /// The volume on a device that is meant in any case. A file system that was named is believed: its mount says what
    /// is wrong.
    fn forced(&self, host: &Host, node: String, part: Option<u32>) -> Result<Place> {
        let (fs, found) = match &self.fs {
            Some(fs) => (fs.clone(), host.probe(&node, fs).ok().flatten()),
            None => {
                let (fs, found) = host.detect(&node).map_err(|e| self.named_by_people(e, part))?;
                (fs, Some(found))
            }
        };
        Ok(Place { node, part, fs, found })
    }

    /// An error of the image's node, as one of the image.
    fn named_by_people(&self, error: Error, part: Option<u32>) -> Error {
        let mut detail = error.detail().into_owned();
        detail.place = self.label(part).into();
        Error::new(error.errno(), detail)
    }
}
