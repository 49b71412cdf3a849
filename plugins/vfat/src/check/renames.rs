//! Renames and exchanges that a power cut ended half-way: two names lead to one chain, and the newer is marked.

use std::collections::{HashMap, HashSet};

use nxvfs_sdk::Result;

use super::scan::{Folder, Item, Scan};
use crate::core::EXCHANGE_STEM;
use crate::format::entry::RENAMING;

/// A name that takes part.
struct Named {
    folder: usize,
    item: Item,
    dir: String,
}

impl Named {
    fn path(&self) -> String {
        format!("{}/{}", self.dir, self.item.name)
    }

    fn marked(&self) -> bool {
        self.item.entry.flags & RENAMING != 0
    }

    fn kept(&self) -> bool {
        self.item.name.strip_prefix(EXCHANGE_STEM).is_some_and(|rest| {
            rest.strip_prefix('.').is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        })
    }
}

/// One rename that was finished, or could be.
pub(crate) struct Unfinished {
    pub(crate) path: String,
    pub(crate) medium_offset: u64,
    pub(crate) text: String,
}

/// Finds unfinished renames, and finishes them if `repair`.
pub(crate) fn finish(scan: &Scan<'_>, repair: bool) -> Result<Vec<Unfinished>> {
    let mut folders: Vec<Folder> = Vec::new();
    let mut todo = vec![(0, String::new())];
    let mut seen = HashSet::from([0, scan.layout.root_cluster]);
    let mut named: Vec<Named> = Vec::new();
    while let Some((start, dir)) = todo.pop() {
        let folder = scan.folder(start)?;
        for item in scan.contents(&folder, start == 0).items {
            if item.entry.is_dir() && seen.insert(item.entry.start) {
                todo.push((item.entry.start, format!("{dir}/{}", item.name)));
            }
            named.push(Named { folder: folders.len(), item, dir: dir.clone() });
        }
        // Where slots lie is still needed; what is in them is not.
        folders.push(Folder { content: Vec::new(), ..folder });
    }
    let mut by_start: HashMap<u32, Vec<usize>> = HashMap::new();
    for (at, name) in named.iter().enumerate() {
        if name.item.entry.start != 0 {
            by_start.entry(name.item.entry.start).or_default().push(at);
        }
    }
    let twin = |at: usize| -> Option<usize> {
        let start = named[at].item.entry.start;
        let others = by_start.get(&start)?.iter().copied();
        others.into_iter().find(|other| *other != at && !named[*other].marked())
    };
    let mut done = Vec::new();
    let mut told = |name: &Named, text: String| {
        let medium_offset = scan.place(&folders[name.folder], name.item.slot);
        done.push(Unfinished { path: name.path(), medium_offset, text });
    };
    let kept = named.iter().position(Named::kept);
    for at in (0..named.len()).filter(|at| named[*at].marked()) {
        let new = &named[at];
        let old = twin(at).filter(|old| !named[*old].kept()).map(|old| &named[old]);
        match (old, kept.filter(|kept| twin(*kept).is_none()).map(|kept| &named[kept])) {
            (Some(old), Some(third)) => {
                // An exchange: the old name gets what the third one kept.
                told(old, format!("exchange with {} was cut short", new.path()));
                if repair {
                    let mut entry = third.item.entry;
                    (entry.name, entry.flags) = (old.item.entry.name, old.item.entry.flags);
                    scan.put_entry(&folders[old.folder], old.item.slot, &entry)?;
                    scan.disk.barrier()?;
                }
            }
            (Some(old), None) => {
                told(old, format!("rename to {} was cut short: this name goes", new.path()));
                if repair {
                    scan.delete(&folders[old.folder], old.item.first, old.item.slot)?;
                    scan.disk.barrier()?;
                }
            }
            (None, _) => told(new, "mark of a rename is left over".to_owned()),
        }
        if repair {
            let mut entry = new.item.entry;
            entry.flags &= !RENAMING;
            scan.put_entry(&folders[new.folder], new.item.slot, &entry)?;
        }
    }
    if let Some(third) = kept.map(|kept| &named[kept]) {
        let shared = twin(kept.unwrap_or(0)).is_some()
            || named.iter().any(|name| name.marked() && twin_of(&by_start, &named, name));
        if shared || third.item.entry.start == 0 {
            told(third, "name that an exchange needed is left over: it goes".to_owned());
            if repair {
                scan.disk.barrier()?;
                scan.delete(&folders[third.folder], third.item.first, third.item.slot)?;
            }
        }
    }
    Ok(done)
}

/// Whether another name, without a mark, leads to the same chain.
fn twin_of(by_start: &HashMap<u32, Vec<usize>>, named: &[Named], name: &Named) -> bool {
    by_start.get(&name.item.entry.start).is_some_and(|all| all.iter().any(|other| !named[*other].marked()))
}
