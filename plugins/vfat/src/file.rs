//! The content of files. Data are copied without the volume's lock: what is needed is where they lie, which is looked up
//! under the node's own lock for a moment; what is cut off meanwhile is not given to others before the copy ends.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use nxvfs_sdk::abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_ZERO_RANGE};
use nxvfs_sdk::{Ctx, Errno, Extent, Fail, Result, Timespec, now_coarse, open};

use crate::VFat;
use crate::core::Volume;
use crate::format::entry::ARCHIVE;
use crate::inode::{Data, FILE_MAX_BYTES, Inode, change_time};
use crate::sync::lock;

/// `Ctx::flags`: the effect must be on the medium when the call returns.
const CTX_SYNC: u32 = nxvfs_sdk::abi::types::CTX_SYNC;
/// Pieces that are looked up at a time.
const PIECES: usize = 4;

/// An opened file.
#[derive(Default)]
pub struct OpenFile(Option<Arc<Inode>>);

impl OpenFile {
    /// An opening, counted at the node.
    pub(crate) fn new(inode: Arc<Inode>) -> Self {
        inode.openings.fetch_add(1, AcqRel);
        Self(Some(inode))
    }

    /// Errors: ESTALE.
    #[inline]
    pub(crate) fn inode(&self) -> Result<&Arc<Inode>> {
        Ok(self.0.as_ref().ok_or(Errno::ESTALE)?)
    }
}

/// Bytes in a row on the medium.
#[derive(Clone, Copy, Default)]
struct Piece {
    at: u64,
    len: usize,
}

/// Looks up where `len` bytes from `offset` on lie, as far as the chain is known and there is room for pieces.
#[inline]
fn locate(volume: &Volume, data: &mut Data, offset: u64, len: usize, pieces: &mut [Piece; PIECES]) -> usize {
    let (layout, mut offset, mut left, mut count) = (&volume.layout, offset, len, 0);
    while left > 0 && count < PIECES {
        let index = (offset >> layout.cluster_shift) as u32;
        let Some(run) = data.extents.find(index) else { break };
        let within = offset & u64::from(layout.cluster_bytes() - 1);
        let room = (u64::from(run.len) << layout.cluster_shift) - within;
        let part = room.min(left as u64) as usize;
        pieces[count] = Piece { at: layout.cluster_start(run.start) + within, len: part };
        (offset, left, count) = (offset + part as u64, left - part, count + 1);
    }
    count
}

/// Takes down that the content was changed; whether that is news.
#[inline]
fn touch(data: &mut Data, moment: Timespec, size: u64) -> bool {
    let differs = data.changed != moment || data.attr & ARCHIVE == 0 || data.size < size;
    (data.changed, data.attr, data.size) = (moment, data.attr | ARCHIVE, data.size.max(size));
    differs
}

impl VFat {
    /// Follows a chain as far as a byte. False: the file was cut meanwhile, and does not reach so far any more.
    #[cold]
    fn reach(&self, inode: &Inode, offset: u64) -> Result<bool> {
        let index = (offset >> self.volume.layout.cluster_shift) as u32;
        lock(&self.core).follow(&self.volume, inode, index + 1)?;
        let (clusters, size) = inode.with(|data| (data.extents.clusters(), data.size));
        if clusters > index || size <= offset {
            return Ok(clusters > index);
        }
        self.volume.distrust("a file is longer than its chain");
        Err(Fail::new(Errno::EIO, "file is longer than its chain of clusters")
            .place(format_args!("byte {offset}"))
            .remedy("unmount the volume and repair it by `nxvfs image check`"))
    }

