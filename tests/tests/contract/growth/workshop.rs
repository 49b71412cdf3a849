//! Builds what the tests load: the contract in each of its versions, from the very sources of this checkout, and the
//! plugins and the host on top of them.
//!
//! Of each version there is a copy below `target/growth/src`, and all are built by one cargo, in one target folder, so
//! that crates of others are built once. Cargo tells the versions apart by their numbers, so each has its own. Files
//! are written only when they change: then cargo builds only what depends on them.
//!
//! The old version is unchanged, and copied nevertheless: once cargo has taken the checkout for a workspace, it takes
//! it for the workspace of everything below, copies included, and gives them the checkout's contract.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::patch::{Patch, Sources, apply};
use super::versions;

/// The parts of the checkout that a version is made of.
const CONTRACT: &[&str] = &["abi", "abi/sdk"];
const CONTRACT_AND_HOST: &[&str] = &["abi", "abi/sdk", "host"];

/// A copy of the checkout, changed or not.
struct Version {
    name: &'static str,
    parts: &'static [&'static str],
    patches: Vec<Patch>,
    /// Features of the Rust plugin.
    features: &'static str,
}

/// What was built.
pub(super) struct Built {
    rust: BTreeMap<String, PathBuf>,
    c: BTreeMap<&'static str, PathBuf>,
    /// The host of version 1.1, as a program.
    pub(super) judge_next: PathBuf,
}

impl Built {
    /// The Rust plugin of a version.
    pub(super) fn rust(&self, version: &str) -> &Path {
        &self.rust[&format!("growfs_{version}")]
    }

    /// A C plugin.
    pub(super) fn c(&self, name: &str) -> &Path {
        &self.c[name]
    }
}

/// Everything, built once for all tests of this process.
pub(super) fn built() -> &'static Built {
    static BUILT: OnceLock<Result<Built, String>> = OnceLock::new();
    static TOLD: AtomicBool = AtomicBool::new(false);
    match BUILT.get_or_init(build) {
        Ok(built) => built,
        Err(_) if TOLD.swap(true, Ordering::Relaxed) => panic!("nothing was built: another test tells why"),
        Err(why) => panic!("\n{why}\n"),
    }
}

fn build() -> Result<Built, String> {
    let sources = room().join("src");
    let versions = [
        Version { name: "old", parts: CONTRACT, patches: Vec::new(), features: "" },
        Version { name: "next", parts: CONTRACT_AND_HOST, patches: versions::next(), features: "\"next\"" },
        Version { name: "signature", parts: CONTRACT, patches: versions::signature(), features: "" },
        Version { name: "order", parts: CONTRACT, patches: versions::order(), features: "" },
        Version { name: "major", parts: CONTRACT, patches: versions::major(), features: "" },
    ];
    for version in &versions {
        let mut copy = copy(version.parts)?;
        apply(&mut copy, &version.patches)?;
        update(&sources.join(version.name), &copy)?;
    }
    update(&sources.join("top"), &top(&versions, &sources)?)?;

    let made = cargo(&sources.join("top"))?;
    let include = |version: &str| sources.join(version).join("abi/include");
    let c = [
        ("old", gcc("old", &include("old"), &[])?),
        ("next", gcc("next", &include("next"), &["-DNEXT"])?),
        ("careless", gcc("careless", &include("next"), &["-DNEXT", "-DCARELESS"])?),
        ("major", gcc("major", &include("major"), &[])?),
        ("liar", gcc("liar", &include("old"), &["-DLIAR"])?),
        ("refuses", gcc("refuses", &include("old"), &["-DREFUSES"])?),
    ];
    let judge_next = made.get("judge-next").cloned().ok_or_else(|| "cargo built no judge-next".to_owned())?;
    Ok(Built { rust: made, c: c.into(), judge_next })
}

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the checkout")
}

/// Where all this happens: kept between runs, gone with `cargo clean`.
fn room() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it lies in the target folder").join("growth")
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/growth").join(name)
}

fn at<'p>(path: &'p Path, doing: &str) -> impl FnOnce(std::io::Error) -> String + use<'p> {
    let doing = doing.to_owned();
    move |e| format!("cannot {doing} {}: {e}", path.display())
}

