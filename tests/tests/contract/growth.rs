//! The contract can grow. A next version is made from the sources of this checkout, with something appended to each
//! kind of thing that may grow, and old and new are loaded against each other: both hosts, both plugins, both doors.
//! Versions that break a rule are refused, with a sentence that names what changed.

#[path = "growth/judge.rs"]
mod judge;
#[path = "growth/patch.rs"]
mod patch;
#[path = "growth/raw.rs"]
mod raw;
#[path = "growth/versions.rs"]
mod versions;
#[path = "growth/workshop.rs"]
mod workshop;

use std::path::Path;
use std::process::Command;

use nxvfs_abi::filesystem::Attr;
use nxvfs_abi::{ABI_MAJOR, ABI_MINOR};
use workshop::{Built, built, run};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Old,
    New,
}
use Age::{New, Old};

/// What a host sees of a plugin.
fn seen(built: &Built, host: Age, plugin: &Path) -> Vec<String> {
    match host {
        // This process is the old host.
        Old => judge::judge(plugin, |_, _| Ok(Vec::new())).expect("the old host answers"),
        New => {
            let mut judge = Command::new(&built.judge_next);
            judge.arg(plugin);
            run(judge).unwrap_or_else(|e| panic!("{e}")).lines().map(str::to_owned).collect()
        }
    }
}

/// What a host must see of growfs.
fn expected(host: Age, plugin: Age, door: &str) -> Vec<String> {
    let minor = ABI_MINOR + u16::from(plugin == New);
    let mut lines = vec![format!("growfs: abi {ABI_MAJOR}.{minor}, door {door}, live")];
    for (fs, weight) in [("growfs", 6), ("growfs-two", 10)] {
        let of_host = match (host, plugin) {
            (_, Old) => "",
            (Old, New) => " session=0 host_number=none",
            (New, New) => " session=77 host_number=42",
        };
        lines.push(format!("{fs}: mode 100444, inode 2"));
        lines.push(format!("{fs}: names . .. facts.txt"));
        lines.push(format!("{fs}: content greeting=hi count=7{of_host}"));
        if host == New {
            let old_attr_bytes = size_of::<Attr>();
            lines.extend(match plugin {
                Old => [
                    format!("{fs}: story none, project 0, generation 0, features 0, weight 0"),
                    format!("{fs}: attributes of {old_attr_bytes} bytes"),
                ],
                New => [
                    format!(
                        "{fs}: story node 2 lived happily, project 4711, generation 7, features 5, weight {weight}"
                    ),
                    format!("{fs}: attributes of {} bytes", old_attr_bytes + 8),
                ],
            });
        }
    }
    lines.push("removed, resident false".to_owned());
    lines
}

#[test]
fn old_and_new_work_together() {
    let built = built();
    for host in [Old, New] {
        for plugin in [Old, New] {
            let version = if plugin == Old { "old" } else { "next" };
            for (door, file) in [("rust", built.rust(version)), ("c", built.c(version))] {
                let cell = format!("{host:?} host, {plugin:?} plugin, {door} door");
                assert_eq!(seen(built, host, file), expected(host, plugin, door), "{cell}");
            }
        }
    }
}

#[test]
fn a_new_plugin_writes_nothing_beyond_an_old_struct() {
    let built = built();
    for version in ["old", "next"] {
        for file in [built.rust(version), built.c(version)] {
            assert_eq!(raw::harm_done(file), [""; 0], "{}", file.display());
        }
    }
    // The canary sings: a plugin that forgets `nx_fill` is caught.
    let harm = raw::harm_done(built.c("careless"));
    for what in ["mount, info: wrote", "mount, root: wrote", "lookup, entry: wrote", "getattr, attr: wrote"] {
        assert!(harm.iter().any(|line| line.starts_with(what)), "nothing like `{what}` in {harm:#?}");
    }
}

/// What the hosts say when they refuse a plugin, as both must.
fn refusals(plugin: &Path) -> [String; 2] {
    [Old, New].map(|host| match &seen(built(), host, plugin)[..] {
        [line] if line.starts_with("refused: ") && line.ends_with("(ELIBBAD)") => line.clone(),
        lines => panic!("the {host:?} host does not refuse {}: {lines:#?}", plugin.display()),
    })
}

/// The words that a refusal lacks.
fn lacking(plugin: &Path, words: &[&str]) -> Vec<String> {
    let lack = |line: &String| {
        let word = words.iter().find(|word| !line.contains(**word))?;
        Some(format!("no `{word}` in `{line}`"))
    };
    refusals(plugin).iter().filter_map(lack).collect()
}

#[test]
fn a_broken_contract_is_refused() {
    for version in ["signature", "order", "major"] {
        refusals(built().rust(version));
    }
    for name in ["major", "liar", "refuses"] {
        refusals(built().c(name));
    }
}

#[test]
fn a_refusal_names_the_field_that_changed() {
    assert_eq!(lacking(built().rust("signature"), &["forget", "u64", "u32"]), [""; 0]);
    assert_eq!(lacking(built().rust("order"), &["attr", "nlink"]), [""; 0]);
}

#[test]
fn a_refusal_names_another_major_version() {
    let major = format!("found {}.", ABI_MAJOR + 1);
    for plugin in [built().rust("major"), built().c("major"), built().c("liar")] {
        assert_eq!(lacking(plugin, &["speaks another ABI", &major]), [""; 0]);
    }
    // The host does not learn what this one speaks, and says what it does itself.
    assert_eq!(lacking(built().c("refuses"), &["refuses this host", &format!("ABI {ABI_MAJOR}.")]), [""; 0]);
}
