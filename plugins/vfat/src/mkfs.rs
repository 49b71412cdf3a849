//! An empty volume, laid out as mkfs.fat does for the same options; the data area besides aligned, so that files can be
//! mapped in place for writing.

mod plan;
mod write;

use nxvfs_sdk::{Errno, Fail, Mount, Params, Result, now};

use crate::format::Kind;
use crate::format::shortname::label;
use crate::options::{codepage, refused};
use plan::{Plan, Wish};

/// The number of a volume: that of the option, in hexadecimal as mkfs.fat takes it, or one made of the time.
fn volume_id(params: &Params<'_>) -> Result<u32> {
    let given = params.str("i");
    if given.is_empty() {
        let now = now();
        return Ok((now.seconds as u32).rotate_left(12) ^ now.nanoseconds);
    }
    let digits = given.strip_prefix("0x").unwrap_or(given);
    u32::from_str_radix(digits, 16)
        .map_err(|_| refused("i", "a hexadecimal number of up to eight digits", given))
}

/// A number in a range; 0 lets us choose.
fn number(params: &Params<'_>, name: &str, most: u32) -> Result<u32> {
    let given = params.uint(name);
    let number = u32::try_from(given).ok().filter(|number| *number <= most);
    number.ok_or_else(|| refused(name, &format!("0 to {most}"), given))
}

fn power(params: &Params<'_>, name: &str, least: u32, most: u32) -> Result<u32> {
    let given = number(params, name, most)?;
    if given == 0 || given >= least && given.is_power_of_two() {
        return Ok(given);
    }
    Err(refused(name, &format!("a power of two from {least} to {most}"), given))
}

/// Makes an empty volume. Errors: EINVAL for options that cannot be met, EROFS, EIO.
pub(crate) fn format(mount: &Mount<'_>) -> Result<()> {
    let params = mount.params();
    let medium = mount.medium()?;
    if mount.read_only() || !medium.writable() {
        return Err(Errno::EROFS.into());
    }
    let kind = match params.uint("F") {
        0 => None,
        12 => Some(Kind::Fat12),
        16 => Some(Kind::Fat16),
        32 => Some(Kind::Fat32),
        other => return Err(refused("F", "12, 16 or 32", other)),
    };
    let device_sector = medium.geometry().sector_size_bytes;
    let sector_bytes = match power(params, "S", 512, 4096)? {
        0 if device_sector > 4096 => {
            return Err(Fail::new(Errno::EINVAL, "sectors of the device are too long for FAT")
                .expected("512 to 4096 bytes")
                .found(device_sector));
        }
        0 => device_sector,
        given => given,
    };
    let align = params.size("align");
    if align > 1 << 20 || align != 0 && !align.is_power_of_two() {
        return Err(refused("align", "a power of two up to 1M, or 0", align));
    }
    let text = params.str("n");
    let page = codepage(params)?;
    let label = (!text.is_empty())
        .then(|| {
            label(text, page).ok_or_else(|| refused("n", "up to eleven characters of a short name", text))
        })
        .transpose()?;
    let wish = Wish {
        kind,
        sector_bytes,
        per_cluster: power(params, "s", 1, 128)?,
        reserved: number(params, "R", 0xffff)?,
        fats: match number(params, "f", 4)? {
            0 => 2,
            given => given,
        },
        root_entries: number(params, "r", 0xffff)?,
        media: match number(params, "M", 0xff)? {
            0 => None,
            given @ (0xf0 | 0xf8..) => Some(given as u8),
            other => return Err(refused("M", "0xf0, or 0xf8 to 0xff", format_args!("{other:#x}"))),
        },
        hidden: number(params, "h", u32::MAX)?,
        rounded: !params.bool("a"),
        align_bytes: align as u32,
        medium_bytes: medium.len_bytes(),
    };
    let plan = Plan::new(&wish)?;
    log::info!("{}, {} clusters of {} bytes", plan.kind, plan.clusters, plan.per_cluster * plan.sector_bytes);
    write::write(medium, &plan, volume_id(params)?, label)
}
