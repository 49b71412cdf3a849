//! Where everything of a new volume goes.

use nxvfs_sdk::{Errno, Fail, Result};

use crate::format::Kind;

/// Most clusters of each type that mkfs.fat makes, and fewest: clear of the numbers at which others count differently.
const CLUSTERS_12: (u64, u64) = (1, 0xff4);
const CLUSTERS_16: (u64, u64) = (4087, 0xfff4);
const CLUSTERS_32: (u64, u64) = (65_529, 0x0fff_fff6);
/// Most sectors of a cluster.
const PER_CLUSTER_MAX: u32 = 128;
/// Volumes of up to so many sectors are laid out as floppies were: nothing is rounded to clusters.
const SMALL_SECTORS: u64 = 8192;

/// What the user asked for; 0 lets us choose.
pub(super) struct Wish {
    pub(super) kind: Option<Kind>,
    pub(super) sector_bytes: u32,
    pub(super) per_cluster: u32,
    pub(super) reserved: u32,
    pub(super) fats: u32,
    pub(super) root_entries: u32,
    pub(super) media: Option<u8>,
    pub(super) hidden: u32,
    /// Tables and root directory fill whole clusters.
    pub(super) rounded: bool,
    /// The data area begins at a multiple; 0 or less than a sector for anywhere.
    pub(super) align_bytes: u32,
    pub(super) medium_bytes: u64,
}

/// The layout, in sectors.
pub(super) struct Plan {
    pub(super) kind: Kind,
    pub(super) sector_bytes: u32,
    pub(super) per_cluster: u32,
    pub(super) reserved: u32,
    pub(super) fats: u32,
    pub(super) fat_sectors: u32,
    pub(super) root_entries: u32,
    pub(super) total: u32,
    pub(super) clusters: u32,
    pub(super) media: u8,
    pub(super) hidden: u32,
    pub(super) track_sectors: u16,
    pub(super) heads: u16,
}

/// Sectors of a track, heads, medium, sectors of a cluster and root entries of the floppies that mkfs.fat knows, by KiB.
const FLOPPIES: [(u64, u16, u8, u32, u32); 5] = [
    (360, 9, 0xfd, 2, 112),
    (720, 9, 0xf9, 2, 112),
    (1200, 15, 0xf9, 1, 224),
    (1440, 18, 0xf0, 1, 224),
    (2880, 36, 0xf0, 2, 224),
];

/// Track and heads by the size in MiB up to which they hold: the recommendation for memory cards.
const GEOMETRIES: [(u64, u16, u16); 10] = [
    (2, 16, 2),
    (16, 32, 2),
    (32, 32, 4),
    (128, 32, 8),
    (256, 32, 16),
    (504, 63, 16),
    (1008, 63, 32),
    (2016, 63, 64),
    (4032, 63, 128),
    (u64::MAX, 63, 255),
];

/// How the sectors are shared out for a size of cluster.
struct Share {
    fat_sectors: u64,
    clusters: u64,
}

