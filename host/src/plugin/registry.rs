//! The plugins of one host: what is loaded, what was refused and why, and who drives what.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nxvfs_abi::plugin::{PLUGIN_PANIC_ABORTS, StaticPlugin};

use super::discover::{self, Candidate, SearchPath};
use super::image::{Door, Image};
use super::manifest::{Kind, Manifest};
use super::params::ParamSet;
use super::rules;
use crate::base::error::teach;
use crate::base::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, lock};
use crate::base::{Error, Holder, Result};
use crate::bridge::{Module, WireParam};

teach! {
    /// Why a plugin is not loaded, found or removed.
    pub enum PluginError {
        /// The name is taken.
        Taken { name: String, by: String } => EEXIST, what: "a plugin of this name is there already",
            place: "{name}", found: "{by}", remedy: "rmmod {name} first, or use insmod --replace";
        /// A driver's name is taken by another plugin.
        DriverTaken { kind: Kind, driver: String, by: String } => EEXIST, what: "another plugin drives this already",
            place: "{kind} {driver}", found: "plugin {by}", remedy: "rmmod {by} first";
        /// Somebody uses it.
        Busy { name: String, holders: String } => EBUSY, what: "the plugin is in use", place: "{name}",
            found: "{holders}", remedy: "end these first";
        /// No such plugin.
        Unknown { name: String, known: String } => ENOENT, what: "no such plugin", place: "{name}",
            expected: "{known}", remedy: "check the name, or give --plugin-dir";
        /// Nothing drives this.
        NoDriver { kind: Kind, driver: String, known: String } => ENODEV, what: "no such {kind} driver",
            place: "{driver}", expected: "{known}", remedy: "check the name, or give --plugin-dir";
        /// Something would, but autoload is off.
        NotLoaded { kind: Kind, driver: String, plugin: String } => ENODEV,
            what: "the {kind} driver is not loaded, and autoload is off", place: "{driver}",
            remedy: "modprobe {plugin}, or leave --no-autoload out";
        /// The file says one thing and its code another.
        Mismatch { path: String, part: String, manifest: String, code: String } => ELIBBAD,
            what: "the plugin's code and its manifest disagree", place: "{path}: {part}", expected: "{manifest}",
            found: "{code}", remedy: "rebuild the plugin";
    }
}

/// Which statically linked plugins are used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Builtin {
    /// All.
    #[default]
    All,
    /// None.
    None,
    /// All but these.
    Except(Vec<String>),
}

impl Builtin {
    fn uses(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Except(names) => !names.iter().any(|n| n == name),
        }
    }
}

/// What a host's plugins are subject to.
#[derive(Clone, Debug)]
pub struct PluginOptions {
    /// Folders to search before all others.
    pub dirs: Vec<PathBuf>,
    /// Whether `$NXVFS_PLUGIN_PATH` and the folder of the executable are searched too.
    pub default_dirs: bool,
    /// Which statically linked plugins are used.
    pub builtin: Builtin,
    /// Whether `mount` and `attach` load what they need.
    pub autoload: bool,
    /// Whether files that others may have written are loaded.
    pub allow_unsafe_files: bool,
}

impl Default for PluginOptions {
    fn default() -> Self {
        Self {
            dirs: Vec::new(),
            default_dirs: true,
            builtin: Builtin::All,
            autoload: true,
            allow_unsafe_files: false,
        }
    }
}

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

enum State {
    Live { module: Arc<Module>, resident: Option<Arc<AtomicBool>> },
    Refused(Error),
    Retired(String),
}

struct Plugin {
    /// As the manifest says; of a file without a readable one, the file's name.
    name: String,
    manifest: Option<Manifest>,
    link: Link,
    door: Option<Door>,
    path: Option<PathBuf>,
    defaults: BTreeMap<String, String>,
    state: State,
}

impl Plugin {
    fn live(&self) -> Option<&Arc<Module>> {
        match &self.state {
            State::Live { module, .. } => Some(module),
            _ => None,
        }
    }

    fn drives(&self, kind: Kind, driver: &str) -> bool {
        self.live().is_some_and(|m| m.driver(kind.abi(), driver).is_some())
    }
}

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
    /// `live`, `refused`, `retired` or `poisoned`.
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

/// What a removal left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The image is out of use, but stays in memory until the threads that ran it end.
    pub resident: bool,
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

