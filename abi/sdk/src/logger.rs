//! The log bridge of a dynamically loaded plugin: each image has its own `log` statics, so its lines are handed to
//! the host. A statically linked plugin shares the host's logger and needs none of this.

use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};
use nxvfs_abi::Str;
use nxvfs_abi::services::level;

use crate::host;

struct Bridge;

static BRIDGE: Bridge = Bridge;
static NAME: OnceLock<&'static str> = OnceLock::new();
/// Set only if the logger of this image is ours, so that a static plugin never changes the host's level.
static OURS: AtomicBool = AtomicBool::new(false);

/// Takes over logging and the panic message of this image.
pub(crate) fn install(name: &'static str, level: u32) {
    if log::set_logger(&BRIDGE).is_ok() {
        let _ = NAME.set(name);
        OURS.store(true, Ordering::Relaxed);
        std::panic::set_hook(Box::new(report_panic));
    }
    set_level(level);
}

/// The level that the host pushed: a disabled line then costs a load and a compare.
pub(crate) fn set_level(level: u32) {
    if !OURS.load(Ordering::Relaxed) {
        return;
    }
    log::set_max_level(match level {
        level::OFF => LevelFilter::Off,
        level::ERROR => LevelFilter::Error,
        level::WARN => LevelFilter::Warn,
        level::INFO => LevelFilter::Info,
        level::DEBUG => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    });
}

fn send(level: u32, message: &str, file: &str, line: u32) {
    if let Some(log) = host::services().and_then(|s| s.log) {
        let name = NAME.get().copied().unwrap_or("");
        // SAFETY: the strings live until the call returns; the host copies them.
        unsafe {
            log(
                level,
                Str::new(name.as_bytes()),
                Str::new(message.as_bytes()),
                Str::new(file.as_bytes()),
                line,
            )
        };
    }
}

fn report_panic(info: &PanicHookInfo<'_>) {
    let (file, line) = info.location().map_or(("", 0), |l| (l.file(), l.line()));
    let text = crate::guard::panic_text(info.payload());
    send(level::ERROR, &format!("panicked: {text}"), file, line);
}

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        let level = match record.level() {
            Level::Error => level::ERROR,
            Level::Warn => level::WARN,
            Level::Info => level::INFO,
            Level::Debug => level::DEBUG,
            Level::Trace => level::TRACE,
        };
        let text = record.args().to_string();
        send(level, &text, record.file().unwrap_or(""), record.line().unwrap_or(0));
    }

    fn flush(&self) {}
}
