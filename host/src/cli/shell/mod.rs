//! The shell: commands over one host and one task, from a script, from standard input, or from a person.

mod complete;
mod line;
mod program;
mod prompt;
mod redirect;
mod split;
mod tell;

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::board;
use super::commands::{self, Line};
use super::failure::{Done, Failure, ShellError, tell, usage};
use super::output::Output;
use super::text::{join, shown};
use super::{Globals, ShellArgs};
use crate::base::{Errno, Error};
use crate::{Host, Task};
use redirect::Redirection;
use split::{Piece, Splitter};

/// How deep scripts may run scripts.
const MAX_DEPTH: usize = 16;

/// One shell. The task ends before the host, which ends what is still mounted and attached.
pub(super) struct Shell {
    /// Shared with the completion of the prompt.
    pub(super) task: Arc<Task>,
    pub(super) host: Arc<Host>,
    pub(super) out: Output,
    /// Whether all documents are JSON; single commands may ask for it themselves.
    json: bool,
    /// Whether commands are shown before they run (`set -x`).
    pub(super) trace: bool,
    /// Whether the first failure ends the outermost input.
    stops: bool,
    /// Whether commands come from standard input, so that programs get none.
    reads_stdin: bool,
    /// Where in the scripts the command stands, for its errors: `line 3: `.
    at: Vec<String>,
    /// Whether the command that runs has told an error.
    failed: bool,
    /// Exit status of the last command.
    pub(super) status: u8,
}

/// Runs `nxvfs shell`.
pub(super) fn main(globals: &Globals, args: ShellArgs, out: Output) -> ExitCode {
    let mut shell = match Host::new(globals.host_options()) {
        Ok(host) => Shell::on(&host, out),
        Err(error) => return out.finish(Err(error.into())),
    };
    let person = args.commands.is_none() && args.script.is_none() && io::stdin().is_terminal();
    if let Some(board) = &args.board.board
        && let Err(error) = board::bring_up(&shell.host, board)
    {
        // A person sees what is missing and goes on with the rest, as after any command that failed.
        if !person {
            return shell.out.finish(Err(error.into()));
        }
        tell(&error, "", shell.json);
    }
    let stdin_asked = args.script.as_deref().is_some_and(|s| s == Path::new("-"));
    let done = match (&args.commands, &args.script) {
        (Some(commands), _) => shell.run_input(commands.as_bytes(), None),
        (None, Some(script)) if !stdin_asked => shell.run_file(script),
        _ if person => {
            shell.stops = false;
            prompt::run(&mut shell)
        }
        _ => {
            shell.reads_stdin = true;
            shell.run_input(io::stdin().lock(), Some("standard input".to_owned()))
        }
    };
    let Shell { task, host, out, .. } = shell;
    let status = out.finish(done);
    drop(task);
    drop(host);
    status
}

impl Shell {
    /// A shell on a host; also one command of the program runs in one, as the shell's command would.
    pub(super) fn on(host: &Arc<Host>, out: Output) -> Self {
        let (json, task) = (out.json, Arc::new(host.task()));
        let host = host.clone();
        Self {
            task,
            host,
            out,
            json,
            trace: false,
            stops: true,
            reads_stdin: false,
            at: Vec::new(),
            failed: false,
            status: 0,
        }
    }

    /// Ends it: how the command ended, if `done` is its answer.
    pub(super) fn end(self, done: Done) -> (Output, Done) {
        let told = if self.failed { Err(Failure::Said) } else { Ok(()) };
        (self.out, done.and(told))
    }

    /// Runs the commands of a file.
    pub(super) fn run_file(&mut self, path: &Path) -> Done {
        if self.at.len() >= MAX_DEPTH {
            return Err(ShellError::Nested { path: path.display().to_string() }.into());
        }
        let open = |path| std::fs::File::open(path).map_err(|e| script_error(path, e));
        let file = open(path)?;
        self.run_input(BufReader::new(file), Some(path.display().to_string()))
    }