/// The files of some packages and the workspace's manifest, which they inherit from.
fn copy(parts: &[&str]) -> Result<Sources, String> {
    let root = checkout();
    let mut files = Sources::new();
    let mut folders: Vec<PathBuf> = parts.iter().map(|part| root.join(part)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(at(&folder, "list"))? {
            let path = entry.map_err(at(&folder, "list"))?.path();
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            // A package within a package is a part of its own.
            if hidden || path.join("Cargo.toml").exists() || path.ends_with("target") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                add(&mut files, root, &path)?;
            }
        }
    }
    add(&mut files, root, &root.join("Cargo.toml"))?;
    // The host's manifest names this package; nothing of it is used.
    let builtin = [
        ("Cargo.toml", "[package]\nname = \"nxvfs-builtin\"\nversion.workspace = true\n"),
        ("src/lib.rs", "//! Nothing.\n"),
    ];
    files.extend(builtin.map(|(name, text)| (Path::new("plugins/builtin").join(name), text.into())));
    Ok(files)
}

fn add(files: &mut Sources, root: &Path, path: &Path) -> Result<(), String> {
    let name = path.strip_prefix(root).expect("below the root").to_owned();
    files.insert(name, fs::read(path).map_err(at(path, "read"))?);
    Ok(())
}

/// The workspace that builds everything: a plugin for each version, and the judge.
fn top(versions: &[Version], sources: &Path) -> Result<Sources, String> {
    let quoted = |path: &Path| format!("{:?}", path.display().to_string());
    let plugin = |version: &Version| {
        let Version { name, features, .. } = version;
        let manifest = format!(
            "[package]\nname = \"growfs-{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             license = \"MIT OR Apache-2.0\"\nauthors = [\"The nxvfs authors\"]\n\
             description = \"Grows with the contract\"\n\n\
             [lib]\npath = {}\ncrate-type = [\"cdylib\"]\n\n\
             [features]\nnext = []\ndefault = [{features}]\n\n\
             [dependencies]\nnxvfs-sdk = {{ path = {} }}\n",
            quoted(&fixture("plugin.rs")),
            quoted(&sources.join(name).join("abi/sdk")),
        );
        (Path::new(name).join("Cargo.toml"), manifest.into_bytes())
    };
    let mut files: Sources = versions.iter().map(plugin).collect();
    let judge = format!(
        "[package]\nname = \"judge-next\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [[bin]]\nname = \"judge-next\"\npath = {}\n\n\
         [dependencies]\nnxvfs = {{ path = {}, default-features = false }}\nnxvfs-abi = {{ path = {} }}\n",
        quoted(&fixture("judge_next.rs")),
        quoted(&sources.join("next/host")),
        quoted(&sources.join("next/abi")),
    );
    files.insert("judge/Cargo.toml".into(), judge.into());
    let members: Vec<String> = files.keys().filter_map(|file| file.parent()).map(quoted).collect();
    // Quick to build is all that counts here.
    let workspace = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[profile.dev]\nopt-level = 0\ndebug = 0\n\
         incremental = false\nstrip = \"debuginfo\"\n",
        members.join(", ")
    );
    files.insert("Cargo.toml".into(), workspace.into());
    // The same crates of others as everywhere: the check of layouts compares their versions too. Cargo makes the
    // checkout's list this workspace's own, so it is handed over again only when the checkout's has changed.
    let lock = checkout().join("Cargo.lock");
    let lock = fs::read(&lock).map_err(at(&lock, "read"))?;
    let top = sources.join("top");
    let known = fs::read(top.join("Cargo.lock.of-checkout")).is_ok_and(|there| there == lock);
    let own = fs::read(top.join("Cargo.lock")).ok().filter(|_| known);
    files.insert("Cargo.lock".into(), own.unwrap_or_else(|| lock.clone()));
    files.insert("Cargo.lock.of-checkout".into(), lock);
    Ok(files)
}