    /// Up to `buf.len()` bytes, fewer only at the end.
    #[inline]
    pub(crate) fn read_file(&self, inode: &Inode, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            let mut pieces = [Piece::default(); PIECES];
            let at = offset + done as u64;
            let (copy, (count, left)) = inode.copying(|data| {
                let left = data.size.saturating_sub(at).min((buf.len() - done) as u64) as usize;
                (locate(&self.volume, data, at, left, &mut pieces), left)
            });
            if left == 0 {
                break;
            }
            if count == 0 {
                drop(copy);
                self.reach(inode, at)?;
                continue;
            }
            for piece in &pieces[..count] {
                self.volume.disk.read(piece.at, &mut buf[done..done + piece.len])?;
                done += piece.len;
            }
        }
        Ok(done)
    }

    /// Writes to clusters that the file has.
    fn fill(&self, inode: &Inode, offset: u64, buf: &[u8]) -> Result<()> {
        let mut done = 0;
        while done < buf.len() {
            let mut pieces = [Piece::default(); PIECES];
            let at = offset + done as u64;
            let (copy, count) =
                inode.copying(|data| locate(&self.volume, data, at, buf.len() - done, &mut pieces));
            if count == 0 {
                drop(copy);
                if self.reach(inode, at)? {
                    continue;
                }
                // Cut off by somebody else: what would have been written there is gone already.
                break;
            }
            for piece in &pieces[..count] {
                self.volume.disk.write(piece.at, &buf[done..done + piece.len])?;
                done += piece.len;
            }
        }
        Ok(())
    }

    /// Writes zeroes from `offset` to `end` to clusters that the file has.
    fn zero(&self, inode: &Inode, mut offset: u64, end: u64) -> Result<()> {
        while offset < end {
            let mut pieces = [Piece::default(); PIECES];
            let left = (end - offset).min(1 << 30) as usize;
            let (copy, count) = inode.copying(|data| locate(&self.volume, data, offset, left, &mut pieces));
            if count == 0 {
                drop(copy);
                if self.reach(inode, offset)? {
                    continue;
                }
                return Err(Errno::EIO.into());
            }
            for piece in &pieces[..count] {
                self.volume.disk.zero(piece.at, piece.len as u64)?;
                offset += piece.len as u64;
            }
        }
        Ok(())
    }

    /// The content was changed: its time, its attribute, and its length if that grew.
    fn wrote(&self, inode: &Arc<Inode>, size: u64, moment: Timespec) {
        if inode.with(|data| touch(data, moment, size)) {
            self.list(inode);
        }
    }

    fn now(&self) -> Timespec {
        change_time(now_coarse(), self.volume.options.zone_seconds)
    }

    /// The node's entry differs from the medium.
    fn list(&self, inode: &Arc<Inode>) {
        if !inode.is_listed() {
            lock(&self.core).list(inode);
        }
    }

    /// Writes bytes at `offset`, or at the end; answers how many: all that fits. Errors: EROFS, ENOSPC, EFBIG, EIO.
    pub(crate) fn write_file(
        &self,
        ctx: &Ctx,
        inode: &Arc<Inode>,
        offset: u64,
        buf: &[u8],
        flags: u32,
    ) -> Result<usize> {
        self.volume.writable()?;
        if buf.is_empty() {
            return Ok(0);
        }
        let offset = (flags & open::O_APPEND == 0).then_some(offset);
        let moment = self.now();
        let done = match self.write_inside(inode, offset, buf, moment)? {
            Some(done) => done,
            None => self.write_beyond(inode, offset, buf, moment)?,
        };
        let sync = ctx.flags & CTX_SYNC != 0 || flags & open::O_DSYNC != 0;
        if sync || self.volume.options.sync {
            self.sync_all()?;
        }
        Ok(done)
    }

    /// A write that changes neither length nor clusters; `None` if it is none.
    #[inline]
    fn write_inside(
        &self,
        inode: &Arc<Inode>,
        offset: Option<u64>,
        buf: &[u8],
        moment: Timespec,
    ) -> Result<Option<usize>> {
        let Some((offset, end)) = offset.and_then(|at| Some((at, at.checked_add(buf.len() as u64)?))) else {
            return Ok(None);
        };
        let mut pieces = [Piece::default(); PIECES];
        let (copy, found) = inode.copying(|data| {
            (end <= data.size).then(|| {
                let differs = touch(data, moment, 0);
                (differs, locate(&self.volume, data, offset, buf.len(), &mut pieces))
            })
        });
        let Some((differs, count)) = found else { return Ok(None) };
        let mut done = 0;
        for piece in &pieces[..count] {
            self.volume.disk.write(piece.at, &buf[done..done + piece.len])?;
            done += piece.len;
        }
        drop(copy);
        if done < buf.len() {
            self.fill(inode, offset + done as u64, &buf[done..])?;
        }
        if differs {
            self.list(inode);
        }
        Ok(Some(buf.len()))
    }

    /// A write that makes the file longer. `None`: at its end.
    fn write_beyond(
        &self,
        inode: &Arc<Inode>,
        offset: Option<u64>,
        buf: &[u8],
        moment: Timespec,
    ) -> Result<usize> {
        let _resizing = lock(&inode.resize);
        let (size, known) = inode.with(|data| (data.size, data.extents.clusters()));
        let offset = offset.unwrap_or(size);
        if offset >= FILE_MAX_BYTES {
            return Err(Errno::EFBIG.into());
        }
        let layout = &self.volume.layout;
        let end = (offset + buf.len() as u64).min(FILE_MAX_BYTES);
        let want = layout.clusters_for(end);
        let end = if known >= want {
            end
        } else {
            let least = layout.clusters_for(offset + 1);
            let got = lock(&self.core).grow(&self.volume, inode, want, least, true)?;
            end.min(u64::from(got) << layout.cluster_shift)
        };
        let len = (end - offset) as usize;
        let done = self.zero(inode, size, offset).and_then(|()| self.fill(inode, offset, &buf[..len]));
        if let Err(fail) = done {
            inode.with(|data| data.spare = true);
            return Err(fail);
        }
        self.wrote(inode, end, moment);
        Ok(len)
    }

    /// Changes the length. Errors: EFBIG, ENOSPC (nothing changed then), EIO.
    pub(crate) fn resize(&self, inode: &Arc<Inode>, size: u64) -> Result<()> {
        if size > FILE_MAX_BYTES {
            return Err(Errno::EFBIG.into());
        }
        let _resizing = lock(&inode.resize);
        let old = inode.with(|data| data.size);
        let clusters = self.volume.layout.clusters_for(size);
        if size > old {
            lock(&self.core).grow(&self.volume, inode, clusters, clusters, false)?;
            self.zero(inode, old, size)?;
            self.wrote(inode, size, self.now());
            return Ok(());
        }
        let mut core = lock(&self.core);
        // No read that begins now reaches what is cut.
        inode.with(|data| data.size = size);
        core.list(inode);
        core.cut(&self.volume, inode, clusters)?;
        drop(core);
        self.wrote(inode, 0, self.now());
        Ok(())
    }

    /// Reserves or zeroes space. Errors: ENOTSUP, EFBIG, ENOSPC, EIO.
    pub(crate) fn allocate(&self, inode: &Arc<Inode>, mode: u32, offset: u64, len: u64) -> Result<()> {
        self.volume.writable()?;
        if mode & !(FALLOC_KEEP_SIZE | FALLOC_ZERO_RANGE) != 0 {
            return Err(Fail::new(Errno::ENOTSUP, "FAT files have no holes"));
        }
        let end = offset.checked_add(len).filter(|end| *end <= FILE_MAX_BYTES).ok_or(Errno::EFBIG)?;
        let old = inode.with(|data| data.size);
        if mode & FALLOC_ZERO_RANGE != 0 {
            self.zero(inode, offset.min(old), end.min(old))?;
            self.wrote(inode, 0, self.now());
        }
        if mode & FALLOC_KEEP_SIZE == 0 {
            return if end > old { self.resize(inode, end) } else { Ok(()) };
        }
        let _resizing = lock(&inode.resize);
        let clusters = self.volume.layout.clusters_for(end);
        lock(&self.core).grow(&self.volume, inode, clusters, clusters, false)?;
        inode.with(|data| data.spare = true);
        Ok(())
    }

    /// The last opening of a file ended: what was set aside for it goes back.
    pub(crate) fn close(&self, inode: &Arc<Inode>) -> Result<()> {
        if inode.openings.fetch_sub(1, AcqRel) != 1 {
            return Ok(());
        }
        if inode.with(|data| data.reserve.is_some() || data.spare) {
            let _resizing = lock(&inode.resize);
            let mut core = lock(&self.core);
            core.release_reserve(inode);
            let layout = &self.volume.layout;
            let (spare, keep) = inode.with(|data| (data.spare, layout.clusters_for(data.size)));
            let last = inode.openings.load(Acquire) == 0;
            if spare && last && self.volume.writable().is_ok() {
                inode.with(|data| data.spare = false);
                core.cut(&self.volume, inode, keep)?;
            }
        }
        lock(&self.core).retire(inode.number);
        Ok(())
    }

    /// Where content lies, pinned. Errors: ENXIO, EINVAL, EIO.
    pub(crate) fn map_file(
        &self,
        number: u64,
        offset: u64,
        len: u64,
        push: &mut dyn FnMut(Extent) -> ControlFlow<()>,
    ) -> Result<u64> {
        if !self.volume.options.mmap {
            return Err(Fail::new(Errno::ENXIO, "the volume was mounted with mmap=n"));
        }
        if len == 0 {
            return Ok(number);
        }
        let inode = lock(&self.core).get(number)?;
        if inode.is_dir {
            return Err(Fail::new(Errno::ENXIO, "only the content of regular files can be mapped"));
        }
        let size = inode.with(|data| data.size);
        if offset >= size {
            return Err(Fail::new(Errno::EINVAL, "mapping begins at or beyond the end of the file")
                .found(format_args!("offset {offset}"))
                .expected(format_args!("below {size}")));
        }
        let end = offset.saturating_add(len).min(size);
        let clusters = self.volume.layout.clusters_for(end);
        lock(&self.core).follow(&self.volume, &inode, clusters)?;
        // Pinned first: what is cut off from now on stays.
        inode.pins.fetch_add(1, AcqRel);
        let mut at = offset;
        inode.with(|data| {
            while at < end {
                let mut pieces = [Piece::default(); PIECES];
                let left = (end - at).min(1 << 40) as usize;
                let count = locate(&self.volume, data, at, left, &mut pieces);
                if count == 0 {
                    break;
                }
                for piece in &pieces[..count] {
                    let extent =
                        Extent { file_offset: at, medium_offset: piece.at, len_bytes: piece.len as u64 };
                    at += piece.len as u64;
                    if push(extent).is_break() {
                        at = end;
                        break;
                    }
                }
            }
        });
        Ok(number)
    }

    pub(crate) fn unpin_file(&self, number: u64) {
        let mut core = lock(&self.core);
        if let Ok(inode) = core.get(number) {
            inode.pins.fetch_sub(1, AcqRel);
            core.retire(number);
        }
    }
}
