//! Splits input into commands, at newlines and `;` outside quotes, and commands into words.

use crate::cli::failure::ShellError;

/// One command as it was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The line on which it begins, from 1.
    pub(super) line: usize,
    /// Its text.
    pub(super) text: Vec<u8>,
    /// Where in the text the first `>` outside quotes stands.
    pub(super) redirection: Option<usize>,
    /// An operator of other shells, or one `>` too many, that stands in it outside quotes.
    operator: Option<u8>,
}

impl Piece {
    /// Its words, quotes taken away as by a POSIX shell.
    pub(super) fn words(&self) -> Result<Vec<Vec<u8>>, ShellError> {
        match self.operator {
            Some(b'>') => Err(ShellError::Redirections { found: "another '>'".to_owned() }),
            Some(operator) => Err(ShellError::Operator { operator: char::from(operator).to_string() }),
            None => split(&self.text[..self.redirection.unwrap_or(self.text.len())]),
        }
    }
}

/// The words of a text, quotes taken away.
pub(super) fn split(text: &[u8]) -> Result<Vec<Vec<u8>>, ShellError> {
    shlex::bytes::split(text).ok_or_else(|| ShellError::Unbalanced { quote: "a quote".to_owned() })
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    Quoted(u8),
    /// A backslash was the last character of the line.
    Continued,
}

/// Takes lines and gives commands; a quote or a backslash at the end carries one over to the next line.
#[derive(Default)]
pub(super) struct Splitter {
    lines: usize,
    start: usize,
    pending: Vec<u8>,
    state: State,
    redirection: Option<usize>,
    operator: Option<u8>,
}

impl Splitter {
    /// Takes a line, with or without its newline, and gives the commands that end in it.
    pub(super) fn feed(&mut self, line: &[u8]) -> Vec<Piece> {
        self.lines += 1;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.state == State::Continued {
            self.state = State::Plain;
        }
        let mut pieces = Vec::new();
        let mut bytes = line.iter().copied();
        while let Some(byte) = bytes.next() {
            if self.pending.is_empty() {
                self.start = self.lines;
            }
            match (self.state, byte) {
                (State::Plain, b';') => self.end_command(&mut pieces),
                (State::Plain, b'#') if self.at_word_start() => break,
                (State::Plain, b'\\') | (State::Quoted(b'"'), b'\\') => match bytes.next() {
                    Some(next) => self.pending.extend([b'\\', next]),
                    None if self.state == State::Plain => {
                        self.state = State::Continued;
                    }
                    None => self.pending.push(b'\\'),
                },
                (State::Plain, quote @ (b'\'' | b'"')) => {
                    self.state = State::Quoted(quote);
                    self.pending.push(quote);
                }
                (State::Quoted(quote), byte) if byte == quote => {
                    self.state = State::Plain;
                    self.pending.push(byte);
                }
                (State::Plain, b'>') => {
                    let at = self.pending.len();
                    match self.redirection {
                        None => self.redirection = Some(at),
                        // The second of `>>`.
                        Some(first) if first + 1 == at && self.pending[first] == b'>' => {}
                        Some(_) => {
                            self.operator.get_or_insert(byte);
                        }
                    }
                    self.pending.push(byte);
                }
                (State::Plain, b'|' | b'<' | b'&') => {
                    self.operator.get_or_insert(byte);
                    self.pending.push(byte);
                }
                (_, byte) => self.pending.push(byte),
            }
        }
        match self.state {
            State::Plain => self.end_command(&mut pieces),
            State::Quoted(_) => self.pending.push(b'\n'),
            State::Continued => {}
        }
        pieces
    }

    fn at_word_start(&self) -> bool {
        self.pending.last().is_none_or(u8::is_ascii_whitespace)
    }

    fn end_command(&mut self, pieces: &mut Vec<Piece>) {
        let text = std::mem::take(&mut self.pending);
        if !text.trim_ascii().is_empty() {
            let (redirection, operator) = (self.redirection, self.operator);
            pieces.push(Piece { line: self.start, text, redirection, operator });
        }
        (self.redirection, self.operator) = (None, None);
    }

    /// Whether a command has begun that the next line goes on with.
    pub(super) fn is_open(&self) -> bool {
        self.state != State::Plain
    }

    /// The line on which the open command begins.
    pub(super) fn start_line(&self) -> usize {
        self.start
    }

    /// The end of the input.
    pub(super) fn finish(&self) -> Result<(), ShellError> {
        match self.state {
            State::Plain => Ok(()),
            State::Quoted(quote) => Err(ShellError::Unbalanced { quote: char::from(quote).to_string() }),
            State::Continued => Err(ShellError::Backslash {}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> Vec<(usize, Vec<String>)> {
        let mut splitter = Splitter::default();
        let pieces: Vec<Piece> = text.split('\n').flat_map(|line| splitter.feed(line.as_bytes())).collect();
        splitter.finish().unwrap();
        let word = |w: Vec<u8>| String::from_utf8(w).unwrap();
        pieces.iter().map(|p| (p.line, p.words().unwrap().into_iter().map(word).collect())).collect()
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn commands_end_at_newlines_and_semicolons_outside_quotes() {
        let expected =
            [(1, words(&["echo", "a;b", "c;d", "e;f"])), (1, words(&["ls"])), (3, words(&["pwd"]))];
        assert_eq!(commands("echo 'a;b' \"c;d\" e\\;f; ls ;; # not; this\n\n  pwd;\r"), expected);
    }

    #[test]
    fn a_hash_inside_a_word_or_a_quote_is_no_comment() {
        assert_eq!(commands("echo a#b '# c' #d 'e"), [(1, words(&["echo", "a#b", "# c"]))]);
    }

    #[test]
    fn a_quote_and_a_backslash_carry_a_command_to_the_next_line() {
        let expected = [(1, words(&["echo", "a\nb", "c"])), (4, words(&["ls"]))];
        assert_eq!(commands("echo 'a\nb' \\\n  c\nls"), expected);
    }

    #[test]
    fn operators_of_other_shells_are_refused_outside_quotes() {
        let first = |text: &str| Splitter::default().feed(text.as_bytes())[0].words();
        assert!(first("cat a | b").unwrap_err().to_string().contains("'|'"));
        assert!(first("cat a >> b >c").unwrap_err().to_string().contains("another '>'"));
        assert!(first("cat a >>> b").unwrap_err().to_string().contains("another '>'"));
        assert_eq!(first("cat a >> b").unwrap().len(), 2);
        assert_eq!(first("echo '>' \"|\" \\&").unwrap().len(), 4);
    }

    #[test]
    fn an_open_quote_at_the_end_is_an_error() {
        for (text, open) in [("echo 'a", "'"), ("echo \"a\\\"", "\"")] {
            let mut splitter = Splitter::default();
            assert!(splitter.feed(text.as_bytes()).is_empty());
            assert!(splitter.is_open());
            assert!(splitter.finish().unwrap_err().to_string().contains(open));
        }
    }
}
