//! What can be known of a board without bringing it up: no plugin is loaded, no device attached, no file opened.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Board, BoardError, Entry, Fault, Given, Step};
use crate::base::{Error, Result};
use crate::plugin::manifest::{ParamDecl, ParamType};
use crate::plugin::params::{ParamSet, ParamValue, did_you_mean};
use crate::plugin::{Kind, Manifest};
use crate::task::{Host, MountOptions};

/// Parameters of devices that the host takes itself; see [`Host::attach`].
const OF_HOST: [(&str, ParamType); 2] = [("cache", ParamType::Size), ("partitions", ParamType::Bool)];

impl Host {
    /// Looks for what would fail if a board were brought up now: plugins, drivers and file systems that there are not,
    /// parameters that they do not take, names that are taken, devices that no entry makes, missing files of the operating
    /// system. What only the drivers know is not found. Answers in the order of the lines.
    pub fn check_board(&self, board: &Board) -> Vec<Fault> {
        let nodes = board.entries.iter().filter_map(|entry| Some((node(&entry.step)?, entry.line)));
        let mut check = Check {
            host: self,
            whole: board.whole,
            all: nodes.collect(),
            nodes: Vec::new(),
            names: BTreeMap::new(),
            targets: BTreeMap::new(),
            manifests: Vec::new(),
            faults: Vec::new(),
        };
        for entry in &board.entries {
            check.entry(entry);
        }
        let mut faults = check.faults;
        faults.sort_by_key(|fault| fault.line);
        faults
    }
}

/// The node of a device that an entry makes.
fn node(step: &Step) -> Option<&str> {
    match step {
        Step::Device { node, .. } | Step::Partition { node, .. } => Some(node),
        _ => None,
    }
}

struct Check<'a> {
    host: &'a Host,
    /// Whether all entries of the file are known.
    whole: bool,
    /// Nodes of all devices, with their lines.
    all: Vec<(&'a str, usize)>,
    /// Those of the entries before.
    nodes: Vec<&'a str>,
    /// Names that entries before have made.
    names: BTreeMap<&'a str, usize>,
    /// Where entries before have mounted.
    targets: BTreeMap<&'a str, usize>,
    /// Of plugins that entries before load.
    manifests: Vec<Manifest>,
    faults: Vec<Fault>,
}

impl<'a> Check<'a> {
    /// Keeps what is wrong, in the line of a key if that stands there.
    fn tell(&mut self, entry: &Entry, key: &str, error: impl Into<Error>) {
        let (outer, _) = key.split_once('.').unwrap_or((key, ""));
        let line = entry.lines.get(key).or_else(|| entry.lines.get(outer)).unwrap_or(&entry.line);
        self.faults.push(Fault { line: *line, error: error.into() });
    }

    fn entry(&mut self, entry: &'a Entry) {
        match &entry.step {
            Step::Plugin { name, params } => self.plugin(entry, "name", name, params),
            Step::PluginFile { file, params } => {
                let mut file = file.to_string_lossy().into_owned();
                if !file.contains('/') {
                    file.insert_str(0, "./");
                }
                self.plugin(entry, "file", &file, params);
            }
            Step::Device { driver, node, params } => {
                self.name(entry, "node", node);
                self.nodes.push(node);
                match self.device(driver) {
                    Ok(manifest) => self.device_params(entry, &manifest.params, params),
                    Err(error) => self.tell(entry, "driver", error),
                }
            }
            Step::Table { device } => self.source(entry, "device", device),
            Step::Partition { device, node, .. } => {
                self.source(entry, "device", device);
                self.name(entry, "node", node);
                self.nodes.push(node);
            }
            Step::Mount { source, target, fs, options } => {
                if let Some(source) = source.as_deref().filter(|source| source.contains('/')) {
                    self.source(entry, "source", source);
                }
                if let Some(line) = self.targets.insert(target, entry.line) {
                    self.tell(entry, "target", BoardError::Covered { path: target.clone(), line });
                }
                match self.manifest(Kind::FileSystem, fs) {
                    Ok(manifest) => self.mount_options(entry, &manifest.params, options),
                    Err(error) => self.tell(entry, "type", error),
                }
            }
            Step::Folder { path, .. } | Step::Link { path, .. } => self.name(entry, "path", path),
        }
    }

