//! Standard output: text for people, or JSON documents of one line each.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use serde::Serialize;

use super::failure::{Done, Failure, tell};
use super::sink::{FileSink, Sink};
use crate::base::Result;

/// Bytes that are gathered before they are written.
const GATHERED_BYTES: usize = 1 << 16;

/// The output of commands, buffered; flushed after each command and before each error.
pub(super) struct Output {
    sink: BufWriter<Sink>,
    /// Whether a person watches.
    pub(super) terminal: bool,
    /// Whether documents are printed instead of text.
    pub(super) json: bool,
    /// Items of the list that is being printed.
    items: usize,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        let sink = BufWriter::with_capacity(GATHERED_BYTES, Sink::Stdout(stdout));
        Self { sink, terminal, json, items: 0 }
    }

    /// Sends the output of a command to a file, until [`Output::restore`].
    pub(super) fn redirect(&mut self, file: FileSink) -> std::result::Result<Diverted, Failure> {
        self.flush()?;
        let file = BufWriter::with_capacity(GATHERED_BYTES, Sink::File(file));
        let terminal = std::mem::replace(&mut self.terminal, false);
        Ok(Diverted { sink: std::mem::replace(&mut self.sink, file), terminal })
    }

    /// Ends a redirection. Errors: why not everything is in the file.
    pub(super) fn restore(&mut self, before: Diverted) -> Result<()> {
        // If it fails the file knows why.
        let _ = self.sink.flush();
        self.terminal = before.terminal;
        // What could not be written must not go elsewhere.
        match std::mem::replace(&mut self.sink, before.sink).into_parts().0 {
            Sink::File(file) => file.finish(),
            Sink::Stdout(_) => Ok(()),
        }
    }

    /// Volume and inode of the file that takes the output, if one does.
    pub(super) fn file(&self) -> Option<(u64, u64)> {
        match self.sink.get_ref() {
            Sink::File(file) => file.identity(),
            Sink::Stdout(_) => None,
        }
    }

    /// The descriptor of the file that takes the output, if one does.
    pub(super) fn descriptor(&self) -> Option<u32> {
        match self.sink.get_ref() {
            Sink::File(file) => file.descriptor(),
            Sink::Stdout(_) => None,
        }
    }

    /// Prints one document.
    pub(super) fn document(&mut self, value: &impl Serialize) -> Done {
        serde_json::to_writer(&mut self.sink, value)?;
        Ok(self.sink.write_all(b"\n")?)
    }

    /// Prints one document: an object if there is one thing, as it was asked for, else an array.
    pub(super) fn documents(&mut self, values: &[impl Serialize], one: bool) -> Done {
        match values {
            [value] if one => self.document(value),
            _ if one => Ok(()),
            _ => self.document(&values),
        }
    }

    /// Begins a list that is printed item by item; with text it prints nothing.
    pub(super) fn begin_list(&mut self) -> Done {
        self.items = 0;
        if self.json { self.bytes(b"[") } else { Ok(()) }
    }

    /// One item of the list.
    pub(super) fn item(&mut self, value: &impl Serialize) -> Done {
        if self.items > 0 {
            self.sink.write_all(b",")?;
        }
        self.items += 1;
        Ok(serde_json::to_writer(&mut self.sink, value)?)
    }

    /// Ends the list.
    pub(super) fn end_list(&mut self) -> Done {
        if self.json { self.bytes(b"]\n") } else { Ok(()) }
    }

    /// Prints bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Done {
        Ok(self.sink.write_all(bytes)?)
    }

    /// Prints a name: on a terminal without control characters, which could do anything there.
    pub(super) fn name(&mut self, name: &[u8]) -> Done {
        if !self.terminal {
            return self.bytes(name);
        }
        let plain: String =
            String::from_utf8_lossy(name).chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        self.bytes(plain.as_bytes())
    }

    /// Prints a table: columns are as wide as their widest cell, those marked right-aligned by `right`.
    pub(super) fn table(&mut self, right: &[bool], rows: &[Vec<String>]) -> Done {
        let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..right.len()).map(width).collect();
        for row in rows {
            let mut line = String::new();
            for ((cell, &width), &right) in row.iter().zip(&widths).zip(right) {
                let pad = " ".repeat(width - cell.chars().count());
                line.push_str(&if right { format!("{pad}{cell}  ") } else { format!("{cell}{pad}  ") });
            }
            writeln!(self.sink, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Brings everything to the reader.
    pub(super) fn flush(&mut self) -> Done {
        Ok(self.sink.flush()?)
    }

    /// Ends the program after a top-level command.
    pub(super) fn finish(mut self, done: Done) -> ExitCode {
        match done.and_then(|()| self.flush()) {
            Ok(()) | Err(Failure::Pipe) => ExitCode::SUCCESS,
            Err(Failure::Exit(status) | Failure::Ended(status)) => ExitCode::from(status),
            Err(Failure::Said) => ExitCode::FAILURE,
            Err(Failure::Error(error)) => {
                let _ = self.flush();
                tell(&error, "", self.json);
                ExitCode::FAILURE
            }
        }
    }
}

/// Where the output went before a redirection.
pub(super) struct Diverted {
    sink: BufWriter<Sink>,
    terminal: bool,
}

impl Write for Output {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.sink.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
