//! What is attached and what is refused: parameters, kinds of files, permissions, locks.

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::{Given, content, file, pattern};
use nxvfs_sdk::Errno;
use nxvfs_sdk::abi::block::{GEOMETRY_AVAILABLE, GEOMETRY_WRITABLE};

#[test]
fn the_shape_follows_from_the_file_and_the_parameters() {
    let bytes = pattern(10_000);
    let image = file(&bytes);
    let all = Given::file(&image);
    for (given, sector_count) in [
        (all, 19),
        (Given { sector_size: 4096, ..all }, 2),
        (Given { offset: 1, ..all }, 19),
        (Given { offset: 9_000, ..all }, 1),
        (Given { sizelimit: 1024, ..all }, 2),
        (Given { sizelimit: 1025, ..all }, 2),
        (Given { sizelimit: 1 << 40, ..all }, 19),
        (Given { offset: 100, sizelimit: 8192, sector_size: 4096, ..all }, 2),
    ] {
        for ro in [None, Some(false), Some(true)] {
            let disk = Given { ro, ..given }.attach().unwrap();
            let geometry = disk.geometry().unwrap();
            assert_eq!(geometry.sector_count, sector_count, "{given:?}");
            assert_eq!(u64::from(geometry.sector_size_bytes), given.sector_size);
            assert_ne!(geometry.flags & GEOMETRY_AVAILABLE, 0);
            assert_eq!(geometry.flags & GEOMETRY_WRITABLE != 0, ro != Some(true));
            let medium = &bytes[given.offset as usize..][..(sector_count * given.sector_size) as usize];
            assert_eq!(content(&disk), medium);
            disk.detach().unwrap();
        }
    }
    assert_eq!(std::fs::read(image.path()).unwrap(), bytes);
}

#[test]
fn every_refusal_says_what_where_and_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let (missing, fifo, socket) =
        (dir.path().join("none"), dir.path().join("fifo"), dir.path().join("socket"));
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let (empty, short, image) = (file(&[]), file(&[0; 511]), file(&[0; 4096]));
    let inside_a_file = image.path().join("x");
    let all = Given::file(&image);
    for (given, errno, what) in [
        (Given::path(Path::new("")), Errno::EINVAL, "no file for the loop device"),
        (Given { sector_size: 0, ..all }, Errno::EINVAL, "no such sector size"),
        (Given { sector_size: 256, ..all }, Errno::EINVAL, "no such sector size"),
        (Given { sector_size: 513, ..all }, Errno::EINVAL, "no such sector size"),
        (Given { sector_size: 131_072, ..all }, Errno::EINVAL, "no such sector size"),
        (Given::path(&missing), Errno::ENOENT, "file cannot be opened"),
        (Given::path(&inside_a_file), Errno::ENOTDIR, "file cannot be opened"),
        (Given::path(dir.path()), Errno::EISDIR, "file cannot be a medium"),
        (Given::path(&fifo), Errno::EINVAL, "file cannot be a medium"),
        (Given::path(&socket), Errno::EINVAL, "file cannot be a medium"),
        (Given::path(Path::new("/dev/null")), Errno::EINVAL, "file cannot be a medium"),
        (Given::file(&empty), Errno::ERANGE, "file holds less than one sector"),
        (Given::file(&short), Errno::ERANGE, "file holds less than one sector"),
        (Given { sector_size: 8192, ..all }, Errno::ERANGE, "file holds less than one sector"),
        (Given { offset: 3585, ..all }, Errno::ERANGE, "file holds less than one sector"),
        (Given { offset: u64::MAX, ..all }, Errno::ERANGE, "file holds less than one sector"),
        (Given { sizelimit: 511, ..all }, Errno::ERANGE, "file holds less than one sector"),
    ] {
        for given in [given, given.ro(true), given.ro(false)] {
            let refusal = given.refusal();
            assert_eq!((refusal.errno, refusal.what.as_str()), (errno, what), "{given:?}");
            for part in [&refusal.place, &refusal.found, &refusal.remedy] {
                assert!(!part.is_empty(), "a part of the sentence is missing: {refusal}");
            }
        }
    }
}

/// A file that this user can read and not write. The superuser may write everywhere but in sysfs.
fn read_only_file() -> (Option<tempfile::NamedTempFile>, std::path::PathBuf) {
    let image = file(&pattern(4096));
    std::fs::set_permissions(image.path(), std::fs::Permissions::from_mode(0o400)).unwrap();
    if std::fs::File::options().write(true).open(image.path()).is_ok() {
        return (None, "/sys/kernel/uevent_seqnum".into());
    }
    let path = image.path().to_owned();
    (Some(image), path)
}

#[test]
fn a_file_that_cannot_be_written_is_attached_read_only_unless_that_was_ruled_out() {
    let (_keep, path) = read_only_file();
    let disk = Given::path(&path).attach().unwrap();
    assert_eq!(disk.geometry().unwrap().flags, GEOMETRY_AVAILABLE);
    assert_eq!(disk.write(0, &[1; 512], 0).unwrap_err().errno, Errno::EROFS);
    // It shares the file with other readers, as one that was asked to be read-only does.
    let second = Given::path(&path).ro(true).attach().unwrap();
    assert_eq!(second.geometry().unwrap().flags, GEOMETRY_AVAILABLE);
    let refusal = Given::path(&path).ro(false).refusal();
    assert_eq!(
        refusal.to_string(),
        format!(
            "file cannot be opened: {}: found permission denied; ro=n must write to the file; leave ro away to \
             read it only (EACCES)",
            path.display()
        )
    );
}

#[test]
fn one_that_writes_excludes_all_others_and_readers_share() {
    let image = file(&[0; 4096]);
    let given = Given::file(&image);
    let writer = given.attach().unwrap();
    for other in [given, given.ro(false), given.ro(true), Given { offset: 2048, ..given }] {
        let refusal = other.refusal();
        assert_eq!((refusal.errno, refusal.what.as_str()), (Errno::EBUSY, "file is in use"));
        assert!(!refusal.found.is_empty() && !refusal.remedy.is_empty(), "{refusal}");
    }
    writer.detach().unwrap();
    let readers = [given.ro(true).attach().unwrap(), given.ro(true).attach().unwrap()];
    assert_eq!(given.refusal().errno, Errno::EBUSY);
    drop(readers);
    // A refused device holds nothing either.
    assert_eq!(Given { offset: 4096, ..given }.refusal().errno, Errno::ERANGE);
    given.attach().unwrap().detach().unwrap();
}
