//! The shape of a medium: how many sectors, of what size, starting which bytes.

use std::path::Path;

use nxvfs_sdk::{Errno, Fail, Result};

use crate::config::Access;

/// A page is this long on every machine, or a multiple of it.
const SMALLEST_PAGE_BYTES: u64 = 4096;

/// How many sectors of what size. Their product fits an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    sector_size_bytes: u32,
    sector_count: u64,
}

impl Shape {
    /// The shape of a disk of zeroes. Errors: EINVAL if it is longer than any medium can be.
    pub(crate) fn new(sector_count: u64, sector_size_bytes: u32) -> Result<Self> {
        // The contract's bound is 2^63 bytes; a slice's bound is the same on machines of 64 bits, less on others.
        let longest_bytes = isize::MAX as u64;
        match sector_count.checked_mul(u64::from(sector_size_bytes)) {
            Some(len_bytes) if len_bytes <= longest_bytes => Ok(Self { sector_size_bytes, sector_count }),
            _ => Err(Fail::new(Errno::EINVAL, "RAM disk is longer than any medium can be")
                .place("sectors")
                .expected(format_args!("at most {}", longest_bytes / u64::from(sector_size_bytes)))
                .found(sector_count)
                .remedy("is sectors given in bytes?")),
        }
    }

    /// The shape of a disk over an image of `image_len_bytes` (not 0): `sectors` of them, or with 0 as many as the
    /// image needs. Errors: EINVAL.
    pub(crate) fn over_image(
        sectors: u64,
        sector_size_bytes: u32,
        path: &Path,
        image_len_bytes: u64,
        access: Access,
    ) -> Result<Self> {
        let needed = image_len_bytes.div_ceil(u64::from(sector_size_bytes));
        let shape = Self::new(if sectors == 0 { needed } else { sectors }, sector_size_bytes)?;
        if shape.sector_count < needed {
            return Err(Fail::new(Errno::EINVAL, "image does not fit into so few sectors")
                .place(path.display())
                .expected(format_args!("at most {} bytes", shape.len_bytes()))
                .found(format_args!("{image_len_bytes} bytes"))
                .remedy(format_args!("give sectors={needed}, or leave it away")));
        }
        // A disk that writes back must be as long as its file: more would make the file grow, which nobody asked for.
        if access == Access::Shared && shape.len_bytes() as u64 != image_len_bytes {
            let fail = Fail::new(Errno::EINVAL, "a shared image must be exactly as long as the disk")
                .place(path.display())
                .expected(format_args!(
                    "{} bytes ({} sectors of {sector_size_bytes})",
                    shape.len_bytes(),
                    shape.sector_count
                ))
                .found(format_args!("{image_len_bytes} bytes"));
            return Err(fail.remedy(format_args!(
                "lengthen the file (truncate -s {} FILE), or leave shared away for a private copy",
                shape.len_bytes()
            )));
        }
        Ok(shape)
    }

    /// Bytes of a sector.
    pub(crate) fn sector_size_bytes(&self) -> u32 {
        self.sector_size_bytes
    }

    /// Number of sectors.
    pub(crate) fn sector_count(&self) -> u64 {
        self.sector_count
    }

    /// Bytes of the medium.
    pub(crate) fn len_bytes(&self) -> usize {
        // `new` has checked it.
        (self.sector_count * u64::from(self.sector_size_bytes)) as usize
    }

    /// Whether a mapping of a file of `file_len_bytes` holds the whole medium: it goes to the end of the file's last
    /// page, with zeroes after the end of the file, and no further.
    pub(crate) fn fits_mapping(&self, file_len_bytes: u64) -> bool {
        self.len_bytes() as u64 <= file_len_bytes.next_multiple_of(SMALLEST_PAGE_BYTES)
    }

