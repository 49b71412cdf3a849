//! Reads the contract as text, in Rust and in C: names, types, parameters and comments. It understands the way these
//! files are written, no more; what it does not understand makes it fail, never pass over.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What Rust has and C has not, and why.
const NOT_IN_C: &[(&str, &str)] = &[
    ("NX_ALL", "`Errno::ALL`: the list of the single constants"),
    ("NX_KNOWN", "the host's own table of commands"),
    ("NX_STR_EMPTY", "an empty nx_str is a zeroed one"),
    ("nx_direction", "of the host's own table of commands"),
    ("nx_known", "of the host's own table of commands"),
    ("nx_errno", "a plain number in C"),
    ("nx_descriptor_ptr", "of the Rust door"),
    ("nx_schema", "of the Rust door"),
    ("nx_root", "of the Rust door"),
    ("nx_static_plugin", "plugins that are linked in are Rust"),
];

/// One side of the contract.
#[derive(Default)]
pub(crate) struct Api {
    /// Names, as in C.
    pub(crate) constants: BTreeSet<String>,
    /// Members by the struct's name, as in C.
    pub(crate) structs: BTreeMap<String, Vec<Member>>,
    /// Types of single functions, by name as in C.
    pub(crate) functions: BTreeMap<String, Member>,
}

/// A field, a slot or a function's type.
pub(crate) struct Member {
    pub(crate) name: String,
    /// The comment above it, on one line.
    pub(crate) doc: String,
    /// Of a function: its parameters' names.
    pub(crate) params: Vec<String>,
    /// From Rust only: its declaration in C, with `@` where the name goes.
    pub(crate) declaration: String,
}

/// The name in C of a Rust type.
pub(crate) fn c_name(rust: &str) -> String {
    let mut name = "nx".to_owned();
    // "file system" is one word in C, as the module's name is.
    for c in rust.replace("FileSystem", "Filesystem").chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// The name in C of a Rust constant; those of some modules are too bare to stand without it.
pub(crate) fn c_constant(module: &str, rust: &str) -> String {
    let prefix = match module {
        "level" => "LOG_",
        "clock" => "CLOCK_",
        "manifest" => "MANIFEST_",
        "impl Errno" => "ERRNO_",
        "impl Str" => "STR_",
        _ => "",
    };
    format!("NX_{prefix}{rust}")
}

/// A text in brackets of any kind is one piece: splits at `by` outside of them.
fn split_outside(text: &str, by: char) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for c in text.chars() {
        match c {
            '(' | '[' | '<' | '{' => depth += 1,
            ')' | ']' | '>' | '}' => depth -= 1,
            _ => {}
        }
        if c == by && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("never empty").push(c);
        }
    }
    parts.into_iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
}

/// The files of a folder with that ending, with their texts, by name.
fn files(dir: &Path, ending: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(dir).unwrap_or_else(|e| panic!("cannot read {}: {e}", dir.display()));
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("an entry of a readable folder").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| {
            let text =
                fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()));
            (path.file_name().expect("a file has a name").to_string_lossy().into_owned(), text)
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no *{ending} in {}", dir.display());
    found
}

// --- Rust ------------------------------------------------------------------------------------------------------

