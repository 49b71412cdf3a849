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
    /// `older`: the manifest says that the plugin was built against an older minor version.
    pub fn descriptor(&self, entry: &str, older: bool) -> Result<(*const Descriptor, Door)> {
        let path = || self.origin.display().to_string();
        let (descriptor, door) = if let Some(symbol) = self.symbol(&format!("{RUST_ENTRY_PREFIX}{entry}")) {
            (self.by_rust_door(symbol.cast(), older)?, Door::Rust)
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

    fn by_rust_door(&self, symbol: *const AbiHeader, older: bool) -> Result<*const Descriptor> {
        if !symbol.is_aligned() || !self.contains(symbol.addr())? {
            return Err(ImageError::Stray { path: self.origin.display().to_string() }.into());
        }
        // SAFETY: a static of this name is a library header by the contract, and `AbiHeaderRef` is a transparent
        // reference to one; its magic is checked by `upgrade`. The image outlives the reference, which ends here.
        let header: AbiHeaderRef = unsafe { mem::transmute(symbol) };
        let header: &'static LibHeader =
            header.upgrade().map_err(|e| self.layout_error(&e.to_string(), false))?;
        let theirs =
            header.layout().ok_or_else(|| self.layout_error("Error:no layout in the root module", false))?;
        let ours = <RootRef as StableAbi>::LAYOUT;
        // Fresh globals each time: the checker's own keep pointers into images that may be closed later. Both ways
        // round, because the checker wants the second side to have at least the first side's fields, and here
        // either side may be the older. The errors point into the image, so they are made text at once.
        let check = |a, b| {
            check_layout_compatibility_with_globals(a, b, &CheckingGlobals::new()).map_err(|e| e.to_string())
        };
        if let Err(as_newer) = check(ours, theirs)
            && let Err(as_older) = check(theirs, ours)
        {
            // Of an older plugin it goes without saying that it lacks fields; what else differs counts.
            return Err(if older {
                self.layout_error(&as_older, true)
            } else {
                self.layout_error(&as_newer, false)
            });
        }
        // SAFETY: the layout was checked just now.
        let root: RootRef =
            unsafe { header.unchecked_layout() }.map_err(|e| self.layout_error(&e.to_string(), false))?;
        Ok(root.descriptor().0)
    }

    /// The difference in a few words; the checker's whole report goes to the debug log. `swapped`: the report takes
    /// the plugin's side for what is expected.
    fn layout_error(&self, report: &str, swapped: bool) -> Error {
        log::debug!("{}: layout check:\n{report}", self.origin.display());
        let path = self.origin.display().to_string();
        let Difference { place, what, mut expected, mut found } = Difference::last(report);
        if swapped {
            std::mem::swap(&mut expected, &mut found);
        }
        ImageError::Layout { path, place, what, expected, found }.into()
    }
}

/// One difference of a layout report.
struct Difference {
    place: String,
    what: String,
    expected: String,
    found: String,
}

impl Difference {
    /// The last one: the checker goes from the outside in, and names the way to each error field by field.
    fn last(report: &str) -> Self {
        let lines: Vec<&str> = report.lines().map(str::trim).collect();
        let inside = |l: &str| l.ends_with("error(s)inside:") && !l.starts_with("0 ");
        let start = lines.iter().rposition(|l| inside(l)).unwrap_or(0);
        let way: Vec<&str> = lines[start..]
            .iter()
            .take_while(|l| !l.starts_with("Layout of"))
            .filter_map(|l| l.strip_prefix("field_name:"))
            .filter(|name| *name != "0")
            .collect();
        let error = lines.iter().rposition(|l| l.starts_with("Error:")).unwrap_or(0);
        let after = |label: &str| {
            let at = lines[error..].iter().position(|l| l.starts_with(label)).map(|i| error + i + 1);
            at.and_then(|i| lines.get(i)).unwrap_or(&"").to_string()
        };
        let what = lines.get(error).copied().unwrap_or("").trim_start_matches("Error:");
        Self {
            place: way.join("."),
            what: what.chars().take(100).collect(),
            expected: after("Expected:").chars().take(100).collect(),
            found: after("Found:").chars().take(100).collect(),
        }
    }
}