impl Plan {
    /// Errors: EINVAL if it cannot be done.
    pub(super) fn new(wish: &Wish) -> Result<Self> {
        let sector = u64::from(wish.sector_bytes);
        let kib = wish.medium_bytes / 1024;
        let floppy = FLOPPIES.iter().find(|floppy| floppy.0 * 1024 == wish.medium_bytes && sector == 512);
        let mib = wish.medium_bytes.div_ceil(1 << 20);
        // The tables of tracks count sectors, and take them for short ones.
        let short_mib = (wish.medium_bytes / sector).div_ceil(2048);
        let card = GEOMETRIES.iter().find(|card| short_mib <= card.0).unwrap_or(&GEOMETRIES[9]);
        let (track, heads) = floppy.map_or((card.1, card.2), |floppy| (floppy.1, 2));
        // Whole tracks: DOS and mtools want them.
        let total = wish.medium_bytes / sector / u64::from(track) * u64::from(track);
        let total = u32::try_from(total).map_err(|_| too("large", kib))?;
        let wide = wish.kind.map_or(floppy.is_none() && kib >= 512 * 1024, |kind| kind == Kind::Fat32);
        let rounded = wish.rounded && u64::from(total) > SMALL_SECTORS;
        let mut per_cluster = match wish.per_cluster {
            0 if wide => by_size(mib),
            0 => floppy.map_or(4, |floppy| floppy.3),
            given => given,
        };
        let reserved = match wish.reserved {
            0 if wide => 32,
            0 => 1,
            given => given.max(if wide { 8 } else { 1 }),
        };
        let entries = match wish.root_entries {
            _ if wide => 0,
            0 => floppy.map_or(512, |floppy| floppy.4),
            given => given,
        };
        let most = if wish.per_cluster == 0 { PER_CLUSTER_MAX } else { per_cluster };
        loop {
            let round =
                |sectors: u64| if rounded { sectors.next_multiple_of(per_cluster.into()) } else { sectors };
            let root_sectors = round((u64::from(entries) * 32).div_ceil(sector));
            let mut reserved = round(reserved.into());
            let candidates: &[Kind] = match wish.kind {
                Some(Kind::Fat12) => &[Kind::Fat12],
                Some(Kind::Fat16) => &[Kind::Fat16],
                _ if wide => &[Kind::Fat32],
                _ => &[Kind::Fat16, Kind::Fat12],
            };
            for kind in candidates {
                let forced = wish.kind.is_some();
                let fixed = |reserved: u64| reserved + root_sectors;
                let share = |reserved: u64| {
                    share(
                        *kind,
                        u64::from(total),
                        fixed(reserved),
                        per_cluster,
                        wish.fats,
                        sector,
                        &round,
                        forced,
                    )
                };
                let Some(first) = share(reserved) else { continue };
                let mut found = first;
                if u64::from(wish.align_bytes) > sector {
                    let start = fixed(reserved) + found.fat_sectors * u64::from(wish.fats);
                    let unit = u64::from(wish.align_bytes) / sector;
                    let aligned = reserved + (start.next_multiple_of(unit) - start);
                    // The tables keep their length, so that the sum stays right.
                    let Some(again) = share(aligned) else { continue };
                    let clusters = (u64::from(total)
                        .saturating_sub(fixed(aligned) + found.fat_sectors * u64::from(wish.fats)))
                        / u64::from(per_cluster);
                    if again.clusters == 0
                        || clusters == 0
                        || Kind::of(clusters as u32) != Kind::of(found.clusters as u32)
                    {
                        continue;
                    }
                    (reserved, found.clusters) = (aligned, clusters);
                }
                if reserved > 0xffff {
                    return Err(Fail::new(Errno::EINVAL, "too many reserved sectors")
                        .expected("at most 65535")
                        .found(reserved));
                }
                return Ok(Self {
                    kind: *kind,
                    sector_bytes: wish.sector_bytes,
                    per_cluster,
                    reserved: reserved as u32,
                    fats: wish.fats,
                    fat_sectors: u32::try_from(found.fat_sectors).map_err(|_| too("large", kib))?,
                    root_entries: (root_sectors * sector / 32) as u32,
                    total,
                    clusters: found.clusters as u32,
                    media: wish.media.unwrap_or_else(|| floppy.map_or(0xf8, |floppy| floppy.2)),
                    hidden: wish.hidden,
                    track_sectors: track,
                    heads,
                });
            }
            per_cluster *= 2;
            if per_cluster > most {
                return Err(match wish.kind {
                    Some(kind) => {
                        Fail::new(Errno::EINVAL, format_args!("no {kind} can be made with these options"))
                            .found(format_args!("a medium of {kib} KiB"))
                            .remedy("leave out F or s")
                    }
                    None => too(if mib < 2 { "small" } else { "large" }, kib),
                });
            }
        }
    }
}

fn too(how: &str, kib: u64) -> Fail {
    Fail::new(Errno::EINVAL, format_args!("the medium is too {how} for these options"))
        .found(format_args!("{kib} KiB"))
}

/// Sectors of a cluster of a FAT32, by the volume's size in MiB.
fn by_size(mib: u64) -> u32 {
    match mib {
        0..=260 => 1,
        261..=8192 => 8,
        8193..=16_384 => 16,
        16_385..=32_768 => 32,
        _ => 64,
    }
}

/// The length of the tables and the number of clusters. `None` if the type cannot have so many or so few.
#[allow(clippy::too_many_arguments, reason = "what a layout depends on")]
fn share(
    kind: Kind,
    total: u64,
    fixed: u64,
    per_cluster: u32,
    fats: u32,
    sector: u64,
    round: &dyn Fn(u64) -> u64,
    forced: bool,
) -> Option<Share> {
    let data = total.checked_sub(fixed)?;
    let (per, fats) = (u64::from(per_cluster), u64::from(fats));
    // The first two entries of each table are marks.
    let (clusters, fat_bytes): (u64, fn(u64) -> u64) = match kind {
        Kind::Fat12 => {
            (2 * (data * sector + fats * 3) / (2 * per * sector + fats * 3), |c| ((c + 2) * 3).div_ceil(2))
        }
        Kind::Fat16 => ((data * sector + fats * 4) / (per * sector + fats * 2), |c| (c + 2) * 2),
        Kind::Fat32 => ((data * sector + fats * 8) / (per * sector + fats * 4), |c| (c + 2) * 4),
    };
    let fat_sectors = round(fat_bytes(clusters).div_ceil(sector));
    let clusters = data.checked_sub(fats * fat_sectors)? / per;
    let (least, most) = match kind {
        Kind::Fat12 => CLUSTERS_12,
        Kind::Fat16 => CLUSTERS_16,
        // Whoever asks for a FAT32 gets one, as from mkfs.fat.
        Kind::Fat32 => (if forced { 1 } else { CLUSTERS_32.0 }, CLUSTERS_32.1),
    };
    let entries = fat_sectors * sector * 8 / u64::from(kind.bits());
    (clusters >= least && clusters <= most.min(entries)).then_some(Share { fat_sectors, clusters })
}
