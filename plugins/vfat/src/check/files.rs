//! Files and directories: each chain, each entry. Walks the tree without recursion; each cluster is visited once.

use std::collections::HashMap;

use nxvfs_sdk::abi::filesystem::FINDING_WARNING;

use super::scan::{End, Folder, Item, Scan};
use super::whole::BROKEN;
use super::{Report, Step};
use crate::bits::Bits;
use crate::format::table::{END, Link};
use crate::format::{Entry, Kind};

/// A directory that is to be looked at.
struct Dir {
    path: String,
    /// Its first cluster; 0 of the root.
    start: u32,
    /// What `..` of its children says.
    parent: u32,
}

/// The examination.
struct Walk<'s, 'a, 'r, 'c, 'k> {
    scan: &'s mut Scan<'a>,
    report: &'r mut Report<'c, 'k>,
    owned: Bits,
    /// Number of the file of each cluster, for telling whom another one crosses.
    owners: Vec<u32>,
    paths: Vec<String>,
    todo: Vec<Dir>,
}

/// Examines all files; answers which clusters they own.
pub(super) fn examine(scan: &mut Scan<'_>, report: &mut Report<'_, '_>) -> Step<Bits> {
    let (owned, scan_len) = (Bits::new(scan.layout.clusters), scan.table.len());
    let mut walk =
        Walk { scan, report, owned, owners: vec![0; scan_len], paths: Vec::new(), todo: Vec::new() };
    walk.todo.push(Dir { path: String::new(), start: 0, parent: 0 });
    if walk.scan.layout.kind == Kind::Fat32 {
        let root = walk.scan.layout.root_cluster;
        walk.claim("/", root, usize::MAX)?;
    }
    while let Some(dir) = walk.todo.pop() {
        walk.dir(&dir)?;
    }
    Ok(walk.owned)
}

