//! vfat as users have it: through a task's descriptors, on a RAM disk in place and on a disk behind the block cache,
//! judged by fsck.fat and mtools after the volume was unmounted.

#[path = "vfat/defects.rs"]
mod defects;
#[path = "vfat/flushes.rs"]
mod flushes;
#[path = "vfat/fragments.rs"]
mod fragments;
#[path = "vfat/longest.rs"]
mod longest;
#[path = "vfat/mapped.rs"]
mod mapped;
#[path = "vfat/model.rs"]
mod model;
#[path = "vfat/volumes.rs"]
mod volumes;

use std::path::PathBuf;

use nxvfs::Task;
use nxvfs_abi::types::open::{O_CREAT, O_RDWR};
use nxvfs_tests::{Board, Folder, Link, tool};

/// How a volume is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) link: Link,
    /// Whether the medium is memory.
    pub(crate) memory: bool,
}

/// Runs a body on both media, with plugins linked and loaded.
pub(crate) fn everywhere(body: impl Fn(Place)) {
    for link in [Link::Static, Link::Dynamic] {
        for memory in [true, false] {
            body(Place { link, memory });
        }
    }
}

/// A board with a volume of mkfs.fat on /mnt.
pub(crate) struct Fat {
    pub(crate) board: Board,
    image: PathBuf,
    _folder: Folder,
}

impl Fat {
    pub(crate) fn new(place: Place, kib: u64, options: &[&str], mount: &str) -> Self {
        let folder = Folder::new();
        let image = folder.at("fat.img");
        tool::mkfs_fat(&image, kib, options);
        let fat = Self { board: attach(place, &image), image, _folder: folder };
        fat.board.try_mount("/dev/disk", "/mnt", "vfat", mount).unwrap();
        fat
    }

    pub(crate) fn task(&self) -> Task {
        self.board.task()
    }

    /// Unmounts; fsck.fat must have nothing to say. Answers the image, which lives as long as the folder.
    #[track_caller]
    pub(crate) fn judged(self) -> (PathBuf, Folder) {
        self.board.end();
        assert_eq!(tool::fsck_fat(&self.image), [""; 0]);
        (self.image, self._folder)
    }
}

/// A board with an image at /dev/disk.
pub(crate) fn attach(place: Place, image: &std::path::Path) -> Board {
    let board = Board::new(place.link);
    match place.memory {
        true => board.attach("ramdisk-xip", "/dev/disk", &format!("image={},shared", image.display())),
        false => board.attach("loop", "/dev/disk", &format!("file={}", image.display())),
    }
}

/// Makes a file and leaves it open.
#[track_caller]
pub(crate) fn make(task: &Task, path: &str, content: &[u8]) -> u32 {
    let fd = task.open(path, O_RDWR | O_CREAT, 0o644).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(task.pwrite(fd, content, 0).unwrap(), content.len(), "{path}");
    fd
}

/// A file's content from a descriptor.
pub(crate) fn all(task: &Task, fd: u32) -> Vec<u8> {
    let mut content = vec![0; task.fstat(fd).unwrap().attr.size_bytes as usize + 1];
    let len = task.pread(fd, &mut content, 0).unwrap();
    content.truncate(len);
    content
}
