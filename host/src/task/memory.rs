//! Mapping: views by address and by value, addresses in place, and why a file maps as it does.

use std::ops::Range;

use super::{Task, shown};
use nxvfs_abi::Extent;
use nxvfs_abi::types::{mode, open};

use crate::base::{Errno, Result};
use crate::file::OpenFile;
use crate::mapping::{
    Advice, Asker, Borrow, Explanation, GivenUp, MapError, MapRequest, Mapping, Place, Prot, Row, Source,
    Sync, explain, reserve,
};
use crate::tree::{Follow, Inode, MountFlags, PseudoKind};

impl Task {
    /// Maps a range of a file and answers the address of its first byte, until [`Task::munmap`] or the task's end.
    /// POSIX `mmap`, without its demand that the offset be a multiple of the page. The position does not move. Bytes
    /// after the end of the file, up to the end of its last page, are not the file's; pages behind that are SIGBUS.
    ///
    /// Errors, in this order: EBADF; EINVAL length 0; EACCES (not open for reading; a shared writable view of a file
    /// that is not open for both; execution from a volume that does not allow it); ENODEV not a file or device;
    /// EOVERFLOW; ENXIO (nothing of it within a file that never changes; strict and not in place, with the reason); ENODEV neither in place nor through a copy, with the
    /// reason; EROFS stores could not be brought back; EINVAL or EEXIST a fixed place that cannot be; ENOMEM; and what
    /// reading the file fails with.
    pub fn mmap(&self, fd: u32, request: &MapRequest) -> Result<usize> {
        self.with_mappable(fd, request, |source, asker| self.regions.map(source, asker, request))
    }

    /// Maps zeroes that belong to no file, until [`Task::munmap`] or the task's end. POSIX `MAP_ANONYMOUS`. Errors: EINVAL
    /// length 0 or a place that is no page's, EEXIST, ENOMEM.
    pub fn mmap_anonymous(&self, len: usize, prot: Prot, shared: bool, place: Place) -> Result<usize> {
        self.regions.map_anonymous(len, prot, shared, place)
    }

    /// Unmaps every page that holds any byte of the range; the other pages of the same views stay, and views of
    /// other tasks are not touched. What was stored into them is brought back; if that fails it is kept, tried again
    /// by fsync and umount, and told by fsync or close. POSIX `munmap`. Errors: EINVAL for length 0, or if nothing there
    /// is this task's.
    pub fn munmap(&self, address: usize, len: usize) -> Result<()> {
        self.regions.unmap(address, len)
    }

    /// Changes what may be done with pages of this task. POSIX `mprotect`. Errors: EINVAL an address that is no page's,
    /// ENOMEM pages that are not mapped, EACCES what the descriptor did not allow.
    pub fn mprotect(&self, address: usize, len: usize, prot: Prot) -> Result<()> {
        self.regions.protect(address, len, prot)
    }

    /// Brings what was stored into shared views back to the file, never beyond its end; with [`Sync::Full`] also to the
    /// medium. POSIX `msync`. Errors: EINVAL an address that is no page's, ENOMEM pages that are not mapped, and the file
    /// system's.
    pub fn msync(&self, address: usize, len: usize, how: Sync) -> Result<()> {
        self.regions.sync(address, len, how)
    }

    /// The pages of this task's views within the pages that hold a byte of the range, by address.
    pub fn mapped_within(&self, address: usize, len: usize) -> Vec<Range<usize>> {
        self.regions.within(address, len)
    }

    /// Whether [`Task::mprotect`] would be allowed for the pages of this task's views in the range. Errors: EACCES.
    pub fn may_protect(&self, address: usize, len: usize, prot: Prot) -> Result<()> {
        self.regions.may_protect(address, len, prot)
    }

    /// Leaves the pages of this task's views in the range to the caller, who maps something else over them at once: they stay
    /// mapped until then, and are this task's no more. What was stored into them is brought back, as by [`Task::munmap`], when
    /// the answer is dropped.
    #[must_use]
    pub fn give_up_pages(&self, address: usize, len: usize) -> GivenUp {
        self.regions.give_up(address, len)
    }

    /// Keeps pages of this task in memory until they are unmapped or [`Task::munlock`]. POSIX `mlock`. Errors: EINVAL an
    /// address that is no page's; ENOMEM pages that are not mapped, or more than the process may keep; EPERM it may keep
    /// none.
    pub fn mlock(&self, address: usize, len: usize) -> Result<()> {
        self.regions.pin(address, len, true)
    }

    /// Ends [`Task::mlock`]. POSIX `munlock`. Errors: EINVAL, ENOMEM as there.
    pub fn munlock(&self, address: usize, len: usize) -> Result<()> {
        self.regions.pin(address, len, false)
    }

    /// As [`Task::mlock`], of everything that this task has mapped now. POSIX `mlockall(MCL_CURRENT)`.
    pub fn mlockall(&self) -> Result<()> {
        self.regions.pin_all(true)
    }

    /// Ends [`Task::mlockall`]. POSIX `munlockall`.
    pub fn munlockall(&self) -> Result<()> {
        self.regions.pin_all(false)
    }

    /// Says how pages of this task will be used; what they show never changes by it. POSIX `posix_madvise`. Errors: EINVAL
    /// an address that is no page's, ENOMEM pages that are not mapped.
    pub fn madvise(&self, address: usize, len: usize, advice: Advice) -> Result<()> {
        self.regions.advise(address, len, advice)
    }

