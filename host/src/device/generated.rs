//! Files whose content is made when it is read: what a host or a program tells of itself.
//!
//! Each opening has a text of its own. A read at offset 0 makes it anew, reads elsewhere go on in it: whoever reads from
//! start to end sees one text, and whoever seeks back sees the present. `stat` tells length 0, as Linux's /proc does.

use nxvfs_abi::Ctx;
use nxvfs_abi::types::{mode, open};

use super::stream::{Openable, Stream};
use crate::base::sync::{Arc, Mutex, lock};
use crate::base::{Errno, Result};

/// Longest text. Who makes more of it has lost its way.
const MAX_LEN_BYTES: usize = 64 << 20;

/// Makes the whole text, for who reads. Any thread; calls may overlap; no lock of the host is held but that of the
/// descriptor's position.
pub type Generate = dyn Fn(&Ctx, &mut Vec<u8>) -> Result<()> + Send + Sync;
/// Takes what one `write` brings and answers how much of it was taken, likewise.
pub type Receive = dyn Fn(&Ctx, &[u8]) -> Result<usize> + Send + Sync;

/// A file that is made when it is read, and may be told something by writing.
#[derive(Clone)]
pub struct Generated {
    generate: Arc<Generate>,
    receive: Option<Arc<Receive>>,
}

impl Generated {
    /// A file that `generate` makes.
    pub fn new(generate: impl Fn(&Ctx, &mut Vec<u8>) -> Result<()> + Send + Sync + 'static) -> Self {
        Self { generate: Arc::new(generate), receive: None }
    }

    /// As it is, and each write goes to `receive`, wherever the position is.
    #[must_use]
    pub fn receiving(self, receive: impl Fn(&Ctx, &[u8]) -> Result<usize> + Send + Sync + 'static) -> Self {
        Self { receive: Some(Arc::new(receive)), ..self }
    }
}

impl Openable for Generated {
    /// Errors: EACCES for writing, if it takes nothing.
    fn open(&self, _ctx: &Ctx, flags: u32) -> Result<Arc<dyn Stream>> {
        if flags & open::O_ACCMODE != open::O_RDONLY && self.receive.is_none() {
            return Err(Errno::EACCES.into());
        }
        Ok(Arc::new(Opening { file: self.clone(), text: Mutex::new(None) }))
    }

    fn file_type(&self) -> u32 {
        mode::S_IFREG
    }
}

struct Opening {
    file: Generated,
    text: Mutex<Option<Arc<[u8]>>>,
}

impl Opening {
    fn text(&self, ctx: &Ctx, offset: u64) -> Result<Arc<[u8]>> {
        if let Some(text) = &*lock(&self.text)
            && offset > 0
        {
            return Ok(text.clone());
        }
        let mut text = Vec::new();
        (self.file.generate)(ctx, &mut text)?;
        if text.len() > MAX_LEN_BYTES {
            return Err(Errno::EFBIG.into());
        }
        let text: Arc<[u8]> = text.into();
        *lock(&self.text) = Some(text.clone());
        Ok(text)
    }
}

impl Stream for Opening {
    fn read(&self, ctx: &Ctx, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let text = self.text(ctx, offset)?;
        let rest = usize::try_from(offset).ok().and_then(|offset| text.get(offset..)).unwrap_or_default();
        let len = rest.len().min(buf.len());
        buf[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn write(&self, ctx: &Ctx, _offset: u64, buf: &[u8], _flags: u32) -> Result<usize> {
        let receive = self.file.receive.as_ref().ok_or(Errno::EINVAL)?;
        Ok(receive(ctx, buf)?.min(buf.len()))
    }

    fn has_position(&self) -> bool {
        true
    }

    /// Of the text that was made last.
    fn len_bytes(&self) -> u64 {
        lock(&self.text).as_ref().map_or(0, |text| text.len() as u64)
    }

    fn sync(&self, _ctx: &Ctx) -> Result<()> {
        Ok(())
    }
}
