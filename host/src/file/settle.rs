//! What a write brings along: bits that end, and with `O_SYNC`, `O_DSYNC` or a mount that is `sync` the medium.

use nxvfs_abi::Ctx;
use nxvfs_abi::types::{CTX_SYNC, open};

use super::open::{Content, OpenFile};
use crate::base::Result;
use crate::tree::MountFlags;

impl OpenFile {
    /// Whether each write is on the medium when it returns; and if so, whether only its data.
    fn synchronous(&self) -> Option<bool> {
        let (flags, mount) = (self.flags(), self.dentry.inode().mount());
        let data_only = !flags.has(open::O_SYNC);
        let asked = flags.has(open::O_DSYNC) || mount.is_some_and(|m| m.flags().has(MountFlags::SYNCHRONOUS));
        asked.then_some(data_only)
    }

    /// The context of a write.
    pub(super) fn write_ctx(&self, ctx: &Ctx) -> Ctx {
        let sync = if self.synchronous().is_some() { CTX_SYNC } else { 0 };
        Ctx { flags: ctx.flags | sync, ..*ctx }
    }

    /// Ends a write that succeeded. The file system was asked to write through; that it did so is made sure of.
    pub(super) fn settle(&self, ctx: &Ctx, done: usize) -> Result<usize> {
        if let Content::Regular { node, .. } = &self.content {
            node.written(ctx)?;
        }
        if let Some(data_only) = self.synchronous().filter(|_| done > 0) {
            match &self.content {
                Content::Regular { .. } | Content::Block { .. } => self.sync(ctx, data_only)?,
                _ => {}
            }
        }
        Ok(done)
    }
}
