//! What the user asked for, checked.

use std::fmt::Display;

use nxvfs_sdk::{Ctx, Errno, Fail, Mount, Params, Result};

use crate::meta::PERMISSIONS;
use crate::space::{Space, inode_limit, page_limit};

/// The options of a mount.
pub(crate) struct Options {
    pub(crate) page_limit: u64,
    pub(crate) inode_limit: u64,
    pub(crate) permissions: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

fn refused(name: &str, expected: &str, found: impl Display) -> Fail {
    Fail::new(Errno::EINVAL, format_args!("option '{name}' is out of range")).expected(expected).found(found)
}

/// A user or group; without the option the caller's.
fn owner(params: &Params<'_>, name: &str, caller: u32) -> Result<u32> {
    if !params.given(name) {
        return Ok(caller);
    }
    let given = params.uint(name);
    // The largest number means "none" everywhere.
    let id = u32::try_from(given).ok().filter(|id| *id != u32::MAX);
    id.ok_or_else(|| refused(name, "0 to 4294967294", given))
}

impl Options {
    pub(crate) fn new(ctx: &Ctx, mount: &Mount<'_>) -> Result<Self> {
        let params = mount.params();
        let given = params.uint("mode");
        let permissions = u32::try_from(given).ok().filter(|mode| mode & !PERMISSIONS == 0);
        Ok(Self {
            page_limit: page_limit(params.size("size")),
            inode_limit: inode_limit(params.uint("nr_inodes")),
            permissions: permissions
                .ok_or_else(|| refused("mode", "0 to 0o7777", format_args!("{given:#o}")))?,
            uid: owner(params, "uid", ctx.uid)?,
            gid: owner(params, "gid", ctx.gid)?,
        })
    }
}

/// Changes the limits of a mounted volume to those that were given; the other options concern the root as it begins.
/// Errors: EINVAL if more than that is used.
pub(crate) fn change_limits(space: &Space, params: &Params<'_>) -> Result<()> {
    let pages = params.given("size").then(|| page_limit(params.size("size")));
    let inodes = params.given("nr_inodes").then(|| inode_limit(params.uint("nr_inodes")));
    for (name, gauge, limit) in [("size", &space.pages, pages), ("nr_inodes", &space.inodes, inodes)] {
        if limit.is_some_and(|limit| gauge.exceeds(limit)) {
            return Err(Fail::new(Errno::EINVAL, format_args!("more is used than '{name}' would allow"))
                .remedy("remove files first, or give a higher limit"));
        }
    }
    for (gauge, limit) in [(&space.pages, pages), (&space.inodes, inodes)] {
        if let Some(limit) = limit {
            gauge.set_limit(limit);
        }
    }
    Ok(())
}
