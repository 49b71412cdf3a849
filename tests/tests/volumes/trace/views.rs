//! Steps on views: bytes of files in memory.

use std::cell::RefCell;
use std::rc::Rc;

use nxvfs::Errno;
use nxvfs::mapping::{MapRequest, Prot, Sync};
use nxvfs_abi::types::open::{O_ACCMODE, O_RDWR, O_WRONLY};

use super::model::{File, Node};
use super::run::{World, same};
use super::steps::LARGEST;

const PAGE: usize = 4096;

/// A view as the model has it.
pub struct View {
    pub place: Option<usize>,
    file: Rc<RefCell<File>>,
    /// First byte in the file, and its address.
    offset: usize,
    address: usize,
    writable: bool,
    shared: bool,
    /// The pages of the file that are mapped; of a private view with what it has of its own.
    pages: Vec<(usize, Option<Vec<u8>>)>,
}

impl View {
    fn address_of(&self, at: usize) -> usize {
        self.address + at - self.offset
    }
}

impl World {
    fn view(&mut self) -> Option<(usize, usize)> {
        let t = self.rng.below(self.tasks.len());
        let count = self.tasks[t].views.len();
        (count > 0).then(|| (t, self.rng.below(count)))
    }

    pub fn map(&mut self) {
        let t = self.rng.below(self.tasks.len());
        let open: Vec<u32> = self.tasks[t].open.keys().copied().collect();
        let Some(fd) = open.get(self.rng.below(open.len().max(1))) else { return };
        let open = self.tasks[t].open[fd].clone();
        let open = open.borrow();
        let (offset, len) = (self.rng.below(LARGEST), 1 + self.rng.below(LARGEST));
        let shared = !self.rng.one_in(3);
        let prot = *self.rng.pick(&[Prot::READ, Prot::READ_WRITE]);
        let mode = open.flags & O_ACCMODE;
        let refused = mode == O_WRONLY || (shared && prot.write && mode != O_RDWR);
        let model = match &open.node {
            _ if refused => Err(Errno::EACCES),
            Node::Dir(_) => Err(Errno::ENODEV),
            Node::File(_) => Ok(()),
        };
        let request = if shared {
            MapRequest::shared(offset as u64, len, prot)
        } else {
            MapRequest::private(offset as u64, len, prot)
        };
        let host = self.tasks[t].task.mmap(*fd, &request);
        if let (Ok(()), Ok(address), Node::File(file)) = (&model, &host, &open.node) {
            let pages = (offset / PAGE..(offset + len).div_ceil(PAGE)).map(|p| (p, None)).collect();
            self.tasks[t].views.push(View {
                place: Some(open.place),
                file: file.clone(),
                offset,
                address: *address,
                writable: prot.write,
                shared,
                pages,
            });
        }
        same(model, host.map(drop), &format!("mmap of {len} at {offset}, shared {shared}"));
    }

    /// A range within one mapped page, inside the file.
    fn range(&mut self, t: usize, v: usize) -> Option<(usize, usize, usize)> {
        let (pages, len) = {
            let view = &self.tasks[t].views[v];
            (view.pages.len(), view.file.borrow().data.len())
        };
        let index = self.rng.below(pages);
        let page = self.tasks[t].views[v].pages[index].0;
        let end = ((page + 1) * PAGE).min(len);
        if end <= page * PAGE {
            return None;
        }
        let at = page * PAGE + self.rng.below(end - page * PAGE);
        Some((index, at, 1 + self.rng.below((end - at).min(300))))
    }

    pub fn store(&mut self) {
        let Some((t, v)) = self.view() else { return };
        let Some((index, at, len)) = self.range(t, v) else { return };
        let byte = self.rng.next_u64() as u8;
        let view = &mut self.tasks[t].views[v];
        if !view.writable {
            return;
        }
        let to = std::ptr::with_exposed_provenance_mut::<u8>(view.address_of(at));
        // SAFETY: a page of a live writable view, within the file; this thread alone uses it.
        unsafe { to.write_bytes(byte, len) };
        let mut file = view.file.borrow_mut();
        if view.shared {
            file.data[at..at + len].fill(byte);
            return;
        }
        let (page, own) = &mut view.pages[index];
        let own = own.get_or_insert_with(|| {
            let mut copy = file.data[*page * PAGE..((*page + 1) * PAGE).min(file.data.len())].to_vec();
            copy.resize(PAGE, 0);
            copy
        });
        own[at % PAGE..at % PAGE + len].fill(byte);
    }

    pub fn load(&mut self) {
        let Some((t, v)) = self.view() else { return };
        let Some((index, at, len)) = self.range(t, v) else { return };
        let view = &self.tasks[t].views[v];
        let from = std::ptr::with_exposed_provenance::<u8>(view.address_of(at));
        // SAFETY: a page of a live view, within the file.
        let seen = unsafe { std::slice::from_raw_parts(from, len) }.to_vec();
        let expected = match &view.pages[index].1 {
            Some(own) => own[at % PAGE..at % PAGE + len].to_vec(),
            None => view.file.borrow().data[at..at + len].to_vec(),
        };
        assert!(seen == expected, "{len} bytes at {at} of a view, shared {}", view.shared);
    }

    /// A file was cut: pages behind its end are gone from every view, with what private ones had of their own.
    pub fn cut_views(&mut self, node: &Node, len: usize) {
        let Node::File(file) = node else { return };
        for view in self.tasks.iter_mut().flat_map(|t| &mut t.views) {
            if Rc::ptr_eq(&view.file, file) {
                for (page, own) in &mut view.pages {
                    if *page >= len.div_ceil(PAGE) {
                        *own = None;
                    }
                }
            }
        }
    }

    pub fn unmap(&mut self) {
        let Some((t, v)) = self.view() else { return };
        let tasks = &mut self.tasks[t];
        let view = &mut tasks.views[v];
        let index = self.rng.below(view.pages.len());
        let count = if self.rng.one_in(2) { view.pages.len() - index } else { 1 };
        let address = view.address - view.offset % PAGE;
        let first = view.pages[index].0;
        let mut end = index;
        // Neighbours only: a hole may have been taken by another mapping.
        while end < view.pages.len() && end - index < count && view.pages[end].0 == first + end - index {
            end += 1;
        }
        let start = address + (first - view.offset / PAGE) * PAGE;
        tasks.task.munmap(start, (end - index) * PAGE).unwrap();
        view.pages.drain(index..end);
        if view.pages.is_empty() {
            tasks.views.swap_remove(v);
        }
    }

    pub fn synchronise(&mut self) {
        let Some((t, v)) = self.view() else { return };
        let view = &self.tasks[t].views[v];
        let index = self.rng.below(view.pages.len());
        let at = view.address - view.offset % PAGE + (view.pages[index].0 - view.offset / PAGE) * PAGE;
        let how = *self.rng.pick(&[Sync::Async, Sync::Full]);
        self.tasks[t].task.msync(at, PAGE, how).unwrap();
    }

    pub fn end_task(&mut self, t: usize) {
        let tasks = self.tasks.swap_remove(t);
        drop(tasks.views);
        tasks.task.end();
    }
}
