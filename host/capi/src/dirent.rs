//! `dirent.h`: directory streams. Entries have the C library's layout; positions are the host's cookies.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::sync::{Mutex, PoisonError};

use nxvfs::file::{DirRecord, DirStream};
use nxvfs::{Errno, Result};

use crate::call::{caught, done, fail, fill, number, os_errno, pointer, text};
use crate::host::{task, with_task};
use crate::window::{nx_close, ours};

/// `DIR` of C.
pub struct Dir {
    fd: c_int,
    of: Of,
}

enum Of {
    Host(Mutex<Stream>),
    /// Over a descriptor of the operating system's.
    System(*mut libc::DIR),
}

struct Stream {
    stream: DirStream,
    /// What the last `readdir` answered.
    entry: Box<libc::dirent>,
}

/// A stream over a descriptor, which becomes the stream's.
fn make(fd: u32) -> Result<*mut Dir> {
    // SAFETY: a struct of numbers.
    let entry = Box::new(unsafe { std::mem::zeroed() });
    let stream = with_task(|task| DirStream::new(task.file(fd)?))?;
    let of = Of::Host(Mutex::new(Stream { stream, entry }));
    Ok(Box::into_raw(Box::new(Dir { fd: fd as c_int, of })))
}

/// # Safety
/// `dir` is null or what [`nx_opendir`] answered, and not closed. Errors: EBADF.
unsafe fn dir<'a>(dir: *mut Dir) -> Result<&'a Dir> {
    // SAFETY: the caller's word.
    unsafe { dir.as_ref() }.ok_or_else(|| Errno::EBADF.into())
}

/// POSIX `opendir`.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_opendir(path: *const c_char) -> *mut Dir {
    pointer(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        let fd = with_task(|task| task.open(path, flags as u32, 0))?;
        make(fd).inspect_err(|_| {
            let _ = with_task(|task| task.close(fd));
        })
    })
}

/// POSIX `fdopendir`.
#[unsafe(no_mangle)]
pub extern "C" fn nx_fdopendir(fd: c_int) -> *mut Dir {
    pointer(|| match ours(fd) {
        Some(fd) => make(fd),
        None => {
            // SAFETY: a number only.
            let system = unsafe { libc::fdopendir(fd) };
            if system.is_null() {
                return Err(os_errno());
            }
            Ok(Box::into_raw(Box::new(Dir { fd, of: Of::System(system) })))
        }
    })
}

/// POSIX `closedir`.
///
/// # Safety
/// `dir` is null or what [`nx_opendir`] answered, and nobody uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_closedir(dir: *mut Dir) -> c_int {
    if dir.is_null() {
        return done(|| Err(Errno::EBADF.into()));
    }
    // SAFETY: the caller's word; it came from a box.
    let dir = unsafe { Box::from_raw(dir) };
    match dir.of {
        // SAFETY: it was opened with this, and is closed once.
        Of::System(system) => unsafe { libc::closedir(system) },
        Of::Host(stream) => {
            drop(stream);
            nx_close(dir.fd)
        }
    }
}

fn put(entry: &mut libc::dirent, record: &DirRecord) -> Result<()> {
    let room = entry.d_name.len();
    if record.name.len() >= room {
        return Err(Errno::EOVERFLOW.into());
    }
    entry.d_ino = record.ino;
    entry.d_off = record.next as i64;
    entry.d_reclen = size_of::<libc::dirent>() as u16;
    // `DT_*` are the type's bits.
    entry.d_type = (record.file_type >> 12) as u8;
    let name = record.name.iter().map(|byte| *byte as c_char).chain([0]);
    entry.d_name.iter_mut().zip(name).for_each(|(out, byte)| *out = byte);
    Ok(())
}

fn next(stream: &mut Stream) -> Result<bool> {
    let task = task()?;
    match stream.stream.read(&task.caller().ctx())? {
        Some(record) => put(&mut stream.entry, &record).map(|()| true),
        None => Ok(false),
    }
}

