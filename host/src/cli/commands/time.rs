//! time.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStringExt;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{Done, Failure};
use crate::cli::shell::Shell;

/// Run a command and print how long it took
#[derive(Args)]
#[command(after_help = "Examples:
  time sha256sum -r /rom
  time 'cat /rom/a > /tmp/a; sha256sum /tmp/a'

The time is printed in seconds, also if the command fails. In quotes the command is a line of its own.")]
pub(in crate::cli) struct Time {
    /// The command with its words, or commands as one word
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    words: Vec<OsString>,
}

#[derive(Serialize)]
struct TimeDocument {
    elapsed_nanoseconds: u64,
}

impl Time {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let json = shell.out.json;
        let mut words: Vec<Vec<u8>> = self.words.into_iter().map(OsStringExt::into_vec).collect();
        let start = Instant::now();
        let mut done = match &mut words[..] {
            [line] => shell.run_text(&std::mem::take(line)),
            _ => shell.run_words(words),
        };
        let elapsed = start.elapsed();
        if let Err(Failure::Error(error)) = &done {
            // Told before the time, which is the last word.
            shell.complain(error);
            done = Err(Failure::Said);
        }
        if matches!(done, Err(Failure::Exit(_) | Failure::Pipe)) {
            return done;
        }
        if json || shell.out.json {
            let elapsed_nanoseconds = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
            shell.out.document(&TimeDocument { elapsed_nanoseconds })?;
        } else {
            writeln!(shell.out, "\n{:.4} sec", elapsed.as_secs_f64())?;
        }
        done
    }
}