/// Reads `abi/src`.
pub(crate) fn rust(dir: &Path) -> Api {
    let mut api = Api::default();
    let mut left_out = BTreeSet::new();
    for (file, text) in files(dir, ".rs") {
        let module = file.trim_end_matches(".rs");
        let mut context = module.to_owned();
        let mut doc = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let code = line.trim();
            if let Some(more) = code.strip_prefix("///") {
                doc = format!("{doc} {}", more.trim());
                continue;
            }
            if code.starts_with("#[") {
                continue;
            }
            let doc = std::mem::take(&mut doc);
            if !line.starts_with([' ', '}']) {
                context = enclosing(code).unwrap_or_else(|| module.to_owned());
            }
            if line == "}" {
                context = module.to_owned();
            }
            let Some(item) = code.strip_prefix("pub ") else { continue };
            let (keyword, rest) = item.split_once(' ').unwrap_or((item, ""));
            if rest.starts_with('$') {
                continue; // a macro's: its uses are what counts
            }
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            let c = if keyword == "const" { c_constant(&context, name) } else { c_name(name) };
            let has_body = matches!(keyword, "struct" | "enum") && rest.ends_with('{');
            let body: Vec<&str> =
                if has_body { lines.by_ref().take_while(|l| *l != "}").collect() } else { vec![] };
            if let Some((c, _)) = NOT_IN_C.iter().find(|(left, _)| *left == c) {
                left_out.insert(*c);
                continue;
            }
            match keyword {
                "const" if name == "fn" => {}
                "const" => {
                    api.constants.insert(c);
                }
                "struct" if has_body => {
                    api.structs.insert(c, rust_fields(&format!("{module}::{name}"), &body));
                }
                // A function's type, as `pub struct X(pub Option<fn>);` or `pub type X = fn;`.
                "struct" | "type" => {
                    let of = rest.split_once(['(', '=']).map_or("", |(_, of)| of);
                    let of = of.trim().trim_end_matches([';', ' ']).trim_start_matches("pub ");
                    let of = if keyword == "struct" { of.trim_end_matches(')') } else { of };
                    let member = rust_member(name, of, doc);
                    api.functions.insert(c, member);
                }
                "fn" | "unsafe" | "mod" | "use" => {}
                _ => panic!("abi/src/{file} has `pub {item}`, which this test does not understand: teach it"),
            }
        }
    }
    for (name, why) in NOT_IN_C {
        assert!(
            left_out.contains(name),
            "NOT_IN_C names {name} ({why}), but Rust has no such thing any more"
        );
    }
    api
}

/// The block that a line at the left margin opens.
fn enclosing(code: &str) -> Option<String> {
    let head = code.strip_suffix('{')?.trim();
    let head = head.strip_prefix("pub mod ").unwrap_or(head);
    Some(head.to_owned())
}

fn rust_fields(of: &str, body: &[&str]) -> Vec<Member> {
    let (mut members, mut doc, mut code) = (Vec::new(), String::new(), String::new());
    for line in body.iter().map(|l| l.trim()) {
        if let Some(more) = line.strip_prefix("///") {
            doc = format!("{doc} {}", more.trim());
        } else if !line.starts_with("#[") && !line.starts_with("//") && !line.is_empty() {
            code = format!("{code} {line}");
            // An arrow's head is no bracket.
            let depth: i32 = code
                .replace("->", "")
                .chars()
                .map(|c| i32::from("([<".contains(c)) - i32::from(")]>".contains(c)))
                .sum();
            if depth == 0 && code.ends_with(',') {
                let text = code.trim().trim_end_matches(',');
                let (name, ty) = text
                    .strip_prefix("pub ")
                    .and_then(|t| t.split_once(':'))
                    .unwrap_or_else(|| panic!("{of} has the field `{text}`, which is not `pub name: type`"));
                members.push(rust_member(name.trim(), ty.trim(), std::mem::take(&mut doc)));
                code.clear();
            }
        }
    }
    assert!(code.is_empty(), "{of} ends in the middle of `{code}`");
    members
}

fn rust_member(name: &str, ty: &str, doc: String) -> Member {
    let mut params = Vec::new();
    let bare = ty.strip_prefix("Option<").and_then(|t| t.trim().strip_suffix('>')).unwrap_or(ty).trim();
    let declaration = if let Some(signature) = bare.strip_prefix("unsafe extern \"C\" fn") {
        let signature = signature.trim().trim_end_matches(',');
        let (inside, returns) = signature
            .trim_start_matches('(')
            .rsplit_once(')')
            .unwrap_or_else(|| panic!("the type of {name} has no parameters: `{ty}`"));
        let returns = returns.trim().strip_prefix("->").map_or_else(|| "void".to_owned(), c_type);
        let mut types = Vec::new();
        for param in split_outside(inside, ',') {
            let (param, ty) =
                param.split_once(':').unwrap_or_else(|| panic!("a parameter of {name} has no name"));
            params.push(param.trim().to_owned());
            types.push(c_type(ty));
        }
        format!("{returns} (*@)({})", if types.is_empty() { "void".to_owned() } else { types.join(", ") })
    } else if let Some((ty, count)) = ty.strip_prefix('[').and_then(|t| t.strip_suffix(']')?.split_once(';'))
    {
        format!("{} (@)[{}]", c_type(ty), count.trim())
    } else {
        format!("{} @", c_type(ty))
    };
    Member { name: name.to_owned(), doc: doc.trim().to_owned(), params, declaration }
}

