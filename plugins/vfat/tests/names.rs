//! Names of all of Unicode: made, listed, found and read again, also by others.

mod common;

use std::collections::BTreeMap;

use common::*;
use nxvfs_sdk::open;
use proptest::prelude::*;

/// Characters of every plane that has any, those before and after the surrogates, and whatever else comes.
fn character() -> impl Strategy<Value = char> {
    let plane = (0_u32..17, 0_u32..0x1_0000)
        .prop_filter_map("no character", |(plane, low)| char::from_u32(plane << 16 | low));
    prop_oneof![
        3 => plane,
        2 => prop::char::range('!', 'z'),
        1 => prop_oneof![Just('\u{d7ff}'), Just('\u{e000}'), Just('\u{ffff}'), Just('\u{10000}'), Just('\u{10ffff}')],
        1 => prop_oneof![Just('ß'), Just('ı'), Just('İ'), Just('ﬁ'), Just('Σ'), Just('ς'), Just('å'), Just('Å')],
    ]
    .prop_filter("no name holds it", |c| *c >= ' ' && !"\"*/:<>?\\|\u{7f}".contains(*c))
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(character(), 1..60)
        .prop_map(|chars| {
            let name: String = chars.into_iter().collect();
            name.trim_end_matches(['.', ' ']).to_owned()
        })
        .prop_filter("nothing is left", |name| !name.is_empty() && name.encode_utf16().count() <= 255)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(60), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_name_comes_back_as_it_was_given(names in prop::collection::vec(name(), 1..30)) {
        let device = empty(Shape::new(1440, 12, 512, 1));
        let volume = mount(&device);
        let dir = volume.mkdir(volume.root(), b"dir", 0).unwrap().node;
        let mut made = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            // A name may equal an earlier one but for case, or its alias.
            if let Ok((found, file)) = volume.create(dir, name.as_bytes(), 0, open::O_RDWR) {
                file.write_at(0, &[at as u8], 0).unwrap();
                drop(file);
                volume.forget(found.node, 1);
                made.insert(name.clone(), at as u8);
            } else {
                prop_assert!(volume.lookup(dir, name.as_bytes()).is_ok(), "{name:?}");
            }
        }
        volume.unmount().unwrap();
        judge(&device.bytes());
        let volume = mount(&device);
        let dir = volume.walk("dir").unwrap().node;
        let mut listed = common::names(&volume, dir);
        listed.sort();
        prop_assert_eq!(&listed, &made.keys().cloned().collect::<Vec<_>>());
        for (name, content) in &made {
            let found = volume.lookup(dir, name.as_bytes()).unwrap();
            prop_assert_eq!(volume.read(found.node).unwrap(), [*content]);
            // By its case folded letter by letter.
            let upper: String = name.chars().map(|c| {
                let mut upper = c.to_uppercase();
                match (upper.next(), upper.next()) {
                    (Some(upper), None) if upper.len_utf16() == 1 && c.len_utf16() == 1 => upper,
                    _ => c,
                }
            }).collect();
            prop_assert_eq!(volume.lookup(dir, upper.as_bytes()).unwrap().node, found.node);
        }
    }
}
