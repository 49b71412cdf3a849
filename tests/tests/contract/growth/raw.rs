//! Calls a plugin's functions as a host of this version does, with structs of this version's size and a canary right
//! behind each.

#![allow(unsafe_code, reason = "calls the C functions of a table")]

use std::path::Path;
use std::ptr;

use nxvfs::bridge::Ops;
use nxvfs::plugin::Kind;
use nxvfs_abi::filesystem::{
    Attr, AttrOut, Entry, EntryOut, MountArgs, MountArgsIn, MountInfo, MountInfoOut,
};
use nxvfs_abi::types::{CtxIn, PARAM_STR, PARAM_UINT, Param, ParamIn};
use nxvfs_abi::{Ctx, Grow, Str};

use super::judge::bare_host;

const CANARY: [u8; 64] = [0xA5; 64];

/// A struct that a plugin fills, and what lies behind it.
#[repr(C)]
struct Guarded<T> {
    value: T,
    canary: [u8; 64],
}

impl<T: Grow> Guarded<T> {
    fn new() -> Self {
        assert_eq!(size_of::<Self>(), size_of::<T>() + CANARY.len(), "nothing lies between the two");
        Self { value: T::empty(), canary: CANARY }
    }

    /// Leads to the struct, and may be used for what lies behind it too: the test looks at what was done there.
    fn out(&mut self) -> *mut T {
        ptr::from_mut(self).cast()
    }

    /// What the plugin did that it must not do.
    fn harm(&self, what: &str) -> Vec<String> {
        let mut harm = Vec::new();
        if let Some(first) = self.canary.iter().position(|byte| *byte != CANARY[0]) {
            harm.push(format!("{what}: wrote beyond the struct, at byte {}", size_of::<T>() + first));
        }
        if self.value.size() as usize != size_of::<T>() {
            harm.push(format!("{what}: size {} of {}", self.value.size(), size_of::<T>()));
        }
        harm
    }
}

/// Mounts growfs through its table, looks its file up, asks for attributes, and answers the harm that was done.
pub(super) fn harm_done(plugin: &Path) -> Vec<String> {
    let host = bare_host().expect("a host");
    host.plugins().insmod(plugin, &[], false).expect("loaded");
    let module = host.plugins().driver(Kind::FileSystem, "growfs").expect("it drives growfs").module;
    let driver = module.driver(Kind::FileSystem.abi(), "growfs").expect("it drives growfs");
    let Ops::FileSystem(ops) = driver.ops else { panic!("not a file system") };

    let param = |name: &'static str, kind, number| Param {
        kind,
        name: Str::new(name.as_bytes()),
        text: Str::new(b"7"),
        number,
        ..Grow::empty()
    };
    let params = [param("greeting", PARAM_STR, 0), param("count", PARAM_UINT, 7)];
    let args = MountArgs {
        params: ParamIn(params.as_ptr()),
        param_count: 2,
        param_stride: size_of::<Param>() as u32,
        ..Grow::empty()
    };
    let (ctx, mut fs) = (Ctx::empty(), ptr::null_mut());
    let ctx = CtxIn(&ctx);
    let mut info = Guarded::<MountInfo>::new();
    let mut entry = Guarded::<Entry>::new();
    let [mut root, mut found, mut asked] = [(); 3].map(|()| Guarded::<Attr>::new());

    // SAFETY: the host has checked the table and run `init`, which leaves a null module in both languages. Every
    // pointer is valid for its call; what a careless plugin writes behind a struct lands in the canary.
    let answer = unsafe {
        let (info, root) = (MountInfoOut(info.out()), AttrOut(root.out()));
        ops.mount.expect("required")(ptr::null_mut(), ctx, MountArgsIn(&args), &raw mut fs, info, root)
    };
    assert_eq!(answer, 0, "mount");
    // SAFETY: as above; `fs` is what `mount` stored.
    let answer = unsafe {
        let (entry, found) = (EntryOut(entry.out()), AttrOut(found.out()));
        ops.lookup.expect("required")(fs, ctx, info.value.root, Str::new(b"facts.txt"), entry, found)
    };
    assert_eq!(answer, 0, "lookup");
    // SAFETY: as above.
    let answer =
        unsafe { ops.getattr.expect("growfs has it")(fs, ctx, entry.value.node, AttrOut(asked.out())) };
    assert_eq!(answer, 0, "getattr");
    assert_eq!((found.value.ino, asked.value.ino), (2, 2), "what is known to both sides is filled");
    // SAFETY: as above; nothing follows.
    unsafe { ops.unmount.expect("growfs has it")(fs, ctx) };

    [
        info.harm("mount, info"),
        root.harm("mount, root"),
        entry.harm("lookup, entry"),
        found.harm("lookup, attr"),
        asked.harm("getattr, attr"),
    ]
    .concat()
}
