//! A directory in memory: its entries in the order of the image, and a hash table over their names.

use nxvfs_sdk::{Errno, Fail};

use crate::flaw::{Fault, Flaw};
use crate::format::{Header, Kind};
use crate::hash::Keys;
use crate::image::Image;
use crate::list::{self, List};
use crate::node::Node;

/// One entry.
pub(crate) struct Entry {
    /// What it leads to; of a broken one, what its header says.
    pub(crate) node: Node,
    /// Its own header: the node's, or a hard link's.
    pub(crate) header: u32,
    /// Something is wrong with it: looking it up tells what.
    pub(crate) broken: bool,
    name_len: u8,
    name_start: u32,
}

/// One place of the hash table. The hash stands here, so that only the entry itself is fetched from memory.
#[derive(Clone, Copy, Default)]
struct Place {
    hash: u32,
    /// Number of the entry plus one, or zero.
    entry: u32,
}

/// A directory's entries. Names that occur twice are here once: the first counts, as a search along the list finds
/// it, so that readdir and lookup tell the same.
#[derive(Default)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    names: Vec<u8>,
    /// A power of two of places, at most three quarters of them taken.
    places: Vec<Place>,
    /// The first thing that is wrong with the list: there may be entries that nobody sees.
    damage: Option<Flaw>,
}

/// An index, and how many bytes of headers its list has.
pub(crate) struct Built {
    pub(crate) index: Index,
    pub(crate) headers_bytes: u64,
}

impl Index {
    /// Reads a directory, whose headers may have at most so many bytes; `None` if they have more. Fails only if the
    /// device does; a damaged list becomes an index with damage.
    pub(crate) fn build(
        image: &Image,
        keys: &Keys,
        dir: &Node,
        allowance_bytes: u64,
    ) -> Result<Option<Built>, Fail> {
        let mut index = Self::default();
        let mut headers_bytes = 0;
        let mut list = List::new(image, dir);
        loop {
            let header = match list.next() {
                Ok(Some(header)) => header,
                Ok(None) => break,
                Err(Fault::Image(flaw)) => {
                    index.damage.get_or_insert(flaw);
                    break;
                }
                Err(Fault::Device(fail)) => return Err(fail),
            };
            headers_bytes += u64::from(header.len_bytes());
            if headers_bytes > allowance_bytes {
                return Ok(None);
            }
            if header.is_dot() {
                continue;
            }
            if let Err(flaw) = header.verify_name() {
                index.damage.get_or_insert(flaw);
                continue;
            }
            let hash = keys.name(header.name);
            match index.find(hash, header.name) {
                None => index.add(image, hash, &header)?,
                // Noticed here, a circle has cost one round; the list itself notices those without new names.
                Some(earlier) if earlier.header == header.offset => {
                    index.damage.get_or_insert(list::circle(header.offset));
                    break;
                }
                Some(_) => {}
            }
        }
        index.entries.shrink_to_fit();
        index.names.shrink_to_fit();
        Ok(Some(Built { index, headers_bytes }))
    }

    /// An index without entries, for a directory whose headers cannot all be its own.
    pub(crate) fn shared(dir: &Node) -> Self {
        let flaw = Flaw::new("directory shares entries with others", dir.offset)
            .expected("every header in one directory only")
            .found("more headers than the volume has room for");
        Self { damage: Some(flaw), ..Self::default() }
    }

    fn add(&mut self, image: &Image, hash: u32, header: &Header<'_>) -> Result<(), Fail> {
        // A hard link is followed now, so that readdir knows the inode that lookup will answer. What is wrong with an
        // entry is found again, and told, when it is looked up.
        let node = match header.kind {
            Kind::HardLink => match Node::resolve(image, header.offset) {
                Ok(node) => Some(node),
                Err(Fault::Image(_)) => None,
                Err(Fault::Device(fail)) => return Err(fail),
            },
            _ => Node::of(header, image).ok(),
        };
        // Names of distinct headers of one list fit into the volume, hence into 32 bits: see `allowance_bytes`.
        let (Ok(name_start), Ok(name_len)) =
            (u32::try_from(self.names.len()), u8::try_from(header.name.len()))
        else {
            return Ok(());
        };
        self.names.extend_from_slice(header.name);
        self.entries.push(Entry {
            broken: node.is_none(),
            node: node.unwrap_or_else(|| Node::unverified(header)),
            header: header.offset,
            name_len,
            name_start,
        });
        if self.entries.len() * 4 > self.places.len() * 3 {
            let places = vec![Place::default(); (self.places.len() * 2).max(8)];
            let taken = std::mem::replace(&mut self.places, places);
            taken.into_iter().filter(|place| place.entry != 0).for_each(|place| self.take(place));
        }
        self.take(Place { hash, entry: self.entries.len() as u32 });
        Ok(())
    }

    fn take(&mut self, place: Place) {
        let mask = self.places.len() - 1;
        let mut at = place.hash as usize & mask;
        while self.places[at].entry != 0 {
            at = (at + 1) & mask;
        }
        self.places[at] = place;
    }

    fn name(&self, entry: &Entry) -> &[u8] {
        let start = entry.name_start as usize;
        &self.names[start..start + usize::from(entry.name_len)]
    }

    /// Finds a name by its hash.
    pub(crate) fn find(&self, hash: u32, name: &[u8]) -> Option<&Entry> {
        let mask = self.places.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let place = self.places[at];
            let number = (place.entry as usize).checked_sub(1)?;
            if place.hash == hash {
                let entry = &self.entries[number];
                if self.name(entry) == name {
                    return Some(entry);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Entries from a cookie on, with names and the cookies after them. A cookie is the number of the next entry:
    /// the order is the image's, so it holds even when the index was dropped and made again.
    pub(crate) fn starting_at(&self, cookie: u64) -> impl Iterator<Item = (&[u8], &Entry, u64)> {
        let start = usize::try_from(cookie).map_or(self.entries.len(), |start| start.min(self.entries.len()));
        self.entries[start..]
            .iter()
            .zip(start as u64 + 1..)
            .map(|(entry, next)| (self.name(entry), entry, next))
    }

    /// Why a name that is not here is missing. In a damaged directory nobody knows.
    pub(crate) fn missing(&self) -> Fail {
        self.damage.clone().map_or_else(|| Errno::ENOENT.into(), Fail::from)
    }

    /// What is wrong with the list.
    pub(crate) fn damage(&self) -> Option<&Flaw> {
        self.damage.as_ref()
    }
}

impl Entry {
    /// Number of the inode, equal to the one that a lookup answers, if it answers one.
    pub(crate) fn ino(&self) -> u64 {
        self.node.number()
    }
}
