//! rammap: the policy of mapping files through RAM, where they cannot be mapped in place.
//!
//! Where the host can fill single pages when they are touched, only those are read, with a window ahead; else the mapped
//! range is filled at once, in large pieces. Memory, views, sharing and faults are the host's.

#![forbid(unsafe_code)]

use nxvfs_sdk::abi::mapper::{MAP_REQUEST_LAZY_POSSIBLE, MAP_REQUEST_POPULATE, MapRequest};
use nxvfs_sdk::{Attach, Ctx, Errno, Fail, Mapper, Plan, Result, VfsFile};

/// The mapper.
pub struct RamMap {
    chunk_bytes: u64,
    ahead_bytes: u64,
}

impl Mapper for RamMap {
    fn attach(_ctx: &Ctx, attach: &Attach<'_>) -> Result<Self> {
        Ok(Self { chunk_bytes: attach.params.size("chunk"), ahead_bytes: attach.params.size("ahead") })
    }

    fn plan(&self, _ctx: &Ctx, request: &MapRequest) -> Result<Plan> {
        let page = u64::from(request.page_size_bytes).max(1);
        let chunk_bytes = self.chunk_bytes.next_multiple_of(page).max(page);
        let lazy = request.flags & MAP_REQUEST_LAZY_POSSIBLE != 0;
        if lazy && request.flags & MAP_REQUEST_POPULATE == 0 {
            let ahead_bytes = self.ahead_bytes.next_multiple_of(page);
            return Ok(match ahead_bytes {
                0 => Plan::Lazy { chunk_bytes: page },
                _ => Plan::Prefetch { chunk_bytes: page, ahead_bytes },
            });
        }
        // Only what of the range is the file's takes memory.
        let needed = request.file_len_bytes.saturating_sub(request.offset).min(request.len_bytes);
        if needed > request.budget_bytes {
            return Err(Fail::new(Errno::ENOMEM, "no memory left for a copy of the mapped range")
                .expected(format_args!("at most {} bytes", request.budget_bytes))
                .found(format_args!("{needed} bytes"))
                .remedy("map less of the file, or raise the host's limit for mappings"));
        }
        Ok(Plan::Eager { chunk_bytes })
    }

    fn fill(&self, _ctx: &Ctx, file: &VfsFile, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match file.read_at(offset + done as u64, &mut buf[done..])? {
                0 => break,
                got => done += got,
            }
        }
        buf[done..].fill(0);
        Ok(done)
    }

    fn drain(&self, _ctx: &Ctx, file: &VfsFile, offset: u64, buf: &[u8]) -> Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match file.write_at(offset + done as u64, &buf[done..])? {
                0 => break,
                put => done += put,
            }
        }
        Ok(done)
    }
}

nxvfs_sdk::plugin! {
    name: "rammap",
    entry: "rammap",
    drivers: [mapper "rammap" => RamMap, parallel],
    params: [
        "chunk": size = "1M", "bytes that are filled at a time when a range is filled at once";
        "ahead": size = "64K", "bytes that are filled ahead of a touched page, 0 for none";
    ],
}
