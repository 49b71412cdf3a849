//! Listing a directory.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nxvfs_abi::filesystem::*;
use nxvfs_abi::types::mode;
use nxvfs_abi::{Ctx, grow};

use super::Volume;
use crate::base::{Errno, Error, Result};

/// An entry of a directory, checked.
pub struct DirItem<'a> {
    /// The name: neither empty, nor `.` or `..`, without `/` and NUL.
    pub name: &'a [u8],
    /// The inode's number.
    pub ino: u64,
    /// `S_IFMT` bits, or 0.
    pub file_type: u32,
    /// Where to go on.
    pub next_cookie: u64,
}

impl Volume {
    /// Records that a listing from a cookie led back to it.
    pub fn cookie_lie(&self, cookie: u64) -> Error {
        self.instance.lie("readdir", format!("an entry after cookie {cookie:#x} that leads back to it"))
    }

    /// Emits a directory's entries from `cookie` on; `take` answers whether it wants more. A name that cannot be
    /// ends the listing with EIO; `.` and `..` are passed over.
    pub fn readdir(
        &self,
        ctx: &Ctx,
        dir: u64,
        cookie: u64,
        take: &mut dyn FnMut(DirItem<'_>) -> bool,
    ) -> Result<()> {
        struct Sink<'a> {
            take: &'a mut dyn FnMut(DirItem<'_>) -> bool,
            name_max_bytes: u32,
            lie: Option<String>,
            done: bool,
        }

        unsafe extern "C" fn emit(arg: *mut c_void, entry: DirEntryIn) -> i32 {
            let more = catch_unwind(AssertUnwindSafe(|| {
                // SAFETY: `arg` is the sink below, which is used by this call alone.
                let sink = unsafe { &mut *arg.cast::<Sink<'_>>() };
                if sink.done {
                    return false;
                }
                // SAFETY: the plugin vouches for the entry during the call.
                let entry = unsafe { grow::read(entry.0) };
                // SAFETY: and for its name.
                let name = entry.and_then(|e| unsafe { e.name.bytes() });
                let (Some(entry), Some(name)) = (entry, name) else {
                    sink.lie = Some("an entry that is null".to_owned());
                    return false;
                };
                if name == b"." || name == b".." {
                    return true;
                }
                let bad = name.is_empty()
                    || name.len() > sink.name_max_bytes as usize
                    // Without an end in the middle, so that many bytes are looked at at a time.
                    || name.iter().fold(false, |bad, b| bad | (*b == 0) | (*b == b'/'));
                if bad || entry.next_cookie == 0 || entry.next_cookie >= COOKIE_LIMIT {
                    let shown = String::from_utf8_lossy(&name[..name.len().min(64)]);
                    sink.lie = Some(format!("the name {shown:?} with cookie {:#x}", entry.next_cookie));
                    return false;
                }
                let item = DirItem {
                    name,
                    ino: entry.ino,
                    file_type: entry.file_type & mode::S_IFMT,
                    next_cookie: entry.next_cookie,
                };
                sink.done = !(sink.take)(item);
                !sink.done
            }));
            i32::from(!more.unwrap_or(false))
        }

        let Some(readdir) = self.ops.readdir else { return Err(Errno::EIO.into()) };
        let mut sink = Sink { take, name_max_bytes: self.info.name_max_bytes, lie: None, done: false };
        let arg = (&raw mut sink).cast();
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: the sink lives until the call returns.
            i64::from(unsafe { readdir(fs, c, dir, cookie, EmitEntry(Some(emit)), arg) })
        });
        match sink.lie {
            Some(claim) => Err(self.instance.lie("readdir", claim)),
            None => answer.map(drop),
        }
    }
}
