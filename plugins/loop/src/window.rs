//! Which bytes of the file are which sectors of the medium.

use nxvfs_sdk::{Errno, Fail, Result};

use crate::config::Config;

/// A run of whole sectors in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// Byte of the file at which sector 0 begins.
    start_bytes: u64,
    sector_size_bytes: u32,
    /// Not 0.
    sector_count: u64,
}

impl Window {
    /// The window that `config` asks for, in a file of that length. A last sector that is not whole is left out, with a
    /// warning. Errors: ERANGE, as in NuttX, if not one sector is left.
    pub(crate) fn new(config: &Config, file_len_bytes: u64) -> Result<Self> {
        let (path, sector_size) = (config.path.display(), u64::from(config.sector_size_bytes));
        let available = file_len_bytes.saturating_sub(config.offset_bytes);
        let limit = config.limit_bytes.map_or(available, u64::from);
        let len = limit.min(available);
        let sector_count = len / sector_size;
        if sector_count == 0 {
            let fail = Fail::new(Errno::ERANGE, "file holds less than one sector")
                .place(format_args!("{path}, from byte {} on", config.offset_bytes))
                .expected(format_args!("{sector_size} bytes or more"))
                .found(format_args!("{len} bytes"));
            return Err(if available >= sector_size {
                fail.remedy(format_args!("give a larger sizelimit than {limit}, or leave it away"))
            } else if file_len_bytes >= sector_size {
                fail.remedy(format_args!("give a smaller offset; the file has {file_len_bytes} bytes"))
            } else {
                fail.remedy(format_args!("lengthen the file (truncate -s {sector_size} FILE)"))
            });
        }
        if limit > available {
            log::warn!("{path}: sizelimit asks for {limit} bytes, but only {available} are there");
        }
        if !len.is_multiple_of(sector_size) {
            let rest = len % sector_size;
            log::warn!("{path}: the last {rest} bytes are no whole sector of {sector_size} and are left out");
        }
        Ok(Self {
            start_bytes: config.offset_bytes,
            sector_size_bytes: config.sector_size_bytes,
            sector_count,
        })
    }

    /// Byte of the file at which the medium begins.
    pub(crate) fn start_bytes(&self) -> u64 {
        self.start_bytes
    }

    /// Bytes of a sector.
    pub(crate) fn sector_size_bytes(&self) -> u32 {
        self.sector_size_bytes
    }

    /// Number of sectors.
    pub(crate) fn sector_count(&self) -> u64 {
        self.sector_count
    }

    /// Where in the file `sector_count` sectors from `start_sector` on begin, in bytes. Errors: EINVAL outside.
    pub(crate) fn offset_bytes(&self, start_sector: u64, sector_count: u64) -> Result<u64> {
        match start_sector.checked_add(sector_count) {
            // The sum lies in the file, whose length the operating system keeps below 2^63.
            Some(end) if end <= self.sector_count => {
                Ok(self.start_bytes + start_sector * u64::from(self.sector_size_bytes))
            }
            _ => Err(Fail::new(Errno::EINVAL, "sectors lie outside the loop device")
                .place(format_args!("sector {start_sector}, {sector_count} of them"))
                .expected(format_args!("an end of at most {}", self.sector_count))),
        }
    }

    /// How many sectors a buffer holds. Errors: EINVAL if not a whole number.
    pub(crate) fn sectors_of(&self, buffer_len_bytes: usize) -> Result<u64> {
        if !buffer_len_bytes.is_multiple_of(self.sector_size_bytes as usize) {
            return Err(Fail::new(Errno::EINVAL, "buffer is not a whole number of sectors")
                .expected(format_args!("a multiple of {} bytes", self.sector_size_bytes))
                .found(format_args!("{buffer_len_bytes} bytes")));
        }
        Ok((buffer_len_bytes / self.sector_size_bytes as usize) as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;
    use crate::config::Access;

    fn window(file_len: u64, sector_size: u32, offset: u64, limit: u64) -> Result<Window> {
        let config = Config {
            path: "disk.img".into(),
            vfs: None,
            sector_size_bytes: sector_size,
            offset_bytes: offset,
            limit_bytes: NonZeroU64::new(limit),
            access: Access::ReadOnly,
        };
        Window::new(&config, file_len)
    }

    #[test]
    fn a_window_has_the_whole_sectors_between_offset_and_limit() {
        for (file_len, sector_size, offset, limit, sector_count) in [
            (512, 512, 0, 0, 1),
            (1023, 512, 0, 0, 1),
            (1024, 512, 0, 0, 2),
            (1024, 512, 512, 0, 1),
            (1024, 512, 1, 0, 1),
            (4096, 512, 1000, 1024, 2),
            (4096, 512, 1000, 1535, 2),
            (4096, 512, 1000, u64::MAX, 6),
            (i64::MAX as u64, 65_536, 0, 0, (1 << 47) - 1),
        ] {
            let window = window(file_len, sector_size, offset, limit).unwrap();
            assert_eq!((window.start_bytes(), window.sector_count()), (offset, sector_count));
        }
    }

    #[test]
    fn less_than_a_sector_is_refused_with_the_remedy_that_fits() {
        let longer = "lengthen the file (truncate -s 512 FILE)";
        let earlier = "give a smaller offset; the file has 1024 bytes";
        let wider = "give a larger sizelimit than 511, or leave it away";
        for (file_len, offset, limit, found, remedy) in [
            (0, 0, 0, 0, longer),
            (511, 0, 0, 511, longer),
            (1024, 600, 0, 424, earlier),
            (1024, u64::MAX, 7, 0, earlier),
            (1024, 512, 511, 511, wider),
        ] {
            let sentence = format!(
                "file holds less than one sector: disk.img, from byte {offset} on: found {found} bytes, expected 512 \
                 bytes or more; {remedy} (ERANGE)"
            );
            assert_eq!(window(file_len, 512, offset, limit).unwrap_err().to_string(), sentence);
        }
    }

    #[test]
    fn only_ranges_inside_have_an_offset() {
        let window = window(8 * 512 + 100, 512, 100, 0).unwrap();
        for (start, count, offset) in [(0, 0, 100), (0, 8, 100), (7, 1, 3684), (8, 0, 4196)] {
            assert_eq!(window.offset_bytes(start, count).unwrap(), offset);
        }
        for (start, count) in [(0, 9), (8, 1), (9, 0), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
            assert_eq!(window.offset_bytes(start, count).unwrap_err().errno(), Errno::EINVAL);
        }
        assert_eq!(window.sectors_of(1536).unwrap(), 3);
        assert_eq!(window.sectors_of(1537).unwrap_err().errno(), Errno::EINVAL);
    }
}
