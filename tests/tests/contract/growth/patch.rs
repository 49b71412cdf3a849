//! Changes of source text, each tied to an anchor: a piece of text that must be there exactly once.
//!
//! White space of an anchor fits any white space, so that a formatter does not move it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Source files by their path within the checkout.
pub(super) type Sources = BTreeMap<PathBuf, Vec<u8>>;

/// What becomes of an anchor.
enum Edit {
    After,
    Before,
    Instead,
    /// The rest of its line goes with it.
    Line,
}

/// One change of one file.
pub(super) struct Patch {
    file: &'static str,
    /// Empty: the end of the file.
    anchor: String,
    edit: Edit,
    text: String,
}

fn patch(file: &'static str, anchor: impl Into<String>, edit: Edit, text: impl Into<String>) -> Patch {
    Patch { file, anchor: anchor.into(), edit, text: text.into() }
}

/// Puts text after the anchor.
pub(super) fn after(file: &'static str, anchor: impl Into<String>, text: impl Into<String>) -> Patch {
    patch(file, anchor, Edit::After, text)
}

/// Puts text before the anchor.
pub(super) fn before(file: &'static str, anchor: impl Into<String>, text: impl Into<String>) -> Patch {
    patch(file, anchor, Edit::Before, text)
}

/// Puts text in the anchor's place.
pub(super) fn instead(file: &'static str, anchor: impl Into<String>, text: impl Into<String>) -> Patch {
    patch(file, anchor, Edit::Instead, text)
}

/// Puts text in the place of the anchor and the rest of its line.
pub(super) fn line(file: &'static str, anchor: impl Into<String>, text: impl Into<String>) -> Patch {
    patch(file, anchor, Edit::Line, text)
}

/// Adds text at the end of the file.
pub(super) fn at_end(file: &'static str, text: impl Into<String>) -> Patch {
    patch(file, "", Edit::After, text)
}

/// Makes all changes, or says what moved.
pub(super) fn apply(sources: &mut Sources, patches: &[Patch]) -> Result<(), String> {
    patches.iter().try_for_each(|patch| {
        let Patch { file, anchor, edit, text } = patch;
        let old = sources.get(Path::new(file)).ok_or_else(|| {
            format!("the growth test changes a copy of {file}, which is gone: correct its list of changes")
        })?;
        let mut new = String::from_utf8(old.clone()).map_err(|e| format!("{file} is not text: {e}"))?;
        let found = match &**anchor {
            "" => new.len()..new.len(),
            anchor => match &find(&new, anchor)[..] {
                [one] => one.clone(),
                all => {
                    return Err(format!(
                        "the growth test changes {file} at the text `{anchor}`, which is there {} times instead \
                         of once: it was moved or reworded, so correct the list of changes",
                        all.len()
                    ));
                }
            },
        };
        let place = match edit {
            Edit::After => found.end..found.end,
            Edit::Before => found.start..found.start,
            Edit::Instead => found,
            Edit::Line => found.start..new[found.end..].find('\n').map_or(new.len(), |n| found.end + n),
        };
        new.replace_range(place, text);
        sources.insert(file.into(), new.into_bytes());
        Ok(())
    })
}

/// Where the words of an anchor stand one after another with nothing but white space between.
fn find(text: &str, anchor: &str) -> Vec<Range<usize>> {
    let mut words = anchor.split_whitespace();
    let Some(first) = words.next() else { return Vec::new() };
    let fits = |(start, _): (usize, &str)| {
        let mut at = start + first.len();
        for word in words.clone() {
            at = text.len() - text[at..].trim_start().len();
            at += text[at..].strip_prefix(word).map(|_| word.len())?;
        }
        Some(start..at)
    };
    text.match_indices(first).filter_map(fits).collect()
}

fn example() -> Sources {
    Sources::from([("a.rs".into(), b"struct A {\n    x: u32,\n}\n\nstruct B {\n    x: u32,\n}\n".to_vec())])
}

#[test]
fn anchors_stand_firm_against_a_formatter() {
    let mut sources = example();
    let patches = [
        before("a.rs", "} struct B {", "    y: u32,\n"),
        line("a.rs", "struct B", "struct C {"),
        instead("a.rs", "struct A", "struct D"),
        at_end("a.rs", "// end\n"),
    ];
    apply(&mut sources, &patches).expect("each anchor is there once");
    let text = String::from_utf8_lossy(&sources[Path::new("a.rs")]).into_owned();
    assert_eq!(text, "struct D {\n    x: u32,\n    y: u32,\n}\n\nstruct C {\n    x: u32,\n}\n// end\n");
}

#[test]
fn a_missing_anchor_is_told() {
    let told = |patch: Patch| apply(&mut example(), &[patch]).expect_err("it cannot be applied");
    let sentence = told(after("a.rs", "x: u64,", ""));
    assert!(sentence.contains("a.rs at the text `x: u64,`, which is there 0 times"), "{sentence}");
    let sentence = told(after("a.rs", "x: u32,", ""));
    assert!(sentence.contains("which is there 2 times instead of once"), "{sentence}");
    let sentence = told(after("b.rs", "x", ""));
    assert!(sentence.contains("a copy of b.rs, which is gone"), "{sentence}");
}
