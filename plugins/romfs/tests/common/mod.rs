//! What the tests share: images by hand, and images by genromfs.

#![allow(dead_code, reason = "each test uses a part")]
#![allow(unreachable_pub, reason = "a module of several test binaries")]

use std::path::Path;
use std::process::Command;

use nxvfs_romfs::format::{checksum, header_len_bytes};
use nxvfs_romfs::{RomFs, fuzz};
use nxvfs_sdk::fake;

/// Types of headers, as the format numbers them.
pub const LINK: u32 = 0;
pub const DIR: u32 = 1;
pub const FILE: u32 = 2;
pub const SYMLINK: u32 = 3;
pub const BLOCK: u32 = 4;
pub const CHARACTER: u32 = 5;
pub const SOCKET: u32 = 6;
pub const FIFO: u32 = 7;
pub const EXECUTABLE: u32 = 8;

/// An image that is put together header by header, so that it can be wrong in exactly one way.
pub struct Image {
    bytes: Vec<u8>,
    headers: Vec<u32>,
}

impl Image {
    /// A volume without any file.
    pub fn new(label: &str) -> Self {
        let mut bytes = b"-rom1fs-\0\0\0\0\0\0\0\0".to_vec();
        bytes.extend_from_slice(label.as_bytes());
        bytes.resize(header_len_bytes(label.len()), 0);
        Self { bytes, headers: Vec::new() }
    }

    /// Adds a header and its content at the end; answers its offset. `kind` may have `EXECUTABLE`.
    pub fn add(&mut self, name: &[u8], kind: u32, spec: u32, content: &[u8]) -> u32 {
        let offset = self.bytes.len();
        for word in [kind, spec, content.len() as u32, 0] {
            self.bytes.extend_from_slice(&word.to_be_bytes());
        }
        self.bytes.extend_from_slice(name);
        self.bytes.resize(offset + header_len_bytes(name.len()), 0);
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(16), 0);
        self.headers.push(offset as u32);
        offset as u32
    }

    /// A word of a header: 0 next, 4 spec, 8 size.
    pub fn set(&mut self, header: u32, field: u32, value: u32) {
        let at = (header + field) as usize;
        self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }

    /// Points a header to the next one, and leaves its type.
    pub fn next(&mut self, header: u32, next: u32) {
        let kind = self.word(header) & 15;
        self.set(header, 0, next | kind);
    }

    /// Makes the headers one list, in this order.
    pub fn chain(&mut self, headers: &[u32]) {
        for pair in headers.windows(2) {
            self.next(pair[0], pair[1]);
        }
    }

    fn word(&self, at: u32) -> u32 {
        let at = at as usize;
        u32::from_be_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    /// The image with right checksums and size, padded to 1024 bytes as genromfs does.
    pub fn finish(self) -> Vec<u8> {
        self.finish_with_headers().0
    }

    /// As [`Self::finish`], with the offsets of all headers.
    pub fn finish_with_headers(mut self) -> (Vec<u8>, Vec<u32>) {
        let size = self.bytes.len() as u32;
        self.bytes[8..12].copy_from_slice(&size.to_be_bytes());
        fix_all(&mut self.bytes, &self.headers);
        self.bytes.resize(self.bytes.len().next_multiple_of(1024), 0);
        (self.bytes, self.headers)
    }
}

/// Makes the checksums of the headers and of the volume right, as far as these are still whole.
pub fn fix_all(bytes: &mut [u8], headers: &[u32]) {
    for header in headers {
        let start = *header as usize;
        let end = bytes.get(start + 16..).and_then(|name| name.iter().position(|byte| *byte == 0));
        if let Some(len) = end.map(header_len_bytes).filter(|len| start + len <= bytes.len()) {
            fix(bytes, start, len);
        }
    }
    fix_volume(bytes);
}

/// Makes the sum of `len` bytes from `start` zero, by the word at 12.
pub fn fix(bytes: &mut [u8], start: usize, len: usize) {
    bytes[start + 12..start + 16].fill(0);
    let sum = checksum(&bytes[start..start + len]);
    bytes[start + 12..start + 16].copy_from_slice(&sum.wrapping_neg().to_be_bytes());
}

/// Makes the volume's checksum right.
pub fn fix_volume(bytes: &mut [u8]) {
    let size = u32::from_be_bytes(bytes[8..12].try_into().unwrap()) as usize;
    let len = size.min(512).min(bytes.len());
    fix(bytes, 0, len);
}

/// A small image with every kind of node, two directories, and hard links.
pub fn sampler() -> Vec<u8> {
    sampler_with_headers().0
}

/// As [`sampler`], with the offsets of all headers.
pub fn sampler_with_headers() -> (Vec<u8>, Vec<u32>) {
    let mut image = Image::new("sampler");
    let root = image.add(b".", DIR | EXECUTABLE, 0, b"");
    image.set(root, 4, root);
    let parent = image.add(b"..", LINK, root, b"");
    let file = image.add(b"file", FILE, 0, b"Hello, world\n");
    let program = image.add(b"program", FILE | EXECUTABLE, 0, &[7; 100]);
    let empty = image.add(b"empty", FILE, 0, b"");
    let symlink = image.add(b"symlink", SYMLINK, 0, b"dir/nested");
    let block = image.add(b"sda1", BLOCK, 8 << 16 | 1, b"");
    let character = image.add(b"tty1", CHARACTER, 4 << 16 | 1, b"");
    let socket = image.add(b"socket", SOCKET, 0, b"");
    let fifo = image.add(b"fifo", FIFO, 0, b"");
    let dir = image.add(b"dir", DIR | EXECUTABLE, 0, b"");
    image.chain(&[root, parent, file, program, empty, symlink, block, character, socket, fifo, dir]);
    let here = image.add(b".", LINK, dir, b"");
    image.set(dir, 4, here);
    let up = image.add(b"..", LINK, root, b"");
    let long = image.add(b"a hard link whose name is far longer than its target's", LINK, file, b"");
    let nested = image.add(b"nested", FILE, 0, b"deep\n");
    image.chain(&[here, up, long, nested]);
    image.finish_with_headers()
}

/// Runs genromfs, which these tests cannot do without.
pub fn genromfs(dir: &Path, label: &str) -> Vec<u8> {
    let out = tempfile::NamedTempFile::new().unwrap();
    let run = Command::new("genromfs").args(["-V", label, "-d"]).arg(dir).arg("-f").arg(out.path()).output();
    let run = run.expect("genromfs is what romfs is judged by: install it (package genromfs)");
    assert!(run.status.success(), "genromfs: {}", String::from_utf8_lossy(&run.stderr));
    std::fs::read(out.path()).unwrap()
}

/// Both kinds of device with the same bytes: without XIP and with it.
pub fn devices(image: &[u8]) -> [fake::Device; 2] {
    [false, true].map(|xip| fake::Device::new(image, 512).xip(xip))
}

/// Mounts a device or fails the test.
pub fn mount(device: &fake::Device) -> fake::Mounted<RomFs> {
    fake::mount::<RomFs>(device, &[]).unwrap_or_else(|refusal| panic!("{refusal}"))
}

/// All that can be seen in an image, which must be the same with and without XIP.
pub fn seen(image: &[u8]) -> Vec<String> {
    let (plain, in_place) = (fuzz::run(image, false), fuzz::run(image, true));
    assert_eq!(plain, in_place, "the same with and without XIP");
    plain
}
