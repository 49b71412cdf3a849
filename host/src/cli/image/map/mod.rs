//! `image map`: a picture of the medium.

mod layout;
mod svg;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::find::{Place, Source};
use super::get::system;
use super::refusal::ImageError;
use super::survey::Survey;
use crate::base::Result;
use crate::cli::failure::{Done, about};
use crate::cli::shell::Shell;
use layout::Layout;

/// Draws where everything lies.
pub(super) fn map(shell: &mut Shell, source: &Source, place: &Place, output: &Path) -> Done {
    if let (Ok(image), Ok(output)) = (source.image.canonicalize(), output.canonicalize())
        && image == output
    {
        return Err(ImageError::OwnImage { path: output.display().to_string() }.into());
    }
    let survey = Survey::new(shell, "map")?;
    let device = shell.host.devices().into_iter().find(|device| device.node == place.node);
    let (start, len) = device.map_or((0, 0), |device| {
        let sector = u64::from(device.sector_size_bytes);
        (device.parent.map_or(0, |(_, start)| start * sector), device.sector_count * sector)
    });
    let image = File::open(&source.image).map_err(system(&source.image))?;
    let free = shell.task.free_extents("/").map_err(about("map", b"/"))?.unwrap_or_default();
    let layout = Layout::new(&survey, &free, len, |from, to| is_zero(&image, start + from, start + to))?;
    let title = source.label(place.part);
    let text = svg::draw(&title, place, &survey, &layout);
    Ok(fs::write(output, text).map_err(system(output))?)
}

/// Whether there is nothing but zeros between two offsets.
fn is_zero(file: &File, mut from: u64, to: u64) -> Result<bool> {
    let mut buf = vec![0; 1 << 16];
    while from < to {
        let want = (to - from).min(buf.len() as u64) as usize;
        match file.read_at(&mut buf[..want], from)? {
            0 => return Ok(true),
            read if buf[..read].iter().any(|byte| *byte != 0) => return Ok(false),
            read => from += read as u64,
        }
    }
    Ok(true)
}
