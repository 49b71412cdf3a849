//! What a host makes of growfs: everything that can be seen from outside, as lines. The old host's test and the new
//! host's judge share this file.

use std::path::Path;

use nxvfs::plugin::{Builtin, PluginOptions};
use nxvfs::tree::{Mount, Stat};
use nxvfs::{Host, MountOptions, Result, Task};

/// What only this host can see of a mounted volume and its file.
pub(crate) type Beyond = fn(mount: &Mount, file: &Stat) -> Result<Vec<String>>;

/// A host that knows no plugin.
pub(crate) fn bare_host() -> Result<std::sync::Arc<Host>> {
    Host::new(PluginOptions {
        default_dirs: false,
        builtin: Builtin::None,
        autoload: false,
        // Who may write to the folder of this build is not in question here.
        allow_unsafe_files: true,
        ..PluginOptions::default()
    })
}

/// Loads a plugin, mounts each of its file systems, looks at everything, and takes it all away again. A refusal is a
/// single line.
pub(crate) fn judge(plugin: &Path, beyond: Beyond) -> Result<Vec<String>> {
    let host = bare_host()?;
    let name = match host.plugins().insmod(plugin, &[], false) {
        Ok(name) => name,
        Err(refusal) => return Ok(vec![format!("refused: {refusal}")]),
    };
    let mut lines: Vec<String> = host
        .plugins()
        .list()
        .iter()
        .map(|p| {
            format!("{}: abi {}, door {}, {}", p.name, p.abi, p.door.map_or("none", |d| d.name()), p.state)
        })
        .collect();
    for fs in ["growfs", "growfs-two"] {
        let options = MountOptions {
            given: vec![("greeting".into(), Some("hi".into())), ("count".into(), Some("7".into()))],
            ..MountOptions::default()
        };
        let target = format!("/{fs}");
        let mounted = host.mount(None, &target, fs, &options)?;
        let (task, file) = (host.task(), format!("{target}/facts.txt"));
        let stat = task.stat(&file)?;
        lines.push(format!("{fs}: mode {:o}, inode {}", stat.attr.mode, stat.attr.ino));
        lines.push(format!("{fs}: names {}", names(&task, &target)?));
        lines.push(format!("{fs}: content {}", content(&task, &file, stat.attr.size_bytes)?));
        lines.extend(beyond(&mounted.mount, &stat)?.into_iter().map(|line| format!("{fs}: {line}")));
        drop((mounted, task));
        host.unmount(&target)?;
    }
    let removal = host.plugins().rmmod(&name)?;
    lines.push(format!("removed, resident {}", removal.resident));
    Ok(lines)
}

fn names(task: &Task, dir: &str) -> Result<String> {
    let records: Vec<_> = task.opendir(dir)?.collect::<Result<_>>()?;
    let names: Vec<_> = records.iter().map(|record| String::from_utf8_lossy(&record.name)).collect();
    Ok(names.join(" "))
}

/// A file's content, which must be as long as its attributes say.
fn content(task: &Task, path: &str, size_bytes: u64) -> Result<String> {
    let fd = task.open(path, 0, 0)?;
    let mut buf = [0; 512];
    let len = task.read(fd, &mut buf)?;
    task.close(fd)?;
    assert_eq!(len as u64, size_bytes, "{path} is not as long as its attributes say");
    Ok(String::from_utf8_lossy(&buf[..len]).into_owned())
}
