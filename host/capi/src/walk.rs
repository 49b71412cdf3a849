//! `ftw.h` and `glob.h`: what goes through directories.

use std::collections::HashSet;
use std::ffi::{c_char, c_int, c_void};

use nxvfs::task::At;
use nxvfs::{Errno, Error, Result, Task};

use crate::call::{answer, text};
use crate::host::with_task;
use crate::stat::struct_stat;

const FTW_F: c_int = 0;
const FTW_D: c_int = 1;
const FTW_DNR: c_int = 2;
const FTW_NS: c_int = 3;
const FTW_SL: c_int = 4;
const FTW_DP: c_int = 5;
const FTW_SLN: c_int = 6;

const FTW_PHYS: c_int = 1;
const FTW_MOUNT: c_int = 2;
const FTW_DEPTH: c_int = 8;

/// Where an entry is.
#[repr(C)]
pub struct Ftw {
    /// Where its name begins in its path.
    base: c_int,
    level: c_int,
}

type Visit = unsafe extern "C" fn(*const c_char, *const libc::stat, c_int, *mut Ftw) -> c_int;

/// Tells the program of a path, with its attributes, its kind and its level.
type Tell<'a> = &'a dyn Fn(&[u8], &libc::stat, c_int, usize) -> c_int;

/// A directory whose entries are being visited.
struct Open {
    path: Vec<u8>,
    stat: libc::stat,
    entries: std::vec::IntoIter<Vec<u8>>,
}

struct Walk<'a> {
    task: &'a Task,
    flags: c_int,
    visit: Tell<'a>,
    /// The volume that the walk began on.
    dev: Option<libc::dev_t>,
    /// Directories that were visited, where links are followed.
    seen: HashSet<(u64, u64)>,
    open: Vec<Open>,
}

fn is_dir(stat: &libc::stat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFDIR
}

impl Walk<'_> {
    fn stat(&self, path: &[u8], follow: bool) -> Result<libc::stat> {
        let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        self.task.stat_at(At::Cwd, path, flags as u32).map(|stat| struct_stat(&stat))
    }

    /// What there is at a path. Errors: those of the walk, but EACCES and ENOENT, which are FTW_NS.
    fn kind(&self, path: &[u8]) -> Result<(libc::stat, c_int)> {
        let follow = self.flags & FTW_PHYS == 0;
        // SAFETY: a struct of numbers.
        let unknown: libc::stat = unsafe { std::mem::zeroed() };
        match self.stat(path, follow) {
            Ok(stat) if is_dir(&stat) => Ok((stat, FTW_D)),
            Ok(stat) if stat.st_mode & libc::S_IFMT == libc::S_IFLNK => Ok((stat, FTW_SL)),
            Ok(stat) => Ok((stat, FTW_F)),
            Err(e) if matches!(e.errno(), Errno::EACCES | Errno::ENOENT) => match self.stat(path, false) {
                // A link that leads nowhere.
                Ok(stat) if follow => Ok((stat, FTW_SLN)),
                _ => Ok((unknown, FTW_NS)),
            },
            Err(e) => Err(e),
        }
    }

    /// Visits what is at a path; a directory is opened, to be gone through. Answers what the program's function did, if not 0.
    fn enter(&mut self, path: Vec<u8>) -> Result<c_int> {
        let (stat, kind) = self.kind(&path)?;
        let level = self.open.len();
        if level == 0 {
            self.dev = (self.flags & FTW_MOUNT != 0).then_some(stat.st_dev);
        } else if kind != FTW_NS && self.dev.is_some_and(|dev| dev != stat.st_dev) {
            return Ok(0);
        }
        if kind != FTW_D {
            return Ok((self.visit)(&path, &stat, kind, level));
        }
        if self.flags & FTW_PHYS == 0 && !self.seen.insert((stat.st_dev, stat.st_ino)) {
            return Ok(0);
        }
        let entries = match self.entries(&path) {
            Err(e) if e.errno() == Errno::EACCES => return Ok((self.visit)(&path, &stat, FTW_DNR, level)),
            entries => entries?,
        };
        if self.flags & FTW_DEPTH == 0 {
            let told = (self.visit)(&path, &stat, FTW_D, level);
            if told != 0 {
                return Ok(told);
            }
        }
        self.open.push(Open { path, stat, entries: entries.into_iter() });
        Ok(0)
    }

    fn entries(&self, path: &[u8]) -> Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        let mut dir = self.task.opendir(path)?;
        while let Some(entry) = dir.entry()? {
            if !matches!(entry.name, b"." | b"..") {
                names.push(entry.name.to_vec());
            }
        }
        Ok(names)
    }

    fn all(&mut self, path: &[u8]) -> Result<c_int> {
        // What is not there at all is a failure.
        self.stat(path, false)?;
        let mut told = self.enter(path.to_vec())?;
        while let (0, Some(open)) = (told, self.open.last_mut()) {
            if let Some(name) = open.entries.next() {
                let slash: &[u8] = if open.path.ends_with(b"/") { b"" } else { b"/" };
                let path = [&open.path, slash, &name].concat();
                told = self.enter(path)?;
            } else if let Some(Open { path, stat, .. }) = self.open.pop()
                && self.flags & FTW_DEPTH != 0
            {
                told = (self.visit)(&path, &stat, FTW_DP, self.open.len());
            }
        }
        Ok(told)
    }
}

