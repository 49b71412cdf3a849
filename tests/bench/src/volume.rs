//! What every contestant can do.

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the file.
    Read,
    /// To the file.
    Write,
}

/// A mounted volume, ours or a peer's. Paths are relative to its root, without a slash before them. Everything that fails
/// panics: a bench that went wrong has no result.
pub trait Volume {
    /// What the table calls it.
    fn label(&self) -> &str;

    /// Whether one operation takes so long that it does fewer of them; see [`crate::Scale::slow`].
    fn slow(&self) -> bool {
        true
    }

    /// Whether names longer than 8.3 are possible.
    fn long_names(&self) -> bool {
        true
    }

    /// Paths as [`Volume::create`], [`Volume::stat`] and [`Volume::unlink`] take them: put together before the clock runs.
    fn paths(&self, paths: &[String]) -> Vec<String> {
        paths.to_vec()
    }

    /// Makes a file, writes `total_bytes` in calls of `call`, and closes it.
    fn write_new(&mut self, path: &str, call: &[u8], total_bytes: u64);

    /// Opens a file, reads it to its end in calls as long as `buf`, and closes it; answers its length.
    fn read_all(&mut self, path: &str, buf: &mut [u8]) -> u64;

    /// Opens a file, lets `timed` run transfers of pieces as long as `buf` at these offsets, and closes it.
    fn random(
        &mut self,
        path: &str,
        offsets: &[u64],
        buf: &mut [u8],
        direction: Direction,
        timed: &mut dyn FnMut(&mut dyn FnMut()),
    );

    /// Makes files with this content.
    fn create(&mut self, paths: &[String], content: &[u8]);

    /// Asks for the attributes of each; answers the sum of the lengths.
    fn stat(&mut self, paths: &[String]) -> u64;

    /// Takes them away.
    fn unlink(&mut self, paths: &[String]);

    /// Reads all names of a directory; answers how many.
    fn list(&mut self, dir: &str) -> usize;

    /// Free bytes; `None` if it cannot tell.
    fn free_bytes(&mut self) -> Option<u64>;
}
