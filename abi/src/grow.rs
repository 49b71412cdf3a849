//! Structs and tables that may grow: how to read one and how to fill one, whatever the other side's size.

use std::mem::{MaybeUninit, size_of};

/// A `#[repr(C)]` struct or table that begins with `size: u32`, is only ever appended to, and for which all-zero
/// bytes are a valid value.
///
/// # Safety
/// The type is `#[repr(C)]`, its first field is `size: u32`, and every bit pattern of zeroes is a valid value of
/// it (integers, raw pointers, `Option` of function pointers, and frozen structs of these).
pub unsafe trait Grow: Copy {
    /// The fewest bytes that a peer of version 1.0 may send.
    const MIN_SIZE: u32;

    /// A zeroed value whose `size` is set: what a caller hands over to be filled.
    fn empty() -> Self {
        // SAFETY: all-zero is a valid value by the trait's contract.
        let mut value: Self = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: `size: u32` is the first field by the trait's contract, so the pointer is valid and aligned.
        unsafe { (&raw mut value).cast::<u32>().write(size_of::<Self>() as u32) };
        value
    }

    /// The `size` field.
    fn size(&self) -> u32 {
        // SAFETY: `size: u32` is the first field by the trait's contract.
        unsafe { std::ptr::from_ref(self).cast::<u32>().read() }
    }
}

/// Largest size that a peer may state for one struct or table. More is taken for garbage.
pub const MAX_SIZE: u32 = 64 * 1024;

/// Copies what the peer sent into a zeroed value of our own version; parts that the peer does not know stay zero.
///
/// Answers `None` if the pointer is null or misaligned, or the stated size is below [`Grow::MIN_SIZE`] or above
/// [`MAX_SIZE`].
///
/// # Safety
/// `peer` is null or points to at least four readable bytes, and to as many as those four state.
#[inline]
pub unsafe fn read<T: Grow>(peer: *const T) -> Option<T> {
    if peer.is_null() || !peer.is_aligned() {
        return None;
    }
    // SAFETY: the caller vouches for four readable bytes; alignment was checked.
    let stated = unsafe { peer.cast::<u32>().read() };
    if stated < T::MIN_SIZE || stated > MAX_SIZE {
        return None;
    }
    if stated as usize == size_of::<T>() {
        // The usual case, as one copy of known length.
        // SAFETY: `peer` is aligned and holds as many bytes as it states.
        return Some(unsafe { peer.read() });
    }
    let mut value = T::empty();
    let len = (stated as usize).min(size_of::<T>());
    // SAFETY: `peer` holds `stated >= len` bytes, `value` holds `size_of::<T>() >= len`, and they do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(peer.cast::<u8>(), (&raw mut value).cast::<u8>(), len) };
    // SAFETY: `size` is the first field.
    unsafe { (&raw mut value).cast::<u32>().write(len as u32) };
    Some(value)
}

/// Fills the caller's struct with as much of `value` as the caller's version has room for, and sets its `size` to
/// what was filled. A null pointer is left alone.
///
/// # Safety
/// `out` is null, or aligned and points to as many writable bytes as its `size` field states.
#[inline]
pub unsafe fn fill<T: Grow>(out: *mut T, value: &T) {
    if out.is_null() {
        return;
    }
    // SAFETY: the caller vouches for an aligned, readable `size`.
    let room = unsafe { out.cast::<u32>().read() } as usize;
    if room == size_of::<T>() {
        // The usual case, as one copy of known length.
        // SAFETY: `out` is aligned and has room for as many bytes as it states.
        unsafe { out.write(*value) };
        // SAFETY: as above; `size` is the first field, and the callee sets it to what it filled.
        unsafe { out.cast::<u32>().write(room as u32) };
        return;
    }
    let len = room.min(size_of::<T>());
    if len < size_of::<u32>() {
        return;
    }
    // SAFETY: `out` has room for `room >= len` bytes and `value` holds `size_of::<T>() >= len`.
    unsafe { std::ptr::copy_nonoverlapping(std::ptr::from_ref(value).cast::<u8>(), out.cast::<u8>(), len) };
    // SAFETY: as above; `size` is the first field.
    unsafe { out.cast::<u32>().write(len as u32) };
}

/// Implements [`Grow`] and defines the two opaque pointers by which the struct crosses. The layout check sees the
/// pointers' names only, so that a grown struct is accepted in both directions; the struct's own layout is
/// witnessed, as a prefix, in [`crate::plugin::Schema`].
macro_rules! growable {
    ($ty:ident, min = $min:expr, $in_ptr:ident, $out_ptr:ident) => {
        const _: () = assert!(size_of::<$ty>() >= $min, "smaller than version 1.0: something was removed");

        // SAFETY: the struct is `#[repr(C)]`, begins with `size: u32`, and holds integers, pointers, optional
        // function pointers and frozen structs of these only.
        unsafe impl $crate::grow::Grow for $ty {
            const MIN_SIZE: u32 = $min as u32;
        }

        #[doc = concat!("Pointer to a [`", stringify!($ty), "`] that the callee reads.")]
        #[repr(transparent)]
        #[derive(Clone, Copy, abi_stable::StableAbi)]
        pub struct $in_ptr(#[sabi(unsafe_opaque_field)] pub *const $ty);

        #[doc = concat!("Pointer to a [`", stringify!($ty), "`] that the callee fills.")]
        #[repr(transparent)]
        #[derive(Clone, Copy, abi_stable::StableAbi)]
        pub struct $out_ptr(#[sabi(unsafe_opaque_field)] pub *mut $ty);
    };
}
pub(crate) use growable;
