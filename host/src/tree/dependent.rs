//! What depends on a mounted volume beyond holding it.

/// Something that must learn of it when a volume is taken away by force: views of its files.
pub trait Dependent: Send + Sync {
    /// The volume ends, and what its files occupied on the medium may be used for something else at once. A shared
    /// view that may store must have become private when this returns. Called at most once by the volume, from any
    /// thread, while its calls still work; must not wait for one, because the volume may be taken away just because
    /// its calls do not return.
    fn revoke(&self);
}
