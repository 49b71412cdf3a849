//! The output of a command into a file of the VFS: `>` and `>>` at its end.

use super::Shell;
use super::split::{Piece, split};
use crate::cli::failure::{Done, Failure, ShellError, about};
use crate::cli::sink::FileSink;
use crate::cli::text::shown;

/// Where the output of a command goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    path: Vec<u8>,
    /// Whether it is put at the file's end (`>>`).
    append: bool,
}

impl Redirection {
    /// The redirection that was written at the end of a command.
    pub(super) fn of(piece: &Piece) -> Result<Option<Self>, ShellError> {
        let Some(start) = piece.redirection else { return Ok(None) };
        let (command, rest) = piece.text.split_at(start);
        let digits = command.len() - command.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        // As in a POSIX shell, `a2>b` is the word a2, and `2>b` means the descriptor.
        if digits < start && command[..digits].last().is_none_or(u8::is_ascii_whitespace) {
            return Err(ShellError::Redirected { number: shown(&command[digits..]) });
        }
        if command.trim_ascii().is_empty() {
            return Err(ShellError::NoOutput {});
        }
        let append = rest.starts_with(b">>");
        let mut words = split(&rest[if append { 2 } else { 1 }..])?.into_iter();
        match (words.next(), words.next()) {
            (None, _) => Err(ShellError::NoTarget {}),
            (Some(path), None) => Ok(Some(Self { path, append })),
            (_, Some(word)) => {
                Err(ShellError::Redirections { found: format!("'{}' after the file", shown(&word)) })
            }
        }
    }
}

impl Shell {
    /// Runs a command with its output in a file. If the file cannot be opened the command does not run.
    pub(super) fn run_into(&mut self, to: &Redirection, words: Vec<Vec<u8>>) -> Done {
        let file = FileSink::open(&self.task, &to.path, to.append).map_err(about("redirection", &to.path))?;
        let before = self.out.redirect(file)?;
        let done = self.run_words(words);
        match (done, self.out.restore(before)) {
            (done, Ok(())) => done,
            (Err(Failure::Error(first)), Err(second)) => {
                self.complain(&first);
                Err(second.doing("redirection").into())
            }
            (_, Err(error)) => Err(error.doing("redirection").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::split::Splitter;
    use super::*;

    fn of(text: &str) -> Result<Option<Redirection>, ShellError> {
        Redirection::of(&Splitter::default().feed(text.as_bytes())[0])
    }

    #[test]
    fn a_redirection_is_read_as_a_posix_shell_reads_it() {
        let to = |path: &str, append| Some(Redirection { path: path.into(), append });
        assert_eq!(of("echo a > b").unwrap(), to("b", false));
        assert_eq!(of("echo a>>'b c'").unwrap(), to("b c", true));
        assert_eq!(of("echo a2>b").unwrap(), to("b", false));
        assert_eq!(of("echo 2 >b").unwrap(), to("b", false));
        assert_eq!(of("echo '>' a\\>b").unwrap(), None);
        for (text, part) in [
            ("echo a >", "no file"),
            ("> b", "no command"),
            ("echo a > b c", "'c' after"),
            ("ls 2> b", "'2>'"),
            ("2>b", "'2>'"),
        ] {
            assert!(of(text).unwrap_err().to_string().contains(part), "{text}");
        }
    }
}
