//! The C headers say what the Rust contract says: every name, size, offset, type, constant and fact, in C11 and in
//! C++17; and a plugin made with them alone works.

#[path = "headers/list.rs"]
mod list;
#[path = "headers/scan.rs"]
mod scan;
#[path = "headers/tools.rs"]
mod tools;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use list::Value;
use nxvfs_abi::{ABI_MAJOR, ABI_MINOR, Errno, manifest};
use scan::{Api, Member};
use tools::{Language, fixture, repository, run};

fn rust() -> Api {
    scan::rust(&repository().join("abi/src"))
}

fn headers() -> Api {
    scan::headers(&include_dir())
}

fn include_dir() -> PathBuf {
    repository().join("abi/include/nxvfs")
}

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// A set of names, and where they stand.
struct Names<'a> {
    place: &'a str,
    names: BTreeSet<String>,
}

impl Names<'_> {
    /// What is here and not there, and the other way round.
    fn compare(&self, there: &Self, what: &str) -> Vec<String> {
        let one_way = |a: &Self, b: &Self| -> Vec<String> {
            let only = a.names.difference(&b.names);
            only.map(|name| format!("the {what} {name} is in {}, not in {}", a.place, b.place)).collect()
        };
        [one_way(self, there), one_way(there, self)].concat()
    }
}

const RUST: &str = "abi/src";
const C: &str = "abi/include/nxvfs";
const LIST: &str = "tests/tests/contract/headers/list.rs";

fn names(place: &str, names: impl IntoIterator<Item = impl Into<String>>) -> Names<'_> {
    Names { place, names: names.into_iter().map(Into::into).collect() }
}

#[test]
fn names_are_the_same() {
    let (rust, c, structs) = (rust(), headers(), list::structs());
    // The errnos come from a macro, which a reader of text does not expand.
    let errnos = Errno::ALL.iter().map(|e| format!("NX_{}", e.name()));
    let constants = names(RUST, rust.constants.iter().cloned().chain(errnos));
    let mut wrong = constants.compare(&names(C, &c.constants), "constant");
    wrong.extend(constants.compare(&names(LIST, list::constants().into_iter().map(|c| c.name)), "constant"));

    let functions = names(RUST, rust.functions.keys());
    wrong.extend(functions.compare(&names(C, c.functions.keys()), "function type"));

    let of_rust = names(RUST, rust.structs.keys());
    wrong.extend(of_rust.compare(&names(C, c.structs.keys()), "struct"));
    wrong.extend(of_rust.compare(&names(LIST, structs.iter().map(|s| &s.name)), "struct"));
    for (name, members) in &rust.structs {
        let qualified = |member: &str| format!("{name}.{member}");
        let of_rust = names(RUST, members.iter().map(|m| qualified(&m.name)));
        if let Some(members) = c.structs.get(name) {
            wrong.extend(of_rust.compare(&names(C, members.iter().map(|m| qualified(&m.name))), "field"));
        }
        if let Some(layout) = structs.iter().find(|s| s.name == *name) {
            wrong
                .extend(of_rust.compare(&names(LIST, layout.fields.iter().map(|f| qualified(f.0))), "field"));
        }
    }
    none(&wrong);
}

/// A program that prints what the C compiler makes of the headers, line by line as [`expected_lines`], and that does
/// not compile if a type differs from Rust's.
fn layout_program(rust: &Api) -> String {
    let mut p = String::from(
        "#include <nxvfs/nxvfs.h>\n#include <stdio.h>\n\
         #ifdef __cplusplus\n#define ALIGN(type) alignof(type)\n#else\n#define ALIGN(type) _Alignof(type)\n#endif\n\
         static void number(const char *name, unsigned long long value, size_t size, int is_unsigned)\n\
         {\n    printf(\"%s = %llu, %zu bytes, %s\\n\", name, value, size, is_unsigned ? \"unsigned\" : \"signed\");\n}\n\
         int main(void)\n{\n",
    );
    for layout in list::structs() {
        let name = &layout.name;
        let _ = writeln!(p, "    {{\n        {name} v;\n        memset(&v, 0, sizeof v);");
        let _ =
            writeln!(p, "        printf(\"{name}: size %zu, align %zu\\n\", sizeof({name}), ALIGN({name}));");
        for (field, ..) in &layout.fields {
            let _ = writeln!(
                p,
                "        printf(\"{name}.{field}: offset %zu, size %zu\\n\", offsetof({name}, {field}), sizeof v.{field});"
            );
        }
        for member in &rust.structs[name] {
            let _ = writeln!(
                p,
                "        {}",
                same_type(&format!("{name}.{}", member.name), member, &format!("v.{}", member.name))
            );
        }
        p.push_str("    }\n");
    }
    for (name, member) in &rust.functions {
        let _ = writeln!(p, "    {{ {name} v = NULL; {} }}", same_type(name, member, "v"));
    }
    for constant in list::constants() {
        let name = &constant.name;
        let _ = match constant.value {
            Value::Number(..) => {
                writeln!(p, "    number(\"{name}\", {name}, sizeof({name}), {name} - {name} - 1 > 0);")
            }
            Value::Text(_) => writeln!(p, "    printf(\"{name} = '%s'\\n\", \"\" {name} \"\");"),
        };
    }
    p.push_str("    return 0;\n}\n");
    p
}

