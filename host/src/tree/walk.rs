//! The walk along a path: `.`, `..`, links, mounts, and nothing else.
//!
//! POSIX, XBD 4.16 (pathname resolution). A path that ends in a slash names a directory.

use super::access::{Caller, EXECUTE};
use super::dentry::{Cached, Dentry};
use super::inode::Inode;
use super::{NAME_MAX_BYTES, PATH_MAX_BYTES, Tree, TreeError, show};
use crate::base::sync::Arc;
use crate::base::{Errno, Error, Result};

/// Whether a link in the last place is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Yes.
    Yes,
    /// No: the link itself is meant.
    No,
    /// No, and the name shall be new: if it is not known, no file system is asked for it. Who makes it learns whether it
    /// was there.
    New,
}

/// Links on the way of one walk. Linux's number; POSIX wants at least 8.
const MAX_LINKS: usize = 40;

/// Where a walk ended.
pub struct Walked {
    /// The directory that holds the last name.
    pub parent: Arc<Dentry>,
    /// The last name; empty if the path ended in `.`, `..` or `/`.
    pub name: Vec<u8>,
    /// What the path names; `None` if the last name is not there.
    pub dentry: Option<Arc<Dentry>>,
    /// Whether the path ended in a slash, so that it must name a directory.
    pub must_be_directory: bool,
}

impl Walked {
    /// ENOENT for the last name of a path.
    pub(super) fn missing(&self, path: &[u8]) -> Error {
        TreeError::Missing { path: show(path), name: show(&self.name) }.into()
    }
}

impl Tree {
    /// Walks a path and answers what it names, following links. Errors: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG,
    /// EACCES, and the file systems'.
    pub fn resolve(&self, caller: &Caller, base: &Arc<Dentry>, path: &[u8]) -> Result<Arc<Dentry>> {
        self.find(caller, base, path, Follow::Yes)
    }

    /// As [`Tree::resolve`], with a choice for a link in the last place.
    pub fn find(
        &self,
        caller: &Caller,
        base: &Arc<Dentry>,
        path: &[u8],
        follow: Follow,
    ) -> Result<Arc<Dentry>> {
        let mut walked = self.walk_on(caller, base, path, (follow, false))?;
        walked.dentry.take().ok_or_else(|| walked.missing(path))
    }

    /// Walks a path up to its last name, which need not be there.
    pub fn walk(&self, caller: &Caller, base: &Arc<Dentry>, path: &[u8], follow: Follow) -> Result<Walked> {
        self.walk_on(caller, base, path, (follow, true))
    }

