//! What a line that is being typed asks for where it ends.

use crate::plugin::Kind;

/// What may stand at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Command,
    Driver(Kind),
    Plugin,
    File,
    Path,
}

/// The words before the one that is being typed, and that word with its start.
pub(super) fn current(line: &str) -> (Vec<&str>, &str, usize) {
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

pub(super) fn place(before: &[&str], word: &str) -> Place {
    let Some(command) = before.first() else {
        // A program is named by its path.
        return if word.contains('/') { Place::Path } else { Place::Command };
    };
    if *command == "time" {
        return place(&before[1..], word);
    }
    let operands = before[1..].iter().filter(|w| !w.starts_with('-')).count();
    match (*command, before.last().copied().unwrap_or_default(), operands) {
        ("attach", _, 0) => Place::Driver(Kind::Block),
        ("attach", ..) if word.starts_with("vfs=") => Place::Path,
        ("attach", ..) if word.contains('=') => Place::File,
        ("losetup", _, 1..) if before.contains(&"--host") => Place::File,
        ("mount" | "mkfs" | "check", "-t", _) => Place::Driver(Kind::FileSystem),
        ("modprobe" | "rmmod" | "modinfo", _, 0) => Place::Plugin,
        ("insmod" | "source", _, 0) => Place::File,
        ("help", _, 0) => Place::Command,
        _ => Place::Path,
    }
}

/// Where in a word a path begins: after `>`, and after the `=` of `dd if=` and `attach … vfs=`.
pub(super) fn path_start(before: &[&str], word: &str) -> usize {
    let after = |c| word.rfind(c).map_or(0, |at| at + 1);
    match before.iter().find(|w| **w != "time") {
        Some(&("dd" | "attach")) => after('>').max(after('=')),
        _ if word.contains("\\>") => 0,
        _ => after('>'),
    }
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
        assert_eq!(at("/rom/bin/he"), Place::Path);
        assert_eq!(at("ls /; mo"), Place::Command);
        assert_eq!(at("attach ram"), Place::Driver(Kind::Block));
        assert_eq!(at("attach ramdisk-xip /dev/ra"), Place::Path);
        assert_eq!(at("attach ramdisk-xip /dev/ram0 image=do"), Place::File);
        assert_eq!(at("attach loop /dev/loop0 vfs=/tm"), Place::Path);
        assert_eq!(at("losetup -r /dev/loop0 /tm"), Place::Path);
        assert_eq!(at("losetup --host /dev/loop0 di"), Place::File);
        assert_eq!(at("mount -t ro"), Place::Driver(Kind::FileSystem));
        assert_eq!(at("mkfs -t vf"), Place::Driver(Kind::FileSystem));
        assert_eq!(at("check -t vfat /dev/ra"), Place::Path);
        assert_eq!(at("insmod --replace x"), Place::File);
        assert_eq!(at("rmmod "), Place::Plugin);
        assert_eq!(at("cat /rom/a\\ b"), Place::Path);
        assert_eq!(at("time attach ram"), Place::Driver(Kind::Block));
        assert_eq!(at("time ls; time mo"), Place::Command);
        assert_eq!(path_start(&["dd"], "if=/dev/ra"), 3);
        assert_eq!(path_start(&["attach", "loop", "/dev/loop0"], "vfs=/tm"), 4);
        assert_eq!(path_start(&["echo", "a"], ">>/tmp/x"), 2);
        assert_eq!(path_start(&["cat"], "/a=b\\>c"), 0);
        assert_eq!(current("cat /rom/a\\ b").1, "/rom/a\\ b");
    }
}
