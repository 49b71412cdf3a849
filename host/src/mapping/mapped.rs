//! All that is mapped of one file or device: its views, and the copy in memory if one is needed.
//!
//! There is one backing while a shared view lives: the medium, or the copy. Where a copy becomes necessary (a range that
//! cannot be had in place), the read-only views in place move to it.

use super::content::Content;
use super::place::Source;
use super::region::Region;
use super::view::View;
use crate::base::sync::{Arc, Mutex, Weak, lock};
use crate::base::{Budget, Errno, Error, Result};
use crate::bridge::{Mapper, Planned};
use crate::device::{Change, ReadBelow, Resident, WriteBelow};
use crate::tree::Tier;

#[derive(Default)]
struct State {
    views: Vec<Weak<View>>,
    region: Option<Arc<Region>>,
}

/// All that is mapped of one file.
pub(super) struct Mapped {
    pub(super) source: Source,
    /// Held while it is decided how a new view is backed: one at a time.
    pub(super) deciding: Mutex<()>,
    state: Mutex<State>,
}

impl Mapped {
    /// The one object of a file, while anything of it is mapped.
    pub(super) fn of(source: &Source) -> Option<Arc<Self>> {
        let adopted = source.residence()?.adopt(|| {
            let (source, deciding, state) = (source.clone(), Mutex::new(()), Mutex::default());
            Arc::new(Self { source, deciding, state })
        });
        let adopted: Arc<dyn std::any::Any + Send + Sync> = adopted;
        adopted.downcast().ok()
    }

    /// The copy.
    pub(super) fn region(&self) -> Option<Arc<Region>> {
        lock(&self.state).region.clone()
    }

    /// The copy, as far as it stands for the file. Errors: EIO the volume was taken away by force.
    fn living_region(&self) -> Result<Option<Arc<Region>>> {
        if self.source.is_over() { Err(Errno::EIO.into()) } else { Ok(self.region()) }
    }

    /// The views that live.
    pub(super) fn views(&self) -> Vec<Arc<View>> {
        lock(&self.state).views.iter().filter_map(Weak::upgrade).collect()
    }

    /// One more view.
    pub(super) fn add(&self, view: &Arc<View>) {
        let mut state = lock(&self.state);
        state.views.retain(|v| v.strong_count() > 0);
        state.views.push(Arc::downgrade(view));
    }

    /// Makes the copy, and lets everybody go through it from now on. Views in place that could see a difference move
    /// to it. The caller decides.
    pub(super) fn make_region(
        &self,
        mapper: Mapper,
        planned: Planned,
        budget: &Arc<Budget>,
    ) -> Result<Arc<Region>> {
        let content = Content::new(self.source.clone(), 0);
        let region = Arc::new(Region::new(content, mapper, planned, budget.clone())?);
        let alone = region.hold_all();
        lock(&self.state).region = Some(region.clone());
        if let Some(residence) = self.source.residence() {
            residence.publish_memory();
        }
        // Now that no change is under way that goes around the copy.
        let len = self.source.copied_len_bytes(&crate::bridge::host_ctx());
        let sized = len.and_then(|len| region.set_len(len));
        drop(alone);
        let moved = sized.and_then(|()| self.move_views(&region));
        match moved {
            Ok(()) => Ok(region),
            Err(e) => {
                lock(&self.state).region = None;
                if let Some(residence) = self.source.residence() {
                    residence.retract_memory();
                }
                Err(e)
            }
        }
    }

    fn move_views(&self, region: &Region) -> Result<()> {
        if !self.source.may_change() {
            // What never changes is the same in both places.
            return Ok(());
        }
        for view in self.views().into_iter().filter(|v| v.shared && v.tier() == Tier::Xip) {
            for live in view.live(&(0..usize::MAX)) {
                let pages = super::region::pages_of(view.bytes_of(&live.pages));
                region.show(pages.clone(), false)?;
                region.fill(pages)?;
            }
            view.move_to(region)?;
        }
        Ok(())
    }

    /// Brings what was stored to the medium.
    pub(super) fn sync(&self) -> Result<()> {
        match self.region() {
            Some(region) => region.sync(),
            None => Content::new(self.source.clone(), 0).sync(),
        }
    }

    /// What could not be brought back is kept, to be tried again, and whoever asks next is told.
    pub(super) fn keep_unwritten(self: &Arc<Self>, error: &Error) {
        log::warn!("stores into a view of {} are not on it yet: {error}", self.source.name());
        if let Some(residence) = self.source.residence() {
            residence.late().note(error);
            // A volume that was taken away by force takes nothing any more.
            if !self.source.is_over() {
                residence.keep(self.clone());
            }
        }
    }
}

impl Resident for Mapped {
    fn read(&self, offset: u64, buf: &mut [u8], below: ReadBelow<'_>) -> Result<usize> {
        match self.living_region()? {
            Some(region) => region.read(offset, buf, below),
            None => below(offset, buf),
        }
    }

    fn write(&self, offset: Option<u64>, buf: &[u8], below: WriteBelow<'_>) -> Result<usize> {
        match self.living_region()? {
            Some(region) => region.write(offset, buf, below),
            None => below(buf),
        }
    }

    fn change(&self, change: Change, below: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        match self.region() {
            Some(region) => region.change(change, below)?,
            None => below()?,
        }
        if let Change::Resize(len) = change {
            self.cut(len);
        }
        Ok(())
    }

    fn cut(&self, len_bytes: u64) {
        for view in self.views().into_iter().filter(|v| v.tier() == Tier::Xip) {
            view.cut(len_bytes);
        }
    }

    fn write_back(&self) -> Result<()> {
        match self.region() {
            Some(region) if region.has_stores() => region.write_back(0..u64::MAX),
            _ => Ok(()),
        }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if let Some(residence) = self.source.residence() {
            residence.leave(std::ptr::from_ref(self).cast());
        }
    }
}
