//! What a host's plugins are subject to.

use std::path::PathBuf;
use std::time::Duration;

/// Which statically linked plugins are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Builtin {
    /// All.
    #[default]
    All,
    /// None.
    None,
    /// All but these.
    Except(Vec<String>),
}

impl Builtin {
    pub(super) fn uses(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Except(names) => !names.iter().any(|n| n == name),
        }
    }
}

/// What a host's plugins are subject to.
#[derive(Clone, Debug)]
pub struct PluginOptions {
    /// Folders to search before all others.
    pub dirs: Vec<PathBuf>,
    /// Whether `$NXVFS_PLUGIN_PATH` and the folder of the executable are searched too.
    pub default_dirs: bool,
    /// Which statically linked plugins are used.
    pub builtin: Builtin,
    /// Whether `mount` and `attach` load what they need.
    pub autoload: bool,
    /// Whether files that others may have written are loaded.
    pub allow_unsafe_files: bool,
    /// Memory for blocks of devices that cannot be used as memory, of all devices together. Each may use a quarter,
    /// unless it is attached with another limit.
    pub cache_bytes: usize,
    /// How long a forced unmount waits for calls that are under way before it gives them up.
    pub patience: Duration,
}

impl Default for PluginOptions {
    fn default() -> Self {
        Self {
            dirs: Vec::new(),
            default_dirs: true,
            builtin: Builtin::All,
            autoload: true,
            allow_unsafe_files: false,
            cache_bytes: 64 << 20,
            patience: Duration::from_secs(3),
        }
    }
}
