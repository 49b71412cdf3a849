//! What the shell says of its commands: each before it runs (`set -x`), errors with their place in the scripts.

use std::io::{self, Write};

use super::Shell;
use super::split::Piece;
use crate::base::Error;
use crate::cli::failure::{Done, tell};

impl Shell {
    /// `set -x`: the command as it was written, before its output. `echo` speaks for itself. With JSON it goes to
    /// standard error, where it does not disturb the documents.
    pub(super) fn show(&mut self, piece: &Piece, words: &[Vec<u8>]) -> Done {
        if !self.trace || words[0] == b"echo" {
            return Ok(());
        }
        let text = [b"+ ", piece.text.trim_ascii(), b"\n"].concat();
        match self.json {
            true => Ok(io::stderr().write_all(&text)?),
            false => self.out.name(&text[..text.len() - 1]).and_then(|()| self.out.bytes(b"\n")),
        }
    }

    /// What stands before the sentence of an error; in the outermost script the number of the line says enough.
    pub(super) fn place(&self, script: Option<&str>, line: usize) -> String {
        match script {
            None => String::new(),
            Some(_) if self.at.is_empty() => format!("line {line}: "),
            Some(name) => format!("{name}: line {line}: "),
        }
    }

    /// Tells an error at once and goes on; the command fails at its end.
    pub(in crate::cli) fn complain(&mut self, error: &Error) {
        // A reader who has gone is noticed at the next output.
        let _ = self.out.flush();
        let at = match &self.at[..] {
            [] => String::new(),
            [only] => only.clone(),
            [outer, .., inner] => format!("{outer}{inner}"),
        };
        tell(error, &at, self.out.json);
        self.failed = true;
    }
}
