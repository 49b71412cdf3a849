//! The examination of a whole image: every header that can be reached, where it points, and what lies on what.
//!
//! Walks the tree without recursion. Memory: eight bytes for each directory, one bit for each 16 bytes of the image,
//! and the names of one directory at a time. Each header is visited once, so the time is bounded by the image too.

use std::collections::HashSet;
use std::ops::ControlFlow;

use nxvfs_sdk::abi::filesystem::{FINDING_ERROR, FINDING_WARNING};
use nxvfs_sdk::{Check, Fail, Medium, Result};

use crate::claims::Claims;
use crate::flaw::{Fault, Flaw};
use crate::format::{HEADER_MAX_BYTES, Header, Kind, OFFSET_MASK};
use crate::image::Image;
use crate::list;
use crate::node::Node;
use crate::superblock::Superblock;

/// How many components of a path are told, from its end; a hostile image may nest as deep as it is long.
const PATH_COMPONENTS_MAX: usize = 64;

/// Why an examination ends early.
enum Stop {
    /// The host wants no more findings.
    Enough,
    /// The device failed.
    Device(Fail),
}

type Step<T = ()> = std::result::Result<T, Stop>;

/// A directory that was found, by its header and the number of its parent.
struct Found {
    header: u32,
    parent: u32,
}

struct Examination<'a, 'c> {
    image: Image,
    check: &'a mut Check<'c>,
    claims: Claims,
    dirs: Vec<Found>,
}

/// Examines the image on a medium. Errors: as a mount for what is no romfs image at all, and the device's.
pub(crate) fn examine(medium: Medium, check: &mut Check<'_>) -> Result<()> {
    let (superblock, wrong) = Superblock::read_leniently(&medium)?;
    for fail in wrong {
        if check.finding(FINDING_ERROR, 0, "", &fail.to_string()).is_break() {
            return Ok(());
        }
    }
    let image = Image::new(medium, superblock.full_size_bytes);
    let claims = Claims::new(superblock.full_size_bytes);
    let mut examination = Examination { image, check, claims, dirs: Vec::new() };
    match examination.run(superblock.root) {
        Ok(()) | Err(Stop::Enough) => Ok(()),
        Err(Stop::Device(fail)) => Err(fail),
    }
}

impl Examination<'_, '_> {
    fn run(&mut self, first: u32) -> Step {
        self.claims.take(0, first);
        let root = match Node::root(&self.image, first) {
            Ok(root) => root,
            Err(Fault::Image(flaw)) => return self.report("/", &flaw),
            Err(Fault::Device(fail)) => return Err(Stop::Device(fail)),
        };
        self.dirs.push(Found { header: root.offset, parent: 0 });
        let mut number = 0;
        // The list grows while it is walked: breadth first.
        while number < self.dirs.len() {
            self.directory(number)?;
            // The root stands in its own list as `.`, or in none. Now it is taken in any case.
            if number == 0 {
                self.claims.take(root.offset, root.data_offset - root.offset);
            }
            number += 1;
        }
        Ok(())
    }

