//! The text of a board, understood as far as it can be: what is wrong with one entry hides nothing of the others.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::keys::{Key, SECTIONS, Section, Takes};
use super::refusal::BoardError;
use super::{Entry, Fault, Given, Step};
use crate::plugin::params::{did_you_mean, parse_assignments};

/// Longest piece of the text that is shown in a sentence.
const SHOWN_CHARS: usize = 60;

/// Understands a text: the entries in the order in which they stand there, and all that is wrong.
pub(super) fn read(text: &str) -> (Vec<Entry>, Vec<Fault>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let lines = Lines::new(text);
    let mut reader = Reader { lines: &lines, entries: Vec::new(), faults: Vec::new() };
    for error in &errors {
        let line = lines.of(error.span().map_or(0, |span| span.start));
        let why = error.message().replace('\n', ", ");
        reader.faults.push(Fault { line, error: BoardError::NotToml { why }.into() });
    }
    // What comes of a text that is no TOML is half a guess: it is not judged.
    if errors.is_empty() {
        reader.document(document.get_ref());
    }
    let Reader { mut entries, mut faults, .. } = reader;
    entries.sort_by_key(|entry| entry.line);
    faults.sort_by_key(|fault| fault.line);
    (entries, faults)
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The number of the line that a byte stands in.
    fn of(&self, at: usize) -> usize {
        self.0.partition_point(|end| *end < at) + 1
    }
}

/// A value as an entry takes it.
enum Value {
    Text(String),
    Number(u64),
    Given(Given),
}

struct Reader<'a> {
    lines: &'a Lines,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, at: usize, error: BoardError) {
        self.faults.push(Fault { line: self.lines.of(at), error: error.into() });
    }

    fn document(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let at = name.span().start;
            let Some(section) = SECTIONS.iter().find(|section| section.name == name.get_ref()) else {
                let known = SECTIONS.map(|section| section.name);
                let hint = did_you_mean(&known, name.get_ref()).unwrap_or_default();
                let (found, known) = (shown(name.get_ref()), known.join(", "));
                self.fault(at, BoardError::NoSection { found, known, hint });
                continue;
            };
            let Some(entries) = value.get_ref().as_array() else {
                let found = value.get_ref().type_str().to_owned();
                self.fault(at, BoardError::NotEntries { section: section.name, found });
                continue;
            };
            for entry in entries {
                match entry.get_ref().as_table() {
                    Some(table) => self.entry(section, entry.span().start, table),
                    None => {
                        let found = entry.get_ref().type_str().to_owned();
                        let error = BoardError::NotEntries { section: section.name, found };
                        self.fault(entry.span().start, error);
                    }
                }
            }
        }
    }

    fn entry(&mut self, section: &'static Section, at: usize, table: &DeTable<'_>) {
        let before = self.faults.len();
        let (mut values, mut lines) = (BTreeMap::new(), BTreeMap::new());
        for (name, value) in table {
            let Some(key) = section.keys.iter().find(|key| key.name == name.get_ref()) else {
                let known: Vec<&str> = section.keys.iter().map(|key| key.name).collect();
                let hint = did_you_mean(&known, name.get_ref()).unwrap_or_default();
                let (section, found, known) = (section.name, shown(name.get_ref()), known.join(", "));
                self.fault(name.span().start, BoardError::NoKey { section, found, known, hint });
                continue;
            };
            lines.insert(key.name.to_owned(), self.lines.of(name.span().start));
            if let Some(value) = self.value(key, value, &mut lines) {
                values.insert(key.name, value);
            }
        }
        for key in section.keys.iter().filter(|key| key.needed) {
            if !table.keys().any(|name| name.get_ref() == key.name) {
                self.fault(at, BoardError::NoValue { section: section.name, key: key.name });
            }
        }
        if self.faults.len() > before {
            return;
        }
        match step(section.name, Values(values)) {
            Ok(step) => self.entries.push(Entry { line: self.lines.of(at), lines, step }),
            Err(error) => self.fault(at, error),
        }
    }

    /// One value; `None` if it is told to be wrong.
    fn value(
        &mut self,
        key: &Key,
        value: &Spanned<DeValue<'_>>,
        lines: &mut BTreeMap<String, usize>,
    ) -> Option<Value> {
        match (key.takes, value.get_ref()) {
            (Takes::Text, DeValue::String(text)) => return Some(Value::Text(text.to_string())),
            (Takes::Options, DeValue::String(text)) => return Some(Value::Given(parse_assignments(text))),
            (Takes::Number, DeValue::Integer(number)) => {
                if let Some(number) = whole(number).and_then(|number| u64::try_from(number).ok()) {
                    return Some(Value::Number(number));
                }
            }
            (Takes::Params | Takes::Options, DeValue::Table(table)) => {
                return Some(Value::Given(self.given(key, table, lines)));
            }
            _ => {}
        }
        let (key, expected, found) = (key.name.to_owned(), key.takes.expected(), described(value.get_ref()));
        self.fault(value.span().start, BoardError::WrongType { key, expected, found });
        None
    }

    /// Parameters as the words of a command line. Where one stands is kept in `lines` as `params.NAME`.
    fn given(&mut self, key: &Key, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) -> Given {
        let mut given = Given::new();
        for (name, value) in table {
            let text = match value.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                // An option of the host's stands for itself.
                DeValue::Boolean(true) if key.takes == Takes::Options => None,
                DeValue::Boolean(on) => Some(if *on { "y" } else { "n" }.to_owned()),
                DeValue::Integer(number) if whole(number).is_some() => whole(number).map(|n| n.to_string()),
                other => {
                    let (key, found) = (format!("{}.{}", key.name, shown(name.get_ref())), described(other));
                    let expected = "a string, a whole number, or true or false";
                    self.fault(value.span().start, BoardError::WrongType { key, expected, found });
                    continue;
                }
            };
            lines.insert(format!("{}.{}", key.name, name.get_ref()), self.lines.of(name.span().start));
            given.push((name.get_ref().to_string(), text));
        }
        given
    }
}