/// Makes a folder hold these files and no others. Another run may do the same at the same time, so files appear whole.
fn update(folder: &Path, files: &Sources) -> Result<(), String> {
    // A module that became a folder, say, must not stay there as a file too.
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(&inner).into_iter().flatten() {
            let path = entry.map_err(at(&inner, "list"))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !files.contains_key(path.strip_prefix(folder).expect("below the folder")) {
                let _ = fs::remove_file(&path);
            }
        }
    }
    for (name, bytes) in files {
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|there| there == *bytes) {
            continue;
        }
        let parent = path.parent().expect("below the folder");
        fs::create_dir_all(parent).map_err(at(parent, "make"))?;
        let fresh = fresh()?;
        fs::write(&fresh, bytes).map_err(at(&fresh, "write"))?;
        fs::rename(&fresh, &path).map_err(at(&path, "write"))?;
    }
    Ok(())
}

/// A name for a file that is not ready yet, of this process alone.
fn fresh() -> Result<PathBuf, String> {
    let folder = room().join("fresh");
    fs::create_dir_all(&folder).map_err(at(&folder, "make"))?;
    Ok(folder.join(std::process::id().to_string()))
}

/// Builds the workspace and answers its libraries and programs by name.
fn cargo(workspace: &Path) -> Result<BTreeMap<String, PathBuf>, String> {
    let target = room().join("build");
    let build = |offline: bool| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(workspace).args(["build", "--message-format=json-render-diagnostics"]);
        command.args(offline.then_some("--offline")).arg("--target-dir").arg(&target);
        // What cargo tells a test of the test's own package is not for another cargo.
        for (name, _) in std::env::vars_os() {
            let own = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
            if own.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes())) {
                command.env_remove(name);
            }
        }
        run(command)
    };
    // Whoever built this test has fetched the crates; should one be missing after all, it is fetched now.
    let out = match build(true) {
        Err(why) if why.contains("offline") => build(false),
        other => other,
    }?;
    let mut made = BTreeMap::new();
    for line in out.lines() {
        let message: serde_json::Value =
            serde_json::from_str(line).map_err(|e| format!("cargo printed `{line}`: {e}"))?;
        let name = message["target"]["name"].as_str();
        let files = message["filenames"].as_array().into_iter().flatten().filter_map(|file| file.as_str());
        let library = files.map(Path::new).find(|file| file.extension() == Some(OsStr::new("so")));
        let program = message["executable"].as_str().map(Path::new);
        if let (Some(name), Some(file)) = (name, program.or(library)) {
            made.insert(name.to_owned(), file.to_owned());
        }
    }
    Ok(made)
}

/// Compiles the C plugin with the headers of a version.
fn gcc(name: &str, include: &Path, defines: &[&str]) -> Result<PathBuf, String> {
    let folder = room().join("c");
    fs::create_dir_all(&folder).map_err(at(&folder, "make"))?;
    let (plugin, fresh) = (folder.join(format!("{name}.so")), fresh()?);
    let mut command = Command::new("gcc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
    command.args(["-fvisibility=hidden", "-fPIC", "-shared", "-Wl,-z,defs", "-I"]).arg(include);
    command.args(defines).arg(fixture("plugin.c")).arg("-o").arg(&fresh);
    run(command)?;
    fs::rename(&fresh, &plugin).map_err(at(&plugin, "write"))?;
    Ok(plugin)
}

/// Runs a tool and answers what it printed, or what it complained about.
pub(super) fn run(mut command: Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    let Output { status, stdout, stderr } = command.output().map_err(|e| match e.kind() {
        ErrorKind::NotFound => {
            format!(
                "{program} was not found: this test needs it (on Debian: apt-get install build-essential)"
            )
        }
        _ => format!("cannot start {program}: {e}"),
    })?;
    if !status.success() {
        let arguments: Vec<_> = command.get_args().map(|a| a.display().to_string()).collect();
        let complaint = String::from_utf8_lossy(&stderr);
        return Err(format!("{program} {} ended with {status}:\n{complaint}", arguments.join(" ")));
    }
    String::from_utf8(stdout).map_err(|e| format!("{program} printed no text: {e}"))
}
