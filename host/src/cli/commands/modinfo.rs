//! modinfo.

use std::io::Write;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Done;
use crate::cli::output::Output;
use crate::cli::shell::Shell;
use crate::plugin::Manifest;
use crate::plugin::manifest::ParamDecl;

use super::plugins::{User, drivers};

/// Show what a plugin says of itself: drivers and parameters; no code of it is run
#[derive(Args)]
#[command(after_help = "Examples:
  modinfo ramdisk-xip
  modinfo target/release/libnxvfs_romfs.so")]
pub(in crate::cli) struct Modinfo {
    /// A plugin's name, or a file (with a slash in it, or ending in .so)
    #[arg(value_name = "NAME|FILE")]
    name: String,
}

impl Modinfo {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let (manifest, path) = shell.host.plugins().modinfo(&self.name).map_err(|e| e.doing("modinfo"))?;
        show_info(&mut shell.out, &Info::new(&manifest, path.as_deref()))
    }
}

/// The document of `modinfo` and `plugin info`.
#[derive(Serialize)]
pub(in crate::cli) struct Info {
    name: String,
    version: String,
    abi: String,
    license: String,
    author: String,
    description: String,
    /// `null` for a plugin that is linked into the program.
    path: Option<String>,
    drivers: Vec<User>,
    params: Vec<Param>,
}

#[derive(Serialize)]
struct Param {
    name: String,
    #[serde(rename = "type")]
    ty: &'static str,
    default: String,
    help: String,
}

impl Info {
    pub(in crate::cli) fn new(manifest: &Manifest, path: Option<&Path>) -> Self {
        let param = |p: &ParamDecl| Param {
            name: p.name.clone(),
            ty: p.ty.word(),
            default: p.default_text.clone(),
            help: p.help.clone(),
        };
        Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            abi: format!("{}.{}", manifest.abi.0, manifest.abi.1),
            license: manifest.license.clone(),
            author: manifest.author.clone(),
            description: manifest.description.clone(),
            path: path.map(|p| p.display().to_string()),
            drivers: drivers(manifest.provides.iter()),
            params: manifest.params.iter().map(param).collect(),
        }
    }
}

/// Prints the document, or its fields one a line.
pub(in crate::cli) fn show_info(out: &mut Output, info: &Info) -> Done {
    if out.json {
        return out.document(info);
    }
    let path = info.path.as_deref().unwrap_or("(linked into this program)");
    let lines = [
        ("name", &*info.name),
        ("version", &info.version),
        ("abi", &info.abi),
        ("license", &info.license),
        ("author", &info.author),
        ("description", &info.description),
        ("file", path),
    ];
    for (key, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(out, "{:14}{value}", format!("{key}:"))?;
    }
    for User { kind, name } in &info.drivers {
        writeln!(out, "{:14}{kind} {name}", "drives:")?;
    }
    for Param { name, ty, default, help } in &info.params {
        writeln!(out, "{:14}{name}={ty} (default {default:?}) {help}", "parameter:")?;
    }
    Ok(())
}
