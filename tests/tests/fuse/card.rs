//! A FAT volume in a file.

use std::path::PathBuf;

use nxvfs_tests::{Folder, tool};

use crate::mounted::{Mounted, open_folder};

/// A FAT volume in a file.
pub(crate) struct Card {
    pub(crate) image: PathBuf,
    pub(crate) folder: Folder,
}

impl Card {
    /// An empty one by mkfs.fat.
    #[track_caller]
    pub(crate) fn new(mib: u64) -> Self {
        let folder = open_folder();
        let image = folder.at("card.img");
        tool::mkfs_fat(&image, mib << 10, &[]);
        Self { image, folder }
    }

    #[track_caller]
    pub(crate) fn mount(&self) -> Mounted {
        Mounted::image(&self.image)
    }

    /// fsck.fat has nothing to say.
    #[track_caller]
    pub(crate) fn is_sound(&self) {
        assert_eq!(tool::fsck_fat(&self.image), [""; 0]);
    }
}