/// A Rust type of the contract, in C.
fn c_type(rust: &str) -> String {
    let rust = rust.trim();
    if let Some(to) = rust.strip_prefix("*mut ") {
        return format!("{} *", c_type(to));
    }
    if let Some(to) = rust.strip_prefix("*const ") {
        return format!("const {} *", c_type(to));
    }
    match rust {
        "u8" | "u16" | "u32" | "u64" => format!("uint{}_t", &rust[1..]),
        "i32" | "i64" => format!("int{}_t", &rust[1..]),
        // Of a value, `uintptr_t` in C: where these tests run, the same type.
        "usize" => "size_t".to_owned(),
        "c_void" => "void".to_owned(),
        _ if rust.starts_with("Emit") => c_name(rust),
        _ => match (rust.strip_suffix("In"), rust.strip_suffix("Out")) {
            (Some(read), _) => format!("const {} *", c_name(read)),
            (_, Some(filled)) => format!("{} *", c_name(filled)),
            _ => c_name(rust),
        },
    }
}

// --- C ---------------------------------------------------------------------------------------------------------

/// Names of the headers, C and C++.
pub(crate) fn header_names(dir: &Path) -> Vec<String> {
    [files(dir, ".h"), files(dir, ".hpp")].concat().into_iter().map(|(name, _)| name).collect()
}

/// Reads `abi/include/nxvfs`.
pub(crate) fn headers(dir: &Path) -> Api {
    let mut api = Api::default();
    for (file, text) in files(dir, ".h") {
        assert!(
            !without_comments(&text).contains("enum"),
            "{file} has an `enum`: constants are `#define`s with a type"
        );
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("#define ") else { continue };
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
            // With parameters it is a macro, with a last underscore internal; a guard is not ours to compare.
            if rest[name.len()..].starts_with('(') || name.ends_with('_') || !name.starts_with("NX_") {
                continue;
            }
            assert!(api.constants.insert(name.to_owned()), "{file} defines {name} a second time");
        }
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("\ntypedef ") {
            rest = after;
            if let Some(body) = after.strip_prefix("struct ") {
                let (name, body) = body.split_once('{').expect("a struct has a body");
                let (body, end) = body.split_once("\n}").expect("a struct's brace stands at the left margin");
                let alias = end.split(';').next().unwrap_or_default().trim();
                assert_eq!(name.trim(), alias, "in {file}, a struct's tag and its type's name differ");
                api.structs.insert(alias.to_owned(), c_members(&file, alias, body));
            } else {
                let text = after.split(';').next().unwrap_or_default();
                let above = before.rsplit_once("/*").filter(|_| before.ends_with("*/"));
                let member = c_member(
                    &file,
                    text,
                    above.map(|(_, comment)| comment_text(comment)).unwrap_or_default(),
                );
                api.functions.insert(member.name.clone(), member);
            }
        }
    }
    api
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((code, comment)) = rest.split_once("/*") {
        out.push_str(code);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    out + rest
}

fn c_members(file: &str, of: &str, body: &str) -> Vec<Member> {
    let (mut members, mut doc, mut rest) = (Vec::new(), String::new(), body.trim_start());
    while !rest.is_empty() {
        if let Some(comment) = rest.strip_prefix("/*") {
            let (comment, after) = comment.split_once("*/").expect("a comment ends");
            doc = comment_text(comment);
            rest = after.trim_start();
        } else {
            let (text, after) =
                rest.split_once(';').unwrap_or_else(|| panic!("{file}: {of} ends in the middle of `{rest}`"));
            members.push(c_member(file, text, std::mem::take(&mut doc)));
            rest = after.trim_start();
        }
    }
    members
}

/// A comment's words on one line, without its stars.
fn comment_text(comment: &str) -> String {
    let lines = comment.trim_end_matches("*/").lines().map(|l| l.trim().trim_start_matches('*').trim());
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn last_word(text: &str) -> String {
    text.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
}

fn c_member(file: &str, text: &str, doc: String) -> Member {
    let (name, params) = if let Some((_, after)) = text.split_once("(*") {
        let (name, inside) =
            after.split_once(")(").unwrap_or_else(|| panic!("{file}: no parameters in `{text}`"));
        let inside = inside.trim_end().trim_end_matches(')');
        let params =
            split_outside(inside, ',').iter().map(|p| last_word(p)).filter(|p| p != "void").collect();
        (name.to_owned(), params)
    } else {
        assert!(!text.contains(','), "{file}: `{text}` declares several members at once");
        (last_word(text.split('[').next().unwrap_or_default().trim_end()), Vec::new())
    };
    Member { name, doc, params, declaration: String::new() }
}
