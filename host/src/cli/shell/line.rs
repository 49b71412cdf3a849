//! What a line that is being typed asks for where it ends.

use crate::plugin::Kind;

/// What may stand at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Command,
    /// A driver of one of these kinds.
    Driver(&'static [Kind]),
    Plugin,
    /// A file of the operating system.
    File,
    /// A path of the VFS.
    Path,
    /// The node of an attached device.
    Device,
    MountPoint,
    /// An option of this command.
    Flag(String),
    /// `NAME=VALUE` for this driver of a device.
    DeviceParam(String),
    /// `NAME=VALUE` for this plugin, a name or a file.
    PluginParam(String),
    /// What follows `-o`, for this file system; `None` if it is not known.
    Options(Option<String>),
}

/// A line that is being typed, up to the cursor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// The words before, quotes taken away, of the command that the cursor is in.
    pub(super) before: Vec<String>,
    /// The word that the cursor is in, likewise.
    pub(super) word: String,
    /// Where in the line it begins, with its quotes.
    pub(super) start: usize,
    /// The quote that is open.
    pub(super) quote: Option<char>,
    /// Whether it stands after `>`.
    redirected: bool,
}

/// Takes a line apart, by the rules of [`super::split`].
pub(super) fn typed(line: &str) -> Typed {
    let mut typed = Typed::default();
    let mut inside = false;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        let next = at + c.len_utf8();
        match (typed.quote, c) {
            (None, ';') => {
                typed = Typed { start: next, ..Typed::default() };
                inside = false;
                continue;
            }
            (None, '>') => {
                typed.end_word(inside, next);
                typed.redirected = true;
                inside = false;
                continue;
            }
            (None, c) if c.is_whitespace() => {
                typed.end_word(inside, next);
                // A file after `>` may stand apart from it.
                typed.redirected &= !inside;
                inside = false;
                continue;
            }
            (None, '\'' | '"') => typed.quote = Some(c),
            (Some(quote), c) if c == quote => typed.quote = None,
            (None | Some('"'), '\\') => typed.word.extend(chars.next().map(|(_, c)| c)),
            _ => typed.word.push(c),
        }
        inside = true;
    }
    typed
}

impl Typed {
    fn end_word(&mut self, inside: bool, next: usize) {
        if inside {
            self.before.push(std::mem::take(&mut self.word));
        }
        self.start = next;
    }

    /// What may stand where the line ends.
    pub(super) fn place(&self) -> Place {
        let before: Vec<&str> = self.before.iter().map(String::as_str).collect();
        if self.redirected { Place::Path } else { place(&before, &self.word) }
    }
}

/// The words that are no options, nor their values.
fn operands<'a>(command: &str, words: &[&'a str]) -> Vec<&'a str> {
    let takes_value = |word: &str| match command {
        "mount" => matches!(word, "-t" | "-o"),
        "mkfs" | "check" => word == "-t",
        "losetup" => matches!(word, "-o" | "-b"),
        _ => false,
    };
    let mut operands = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word {
            word if takes_value(word) => drop(words.next()),
            word if word.starts_with('-') => {}
            word => operands.push(*word),
        }
    }
    operands
}

fn place(before: &[&str], word: &str) -> Place {
    let Some((command, words)) = before.split_first() else {
        // A program is named by its path.
        return if word.contains('/') { Place::Path } else { Place::Command };
    };
    if *command == "time" {
        return place(words, word);
    }
    let operands = operands(command, words);
    let last = words.last().copied().unwrap_or_default();
    let after = |option: &str| words.iter().skip_while(|word| **word != option).nth(1).copied();
    match (*command, operands.as_slice()) {
        ("mount" | "mkfs" | "check", _) if last == "-t" => Place::Driver(&[Kind::FileSystem]),
        ("mount", _) if last == "-o" => Place::Options(after("-t").map(str::to_owned)),
        (command, _) if word.starts_with('-') => Place::Flag(command.to_owned()),
        ("attach", []) => Place::Driver(&[Kind::Block, Kind::Character]),
        ("attach", [driver, _, ..]) => Place::DeviceParam((*driver).to_owned()),
        ("mount", []) if after("-o").is_some_and(|words| words.split(',').any(|w| w == "remount")) => {
            Place::MountPoint
        }
        ("umount" | "caps", _) => Place::MountPoint,
        ("detach" | "partprobe" | "check" | "mkfs" | "mkfatfs", _) => Place::Device,
        ("losetup", _) if words.contains(&"-d") => Place::Device,
        ("losetup", [_, ..]) if words.contains(&"--host") => Place::File,
        ("modprobe" | "rmmod" | "modinfo", []) => Place::Plugin,
        ("modprobe" | "insmod", [plugin, ..]) => Place::PluginParam((*plugin).to_owned()),
        ("insmod" | "source", []) => Place::File,
        ("help", []) => Place::Command,
        _ => Place::Path,
    }
}

