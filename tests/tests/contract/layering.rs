//! The law of the stairs: what may import what, and where `unsafe` may stand.

use std::path::{Path, PathBuf};

use nxvfs_tests::repository;
use nxvfs_tests::source::{code, dependencies, rust_files, words_of};

/// The host's modules and their floors.
const FLOORS: [(&str, u32); 10] = [
    ("base", 0),
    ("bridge", 1),
    ("plugin", 2),
    ("device", 3),
    ("tree", 4),
    ("mapping", 5),
    ("file", 6),
    ("task", 7),
    ("fuse", 8),
    ("cli", 9),
];

/// Where `unsafe` may stand.
const UNSAFE_ROOMS: [&str; 7] = [
    "abi/src",
    "abi/sdk",
    "host/src/bridge",
    "host/src/plugin/image",
    "host/src/mapping",
    "host/capi",
    "tests",
];

fn floor(module: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

fn shown(path: &Path) -> String {
    path.strip_prefix(repository()).unwrap_or(path).display().to_string()
}

fn read(path: &Path) -> String {
    code(&std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// The modules that lead to a file below `src`: `tree/walk.rs` is `[tree, walk]`.
fn module_path(file: &Path, src: &Path) -> Vec<String> {
    let relative = file.strip_prefix(src).expect("below src").with_extension("");
    let mut path: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        path.pop();
    }
    path
}

/// The first names after a path's beginning: of `{a::b, c}` both `a` and `c`.
fn first_names(rest: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.strip_prefix('{') else { return vec![name(rest)] };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names
}

/// What a file names of the crate's root, by `crate::` or by a chain of `super::`, with the line.
fn root_names(file: &Path, src: &Path) -> Vec<(usize, String)> {
    let code = read(file);
    let depth = module_path(file, src).len();
    let chain = "super::".repeat(depth);
    let mut found = Vec::new();
    for lead in ["crate::", &chain] {
        if lead.is_empty() {
            continue;
        }
        for (at, _) in code.match_indices(lead) {
            let before = code[..at].chars().next_back();
            let longer = lead != "crate::" && code[..at].ends_with("super::");
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') || longer {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            found.extend(first_names(&code[at + lead.len()..]).into_iter().map(|name| (line, name)));
        }
    }
    found
}

#[test]
fn the_reader_of_names_sees_what_it_should() {
    assert_eq!(first_names("{tree::{A, B}, file, base::sync::Arc};"), ["tree", "file", "base"]);
    assert_eq!(first_names("tree::X"), ["tree"]);
    let text = "/* crate::task */ let a = \"crate::cli\"; // crate::fuse\nlet c = '\"'; let r = r#\"unsafe \"# ;\n'a: x";
    let code = code(text);
    assert_eq!(code.len(), text.len());
    assert_eq!(
        words_of(&code).map(|(_, w)| w).collect::<Vec<_>>(),
        ["let", "a", "let", "c", "let", "r", "a", "x"]
    );
    let src = Path::new("/s");
    assert_eq!(module_path(Path::new("/s/tree/mod.rs"), src), ["tree"]);
    assert_eq!(module_path(Path::new("/s/tree/walk.rs"), src), ["tree", "walk"]);
    assert!(module_path(Path::new("/s/lib.rs"), src).is_empty());
}

#[test]
fn a_module_of_the_host_imports_from_lower_floors_or_its_own_folder() {
    let src = repository().join("host/src");
    let mut seen = 0;
    for file in rust_files(&src) {
        let path = module_path(&file, &src);
        // lib.rs and main.rs stand above all floors.
        let Some(module) = path.first() else { continue };
        let own = floor(module).unwrap_or_else(|| {
            panic!("{}: the module {module} has no floor; give it one in the design and here", shown(&file))
        });
        for (line, name) in root_names(&file, &src) {
            let Some(floor) = floor(&name) else { continue };
            seen += 1;
            assert!(
                name == *module || floor < own,
                "{}:{line}: {module} is floor {own} and imports {name}, floor {floor}: a module imports from lower \
                 floors or its own folder; move the thing down, or pass it in as a trait",
                shown(&file)
            );
        }
    }
    assert!(seen > 100, "only {seen} imports were seen: does the reader still understand the sources?");
}

#[test]
fn the_contract_imports_nothing_of_ours_and_the_sdk_only_the_contract() {
    for (package, allowed) in [("abi", &[][..]), ("abi/sdk", &["nxvfs-abi"])] {
        let folder = repository().join(package);
        for dependency in dependencies(&folder.join("Cargo.toml")) {
            let ours = dependency.starts_with("nxvfs");
            assert!(!ours || allowed.contains(&&*dependency), "{package} depends on {dependency}");
        }
        for file in rust_files(&folder.join("src")) {
            for (line, word) in words_of(&read(&file)) {
                let crate_name = word.starts_with("nxvfs") && !matches!(word, "nxvfs_export");
                let allowed = allowed.contains(&&*word.replace('_', "-"))
                    || word == "nxvfs_sdk" && package == "abi/sdk";
                assert!(!crate_name || allowed, "{}:{line}: {package} names {word}", shown(&file));
            }
        }
    }
}

/// The folders of plugins/, without the list of them.
fn plugins() -> Vec<PathBuf> {
    let folders = std::fs::read_dir(repository().join("plugins")).expect("the folder of plugins");
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.expect("an entry").path()).collect();
    folders.retain(|path| path.is_dir() && !path.ends_with("builtin"));
    folders.sort();
    assert!(!folders.is_empty());
    folders
}

#[test]
fn a_plugin_imports_the_sdk_only_and_has_no_unsafe_code() {
    for folder in plugins() {
        let ours: Vec<String> =
            dependencies(&folder.join("Cargo.toml")).into_iter().filter(|d| d.starts_with("nxvfs")).collect();
        assert_eq!(
            ours,
            ["nxvfs-sdk"],
            "{}: a plugin depends on nxvfs-sdk, and on nothing else of ours",
            shown(&folder)
        );
        let own = folder.file_name().unwrap().to_string_lossy().replace('-', "_");
        for file in rust_files(&folder.join("src")) {
            let text = read(&file);
            for (line, word) in words_of(&text) {
                let place = format!("{}:{line}", shown(&file));
                assert!(word != "unsafe", "{place}: a plugin needs no unsafe code; extend the SDK instead");
                let foreign =
                    word.starts_with("nxvfs") && word != "nxvfs_sdk" && *word != format!("nxvfs_{own}");
                assert!(!foreign, "{place}: a plugin names {word}; it may import nxvfs_sdk only");
            }
        }
        let lib = read(&folder.join("src/lib.rs"));
        assert!(lib.contains("#![forbid(unsafe_code)]"), "{}: forbid unsafe code in lib.rs", shown(&folder));
    }
}

#[test]
fn the_host_library_imports_no_plugin() {
    let host = repository().join("host");
    let ours: Vec<String> =
        dependencies(&host.join("Cargo.toml")).into_iter().filter(|d| d.starts_with("nxvfs")).collect();
    for dependency in &ours {
        assert!(
            ["nxvfs-abi", "nxvfs-builtin"].contains(&&**dependency),
            "the host depends on {dependency}: it may depend on nxvfs-abi, and its binary on nxvfs-builtin"
        );
    }
    for file in rust_files(&host.join("src")) {
        if file.ends_with("src/main.rs") {
            continue;
        }
        for (line, word) in words_of(&read(&file)) {
            let foreign = word.starts_with("nxvfs_") && word != "nxvfs_abi";
            assert!(
                !foreign,
                "{}:{line}: the host library names {word}; it may import nxvfs_abi only",
                shown(&file)
            );
        }
    }
}

#[test]
fn the_library_for_c_stands_on_the_host_the_contract_and_the_list_of_plugins() {
    let mut ours: Vec<String> = dependencies(&repository().join("host/capi/Cargo.toml"));
    ours.retain(|name| name.starts_with("nxvfs"));
    let expected = ["nxvfs", "nxvfs-abi", "nxvfs-builtin"];
    assert_eq!(ours, expected, "host/capi is the host's door for C and nothing more");
}

#[test]
fn unsafe_code_stays_in_its_rooms() {
    let root = repository();
    let mut found_in_rooms = 0;
    for folder in ["abi", "host", "plugins", "tests"] {
        for file in rust_files(&root.join(folder)) {
            let relative = file.strip_prefix(&root).expect("below the checkout").to_owned();
            let allowed = UNSAFE_ROOMS.iter().any(|room| relative.starts_with(room));
            for (line, word) in words_of(&read(&file)) {
                if word == "unsafe" {
                    found_in_rooms += 1;
                    assert!(
                        allowed,
                        "{}:{line}: unsafe code outside its rooms ({}); put it into the bridge, the image or the mapping",
                        relative.display(),
                        UNSAFE_ROOMS.join(", ")
                    );
                }
            }
        }
    }
    assert!(found_in_rooms > 50, "the rooms hold unsafe code: does the reader still see it?");
}
