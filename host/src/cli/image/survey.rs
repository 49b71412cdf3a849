//! What is on a volume and where: every file with its place on the medium.

use std::collections::HashSet;

use nxvfs_abi::Extent;
use nxvfs_abi::types::mode;

use super::walk;
use crate::base::Error;
use crate::cli::commands::identity;
use crate::cli::failure::{Failure, about};
use crate::cli::shell::Shell;
use crate::tree::Tier;

/// A regular file.
pub(super) struct Surveyed {
    pub(super) path: Vec<u8>,
    pub(super) len_bytes: u64,
    /// Where it lies on the medium, in the order of its content; neighbours are one.
    pub(super) extents: Vec<Extent>,
    /// Whether a shared mapping of all of it shows the medium itself.
    pub(super) in_place: bool,
}

/// The files of a volume. A file with several names is one.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) files: Vec<Surveyed>,
    /// With the root.
    pub(super) directories: u64,
    pub(super) links: u64,
    pub(super) special_nodes: u64,
    /// Why the first file that cannot be mapped in place cannot.
    pub(super) reason: Option<String>,
}

impl Survey {
    /// Looks at every file. Errors of single files are told, and the rest is done.
    pub(super) fn new(shell: &mut Shell, command: &str) -> Result<Self, Failure> {
        let (mut survey, mut seen) = (Self::default(), HashSet::new());
        walk::each(shell, command, b"/", &mut |shell, path, status| {
            match status.attr.file_type() {
                mode::S_IFDIR => survey.directories += 1,
                mode::S_IFLNK => survey.links += 1,
                mode::S_IFREG => {
                    if seen.insert(identity(status))
                        && let Err(error) = survey.file(shell, path)
                    {
                        shell.complain(&about(command, path)(error));
                    }
                }
                _ => survey.special_nodes += 1,
            }
            Ok(())
        })?;
        Ok(survey)
    }

    fn file(&mut self, shell: &Shell, path: &[u8]) -> Result<(), Error> {
        let explained = shell.task.explain(path)?;
        let in_place = explained.tier == Tier::Xip;
        if !in_place && explained.len_bytes > 0 && self.reason.is_none() {
            self.reason = Some(explained.reason);
        }
        let (len_bytes, extents) = (explained.len_bytes, explained.extents);
        self.files.push(Surveyed { path: path.to_vec(), len_bytes, extents, in_place });
        Ok(())
    }

    /// Bytes of content.
    pub(super) fn content_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.len_bytes).fold(0, u64::saturating_add)
    }
}
