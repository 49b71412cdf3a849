//! The boot sector: where everything lies.

use std::fmt::{self, Display};

use super::{FIRST_CLUSTER, le16, le32};

/// Bytes of a boot sector that are looked at.
pub const BOOT_BYTES: usize = 512;
/// Fewer clusters make a FAT12.
pub const FAT12_CLUSTERS: u32 = 4085;
/// Fewer clusters make a FAT16.
pub const FAT16_CLUSTERS: u32 = 65_525;
/// Most clusters of a FAT32: numbers have 28 bits, the last of which are marks.
pub const FAT32_CLUSTERS_MAX: u32 = 0x0fff_fff5;

/// In the state byte: not unmounted properly.
pub const STATE_DIRTY: u8 = 1;

/// Width of the entries of a file allocation table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 12 bits.
    Fat12,
    /// 16 bits.
    Fat16,
    /// 32 bits, of which 28 count.
    Fat32,
}

impl Kind {
    /// Bits of an entry.
    pub fn bits(self) -> u32 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }

    /// The type of a volume with so many clusters.
    pub fn of(clusters: u32) -> Self {
        match clusters {
            0..FAT12_CLUSTERS => Self::Fat12,
            FAT12_CLUSTERS..FAT16_CLUSTERS => Self::Fat16,
            _ => Self::Fat32,
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAT{}", self.bits())
    }
}

/// Why a boot sector is none, or is damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootFlaw {
    /// What is wrong.
    pub what: &'static str,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// Whether the sector looks like one of FAT at all.
    pub damaged: bool,
}

/// Where everything of a volume lies, in bytes from its start. All numbers are checked against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Width of the table's entries.
    pub kind: Kind,
    /// Bytes of a sector.
    pub sector_bytes: u32,
    /// Bytes of a cluster, as a power of two.
    pub cluster_shift: u32,
    /// Start of the first table.
    pub fat_start: u64,
    /// Bytes of one table.
    pub fat_bytes: u64,
    /// Number of tables.
    pub fat_count: u32,
    /// The only table in use, if they do not mirror each other.
    pub active_fat: Option<u32>,
    /// Start of the fixed root directory; of no meaning on FAT32.
    pub root_start: u64,
    /// Bytes of the fixed root directory; 0 on FAT32.
    pub root_bytes: u32,
    /// First cluster of the root directory on FAT32, else 0.
    pub root_cluster: u32,
    /// Start of cluster 2.
    pub data_start: u64,
    /// Number of clusters.
    pub clusters: u32,
    /// Bytes of the volume.
    pub total_bytes: u64,
    /// Start of the sector with the free count, on FAT32.
    pub fsinfo: Option<u64>,
    /// Start of the copy of the boot sector, on FAT32.
    pub backup: Option<u64>,
    /// Where the state byte lies in the boot sector.
    pub state_at: usize,
    /// The state byte says: not unmounted properly.
    pub dirty: bool,
    /// Number that tells volumes apart.
    pub volume_id: u32,
    /// Label in the boot sector.
    pub label: [u8; 11],
    /// Medium type, which is also in the table's first entry.
    pub media: u8,
}

fn flaw<T>(what: &'static str, expected: impl Display, found: impl Display) -> Result<T, BootFlaw> {
    Err(BootFlaw { what, expected: expected.to_string(), found: found.to_string(), damaged: true })
}