    /// Runs commands as they come. `script` is the name of the input if errors shall tell its lines.
    fn run_input(&mut self, mut input: impl BufRead, script: Option<String>) -> Done {
        let mut splitter = Splitter::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            let failed = |e| script_error(Path::new(script.as_deref().unwrap_or_default()), e);
            let read = input.read_until(b'\n', &mut line).map_err(failed)?;
            if read == 0 {
                break;
            }
            for piece in splitter.feed(&line) {
                self.run_at(&piece, script.as_deref())?;
            }
        }
        let end = splitter.finish().map_err(Error::from);
        if let Err(error) = end {
            self.at.push(self.place(script.as_deref(), splitter.start_line()));
            self.complain(&error);
            self.at.pop();
            return Err(Failure::Said);
        }
        Ok(())
    }

    /// A path of a command that takes whole paths only: relative ones begin in the working directory.
    pub(super) fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            return path.to_owned();
        }
        shown(&join(&self.task.getcwd(), path.as_bytes()))
    }

    /// Runs commands that are words of another one, as if they stood in its place.
    pub(super) fn run_text(&mut self, text: &[u8]) -> Done {
        let mut splitter = Splitter::default();
        let pieces = splitter.feed(text);
        splitter.finish()?;
        pieces.iter().try_for_each(|piece| self.run_piece(piece))
    }

    fn run_at(&mut self, piece: &Piece, script: Option<&str>) -> Done {
        self.at.push(self.place(script, piece.line));
        let done = self.run_piece(piece);
        self.at.pop();
        match done {
            // A person goes on; a script that a person runs does not.
            Err(Failure::Said | Failure::Ended(_)) if !self.stops && self.at.is_empty() => Ok(()),
            other => other,
        }
    }

    /// Runs one command and tells its error; answers `Said` for any failure but the end of the program.
    fn run_piece(&mut self, piece: &Piece) -> Done {
        let parsed = piece.words().and_then(|words| Ok((words, Redirection::of(piece)?)));
        let (words, redirection) = match parsed {
            Ok((words, _)) if words.is_empty() => return Ok(()),
            Ok(parsed) => parsed,
            Err(refusal) => {
                self.complain(&refusal.into());
                self.status = 1;
                return Err(Failure::Said);
            }
        };
        self.failed = false;
        self.show(piece, &words)?;
        let done = match &redirection {
            Some(to) => self.run_into(to, words),
            None => self.run_words(words),
        };
        let flushed = self.out.flush();
        self.out.json = self.json;
        let done = match (done, flushed) {
            (Err(Failure::Error(error)), _) => {
                self.complain(&error);
                Err(Failure::Said)
            }
            (Ok(()), Ok(())) if self.failed => Err(Failure::Said),
            (Ok(()), flushed) => flushed,
            (done, _) => done,
        };
        self.status = match &done {
            Err(Failure::Ended(status)) => *status,
            done => u8::from(done.is_err()),
        };
        done
    }

    /// Runs a command that is split into words already.
    pub(super) fn run_words(&mut self, words: Vec<Vec<u8>>) -> Done {
        if words[0].contains(&b'/') {
            return self.run_program(words);
        }
        let name = shown(&words[0]);
        if !commands::names().contains(&name) {
            return Err(ShellError::NoCommand { name }.into());
        }
        match Line::parse(words.into_iter().map(OsString::from_vec)) {
            Ok(Line { json, command }) => {
                self.out.json |= json;
                commands::run(command, self)
            }
            Err(error) if error.use_stderr() => Err(usage(&name, &error).into()),
            Err(help) => commands::show_help(self, &name, &help),
        }
    }
}

fn script_error(path: &Path, error: io::Error) -> Error {
    let action = format!("script {}", path.display());
    // The errno's own text, without the system's number in it.
    match error.raw_os_error().and_then(Errno::new) {
        Some(errno) => Error::from(errno).doing(action),
        None => Error::from(error).doing(action),
    }
}
