//! explain.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{Done, about};
use crate::cli::output::Output;
use crate::cli::shell::Shell;
use crate::cli::text::lossy;
use crate::mapping::Explanation;

/// Show how files would be mapped, why not better, and where they lie on the medium
#[derive(Args)]
#[command(after_help = "Example:
  explain /rom/readme.txt

The tier is what a shared read-only mapping of the whole file gets: xip is in place on the medium, without a copy.")]
pub(in crate::cli) struct Explain {
    /// Files or block devices
    #[arg(value_name = "FILE", required = true)]
    files: Vec<OsString>,
}

#[derive(Serialize)]
struct ExplainDocument {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_bytes: Option<String>,
    len_bytes: u64,
    tier: String,
    reason: String,
    extents: Vec<ExtentDocument>,
}

#[derive(Serialize)]
pub(in crate::cli) struct ExtentDocument {
    pub(in crate::cli) file_offset: u64,
    pub(in crate::cli) medium_offset: u64,
    pub(in crate::cli) len_bytes: u64,
}

/// Where the extents lie in the file: they follow each other without gaps.
pub(in crate::cli) fn extents(explanation: &Explanation) -> Vec<ExtentDocument> {
    let mut file_offset = 0;
    let place = |e: &nxvfs_abi::Extent| {
        let (medium_offset, len_bytes) = (e.medium_offset, e.len_bytes);
        let placed = ExtentDocument { file_offset, medium_offset, len_bytes };
        file_offset += len_bytes;
        placed
    };
    explanation.extents.iter().map(place).collect()
}

impl Explain {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let mut documents = Vec::new();
        for path in self.files.iter().map(|p| p.as_bytes()) {
            match shell.task.explain(path) {
                Ok(explanation) if shell.out.json => {
                    let (file, file_bytes) = lossy(path);
                    documents.push(ExplainDocument {
                        file,
                        file_bytes,
                        len_bytes: explanation.len_bytes,
                        tier: explanation.tier.to_string(),
                        extents: extents(&explanation),
                        reason: explanation.reason,
                    });
                }
                Ok(explanation) => show(&mut shell.out, path, &explanation)?,
                Err(error) => shell.complain(&about("explain", path)(error)),
            }
        }
        if shell.out.json { shell.out.documents(&documents, self.files.len() == 1) } else { Ok(()) }
    }
}

fn show(out: &mut Output, path: &[u8], explanation: &Explanation) -> Done {
    out.name(path)?;
    writeln!(out, "  {} bytes", explanation.len_bytes)?;
    writeln!(out, "  tier    {}", explanation.tier)?;
    writeln!(out, "  reason  {}", explanation.reason)?;
    let mut rows = vec![["  file offset", "medium offset", "length"].map(str::to_owned).to_vec()];
    for e in extents(explanation) {
        rows.push([e.file_offset, e.medium_offset, e.len_bytes].map(|n| n.to_string()).to_vec());
    }
    if rows.len() == 1 {
        return Ok(());
    }
    out.table(&[true, true, true], &rows)
}