    fn send(&mut self, severity: u32, medium_offset: u32, path: &str, text: &str) -> Step {
        match self.check.finding(severity, medium_offset.into(), path, text) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Stop::Enough),
        }
    }

    fn report(&mut self, path: &str, flaw: &Flaw) -> Step {
        self.send(FINDING_ERROR, flaw.medium_offset, path, &flaw.to_string())
    }

    fn warn(&mut self, path: &str, flaw: &Flaw) -> Step {
        self.send(FINDING_WARNING, flaw.medium_offset, path, &flaw.to_string())
    }

    /// The value, or a finding.
    fn examined<T>(&mut self, path: &str, result: std::result::Result<T, Fault>) -> Step<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Image(flaw)) => self.report(path, &flaw).map(|()| None),
            Err(Fault::Device(fail)) => Err(Stop::Device(fail)),
        }
    }

    /// Path of a directory, or its last components.
    fn path(&self, mut number: usize) -> Step<String> {
        let mut components = Vec::new();
        while number != 0 && components.len() < PATH_COMPONENTS_MAX {
            let mut buf = [0; HEADER_MAX_BYTES];
            let name = match self.image.header(self.dirs[number].header, &mut buf) {
                Ok(header) => header.name.escape_ascii().to_string(),
                Err(Fault::Image(_)) => "?".to_owned(),
                Err(Fault::Device(fail)) => return Err(Stop::Device(fail)),
            };
            components.push(name);
            number = self.dirs[number].parent as usize;
        }
        let head = if number == 0 { "" } else { "…" };
        Ok(components.iter().rev().fold(head.to_owned(), |path, name| path + "/" + name))
    }

    fn directory(&mut self, number: usize) -> Step {
        let path = self.path(number)?;
        let dir = Node::load(&self.image, self.dirs[number].header);
        let here = if path.is_empty() { "/" } else { path.as_str() };
        let Some(dir) = self.examined(here, dir)? else { return Ok(()) };
        let parent = self.dirs[self.dirs[number].parent as usize].header;
        let (mut from, mut next, mut steps) = (dir.offset, dir.spec, 0_u64);
        let mut names = HashSet::new();
        while next & OFFSET_MASK != 0 {
            let mut buf = [0; HEADER_MAX_BYTES];
            let header = self.image.entry(from, next, &mut buf);
            let Some(header) = self.examined(here, header)? else { return Ok(()) };
            let free = self.claims.take(header.offset, header.len_bytes());
            if !free {
                return self.taken(here, &dir, &header, steps);
            }
            let entry = format!("{path}/{}", header.name.escape_ascii());
            self.entry(number, &dir, parent, &entry, &header)?;
            if !header.is_dot() && !names.insert(header.name.to_vec()) {
                let flaw = Flaw::new("name that was in this directory before", header.offset)
                    .expected("a name of its own; the first is found, this one never");
                self.warn(&entry, &flaw)?;
            }
            (from, next, steps) = (header.offset, header.next, steps + 1);
        }
        Ok(())
    }

    /// A header that belongs to something already ends the list: tells whether the list is a circle.
    fn taken(&mut self, path: &str, dir: &Node, header: &Header<'_>, steps: u64) -> Step {
        let (mut from, mut next) = (dir.offset, dir.spec);
        for _ in 0..steps {
            let mut buf = [0; HEADER_MAX_BYTES];
            let earlier = self.image.entry(from, next, &mut buf);
            let Some(earlier) = self.examined(path, earlier)? else { return Ok(()) };
            if earlier.offset == header.offset {
                let flaw = list::circle(header.offset);
                return self.report(path, &flaw);
            }
            (from, next) = (earlier.offset, earlier.next);
        }
        let flaw = Flaw::new("entry lies on something else, or is in two directories", header.offset)
            .expected("a place of its own")
            .found(format_args!("'{}'", header.name.escape_ascii()));
        self.report(path, &flaw)
    }

    /// One entry that was not seen before. With a wrong checksum nothing else in it means anything.
    fn entry(&mut self, number: usize, dir: &Node, parent: u32, path: &str, header: &Header<'_>) -> Step {
        if let Err(flaw) = header.verify() {
            return self.report(path, &flaw);
        }
        if header.is_dot() {
            return self.dot(path, header, if header.name == b"." { dir.offset } else { parent });
        }
        if let Err(flaw) = header.verify_name() {
            self.report(path, &flaw)?;
        }
        if let Err(flaw) = header.verify_content(self.image.full_size_bytes()) {
            self.report(path, &flaw)?;
        } else if header.kind.has_content() && !self.claims.take(header.data_offset(), header.size_bytes) {
            let flaw =
                Flaw::new("content lies on something else", header.offset).expected("a place of its own");
            self.report(path, &flaw)?;
        }
        self.unused_fields(path, header)?;
        match header.kind {
            Kind::Directory if self.dirs[0].header == header.offset => {
                let flaw = Flaw::new("the root directory is an entry", header.offset)
                    .expected("a root without parent")
                    .found(format_args!("an entry of the directory at byte {:#x}", dir.offset));
                self.report(path, &flaw)
            }
            Kind::Directory => {
                self.dirs.push(Found { header: header.offset, parent: number as u32 });
                Ok(())
            }
            Kind::HardLink => {
                let target = Node::resolve(&self.image, header.offset);
                self.examined(path, target).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    /// `.` and `..` are never looked up, so a wrong one harms nobody here; other readers follow it.
    fn dot(&mut self, path: &str, header: &Header<'_>, expected: u32) -> Step {
        let found = match header.kind {
            Kind::HardLink => header.spec & OFFSET_MASK,
            _ => header.offset,
        };
        if found == expected {
            return Ok(());
        }
        let flaw = Flaw::new("'.' or '..' leads elsewhere", header.offset)
            .expected(format_args!("the directory at byte {expected:#x}"))
            .found(format_args!("byte {found:#x}"));
        self.warn(path, &flaw)
    }

    /// Fields that mean nothing for a kind are zero.
    fn unused_fields(&mut self, path: &str, header: &Header<'_>) -> Step {
        let spec_means = !header.kind.has_content() && !matches!(header.kind, Kind::Socket | Kind::Fifo);
        for (what, value, used) in [
            ("field spec without a meaning", header.spec, spec_means),
            ("field size without a meaning", header.size_bytes, header.kind.has_content()),
        ] {
            if value != 0 && !used {
                let flaw = Flaw::new(what, header.offset).expected(0).found(format_args!("{value:#x}"));
                self.warn(path, &flaw)?;
            }
        }
        Ok(())
    }
}