fn wire(set: &ParamSet) -> Vec<WireParam> {
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
    options: PluginOptions,
    search: SearchPath,
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
            registry.add_static(plugin);
        }
        registry
    }

    fn plugins(&self) -> MutexGuard<'_, Vec<Plugin>> {
        lock(&self.plugins)
    }

    fn add_static(&self, linked: &StaticPlugin) {
        let opened = Manifest::parse(linked.manifest).map_err(Error::from).and_then(|manifest| {
            let mut module = super::image::linked(linked)?;
            check_agreement(&manifest, &module, "the binary")?;
            module.init(&wire(&ParamSet::resolve(&manifest.params, &BTreeMap::new(), &[])?))?;
            Ok((manifest, module))
        });
        let mut plugins = self.plugins();
        let (manifest, state) = match opened {
            Ok((manifest, module)) => match self.conflict(&plugins, &manifest) {
                None => (Some(manifest), State::Live { module: Arc::new(module), resident: None }),
                Some(conflict) => (Some(manifest), State::Refused(conflict)),
            },
            Err(e) => (None, State::Refused(e)),
        };
        plugins.push(Plugin {
            name: static_name(linked),
            manifest,
            link: Link::Static,
            door: Some(Door::Rust),
            path: None,
            defaults: BTreeMap::new(),
            state,
        });
    }

    /// Why a plugin of this manifest may not join those that live.
    fn conflict(&self, plugins: &[Plugin], manifest: &Manifest) -> Option<Error> {
        let live = || plugins.iter().filter(|p| p.live().is_some());
        if let Some(there) = live().find(|p| p.name == manifest.name) {
            let by = match (&there.path, there.link) {
                (Some(path), _) => path.display().to_string(),
                (None, link) => format!("{} plugin", link.name()),
            };
            return Some(PluginError::Taken { name: manifest.name.clone(), by }.into());
        }
        manifest.provides.iter().find_map(|(kind, driver)| {
            let by = live().find(|p| p.drives(*kind, driver))?;
            let (driver, by) = (driver.clone(), by.name.clone());
            Some(PluginError::DriverTaken { kind: *kind, driver, by }.into())
        })
    }

    /// Loads a file. `given` are module parameters: they replace the manifest's defaults for all later uses.
    /// `replace` puts it in the place of an unused plugin of the same name. A refused file stays listed with its
    /// reason.
    ///
    /// Errors: EEXIST, EBUSY (the one to replace is used), EACCES (file rules), ENOEXEC (no plugin), ELIBBAD and
    /// ELIBACC (ABI, layout, symbols), EINVAL (parameters), and what `init` answers.
    pub fn insmod(&self, path: &Path, given: &[(String, Option<String>)], replace: bool) -> Result<String> {
        let mut plugins = self.plugins();
        self.load(&mut plugins, path, given, replace)
    }

    fn load(
        &self,
        plugins: &mut Vec<Plugin>,
        path: &Path,
        given: &[(String, Option<String>)],
        replace: bool,
    ) -> Result<String> {
        // An earlier refusal of the same file is history once it is tried again.
        plugins.retain(|p| !(matches!(p.state, State::Refused(_)) && p.path.as_deref() == Some(path)));
        let mut manifest = None;
        let result = self.load_gates(plugins, path, given, replace, &mut manifest);
        match result {
            Ok(plugin) => {
                let name = plugin.name.clone();
                log::info!("plugin {name} loaded from {}", path.display());
                plugins.push(plugin);
                Ok(name)
            }
            Err(e) => {
                let e = e.doing(format_args!("insmod {}", path.display()));
                let file = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                plugins.push(Plugin {
                    name: manifest.as_ref().map_or(file, |m: &Manifest| m.name.clone()),
                    manifest,
                    link: Link::Dynamic,
                    door: None,
                    path: Some(path.to_owned()),
                    defaults: BTreeMap::new(),
                    state: State::Refused(e.clone()),
                });
                Err(e)
            }
        }
    }

    /// The gates, in order: file rules, ELF and manifest, names, parameters, ABI and layout, names again, init.
    fn load_gates(
        &self,
        plugins: &mut Vec<Plugin>,
        path: &Path,
        given: &[(String, Option<String>)],
        replace: bool,
        out: &mut Option<Manifest>,
    ) -> Result<Plugin> {
        let file = rules::open(path)?;
        rules::check(&file, path, self.options.allow_unsafe_files)?;
        let manifest = Manifest::parse(&super::elf::manifest_section(&file)?)?;
        *out = Some(manifest.clone());
        let old = plugins.iter().position(|p| p.name == manifest.name && p.live().is_some());
        if let Some(old) = old.filter(|_| replace) {
            self.retire(plugins, old)?;
        }
        if let Some(conflict) = self.conflict(plugins, &manifest) {
            return Err(conflict);
        }
        let defaults: BTreeMap<String, String> = given
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().unwrap_or_else(|| "y".to_owned())))
            .collect();
        let params = ParamSet::resolve(&manifest.params, &BTreeMap::new(), given)?;
        let image = Image::load(&file, path)?;
        let resident = image.resident();
        let (mut module, door) = image.open(&manifest.entry)?;
        check_agreement(&manifest, &module, &path.display().to_string())?;
        if module.flags() & PLUGIN_PANIC_ABORTS != 0 {
            log::warn!("plugin {}: a panic in it ends this process (built with panic=abort)", module.name());
        }
        module.init(&wire(&params))?;
        Ok(Plugin {
            name: manifest.name.clone(),
            manifest: Some(manifest),
            link: Link::Dynamic,
            door: Some(door),
            path: Some(path.to_owned()),
            defaults,
            state: State::Live { module: Arc::new(module), resident: Some(resident) },
        })
    }

    /// Loads a plugin by name from the search path, or brings back a statically linked one that was removed. Nothing
    /// to do if it is there. Errors: ENOENT, and those of [`Registry::insmod`].
    pub fn modprobe(&self, name: &str, given: &[(String, Option<String>)]) -> Result<()> {
        let mut plugins = self.plugins();
        if plugins.iter().any(|p| p.name == name && p.live().is_some()) {
            return Ok(());
        }
        let retired = plugins.iter().position(|p| p.name == name && p.link == Link::Static);
        if let Some(linked) =
            retired.and_then(|_| inventory::iter::<StaticPlugin>().find(|p| static_name(p) == name))
        {
            plugins.retain(|p| !(p.name == name && p.link == Link::Static));
            drop(plugins);
            self.add_static(linked);
            return Ok(());
        }
        match discover::find(&self.search, name) {
            Some(Candidate { outcome: Err(e), path, .. }) => {
                Err(e.doing(format_args!("modprobe {name}: {}", path.display())))
            }
            Some(candidate) => self.load(&mut plugins, &candidate.path, given, false).map(drop),
            None => {
                let known = self.known_names();
                Err(PluginError::Unknown { name: name.to_owned(), known }.into())
            }
        }
    }

    fn known_names(&self) -> String {
        let mut names: Vec<String> =
            discover::scan(&self.search).into_iter().filter_map(|c| c.outcome.ok().map(|m| m.name)).collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            "a plugin on the search path (there is none)".to_owned()
        } else {
            format!("one of {}", names.join(", "))
        }
    }

    /// Ends a plugin: instances are gone already, `exit` runs, and its image is closed. Errors: ENOENT; EBUSY with
    /// the holders' names.
    pub fn rmmod(&self, name: &str) -> Result<Removal> {
        let mut plugins = self.plugins();
        let Some(index) = plugins.iter().position(|p| p.name == name && p.live().is_some()) else {
            let refused = plugins.len();
            plugins.retain(|p| !(p.name == name && matches!(p.state, State::Refused(_))));
            if plugins.len() < refused {
                return Ok(Removal { resident: false });
            }
            let live: Vec<&str> = plugins.iter().filter(|p| p.live().is_some()).map(|p| &*p.name).collect();
            let known = format!("one of {}", live.join(", "));
            return Err(PluginError::Unknown { name: name.to_owned(), known }.into());
        };
        self.retire(&mut plugins, index)
    }

    fn retire(&self, plugins: &mut Vec<Plugin>, index: usize) -> Result<Removal> {
        let plugin = &mut plugins[index];
        let name = plugin.name.clone();
        let State::Live { module, resident } = &plugin.state else { return Ok(Removal { resident: false }) };
        if !module.holders().close() {
            return Err(PluginError::Busy { name, holders: module.holders().describe() }.into());
        }
        module.exit();
        let resident = resident.clone();
        if plugin.link == Link::Static {
            plugin.state = State::Retired(format!("removed; modprobe {name} brings it back"));
        } else {
            // The last reference: the image is closed here.
            plugins.remove(index);
        }
        log::info!("plugin {name} removed");
        Ok(Removal { resident: resident.is_some_and(|r| r.load(Ordering::Acquire)) })
    }

    /// The plugin that drives something, loaded if it must be and may be. Errors: ENODEV, and those of
    /// [`Registry::insmod`].
    pub fn driver(&self, kind: Kind, driver: &str) -> Result<Found> {
        let mut plugins = self.plugins();
        if let Some(found) = found(&plugins, kind, driver) {
            return Ok(found);
        }
        let none = |known: Vec<String>| {
            let known = if known.is_empty() {
                format!("a {kind} driver (there is none)")
            } else {
                format!("one of {}", known.join(", "))
            };
            Error::from(PluginError::NoDriver { kind, driver: driver.to_owned(), known })
        };
        let candidate = discover::find_provider(&self.search, kind, driver)?;
        let Some(candidate) = candidate else {
            return Err(none(self.known_drivers(&plugins, kind)));
        };
        let name = candidate.outcome.as_ref().map(|m| m.name.clone()).unwrap_or_default();
        if !self.options.autoload {
            return Err(PluginError::NotLoaded { kind, driver: driver.to_owned(), plugin: name }.into());
        }
        self.load(&mut plugins, &candidate.path, &[], false)?;
        found(&plugins, kind, driver).ok_or_else(|| none(Vec::new()))
    }

    fn known_drivers(&self, plugins: &[Plugin], kind: Kind) -> Vec<String> {
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
            None => {
                let (name, known) = (name_or_path.to_owned(), self.known_names());
                Err(PluginError::Unknown { name, known }.into())
            }
        }
    }

    /// The plugin files on the search path, also those that are shadowed or bad.
    pub fn files(&self) -> Vec<Candidate> {
        discover::scan(&self.search)
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

fn found(plugins: &[Plugin], kind: Kind, driver: &str) -> Option<Found> {
    let plugin = plugins.iter().find(|p| p.drives(kind, driver))?;
    let (module, manifest) = (plugin.live()?.clone(), plugin.manifest.clone()?);
    Some(Found { module, manifest, defaults: plugin.defaults.clone() })
}

fn static_name(plugin: &StaticPlugin) -> String {
    let name = plugin.manifest.split(|b| *b == 0).find_map(|entry| entry.strip_prefix(b"name="));
    String::from_utf8_lossy(name.unwrap_or(b"?")).into_owned()
}

fn status(plugin: &Plugin) -> PluginStatus {
    let (state, reason, users) = match &plugin.state {
        State::Live { module, .. } => {
            let (state, reason) = match (module.panic_count(), module.lie_count()) {
                (0, 0) => ("live", String::new()),
                (0, lies) => ("live", format!("gave {lies} answers that cannot be")),
                (panics, _) => ("poisoned", format!("panicked {panics} times")),
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

/// The code must say what the manifest says: everything was decided by the manifest.
fn check_agreement(manifest: &Manifest, module: &Module, path: &str) -> Result<()> {
    let mismatch = |part: &str, manifest: String, code: String| PluginError::Mismatch {
        path: path.to_owned(),
        part: part.to_owned(),
        manifest,
        code,
    };
    if manifest.name != module.name() {
        return Err(mismatch("name", manifest.name.clone(), module.name().to_owned()).into());
    }
    if manifest.version != module.version() {
        return Err(mismatch("version", manifest.version.clone(), module.version().to_owned()).into());
    }
    let list = |mut drivers: Vec<(u32, String)>| {
        drivers.sort();
        drivers
    };
    let said = list(manifest.provides.iter().map(|(kind, name)| (kind.abi(), name.clone())).collect());
    let has = list(module.drivers().iter().map(|d| (d.kind, d.name.clone())).collect());
    if said != has {
        let words = |drivers: &[(u32, String)]| {
            let word = |kind| Kind::from_abi(kind).map_or("?", Kind::word);
            drivers.iter().map(|(k, n)| format!("{}:{n}", word(*k))).collect::<Vec<_>>().join(", ")
        };
        return Err(mismatch("drivers", words(&said), words(&has)).into());
    }
    Ok(())
}