    /// What this task has mapped, by address.
    pub fn mappings(&self) -> Vec<Row> {
        self.regions.list()
    }

    /// Maps a range as a value that unmaps itself; errors as [`Task::mmap`].
    pub fn map(&self, fd: u32, request: &MapRequest) -> Result<Mapping> {
        self.with_mappable(fd, request, |source, asker| Mapping::new(source, asker, request))
    }

    fn with_mappable<R>(
        &self,
        fd: u32,
        request: &MapRequest,
        use_it: impl FnOnce(&Source, &Asker<'_>) -> Result<R>,
    ) -> Result<R> {
        let file = self.descriptors.get(fd)?;
        if file.flags().has(open::O_PATH) {
            return Err(Errno::EBADF.into());
        }
        if request.len == 0 {
            return Err(MapError::Empty {}.into());
        }
        let path = shown(file.dentry());
        if !file.flags().readable() {
            return Err(MapError::Access { path, needed: "reading" }.into());
        }
        if request.shared && request.prot.write && !file.flags().writable() {
            return Err(MapError::Access { path, needed: "reading and writing" }.into());
        }
        let flags = file.dentry().inode().mount().map_or(MountFlags(0), |mount| mount.flags());
        let execute = !flags.has(MountFlags::NOEXEC);
        if request.prot.execute && !execute {
            return Err(MapError::Access { path, needed: "execution, on a volume mounted so" }.into());
        }
        let Some(source) = source(&file) else { return Err(MapError::Kind { path }.into()) };
        let asker = Asker {
            ctx: &self.caller.ctx(),
            task: self.caller.task,
            path: &path,
            may: Prot { read: true, write: !request.shared || file.flags().writable(), execute },
            mapper: &|path| self.host.attach_mapper(path),
            budget: self.host.mapping_budget(),
            room: &reserve,
        };
        use_it(&source, &asker)
    }

    /// The address of the file's first byte on its medium, and how many bytes are there. Read-only, and valid until
    /// the file is closed, which keeps the volume mounted. Errors: EBADF (also if it is not open for reading), ENODEV,
    /// ENXIO not in place.
    pub fn borrow_in_place(&self, fd: u32) -> Result<(usize, usize)> {
        let file = self.descriptors.get(fd)?;
        if !file.flags().readable() {
            return Err(Errno::EBADF.into());
        }
        let borrow = file.borrow_in_place(|| {
            let path = shown(file.dentry());
            match source(&file) {
                Some(source) => Borrow::new(&source, &self.caller.ctx(), &path, self.caller.task),
                None => Err(MapError::Kind { path }.into()),
            }
        })?;
        Ok((borrow.address(), borrow.len()))
    }

    /// Which parts of the medium of a path's volume are free, in order; `None` where its file system does not know.
    /// Errors: ENODEV a path of the host's own tree, EOVERFLOW more parts than can be told, and the file system's.
    pub fn free_extents(&self, path: impl AsRef<[u8]>) -> Result<Option<Vec<Extent>>> {
        const MAX: usize = 1 << 20;
        let dentry = self.host.tree().find(&self.caller, &self.base(), path.as_ref(), Follow::Yes)?;
        let Some(mount) = dentry.inode().mount() else { return Err(Errno::ENODEV.into()) };
        let (mut all, mut offset): (Vec<Extent>, u64) = (Vec::new(), 0);
        loop {
            let more = match mount.volume().free_extents(&self.caller.ctx(), offset) {
                Ok(more) => more,
                Err(e) if e.errno() == Errno::ENOTSUP => return Ok(None),
                Err(e) => return Err(e),
            };
            let Some(last) = more.last() else { return Ok(Some(all)) };
            offset = last.medium_offset + last.len_bytes;
            all.extend(more);
            if all.len() > MAX {
                return Err(Errno::EOVERFLOW.into());
            }
        }
    }

    /// What a shared read-only mapping of the whole file would get, and why not better. Errors: as for `stat`;
    /// ENODEV if it is neither a file nor a device.
    pub fn explain(&self, path: impl AsRef<[u8]>) -> Result<Explanation> {
        let dentry = self.host.tree().find(&self.caller, &self.base(), path.as_ref(), Follow::Yes)?;
        let source = match dentry.inode() {
            Inode::Volume(node) if dentry.inode().file_type() == mode::S_IFREG => Source::File(node.clone()),
            Inode::Pseudo(node) => match node.kind() {
                PseudoKind::Block(device) => Source::Device(device.clone()),
                PseudoKind::File(_) => Source::Memory(node.open(&self.caller.ctx(), open::O_RDONLY)?),
                PseudoKind::Node(node) if matches!(node.file_type(), mode::S_IFCHR | mode::S_IFREG) => {
                    Source::Memory(node.open(&self.caller.ctx(), open::O_RDONLY | open::O_NONBLOCK)?)
                }
                _ => return Err(MapError::Kind { path: shown(&dentry) }.into()),
            },
            Inode::Volume(_) => return Err(MapError::Kind { path: shown(&dentry) }.into()),
        };
        explain(&source, &self.caller.ctx(), &|| self.host.mapper().map(drop))
    }
}

fn source(file: &OpenFile) -> Option<Source> {
    if let Some((node, _)) = file.regular() {
        return Some(Source::File(node.clone()));
    }
    if let Some(stream) = file.stream().filter(|stream| stream.memory().is_some()) {
        return Some(Source::Memory(stream.clone()));
    }
    file.block_device().map(|device| Source::Device(device.clone()))
}
