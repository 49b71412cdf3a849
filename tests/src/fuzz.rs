//! What is fuzzed: functions that take any bytes and panic only if the host or a plugin is wrong. `cargo test` replays
//! their corpus and a bounded number of random cases; a fuzzer may call them with anything.

#![allow(
    unsafe_code,
    reason = "opens descriptors that are made of any bytes, in memory that is as long as they say"
)]

use std::ffi::c_void;

use nxvfs::Error;
use nxvfs::bridge::Module;
use nxvfs::plugin::elf;
use nxvfs::plugin::manifest::{MAX_DRIVERS, MAX_PARAMS, MAX_TEXT_BYTES, Manifest};
use nxvfs_abi::Str;
use nxvfs_abi::grow::MAX_SIZE;
use nxvfs_abi::plugin::{Descriptor, Driver, DriverIn};

/// A refusal has an errno and says something.
fn sound(refusal: impl Into<Error>) {
    let refusal = refusal.into();
    assert!(!refusal.detail().what.is_empty(), "a refusal without a word: {refusal}");
    assert!(refusal.to_string().len() < 64 * 1024, "a refusal that nobody reads");
}

/// Any bytes as a manifest.
pub fn manifest(bytes: &[u8]) {
    match Manifest::parse(bytes) {
        Err(refusal) => sound(refusal),
        Ok(manifest) => {
            assert!((1..=32).contains(&manifest.name.len()));
            assert!((1..=MAX_DRIVERS).contains(&manifest.provides.len()));
            assert!(manifest.params.len() <= MAX_PARAMS);
            assert!(manifest.description.len() <= MAX_TEXT_BYTES);
            assert!(!manifest.description.chars().any(char::is_control));
            // What was understood once is understood again.
            assert_eq!(Manifest::parse(bytes).ok(), Some(manifest));
        }
    }
}

/// Any bytes as a plugin file.
pub fn file(bytes: &[u8]) {
    match elf::parse_bytes(bytes) {
        Err(refusal) => sound(refusal),
        Ok(section) => {
            assert!(section.len() <= nxvfs_abi::manifest::MAX_BYTES && !section.is_empty());
            manifest(&section);
        }
    }
}

/// Any bytes as an image of romfs, with the medium in place and not.
pub fn romfs(bytes: &[u8]) {
    let copied = nxvfs_romfs::fuzz::run(bytes, false);
    let in_place = nxvfs_romfs::fuzz::run(bytes, true);
    assert_eq!(copied, in_place, "the same with and without XIP");
}

/// Takes numbers off the bytes; zeroes when they end.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    /// Mostly what is right, sometimes near it, sometimes anything.
    fn near(&mut self, right: u32) -> u32 {
        match self.byte() {
            0..=223 => right,
            224..=239 => right.wrapping_add_signed(i32::from(self.byte().cast_signed())),
            _ => self.u32(),
        }
    }
}

/// Zeroed memory as long as a size may be stated, aligned for any struct.
struct Room(Vec<u64>);

impl Room {
    fn new(bytes: usize) -> Self {
        Self(vec![0; bytes.div_ceil(8)])
    }

    fn at<T>(&mut self, offset: usize) -> *mut T {
        assert!(offset + size_of::<T>() <= self.0.len() * 8, "inside the room");
        self.0.as_mut_ptr().cast::<u8>().wrapping_add(offset).cast()
    }
}

/// Any bytes as a descriptor: its numbers are theirs, and its memory is at least as long as its numbers say.
pub fn descriptor(bytes: &[u8]) {
    let mut bytes = Reader(bytes);
    let text = vec![b'a' + bytes.byte() % 30; 300];
    let string = |bytes: &mut Reader<'_>| match bytes.byte() {
        0..=199 => Str { ptr: text.as_ptr(), len: 1 + usize::from(bytes.byte() % 32) },
        200..=219 => Str { ptr: text.as_ptr(), len: 250 + usize::from(bytes.byte() % 20) },
        220..=229 => Str::EMPTY,
        230..=239 => Str { ptr: std::ptr::null(), len: 1 + usize::from(bytes.byte()) },
        _ => Str { ptr: text.as_ptr(), len: usize::MAX - usize::from(bytes.byte()) },
    };
    let count = bytes.near(1 + u32::from(bytes.0.first().copied().unwrap_or(0) % 4));
    let stride = bytes.near(size_of::<Driver>() as u32);
    // Beyond these a descriptor is refused before its drivers are looked at.
    let (read_count, read_stride) = (count.min(64) as usize, stride.min(MAX_SIZE) as usize);
    let mut drivers = Room::new(read_count * read_stride + MAX_SIZE as usize + size_of::<Driver>());
    let mut tables = Vec::new();
    for index in 0..read_count.min(16) {
        let mut table = Room::new(MAX_SIZE as usize);
        // SAFETY: inside the room, which is aligned for a number.
        unsafe { table.at::<u32>(0).write(bytes.near(264)) };
        for slot in 1..34 {
            // Never called: opening a descriptor runs no code of the plugin.
            let function = if bytes.byte() < 250 { 0x1000 } else { 0 };
            // SAFETY: as above.
            unsafe { table.at::<u64>(slot * 8).write(function) };
        }
        let driver = Driver {
            size: bytes.near(size_of::<Driver>() as u32),
            kind: bytes.near(1 + u32::from(bytes.0.first().copied().unwrap_or(0) % 4)),
            flags: bytes.u32(),
            reserved: 0,
            name: string(&mut bytes),
            ops: if bytes.byte() < 250 { table.at::<c_void>(0) } else { std::ptr::null() },
        };
        // SAFETY: inside the room; a driver at an odd stride need not be aligned.
        unsafe { drivers.at::<Driver>(index * read_stride).write_unaligned(driver) };
        tables.push(table);
    }
    let mut room = Room::new(MAX_SIZE as usize);
    let at = room.at::<Descriptor>(0);
    let descriptor = Descriptor {
        size: bytes.near(size_of::<Descriptor>() as u32),
        magic: bytes.near(nxvfs_abi::plugin::MAGIC),
        abi_major: bytes.near(nxvfs_abi::ABI_MAJOR.into()) as u16,
        abi_minor: bytes.u32() as u16,
        flags: bytes.u32(),
        name: string(&mut bytes),
        version: string(&mut bytes),
        drivers: DriverIn(if bytes.byte() < 250 { drivers.at::<Driver>(0) } else { std::ptr::null() }),
        driver_count: count,
        driver_stride: stride,
        init: None,
        exit: None,
        set_log_level: None,
    };
    // SAFETY: inside the room, which is aligned.
    unsafe { at.write(descriptor) };
    let at = if bytes.byte() < 250 { at } else { at.cast::<u8>().wrapping_add(1).cast() };
    // SAFETY: the descriptor, each driver and each table lie in rooms that are as long as the largest size that is
    // believed; the strings are longer than the longest that is read, or null, or of a length that is refused; no
    // function is called.
    match unsafe { Module::open(at, None) } {
        Err(refusal) => sound(refusal),
        Ok(module) => {
            assert!((1..=64).contains(&module.drivers().len()));
            assert!(module.drivers().iter().all(|d| (1..=4).contains(&d.kind) && d.name.len() <= 256));
            assert_eq!(module.abi().0, nxvfs_abi::ABI_MAJOR);
        }
    }
}