fn whole(number: &DeInteger<'_>) -> Option<i128> {
    i128::from_str_radix(number.as_str(), number.radix()).ok()
}

fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

fn described(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string \"{}\"", shown(text)),
        DeValue::Integer(number) => format!("the integer {}", shown(number.as_str())),
        other => format!("a value of type {}", other.type_str()),
    }
}

/// The values of an entry, taken one by one.
struct Values(BTreeMap<&'static str, Value>);

impl Values {
    fn may_text(&mut self, key: &str) -> Option<String> {
        match self.0.remove(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Text that is known to be there.
    fn text(&mut self, key: &str) -> String {
        self.may_text(key).unwrap_or_default()
    }

    fn number(&mut self, key: &str) -> Option<u64> {
        match self.0.remove(key) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    fn given(&mut self, key: &str) -> Given {
        match self.0.remove(key) {
            Some(Value::Given(given)) => given,
            _ => Given::new(),
        }
    }
}

fn step(section: &'static str, mut values: Values) -> Result<Step, BoardError> {
    let step = match section {
        "plugin" => {
            let params = values.given("params");
            match (values.may_text("name"), values.may_text("file")) {
                (Some(name), None) => Step::Plugin { name, params },
                (None, Some(file)) => Step::PluginFile { file: PathBuf::from(file), params },
                (name, _) => {
                    let found = if name.is_some() { "both" } else { "none" };
                    return Err(BoardError::OneOf { section, keys: "name and file", found });
                }
            }
        }
        "device" => {
            let node = path("node", values.text("node"))?;
            Step::Device { driver: values.text("driver"), node, params: values.given("params") }
        }
        "partition" => {
            let device = path("device", values.text("device"))?;
            match (values.may_text("node"), values.number("start_sector"), values.number("sectors")) {
                (None, None, None) => Step::Table { device },
                (Some(node), Some(start_sector), Some(sectors)) => {
                    Step::Partition { device, node: path("node", node)?, start_sector, sectors }
                }
                _ => {
                    return Err(BoardError::Together { section, keys: "node, start_sector and sectors" });
                }
            }
        }
        "mount" => {
            let (target, options) = (path("target", values.text("target"))?, values.given("options"));
            Step::Mount { source: values.may_text("source"), target, fs: values.text("type"), options }
        }
        "tmp" => tmp(&mut values)?,
        _ => Step::Link { path: path("path", values.text("path"))?, target: values.text("target") },
    };
    Ok(step)
}

fn tmp(values: &mut Values) -> Result<Step, BoardError> {
    let path = path("path", values.text("path"))?;
    let mode = values.number("mode").unwrap_or(0o1777);
    let Some(mode) = u32::try_from(mode).ok().filter(|mode| mode & !0o7777 == 0) else {
        let (key, found) = ("mode".to_owned(), format!("{mode:#o}"));
        return Err(BoardError::WrongType { key, expected: "permissions from 0 to 0o7777", found });
    };
    let size = values.may_text("size");
    match values.may_text("type").as_deref() {
        None | Some("tmpfs") => {
            let mut options = vec![("mode".to_owned(), Some(format!("{mode:#o}")))];
            options.extend(size.map(|size| ("size".to_owned(), Some(size))));
            Ok(Step::Mount { source: None, target: path, fs: "tmpfs".to_owned(), options })
        }
        Some("folder") if size.is_some() => Err(BoardError::FolderSize {}),
        Some("folder") => Ok(Step::Folder { path, mode }),
        Some(other) => {
            let (key, found) = ("type".to_owned(), format!("\"{}\"", shown(other)));
            Err(BoardError::WrongType { key, expected: "\"tmpfs\" or \"folder\"", found })
        }
    }
}

/// A path of the VFS that names something.
fn path(key: &'static str, text: String) -> Result<String, BoardError> {
    let named = text.rsplit('/').next().is_some_and(|name| !matches!(name, "" | "." | ".."));
    if text.starts_with('/') && named {
        return Ok(text);
    }
    // The root can be covered.
    if key == "target" && text == "/" {
        return Ok(text);
    }
    Err(BoardError::NotAbsolute { key, found: shown(&text) })
}
