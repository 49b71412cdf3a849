//! What the tests share: volumes by mkfs.fat, judged by fsck.fat, read by mtools.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(unreachable_pub, reason = "a module of several test binaries")]

use std::path::{Path, PathBuf};
use std::process::Command;

use nxvfs_sdk::fake::{self, Device, Mounted, Value};
use nxvfs_sdk::{Errno, open};
use nxvfs_vfat::VFat;
use tempfile::TempDir;

pub type Volume = Mounted<VFat>;

/// A kind of volume: what mkfs.fat is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub kib: u32,
    pub bits: u32,
    pub sector: u32,
    pub per_cluster: u32,
}

impl Shape {
    pub const fn new(kib: u32, bits: u32, sector: u32, per_cluster: u32) -> Self {
        Self { kib, bits, sector, per_cluster }
    }
}

/// One of each kind, small.
pub const SHAPES: [Shape; 8] = [
    Shape::new(1440, 12, 512, 1),
    Shape::new(2880, 12, 512, 4),
    Shape::new(8192, 12, 4096, 1),
    Shape::new(8192, 16, 512, 1),
    Shape::new(40_960, 16, 512, 16),
    Shape::new(36_864, 32, 512, 1),
    Shape::new(270_336, 32, 4096, 1),
    // Clusters of 64 KiB.
    Shape::new(16_384, 12, 512, 128),
];

/// Runs a tool, which these tests cannot do without; answers what it said.
#[track_caller]
pub fn tool(name: &str, args: &[&str]) -> (bool, String) {
    let run = Command::new(name).args(args).env("MTOOLS_SKIP_CHECK", "1").env("LC_ALL", "C.UTF-8").output();
    let run = run.unwrap_or_else(|e| panic!("{name}, by which vfat is judged, does not run: {e}"));
    let said = String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
    (run.status.success(), said)
}

/// A folder with an image in it.
pub struct Image {
    folder: TempDir,
}

impl Image {
    pub fn new(bytes: &[u8]) -> Self {
        let image = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(image.path(), bytes).unwrap();
        image
    }

    /// An empty volume by mkfs.fat.
    #[track_caller]
    pub fn made(shape: Shape, more: &[&str]) -> Self {
        let image = Self { folder: tempfile::tempdir().unwrap() };
        let file = std::fs::File::create(image.path()).unwrap();
        file.set_len(u64::from(shape.kib) * 1024).unwrap();
        let (bits, sector, per) =
            (shape.bits.to_string(), shape.sector.to_string(), shape.per_cluster.to_string());
        let path = image.path();
        let mut args = vec!["-F", &bits, "-S", &sector, "-s", &per];
        args.extend_from_slice(more);
        args.push(path.to_str().unwrap());
        let (done, said) = tool("mkfs.fat", &args);
        assert!(done, "mkfs.fat {args:?}: {said}");
        image
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path()).unwrap()
    }

    /// One of mtools on the image.
    #[track_caller]
    pub fn mtool(&self, name: &str, args: &[&str]) -> String {
        let path = self.path();
        let mut all = vec!["-i", path.to_str().unwrap()];
        all.extend_from_slice(args);
        let (done, said) = tool(name, &all);
        assert!(done, "{name} {args:?}: {said}");
        said
    }

    /// What fsck.fat says, without its own name, the image's and the sums.
    pub fn fsck(&self, options: &[&str]) -> Vec<String> {
        let path = self.path();
        let mut args = options.to_vec();
        args.push(path.to_str().unwrap());
        let (_, said) = tool("fsck.fat", &args);
        let noise = |line: &&str| {
            // Said of what mkfs.fat made, too: a FAT32 that is small on purpose.
            let small = ["Warning: Filesystem is FAT32", "  but has only", "  This may lead to problems"];
            line.starts_with("fsck.fat ")
                || small.iter().any(|start| line.starts_with(start))
                || line.contains(" clusters") && line.contains(" files, ")
                || line.is_empty()
        };
        said.lines().filter(|line| !noise(line)).map(str::to_owned).collect()
    }
}

/// An image that fsck.fat has nothing to say about.
#[track_caller]
pub fn judge(bytes: &[u8]) -> Image {
    let image = Image::new(bytes);
    let said = image.fsck(&["-n"]);
    assert!(said.is_empty(), "fsck.fat says: {said:#?}");
    image
}

/// The options' defaults, with changes.
pub fn options<'a>(changes: &[(&'a str, Value<'a>)]) -> Vec<(&'a str, Value<'a>)> {
    let mut all = vec![
        ("uid", Value::Uint(0)),
        ("gid", Value::Uint(0)),
        ("umask", Value::Str("022")),
        ("codepage", Value::Uint(437)),
        ("iocharset", Value::Str("utf8")),
        ("shortname", Value::Str("mixed")),
        ("tz", Value::Str("UTC")),
        ("sync", Value::Bool(false)),
        ("discard", Value::Bool(false)),
        ("quiet", Value::Bool(false)),
        ("errors", Value::Str("remount-ro")),
        ("mmap", Value::Bool(true)),
        ("bigdirs", Value::Bool(true)),
    ];
    all.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    all.extend_from_slice(changes);
    all
}

/// Mounts a device or fails the test.
#[track_caller]
pub fn mount(device: &Device) -> Volume {
    mount_with(device, &[])
}

#[track_caller]
pub fn mount_with<'a>(device: &Device, changes: &[(&'a str, Value<'a>)]) -> Volume {
    fake::mount::<VFat>(device, &options(changes)).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// An empty volume of a shape, as a device.
pub fn empty(shape: Shape) -> Device {
    Device::new(Image::made(shape, &[]).bytes(), shape.sector)
}

/// Makes a file with some content; answers its node, counted once.
#[track_caller]
pub fn file(volume: &Volume, dir: u64, name: &str, content: &[u8]) -> u64 {
    let (found, file) =
        volume.create(dir, name.as_bytes(), 0o644, open::O_RDWR).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(file.write_at(0, content, 0).unwrap(), content.len());
    found.node
}

/// The errno of a refusal.
#[track_caller]
pub fn refused<T>(result: fake::Result<T>) -> Errno {
    result.err().expect("a refusal").errno
}

/// Names in a directory, in the order of the listing.
pub fn names(volume: &Volume, dir: u64) -> Vec<String> {
    let entries = volume.readdir(dir).unwrap();
    entries.into_iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned()).collect()
}

/// Bytes that tell their place.
pub fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8 ^ (at / 251) as u8 ^ seed).collect()
}

/// The content of a file by its path.
#[track_caller]
pub fn content(volume: &Volume, path: &str) -> Vec<u8> {
    let found = volume.walk(path).unwrap_or_else(|e| panic!("{path}: {e}"));
    volume.read(found.node).unwrap()
}

/// Random cases to play: as many as `PROPTEST_CASES` says, or this many.
pub fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}
