//! Arguments of ioctl commands as bytes.

use crate::base::{Errno, Result};

/// The argument of a command that takes a value: 4 or 8 bytes in the machine's order, or none for 0. Errors: EINVAL.
pub(super) fn value(arg: &[u8]) -> Result<usize> {
    match arg.len() {
        0 => Ok(0),
        4 => Ok(u32::from_ne_bytes(arg.try_into().map_err(|_| Errno::EINVAL)?) as usize),
        8 => Ok(u64::from_ne_bytes(arg.try_into().map_err(|_| Errno::EINVAL)?) as usize),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// Fills an `int`. Errors: EINVAL too short, EOVERFLOW.
pub(super) fn fill_int(arg: &mut [u8], value: usize) -> Result<u64> {
    let value = i32::try_from(value).map_err(|_| Errno::EOVERFLOW)?;
    arg.get_mut(..4).ok_or(Errno::EINVAL)?.copy_from_slice(&value.to_ne_bytes());
    Ok(0)
}
