//! FAT's own attributes as an extended attribute, for programs that know those and not `FAT_IOCTL_SET_ATTRIBUTES`.

use nxvfs_sdk::abi::filesystem::{XATTR_CREATE, XATTR_REPLACE};
use nxvfs_sdk::{Errno, Fail, Result};

use crate::VFat;
use crate::format::entry::{ARCHIVE, HIDDEN, READ_ONLY, SYSTEM};
use crate::sync::lock;

/// Its name. The value is letters, those of mtools' `mattrib` and DOS's `ATTRIB`, in lower case.
pub(crate) const NAME: &[u8] = b"user.fat.attributes";

const LETTERS: [(u8, u8); 4] = [(b'r', READ_ONLY), (b'h', HIDDEN), (b's', SYSTEM), (b'a', ARCHIVE)];

/// The letters of attributes.
fn letters(attr: u8) -> Vec<u8> {
    LETTERS.iter().filter(|(_, bit)| attr & bit != 0).map(|(letter, _)| *letter).collect()
}

/// The attributes of letters, of either case.
fn bits(letters: &[u8]) -> Option<u8> {
    let bit = |given: &u8| {
        LETTERS.iter().find(|(letter, _)| *letter == given.to_ascii_lowercase()).map(|(_, bit)| *bit)
    };
    letters.iter().try_fold(0, |bits, letter| Some(bits | bit(letter)?))
}

/// Copies a value, or answers its length to who has no room.
fn copy(value: &[u8], buf: &mut [u8]) -> Result<usize> {
    if !buf.is_empty() {
        buf.get_mut(..value.len()).ok_or(Errno::ERANGE)?.copy_from_slice(value);
    }
    Ok(value.len())
}

impl VFat {
    fn fat_attributes(&self, number: u64) -> Result<(u8, u8)> {
        let inode = lock(&self.core).get(number)?;
        let usual = if inode.is_dir { 0 } else { ARCHIVE };
        let settable = READ_ONLY | HIDDEN | SYSTEM | ARCHIVE;
        Ok((inode.with(|data| data.attr) & settable, usual))
    }

    /// Errors: ENODATA another name; ERANGE.
    pub(crate) fn get_xattr(&self, number: u64, name: &[u8], buf: &mut [u8]) -> Result<usize> {
        if name != NAME {
            return Err(Errno::ENODATA.into());
        }
        copy(&letters(self.fat_attributes(number)?.0), buf)
    }

    /// It is listed where it says something, so that copies of ordinary files stay ordinary.
    pub(crate) fn list_xattr(&self, number: u64, buf: &mut [u8]) -> Result<usize> {
        let (now, usual) = self.fat_attributes(number)?;
        if now == usual { Ok(0) } else { copy(&[NAME, b"\0"].concat(), buf) }
    }

    /// Errors: ENOTSUP another name; EINVAL other letters; EEXIST it is always there; EROFS.
    pub(crate) fn set_xattr(&self, number: u64, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
        if name != NAME {
            return Err(Fail::new(Errno::ENOTSUP, "FAT has no room for extended attributes")
                .expected("user.fat.attributes, letters of 'rhsa'"));
        }
        if flags & !(XATTR_CREATE | XATTR_REPLACE) != 0 {
            return Err(Errno::EINVAL.into());
        }
        if flags & XATTR_CREATE != 0 {
            return Err(Errno::EEXIST.into());
        }
        let wanted = bits(value).ok_or_else(|| {
            Fail::new(Errno::EINVAL, "not attributes of FAT")
                .found(String::from_utf8_lossy(value))
                .expected("letters of 'rhsa'")
        })?;
        self.set_fat_attributes(number, wanted.into())
    }

    /// Sets the usual ones. Errors: ENODATA another name; EROFS.
    pub(crate) fn remove_xattr(&self, number: u64, name: &[u8]) -> Result<()> {
        if name != NAME {
            return Err(Errno::ENODATA.into());
        }
        let usual = self.fat_attributes(number)?.1;
        self.set_fat_attributes(number, usual.into())
    }
}