/// A declaration that compiles only if `of` has the type that Rust says; `name` is for the compiler's message.
fn same_type(name: &str, member: &Member, of: &str) -> String {
    let pointer = format!("{}_in_rust", name.replace('.', "_"));
    let declaration = member.declaration.replace('@', &format!("*{pointer}"));
    format!("{{ {declaration} = &{of}; (void){pointer}; }}")
}

/// What the program has to print.
fn expected_lines() -> Vec<String> {
    let mut lines = Vec::new();
    for list::Layout { name, size, align, fields } in list::structs() {
        lines.push(format!("{name}: size {size}, align {align}"));
        lines.extend(
            fields.iter().map(|(field, at, size)| format!("{name}.{field}: offset {at}, size {size}")),
        );
    }
    lines.extend(list::constants().iter().map(|constant| match constant.value {
        Value::Number(value, size, signed) => {
            format!(
                "{} = {value}, {size} bytes, {}",
                constant.name,
                if signed { "signed" } else { "unsigned" }
            )
        }
        Value::Text(text) => format!("{} = '{text}'", constant.name),
    }));
    lines
}

/// Compiles one source and runs the result.
fn compile_and_run(language: Language, source: &Path, dir: &Path) -> String {
    let program = dir.join(format!("{language:?}"));
    run(language.compiler().arg(source).arg("-o").arg(&program));
    run(&mut Command::new(&program))
}

#[test]
fn sizes_offsets_types_and_constants_are_the_same() {
    let dir = tempfile::tempdir().expect("a folder");
    let source = dir.path().join("layout.c");
    fs::write(&source, layout_program(&rust())).expect("written");
    let expected = expected_lines();
    assert!(expected.len() > 400, "only {} lines to compare: the list is damaged", expected.len());
    for language in Language::ALL {
        let printed = compile_and_run(language, &source, dir.path());
        let printed: Vec<_> = printed.lines().collect();
        assert_eq!(printed.len(), expected.len(), "{language:?} printed another number of lines");
        let differ = expected.iter().zip(&printed).filter(|(e, p)| e != p);
        none(&differ.map(|(e, p)| format!("Rust says `{e}`, {language:?} says `{p}`")).collect::<Vec<_>>());
    }
}

/// What a comment must not lose on the way to C: thread tags, errnos, and what is required or has a default.
fn facts(doc: &str) -> BTreeSet<&str> {
    const TAGS: &[&str] = &["[any thread]", "[once]", "[blocks]", "[brief]", "[services]", "[no services]"];
    let mut facts: BTreeSet<_> =
        TAGS.iter().chain(&["Required.", "Absent:"]).copied().filter(|fact| doc.contains(fact)).collect();
    let words = doc.split(|c: char| !c.is_alphanumeric());
    facts.extend(words.filter(|word| Errno::ALL.iter().any(|e| e.name() == *word)));
    facts
}

#[test]
fn comments_and_parameters_are_the_same() {
    let (rust, c) = (rust(), headers());
    let mut wrong = Vec::new();
    let mut compare = |name: &str, rust: &Member, c: &Member| {
        if rust.params != c.params {
            wrong.push(format!(
                "{name}: Rust names the parameters {:?}, C names them {:?}",
                rust.params, c.params
            ));
        }
        let (of_rust, of_c) = (facts(&rust.doc), facts(&c.doc));
        if of_rust != of_c {
            wrong.push(format!("{name}: Rust's comment tells {of_rust:?}, C's tells {of_c:?}"));
        }
        if c.doc.is_empty() && !rust.doc.is_empty() {
            wrong.push(format!("{name}: C has no comment"));
        }
    };
    for (name, members) in &rust.structs {
        for member in members {
            let of_c = c.structs.get(name).and_then(|all| all.iter().find(|m| m.name == member.name));
            let of_c = of_c.unwrap_or_else(|| panic!("C has no {name}.{}", member.name));
            compare(&format!("{name}.{}", member.name), member, of_c);
        }
    }
    for (name, member) in &rust.functions {
        let of_c = c.functions.get(name).unwrap_or_else(|| panic!("C has no {name}"));
        compare(name, member, of_c);
    }
    none(&wrong);
}

