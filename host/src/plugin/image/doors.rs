//! The two doors by which a loaded image hands over its descriptor.

use std::mem;

use nxvfs_abi::abi_stable::StableAbi;
use nxvfs_abi::abi_stable::abi_stability::abi_checking::{
    CheckingGlobals, check_layout_compatibility_with_globals,
};
use nxvfs_abi::abi_stable::library::{AbiHeader, AbiHeaderRef, LibHeader};
use nxvfs_abi::plugin::{C_ENTRY_PREFIX, CEntry, Descriptor, RUST_ENTRY_PREFIX, RootRef};
use nxvfs_abi::{ABI_MAJOR, ABI_MINOR};

use super::{Image, ImageError};
use crate::base::{Error, Result};

/// By which door a plugin came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The layout-checked root module.
    Rust,
    /// The function that answers a descriptor.
    C,
}

impl Door {
    /// As `lsmod` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::C => "c",
        }
    }
}

impl Image {
    /// The descriptor, by the Rust door if there is one. Its address lies in this image.
    pub fn descriptor(&self, entry: &str) -> Result<(*const Descriptor, Door)> {
        let path = || self.origin.display().to_string();
        let (descriptor, door) = if let Some(symbol) = self.symbol(&format!("{RUST_ENTRY_PREFIX}{entry}")) {
            (self.by_rust_door(symbol.cast())?, Door::Rust)
        } else if let Some(symbol) = self.symbol(&format!("{C_ENTRY_PREFIX}{entry}")) {
            // SAFETY: a function of this name has this type by the contract; the address is in the image.
            let enter: CEntry = unsafe { mem::transmute(symbol) };
            // SAFETY: as above; the function answers a descriptor or null.
            (unsafe { enter(ABI_MAJOR, ABI_MINOR) }, Door::C)
        } else {
            return Err(ImageError::NoDoor { path: path(), entry: entry.to_owned() }.into());
        };
        if descriptor.is_null() {
            return Err(
                ImageError::Refuses { path: path(), version: format!("{ABI_MAJOR}.{ABI_MINOR}") }.into()
            );
        }
        if !self.contains(descriptor.addr())? {
            return Err(ImageError::Stray { path: path() }.into());
        }
        Ok((descriptor, door))
    }

    fn by_rust_door(&self, symbol: *const AbiHeader) -> Result<*const Descriptor> {
        if !symbol.is_aligned() || !self.contains(symbol.addr())? {
            return Err(ImageError::Stray { path: self.origin.display().to_string() }.into());
        }
        // SAFETY: a static of this name is a library header by the contract, and `AbiHeaderRef` is a transparent
        // reference to one; its magic is checked by `upgrade`. The image outlives the reference, which ends here.
        let header: AbiHeaderRef = unsafe { mem::transmute(symbol) };
        let header: &'static LibHeader = header.upgrade().map_err(|e| self.layout_error(&e.to_string()))?;
        let theirs = header.layout().ok_or_else(|| self.layout_error("no layout in the root module"))?;
        let ours = <RootRef as StableAbi>::LAYOUT;
        // Fresh globals each time: the checker's own keep pointers into images that may be closed later. Both ways
        // round, because the checker wants the second side to have at least the first side's fields, and here
        // either side may be the older.
        let check = |a, b| check_layout_compatibility_with_globals(a, b, &CheckingGlobals::new());
        if let Err(error) = check(ours, theirs)
            && check(theirs, ours).is_err()
        {
            // The error points into the image, so it is made text at once.
            return Err(self.layout_error(&error.to_string()));
        }
        // SAFETY: the layout was checked just now.
        let root: RootRef =
            unsafe { header.unchecked_layout() }.map_err(|e| self.layout_error(&e.to_string()))?;
        Ok(root.descriptor().0)
    }

    /// The last difference of the checker's long report; all of it goes to the debug log.
    fn layout_error(&self, report: &str) -> Error {
        log::debug!("{}: layout check:\n{report}", self.origin.display());
        let lines: Vec<&str> = report.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let last_error = lines.iter().rposition(|l| l.starts_with("Error:")).unwrap_or(0);
        let field = lines[..last_error].iter().rev().find(|l| l.starts_with("field_name:"));
        let mut difference = field.map(|f| format!("{f}, ")).unwrap_or_default();
        let tail: Vec<&str> = lines.get(last_error..).unwrap_or(&[]).iter().take(5).copied().collect();
        difference.push_str(&tail.join(" "));
        difference.truncate(difference.floor_char_boundary(300));
        ImageError::Layout { path: self.origin.display().to_string(), difference }.into()
    }
}
