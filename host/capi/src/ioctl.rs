//! `sys/ioctl.h`.
//!
//! C passes no size: it is known of the host's own commands, told by Linux's numbering of others (`_IOR` …), and else the
//! argument is a value.

use std::ffi::{c_int, c_ulong, c_void};

use nxvfs::{Errno, Result, Task};
use nxvfs_abi::ioctl::{self, Direction};
use nxvfs_abi::types::open;

use crate::call::{bytes_mut, on_fd, read};

/// Longest argument that Linux's numbering can tell.
const MAX_LEN_BYTES: usize = 1 << 14;

/// What the argument of a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A number, or something that only the driver knows.
    Value,
    /// Memory of so many bytes.
    Memory(usize),
    /// A struct whose first four bytes are its size, which is at least this.
    Sized(usize),
    /// `struct { void *buf; size_t len; }`.
    Peek,
}

/// What the argument of a command is.
pub(crate) fn shape(command: u32) -> Shape {
    match ioctl::known(command) {
        _ if command == ioctl::PIPEIOC_PEEK => Shape::Peek,
        Some(known) if matches!(command, ioctl::BIOC_GEOMETRY | ioctl::BIOC_PARTINFO) => {
            Shape::Sized(known.size_bytes)
        }
        Some(known) if known.direction == Direction::Value => Shape::Value,
        Some(known) => Shape::Memory(known.size_bytes),
        // Linux's `_IOC`: two bits of direction, 14 of size.
        None => match (command >> 30, (command >> 16) as usize % MAX_LEN_BYTES) {
            (0, _) | (_, 0) => Shape::Value,
            (_, len) => Shape::Memory(len),
        },
    }
}

/// The host's number of a command that `sys/ioctl.h` and `linux/fs.h` have numbers of their own for.
fn host_command(command: u32) -> u32 {
    const BLKGETSIZE64: u32 = 0x8008_1272;
    const BLKSSZGET: u32 = 0x1268;
    const BLKFLSBUF: u32 = 0x1261;
    match c_ulong::from(command) {
        libc::FIONREAD => ioctl::FIONREAD,
        libc::FIONBIO => ioctl::FIONBIO,
        libc::FIOCLEX => ioctl::FIOCLEX,
        libc::FIONCLEX => ioctl::FIONCLEX,
        libc::TIOCOUTQ => ioctl::FIONWRITE,
        _ => match command {
            BLKSSZGET => ioctl::BIOC_BLKSSZGET,
            BLKFLSBUF => ioctl::BIOC_FLUSH,
            // Bytes, where the host's counts sectors: answered below.
            BLKGETSIZE64 => BLKGETSIZE64,
            _ => command,
        },
    }
}

/// POSIX `ioctl`.
///
/// # Safety
/// Where the command takes a pointer `arg` is null or leads to what the command says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_ioctl(fd: c_int, command: c_ulong, arg: *mut c_void) -> c_int {
    on_fd(
        fd,
        // SAFETY: the caller's word. A command is 32 bits: an int of C may come with its sign.
        |task, fd| unsafe { ioctl_of(task, fd, command as u32, arg) },
        // SAFETY: the caller's word.
        || unsafe { libc::ioctl(fd, command, arg) },
    )
}

/// # Safety
/// As [`nx_ioctl`].
unsafe fn ioctl_of(task: &Task, fd: u32, command: u32, arg: *mut c_void) -> Result<c_int> {
    const BLKGETSIZE64: u32 = 0x8008_1272;
    let file = task.file(fd)?;
    let command = host_command(command);
    match command {
        ioctl::FIOCLEX | ioctl::FIONCLEX => {
            task.setfd(fd, if command == ioctl::FIOCLEX { open::O_CLOEXEC } else { 0 })?;
            return Ok(0);
        }
        BLKGETSIZE64 if file.block_device().is_some() => {
            let len = file.block_device().map_or(0, |device| device.len_bytes());
            // SAFETY: the caller's word.
            unsafe { crate::call::fill(arg.cast(), len) }?;
            return Ok(0);
        }
        _ => {}
    }
    let mut value = arg.expose_provenance().to_ne_bytes();
    let (buf, len) = match shape(command) {
        Shape::Value => (std::ptr::null_mut(), 0),
        Shape::Memory(len) => (arg, len),
        Shape::Sized(least) => {
            // SAFETY: the caller's word: a struct that begins with its size.
            let len = unsafe { read(arg.cast::<u32>()) }? as usize;
            if !(least..=MAX_LEN_BYTES).contains(&len) {
                return Err(Errno::EINVAL.into());
            }
            (arg, len)
        }
        Shape::Peek => {
            // SAFETY: the caller's word.
            let peek: libc::iovec = unsafe { read(arg.cast()) }?;
            (peek.iov_base, peek.iov_len)
        }
    };
    let arg = if shape(command) == Shape::Value {
        &mut value[..]
    } else {
        // SAFETY: the caller's word: memory as long as the command says.
        unsafe { bytes_mut(buf, len) }?
    };
    let answer = task.ioctl(fd, command, arg)?;
    c_int::try_from(answer).map_err(|_| Errno::EOVERFLOW.into())
}
