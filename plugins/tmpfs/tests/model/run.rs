//! Operations, done to the volume and to the model, which must answer the same.

#![allow(unreachable_pub, reason = "a module of a test binary")]

use nxvfs_sdk::abi::filesystem::{SET_SIZE, SetAttr};
use nxvfs_sdk::{Errno, Grow, fake, mode, open};
use proptest::sample::Index;

use crate::common::{Open, Volume};
use crate::model::compare::compare;
use crate::model::files::File;
use crate::model::ops::Op;
use crate::model::state::{Answer, Kind, Model, dir};

/// An opening and its node.
pub type Opened<'v> = (u64, Open<'v>);

/// The errnos, or both have an answer.
#[track_caller]
fn both<T, U>(real: fake::Result<T>, model: Answer<U>) -> Option<(T, U)> {
    match (real, model) {
        (Ok(real), Ok(model)) => Some((real, model)),
        (real, model) => {
            assert_eq!(real.err().map(|error| error.errno), model.err());
            None
        }
    }
}

pub fn run<'v>(volume: &'v Volume, model: &mut Model, files: &mut Vec<Opened<'v>>, op: &Op) {
    let pick = |model: &Model, index: &Index| *index.get(&model.seen);
    match op {
        Op::Lookup(dir, name) => {
            let dir = pick(model, dir);
            let found =
                model.entries(dir).and_then(|entries| entries.get(name).copied().ok_or(Errno::ENOENT));
            if let Some((real, node)) = both(volume.lookup(dir, name), found) {
                model.nodes.get_mut(&node).unwrap().count += 1;
                assert_eq!((real.node, real.attr.nlink), (node, model.nodes[&node].nlink));
            }
        }
        Op::Forget(node, count) => {
            let node = pick(model, node);
            volume.forget(node, *count);
            if node != model.root
                && let Some(known) = model.nodes.get_mut(&node)
            {
                known.count = known.count.saturating_sub(*count);
                model.reap(node);
            }
        }
        Op::Create(dir, name) => {
            let place = (pick(model, dir), *name);
            let expected = model.make(place, 0);
            if let Some(((found, file), ())) =
                both(volume.create(place.0, name, 0o644, open::O_RDWR), expected)
            {
                model.made(place, found.node, Kind::File(File::default()));
                model.nodes.get_mut(&found.node).unwrap().opened += 1;
                files.push((found.node, file));
            }
        }
        Op::Mkdir(at, name) => {
            let place = (pick(model, at), *name);
            let expected = model.make(place, 0);
            if let Some((found, ())) = both(volume.mkdir(place.0, name, 0o755), expected) {
                model.made(place, found.node, dir(0));
            }
        }
        Op::Fifo(dir, name) => {
            let place = (pick(model, dir), *name);
            let expected = model.make(place, 0);
            if let Some((found, ())) = both(volume.mknod(place.0, name, mode::S_IFIFO, 0), expected) {
                model.made(place, found.node, Kind::Fifo);
            }
        }
        Op::Symlink(dir, name, len) => {
            let (place, target) = ((pick(model, dir), *name), vec![b't'; *len]);
            let expected = model.make(place, u64::from(*len > 127));
            if let Some((found, ())) = both(volume.symlink(place.0, name, &target), expected) {
                model.made(place, found.node, Kind::Link(target));
            }
        }
        Op::Link(node, dir, name) => {
            let (node, dir) = (pick(model, node), pick(model, dir));
            let expected = model.link(node, (dir, name));
            if let Some((real, node)) = both(volume.link(node, dir, name), expected) {
                assert_eq!((real.node, real.attr.nlink), (node, model.nodes[&node].nlink));
            }
        }
        Op::Take(dir, name, directory) => {
            let dir = pick(model, dir);
            let real = if *directory { volume.rmdir(dir, name) } else { volume.unlink(dir, name) };
            if let Some((real, expected)) = both(real, model.take((dir, name), *directory)) {
                assert_eq!((real.node, real.nlink), expected);
            }
        }
        Op::Rename(dir, name, new_dir, new_name, flags) => {
            let (from, to) = ((pick(model, dir), *name), (pick(model, new_dir), *new_name));
            if let Some((real, expected)) =
                both(volume.rename(from, to, *flags), model.rename(from, to, *flags))
            {
                assert_eq!((real.node, real.nlink), expected);
            }
        }
        Op::Open(node) => {
            let node = pick(model, node);
            let expected = model.known(node).and_then(|known| match known.kind {
                Kind::File(_) => Ok(()),
                Kind::Dir { .. } => Err(Errno::EISDIR),
                Kind::Link(_) => Err(Errno::ELOOP),
                Kind::Fifo => Err(Errno::ENXIO),
            });
            if let Some((file, ())) = both(volume.open(node, open::O_RDWR), expected) {
                model.nodes.get_mut(&node).unwrap().opened += 1;
                files.push((node, file));
            }
        }
        Op::Close(file) if !files.is_empty() => {
            let (node, _) = files.swap_remove(file.index(files.len()));
            model.nodes.get_mut(&node).unwrap().opened -= 1;
            model.reap(node);
        }
        Op::Write { file, offset, len, append } if !files.is_empty() => {
            let (node, file) = file.get(files);
            let bytes: Vec<u8> = (0..*len).map(|at| (offset + at * 7) as u8 | 1).collect();
            let (flags, at) =
                if *append { (open::O_APPEND, model.file(*node).bytes.len()) } else { (0, *offset) };
            let expected = model.write(*node, at, &bytes);
            if let Some((real, done)) = both(file.write_at(*offset as u64, &bytes, flags), expected) {
                assert_eq!(real, done);
            }
        }
        Op::Truncate { node, len } => {
            let node = pick(model, node);
            let expected = model.known(node).and_then(|known| match known.kind {
                Kind::File(_) => Ok(()),
                Kind::Dir { .. } => Err(Errno::EISDIR),
                Kind::Link(_) | Kind::Fifo => Err(Errno::EINVAL),
            });
            let set = SetAttr { valid: SET_SIZE, size_bytes: *len as u64, ..Grow::empty() };
            if let Some((attr, ())) = both(volume.setattr(node, &set), expected) {
                model.truncate(node, *len);
                assert_eq!(attr.size_bytes, *len as u64);
            }
        }
        Op::Allocate { file, mode, offset, len } if !files.is_empty() => {
            let (node, file) = file.get(files);
            let expected = model.allocate(*node, *mode, *offset..offset + len);
            both(file.fallocate(*mode, *offset, *len), expected);
        }
        Op::Look(node) => {
            let node = pick(model, node);
            match model.nodes.get(&node) {
                Some(known) => compare(volume, model, node, known),
                None => assert_eq!(volume.getattr(node).err().map(|error| error.errno), Some(Errno::ESTALE)),
            }
        }
        Op::Close(_) | Op::Write { .. } | Op::Allocate { .. } => {}
    }
}