    /// Where `sector_count` sectors from `start_sector` on begin, in bytes. Errors: EINVAL outside the medium.
    pub(crate) fn offset_bytes(&self, start_sector: u64, sector_count: u64) -> Result<u64> {
        match start_sector.checked_add(sector_count) {
            Some(end) if end <= self.sector_count => Ok(start_sector * u64::from(self.sector_size_bytes)),
            _ => Err(Fail::new(Errno::EINVAL, "sectors lie outside the RAM disk")
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
    use super::*;

    fn over_image(sectors: u64, sector_size: u32, image_len: u64, access: Access) -> Result<(u64, usize)> {
        let shape = Shape::over_image(sectors, sector_size, Path::new("disk.img"), image_len, access)?;
        Ok((shape.sector_count(), shape.len_bytes()))
    }

    #[test]
    fn an_image_decides_the_number_of_sectors_rounded_up() {
        for (sectors, sector_size, image_len, expected) in [
            (0, 512, 1, (1, 512)),
            (0, 512, 512, (1, 512)),
            (0, 512, 513, (2, 1024)),
            (0, 65_536, 1, (1, 65_536)),
            (7, 512, 513, (7, 3584)),
            (2, 512, 513, (2, 1024)),
        ] {
            for access in [Access::Private, Access::ReadOnly] {
                assert_eq!(over_image(sectors, sector_size, image_len, access).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_shared_image_is_exactly_as_long_as_the_disk() {
        assert_eq!(over_image(0, 512, 1024, Access::Shared).unwrap(), (2, 1024));
        assert_eq!(over_image(2, 512, 1024, Access::Shared).unwrap(), (2, 1024));
        for (sectors, image_len, sentence) in [
            (
                0,
                1000,
                "a shared image must be exactly as long as the disk: disk.img: found 1000 bytes, expected 1024 \
                 bytes (2 sectors of 512); lengthen the file (truncate -s 1024 FILE), or leave shared away for a \
                 private copy (EINVAL)",
            ),
            (
                3,
                1024,
                "a shared image must be exactly as long as the disk: disk.img: found 1024 bytes, expected 1536 \
                 bytes (3 sectors of 512); lengthen the file (truncate -s 1536 FILE), or leave shared away for a \
                 private copy (EINVAL)",
            ),
        ] {
            let fail = over_image(sectors, 512, image_len, Access::Shared).unwrap_err();
            assert_eq!(fail.to_string(), sentence);
        }
    }

    #[test]
    fn too_few_sectors_are_refused() {
        for access in [Access::Private, Access::ReadOnly, Access::Shared] {
            let fail = over_image(2, 512, 1025, access).unwrap_err();
            assert_eq!(
                fail.to_string(),
                "image does not fit into so few sectors: disk.img: found 1025 bytes, expected at most 1024 bytes; \
                 give sectors=3, or leave it away (EINVAL)"
            );
        }
    }

    #[test]
    fn no_medium_is_longer_than_an_address_reaches() {
        let longest = isize::MAX as u64;
        assert_eq!(Shape::new(longest / 512, 512).unwrap().len_bytes(), (longest / 512 * 512) as usize);
        for (sectors, sector_size) in [(longest / 512 + 1, 512), (u64::MAX, 512), (u64::MAX / 2, 65_536)] {
            let fail = Shape::new(sectors, sector_size).unwrap_err();
            assert_eq!(fail.errno(), Errno::EINVAL);
            assert!(fail.to_string().ends_with("; is sectors given in bytes? (EINVAL)"), "{fail}");
        }
    }

    #[test]
    fn only_ranges_inside_the_medium_have_an_offset() {
        let shape = Shape::new(8, 512).unwrap();
        for (start, count, offset) in [(0, 0, 0), (0, 8, 0), (7, 1, 3584), (8, 0, 4096)] {
            assert_eq!(shape.offset_bytes(start, count).unwrap(), offset);
        }
        for (start, count) in [(0, 9), (8, 1), (9, 0), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
            assert_eq!(shape.offset_bytes(start, count).unwrap_err().errno(), Errno::EINVAL);
        }
        assert_eq!(shape.sectors_of(1536).unwrap(), 3);
        assert_eq!(shape.sectors_of(1537).unwrap_err().errno(), Errno::EINVAL);
    }

    #[test]
    fn a_mapping_reaches_to_the_end_of_the_last_page() {
        let disk = |sectors| Shape::new(sectors, 512).unwrap();
        assert!(disk(8).fits_mapping(1));
        assert!(!disk(9).fits_mapping(1));
        assert!(!disk(9).fits_mapping(4096));
        assert!(disk(9).fits_mapping(4097));
    }
}
