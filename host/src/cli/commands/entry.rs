//! What `ls` prints of an entry.

use std::io::Write;

use serde::Serialize;

use crate::cli::failure::Done;
use crate::cli::output::Output;
use crate::cli::text::{DeviceNumber, date, lossy, mode_string};
use crate::tree::Stat as Status;

use super::stat::{Attributes, is_device};

/// An entry that is to be shown. Without a status none was needed, or there is none to be had.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) status: Option<Status>,
    pub(super) target: Option<Vec<u8>>,
}

#[derive(Serialize)]
struct Document {
    /// The directory as it was asked for; `null` for a path that is no directory.
    dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dir_bytes: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_bytes: Option<String>,
    #[serde(flatten)]
    attributes: Option<Attributes>,
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_bytes: Option<String>,
}

/// Prints entries of a directory, or operands that are none, for people or as items of the list.
pub(super) fn show(out: &mut Output, long: bool, dir: Option<&[u8]>, entries: &[Entry]) -> Done {
    if out.json {
        return entries.iter().try_for_each(|entry| out.item(&document(dir, entry)));
    }
    if !long {
        return entries.iter().try_for_each(|entry| {
            named(out, entry)?;
            Ok(writeln!(out)?)
        });
    }
    if dir.is_some() {
        let blocks = |e: &Entry| e.status.map_or(0, |s| s.attr.blocks);
        let total = entries.iter().map(blocks).fold(0, u64::saturating_add);
        writeln!(out, "total {}", total.div_ceil(2))?;
    }
    let rows: Vec<[String; 6]> = entries.iter().map(columns).collect();
    let width = |column: usize| rows.iter().map(|r| r[column].len()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    for (entry, [mode, links, uid, gid, size, time]) in entries.iter().zip(&rows) {
        let [_, w1, w2, w3, w4, w5] = widths;
        write!(out, "{mode} {links:>w1$} {uid:<w2$} {gid:<w3$} {size:>w4$} {time:>w5$} ")?;
        named(out, entry)?;
        if let Some(target) = &entry.target {
            write!(out, " -> ")?;
            out.name(target)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn named(out: &mut Output, entry: &Entry) -> Done {
    out.kind_name(&entry.name, entry.status.as_ref().map_or(0, |status| status.attr.mode))
}

/// The cells of a line of `ls -l`, without name and target.
fn columns(entry: &Entry) -> [String; 6] {
    let Some(Status { attr, .. }) = &entry.status else {
        return ["??????????", "?", "?", "?", "?", "?"].map(str::to_owned);
    };
    let size = if is_device(attr.mode) {
        let DeviceNumber { major, minor } = attr.rdev.into();
        format!("{major}, {minor}")
    } else {
        attr.size_bytes.to_string()
    };
    // To the minute, as `ls --time-style=long-iso`.
    let mut time = date(attr.mtime.seconds);
    time.truncate(time.len() - 3);
    [mode_string(attr.mode), attr.nlink.to_string(), attr.uid.to_string(), attr.gid.to_string(), size, time]
}

fn document(dir: Option<&[u8]>, entry: &Entry) -> Document {
    let (dir, dir_bytes) = dir.map(lossy).unzip();
    let (name, name_bytes) = lossy(&entry.name);
    let (target, target_bytes) = entry.target.as_deref().map(lossy).unzip();
    Document {
        dir,
        dir_bytes: dir_bytes.flatten(),
        name,
        name_bytes,
        attributes: entry.status.as_ref().map(Attributes::from),
        target,
        target_bytes: target_bytes.flatten(),
    }
}
