//! The new host as a program: judges the plugin that it is given, and prints what it saw, also of what is new.

#[path = "judge.rs"]
mod judge;

use nxvfs::Result;
use nxvfs::bridge::{Lookup, host_ctx};
use nxvfs::tree::{Mount, Stat};
use nxvfs_abi::plugin::KIND_FILESYSTEM;

fn beyond(mount: &Mount, file: &Stat) -> Result<Vec<String>> {
    let (volume, ctx) = (mount.volume(), host_ctx());
    let Lookup::Found(found) = volume.lookup(&ctx, volume.info().root, b"facts.txt")? else {
        return Ok(vec!["the file was not found again".to_owned()]);
    };
    let story = volume.tell_story(&ctx, found.node)?.unwrap_or_else(|| "none".to_owned());
    let asked = volume.getattr(&ctx, found.node)?;
    volume.forget(found.node, 1);
    let weight =
        volume.instance().module().driver(KIND_FILESYSTEM, mount.driver()).map(|driver| driver.weight);
    Ok(vec![
        format!(
            "story {story}, project {}, generation {}, features {}, weight {}",
            file.attr.project_id,
            found.generation,
            volume.info().features,
            weight.unwrap_or_default()
        ),
        format!("attributes of {} bytes", asked.map_or(0, |attr| attr.size)),
    ])
}

fn main() {
    let plugin = std::env::args_os().nth(1).expect("the path of a plugin");
    match judge::judge(plugin.as_ref(), beyond) {
        Ok(lines) => println!("{}", lines.join("\n")),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
