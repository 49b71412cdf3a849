//! Functions with any number of arguments. Rust has none; so these few lines lay down the registers as the ABI of x86-64 has
//! it (System V, 3.5.7), and hand the list to a function that takes one.

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "libnxvfs.so: functions with any number of arguments are written for x86-64 only; \
     add the few lines of host/capi/src/varargs.rs for this architecture"
);

use std::arch::naked_asm;
use std::ffi::{c_char, c_int, c_void};

use crate::exec::{execl_of, execle_of, execlp_of};
use crate::stdio::nx_vdprintf;

/// A `va_list` of x86-64.
#[repr(C)]
pub(crate) struct List {
    /// Bytes of the saved general registers that are used up.
    general: u32,
    vector: u32,
    overflow: *const *const c_void,
    saved: *const c_void,
}

/// Bytes of the general registers that are saved.
const GENERAL_BYTES: u32 = 48;

impl List {
    /// The next argument, which is a pointer.
    ///
    /// # Safety
    /// There is one.
    pub(crate) unsafe fn pointer<T>(&mut self) -> *const T {
        // SAFETY: the ABI: first what is left of the saved registers, then the stack.
        unsafe {
            if self.general < GENERAL_BYTES {
                let at = self.saved.byte_add(self.general as usize).cast::<*const T>();
                self.general += 8;
                at.read()
            } else {
                let at = self.overflow;
                self.overflow = at.add(1);
                at.read().cast()
            }
        }
    }
}

/// Two named arguments, then any; `body` gets the two and the list.
macro_rules! variadic {
    ($body:path) => {
        naked_asm!(
            // 8 bytes of the address to return to, and these: a multiple of 16.
            "sub rsp, 216",
            "mov [rsp + 48], rdx",
            "mov [rsp + 56], rcx",
            "mov [rsp + 64], r8",
            "mov [rsp + 72], r9",
            "test al, al",
            "je 2f",
            "movaps [rsp + 80], xmm0",
            "movaps [rsp + 96], xmm1",
            "movaps [rsp + 112], xmm2",
            "movaps [rsp + 128], xmm3",
            "movaps [rsp + 144], xmm4",
            "movaps [rsp + 160], xmm5",
            "movaps [rsp + 176], xmm6",
            "movaps [rsp + 192], xmm7",
            "2:",
            // The list: two registers are named, the saved ones begin at 32.
            "mov dword ptr [rsp + 8], 16",
            "mov dword ptr [rsp + 12], 48",
            "lea rax, [rsp + 224]",
            "mov [rsp + 16], rax",
            "lea rax, [rsp + 32]",
            "mov [rsp + 24], rax",
            "lea rdx, [rsp + 8]",
            "call {body}",
            "add rsp, 216",
            "ret",
            body = sym $body,
        )
    };
}

/// POSIX `dprintf`.
///
/// # Safety
/// The format ends in NUL, and there are the arguments that it asks for.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn nx_dprintf(fd: c_int, format: *const c_char) -> c_int {
    variadic!(nx_vdprintf)
}

/// POSIX `execl`.
///
/// # Safety
/// The arguments are strings; a null pointer ends them.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn nx_execl(path: *const c_char, first: *const c_char) -> c_int {
    variadic!(execl_of)
}

/// POSIX `execle`.
///
/// # Safety
/// As [`nx_execl`]; after the null pointer comes the environment.
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn nx_execle(path: *const c_char, first: *const c_char) -> c_int {
    variadic!(execle_of)
}

/// POSIX `execlp`.
///
/// # Safety
/// As [`nx_execl`].
#[unsafe(no_mangle)]
#[unsafe(naked)]
pub unsafe extern "C" fn nx_execlp(name: *const c_char, first: *const c_char) -> c_int {
    variadic!(execlp_of)
}