/// A word so that the shell reads it as it is. `quote` is the one that is open before it; it is closed if the word is
/// `whole`.
pub(super) fn quoted(word: &str, quote: Option<char>, whole: bool) -> String {
    /// Characters that need a backslash outside quotes.
    const SPECIAL: &[char] =
        &[' ', '\t', '\\', '\'', '"', ';', '#', '$', '`', '&', '|', '<', '>', '(', ')', '*', '?'];
    let mut text = String::with_capacity(word.len() + 3);
    text.extend(quote);
    for c in word.chars() {
        match quote {
            None if SPECIAL.contains(&c) => text.push('\\'),
            Some('"') if matches!(c, '"' | '\\' | '$' | '`') => text.push('\\'),
            Some('\'') if c == '\'' => {
                text.push_str("'\\''");
                continue;
            }
            _ => {}
        }
        text.push(c);
    }
    if whole {
        text.extend(quote);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_decides_what_is_offered() {
        let at = |line: &str| typed(line).place();
        let fs = || Place::Driver(&[Kind::FileSystem]);
        let device_driver = || Place::Driver(&[Kind::Block, Kind::Character]);
        assert_eq!(at("mo"), Place::Command);
        assert_eq!(at("/rom/bin/he"), Place::Path);
        assert_eq!(at("ls /; mo"), Place::Command);
        assert_eq!(at("attach ram"), device_driver());
        assert_eq!(at("attach ramdisk-xip /dev/ra"), Place::Path);
        assert_eq!(at("attach ramdisk-xip /dev/ram0 image=do"), Place::DeviceParam("ramdisk-xip".to_owned()));
        assert_eq!(at("losetup -r /dev/loop0 /tm"), Place::Path);
        assert_eq!(at("losetup --host /dev/loop0 di"), Place::File);
        assert_eq!(at("losetup -d /dev/lo"), Place::Device);
        assert_eq!(at("mount -t ro"), fs());
        assert_eq!(at("mount -t romfs -o m"), Place::Options(Some("romfs".to_owned())));
        assert_eq!(at("mount -o remount,r"), Place::Options(None));
        assert_eq!(at("mount -o remount,ro /r"), Place::MountPoint);
        assert_eq!(at("mount -t romfs -o ro /dev/ra"), Place::Path);
        assert_eq!(at("umount -f /r"), Place::MountPoint);
        assert_eq!(at("detach "), Place::Device);
        assert_eq!(at("mkfs -t vf"), fs());
        assert_eq!(at("check -t vfat /dev/ra"), Place::Device);
        assert_eq!(at("insmod --replace x"), Place::File);
        assert_eq!(at("insmod x.so "), Place::PluginParam("x.so".to_owned()));
        assert_eq!(at("rmmod "), Place::Plugin);
        assert_eq!(at("modprobe tmpfs si"), Place::PluginParam("tmpfs".to_owned()));
        assert_eq!(at("ls --l"), Place::Flag("ls".to_owned()));
        assert_eq!(at("time attach ram"), device_driver());
        assert_eq!(at("time ls; time mo"), Place::Command);
        assert_eq!(at("umount > /t"), Place::Path);
        assert_eq!(at("umount >/t"), Place::Path);
    }

    #[test]
    fn words_are_read_as_the_shell_reads_them() {
        let word = |line: &str| {
            let typed = typed(line);
            (typed.before, typed.word, typed.start, typed.quote)
        };
        let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(word("cat /rom/a\\ b"), (words(&["cat"]), "/rom/a b".to_owned(), 4, None));
        assert_eq!(word("cat \"/rom/a b"), (words(&["cat"]), "/rom/a b".to_owned(), 4, Some('"')));
        assert_eq!(word("cat 'it;s' x"), (words(&["cat", "it;s"]), "x".to_owned(), 11, None));
        assert_eq!(word("echo a >>/tmp/x"), (words(&["echo", "a"]), "/tmp/x".to_owned(), 9, None));
        assert_eq!(word("a; b "), (words(&["b"]), String::new(), 5, None));
        assert_eq!(word("cat '' "), (words(&["cat", ""]), String::new(), 7, None));
    }

    #[test]
    fn what_is_put_in_is_read_as_it_was_meant() {
        for name in ["plain", "a b", "it's", "\"q\"", "$x`y`", "back\\slash", "semi;colon#hash"] {
            for quote in [None, Some('"'), Some('\'')] {
                let line = format!("cat {}", quoted(name, quote, true));
                assert_eq!(shlex::split(&line).unwrap(), ["cat", name], "{line}");
                let open = typed(&format!("cat {}", quoted(name, quote, false)));
                assert_eq!((&*open.word, open.quote), (name, quote));
            }
        }
    }
}
