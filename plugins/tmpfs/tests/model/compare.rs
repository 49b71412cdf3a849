//! The volume beside the model.

#![allow(unreachable_pub, reason = "a module of a test binary")]

use nxvfs_sdk::abi::filesystem::{SEEK_DATA, SEEK_HOLE};
use nxvfs_sdk::{Errno, mode, open};

use crate::common::{PAGE, Volume};
use crate::model::state::{Kind, Model, Node};

/// Everything that can be seen of a node.
pub fn compare(volume: &Volume, model: &Model, node: u64, known: &Node) {
    let attr = match (volume.getattr(node), known.count) {
        (Ok(attr), 1..) => attr,
        (answer, _) => {
            assert_eq!((answer.err().map(|error| error.errno), known.count), (Some(Errno::ESTALE), 0));
            return;
        }
    };
    assert_eq!((attr.nlink, attr.ino), (known.nlink, node));
    match &known.kind {
        Kind::File(file) => {
            assert!(volume.read(node).unwrap() == file.bytes);
            assert_eq!(
                (attr.size_bytes, attr.blocks),
                (file.bytes.len() as u64, file.allocated.len() as u64 * 8)
            );
            let opened = volume.open(node, open::O_RDONLY).unwrap();
            for page in 0..attr.size_bytes.div_ceil(PAGE) {
                let is_data = opened.seek(page * PAGE, SEEK_DATA).is_ok_and(|found| found == page * PAGE);
                let is_hole = opened.seek(page * PAGE, SEEK_HOLE).unwrap() == page * PAGE;
                assert_eq!((is_data, is_hole), (file.data.contains(&page), !file.data.contains(&page)));
            }
        }
        Kind::Dir { entries, .. } => {
            let mut listed: Vec<_> =
                volume.readdir(node).unwrap().into_iter().map(|entry| (entry.name, entry.ino)).collect();
            listed.sort_unstable();
            assert!(listed.iter().map(|(name, ino)| (&**name, ino)).eq(entries.iter().map(|(n, i)| (*n, i))));
            let subdirectories = entries.values().filter(|node| model.is_dir(**node)).count() as u32;
            assert_eq!(attr.nlink, if known.nlink == 0 { 0 } else { 2 + subdirectories });
        }
        Kind::Link(target) => assert_eq!(&volume.readlink(node).unwrap(), target),
        Kind::Fifo => assert_eq!(attr.file_type(), mode::S_IFIFO),
    }
}
