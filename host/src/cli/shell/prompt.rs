//! The interactive shell: prompt, line editing, history.

use std::env;
use std::fs;
use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};

use super::Shell;
use super::complete::ShellHelper;
use super::split::Splitter;
use crate::base::Error;
use crate::cli::failure::{Done, Failure};
use crate::cli::text::shown;

/// Commands that are remembered.
const HISTORY_LINES: usize = 1000;

/// `$XDG_STATE_HOME/nxvfs/history`, or the same in `~/.local/state`.
fn history_file() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("nxvfs/history"))
}

/// Reads commands from a person until `exit` or the end of the input (Ctrl-D). Errors are told and it goes on; the
/// exit status is that of the last command.
pub(super) fn run(shell: &mut Shell) -> Done {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_space(true)
        .max_history_size(HISTORY_LINES)
        .map_err(failed)?
        .build();
    let mut editor: Editor<ShellHelper, FileHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(ShellHelper::new(shell.task.clone())));
    let history = history_file();
    if let Some(history) = &history {
        // There is none the first time.
        let _ = editor.load_history(history);
    }
    let done = read_lines(shell, &mut editor);
    if let Some(history) = &history {
        let saved = history.parent().map_or(Ok(()), fs::create_dir_all).map_err(ReadlineError::from);
        if let Err(error) = saved.and_then(|()| editor.append_history(history)) {
            log::warn!("history {}: {error}", history.display());
        }
    }
    match done {
        Ok(()) if shell.status != 0 => Err(Failure::Exit(shell.status)),
        done => done,
    }
}

fn read_lines(shell: &mut Shell, editor: &mut Editor<ShellHelper, FileHistory>) -> Done {
    let mut splitter = Splitter::default();
    let mut typed = String::new();
    loop {
        let prompt = match splitter.is_open() {
            true => "> ".to_owned(),
            false => format!("nxvfs:{}> ", shown(&shell.task.getcwd())),
        };
        let line = match editor.readline(&prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                (splitter, typed) = Default::default();
                continue;
            }
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        typed.push_str(&line);
        let pieces = splitter.feed(line.as_bytes());
        if splitter.is_open() {
            typed.push('\n');
        } else if !typed.trim().is_empty() {
            editor.add_history_entry(std::mem::take(&mut typed)).map_err(failed)?;
        }
        for piece in &pieces {
            shell.run_at(piece, None)?;
            if shell.status != 0 {
                // What follows on the same line may build on it.
                break;
            }
        }
    }
}

fn failed(error: ReadlineError) -> Failure {
    let error = match error {
        ReadlineError::Io(error) => Error::from(error),
        ReadlineError::Errno(errno) => std::io::Error::from(errno).into(),
        other => std::io::Error::other(other).into(),
    };
    error.doing("read from the terminal").into()
}
