//! What the host tells of its plugins: lsmod, modinfo, the files on the path.

use std::path::{Path, PathBuf};

use super::discover::{self, Candidate};
use super::image::Door;
use super::manifest::{Kind, Manifest};
use super::registry::{Link, Plugin, Registry, State};
use crate::base::{Holder, Result};

/// One line of `lsmod`.
#[derive(Clone, Debug)]
pub struct PluginStatus {
    /// The name.
    pub name: String,
    /// The version; empty if not known.
    pub version: String,
    /// The ABI that it was built for; empty if not known.
    pub abi: String,
    /// Static or dynamic.
    pub link: Link,
    /// By which door it came, if it came.
    pub door: Option<Door>,
    /// `live`, `refused`, `retired`, `poisoned` or `stuck`.
    pub state: &'static str,
    /// Why it is in that state; empty if there is nothing to say.
    pub reason: String,
    /// Who uses it.
    pub users: Vec<Holder>,
    /// Its drivers.
    pub drivers: Vec<(Kind, String)>,
    /// Its file.
    pub path: Option<PathBuf>,
}

impl Registry {
    /// Every plugin of the host, by name.
    pub fn list(&self) -> Vec<PluginStatus> {
        let plugins = self.plugins();
        let mut list: Vec<PluginStatus> = plugins.iter().map(status).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// A plugin's manifest, and its file if it has one: of the host's own, of a file, or of the search path.
    pub fn modinfo(&self, name_or_path: &str) -> Result<(Manifest, Option<PathBuf>)> {
        if name_or_path.contains('/') || name_or_path.ends_with(".so") {
            let path = Path::new(name_or_path);
            return Ok((discover::inspect(path)?, Some(path.to_owned())));
        }
        let plugins = self.plugins();
        if let Some(plugin) = plugins.iter().find(|p| p.name == name_or_path && p.manifest.is_some())
            && let Some(manifest) = plugin.manifest.clone()
        {
            return Ok((manifest, plugin.path.clone()));
        }
        match discover::find(&self.search, name_or_path) {
            Some(candidate) => Ok((candidate.outcome?, Some(candidate.path))),
            None => Err(self.unknown(&plugins, name_or_path)),
        }
    }

    /// The plugin files on the search path, also those that are shadowed or bad.
    pub fn files(&self) -> Vec<Candidate> {
        discover::scan(&self.search)
    }
}

fn status(plugin: &Plugin) -> PluginStatus {
    let (state, reason, users) = match &plugin.state {
        State::Live { module, .. } => {
            let (state, reason) = match (module.stuck_count(), module.panic_count(), module.lie_count()) {
                (0, 0, 0) => ("live", String::new()),
                (0, 0, lies) => ("live", format!("gave {lies} answers that cannot be")),
                (0, panics, _) => ("poisoned", format!("panicked {panics} times")),
                (stuck, ..) => ("stuck", format!("{stuck} times a call did not return, and was given up")),
            };
            (state, reason, module.holders().list())
        }
        State::Refused(e) => ("refused", e.to_string(), Vec::new()),
        State::Retired(reason) => ("retired", reason.clone(), Vec::new()),
    };
    let manifest = plugin.manifest.as_ref();
    PluginStatus {
        name: plugin.name.clone(),
        version: manifest.map(|m| m.version.clone()).unwrap_or_default(),
        abi: manifest.map(|m| format!("{}.{}", m.abi.0, m.abi.1)).unwrap_or_default(),
        link: plugin.link,
        door: plugin.door,
        state,
        reason,
        users,
        drivers: manifest.map(|m| m.provides.clone()).unwrap_or_default(),
        path: plugin.path.clone(),
    }
}
