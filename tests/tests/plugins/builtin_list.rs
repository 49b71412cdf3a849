//! nxvfs-builtin is the one list of what is linked statically, and it is complete.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nxvfs::Host;
use nxvfs::plugin::{Builtin, Link, PluginOptions};
use nxvfs_tests::repository;
use nxvfs_tests::source::{code, dependencies, rust_files, words_of};

fn folders() -> BTreeSet<String> {
    let entries = std::fs::read_dir(repository().join("plugins")).expect("the folder of plugins");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let plugins = paths.filter(|path| path.join("Cargo.toml").is_file() && !path.ends_with("builtin"));
    let names: BTreeSet<String> =
        plugins.map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    assert!(names.contains("romfs"));
    names
}

fn packages() -> BTreeSet<String> {
    folders().iter().map(|name| format!("nxvfs-{name}")).collect()
}

#[test]
fn every_plugin_folder_is_a_dependency_of_the_list() {
    let manifest = repository().join("plugins/builtin/Cargo.toml");
    let listed: BTreeSet<String> = dependencies(&manifest).into_iter().collect();
    assert_eq!(listed, packages(), "the dependencies of plugins/builtin are the folders of plugins/");
}

#[test]
fn every_plugin_folder_is_used_by_the_list() {
    let text = std::fs::read_to_string(repository().join("plugins/builtin/src/lib.rs")).expect("the list");
    let code = code(&text);
    let uses = code.lines().filter_map(|line| line.trim().strip_prefix("use ")?.strip_suffix(" as _;"));
    let used: BTreeSet<String> = uses.map(|name| name.replace('_', "-")).collect();
    assert_eq!(
        used,
        packages(),
        "plugins/builtin/src/lib.rs has a line `use … as _;` for each folder of plugins/"
    );
}

#[test]
fn every_plugin_folder_is_registered_statically() {
    let host =
        Host::new(PluginOptions { default_dirs: false, builtin: Builtin::All, ..PluginOptions::default() })
            .unwrap();
    let list = host.plugins().list();
    for plugin in &list {
        assert_eq!((plugin.link, plugin.state), (Link::Static, "live"), "{}: {}", plugin.name, plugin.reason);
    }
    let registered: BTreeSet<String> = list.into_iter().map(|plugin| plugin.name).collect();
    assert_eq!(registered, folders(), "the plugins that this binary has are the folders of plugins/");
}

#[test]
fn every_plugin_lies_beside_the_tests_as_a_file() {
    let host = Host::new(PluginOptions { builtin: Builtin::None, ..PluginOptions::default() }).unwrap();
    for name in folders() {
        let (manifest, file) = host.plugins().modinfo(&name).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(manifest.name, name, "a plugin is named as its folder");
        let file = file.unwrap_or_else(|| panic!("{name} has no file"));
        let expected = format!("libnxvfs_{}.so", name.replace('-', "_"));
        assert_eq!(file.file_name().unwrap().to_string_lossy(), expected);
    }
}

fn manifests(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden && !path.ends_with("target") && !path.ends_with("tests") {
            manifests(&path, found);
        } else if path.ends_with("Cargo.toml") {
            found.push(path);
        }
    }
}

#[test]
fn nothing_else_names_a_driver() {
    let root = repository();
    let packages = packages();
    let mut all = Vec::new();
    manifests(&root, &mut all);
    for manifest in all {
        let relative = manifest.strip_prefix(&root).expect("below the checkout").to_owned();
        // The workspace's own list of versions.
        if relative == Path::new("Cargo.toml") || relative.starts_with("plugins/builtin") {
            continue;
        }
        for dependency in dependencies(&manifest) {
            assert!(!packages.contains(&dependency), "{} depends on {dependency}", relative.display());
        }
    }
    for folder in ["abi", "host", "plugins"] {
        for file in rust_files(&root.join(folder)) {
            let relative = file.strip_prefix(&root).expect("below the checkout").to_owned();
            if relative.starts_with("plugins/builtin") {
                continue;
            }
            let code = code(&std::fs::read_to_string(&file).expect("a source file"));
            for (line, word) in words_of(&code) {
                let package = word.replace('_', "-");
                let own = package.strip_prefix("nxvfs-").map(|name| Path::new("plugins").join(name));
                let foreign = packages.contains(&package) && own.is_none_or(|own| !relative.starts_with(own));
                assert!(!foreign, "{}:{line} names {word}: only plugins/builtin does", relative.display());
            }
        }
    }
}
