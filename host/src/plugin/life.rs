//! The life of a plugin: gates, insmod, modprobe, rmmod.

use std::collections::BTreeMap;
use std::path::Path;

use nxvfs_abi::plugin::{PLUGIN_PANIC_ABORTS, StaticPlugin};
use nxvfs_abi::{ABI_MAJOR, ABI_MINOR};

use super::discover::{self, Candidate};
use super::elf;
use super::image::{self, Door, Image};
use super::manifest::{Kind, Manifest};
use super::params::ParamSet;
use super::refusal::PluginError;
use super::registry::{Link, Plugin, Registry, State, hint, static_name, wire};
use super::rules;
use crate::base::sync::{Arc, Ordering};
use crate::base::{Error, Result};
use crate::bridge::Module;

/// What a removal left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// The image is out of use, but stays in memory until the threads that ran it end.
    pub resident: bool,
}

impl Registry {
    /// Brings in a statically linked plugin. One that is refused is listed with its reason.
    pub(super) fn add_static(&self, linked: &StaticPlugin, given: &[(String, Option<String>)]) -> Result<()> {
        let mut plugins = self.plugins();
        let parsed = Manifest::parse(linked.manifest).map_err(Error::from);
        let opened = parsed.and_then(|manifest| {
            if let Some(conflict) = self.conflict(&plugins, &manifest, None) {
                return Err(conflict);
            }
            let params = ParamSet::resolve(&manifest.params, &BTreeMap::new(), given)?;
            let mut module = image::linked(linked)?;
            check_agreement(&manifest, &module, "the binary")?;
            module.init(&wire(&params))?;
            Ok((manifest, module))
        });
        let result = opened.as_ref().map(drop).map_err(Error::clone);
        let (manifest, state) = match opened {
            Ok((manifest, module)) => {
                (Some(manifest), State::Live { module: Arc::new(module), resident: None })
            }
            Err(e) => (None, State::Refused(e)),
        };
        plugins.push(Plugin {
            name: static_name(linked),
            manifest,
            link: Link::Static,
            door: Some(Door::Rust),
            path: None,
            defaults: defaults(given),
            state,
        });
        result
    }

    /// Why a plugin of this manifest may not join those that live.
    /// `but`: the one that it shall replace.
    fn conflict(&self, plugins: &[Plugin], manifest: &Manifest, but: Option<usize>) -> Option<Error> {
        let others = || plugins.iter().enumerate().filter(|(index, _)| Some(*index) != but);
        let live = || others().map(|(_, p)| p).filter(|p| p.live().is_some());
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

    pub(super) fn load(
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

    /// The gates, in order: file rules, ELF and manifest, ABI, names, parameters, layout, names again, init.
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
        let manifest = Manifest::parse(&elf::manifest_section(&file)?)?;
        *out = Some(manifest.clone());
        if manifest.abi.0 != ABI_MAJOR {
            let (path, (major, minor)) = (path.display().to_string(), manifest.abi);
            return Err(PluginError::Abi { path, found: format!("{major}.{minor}") }.into());
        }
        let same = |p: &Plugin| replace && p.name == manifest.name && p.live().is_some();
        let old = plugins.iter().position(same);
        let used = |module: &&Arc<Module>| !module.holders().list().is_empty();
        if let Some(module) = old.and_then(|old| plugins[old].live()).filter(used) {
            return Err(busy(module));
        }
        if let Some(conflict) = self.conflict(plugins, &manifest, old) {
            return Err(conflict);
        }
        let params = ParamSet::resolve(&manifest.params, &BTreeMap::new(), given)?;
        let image = Image::load(&file, path)?;
        let resident = image.resident();
        let (mut module, door) = image.open(&manifest.entry, manifest.abi < (ABI_MAJOR, ABI_MINOR))?;
        check_agreement(&manifest, &module, &path.display().to_string())?;
        if module.flags() & PLUGIN_PANIC_ABORTS != 0 {
            log::warn!("plugin {}: a panic in it ends this process (built with panic=abort)", module.name());
        }
        module.init(&wire(&params))?;
        // The old one goes only now that the new one is ready.
        if let Some(Err(e)) = old.map(|old| self.retire(plugins, old)) {
            module.exit();
            return Err(e);
        }
        Ok(Plugin {
            name: manifest.name.clone(),
            manifest: Some(manifest),
            link: Link::Dynamic,
            door: Some(door),
            path: Some(path.to_owned()),
            defaults: defaults(given),
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
            return self.add_static(linked, given);
        }
        match discover::find(&self.search, name) {
            Some(Candidate { outcome: Err(e), path, .. }) => {
                Err(e.doing(format_args!("modprobe {name}: {}", path.display())))
            }
            Some(candidate) => self.load(&mut plugins, &candidate.path, given, false).map(drop),
            None => Err(self.unknown(&plugins, name)),
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
            let (known, hint) = (format!("one of {}", live.join(", ")), hint(&live, name));
            return Err(PluginError::Unknown { name: name.to_owned(), known, hint }.into());
        };
        self.retire(&mut plugins, index)
    }

    fn retire(&self, plugins: &mut Vec<Plugin>, index: usize) -> Result<Removal> {
        let plugin = &mut plugins[index];
        let name = plugin.name.clone();
        let State::Live { module, resident } = &plugin.state else { return Ok(Removal { resident: false }) };
        if !module.holders().close() {
            return Err(busy(module));
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
}

fn busy(module: &Module) -> Error {
    PluginError::Busy { name: module.name().to_owned(), holders: module.holders().describe() }.into()
}

/// Module parameters as defaults of later uses; a name without a value is a switch that is on.
fn defaults(given: &[(String, Option<String>)]) -> BTreeMap<String, String> {
    given
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().unwrap_or_else(|| "y".to_owned())))
        .collect()
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
    if manifest.abi != module.abi() {
        let words = |(major, minor): (u16, u16)| format!("{major}.{minor}");
        return Err(mismatch("abi", words(manifest.abi), words(module.abi())).into());
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
