//! The table of descriptors, that of views, and the cache of names under loom: their sources (`host/src/file/descriptors.rs`,
//! `host/src/mapping/regions.rs`, `host/src/tree/cache.rs` and `dentry.rs`), run in every order in which two or three
//! threads can run. What stands around them is played here.
//!
//! `cargo test -p nxvfs-tests --features loom --test tables_model`

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "the models use a part of the sources, and play the rest"
)]

use std::sync::Arc;

use loom::thread;
use nxvfs_abi::Errno;

/// Floor 0, with loom's primitives. Counting by `Arc` is not modelled: loom has no `Weak`.
mod base {
    pub mod sync {
        pub use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
        pub use loom::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
        pub use std::sync::{Arc, Weak};

        pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
            mutex.lock().unwrap()
        }

        pub fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
            lock.read().unwrap()
        }

        pub fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
            lock.write().unwrap()
        }
    }

    pub use nxvfs_abi::Errno;
    pub type Result<T, E = Errno> = std::result::Result<T, E>;
}

use base::sync::{AtomicU32, Mutex, Ordering, RwLock, lock};

/// Runs a model with at most so many preemptions: more find nothing that these do not, and take minutes.
fn model(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(body);
}

// Descriptors.

mod open {
    use super::{AtomicU32, Ordering};

    /// An open file: how many descriptors lead to it.
    pub struct OpenFile {
        pub came: AtomicU32,
        pub went: AtomicU32,
    }

    impl OpenFile {
        pub fn descriptor_came(&self) {
            self.came.fetch_add(1, Ordering::Relaxed);
        }

