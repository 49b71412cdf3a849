//! Completion: commands, then what the place asks for: drivers, plugins, files of the host system, or VFS paths.

use std::sync::Arc;

use nxvfs_abi::types::mode;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use crate::Task;
use crate::cli::commands;
use crate::plugin::Kind;

/// Names that are offered at most; a directory may have millions.
const MAX_OFFERED: usize = 2000;

/// Characters that a shell word needs a backslash before.
const SPECIAL: &[char] =
    &[' ', '\t', '\\', '\'', '"', ';', '#', '$', '`', '&', '|', '<', '>', '(', ')', '*', '?'];

/// Completes the line that is being typed. Shares the shell's task, so relative paths begin where the shell stands.
pub(super) struct ShellHelper {
    task: Arc<Task>,
    files: FilenameCompleter,
}

impl Helper for ShellHelper {}
impl Highlighter for ShellHelper {}
impl Validator for ShellHelper {}
impl Hinter for ShellHelper {
    type Hint = String;
}

/// What may stand at a place.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Command,
    Driver(Kind),
    Plugin,
    File,
    Path,
}

impl ShellHelper {
    pub(super) fn new(task: Arc<Task>) -> Self {
        Self { task, files: FilenameCompleter::new() }
    }

    fn drivers(&self, kind: Kind) -> Vec<String> {
        let plugins = self.task.host().plugins();
        let loaded = plugins.list().into_iter().flat_map(|p| p.drivers);
        let files = plugins.files().into_iter().filter_map(|f| f.outcome.ok()).flat_map(|m| m.provides);
        loaded.chain(files).filter(|(k, _)| *k == kind).map(|(_, name)| name).collect()
    }

    fn plugins(&self) -> Vec<String> {
        let plugins = self.task.host().plugins();
        let files = plugins.files().into_iter().filter_map(|f| f.outcome.ok());
        plugins.list().into_iter().map(|p| p.name).chain(files.map(|m| m.name)).collect()
    }

    /// Names below the directory part of what was typed; directories with a slash. Errors offer nothing.
    fn paths(&self, typed: &str) -> Vec<String> {
        let (dir, begin) = typed
            .rsplit_once('/')
            .map_or(("", typed), |(_, begin)| typed.split_at(typed.len() - begin.len()));
        let Ok(listing) = self.task.opendir(if dir.is_empty() { "." } else { dir }) else {
            return Vec::new();
        };
        let hidden = begin.starts_with('.');
        let mut offered = Vec::new();
        for record in listing.flatten() {
            // Names that are no text cannot be typed either.
            let Ok(name) = String::from_utf8(record.name) else { continue };
            if !name.starts_with(begin) || (name.starts_with('.') && !hidden) {
                continue;
            }
            let path = format!("{dir}{name}");
            let directory = self.task.stat(&path).is_ok_and(|s| s.attr.file_type() == mode::S_IFDIR);
            offered.push(if directory { path + "/" } else { path });
            if offered.len() == MAX_OFFERED {
                break;
            }
        }
        offered
    }
}

/// The words before the one that is being typed, and that word with its start.
fn current(line: &str) -> (Vec<&str>, &str, usize) {
    // Only the command after the last separator counts; a separator inside a quote offers less, and does no harm.
    let start = line.rfind(';').map_or(0, |at| at + 1);
    let mut at = line.len();
    let mut chars = line[start..].char_indices().rev().peekable();
    while let Some((index, c)) = chars.next() {
        let escaped = chars.peek().is_some_and(|(_, before)| *before == '\\');
        if c.is_whitespace() && !escaped {
            break;
        }
        at = start + index;
    }
    (line[start..at].split_whitespace().collect(), &line[at..], at)
}

fn place(before: &[&str], word: &str) -> Place {
    let Some(command) = before.first() else { return Place::Command };
    let operands = before[1..].iter().filter(|w| !w.starts_with('-')).count();
    match (*command, before.last().copied().unwrap_or_default(), operands) {
        ("attach", _, 0) => Place::Driver(Kind::Block),
        ("attach", ..) if word.contains('=') => Place::File,
        ("mount", "-t", _) => Place::Driver(Kind::FileSystem),
        ("modprobe" | "rmmod" | "modinfo", _, 0) => Place::Plugin,
        ("insmod" | "source", _, 0) => Place::File,
        ("help", _, 0) => Place::Command,
        _ => Place::Path,
    }
}

impl Completer for ShellHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (before, word, start) = current(&line[..pos]);
        let offered = match place(&before, word) {
            Place::Command => commands::names(),
            Place::Driver(kind) => self.drivers(kind),
            Place::Plugin => self.plugins(),
            Place::Path => {
                let typed = word.replace('\\', "");
                return Ok((start, pairs(self.paths(&typed), &typed)));
            }
            Place::File => {
                // A parameter's value begins after its '='.
                let value = start + word.find('=').map_or(0, |at| at + 1);
                let (at, found) = self.files.complete_path(&line[value..pos], pos - value)?;
                return Ok((value + at, found));
            }
        };
        Ok((start, pairs(offered, word)))
    }
}

/// What begins with `typed`, sorted; shown without its directory, put in with backslashes.
fn pairs(mut offered: Vec<String>, typed: &str) -> Vec<Pair> {
    offered.retain(|text| text.starts_with(typed));
    offered.sort_unstable();
    offered.dedup();
    let pair = |text: String| {
        let name = text.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1);
        let mut replacement = String::with_capacity(text.len());
        for c in text.chars() {
            if SPECIAL.contains(&c) {
                replacement.push('\\');
            }
            replacement.push(c);
        }
        if !text.ends_with('/') {
            // The word is complete; in a directory it goes on.
            replacement.push(' ');
        }
        Pair { display: text[name..].to_owned(), replacement }
    };
    offered.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_decides_what_is_offered() {
        let at = |line: &str| {
            let (before, word, _) = current(line);
            place(&before, word)
        };
        assert_eq!(at("mo"), Place::Command);
        assert_eq!(at("ls /; mo"), Place::Command);
        assert_eq!(at("attach ram"), Place::Driver(Kind::Block));
        assert_eq!(at("attach ramdisk-xip /dev/ra"), Place::Path);
        assert_eq!(at("attach ramdisk-xip /dev/ram0 image=do"), Place::File);
        assert_eq!(at("mount -t ro"), Place::Driver(Kind::FileSystem));
        assert_eq!(at("insmod --replace x"), Place::File);
        assert_eq!(at("rmmod "), Place::Plugin);
        assert_eq!(at("cat /rom/a\\ b"), Place::Path);
        assert_eq!(current("cat /rom/a\\ b").1, "/rom/a\\ b");
    }
}
