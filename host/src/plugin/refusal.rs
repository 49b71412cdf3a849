//! Why a plugin is not loaded, found or removed.

use nxvfs_abi::ABI_MAJOR;

use super::manifest::Kind;
use crate::base::error::teach;

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
        Unknown { name: String, known: String, hint: String } => ENOENT, what: "no such plugin", place: "{name}",
            expected: "{known}", remedy: "{hint}";
        /// Nothing drives this.
        NoDriver { kind: Kind, driver: String, known: String, hint: String } => ENODEV, what: "no such {kind} driver",
            place: "{driver}", expected: "{known}", remedy: "{hint}";
        /// Something would, but autoload is off.
        NotLoaded { kind: Kind, driver: String, plugin: String } => ENODEV,
            what: "the {kind} driver is not loaded, and autoload is off", place: "{driver}",
            remedy: "modprobe {plugin}, or leave --no-autoload out";
        /// Built against another major version.
        Abi { path: String, found: String } => ELIBBAD, what: "the plugin speaks another ABI", place: "{path}",
            expected: "{ABI_MAJOR}.x", found: "{found}",
            remedy: "use a plugin built for ABI {ABI_MAJOR}, or another host";
        /// The file says one thing and its code another.
        Mismatch { path: String, part: String, manifest: String, code: String } => ELIBBAD,
            what: "the plugin's code and its manifest disagree", place: "{path}: {part}", expected: "{manifest}",
            found: "{code}", remedy: "rebuild the plugin";
    }
}