    /// `named`: whether the last name is wanted also where it is there, which costs an allocation.
    fn walk_on(
        &self,
        caller: &Caller,
        base: &Arc<Dentry>,
        path: &[u8],
        (follow, named): (Follow, bool),
    ) -> Result<Walked> {
        if path.is_empty() {
            return Err(Errno::ENOENT.into());
        }
        if path.len() > PATH_MAX_BYTES {
            return Err(TreeError::PathLong { len: path.len() }.into());
        }
        // Without an end in the middle, so that many bytes are looked at at a time.
        if path.iter().fold(false, |nul, byte| nul | (*byte == 0)) {
            return Err(Errno::EINVAL.into());
        }
        let ctx = caller.ctx();
        let mut links = 0;
        // Replaced when a link is followed; the path itself is never copied otherwise.
        let mut owned: Vec<u8>;
        let mut rest = path;
        let mut at = if rest[0] == b'/' { self.root() } else { base.clone() };
        loop {
            let (name, after) = next_name(rest);
            let Some(name) = name else {
                // Nothing but slashes: the path names the directory where the walk stands.
                super::need_directory(at.inode())?;
                let parent = at.clone();
                return Ok(Walked { parent, name: Vec::new(), dentry: Some(at), must_be_directory: true });
            };
            let last = after.iter().all(|b| *b == b'/');
            let slash = !after.is_empty();
            if !at.inode().is_directory() {
                return Err(TreeError::NotDirectory { path: show(path), name: show(&at.name()) }.into());
            }
            self.may_search(caller, &at, path)?;
            if name == b"." || name == b".." {
                if name == b".." {
                    // The parent of a volume's root is that of its mount point.
                    at = at.parent().map_or_else(|| at.clone(), |parent| parent.topmost());
                }
                rest = after;
                continue;
            }
            let found = match at.inode() {
                Inode::Volume(node) if last && follow == Follow::New => {
                    self.check_name(&at, name)?;
                    node.mount().known(&at, name)
                }
                _ => self.child(&ctx, &at, name)?,
            };
            let Some(found) = found else {
                if last {
                    let name = name.to_vec();
                    return Ok(Walked { parent: at, name, dentry: None, must_be_directory: slash });
                }
                return Err(TreeError::Missing { path: show(path), name: show(name) }.into());
            };
            if found.inode().is_link() && (!last || slash || follow == Follow::Yes) {
                links += 1;
                if links > MAX_LINKS {
                    return Err(TreeError::Loop { path: show(path) }.into());
                }
                let mut target = found.inode().readlink(&ctx)?;
                if target.is_empty() {
                    return Err(TreeError::Missing { path: show(path), name: show(name) }.into());
                }
                if target.len() + after.len() > PATH_MAX_BYTES {
                    return Err(TreeError::PathLong { len: target.len() + after.len() }.into());
                }
                if target[0] == b'/' {
                    at = self.root();
                }
                target.extend_from_slice(after);
                owned = target;
                rest = &owned;
                continue;
            }
            let found = if found.is_covered() { found.topmost() } else { found };
            if last {
                if slash && !found.inode().is_directory() {
                    return Err(TreeError::NotDirectory { path: show(path), name: show(name) }.into());
                }
                let name = if named { name.to_vec() } else { Vec::new() };
                return Ok(Walked { parent: at, name, dentry: Some(found), must_be_directory: slash });
            }
            at = found;
            rest = after;
        }
    }

    fn may_search(&self, caller: &Caller, dir: &Dentry, path: &[u8]) -> Result<()> {
        // No need to look at a mode that does not bind the caller.
        if caller.is_free() || caller.may(&dir.inode().rights(&caller.ctx())?, EXECUTE) {
            return Ok(());
        }
        Err(TreeError::Denied { path: show(path), uid: caller.uid }.into())
    }

    /// Errors: ENAMETOOLONG.
    fn check_name(&self, dir: &Dentry, name: &[u8]) -> Result<()> {
        let max = dir.inode().mount().map_or(NAME_MAX_BYTES, |m| m.volume().info().name_max_bytes);
        if name.len() > max as usize {
            let shown = show(&name[..name.len().min(32)]);
            return Err(TreeError::NameLong { name: shown, len: name.len(), max }.into());
        }
        Ok(())
    }

    /// A name in a directory; `None` if it is not there. Does not look at what is mounted on it.
    pub(super) fn child(
        &self,
        ctx: &nxvfs_abi::Ctx,
        dir: &Arc<Dentry>,
        name: &[u8],
    ) -> Result<Option<Arc<Dentry>>> {
        self.check_name(dir, name)?;
        match dir.inode() {
            Inode::Volume(node) => node.mount().lookup(ctx, dir, name),
            Inode::Pseudo(_) => match dir.cached(name, false, 0) {
                Cached::Hit(dentry) => Ok(Some(dentry)),
                Cached::Absent | Cached::Unknown => dir.made_child(ctx, name),
            },
        }
    }
}

/// Splits the first name off, without the slashes before it.
fn next_name(path: &[u8]) -> (Option<&[u8]>, &[u8]) {
    let start = path.iter().position(|b| *b != b'/').unwrap_or(path.len());
    let path = &path[start..];
    if path.is_empty() {
        return (None, path);
    }
    let end = path.iter().position(|b| *b == b'/').unwrap_or(path.len());
    (Some(&path[..end]), &path[end..])
}
