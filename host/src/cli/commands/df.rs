//! df.

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{Done, about};
use crate::cli::shell::Shell;
use crate::cli::text::human;

/// Show how full the mounted volumes are
#[derive(Args)]
#[command(disable_help_flag = true)]
#[command(after_help = "Example:
  df -h")]
pub(in crate::cli) struct Df {
    /// Sizes for people: K, M, G (powers of 1024)
    #[arg(short)]
    human: bool,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

#[derive(Serialize)]
struct DfDocument {
    path: String,
    source: String,
    fs: String,
    size_bytes: u64,
    used_bytes: u64,
    available_bytes: u64,
    block_size_bytes: u32,
    files: u64,
    files_free: u64,
}

impl Df {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let mut volumes = Vec::new();
        for mount in shell.host.mounts() {
            let sizes = match shell.task.statfs(&mount.path) {
                Ok(sizes) => sizes,
                Err(error) => {
                    shell.complain(&about("df", mount.path.as_bytes())(error));
                    continue;
                }
            };
            let bytes = |blocks: u64| blocks.saturating_mul(u64::from(sizes.block_size_bytes));
            volumes.push(DfDocument {
                path: mount.path,
                source: mount.source,
                fs: mount.fs,
                size_bytes: bytes(sizes.blocks),
                used_bytes: bytes(sizes.blocks.saturating_sub(sizes.blocks_free)),
                available_bytes: bytes(sizes.blocks_available),
                block_size_bytes: sizes.block_size_bytes,
                files: sizes.files,
                files_free: sizes.files_free,
            });
        }
        if shell.out.json {
            return shell.out.document(&volumes);
        }
        let size = |bytes: u64| if self.human { human(bytes) } else { bytes.div_ceil(1024).to_string() };
        let unit = if self.human { "Size" } else { "1K-blocks" };
        let titles = ["Filesystem", "Type", unit, "Used", "Available", "Use%", "Mounted on"];
        let mut rows = vec![titles.map(str::to_owned).to_vec()];
        for v in volumes {
            let whole = u128::from(v.used_bytes) + u128::from(v.available_bytes);
            let percent = match whole {
                0 => "-".to_owned(),
                whole => format!("{}%", (u128::from(v.used_bytes) * 100).div_ceil(whole)),
            };
            let (used, free) = (size(v.used_bytes), size(v.available_bytes));
            rows.push(vec![v.source, v.fs, size(v.size_bytes), used, free, percent, v.path]);
        }
        shell.out.table(&[false, false, true, true, true, true, false], &rows)
    }
}
