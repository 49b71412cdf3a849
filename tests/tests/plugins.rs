//! Plugins: those that are found, refused and loaded, those that lie. In one binary, as each costs seconds to link.

#[path = "plugins/builtin_list.rs"]
mod builtin_list;
#[path = "plugins/evil.rs"]
mod evil;
#[path = "plugins/loading.rs"]
mod loading;
#[path = "plugins/templates.rs"]
mod templates;
