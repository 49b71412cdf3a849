//! The format alone: every encoding is undone by its decoding, and nothing made of foreign bytes panics.

use nxvfs_sdk::Timespec;
use nxvfs_vfat::format::codepage::Codepage;
use nxvfs_vfat::format::entry::{Entry, SLOT_BYTES, slot_kind};
use nxvfs_vfat::format::fsinfo::{FSINFO_BYTES, FsInfo};
use nxvfs_vfat::format::longname::{Gather, checksum, put, slots_for};
use nxvfs_vfat::format::shortname::{Basis, Mode, plain, show};
use nxvfs_vfat::format::table::Link;
use nxvfs_vfat::format::time::Stamp;
use nxvfs_vfat::format::unicode::{Name, NameFlaw, Units};
use nxvfs_vfat::format::{Kind, Layout};
use proptest::prelude::*;

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Fat12), Just(Kind::Fat16), Just(Kind::Fat32)]
}

fn shown(short: &[u8; 11], flags: u8) -> String {
    let mut name = Name::default();
    show(short, flags, Codepage::Cp437, Mode::Mixed, &mut name);
    name.text()
}

fn units(name: &str) -> Units {
    Units::from_utf8(name.as_bytes()).unwrap()
}

proptest! {
    #[test]
    fn a_table_entry_keeps_its_neighbours(kind in kinds(), cluster in 2_u32..200, value in 0_u32..0x0fff_ffff, fill in any::<u8>()) {
        let value = value & ((1_u64 << kind.bits().min(28)) - 1) as u32;
        let mut table = vec![fill; 1024];
        let at = |cluster| kind.entry_at(cluster) as usize;
        let before: Vec<u32> = (2..202).map(|c| kind.get(&table, at(c), c)).collect();
        kind.set(&mut table, at(cluster), cluster, value);
        for other in 2..202 {
            let expected = if other == cluster { value } else { before[other as usize - 2] };
            prop_assert_eq!(kind.get(&table, at(other), other), expected);
        }
    }

    #[test]
    fn a_long_name_comes_back(name in "[^\\x00-\\x1f/\\\\:*?\"<>|]{1,255}", short in any::<[u8; 11]>()) {
        let Ok(long) = Units::from_utf8(name.as_bytes()) else { return Ok(()) };
        let count = slots_for(long.units().len());
        let mut slots = vec![0; count * SLOT_BYTES];
        put(&mut slots, long.units(), checksum(&short));
        let mut gather = Gather::default();
        for slot in slots.chunks(SLOT_BYTES) {
            prop_assert!(gather.piece(slot));
        }
        let (pieces, back) = gather.finish(&short).unwrap();
        prop_assert_eq!((pieces, back), (count, long.units()));
        let mut utf8 = Name::default();
        utf8.push_units(back);
        prop_assert_eq!(utf8.bytes(), name.as_bytes());
    }

    #[test]
    fn foreign_slots_are_decoded_whatever_they_hold(slots in proptest::collection::vec(any::<[u8; 32]>(), 0..64)) {
        let mut gather = Gather::default();
        for slot in &slots {
            let _ = slot_kind(slot);
            gather.piece(slot);
            let entry = Entry::parse(slot, true);
            let _ = (entry.born.moment(0), shown(&entry.name, entry.flags));
            let _ = gather.finish(&entry.name);
        }
    }

    #[test]
    fn a_foreign_boot_sector_is_refused_or_consistent(boot in proptest::collection::vec(any::<u8>(), 512), medium in 0_u64..1 << 40) {
        if let Ok(layout) = Layout::parse(&boot, medium) {
            let last = layout.cluster_start(layout.clusters + 1) + u64::from(layout.cluster_bytes());
            prop_assert!(last <= layout.total_bytes && layout.total_bytes <= medium);
        }
    }

    #[test]
    fn an_entry_comes_back(slot in any::<[u8; 32]>()) {
        let entry = Entry::parse(&slot, true);
        let mut back = [0; 32];
        entry.put(&mut back, true);
        prop_assert_eq!(Entry::parse(&back, true), entry);
    }

    #[test]
    fn a_time_stamp_holds_two_seconds_and_a_birth_ten_milliseconds(seconds in 315_532_800_i64 + 90_000..4_354_819_199 - 90_000, nanoseconds in 0_u32..1_000_000_000, zone in -86_000_i64..86_000) {
        let stamp = Stamp::of(Timespec { seconds, nanoseconds, reserved: 0 }, zone);
        let back = stamp.moment(zone);
        prop_assert_eq!((back.seconds, back.nanoseconds), (seconds, nanoseconds / 10_000_000 * 10_000_000));
        let coarse = stamp.coarse().moment(zone);
        prop_assert!(coarse.seconds <= seconds && seconds - coarse.seconds < 2);
    }

    #[test]
    fn an_alias_is_a_legal_short_name(name in "[^\\x00-\\x1f/\\\\:*?\"<>|]{1,60}", hash in any::<u16>(), number in 1_u32..10) {
        let mut long = units(&name);
        long.trim();
        prop_assume!(long.verify().is_ok());
        let basis = Basis::new(long.units(), Codepage::Cp850);
        for alias in [Some(basis.numbered(number)), Some(basis.hashed(hash, number)), basis.whole()].into_iter().flatten() {
            let shown = shown(&alias, 0);
            prop_assert!(alias[0] != b' ' && alias[0] != 0xe5 && !shown.is_empty());
            prop_assert!(alias.iter().all(|byte| *byte >= b' ' && !byte.is_ascii_lowercase() || *byte == 5));
        }
    }

    #[test]
    fn foreign_bytes_are_a_name_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        match Units::from_utf8(&bytes) {
            Ok(units) => {
                let mut back = Name::default();
                back.push_units(units.units());
                if !bytes.iter().any(|byte| matches!(byte, 0 | b'/')) {
                    prop_assert_eq!(back.bytes(), &bytes[..]);
                }
            }
            Err(flaw) => prop_assert!(matches!(flaw, NameFlaw::NotUtf8 | NameFlaw::TooLong)),
        }
    }

    #[test]
    fn the_free_count_comes_back(free in any::<u32>(), next in any::<u32>()) {
        let mut sector = [0; FSINFO_BYTES];
        FsInfo { free, next }.put(&mut sector);
        prop_assert_eq!(FsInfo::parse(&sector), Some(FsInfo { free, next }));
    }
}

