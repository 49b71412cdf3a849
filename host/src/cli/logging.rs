//! Logging of the program: to standard error, by level of `-v` and `-q` or by `RUST_LOG`.

use env_logger::{Builder, Env, TimestampPrecision};

use crate::base::log::Retarget;

/// Starts logging; hosts that are made afterwards hand the level to their plugins. `RUST_LOG` wins over the flags.
pub(super) fn start(verbose: u8, quiet: bool) {
    // What the library for FUSE has to say at the end of a mount is no failure: answers that come too late.
    let level = match (quiet, verbose) {
        (true, _) => "error,fuser=off",
        (_, 0) => "warn,fuser=off",
        (_, 1) => "info,fuser=off",
        (_, 2) => "debug",
        _ => "trace",
    };
    let precision = (verbose > 1).then_some(TimestampPrecision::Millis);
    let logger =
        Builder::from_env(Env::default().default_filter_or(level)).format_timestamp(precision).build();
    let filter = logger.filter();
    if log::set_boxed_logger(Box::new(Retarget(logger))).is_ok() {
        log::set_max_level(filter);
    }
}
