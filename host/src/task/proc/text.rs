//! Files of `/proc` that tell of the host, in Linux's form where Linux has them.

use std::fmt::Write;

use nxvfs_abi::types::mode;
use nxvfs_abi::{ABI_MAJOR, ABI_MINOR, Ctx};

use crate::base::Result;
use crate::file::LockKind;
use crate::plugin::Kind;
use crate::task::Host;
use crate::tree::{Inode, PseudoKind};

/// A word in a line of words: what would end it is told in octal.
pub(super) fn word(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '\t' | '\n' | '\r' | '\\' => {
                let _ = write!(out, "\\{:03o}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Users by kind and name, with commas.
fn users(users: &[crate::base::Holder]) -> String {
    let words: Vec<String> =
        users.iter().map(|user| format!("{}:{}", user.kind(), word(&user.name()))).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(",") }
}

pub(super) fn version(_host: &Host, _ctx: &Ctx, out: &mut String) -> Result<()> {
    let _ = writeln!(out, "nxvfs version {} (ABI {ABI_MAJOR}.{ABI_MINOR})", env!("CARGO_PKG_VERSION"));
    Ok(())
}

pub(super) fn uptime(host: &Host, _ctx: &Ctx, out: &mut String) -> Result<()> {
    let up = host.started().elapsed();
    let _ = writeln!(out, "{:7}.{:02}", up.as_secs(), up.subsec_millis() / 10);
    Ok(())
}

pub(super) fn modules(host: &Host, _ctx: &Ctx, out: &mut String) -> Result<()> {
    for plugin in host.plugins().list() {
        let link = plugin.link.name();
        let (name, version, abi) = (word(&plugin.name), word(&plugin.version), word(&plugin.abi));
        let _ = writeln!(out, "{name} {version} {abi} {link} {} {}", plugin.state, users(&plugin.users));
    }
    Ok(())
}

pub(super) fn mounts(host: &Host, _ctx: &Ctx, out: &mut String) -> Result<()> {
    out.push_str("none / pseudofs rw 0 0\n");
    for mount in host.mounts() {
        let (source, path, tier) = (word(&mount.source), word(&mount.path), mount.agreement.tier);
        let _ = writeln!(out, "{source} {path} {} {},mmap={tier} 0 0", word(&mount.fs), mount.flags);
    }
    Ok(())
}

pub(super) fn filesystems(host: &Host, _ctx: &Ctx, out: &mut String) -> Result<()> {
    out.push_str("nodev\tpseudofs\n");
    let drivers = host.plugins().list().into_iter().filter(|plugin| plugin.state == "live");
    let mut names: Vec<String> = drivers
        .flat_map(|plugin| plugin.drivers)
        .filter_map(|(kind, name)| (kind == Kind::FileSystem).then_some(name))
        .collect();
    names.sort();
    for name in names {
        let _ = writeln!(out, "\t{name}");
    }
    Ok(())
}

pub(super) fn devices(host: &Host, _ctx: &Ctx, out: &mut String) -> Result<()> {
    out.push_str("Character devices:\n");
    let mut nodes: Vec<String> = host
        .tree()
        .root()
        .pseudo_below()
        .into_iter()
        .filter(|dentry| match dentry.inode() {
            Inode::Pseudo(node) => {
                matches!(node.kind(), PseudoKind::Node(node) if node.file_type() == mode::S_IFCHR)
            }
            Inode::Volume(_) => false,
        })
        .map(|dentry| word(&String::from_utf8_lossy(&dentry.path())))
        .collect();
    nodes.sort();
    for node in nodes {
        let _ = writeln!(out, "{node}");
    }
    out.push_str("\nBlock devices:\n");
    for device in host.devices().into_iter().filter(|device| device.kind == "block") {
        let access = if device.writable { "rw" } else { "ro" };
        let (node, size, count) = (word(&device.node), device.sector_size_bytes, device.sector_count);
        let (driver, users) = (word(&device.driver), users(&device.users));
        let _ = writeln!(out, "{node} {driver} {size} {count} {access} {users}");
    }
    Ok(())
}

pub(super) fn locks(host: &Host, _ctx: &Ctx, out: &mut String) -> Result<()> {
    for (index, lock) in host.locks().list().into_iter().enumerate() {
        let arrow = if lock.waiting { "-> " } else { "" };
        let family = if lock.record { "POSIX" } else { "FLOCK" };
        let kind = if lock.kind == LockKind::Exclusive { "WRITE" } else { "READ " };
        let last = lock.last.map_or_else(|| "EOF".to_owned(), |last| last.to_string());
        let (number, task, volume, node, start) = (index + 1, lock.task, lock.volume, lock.node, lock.start);
        let _ = writeln!(
            out,
            "{number}: {arrow}{family}  ADVISORY  {kind} {task} {volume}:{node} {start} {last}"
        );
    }
    Ok(())
}

pub(super) fn meminfo(host: &Host, _ctx: &Ctx, out: &mut String) -> Result<()> {
    let budgets =
        [("Files", host.tree().files()), ("Cache", host.cache_budget()), ("Copies", host.mapping_budget())];
    let names: usize = host.tree().mounts().iter().map(|mount| mount.names_remembered()).sum();
    let tasks = host.tasks().after(0, usize::MAX);
    let descriptors: usize = tasks.iter().map(|(_, task)| task.descriptors().len()).sum();
    let regions: usize = tasks.iter().map(|(_, task)| task.regions().len()).sum();
    for (name, budget) in budgets {
        for (which, bytes) in [("Max", budget.limit_bytes()), ("Used", budget.used_bytes())] {
            let _ = writeln!(out, "{:<16}{:>10} kB", format!("{name}{which}:"), bytes / 1024);
        }
    }
    let counts = [
        ("Names", names),
        ("Tasks", host.tasks().count()),
        ("Descriptors", descriptors),
        ("Regions", regions),
    ];
    for (name, count) in counts {
        let _ = writeln!(out, "{:<16}{count:>10}", format!("{name}:"));
    }
    Ok(())
}
