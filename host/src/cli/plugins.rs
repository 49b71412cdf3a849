//! `nxvfs plugin list` and `nxvfs plugin info`.

use std::io::Write;

use clap::Subcommand;
use serde::Serialize;

use super::Globals;
use super::commands::{Info, show_info};
use super::failure::Done;
use super::output::Output;
use crate::Host;
use crate::plugin::Kind;

#[derive(Subcommand)]
pub(super) enum PluginCommand {
    /// List the plugins that are linked into this program and those on the search path
    #[command(after_help = "Example:
  nxvfs plugin list --json")]
    List,
    /// Show what a plugin says of itself: drivers and parameters; no code of it is run
    #[command(after_help = "Examples:
  nxvfs plugin info romfs
  nxvfs plugin info target/release/libnxvfs_romfs.so")]
    Info {
        /// A plugin's name, or a file (with a slash in it, or ending in .so)
        #[arg(value_name = "NAME_OR_FILE")]
        name: String,
    },
}

#[derive(Serialize)]
struct Listed {
    name: String,
    version: String,
    abi: String,
    link: &'static str,
    /// live, refused: linked plugins; available, shadowed, refused: files.
    state: &'static str,
    reason: String,
    drivers: Vec<Driver>,
    path: Option<String>,
}

#[derive(Serialize)]
struct Driver {
    kind: &'static str,
    name: String,
}

fn drivers(list: &[(Kind, String)]) -> Vec<Driver> {
    list.iter().map(|(kind, name)| Driver { kind: kind.word(), name: name.clone() }).collect()
}

/// Runs a command of `nxvfs plugin`.
pub(super) fn run(command: &PluginCommand, globals: &Globals, out: &mut Output) -> Done {
    let host = Host::new(globals.host_options())?;
    match command {
        PluginCommand::List => list(&host, out),
        PluginCommand::Info { name } => {
            let (manifest, path) = host.plugins().modinfo(name).map_err(|e| e.doing("plugin info"))?;
            show_info(out, &Info::new(&manifest, path.as_deref()))
        }
    }
}

fn list(host: &Host, out: &mut Output) -> Done {
    let linked = host.plugins().list();
    let mut all: Vec<Listed> = linked
        .iter()
        .map(|plugin| Listed {
            name: plugin.name.clone(),
            version: plugin.version.clone(),
            abi: plugin.abi.clone(),
            link: plugin.link.name(),
            state: plugin.state,
            reason: plugin.reason.clone(),
            drivers: drivers(&plugin.drivers),
            path: None,
        })
        .collect();
    for file in host.plugins().files() {
        let path = Some(file.path.display().to_string());
        all.push(match &file.outcome {
            Ok(manifest) => {
                let winner = match (&file.shadowed_by, linked.iter().any(|p| p.name == manifest.name)) {
                    (_, true) => Some("the plugin of this name that is linked into the program".to_owned()),
                    (Some(other), false) => Some(other.display().to_string()),
                    (None, false) => None,
                };
                Listed {
                    name: manifest.name.clone(),
                    version: manifest.version.clone(),
                    abi: format!("{}.{}", manifest.abi.0, manifest.abi.1),
                    link: "dynamic",
                    state: if winner.is_some() { "shadowed" } else { "available" },
                    reason: winner.map(|w| format!("shadowed by {w}")).unwrap_or_default(),
                    drivers: drivers(&manifest.provides),
                    path,
                }
            }
            Err(error) => Listed {
                name: file.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
                version: String::new(),
                abi: String::new(),
                link: "dynamic",
                state: "refused",
                reason: error.to_string(),
                drivers: Vec::new(),
                path,
            },
        });
    }
    if out.json {
        return out.document(&all);
    }
    let titles = ["Plugin", "Version", "ABI", "Link", "State", "Drivers", "File"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for plugin in &all {
        let drivers: Vec<String> = plugin.drivers.iter().map(|d| format!("{}:{}", d.kind, d.name)).collect();
        let cells =
            [&plugin.name, &plugin.version, &plugin.abi, plugin.link, plugin.state, &drivers.join(" ")];
        let mut row: Vec<String> =
            cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { cell.to_owned() }).to_vec();
        row.push(plugin.path.clone().unwrap_or_else(|| "-".to_owned()));
        rows.push(row);
    }
    out.table(&[false; 7], &rows)?;
    for plugin in all.iter().filter(|p| p.state == "refused") {
        writeln!(out, "{}: {}", plugin.name, plugin.reason)?;
    }
    Ok(())
}