/// POSIX `readdir`: errno stays as it is at the end.
///
/// # Safety
/// `dir` is null or what [`nx_opendir`] answered, and not closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_readdir(dir: *mut Dir) -> *mut libc::dirent {
    // SAFETY: the caller's word.
    let dir = match unsafe { self::dir(dir) } {
        Ok(dir) => dir,
        Err(e) => return pointer(|| Err(e)),
    };
    let stream = match &dir.of {
        // SAFETY: it is open by the caller's word.
        Of::System(system) => return unsafe { libc::readdir(*system) },
        Of::Host(stream) => stream,
    };
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    match caught(|| next(&mut stream)) {
        // POSIX: until the next call for this stream it is the caller's.
        Ok(true) => &raw mut *stream.entry,
        Ok(false) => std::ptr::null_mut(),
        Err(e) => {
            fail(e);
            std::ptr::null_mut()
        }
    }
}

/// POSIX `readdir_r`.
///
/// # Safety
/// As [`nx_readdir`]; `entry` and `result` are null or have room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_readdir_r(
    dir: *mut Dir,
    entry: *mut libc::dirent,
    result: *mut *mut libc::dirent,
) -> c_int {
    number(|| {
        // SAFETY: the caller's word.
        let dir = unsafe { self::dir(dir) }?;
        if entry.is_null() || result.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: room for a pointer, by the check and the caller's word.
        unsafe { result.write(std::ptr::null_mut()) };
        let mut stream = match &dir.of {
            Of::Host(stream) => stream.lock().unwrap_or_else(PoisonError::into_inner),
            Of::System(system) => {
                set_errno_0();
                // SAFETY: it is open by the caller's word.
                let got = unsafe { libc::readdir(*system).as_ref() };
                let Some(got) = got else { return failed_in_system() };
                // SAFETY: room for both, by the checks and the caller's word.
                unsafe {
                    entry.write(*got);
                    result.write(entry);
                }
                return Ok(());
            }
        };
        if next(&mut stream)? {
            // SAFETY: as above.
            unsafe {
                entry.write(*stream.entry);
                result.write(entry);
            }
        }
        Ok(())
    })
}

fn set_errno_0() {
    // SAFETY: the C library's address of this thread's errno.
    unsafe { *libc::__errno_location() = 0 }
}

fn failed_in_system() -> Result<()> {
    // SAFETY: as above.
    match Errno::new(unsafe { *libc::__errno_location() }) {
        None => Ok(()),
        Some(errno) => Err(errno.into()),
    }
}

/// POSIX `rewinddir`.
///
/// # Safety
/// As [`nx_readdir`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_rewinddir(dir: *mut Dir) {
    // SAFETY: the caller's word.
    unsafe { nx_seekdir(dir, 0) }
}

/// POSIX `seekdir`.
///
/// # Safety
/// As [`nx_readdir`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_seekdir(dir: *mut Dir, position: c_long) {
    // SAFETY: the caller's word.
    match unsafe { self::dir(dir) }.map(|dir| &dir.of) {
        // POSIX has no failure here; a position that nobody told is the start.
        Ok(Of::Host(stream)) => {
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            stream.stream.seek(u64::try_from(position).unwrap_or(0));
        }
        // SAFETY: it is open by the caller's word.
        Ok(Of::System(system)) if position == 0 => unsafe { libc::rewinddir(*system) },
        // SAFETY: as above.
        Ok(Of::System(system)) => unsafe { libc::seekdir(*system, position) },
        Err(e) => fail(e),
    }
}

/// POSIX `telldir`.
///
/// # Safety
/// As [`nx_readdir`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_telldir(dir: *mut Dir) -> c_long {
    // SAFETY: the caller's word.
    match unsafe { self::dir(dir) }.map(|dir| &dir.of) {
        Ok(Of::Host(stream)) => stream.lock().unwrap_or_else(PoisonError::into_inner).stream.tell() as c_long,
        // SAFETY: it is open by the caller's word.
        Ok(Of::System(system)) => unsafe { libc::telldir(*system) },
        Err(e) => {
            fail(e);
            -1
        }
    }
}

