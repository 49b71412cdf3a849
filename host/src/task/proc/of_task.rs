//! `/proc/self` and `/proc/NUMBER`: what a task has. Each is made when somebody looks.

use std::fmt::Write;

use nxvfs_abi::Ctx;

use super::generated;
use super::text::word;
use crate::base::sync::{Arc, Weak};
use crate::base::{Errno, Result};
use crate::file::OpenFile;
use crate::mapping::Row;
use crate::task::Host;
use crate::task::tasks::TaskView;
use crate::tree::{Entries, Entry, Listed, PseudoKind};

/// Numbers of inodes, far above those of the tree; a task has so many.
const FIRST_INO: u64 = 1 << 40;
const INOS_A_TASK: u64 = 4096;

/// Which of a task's inodes; descriptors begin at `FD`.
const DIR: u64 = 0;
const CWD: u64 = 1;
const FDS: u64 = 2;
const MAPS: u64 = 3;
const FD: u64 = 16;

fn ino(task: u64, which: u64) -> u64 {
    FIRST_INO.wrapping_add(task.wrapping_mul(INOS_A_TASK)).wrapping_add(which)
}

fn link(ino: u64, target: impl Into<Vec<u8>>, owner: (u32, u32)) -> Entry {
    Entry { ino, kind: PseudoKind::Link(target.into().into()), permissions: 0o777, owner }
}

/// A number as a name: without what would make two names of one number.
fn number(name: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(name).ok()?;
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// `/proc`: `self`, and a directory for each task.
pub(super) struct AllTasks(pub(super) Weak<Host>);

impl AllTasks {
    fn host(&self) -> Result<Arc<Host>> {
        self.0.upgrade().ok_or_else(|| Errno::ENODEV.into())
    }

    fn directory(&self, task: u64, view: &TaskView) -> Entry {
        let kind = PseudoKind::Made(Arc::new(OneTask { host: self.0.clone(), task, owner: view.owner }));
        Entry { ino: ino(task, DIR), kind, permissions: 0o555, owner: view.owner }
    }
}

impl Entries for AllTasks {
    fn lookup(&self, ctx: &Ctx, name: &[u8]) -> Result<Option<Entry>> {
        if name == b"self" {
            return Ok(Some(link(FIRST_INO, ctx.task.to_string(), (0, 0))));
        }
        let Some(task) = number(name) else { return Ok(None) };
        Ok(self.host()?.tasks().get(task).map(|view| self.directory(task, &view)))
    }

    fn list(&self, ctx: &Ctx, after: u64, limit: usize) -> Result<Vec<Listed>> {
        let mut out = Vec::new();
        if after == 0 {
            let entry = link(FIRST_INO, ctx.task.to_string(), (0, 0));
            out.push(Listed { number: 1, name: b"self".to_vec(), entry });
        }
        // Task 1 is number 2.
        for (task, view) in
            self.host()?.tasks().after(after.saturating_sub(1), limit.saturating_sub(out.len()))
        {
            let (name, entry) = (task.to_string().into_bytes(), self.directory(task, &view));
            out.push(Listed { number: task + 1, name, entry });
        }
        Ok(out)
    }
}

/// `/proc/NUMBER`.
struct OneTask {
    host: Weak<Host>,
    task: u64,
    owner: (u32, u32),
}

/// The task, while it is there. Errors: ENOENT.
fn view(host: &Weak<Host>, task: u64) -> Result<TaskView> {
    host.upgrade().and_then(|host| host.tasks().get(task)).ok_or_else(|| Errno::ENOENT.into())
}

impl OneTask {
    const NAMES: [&[u8]; 3] = [b"cwd", b"fd", b"maps"];
}

impl Entries for OneTask {
    fn lookup(&self, _ctx: &Ctx, name: &[u8]) -> Result<Option<Entry>> {
        let &Self { ref host, task, owner } = self;
        Ok(Some(match name {
            b"cwd" => {
                let cwd = view(host, task)?.cwd().ok_or(Errno::ENOENT)?;
                let deleted = if cwd.is_deleted() { &b" (deleted)"[..] } else { b"" };
                link(ino(task, CWD), [&cwd.path(), deleted].concat(), owner)
            }
            b"fd" => {
                let kind = PseudoKind::Made(Arc::new(Descriptors { host: host.clone(), task }));
                Entry { ino: ino(task, FDS), kind, permissions: 0o500, owner }
            }
            b"maps" => {
                let weak = host.clone();
                let file = generated(host, move |_, _, out| {
                    maps(&view(&weak, task)?.regions(), out);
                    Ok(())
                });
                let kind = PseudoKind::Node(Arc::new(file));
                Entry { ino: ino(task, MAPS), kind, permissions: 0o400, owner }
            }
            _ => return Ok(None),
        }))
    }

    fn list(&self, ctx: &Ctx, after: u64, limit: usize) -> Result<Vec<Listed>> {
        let mut out = Vec::new();
        for (number, name) in (1..).zip(Self::NAMES).filter(|(number, _)| *number > after).take(limit) {
            if let Some(entry) = self.lookup(ctx, name)? {
                out.push(Listed { number, name: name.to_vec(), entry });
            }
        }
        Ok(out)
    }
}

/// `/proc/NUMBER/fd`: a link for each descriptor, to the path that the file has now.
struct Descriptors {
    host: Weak<Host>,
    task: u64,
}

impl Descriptors {
    fn entry(&self, fd: u32, file: &Arc<OpenFile>, owner: (u32, u32)) -> Entry {
        let deleted = if file.dentry().is_deleted() { " (deleted)" } else { "" };
        let target = [&file.dentry().path(), deleted.as_bytes()].concat();
        let flags = file.flags();
        let permissions =
            if flags.readable() { 0o500 } else { 0o100 } | if flags.writable() { 0o200 } else { 0 };
        Entry { permissions, ..link(ino(self.task, FD + u64::from(fd)), target, owner) }
    }
}

impl Entries for Descriptors {
    fn lookup(&self, _ctx: &Ctx, name: &[u8]) -> Result<Option<Entry>> {
        let task = view(&self.host, self.task)?;
        let Some(wanted) = number(name) else { return Ok(None) };
        let found = task.descriptors().into_iter().find(|(fd, _)| u64::from(*fd) == wanted);
        Ok(found.map(|(fd, file)| self.entry(fd, &file, task.owner)))
    }

    fn list(&self, _ctx: &Ctx, after: u64, limit: usize) -> Result<Vec<Listed>> {
        let task = view(&self.host, self.task)?;
        let open = task.descriptors().into_iter().filter(|(fd, _)| u64::from(*fd) + 1 > after).take(limit);
        let listed = open.map(|(fd, file)| Listed {
            number: u64::from(fd) + 1,
            name: fd.to_string().into_bytes(),
            entry: self.entry(fd, &file, task.owner),
        });
        Ok(listed.collect())
    }
}

fn maps(rows: &[Row], out: &mut String) {
    for Row { pages, prot, shared, tier, offset, path } in rows {
        let flag = |on: bool, letter: char| if on { letter } else { '-' };
        let (r, w, x) = (flag(prot.read, 'r'), flag(prot.write, 'w'), flag(prot.execute, 'x'));
        let sharing = if *shared { 's' } else { 'p' };
        let (start, end, path) = (pages.start, pages.end, word(path));
        let _ = writeln!(out, "{start:012x}-{end:012x} {r}{w}{x}{sharing} {offset:08x} {tier} {path}");
    }
}
