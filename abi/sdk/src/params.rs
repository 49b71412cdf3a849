//! Parameters and mount options, parsed and typed by the host after the manifest.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nxvfs_abi::grow;
use nxvfs_abi::types::{
    PARAM_BOOL, PARAM_FILE, PARAM_INT, PARAM_PATH, PARAM_SIZE, PARAM_STR, PARAM_UINT, Param, ParamIn,
};

use crate::{VfsFile, guard};

/// The values of a manifest's `parm` lines for one device or mount, given or default.
///
/// Asking for a name that the manifest does not declare, or as another type, is a mistake of the author's: it
/// panics with a sentence (and the host answers EIO).
pub struct Params<'a> {
    all: Vec<(&'a [u8], &'a [u8], Param)>,
}

impl<'a> Params<'a> {
    /// Borrows the host's array. Elements that make no sense are left out.
    ///
    /// # Safety
    /// `first` is null or leads to `count` parameters, `stride` bytes apart, valid during `'a`.
    pub(crate) unsafe fn new(first: ParamIn, count: u32, stride: u32) -> Self {
        let mut all = Vec::new();
        if !first.0.is_null() {
            for index in 0..count as usize {
                // SAFETY: the caller vouches for the array.
                let param = unsafe { grow::read(first.0.byte_add(index * stride as usize)) };
                let Some(param) = param else { continue };
                // SAFETY: as above; the strings live as long as the array.
                if let (Ok(name), Ok(text)) = unsafe { (guard::bytes(param.name), guard::bytes(param.text)) }
                {
                    all.push((name, text, param));
                }
            }
        }
        Self { all }
    }

    fn find(&self, name: &str, kind: u32) -> &(&'a [u8], &'a [u8], Param) {
        let found = self.all.iter().find(|(n, _, p)| *n == name.as_bytes() && p.kind == kind);
        found.unwrap_or_else(|| panic!("parameter '{name}' is not declared with this type in plugin!"))
    }

    /// True if the user gave it; false if its value is the default.
    pub fn given(&self, name: &str) -> bool {
        self.all.iter().any(|(n, _, p)| *n == name.as_bytes() && p.given != 0)
    }

    /// A `bool`.
    pub fn bool(&self, name: &str) -> bool {
        self.find(name, PARAM_BOOL).2.number != 0
    }

    /// An `int`.
    pub fn int(&self, name: &str) -> i64 {
        self.find(name, PARAM_INT).2.number as i64
    }

    /// A `uint`.
    pub fn uint(&self, name: &str) -> u64 {
        self.find(name, PARAM_UINT).2.number
    }

    /// A `size`, in bytes.
    pub fn size(&self, name: &str) -> u64 {
        self.find(name, PARAM_SIZE).2.number
    }

    /// A `str`; the host has checked that it is UTF-8.
    pub fn str(&self, name: &str) -> &'a str {
        std::str::from_utf8(self.find(name, PARAM_STR).1).unwrap_or("")
    }

    /// A `path` of the operating system.
    pub fn path(&self, name: &str) -> &'a Path {
        Path::new(OsStr::from_bytes(self.find(name, PARAM_PATH).1))
    }

    /// A `file` of the VFS with its path, opened by the host until `detach` returns; `None` if none was given.
    pub fn file(&self, name: &str) -> Option<(&'a Path, VfsFile)> {
        let (_, text, param) = self.find(name, PARAM_FILE);
        (param.number != 0).then(|| (Path::new(OsStr::from_bytes(text)), VfsFile::new(param.number)))
    }
}
