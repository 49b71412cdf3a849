//! What a file system is given, and what it answers.

use std::ops::ControlFlow;

use nxvfs_abi::filesystem::*;
use nxvfs_abi::{Errno, Grow, Str, grow};

use crate::guard;
use crate::{Fail, Medium, Params, Result};

/// What the user gave for a mount, a probe, a format or a check.
pub struct Mount<'a> {
    args: MountArgs,
    source: &'a str,
    params: Params<'a>,
}

impl<'a> Mount<'a> {
    /// # Safety
    /// `args` leads to mount arguments that are valid during `'a`.
    pub(super) unsafe fn new(args: MountArgsIn) -> Result<Self> {
        // SAFETY: passed on to the caller.
        let args = unsafe { guard::sent(args.0) }?;
        // SAFETY: as above: strings and parameters live as long as the arguments.
        let (source, params) = unsafe {
            (guard::bytes(args.source)?, Params::new(args.params, args.param_count, args.param_stride))
        };
        Ok(Self { args, source: std::str::from_utf8(source).unwrap_or(""), params })
    }

    /// The block device. Errors: ENODEV if the mount has none.
    pub fn medium(&self) -> Result<Medium> {
        if self.args.device == 0 {
            return Err(Fail::new(Errno::ENODEV, "a block device is needed").remedy("name one as the source"));
        }
        Medium::open(self.args.device)
    }

    /// What the user named as source.
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// Whether nothing may be changed.
    pub fn read_only(&self) -> bool {
        self.args.flags & MOUNT_RDONLY != 0
    }

    /// Whether `check` shall repair.
    pub fn repair(&self) -> bool {
        self.args.flags & MOUNT_REPAIR != 0
    }

    /// The options.
    pub fn params(&self) -> &Params<'a> {
        &self.params
    }

    /// Token of the mount, for the host's invalidation services.
    pub fn token(&self) -> u64 {
        self.args.mount
    }
}

/// What a file system tells of itself when mounted.
pub struct Volume {
    /// The root directory's node; not 0.
    pub root: u64,
    /// The root directory's attributes.
    pub attr: Attr,
    /// `INFO_*` flags ([`nxvfs_abi::filesystem`]).
    pub flags: u32,
    /// Longest name in bytes.
    pub name_max_bytes: u32,
    /// Magic number, as in `statfs`.
    pub magic: u32,
}

impl Volume {
    /// A volume with names of up to 255 bytes and no flags.
    pub fn new(root: u64, attr: Attr, magic: u32) -> Self {
        Self { root, attr, flags: 0, name_max_bytes: 255, magic }
    }
}

/// A node that was found or made; its count went up by one.
pub struct Found {
    /// The node; not 0.
    pub node: u64,
    /// Its attributes.
    pub attr: Attr,
    /// How long the host may trust name and attributes, in nanoseconds; `u64::MAX` until it changes them itself.
    pub valid_ns: u64,
}

impl Found {
    /// A node that changes through the host only.
    pub fn new(node: u64, attr: Attr) -> Self {
        Self { node, attr, valid_ns: u64::MAX }
    }

    /// # Safety
    /// `entry` and `attr` are null or writable for as many bytes as they state.
    pub(super) unsafe fn fill(&self, entry: EntryOut, attr: AttrOut) {
        let wire =
            Entry { node: self.node, valid_ns: self.valid_ns, attr_valid_ns: self.valid_ns, ..Grow::empty() };
        // SAFETY: passed on to the caller.
        unsafe {
            grow::fill(entry.0, &wire);
            grow::fill(attr.0, &self.attr);
        }
    }
}

/// Takes the entries of a directory.
pub struct Emit<'a> {
    pub(super) emit: &'a mut dyn FnMut(&DirEntry) -> bool,
}

impl Emit<'_> {
    /// Hands one entry to the host. `file_type`: the `S_IFMT` bits; `next_cookie`: where to go on after it, not 0 and
    /// below 2^62. `Break`: the host has enough; return `Ok` at once.
    pub fn entry(&mut self, name: &[u8], ino: u64, file_type: u32, next_cookie: u64) -> ControlFlow<()> {
        let entry = DirEntry { file_type, ino, next_cookie, name: Str::new(name), ..Grow::empty() };
        if (self.emit)(&entry) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Takes the findings of a check.
pub struct Check<'a> {
    pub(super) emit: &'a mut dyn FnMut(&Finding) -> bool,
    pub(super) left: i64,
}

impl Check<'_> {
    /// Reports one finding: `severity` is `FINDING_*`, `medium_offset` in bytes or `u64::MAX`, `path` within the
    /// volume or empty. `Break`: the host wants no more.
    pub fn finding(&mut self, severity: u32, medium_offset: u64, path: &str, text: &str) -> ControlFlow<()> {
        if severity >= FINDING_WARNING {
            self.left += 1;
        }
        let finding = Finding {
            severity,
            medium_offset,
            path: Str::new(path.as_bytes()),
            text: Str::new(text.as_bytes()),
            ..Grow::empty()
        };
        if (self.emit)(&finding) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// What `probe` found.
pub struct Probe {
    /// 1 to 100.
    pub score: u32,
    /// Bytes of the volume; 0 if not known.
    pub volume_bytes: u64,
    /// The label; cut to 64 bytes.
    pub label: String,
}
