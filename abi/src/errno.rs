//! Error numbers, with Linux's generic values on every machine.

use std::fmt;
use std::num::NonZeroI32;

/// An error number: never zero, always positive. On the wire it is negated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Errno(NonZeroI32);

impl Errno {
    /// The largest error number that the wire carries; beyond it a negative answer is taken for [`Errno::EIO`].
    pub const MAX: i32 = 4095;

    const fn known(number: i32) -> Self {
        match NonZeroI32::new(number) {
            Some(n) => Self(n),
            None => panic!("an error number is never zero"),
        }
    }

    /// The error number of a positive value up to [`Errno::MAX`]; `None` for any other.
    pub const fn new(number: i32) -> Option<Self> {
        if number < 1 || number > Self::MAX {
            return None;
        }
        Some(Self::known(number))
    }

    /// The positive number, as in C's `errno`.
    pub const fn get(self) -> i32 {
        self.0.get()
    }

    /// The form that crosses the boundary: negated.
    pub const fn wire(self) -> i32 {
        -self.0.get()
    }

    /// Reads an answer from the boundary: zero or more is `Ok`; a negative number that is no error number is
    /// [`Errno::EIO`], because it is a lie.
    #[inline]
    pub fn check(answer: i64) -> Result<u64, Self> {
        if answer >= 0 {
            return Ok(answer as u64);
        }
        let number = answer.checked_neg().and_then(|n| i32::try_from(n).ok());
        Err(number.and_then(Self::new).unwrap_or(Self::EIO))
    }
}

macro_rules! errnos {
    ($($name:ident = $value:literal, $text:literal;)*) => {
        impl Errno {
            $(#[doc = concat!($text, ".")] pub const $name: Self = Self::known($value);)*

            /// Every named error number, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The symbolic name, such as `ENOENT`; `E?` for a number without one.
            pub const fn name(self) -> &'static str {
                match self.get() { $($value => stringify!($name),)* _ => "E?" }
            }

            /// A short sentence in lower case, such as `no such file or directory`.
            pub const fn text(self) -> &'static str {
                match self.get() { $($value => $text,)* _ => "unknown error" }
            }
        }
    };
}

errnos! {
    EPERM = 1, "operation not permitted";
    ENOENT = 2, "no such file or directory";
    ESRCH = 3, "no such task";
    EINTR = 4, "interrupted";
    EIO = 5, "input or output error";
    ENXIO = 6, "no such device or address";
    E2BIG = 7, "argument list too long";
    ENOEXEC = 8, "not an executable format";
    EBADF = 9, "bad file descriptor";
    ECHILD = 10, "no such child";
    EAGAIN = 11, "try again";
    ENOMEM = 12, "not enough memory";
    EACCES = 13, "permission denied";
    EFAULT = 14, "bad address";
    ENOTBLK = 15, "not a block device";
    EBUSY = 16, "in use";
    EEXIST = 17, "exists already";
    EXDEV = 18, "crosses from one volume to another";
    ENODEV = 19, "no such driver, or the driver cannot do this";
    ENOTDIR = 20, "not a directory";
    EISDIR = 21, "is a directory";
    EINVAL = 22, "invalid argument";
    ENFILE = 23, "too many open files in the host";
    EMFILE = 24, "too many open files in the task";
    ENOTTY = 25, "command not known to this object";
    ETXTBSY = 26, "file is being executed";
    EFBIG = 27, "file too large";
    ENOSPC = 28, "no space left on the device";
    ESPIPE = 29, "cannot seek";
    EROFS = 30, "read-only file system";
    EMLINK = 31, "too many links";
    EPIPE = 32, "no reader";
    EDOM = 33, "argument out of domain";
    ERANGE = 34, "result too large";
    EDEADLK = 35, "would deadlock";
    ENAMETOOLONG = 36, "name too long";
    ENOLCK = 37, "no locks left";
    ENOSYS = 38, "not implemented";
    ENOTEMPTY = 39, "directory not empty";
    ELOOP = 40, "too many symbolic links";
    ENODATA = 61, "no such attribute";
    ETIME = 62, "timer expired";
    EPROTO = 71, "protocol error";
    EBADMSG = 74, "bad message";
    EOVERFLOW = 75, "value too large";
    ELIBACC = 79, "cannot open a needed library";
    ELIBBAD = 80, "damaged library";
    EILSEQ = 84, "invalid byte sequence";
    ENOTSUP = 95, "not supported";
    ETIMEDOUT = 110, "timed out";
    EINPROGRESS = 115, "in progress";
    ESTALE = 116, "stale handle";
    EUCLEAN = 117, "structure needs cleaning";
    ECANCELED = 125, "cancelled";
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.get())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Errno {}
