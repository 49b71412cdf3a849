//! Time stamps: local time from 1980 to 2107, in steps of two seconds, or of 10 ms for a birth.

use nxvfs_sdk::Timespec;

/// A date, a time of two seconds' grain, and hundredths of a second up to 199.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Years since 1980, month, day.
    pub date: u16,
    /// Hour, minute, half seconds.
    pub time: u16,
    /// What is finer.
    pub hundredths: u8,
}

const DAY_SECONDS: i64 = 86_400;
/// 1980-01-01 in days since 1970.
const FIRST_DAY: i64 = 3652;
/// 2107-12-31 likewise.
const LAST_DAY: i64 = 50_403;

/// Year, month and day of a number of days since 1970 (Howard Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// The inverse of [`civil`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let y = year - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

impl Stamp {
    /// The stamp of a moment; what lies outside 1980 to 2107 is the first or last one. `zone_seconds`: how far local time
    /// is ahead of UTC.
    pub fn of(moment: Timespec, zone_seconds: i64) -> Self {
        let local = moment.seconds.saturating_add(zone_seconds);
        let (day, second) = (local.div_euclid(DAY_SECONDS), local.rem_euclid(DAY_SECONDS));
        if day < FIRST_DAY {
            return Self { date: 1 << 5 | 1, time: 0, hundredths: 0 };
        }
        if day > LAST_DAY {
            return Self { date: 127 << 9 | 12 << 5 | 31, time: 23 << 11 | 59 << 5 | 29, hundredths: 199 };
        }
        let (year, month, date) = civil(day);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let fine = moment.nanoseconds.min(999_999_999) / 10_000_000;
        Self {
            date: ((year - 1980) << 9 | month << 5 | date) as u16,
            time: (hour << 11 | minute << 5 | (second % 60 / 2)) as u16,
            hundredths: (second % 2 * 100) as u8 + fine as u8,
        }
    }

    /// The moment of a stamp. Fields that cannot be are taken as the nearest that can.
    pub fn moment(self, zone_seconds: i64) -> Timespec {
        let (year, month, day) =
            (1980 + i64::from(self.date >> 9), i64::from(self.date >> 5 & 15), i64::from(self.date & 31));
        let days = days(year, month.clamp(1, 12), day.max(1));
        let (hour, minute, half) = (self.time >> 11, self.time >> 5 & 63, self.time & 31);
        let second =
            i64::from(hour.min(23)) * 3600 + i64::from(minute.min(59)) * 60 + i64::from(half.min(29)) * 2;
        let fine = i64::from(self.hundredths.min(199));
        Timespec {
            seconds: days * DAY_SECONDS + second + fine / 100 - zone_seconds,
            nanoseconds: (fine % 100) as u32 * 10_000_000,
            reserved: 0,
        }
    }

    /// Without what is finer than two seconds.
    pub fn coarse(self) -> Self {
        Self { hundredths: 0, ..self }
    }

    /// The day alone.
    pub fn day(self) -> Self {
        Self { date: self.date, ..Self::default() }
    }
}
