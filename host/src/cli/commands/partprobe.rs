//! partprobe.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::Done;
use crate::cli::shell::Shell;
use crate::device::{Entry, Table};

/// Read a device's table of partitions anew, and show it
///
/// Nodes come and go with the entries: partition 1 of /dev/ram0 is /dev/ram0p1. If one that would go is in use, nothing
/// changes.
#[derive(Args)]
#[command(after_help = "Examples:
  partprobe /dev/ram0
  partprobe /dev/loop0 --json")]
pub(in crate::cli) struct Partprobe {
    /// The device
    node: String,
}

#[derive(Serialize)]
struct Document {
    node: String,
    table: Option<String>,
    partitions: Vec<Partition>,
}

#[derive(Serialize)]
struct Partition {
    number: u32,
    /// `null` if it gets none.
    node: Option<String>,
    start_sector: u64,
    sectors: u64,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    /// Why it gets no node.
    reason: Option<String>,
}

impl Partprobe {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let node = shell.absolute(&self.node);
        let table = shell.host.rescan(&node)?;
        let (scheme, entries) = match table {
            Some(Table { scheme, entries }) => (Some(scheme.to_string()), entries),
            None => (None, Vec::new()),
        };
        let partition = |entry: Entry| Partition {
            number: entry.number,
            node: entry.refused.is_none().then(|| format!("{node}p{}", entry.number)),
            start_sector: entry.start_sector,
            sectors: entry.sector_count,
            kind: entry.kind,
            name: entry.name,
            reason: entry.refused.map(|why| why.to_string()),
        };
        let partitions = entries.into_iter().map(partition).collect();
        show(shell, &Document { node: node.clone(), table: scheme, partitions })
    }
}

fn show(shell: &mut Shell, document: &Document) -> Done {
    if shell.out.json {
        return shell.out.document(document);
    }
    let Some(table) = &document.table else {
        return Ok(writeln!(shell.out, "{}: no table of partitions", document.node)?);
    };
    writeln!(shell.out, "{}: {table}, {} partitions", document.node, document.partitions.len())?;
    let mut rows = vec![["Node", "Start", "Sectors", "Type", "Name"].map(str::to_owned).to_vec()];
    for p in document.partitions.iter().filter(|p| p.node.is_some()) {
        let node = p.node.clone().unwrap_or_default();
        // Names come from the medium.
        let name = p.name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        rows.push(vec![node, p.start_sector.to_string(), p.sectors.to_string(), p.kind.clone(), name]);
    }
    if rows.len() > 1 {
        shell.out.table(&[false, true, true, false, false], &rows)?;
    }
    for p in &document.partitions {
        if let Some(reason) = &p.reason {
            writeln!(shell.out, "partition {}: {reason}", p.number)?;
        }
    }
    Ok(())
}
