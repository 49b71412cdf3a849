//! The plugins of one host: what is loaded, and who drives what.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nxvfs_abi::plugin::StaticPlugin;

use super::discover::{self, SearchPath};
use super::image::Door;
use super::manifest::{Kind, Manifest};
use super::options::PluginOptions;
use super::params::{ParamSet, did_you_mean};
use super::refusal::PluginError;
use crate::base::sync::{Arc, AtomicBool, Mutex, MutexGuard, lock};
use crate::base::{Error, Result};
use crate::bridge::{Module, WireParam};

/// How a plugin came into the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Linked into the host's binary.
    Static,
    /// Loaded from a file.
    Dynamic,
}

impl Link {
    /// As `lsmod` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Dynamic => "dynamic",
        }
    }
}

pub(super) enum State {
    Live { module: Arc<Module>, resident: Option<Arc<AtomicBool>> },
    Refused(Error),
    Retired(String),
}

pub(super) struct Plugin {
    /// As the manifest says; of a file without a readable one, the file's name.
    pub(super) name: String,
    pub(super) manifest: Option<Manifest>,
    pub(super) link: Link,
    pub(super) door: Option<Door>,
    pub(super) path: Option<PathBuf>,
    pub(super) defaults: BTreeMap<String, String>,
    pub(super) state: State,
}

impl Plugin {
    pub(super) fn live(&self) -> Option<&Arc<Module>> {
        match &self.state {
            State::Live { module, .. } => Some(module),
            _ => None,
        }
    }

    pub(super) fn drives(&self, kind: Kind, driver: &str) -> bool {
        self.live().is_some_and(|m| m.driver(kind.abi(), driver).is_some())
    }
}

/// A driver, ready to be attached or mounted.
pub struct Found {
    /// The plugin.
    pub module: Arc<Module>,
    /// Its manifest.
    pub manifest: Manifest,
    /// Values that `insmod` gave, instead of the manifest's.
    pub defaults: BTreeMap<String, String>,
}

impl Found {
    /// The parameters of an instance: the manifest's, `insmod`'s, and what was given now.
    pub fn params(&self, given: &[(String, Option<String>)]) -> Result<Vec<WireParam>> {
        Ok(wire(&ParamSet::resolve(&self.manifest.params, &self.defaults, given)?))
    }
}

pub(super) fn wire(set: &ParamSet) -> Vec<WireParam> {
    use std::os::unix::ffi::OsStrExt;
    set.iter()
        .map(|(name, value, given)| WireParam {
            name: name.to_owned(),
            kind: value.ty().abi(),
            given,
            text: value.text().as_bytes().to_vec(),
            number: value.number(),
        })
        .collect()
}

/// The plugins of one host.
pub struct Registry {
    pub(super) options: PluginOptions,
    pub(super) search: SearchPath,
    plugins: Mutex<Vec<Plugin>>,
}

