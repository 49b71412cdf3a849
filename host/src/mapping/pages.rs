//! Pages that the kernel keeps of a file of the operating system.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Writes what the kernel keeps of a file and has not written, and waits for it. Takes no lock of the file, unlike
/// `fsync`, so that it does not wait for who asks something else of it. Linux `sync_file_range`.
pub fn write_back(file: impl AsFd) -> io::Result<()> {
    const AND_WAIT: libc::c_uint = libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    let how = libc::SYNC_FILE_RANGE_WRITE | AND_WAIT;
    // SAFETY: numbers only; the descriptor is open as long as `file` is borrowed.
    let done = unsafe { libc::sync_file_range(file.as_fd().as_raw_fd(), 0, 0, how) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
