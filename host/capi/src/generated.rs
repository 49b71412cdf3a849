//! Files whose text a C program makes.

use std::ffi::{c_char, c_int, c_void};

use nxvfs::Errno;

use crate::call::{answer, check_buffer, utf8};
use crate::host::with_task;

/// Longest text, as the host has it.
const MAX_LEN_BYTES: usize = 64 << 20;

/// `nx_text` of C: the bytes so far.
type Text = Vec<u8>;

type Generate = unsafe extern "C" fn(arg: *mut c_void, text: *mut Text) -> c_int;

/// The program's callback with its argument.
struct Callback {
    generate: Generate,
    arg: *mut c_void,
}

// SAFETY: the program promises that its callback may be called from any thread with this argument.
unsafe impl Send for Callback {}
// SAFETY: as above, and that calls may overlap.
unsafe impl Sync for Callback {}

impl Callback {
    fn call(&self, text: &mut Text) -> nxvfs::Result<()> {
        // SAFETY: the program's function with the program's argument, and a text that lives longer than the call.
        match unsafe { (self.generate)(self.arg, text) } {
            0 => Ok(()),
            failure => Err(Errno::new(failure).unwrap_or(Errno::EIO).into()),
        }
    }
}

/// Puts bytes at the end of a text.
///
/// # Safety
/// `text` is null or what the callback was given; `bytes` is null or has `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_put(text: *mut Text, bytes: *const c_void, len: usize) -> c_int {
    answer(|| {
        check_buffer(bytes.is_null(), len)?;
        // SAFETY: the caller's word: the callback alone has the text while it runs.
        let text = unsafe { text.as_mut() }.ok_or(Errno::EFAULT)?;
        if len > MAX_LEN_BYTES.saturating_sub(text.len()) {
            return Err(Errno::EFBIG.into());
        }
        if len > 0 {
            // SAFETY: not null and of this length, by the check and the caller's word.
            text.extend_from_slice(unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), len) });
        }
        Ok(0)
    })
}

/// Makes a file whose text the callback makes.
///
/// # Safety
/// `path` is null or ends in NUL. `generate` may be called with `arg` from any thread until the file is taken away and
/// nobody has it open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_register_generated(
    path: *const c_char,
    mode: u32,
    generate: Option<Generate>,
    arg: *mut c_void,
) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let path = unsafe { utf8(path) }?;
        let callback = Callback { generate: generate.ok_or(Errno::EFAULT)?, arg };
        with_task(|task| {
            task.host().register_generated(path, mode & 0o7777, move |_, text| callback.call(text))
        })?;
        Ok(0)
    })
}

/// Takes such a file away.
///
/// # Safety
/// `path` is null or ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nx_unregister(path: *const c_char) -> c_int {
    answer(|| {
        // SAFETY: the caller's word.
        let path = unsafe { utf8(path) }?;
        with_task(|task| task.host().unregister(path))?;
        Ok(0)
    })
}