impl Walk<'_, '_, '_, '_, '_> {
    fn at(&self, cluster: u32) -> u64 {
        if self.scan.layout.holds(cluster) { self.scan.layout.cluster_start(cluster) } else { u64::MAX }
    }

    /// Follows a chain and takes its clusters; answers those that are sound. A chain that breaks is cut there by a repair.
    fn claim(&mut self, path: &str, start: u32, most: usize) -> Step<Vec<u32>> {
        let (clusters, end) = self.scan.chain(start, usize::MAX);
        let number = self.paths.len() as u32;
        self.paths.push(path.to_owned());
        let mut sound = clusters.len();
        for (at, cluster) in clusters.iter().enumerate() {
            let taken = self.owned.has(*cluster);
            if taken {
                let other = self.paths.get(self.owners[*cluster as usize] as usize);
                let other = other.map_or("another file", String::as_str);
                let text = format!("cluster {cluster} belongs to {other} too");
                self.report.error(self.at(*cluster), path, &text)?;
                sound = at;
                break;
            }
        }
        let mut kept = clusters;
        let crossed = sound < kept.len();
        kept.truncate(sound);
        for cluster in kept.iter().take(most) {
            self.owned.insert(*cluster);
            self.owners[*cluster as usize] = number;
        }
        if !crossed && end != End::Mark {
            let (what, cluster) = match end {
                End::Free(at) => ("its chain leads into free space", at),
                End::Bad(at) => ("its chain leads to a bad cluster", at),
                End::Outside(at) => ("its chain leaves the volume", at),
                End::Circle(at) => ("its chain runs in a circle", at),
                End::Mark => ("", 0),
            };
            let text = format!("{what}: cluster {cluster}");
            if self.report.safe(BROKEN, self.at(cluster), path, &text)?
                && let Some(last) = kept.last()
            {
                self.scan.set(*last, END)?;
            }
        }
        Ok(kept)
    }

    fn dir(&mut self, dir: &Dir) -> Step {
        let folder = self.scan.folder(dir.start)?;
        let contents = self.scan.contents(&folder, dir.start == 0);
        let here = if dir.path.is_empty() { "/" } else { dir.path.as_str() };
        if dir.start != 0 {
            self.dots(dir, &folder, contents.dots)?;
        }
        if let Some(first) = contents.orphans.first() {
            let text = format!("{} pieces of long names belong to no file", contents.orphans.len());
            if self.report.safe(FINDING_WARNING, self.scan.place(&folder, *first), here, &text)? {
                for slot in &contents.orphans {
                    self.scan.delete(&folder, *slot, *slot)?;
                }
            }
        }
        let extra = contents.labels.iter().skip(usize::from(dir.start == 0));
        for slot in extra {
            let text = "a label stands here that no system looks at";
            if self.report.safe(FINDING_WARNING, self.scan.place(&folder, *slot), here, text)? {
                self.scan.delete(&folder, *slot, *slot)?;
            }
        }
        let mut names: HashMap<Vec<u16>, u32> = HashMap::new();
        for item in &contents.items {
            let path = format!("{}/{}", dir.path, item.name);
            let at = self.scan.place(&folder, item.slot);
            if let Some(other) = names.insert(item.folded.units().to_vec(), item.slot) {
                let text = format!("the name stands in this directory twice, first in slot {other}");
                self.report.error(at, &path, &text)?;
            }
            let bad = item.entry.name.iter().enumerate().any(|(at, byte)| {
                *byte < b' ' && !(at == 0 && *byte == 5) || b"\"*+,./:;<=>?[\\]|".contains(byte)
            });
            if bad || item.name.is_empty() || item.entry.name[0] == b' ' {
                self.report.error(at, &path, "short name holds what no name may hold")?;
            }
            if item.entry.is_dir() {
                self.subdir(dir, &folder, item, path)?;
            } else {
                self.file(&folder, item, &path)?;
            }
        }
        Ok(())
    }

    /// `.` and `..` of a directory.
    fn dots(&mut self, dir: &Dir, folder: &Folder, dots: [Option<Entry>; 2]) -> Step {
        for (slot, (entry, expected)) in dots.into_iter().zip([dir.start, dir.parent]).enumerate() {
            let name = [".", ".."][slot];
            let at = self.scan.place(folder, slot as u32);
            match entry {
                None => {
                    self.report.error(at, &dir.path, &format!("entry '{name}' is not where it has to be"))?
                }
                Some(entry) if entry.start == expected => {}
                Some(mut entry) => {
                    let text = format!("'{name}' leads to cluster {}, expected {expected}", entry.start);
                    if self.report.safe(FINDING_WARNING, at, &dir.path, &text)? {
                        entry.start = expected;
                        self.scan.put_entry(folder, slot as u32, &entry)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn subdir(&mut self, dir: &Dir, folder: &Folder, item: &Item, path: String) -> Step {
        let at = self.scan.place(folder, item.slot);
        let start = item.entry.start;
        if !self.scan.layout.holds(start) {
            return self.report.error(
                at,
                &path,
                &format!("directory begins at cluster {start}, which is none"),
            );
        }
        if self.owned.has(start) {
            return self.claim(&path, start, 0).map(drop);
        }
        if item.entry.size != 0 {
            let text = format!("directory states a length of {} bytes, expected 0", item.entry.size);
            if self.report.safe(FINDING_WARNING, at, &path, &text)? {
                self.scan.put_entry(folder, item.slot, &Entry { size: 0, ..item.entry })?;
            }
        }
        self.claim(&path, start, usize::MAX)?;
        self.todo.push(Dir { path, start, parent: dir.start });
        Ok(())
    }

    fn file(&mut self, folder: &Folder, item: &Item, path: &str) -> Step {
        let at = self.scan.place(folder, item.slot);
        let mut entry = item.entry;
        let need = self.scan.layout.clusters_for(entry.size.into()) as usize;
        if entry.start == 0 {
            if entry.size != 0 {
                let text = format!("file states {} bytes and has no clusters", entry.size);
                if self.report.safe(BROKEN, at, path, &text)? {
                    self.scan.put_entry(folder, item.slot, &Entry { size: 0, ..entry })?;
                }
            }
            return Ok(());
        }
        let begins = self.scan.layout.holds(entry.start) && self.scan.link(entry.start) != Link::Free;
        if !begins {
            let text = format!("file begins at cluster {}, which is free or none", entry.start);
            if self.report.safe(BROKEN, at, path, &text)? {
                (entry.start, entry.size) = (0, 0);
                self.scan.put_entry(folder, item.slot, &entry)?;
            }
            return Ok(());
        }
        let clusters = self.claim(path, entry.start, usize::MAX)?;
        if clusters.len() > need {
            let text =
                format!("chain of {} clusters is longer than {} bytes need", clusters.len(), entry.size);
            if self.report.safe(FINDING_WARNING, at, path, &text)? {
                if need == 0 {
                    entry.start = 0;
                    self.scan.put_entry(folder, item.slot, &entry)?;
                } else {
                    self.scan.set(clusters[need - 1], END)?;
                }
                for cluster in &clusters[need..] {
                    self.owned.remove_run(*cluster, 1);
                }
            }
        } else if clusters.len() < need {
            let held = (clusters.len() as u64) << self.scan.layout.cluster_shift;
            let text = format!("file states {} bytes, its chain holds {held}", entry.size);
            if clusters.is_empty() {
                return self.report.error(at, path, &text);
            }
            if self.report.safe(BROKEN, at, path, &text)? {
                entry.size = held as u32;
                self.scan.put_entry(folder, item.slot, &entry)?;
            }
        }
        Ok(())
    }
}
