//! insmod, modprobe, rmmod, lsmod.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::base::Holder;
use crate::cli::failure::Done;
use crate::cli::shell::Shell;
use crate::plugin::params::parse_words;
use crate::plugin::{Kind, PluginStatus};

/// Load a plugin file
///
/// Parameters given here replace the plugin's defaults for all later uses.
#[derive(Args)]
#[command(after_help = "Example:
  insmod target/release/libnxvfs_romfs.so")]
pub(in crate::cli) struct Insmod {
    /// Put it in the place of an unused plugin of the same name
    #[arg(long)]
    replace: bool,
    /// The file
    file: PathBuf,
    /// Parameters
    #[arg(value_name = "PARAM=VALUE")]
    params: Vec<String>,
}

impl Insmod {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        shell.host.plugins().insmod(&self.file, &parse_words(&self.params), self.replace)?;
        Ok(())
    }
}

/// Load a plugin by its name, from the search path or from those linked into the program
#[derive(Args)]
#[command(after_help = "Example:
  modprobe romfs")]
pub(in crate::cli) struct Modprobe {
    /// The plugin's name
    name: String,
    /// Parameters
    #[arg(value_name = "PARAM=VALUE")]
    params: Vec<String>,
}

impl Modprobe {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        Ok(shell.host.plugins().modprobe(&self.name, &parse_words(&self.params))?)
    }
}

/// Remove a plugin that nobody uses
#[derive(Args)]
#[command(after_help = "Example:
  rmmod romfs")]
pub(in crate::cli) struct Rmmod {
    /// The plugin's name
    name: String,
}

impl Rmmod {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let removal = shell.host.plugins().rmmod(&self.name).map_err(|e| e.doing("rmmod"))?;
        if removal.resident && !shell.out.json {
            let name = &self.name;
            writeln!(
                shell.out,
                "{name}: out of use; its image stays in memory until the threads that ran it end"
            )?;
        }
        Ok(())
    }
}

/// A kind and a name: who uses something, or what a plugin drives.
#[derive(Serialize)]
pub(super) struct User {
    pub(super) kind: &'static str,
    pub(super) name: String,
}

impl From<&Holder> for User {
    fn from(holder: &Holder) -> Self {
        Self { kind: holder.kind(), name: holder.name() }
    }
}

/// List the plugins, also the refused ones with the reason
#[derive(Args)]
#[command(after_help = "Example:
  lsmod")]
pub(in crate::cli) struct Lsmod {}

#[derive(Serialize)]
struct LsmodDocument<'a> {
    name: &'a str,
    version: &'a str,
    abi: &'a str,
    link: &'static str,
    door: Option<&'static str>,
    state: &'static str,
    reason: &'a str,
    users: Vec<User>,
    drivers: Vec<User>,
}

impl Lsmod {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let list = shell.host.plugins().list();
        if shell.out.json {
            return shell.out.document(&list.iter().map(document).collect::<Vec<_>>());
        }
        let titles = ["Plugin", "Version", "ABI", "Link", "Door", "State", "Drivers", "Used by"];
        let mut rows = vec![titles.map(str::to_owned).to_vec()];
        rows.extend(list.iter().map(row));
        shell.out.table(&[false; 8], &rows)?;
        for plugin in list.iter().filter(|p| !p.reason.is_empty()) {
            writeln!(shell.out, "{}: {}", plugin.name, plugin.reason)?;
        }
        Ok(())
    }
}

fn document(plugin: &PluginStatus) -> LsmodDocument<'_> {
    LsmodDocument {
        name: &plugin.name,
        version: &plugin.version,
        abi: &plugin.abi,
        link: plugin.link.name(),
        door: plugin.door.map(|d| d.name()),
        state: plugin.state,
        reason: &plugin.reason,
        users: plugin.users.iter().map(User::from).collect(),
        drivers: drivers(plugin.drivers.iter()),
    }
}

/// The drivers of a plugin.
pub(super) fn drivers<'a>(list: impl Iterator<Item = &'a (Kind, String)>) -> Vec<User> {
    list.map(|(kind, name)| User { kind: kind.word(), name: name.clone() }).collect()
}

fn row(plugin: &PluginStatus) -> Vec<String> {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let drivers: Vec<String> = plugin.drivers.iter().map(|(kind, name)| format!("{kind}:{name}")).collect();
    let users: Vec<String> = plugin.users.iter().map(ToString::to_string).collect();
    vec![
        plugin.name.clone(),
        or_dash(&plugin.version),
        or_dash(&plugin.abi),
        plugin.link.name().to_owned(),
        or_dash(plugin.door.map_or("", |d| d.name())),
        plugin.state.to_owned(),
        or_dash(&drivers.join(" ")),
        or_dash(&users.join(", ")),
    ]
}