impl Registry {
    /// Registers the statically linked plugins that are used, in the order of their names. A bad one is listed as
    /// refused and never stops the others.
    pub fn new(options: PluginOptions) -> Self {
        let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(Path::to_owned));
        let (env, beside) = match options.default_dirs {
            true => (std::env::var_os("NXVFS_PLUGIN_PATH"), beside),
            false => (None, None),
        };
        let search = SearchPath::new(options.dirs.clone(), env, beside);
        let registry = Self { options, search, plugins: Mutex::default() };
        let mut linked: Vec<&StaticPlugin> = inventory::iter::<StaticPlugin>().collect();
        linked.sort_by_key(|plugin| static_name(plugin));
        for plugin in linked.into_iter().filter(|p| registry.options.builtin.uses(&static_name(p))) {
            // One that is refused is listed with its reason.
            let _ = registry.add_static(plugin, &[]);
        }
        registry
    }

    pub(super) fn plugins(&self) -> MutexGuard<'_, Vec<Plugin>> {
        lock(&self.plugins)
    }

    /// The refusal of a name that no plugin has.
    pub(super) fn unknown(&self, plugins: &[Plugin], name: &str) -> Error {
        let files = discover::scan(&self.search).into_iter().filter_map(|c| c.outcome.ok().map(|m| m.name));
        let mut names: Vec<String> = plugins.iter().map(|plugin| plugin.name.clone()).chain(files).collect();
        names.sort();
        names.dedup();
        let hint = hint(&names, name);
        let known = match &names[..] {
            [] => "a plugin on the search path (there is none)".to_owned(),
            _ => format!("one of {}", names.join(", ")),
        };
        PluginError::Unknown { name: name.to_owned(), known, hint }.into()
    }

    /// The plugin that drives something, loaded if it must be and may be. Errors: ENODEV, and those of
    /// [`Registry::insmod`].
    pub fn driver(&self, kind: Kind, driver: &str) -> Result<Found> {
        let mut plugins = self.plugins();
        if let Some(found) = found(&plugins, kind, driver) {
            return Ok(found);
        }
        let candidate = discover::find_provider(&self.search, kind, driver)?;
        let Some(candidate) = candidate else {
            return Err(no_driver(kind, driver, &self.known_drivers(&plugins, kind)));
        };
        let name = candidate.outcome.as_ref().map(|m| m.name.clone()).unwrap_or_default();
        if !self.options.autoload {
            return Err(PluginError::NotLoaded { kind, driver: driver.to_owned(), plugin: name }.into());
        }
        self.load(&mut plugins, &candidate.path, &[], false)?;
        found(&plugins, kind, driver).ok_or_else(|| no_driver(kind, driver, &[]))
    }

    /// The manifest of the plugin that drives something, of the host's own or of the search path. Nothing is loaded.
    /// Errors: ENODEV.
    pub fn manifest_of(&self, kind: Kind, driver: &str) -> Result<Manifest> {
        let plugins = self.plugins();
        if let Some(found) = found(&plugins, kind, driver) {
            return Ok(found.manifest);
        }
        match discover::find_provider(&self.search, kind, driver)? {
            Some(candidate) => Ok(candidate.outcome?),
            None => Err(no_driver(kind, driver, &self.known_drivers(&plugins, kind))),
        }
    }

    pub(super) fn known_drivers(&self, plugins: &[Plugin], kind: Kind) -> Vec<String> {
        let live = plugins.iter().filter(|p| p.live().is_some()).filter_map(|p| p.manifest.clone());
        let files = discover::scan(&self.search).into_iter().filter_map(|c| c.outcome.ok());
        let mut known: Vec<String> = live
            .chain(files)
            .flat_map(|m| m.provides)
            .filter(|(k, _)| *k == kind)
            .map(|(_, driver)| driver)
            .collect();
        known.sort();
        known.dedup();
        known
    }

    /// The folders that are searched, in order.
    pub fn search_dirs(&self) -> Vec<PathBuf> {
        self.search.dirs().map(Path::to_owned).collect()
    }

    /// Tells all plugins the host's log level.
    pub fn push_log_level(&self) {
        let level = crate::base::log::level();
        for plugin in self.plugins().iter() {
            if let Some(module) = plugin.live() {
                module.set_log_level(level);
            }
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        for plugin in self.plugins().drain(..) {
            if let State::Live { module, .. } = plugin.state {
                if module.holders().close() {
                    module.exit();
                } else {
                    let holders = module.holders().describe();
                    log::warn!("plugin {} is left as it is: in use by {holders}", module.name());
                }
            }
        }
    }
}

/// What to do about a name that nothing has.
pub(super) fn hint<S: AsRef<str>>(known: &[S], name: &str) -> String {
    did_you_mean(known, name).unwrap_or_else(|| "check the name, or give --plugin-dir".to_owned())
}

fn no_driver(kind: Kind, driver: &str, known: &[String]) -> Error {
    let hint = hint(known, driver);
    let known = match known {
        [] => format!("a {kind} driver (there is none)"),
        _ => format!("one of {}", known.join(", ")),
    };
    PluginError::NoDriver { kind, driver: driver.to_owned(), known, hint }.into()
}

fn found(plugins: &[Plugin], kind: Kind, driver: &str) -> Option<Found> {
    let plugin = plugins.iter().find(|p| p.drives(kind, driver))?;
    let (module, manifest) = (plugin.live()?.clone(), plugin.manifest.clone()?);
    Some(Found { module, manifest, defaults: plugin.defaults.clone() })
}

pub(super) fn static_name(plugin: &StaticPlugin) -> String {
    let name = plugin.manifest.split(|b| *b == 0).find_map(|entry| entry.strip_prefix(b"name="));
    String::from_utf8_lossy(name.unwrap_or(b"?")).into_owned()
}