/// # Safety
/// `path` is null or ends in NUL.
unsafe fn walk(path: *const c_char, flags: c_int, visit: Tell<'_>) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let path = unsafe { text(path) }?;
        with_task(|task| {
            let (dev, seen, open) = (None, HashSet::new(), Vec::new());
            Walk { task, flags, visit, dev, seen, open }.all(path)
        })
    })
}

/// POSIX `nftw`. How many descriptors it may use says nothing: it keeps none open.
///
/// # Safety
/// `path` is null or ends in NUL; the function may be called with what it takes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_nftw(
    path: *const c_char,
    visit: Option<Visit>,
    _most: c_int,
    flags: c_int,
) -> c_int {
    let known = FTW_PHYS | FTW_MOUNT | FTW_DEPTH;
    let Some(visit) = visit.filter(|_| flags & !known == 0) else {
        return answer(|| Err(Error::from(if visit.is_none() { Errno::EFAULT } else { Errno::EINVAL })));
    };
    let call = |path: &[u8], stat: &libc::stat, kind: c_int, level: usize| {
        let name = path.iter().rposition(|b| *b == b'/').map_or(0, |at| at + 1);
        let mut at = Ftw { base: name as c_int, level: level as c_int };
        let path = [path, b"\0"].concat();
        // SAFETY: the program's function, with a path, a struct and a place.
        unsafe { visit(path.as_ptr().cast(), stat, kind, &raw mut at) }
    };
    // SAFETY: the caller's word.
    unsafe { walk(path, flags, &call) }
}

/// SUSv2 `ftw`: links are followed.
///
/// # Safety
/// As [`nx_nftw`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_ftw(
    path: *const c_char,
    visit: Option<unsafe extern "C" fn(*const c_char, *const libc::stat, c_int) -> c_int>,
    _most: c_int,
) -> c_int {
    let Some(visit) = visit else { return answer(|| Err(Errno::EFAULT.into())) };
    let call = |path: &[u8], stat: &libc::stat, kind: c_int, _: usize| {
        let path = [path, b"\0"].concat();
        // SAFETY: as in `nx_nftw`.
        unsafe { visit(path.as_ptr().cast(), stat, if kind == FTW_SLN { FTW_NS } else { kind }) }
    };
    // SAFETY: the caller's word.
    unsafe { walk(path, 0, &call) }
}

/// glibc's struct.
#[repr(C)]
pub struct Glob {
    count: usize,
    paths: *mut *mut c_char,
    reserved: usize,
    flags: c_int,
    /// closedir, readdir, opendir, lstat, stat.
    functions: [*const c_void; 5],
}

const _: () = assert!(size_of::<Glob>() == size_of::<libc::glob_t>());

/// glibc: directories are read by the functions of the struct.
const GLOB_ALTDIRFUNC: c_int = 1 << 9;

/// POSIX `glob`: the C library's, on the host's directories.
///
/// # Safety
/// As the C library's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_glob(
    pattern: *const c_char,
    flags: c_int,
    on_error: Option<extern "C" fn(*const c_char, c_int) -> c_int>,
    out: *mut Glob,
) -> c_int {
    if flags & GLOB_ALTDIRFUNC == 0 && !out.is_null() {
        // SAFETY: the caller's word.
        let before = unsafe { (*out).functions };
        // SAFETY: as above; the functions are those of `dirent.h` and `sys/stat.h`, on our directories.
        return unsafe {
            (*out).functions = [
                crate::dirent::nx_closedir as *const c_void,
                crate::dirent::nx_readdir as *const c_void,
                crate::dirent::nx_opendir as *const c_void,
                crate::stat::nx_lstat as *const c_void,
                crate::stat::nx_stat as *const c_void,
            ];
            let told = libc::glob(pattern, flags | GLOB_ALTDIRFUNC, on_error, out.cast());
            (*out).functions = before;
            (*out).flags &= !GLOB_ALTDIRFUNC;
            told
        };
    }
    // SAFETY: the caller's word.
    unsafe { libc::glob(pattern, flags, on_error, out.cast()) }
}
