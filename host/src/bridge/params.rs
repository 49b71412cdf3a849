//! Typed parameters on their way to a plugin.

use nxvfs_abi::types::{Param, ParamIn};
use nxvfs_abi::{Grow, Str};

/// One value, as the contract's [`Param`] but with its own strings.
#[derive(Clone, Debug)]
pub struct WireParam {
    /// Name as in the manifest.
    pub name: String,
    /// `PARAM_*`.
    pub kind: u32,
    /// Whether the user gave it.
    pub given: bool,
    /// The value as text.
    pub text: Vec<u8>,
    /// The value as a number, where it is one.
    pub number: u64,
}

/// Lends the parameters as the contract's array for one call.
pub(super) fn lend<R>(params: &[WireParam], use_them: impl FnOnce(ParamIn, u32, u32) -> R) -> R {
    let wire: Vec<Param> = params
        .iter()
        .map(|p| Param {
            kind: p.kind,
            given: u32::from(p.given),
            name: Str::new(p.name.as_bytes()),
            text: Str::new(&p.text),
            number: p.number,
            ..Grow::empty()
        })
        .collect();
    use_them(ParamIn(wire.as_ptr()), wire.len() as u32, size_of::<Param>() as u32)
}