        pub fn descriptor_went(&self) {
            self.went.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[path = "../../host/src/file/descriptors.rs"]
mod descriptors;

use descriptors::DescriptorTable;
use open::OpenFile;

fn file() -> Arc<OpenFile> {
    Arc::new(OpenFile { came: AtomicU32::new(0), went: AtomicU32::new(0) })
}

fn open_descriptors(file: &OpenFile) -> u32 {
    file.came.load(Ordering::Relaxed) - file.went.load(Ordering::Relaxed)
}

#[test]
fn two_who_open_get_two_numbers() {
    model(3, || {
        let table = Arc::new(DescriptorTable::default());
        let gone = table.insert(file(), false).unwrap();
        let (mine, theirs) = (file(), file());
        let opener = thread::spawn({
            let (table, theirs) = (table.clone(), theirs.clone());
            move || table.insert(theirs, false).unwrap()
        });
        let closer = thread::spawn({
            let table = table.clone();
            move || table.remove(gone).map(drop).unwrap()
        });
        let own = table.insert(mine.clone(), false).unwrap();
        let other = opener.join().unwrap();
        closer.join().unwrap();
        assert_ne!(own, other);
        assert!(Arc::ptr_eq(&table.get(own).unwrap(), &mine));
        assert!(Arc::ptr_eq(&table.get(other).unwrap(), &theirs));
        assert_eq!(table.count(), 2);
        // The lowest number is free again or was given out: no number is lost.
        let next = table.insert(file(), false).unwrap();
        assert_eq!([own, other, next].iter().max(), Some(&2));
    });
}

#[test]
fn the_end_of_a_task_leaves_no_descriptor() {
    model(3, || {
        let table = Arc::new(DescriptorTable::default());
        let (first, late) = (file(), file());
        table.insert(first.clone(), false).unwrap();
        let opener = thread::spawn({
            let (table, late) = (table.clone(), late.clone());
            move || table.insert(late, false)
        });
        let ended = table.close();
        let opened = opener.join().unwrap();
        assert_eq!(table.count(), 0);
        assert_eq!(ended.len(), 1 + usize::from(opened.is_ok()));
        assert!(opened.is_ok() || opened == Err(Errno::ESRCH));
        assert_eq!((open_descriptors(&first), open_descriptors(&late)), (0, 0));
    });
}

#[test]
fn a_number_that_is_closed_and_replaced_ends_each_file_once() {
    model(3, || {
        let table = Arc::new(DescriptorTable::default());
        let (old, new) = (file(), file());
        let fd = table.insert(old.clone(), false).unwrap();
        let closer = thread::spawn({
            let table = table.clone();
            move || table.remove(fd).map(drop)
        });
        let reader = thread::spawn({
            let table = table.clone();
            move || table.get(fd).is_ok()
        });
        let replaced = table.replace(fd, new.clone(), false).unwrap();
        let closed = closer.join().unwrap();
        let _ = reader.join().unwrap();
        // Closed before: the new one stays. Closed after: it was the new one.
        assert_eq!(open_descriptors(&old), 0);
        let left = table.get(fd).is_ok();
        assert_eq!(open_descriptors(&new), u32::from(left));
        assert_eq!(left, replaced.is_none());
        assert_eq!(closed, Ok(()));
    });
}

// Views.

mod tree {
    #[derive(Clone, Copy, Debug)]
    pub struct Tier;
}

mod vma {
    pub fn page() -> usize {
        1
    }

    pub fn reserve(_pages: &std::ops::Range<usize>) -> super::base::Result<()> {
        Ok(())
    }

    pub fn unmap(_pages: std::ops::Range<usize>) {}
}

mod place {
    pub struct Source;
}

mod request {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Prot(pub u32);

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Place {
        Anywhere,
        At(usize),
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Advice {
        Normal,
    }

    pub struct MapRequest {
        pub place: Place,
        pub len: usize,
    }
}

mod view {
    use std::ops::Range;
    use std::sync::Arc;

    use super::base::sync::{Mutex, lock};
    use super::request::Prot;
    use super::tree::Tier;
    use super::{Errno, base};

    /// Pages of a process: how often each was unmapped, and its protection.
    pub struct View {
        pub start: u64,
        pub shared: bool,
        pub path: String,
        pub unmapped: Mutex<Vec<u32>>,
    }

    pub struct Live {
        pub pages: Range<usize>,
        pub prot: Prot,
    }

    impl View {
        pub fn may_protect(&self, _prot: Prot) -> base::Result<()> {
            Ok(())
        }

        pub fn protect(&self, _pages: &Range<usize>, _prot: Prot) -> base::Result<()> {
            Ok(())
        }

        pub fn write_back(&self, pages: &Range<usize>) -> base::Result<()> {
            // A page that is not mapped is nobody's to bring back.
            let gone = lock(&self.unmapped)[pages.clone()].iter().any(|count| *count > 0);
            if gone { Err(Errno::EIO) } else { Ok(()) }
        }

        pub fn sync(&self) -> base::Result<()> {
            Ok(())
        }

        pub fn pin_pages(&self, _pages: &Range<usize>, _pinned: bool) -> base::Result<()> {
            Ok(())
        }

        pub fn advise(&self, _pages: &Range<usize>, _advice: super::request::Advice) -> base::Result<()> {
            Ok(())
        }

        pub fn tier(&self) -> Tier {
            Tier
        }

        pub fn bytes_of(&self, pages: &Range<usize>) -> Range<u64> {
            pages.start as u64..pages.end as u64
        }

        pub fn live(&self, pages: &Range<usize>) -> Vec<Live> {
            vec![Live { pages: pages.clone(), prot: Prot(0) }]
        }
    }

    /// Some pages of a view, unmapped when it is dropped.
    pub struct Piece {
        pub view: Arc<View>,
        pub pages: Range<usize>,
    }

    impl Piece {
        pub fn give_up(&self) {}

        pub fn cut(mut self, middle: &Range<usize>) -> (Option<Piece>, Piece, Option<Piece>) {
            let of =
                |pages: Range<usize>| (!pages.is_empty()).then(|| Piece { view: self.view.clone(), pages });
            let (before, after) = (of(self.pages.start..middle.start), of(middle.end..self.pages.end));
            self.pages = middle.clone();
            (before, self, after)
        }
    }

    impl Drop for Piece {
        fn drop(&mut self) {
            let mut unmapped = lock(&self.view.unmapped);
            self.pages.clone().for_each(|page| unmapped[page] += 1);
        }
    }

    pub fn overlap(one: &Range<usize>, other: &Range<usize>) -> Range<usize> {
        one.start.max(other.start)..one.end.min(other.end)
    }
}

mod decide {
    use super::base::Result;
    use super::place::Source;
    use super::request::{MapRequest, Place, Prot};
    use super::view::Piece;

    pub struct Fresh {
        pub piece: Piece,
        pub address: usize,
    }

    pub type Room<'a> = &'a dyn Fn(&std::ops::Range<usize>) -> Result<()>;

    /// What a view is made of: the piece itself.
    pub struct Asker<'a> {
        pub piece: &'a super::Mutex<Option<Piece>>,
        pub room: Room<'a>,
    }

    pub fn map(_: &Source, asker: &Asker<'_>, _: &MapRequest) -> Result<Fresh> {
        let piece = super::lock(asker.piece).take().unwrap();
        (asker.room)(&piece.pages)?;
        Ok(Fresh { address: piece.pages.start, piece })
    }

    pub fn anonymous(_: usize, _: Prot, _: bool, _: Place, _: Room<'_>) -> Result<Fresh> {
        Err(super::Errno::ENOMEM)
    }
}

/// The refusals of the floor.
enum MapError {
    Empty {},
    NotMapped { address: usize, len: usize },
    Hole { address: usize, len: usize },
}

impl From<MapError> for Errno {
    fn from(error: MapError) -> Self {
        match error {
            MapError::Empty {} | MapError::NotMapped { .. } => Errno::EINVAL,
            MapError::Hole { .. } => Errno::ENOMEM,
        }
    }
}

#[path = "../../host/src/mapping/regions.rs"]
mod regions;

use regions::Regions;
use request::{MapRequest, Place, Prot};
use view::{Piece, View};

fn view(pages: usize) -> Arc<View> {
    Arc::new(View { start: 0, shared: true, path: String::new(), unmapped: Mutex::new(vec![0; pages]) })
}

fn keep(regions: &Regions, view: &Arc<View>, pages: std::ops::Range<usize>) -> Result<usize, Errno> {
    let request = MapRequest { place: Place::Anywhere, len: pages.len() };
    let piece = Mutex::new(Some(Piece { view: view.clone(), pages }));
    regions.map(&place::Source, &decide::Asker { piece: &piece, room: &|_| Ok(()) }, &request)
}

fn unmapped(view: &View) -> Vec<u32> {
    lock(&view.unmapped).clone()
}

#[test]
fn pages_that_two_unmap_are_unmapped_once() {
    model(3, || {
        let (regions, view) = (Arc::new(Regions::default()), view(6));
        keep(&regions, &view, 0..6).unwrap();
        let other = thread::spawn({
            let regions = regions.clone();
            move || regions.unmap(2, 4).is_ok()
        });
        let third = thread::spawn({
            let regions = regions.clone();
            move || regions.unmap(3, 1).is_ok()
        });
        let own = regions.unmap(1, 3).is_ok();
        let answers = (own, other.join().unwrap(), third.join().unwrap());
        assert_eq!(unmapped(&view), [0, 1, 1, 1, 1, 1], "{answers:?}");
        // Each of the large ones has a page that no other took.
        assert!(answers.0 && answers.1);
        assert_eq!(regions.count(), 1);
        assert!(regions.sync(0, 1, regions::Sync::Async).is_ok());
        assert_eq!(regions.sync(0, 2, regions::Sync::Async), Err(Errno::ENOMEM));
    });
}

#[test]
fn the_end_of_a_task_unmaps_everything_once() {
    model(3, || {
        let (regions, view) = (Arc::new(Regions::default()), view(4));
        keep(&regions, &view, 0..2).unwrap();
        let mapper = thread::spawn({
            let (regions, view) = (regions.clone(), view.clone());
            move || keep(&regions, &view, 2..4).unwrap()
        });
        let unmapper = thread::spawn({
            let regions = regions.clone();
            move || regions.unmap(1, 1).is_ok()
        });
        mapper.join().unwrap();
        regions.clear();
        unmapper.join().unwrap();
        assert_eq!(unmapped(&view), [1, 1, 1, 1]);
        assert_eq!(regions.count(), 0);
    });
}

#[test]
fn a_view_that_is_told_of_while_it_goes_is_whole_or_not_there() {
    model(3, || {
        let (regions, view) = (Arc::new(Regions::default()), view(3));
        keep(&regions, &view, 0..3).unwrap();
        let unmapper = thread::spawn({
            let regions = regions.clone();
            move || regions.unmap(1, 1).unwrap()
        });
        let pages: Vec<_> = regions.list().into_iter().map(|row| row.pages).collect();
        assert!(pages == [0..3] || pages == [0..1, 2..3], "{pages:?}");
        let protected = regions.protect(0, 3, Prot(1));
        assert!(protected.is_ok() || protected == Err(Errno::ENOMEM));
        unmapper.join().unwrap();
        assert_eq!(regions.protect(0, 3, Prot(1)), Err(Errno::ENOMEM));
    });
}

// Names.

mod inode {
    use std::sync::Arc;

    use super::base::sync::{AtomicU64, Ordering};
    use super::dentry::Counts;

    /// A node: its number, and what happened to the names in it.
    pub struct Node(pub u64, Counts, AtomicU64);

    impl Node {
        pub fn new(number: u64) -> Arc<Self> {
            Arc::new(Self(number, Counts::default(), AtomicU64::new(0)))
        }

        pub fn counts(&self) -> &Counts {
            &self.1
        }

        pub fn names_lost(&self) -> u64 {
            self.2.load(Ordering::Acquire)
        }

        pub fn lose_name(&self) {
            self.2.fetch_add(1, Ordering::AcqRel);
        }
    }

    #[derive(Clone)]
    pub enum Inode {
        Volume(Arc<Node>),
        Pseudo(()),
    }

    pub fn still_valid(until: u64) -> bool {
        until == u64::MAX
    }
}

mod mount {
    pub struct Mount;

    impl Mount {
        pub fn used_root(&self) -> Option<std::sync::Arc<super::dentry::Dentry>> {
            None
        }
    }
}

#[path = "../../host/src/tree/cache.rs"]
mod cache;
#[path = "../../host/src/tree/dentry.rs"]
mod dentry;

use cache::Lru;
use dentry::{Asked, Cached, Dentry};
use inode::{Inode, Node};

/// A directory with one name, which is there or not: the file system's truth, and what the host remembers of it.
struct Directory {
    truth: RwLock<Option<Arc<Node>>>,
    dentry: Arc<Dentry>,
    names: Lru,
}

const NAME: &[u8] = b"name";

impl Directory {
    fn new(there: bool) -> Arc<Self> {
        let truth = there.then(|| Node::new(1));
        let dentry = Dentry::root(Inode::Volume(Node::new(0)));
        Arc::new(Self { truth: RwLock::new(truth), dentry, names: Lru::default() })
    }

    fn cached(&self, folded: bool) -> Option<bool> {
        match self.dentry.cached(NAME, folded, 0) {
            Cached::Hit(_) => Some(true),
            Cached::Absent => Some(false),
            Cached::Unknown => None,
        }
    }

    /// As `Mount::lookup`.
    fn look(&self, folded: bool) -> bool {
        let asked = self.dentry.ask(0);
        if let Some(known) = self.cached(folded) {
            return known;
        }
        let truth = base::sync::read(&self.truth).clone();
        match truth {
            Some(node) => self.remember(node, asked),
            None => self.names.insert_missing(&self.dentry, NAME, u64::MAX, asked),
        }
        base::sync::read(&self.truth).is_some()
    }

    fn remember(&self, node: Arc<Node>, asked: Asked) {
        let child = Dentry::child(&self.dentry, NAME, Inode::Volume(node));
        self.names.insert(&self.dentry, NAME, child, u64::MAX, asked);
    }

    /// As `Tree::make`.
    fn make(&self) {
        let node = Node::new(2);
        *base::sync::write(&self.truth) = Some(node.clone());
        self.dentry.note_change();
        self.remember(node, self.dentry.ask(0));
    }

    /// As `Tree::take`.
    fn take(&self) {
        let taken = base::sync::write(&self.truth).take();
        self.dentry.note_change();
        if let Some(node) = taken {
            node.lose_name();
        }
        drop(self.dentry.forget_child(NAME));
    }
}

#[test]
fn a_name_that_was_made_is_never_remembered_as_missing() {
    for folded in [false, true] {
        model(3, move || {
            let directory = Directory::new(false);
            let looker = thread::spawn({
                let directory = directory.clone();
                move || directory.look(folded)
            });
            directory.make();
            assert_ne!(directory.cached(folded), Some(false));
            looker.join().unwrap();
            assert_ne!(directory.cached(folded), Some(false));
            assert!(directory.look(folded));
        });
    }
}

#[test]
fn a_name_that_was_taken_is_never_remembered_as_there() {
    for folded in [false, true] {
        model(3, move || {
            let directory = Directory::new(true);
            let lookers = [(); 2].map(|()| {
                let directory = directory.clone();
                thread::spawn(move || directory.look(folded))
            });
            directory.take();
            assert_ne!(directory.cached(folded), Some(true));
            for looker in lookers {
                looker.join().unwrap();
            }
            assert_ne!(directory.cached(folded), Some(true));
            assert!(!directory.look(folded));
        });
    }
}

#[test]
fn the_last_change_of_a_name_is_what_is_remembered() {
    model(3, || {
        let directory = Directory::new(true);
        let looker = thread::spawn({
            let directory = directory.clone();
            move || directory.look(true)
        });
        directory.take();
        directory.make();
        looker.join().unwrap();
        assert_ne!(directory.cached(true), Some(false));
        assert!(directory.look(true));
    });
}

/// A looker who remembers what he was told without looking whether it changed meanwhile: the mistake that the change
/// number is there for.
#[test]
fn the_model_finds_a_stale_name() {
    let found = std::panic::catch_unwind(|| {
        model(3, || {
            let directory = Directory::new(true);
            let looker = thread::spawn({
                let directory = directory.clone();
                move || {
                    let truth = base::sync::read(&directory.truth).clone();
                    if let Some(node) = truth {
                        // Asked after it was told.
                        directory.remember(node, directory.dentry.ask(0));
                    }
                }
            });
            directory.take();
            looker.join().unwrap();
            assert_ne!(directory.cached(false), Some(true), "a stale name");
        });
    });
    assert!(found.is_err());
}
