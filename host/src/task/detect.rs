//! Which file system is on a device.

use super::Host;
use crate::base::error::teach;
use crate::base::{Errno, Error, Result};
use crate::bridge::ProbeFound;
use crate::plugin::Kind;

teach! {
    /// Why a file system must be named.
    pub enum DetectError {
        /// None says that it is its own.
        Unknown { node: String, asked: String, remedy: &'static str } => EINVAL,
            what: "no file system knows what is on the device", place: "{node}", found: "none of {asked} does",
            remedy: "{remedy}";
    }
}

impl Host {
    /// The file systems that there are, loaded or beside the program, by name.
    pub fn file_systems(&self) -> Vec<String> {
        let loaded = self.plugins().list().into_iter().flat_map(|plugin| plugin.drivers);
        let files = self.plugins().files().into_iter().filter_map(|file| file.outcome.ok());
        let all = loaded.chain(files.flat_map(|manifest| manifest.provides));
        let mut names: Vec<_> =
            all.filter(|(kind, _)| *kind == Kind::FileSystem).map(|(_, name)| name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The file system that is surest of the volume on a device, with what it says of it. Each is asked, and loaded
    /// for that if it must be.
    ///
    /// Errors: EINVAL none knows it; ENOTBLK, EBUSY, and the device's.
    pub fn detect(&self, source: &str) -> Result<(String, ProbeFound)> {
        let (mut best, asked): (Option<(String, ProbeFound)>, _) = (None, self.file_systems());
        for fs in &asked {
            let found = match self.probe(source, fs) {
                Ok(found) => found,
                // One that cannot be loaded, or fails, does not keep the others from knowing.
                Err(e) if matches!(e.errno(), Errno::ENOTBLK | Errno::EBUSY | Errno::ENXIO) => return Err(e),
                Err(e) => {
                    log::info!("{source}: {fs} was asked whether it is its own: {e}");
                    None
                }
            };
            let surer = |found: &ProbeFound| best.as_ref().is_none_or(|(_, best)| found.score > best.score);
            if let Some(found) = found.filter(surer) {
                best = Some((fs.clone(), found));
            }
        }
        best.ok_or_else(|| {
            let parts = self.devices().iter().any(|d| d.parent.as_ref().is_some_and(|(p, _)| p == source));
            let remedy = if parts {
                "it has partitions: name one of them"
            } else {
                "name the file system if you know it"
            };
            let (node, asked) = (source.to_owned(), asked.join(", "));
            Error::from(DetectError::Unknown { node, asked, remedy })
        })
    }
}