#[test]
fn a_lone_surrogate_stays_a_name_that_can_be_told_and_not_given() {
    let mut name = Name::default();
    name.push_units(&[0x61, 0xd800, 0x62]);
    let back = Units::from_utf8(name.bytes()).unwrap();
    assert_eq!(back.units(), [0x61, 0xd800, 0x62]);
    assert_eq!(back.verify(), Err(NameFlaw::Illegal));
}

#[test]
fn marks_of_the_table_are_told_apart() {
    for (kind, bad, end) in
        [(Kind::Fat12, 0xff7, 0xff8), (Kind::Fat16, 0xfff7, 0xfff8), (Kind::Fat32, 0x0fff_fff7, 0x0fff_fff8)]
    {
        assert_eq!(kind.link(0), Link::Free);
        assert_eq!(kind.link(5), Link::Next(5));
        assert_eq!((kind.link(bad), kind.link(end)), (Link::Bad, Link::End));
    }
}

#[test]
fn names_of_eight_and_three_need_no_long_name() {
    let name =
        |text: &str, flagged| plain(units(text).units(), flagged).map(|(short, flags)| shown(&short, flags));
    assert_eq!(name("README.TXT", false).as_deref(), Some("README.TXT"));
    assert_eq!(name("readme.TXT", true).as_deref(), Some("readme.TXT"));
    for long in
        ["readme.txt", "Readme.TXT", "A B", "A.B.C", ".PROFILE", "NINECHARS", "A.LONG", "A+B", "É", "A."]
    {
        assert_eq!(name(long, false), None, "{long}");
    }
}

#[test]
fn aliases_are_those_of_windows() {
    let alias = |text: &str| shown(&Basis::new(units(text).units(), Codepage::Cp437).numbered(1), 0);
    assert_eq!(alias("Program Files"), "PROGRA~1");
    assert_eq!(alias("TextFile.Mine.txt"), "TEXTFI~1.TXT");
    assert_eq!(alias(".login"), "LOGIN~1");
    assert_eq!(alias("ver +1.2.text"), "VER_12~1.TEX");
    assert_eq!(alias("日本語.txt"), "___~1.TXT");
    let hashed = Basis::new(units("TextFile.Mine.txt").units(), Codepage::Cp437).hashed(0xab12, 1);
    assert_eq!(shown(&hashed, 0), "TEAB12~1.TXT");
}

#[test]
fn what_lies_outside_the_years_of_a_stamp_is_the_nearest() {
    let stamp = |seconds| Stamp::of(Timespec { seconds, nanoseconds: 0, reserved: 0 }, 0);
    assert_eq!(stamp(0).moment(0).seconds, 315_532_800);
    assert_eq!(stamp(i64::MAX).date >> 9, 127);
    assert_eq!(stamp(i64::MIN).date, 0x21);
    let wrong = Stamp { date: u16::MAX, time: u16::MAX, hundredths: u8::MAX };
    assert!(wrong.moment(0).seconds > 0);
}