#[test]
fn every_header_stands_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let source = dir.path().join("alone.c");
    let all = fs::read_to_string(include_dir().join("nxvfs.h")).expect("nxvfs.h");
    let has_clang = Command::new("clang").arg("--version").output().is_ok();
    for header in scan::header_names(&include_dir()) {
        let is_cxx = header.ends_with(".hpp");
        assert!(
            is_cxx || header == "nxvfs.h" || all.contains(&format!("#include \"{header}\"")),
            "nxvfs.h does not include {header}"
        );
        // Twice: the guard works. Then something of our own, because C knows no empty file.
        fs::write(
            &source,
            format!("#include <nxvfs/{header}>\n#include <nxvfs/{header}>\nextern int own;\n"),
        )
        .expect("written");
        for language in Language::ALL {
            if is_cxx && language == Language::C11 {
                continue;
            }
            run(language.compiler().arg("-fsyntax-only").arg(&source));
            if has_clang {
                let ours = language.compiler();
                let name = if language == Language::C11 { "clang" } else { "clang++" };
                run(Command::new(name).args(ours.get_args()).arg("-fsyntax-only").arg(&source));
            }
        }
    }
}

#[test]
fn helpers_keep_their_word() {
    let dir = tempfile::tempdir().expect("a folder");
    for language in Language::ALL {
        compile_and_run(language, &fixture("helpers.c"), dir.path());
    }
}

#[test]
fn exceptions_become_eio() {
    let dir = tempfile::tempdir().expect("a folder");
    compile_and_run(Language::Cxx17, &fixture("guard.cpp"), dir.path());
}

/// The entries of a plugin file's manifest.
fn manifest_of(plugin: &Path) -> Vec<String> {
    let section = plugin.with_extension("manifest");
    run(Command::new("objcopy")
        .args(["-O", "binary", "--only-section", manifest::SECTION])
        .arg(plugin)
        .arg(&section));
    let bytes = fs::read(&section).expect("objcopy wrote it");
    let text = String::from_utf8(bytes).expect("a manifest is text");
    let text =
        text.strip_suffix('\0').unwrap_or_else(|| panic!("the manifest does not end with a NUL: {text:?}"));
    text.split('\0').map(str::to_owned).collect()
}

/// The symbols that a plugin file exports.
fn exports_of(plugin: &Path) -> Vec<String> {
    let table = run(Command::new("nm").args(["--dynamic", "--defined-only", "--format=posix"]).arg(plugin));
    table.lines().filter_map(|l| l.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_manifest_survives_the_linker() {
    let dir = tempfile::tempdir().expect("a folder");
    let abi = format!("abi={ABI_MAJOR}.{ABI_MINOR}");
    let expected = [
        "name=probe",
        &abi,
        "version=1.2.3",
        "license=MIT OR Apache-2.0",
        "author=A. N. Author",
        "description=A probe: nothing more",
        "provides=block:probe",
        "provides=filesystem:probe",
        "parm=label:str::a text: any",
        "parm=size:size:64K:how much",
        "x-own=a=b",
        "entry=probe",
    ];
    for language in Language::ALL {
        let plugin = dir.path().join(format!("{language:?}.so"));
        run(language
            .compiler()
            .args([
                "-O2",
                "-ffunction-sections",
                "-fdata-sections",
                "-fvisibility=hidden",
                "-fPIC",
                "-shared",
            ])
            .args(["-Wl,--gc-sections", "-Wl,-z,defs", "-Wl,--strip-all"])
            .arg(fixture("plugin.c"))
            .arg("-o")
            .arg(&plugin));
        assert_eq!(manifest_of(&plugin), expected, "{language:?}");
        assert_eq!(exports_of(&plugin), ["nx_plugin_probe"], "{language:?}");
    }
}

#[test]
fn the_c_block_template_builds_and_works() {
    let dir = tempfile::tempdir().expect("a folder");
    let template = repository().join("plugin-template/c-block");
    run(Command::new("make").arg("-C").arg(template).arg(format!("OUT={}", dir.path().display())));
    let plugin = dir.path().join("c-block.so");
    let manifest = manifest_of(&plugin);
    for entry in ["name=c-block", "provides=block:c-block", "entry=c_block"] {
        assert!(manifest.iter().any(|e| e == entry), "no {entry} in {manifest:?}");
    }
    assert_eq!(exports_of(&plugin), ["nx_plugin_c_block"]);

    let image = dir.path().join("image");
    fs::write(&image, (0..700_u32).map(|i| i as u8).collect::<Vec<_>>()).expect("written");
    let driver = dir.path().join("drive");
    run(Language::C11.compiler().arg(fixture("drive_block.c")).arg("-o").arg(&driver).arg("-ldl"));
    run(Command::new(&driver).arg(plugin).arg(image).arg(dir.path().join("missing")));
}
