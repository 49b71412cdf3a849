//! check: the examination of a volume that nobody has mounted.

use std::io::Write;

use clap::Args;
use nxvfs_abi::filesystem::{FINDING_ERROR, FINDING_REPAIRED, FINDING_WARNING};
use serde::Serialize;

use crate::Host;
use crate::bridge::FindingItem;
use crate::cli::failure::{Done, Failure};
use crate::cli::output::Output;
use crate::cli::shell::Shell;

/// Examine the volume on a device that is not mounted
///
/// Prints what is wrong, a line for each finding. Exit status 1 if something is left that is wrong.
#[derive(Args)]
#[command(after_help = "Examples:
  check /dev/ram0
  check --repair -t vfat /dev/loop0p1")]
pub(in crate::cli) struct Check {
    /// The file system's driver; if left out each is asked
    #[arg(short = 't', value_name = "FS")]
    fs: Option<String>,
    /// Put right what loses nothing
    #[arg(long)]
    repair: bool,
    /// The device
    device: String,
}

impl Check {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let node = shell.absolute(&self.device);
        let outcome = examine(&mut shell.out, &shell.host, &node, &node, self.fs.as_deref(), self.repair)?;
        if outcome.left > 0 { Err(Failure::Said) } else { Ok(()) }
    }
}

/// How an examination ended.
#[derive(Clone, Copy, Default)]
pub(in crate::cli) struct Outcome {
    /// What was put right.
    pub(in crate::cli) repaired: u64,
    /// Errors and warnings that are left.
    pub(in crate::cli) left: u64,
}

#[derive(Serialize)]
struct Finding {
    severity: &'static str,
    path: String,
    medium_offset: Option<u64>,
    text: String,
}

fn severity(finding: &FindingItem) -> &'static str {
    match finding.severity {
        FINDING_ERROR => "error",
        FINDING_WARNING => "warning",
        FINDING_REPAIRED => "repaired",
        _ => "note",
    }
}

/// Examines the volume on a device and prints the findings as they come; people know the device as `label`.
pub(in crate::cli) fn examine(
    out: &mut Output,
    host: &Host,
    label: &str,
    node: &str,
    fs: Option<&str>,
    repair: bool,
) -> Result<Outcome, Failure> {
    let fs = match fs {
        Some(fs) => fs.to_owned(),
        None => host.detect(node).map_err(|e| e.doing("check"))?.0,
    };
    let mut outcome = Outcome::default();
    let mut printed = out.begin_list();
    let left = host.check(node, &fs, &[], repair, &mut |finding| {
        let severity = severity(&finding);
        outcome.repaired += u64::from(severity == "repaired");
        printed = std::mem::replace(&mut printed, Ok(())).and_then(|()| tell(out, severity, finding));
        // Whoever reads this may have gone.
        printed.is_ok()
    });
    // The list ends in any case, so that what was printed is a document.
    let ended = printed.and_then(|()| out.end_list());
    outcome.left = left?;
    ended?;
    if !out.json {
        match (outcome.left, outcome.repaired) {
            (0, 0) => writeln!(out, "{label}: {fs}, clean")?,
            (left, repaired) => writeln!(out, "{label}: {fs}, {repaired} repaired, {left} left")?,
        }
    }
    Ok(outcome)
}

fn tell(out: &mut Output, severity: &'static str, finding: FindingItem) -> Done {
    let FindingItem { path, medium_offset, text, .. } = finding;
    if out.json {
        return out.item(&Finding { severity, path, medium_offset, text });
    }
    write!(out, "{severity}: ")?;
    if !path.is_empty() {
        out.name(path.as_bytes())?;
        write!(out, ": ")?;
    }
    out.name(text.as_bytes())?;
    match medium_offset {
        Some(at) => Ok(writeln!(out, " (at byte {at})")?),
        None => Ok(writeln!(out)?),
    }
}
