//! Programs of the tree, run as commands.

use super::Shell;
use crate::cli::failure::{Done, Failure, ShellError};
use crate::cli::text::shown;
use crate::task::{Exit, Program, Standard};

/// What is added to a signal to make an exit status. POSIX, XCU 2.8.2.
const SIGNAL_STATUS: i32 = 128;

impl Shell {
    /// Runs the program that the first word names, with the shell's standard streams or its redirection, and waits for
    /// it. Its exit status is the command's.
    pub(super) fn run_program(&mut self, words: Vec<Vec<u8>>) -> Done {
        // What the commands before it wrote comes before what it writes.
        self.out.flush()?;
        let path = words[0].clone();
        let stdin = if self.reads_stdin { Standard::Null } else { Standard::Inherit };
        let stdout = self.out.descriptor().map_or(Standard::Inherit, Standard::File);
        let child = self.task.spawn(Program::new(&path).argv(words).stdin(stdin).stdout(stdout))?;
        let exit = child.wait()?;
        if let Some(error) = child.trouble() {
            self.complain(&error.doing(format_args!("run {}", shown(&path))));
        }
        match exit {
            Exit::Status(0) => Ok(()),
            // The operating system has eight bits for it.
            Exit::Status(status) => Err(Failure::Ended(status as u8)),
            Exit::Signal(signal) => {
                self.complain(&ShellError::Killed { path: shown(&path), signal }.into());
                Err(Failure::Ended(u8::try_from(SIGNAL_STATUS + signal).unwrap_or(u8::MAX)))
            }
        }
    }
}
