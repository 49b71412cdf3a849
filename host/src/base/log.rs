//! Logging: lines of statically linked plugins appear as `plugin::NAME`, as those of loaded ones do.

use log::{LevelFilter, Log, Metadata, Record};
use nxvfs_abi::plugin::StaticPlugin;
use nxvfs_abi::services::level;

/// Wraps a printer of log lines so that the target of a static plugin's line is `plugin::NAME`.
pub struct Retarget<L>(pub L);

/// The target to print for a line, and whether it is another than the line's own.
fn retarget(target: &str) -> Option<String> {
    let first = target.split("::").next()?;
    let plugin = inventory::iter::<StaticPlugin>().find(|p| p.log_target == first)?;
    let name = plugin.manifest.split(|b| *b == 0).find_map(|entry| entry.strip_prefix(b"name="))?;
    Some(format!("plugin::{}", String::from_utf8_lossy(name)))
}

impl<L: Log> Log for Retarget<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        match retarget(metadata.target()) {
            Some(target) => {
                self.0.enabled(&Metadata::builder().level(metadata.level()).target(&target).build())
            }
            None => self.0.enabled(metadata),
        }
    }

    fn log(&self, record: &Record<'_>) {
        match retarget(record.target()) {
            Some(target) => self.0.log(
                &Record::builder()
                    .args(*record.args())
                    .level(record.level())
                    .target(&target)
                    .file(record.file())
                    .line(record.line())
                    .build(),
            ),
            None => self.0.log(record),
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

/// The level to push into plugins.
pub fn level() -> u32 {
    match log::max_level() {
        LevelFilter::Off => level::OFF,
        LevelFilter::Error => level::ERROR,
        LevelFilter::Warn => level::WARN,
        LevelFilter::Info => level::INFO,
        LevelFilter::Debug => level::DEBUG,
        LevelFilter::Trace => level::TRACE,
    }
}