    fn plugin(&mut self, entry: &Entry, key: &str, name: &str, params: &Given) {
        match self.host.plugins().modinfo(name) {
            Ok((manifest, _)) => {
                self.params(entry, "params", &manifest.params, params);
                self.manifests.push(manifest);
            }
            Err(error) => self.tell(entry, key, error),
        }
    }

    fn manifest(&self, kind: Kind, driver: &str) -> Result<Manifest> {
        let provides = |m: &&Manifest| m.provides.iter().any(|(k, name)| *k == kind && name == driver);
        match self.manifests.iter().find(provides) {
            Some(manifest) => Ok(manifest.clone()),
            None => self.host.plugins().manifest_of(kind, driver),
        }
    }

    fn device(&self, driver: &str) -> Result<Manifest> {
        self.manifest(Kind::Block, driver).or_else(|e| self.manifest(Kind::Character, driver).map_err(|_| e))
    }

    /// A name that an entry makes.
    fn name(&mut self, entry: &Entry, key: &str, path: &'a str) {
        if let Some(line) = self.names.get(path).copied() {
            self.tell(entry, key, BoardError::Taken { path: path.to_owned(), line });
            return;
        }
        self.names.insert(path, entry.line);
        if let Err(error) = self.host.free_node(path) {
            self.tell(entry, key, error);
        }
    }

    /// A device that an entry needs.
    fn source(&mut self, entry: &Entry, key: &str, node: &str) {
        // Whether it has a table of partitions is not known.
        let part = |device: &&str| {
            let number = node.strip_prefix(*device).and_then(|rest| rest.strip_prefix('p'));
            number.is_some_and(|number| number.parse::<u32>().is_ok())
        };
        let made = |device: &&str| *device == node || part(device);
        // An entry that could not be read may make it.
        if !self.whole || self.nodes.iter().any(made) {
            return;
        }
        if self.host.devices().iter().any(|device| made(&&*device.node)) {
            return;
        }
        let hint = match self.all.iter().find(|(device, _)| made(device)) {
            Some((_, line)) => format!("line {line} does; it must stand before this entry"),
            None => did_you_mean(&self.nodes, node).unwrap_or_else(|| "write a [[device]] before".to_owned()),
        };
        self.tell(entry, key, BoardError::NoDevice { node: node.to_owned(), hint });
    }

    fn device_params(&mut self, entry: &Entry, decls: &[ParamDecl], given: &Given) {
        let mut theirs = Given::new();
        for (name, value) in given {
            let ours = OF_HOST.iter().find(|(ours, _)| ours == name);
            match ours.filter(|_| !decls.iter().any(|decl| decl.name == *name)) {
                Some((_, ty)) => {
                    let text = value.as_deref().unwrap_or("y");
                    if let Err(error) = ParamValue::parse(*ty, text.as_ref()) {
                        self.tell(entry, &format!("params.{name}"), Error::from(error).doing(name));
                    }
                }
                None => theirs.push((name.clone(), value.clone())),
            }
        }
        self.params(entry, "params", decls, &theirs);
    }

    fn mount_options(&mut self, entry: &Entry, decls: &[ParamDecl], given: &Given) {
        match MountOptions::parse(given.clone()) {
            Ok(options) => self.params(entry, "options", decls, &options.given),
            Err(error) => self.tell(entry, "options", error),
        }
    }

    /// Each parameter by itself, so that all that are wrong are told; then all together.
    fn params(&mut self, entry: &Entry, key: &str, decls: &[ParamDecl], given: &Given) {
        let before = self.faults.len();
        for one in given {
            let place = format!("{key}.{}", one.0);
            match ParamSet::resolve(decls, &BTreeMap::new(), std::slice::from_ref(one)) {
                Ok(set) => self.file(entry, &place, set.get(&one.0)),
                Err(error) => self.tell(entry, &place, error),
            }
        }
        if self.faults.len() == before
            && let Err(error) = ParamSet::resolve(decls, &BTreeMap::new(), given)
        {
            self.tell(entry, key, error);
        }
    }

    /// A file of the operating system that a parameter names.
    fn file(&mut self, entry: &Entry, place: &str, value: Option<&ParamValue>) {
        let Some(ParamValue::Path(path)) = value else { return };
        if path.is_empty() {
            return;
        }
        if let Err(error) = std::fs::metadata(Path::new(path)) {
            let param = place.rsplit('.').next().unwrap_or(place).to_owned();
            let path = path.to_string_lossy().into_owned();
            self.tell(entry, place, BoardError::NoFile { param, path, why: error.to_string() });
        }
    }
}
