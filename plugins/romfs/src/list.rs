//! The chain of a directory's entries, as it stands on the medium: each header points to the next.

use nxvfs_sdk::Fail;

use crate::flaw::{Fault, Flaw};
use crate::format::{HEADER_MAX_BYTES, Header, verify_pointer};
use crate::image::Image;
use crate::node::Node;

/// How far away a header is still read together with the one before.
const NEAR_BYTES: usize = 4096;

/// Bytes of the medium around the last header. Small files stand close together: then one read serves many headers.
/// Large files stand apart: then only the header is read.
struct Window {
    buf: Box<[u8; NEAR_BYTES]>,
    start: u32,
    len: usize,
}

impl Window {
    /// The bytes of a header at `offset`, and perhaps more.
    fn get(&mut self, image: &Image, offset: u32) -> Result<&[u8], Fail> {
        let room = (image.full_size_bytes().saturating_sub(offset) as usize).min(HEADER_MAX_BYTES);
        let skip = offset.checked_sub(self.start).map(|skip| skip as usize);
        match skip {
            Some(skip) if skip + room <= self.len => Ok(&self.buf[skip..self.len]),
            _ => {
                let near = skip.is_some_and(|skip| skip <= self.len + NEAR_BYTES);
                let want = if near && !image.medium().is_xip() { NEAR_BYTES } else { HEADER_MAX_BYTES };
                self.len = 0;
                self.len = image.fill(offset, &mut self.buf[..want])?.len();
                self.start = offset;
                Ok(&self.buf[..self.len])
            }
        }
    }
}

/// Tells when a chain comes back to itself, by Brent's method: an anchor is set at every power of two steps, and a
/// chain that is a circle meets it. Needs no memory, and at most three times the steps of the distinct headers.
struct Circle {
    anchor: u32,
    steps: u32,
    limit: u32,
}

impl Circle {
    /// Takes the next offset; true if it was there before.
    fn closes_at(&mut self, offset: u32) -> bool {
        if offset == self.anchor {
            return true;
        }
        self.steps += 1;
        if self.steps == self.limit {
            (self.anchor, self.steps, self.limit) = (offset, 0, self.limit.saturating_mul(2));
        }
        false
    }
}

/// A list that came to this header for the second time.
pub(crate) fn circle(offset: u32) -> Flaw {
    Flaw::new("list of entries runs in a circle", offset)
        .expected("a header that was not there before")
        .found(format_args!("byte {offset:#x} again"))
}

/// Walks the entries of one directory. Ends for every image.
pub(crate) struct List<'i> {
    image: &'i Image,
    window: Window,
    circle: Circle,
    /// The next header, or zero, with its flag bits.
    next: u32,
    /// The header whose pointer that is.
    from: u32,
}

impl<'i> List<'i> {
    pub(crate) fn new(image: &'i Image, dir: &Node) -> Self {
        Self {
            image,
            window: Window { buf: Box::new([0; NEAR_BYTES]), start: 0, len: 0 },
            // No header is at 0.
            circle: Circle { anchor: 0, steps: 0, limit: 1 },
            next: dir.spec,
            from: dir.offset,
        }
    }

    /// The next entry; `None` at the end. After a failure the list has ended.
    pub(crate) fn next(&mut self) -> Result<Option<Header<'_>>, Fault> {
        let (next, from) = (std::mem::take(&mut self.next), self.from);
        let full_size_bytes = self.image.full_size_bytes();
        // Flag bits in a directory's pointer to nothing are not an entry.
        if next & crate::format::OFFSET_MASK == 0 {
            return Ok(None);
        }
        let offset = verify_pointer("list of entries leaves the volume", from, next, full_size_bytes)?;
        if self.circle.closes_at(offset) {
            return Err(circle(offset).into());
        }
        let bytes = self.window.get(self.image, offset).map_err(Fault::Device)?;
        let header = Header::parse(offset, bytes)?;
        (self.next, self.from) = (header.next, offset);
        Ok(Some(header))
    }
}