/// POSIX `dirfd`.
///
/// # Safety
/// As [`nx_readdir`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_dirfd(dir: *mut Dir) -> c_int {
    crate::call::answer(|| {
        // SAFETY: the caller's word.
        unsafe { self::dir(dir) }.map(|dir| dir.fd).map_err(|_| Errno::EINVAL.into())
    })
}

type Filter = unsafe extern "C" fn(*const libc::dirent) -> c_int;
type Compare = unsafe extern "C" fn(*mut *const libc::dirent, *mut *const libc::dirent) -> c_int;

/// Entries in memory of the C library's, which whoever calls frees.
#[derive(Default)]
struct Entries(Vec<*mut libc::dirent>);

impl Entries {
    fn keep(&mut self, entry: &libc::dirent) -> Result<()> {
        // SAFETY: asks for memory; what it answers is checked.
        let copy: *mut libc::dirent = unsafe { libc::malloc(size_of::<libc::dirent>()) }.cast();
        if copy.is_null() {
            return Err(Errno::ENOMEM.into());
        }
        // SAFETY: room for one.
        unsafe { copy.write(*entry) };
        self.0.push(copy);
        Ok(())
    }

    /// The list as C has it: memory of the C library's.
    fn give(mut self) -> Result<*mut *mut libc::dirent> {
        // SAFETY: asks for memory; what it answers is checked. Never 0 bytes, for which null could be the answer.
        let list = unsafe { libc::calloc(self.0.len().max(1), size_of::<*mut libc::dirent>()) };
        let list: *mut *mut libc::dirent = list.cast();
        if list.is_null() {
            return Err(Errno::ENOMEM.into());
        }
        // SAFETY: room for as many.
        unsafe { std::ptr::copy_nonoverlapping(self.0.as_ptr(), list, self.0.len()) };
        self.0.clear();
        Ok(list)
    }
}

impl Drop for Entries {
    fn drop(&mut self) {
        for entry in &self.0 {
            // SAFETY: memory that `keep` asked for, and nobody else has.
            unsafe { libc::free(entry.cast::<c_void>()) };
        }
    }
}

/// POSIX `scandir`.
///
/// # Safety
/// `path` is null or ends in NUL, `list` is null or has room; the functions may be called with entries.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_scandir(
    path: *const c_char,
    list: *mut *mut *mut libc::dirent,
    filter: Option<Filter>,
    compare: Option<Compare>,
) -> c_int {
    crate::call::answer(|| {
        if list.is_null() {
            return Err(Errno::EFAULT.into());
        }
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        let task = task()?;
        let mut entries = Entries::default();
        // SAFETY: a struct of numbers.
        let mut entry: libc::dirent = unsafe { std::mem::zeroed() };
        for record in task.opendir(path)? {
            put(&mut entry, &record?)?;
            // SAFETY: the caller's function with an entry.
            if filter.is_none_or(|filter| unsafe { filter(&raw const entry) } != 0) {
                entries.keep(&entry)?;
            }
        }
        let count = c_int::try_from(entries.0.len()).map_err(|_| Errno::EOVERFLOW)?;
        let given = entries.give()?;
        if let Some(compare) = compare {
            // SAFETY: a list of as many pointers, and the caller's function, which takes pointers to two of them.
            unsafe {
                let compare: unsafe extern "C" fn(*const c_void, *const c_void) -> c_int =
                    std::mem::transmute(compare);
                libc::qsort(given.cast(), count as usize, size_of::<*mut libc::dirent>(), Some(compare));
            }
        }
        // SAFETY: the caller's word.
        unsafe { fill(list, given) }?;
        Ok(count)
    })
}