impl Layout {
    /// Reads a boot sector of at least [`BOOT_BYTES`] bytes from a medium of `medium_bytes`.
    pub fn parse(boot: &[u8], medium_bytes: u64) -> Result<Self, BootFlaw> {
        let sector_bytes = u32::from(le16(boot, 11));
        let per_cluster = u32::from(boot[13]);
        let fat_count = u32::from(boot[16]);
        let media = boot[21];
        let plausible = sector_bytes.is_power_of_two()
            && (512..=4096).contains(&sector_bytes)
            && per_cluster.is_power_of_two()
            && fat_count != 0
            && (media == 0xf0 || media >= 0xf8);
        if !plausible {
            return Err(BootFlaw {
                what: "no FAT boot sector",
                expected: "a sector size of 512 to 4096 bytes, a cluster size, and at least one table"
                    .to_owned(),
                found: format!(
                    "sectors of {sector_bytes} bytes, {per_cluster} in a cluster, {fat_count} tables, medium {media:#04x}"
                ),
                damaged: false,
            });
        }
        let reserved = u32::from(le16(boot, 14));
        if reserved == 0 {
            return flaw("no reserved sector", "1 or more", 0);
        }
        let sector = u64::from(sector_bytes);
        let short_total = u32::from(le16(boot, 19));
        let total = if short_total != 0 { short_total } else { le32(boot, 32) };
        let total_bytes = u64::from(total) * sector;
        if total_bytes > medium_bytes {
            return flaw(
                "the volume is longer than its medium",
                format_args!("at most {medium_bytes} bytes"),
                total_bytes,
            );
        }
        let short_fat = u32::from(le16(boot, 22));
        let wide = short_fat == 0;
        let fat_sectors = if wide { le32(boot, 36) } else { short_fat };
        if fat_sectors == 0 {
            return flaw("the file allocation table has no sectors", "1 or more", 0);
        }
        let root_entries = u32::from(le16(boot, 17));
        if !wide && (root_entries == 0 || root_entries * 32 % sector_bytes != 0) {
            return flaw(
                "the root directory does not fill its sectors",
                format_args!("a multiple of {}", sector_bytes / 32),
                root_entries,
            );
        }
        let root_bytes = if wide { 0 } else { root_entries * 32 };
        let cluster_bytes = sector_bytes * per_cluster;
        let fat_start = u64::from(reserved) * sector;
        let fat_bytes = u64::from(fat_sectors) * sector;
        let root_start = fat_start + fat_bytes * u64::from(fat_count);
        // On FAT32 mkfs may still state entries; they take no room there.
        let data_start = root_start + u64::from(root_bytes);
        if data_start >= total_bytes {
            return flaw("no room for files", format_args!("more than {data_start} bytes"), total_bytes);
        }
        let fits = (total_bytes - data_start) / u64::from(cluster_bytes);
        let bits = if wide { 32 } else { Kind::of(fits.min(u64::from(u32::MAX)) as u32).bits().min(16) };
        let entries = fat_bytes * 8 / u64::from(bits);
        let most = u64::from(FAT32_CLUSTERS_MAX);
        // Linux counts no clusters that the table has no entry for.
        let clusters = fits.min(entries.saturating_sub(2)).min(most) as u32;
        if clusters == 0 {
            return flaw("no room for files", "at least one cluster", 0);
        }
        if !wide && fits >= u64::from(FAT16_CLUSTERS) {
            return flaw("too many clusters for a FAT16", format_args!("fewer than {FAT16_CLUSTERS}"), fits);
        }
        let kind = if wide { Kind::Fat32 } else { Kind::of(fits as u32) };
        let tail = if wide { 28 } else { 0 };
        let state_at = 37 + tail;
        let signed = boot[38 + tail] == 0x29;
        let mut label = [b' '; 11];
        if signed {
            label.copy_from_slice(&boot[43 + tail..54 + tail]);
        }
        let mut layout = Self {
            kind,
            sector_bytes,
            cluster_shift: cluster_bytes.trailing_zeros(),
            fat_start,
            fat_bytes,
            fat_count,
            active_fat: None,
            root_start,
            root_bytes,
            root_cluster: 0,
            data_start,
            clusters,
            total_bytes,
            fsinfo: None,
            backup: None,
            state_at,
            dirty: boot[state_at] & STATE_DIRTY != 0,
            volume_id: if signed { le32(boot, 39 + tail) } else { 0 },
            label,
            media,
        };
        if wide {
            layout.widen(boot, reserved)?;
        }
        Ok(layout)
    }

    /// What only a FAT32 states.
    fn widen(&mut self, boot: &[u8], reserved: u32) -> Result<(), BootFlaw> {
        let flags = le16(boot, 40);
        if flags & 0x80 != 0 {
            let active = u32::from(flags & 0xf);
            if active >= self.fat_count {
                return flaw(
                    "the table in use does not exist",
                    format_args!("below {}", self.fat_count),
                    active,
                );
            }
            self.active_fat = Some(active);
        }
        let version = le16(boot, 42);
        if version != 0 {
            return flaw(
                "unknown version of FAT32",
                "0.0",
                format_args!("{}.{}", version >> 8, version & 0xff),
            );
        }
        self.root_cluster = le32(boot, 44) & 0x0fff_ffff;
        if !self.holds(self.root_cluster) {
            return flaw(
                "the root directory begins outside the volume",
                format_args!("a cluster from 2 to {}", self.clusters + 1),
                self.root_cluster,
            );
        }
        let place = |sector: u16| {
            let inside = sector != 0 && u32::from(sector) < reserved;
            inside.then(|| u64::from(sector) * u64::from(self.sector_bytes))
        };
        (self.fsinfo, self.backup) = (place(le16(boot, 48)), place(le16(boot, 50)));
        Ok(())
    }

    /// Whether there is a cluster of this number.
    pub fn holds(&self, cluster: u32) -> bool {
        cluster >= FIRST_CLUSTER && cluster - FIRST_CLUSTER < self.clusters
    }

    /// Where a cluster begins, in bytes of the volume.
    pub fn cluster_start(&self, cluster: u32) -> u64 {
        self.data_start + (u64::from(cluster - FIRST_CLUSTER) << self.cluster_shift)
    }

    /// Bytes of a cluster.
    pub fn cluster_bytes(&self) -> u32 {
        1 << self.cluster_shift
    }

    /// Clusters that hold so many bytes.
    pub fn clusters_for(&self, bytes: u64) -> u32 {
        bytes.div_ceil(u64::from(self.cluster_bytes())).min(u64::from(u32::MAX)) as u32
    }
}
