//! Completion: commands, then what the place asks for: drivers, plugins, files of the host system, or VFS paths.

use std::sync::Arc;

use nxvfs_abi::types::mode;
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::line::{Place, current, path_start, place};
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

impl Completer for ShellHelper {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (before, word, start) = current(&line[..pos]);
        let offered = match place(&before, word) {
            Place::Command => commands::names(),
            Place::Driver(kind) => self.drivers(kind),
            Place::Plugin => self.plugins(),
            Place::Path => {
                let path = path_start(&before, word);
                let typed = word[path..].replace('\\', "");
                return Ok((start + path, pairs(self.paths(&typed), &typed)));
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
