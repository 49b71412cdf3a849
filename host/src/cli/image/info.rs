//! `image info`: what an image is, in a few numbers.

use std::io::Write;

use serde::Serialize;

use super::find::{Place, Source};
use super::survey::Survey;
use crate::cli::failure::{Done, about};
use crate::cli::output::Output;
use crate::cli::shell::Shell;
use crate::cli::text::human;

#[derive(Serialize)]
struct Document {
    image: String,
    image_bytes: u64,
    /// Number of the partition that has the volume.
    partition: Option<u32>,
    fs: String,
    label: String,
    sector_size_bytes: u32,
    sectors: u64,
    block_size_bytes: u32,
    size_bytes: u64,
    used_bytes: u64,
    available_bytes: u64,
    files: usize,
    directories: u64,
    links: u64,
    special_nodes: u64,
    content_bytes: u64,
    /// Files that lie in more than one piece.
    fragmented_files: usize,
    /// Pieces of all files.
    extents: usize,
    mappable_files: usize,
    mappable_bytes: u64,
    /// Of the first file that cannot be mapped in place.
    reason: Option<String>,
}

/// Shows what an image is.
pub(super) fn info(shell: &mut Shell, source: &Source, place: &Place) -> Done {
    let sizes = shell.task.statfs("/").map_err(about("info", b"/"))?;
    let survey = Survey::new(shell, "info")?;
    let device = shell.host.devices().into_iter().find(|device| device.node == place.node);
    let blocks = |count: u64| count.saturating_mul(sizes.block_size_bytes.into());
    let mappable = || survey.files.iter().filter(|file| file.in_place);
    let document = Document {
        image: source.image.display().to_string(),
        image_bytes: std::fs::metadata(&source.image).map_or(0, |metadata| metadata.len()),
        partition: place.part,
        fs: place.fs.clone(),
        label: place.found.as_ref().map(|found| found.label.clone()).unwrap_or_default(),
        sector_size_bytes: device.as_ref().map_or(0, |device| device.sector_size_bytes),
        sectors: device.as_ref().map_or(0, |device| device.sector_count),
        block_size_bytes: sizes.block_size_bytes,
        size_bytes: blocks(sizes.blocks),
        used_bytes: blocks(sizes.blocks.saturating_sub(sizes.blocks_free)),
        available_bytes: blocks(sizes.blocks_available),
        files: survey.files.len(),
        directories: survey.directories,
        links: survey.links,
        special_nodes: survey.special_nodes,
        content_bytes: survey.content_bytes(),
        fragmented_files: survey.files.iter().filter(|file| file.extents.len() > 1).count(),
        extents: survey.files.iter().map(|file| file.extents.len()).sum(),
        mappable_files: mappable().count(),
        mappable_bytes: mappable().map(|file| file.len_bytes).fold(0, u64::saturating_add),
        reason: survey.reason,
    };
    if shell.out.json { shell.out.document(&document) } else { show(&mut shell.out, &document) }
}

fn percent(part: u64, whole: u64) -> u64 {
    if whole == 0 { 100 } else { (u128::from(part) * 100 / u128::from(whole)) as u64 }
}

fn show(out: &mut Output, d: &Document) -> Done {
    write!(out, "image      ")?;
    out.name(d.image.as_bytes())?;
    writeln!(out, ", {} bytes", d.image_bytes)?;
    write!(out, "volume     {}", d.fs)?;
    if !d.label.is_empty() {
        write!(out, " '")?;
        out.name(d.label.as_bytes())?;
        write!(out, "'")?;
    }
    if let Some(partition) = d.partition {
        write!(out, " in partition {partition}")?;
    }
    writeln!(out, ", {} sectors of {} bytes", d.sectors, d.sector_size_bytes)?;
    let used = percent(d.used_bytes, d.size_bytes);
    writeln!(
        out,
        "size       {}, used {} ({used}%), available {}, blocks of {} bytes",
        human(d.size_bytes),
        human(d.used_bytes),
        human(d.available_bytes),
        d.block_size_bytes
    )?;
    writeln!(
        out,
        "content    {} bytes in {} files, {} directories, {} links, {} special nodes",
        d.content_bytes, d.files, d.directories, d.links, d.special_nodes
    )?;
    writeln!(
        out,
        "fragments  {} files lie in several pieces, {} pieces in all",
        d.fragmented_files, d.extents
    )?;
    let share = percent(d.mappable_bytes, d.content_bytes);
    writeln!(
        out,
        "in place   {} files, {} bytes ({share}%) can be mapped",
        d.mappable_files, d.mappable_bytes
    )?;
    match &d.reason {
        Some(reason) => Ok(writeln!(out, "           the first that cannot: {reason}")?),
        None => Ok(()),
    }
}
