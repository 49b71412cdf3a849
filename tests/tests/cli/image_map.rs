//! What an image is, in numbers and as a picture.

use std::fs;

use nxvfs_tests::tool::{blank, mkfs_fat, text};

use super::run::{Rom, run};

#[test]
fn info_counts_files_pieces_and_what_can_be_mapped() {
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("fat.img");
    mkfs_fat(&image, 1440, &["-F", "12", "-n", "A LABEL"]);
    let piece = dir.path().join("piece");
    fs::write(&piece, vec![1; 512 * 100]).unwrap();
    let rest = dir.path().join("rest");
    fs::write(&rest, vec![2; 512 * 2600]).unwrap();
    for name in ["/one", "/two", "/three"] {
        run(&["image", "put", text(&image), text(&piece), name]).ok();
    }
    run(&["image", "rm", text(&image), "/one", "/three"]).ok();
    run(&["image", "put", text(&image), text(&rest), "/rest"]).ok();
    run(&["image", "mkdir", text(&image), "/d"]).ok();
    let info = run(&["image", "info", "--json", text(&image)]).json();
    let number = |name: &str| info[name].as_u64().unwrap_or_else(|| panic!("{name}: {info}"));
    assert_eq!((&info["fs"], &info["label"]), (&"vfat".into(), &"A LABEL".into()));
    assert!(info["partition"].is_null());
    assert_eq!(
        (number("image_bytes"), number("sectors"), number("sector_size_bytes")),
        (1_474_560, 2880, 512)
    );
    assert_eq!((number("files"), number("directories"), number("content_bytes")), (2, 2, 512 * 2700));
    assert_eq!(number("fragmented_files"), 1, "{info}");
    assert!(number("extents") >= 4, "the two holes and what is behind: {info}");
    assert_eq!((number("mappable_files"), number("mappable_bytes")), (1, 512 * 100), "{info}");
    assert!(info["reason"].as_str().unwrap().contains("pieces"), "{info}");
    assert_eq!(number("used_bytes") + number("available_bytes"), number("size_bytes"));
    let told = run(&["image", "info", text(&image)]).ok();
    assert!(told.contains("volume     vfat 'A LABEL', 2880 sectors of 512 bytes\n"), "{told}");
    assert!(told.contains("1 files lie in several pieces"), "{told}");
}

/// The XML elements and attributes of a picture, checked as far as a browser would: all that is opened is closed, and
/// there is no character that ends something early.
fn titles(svg: &str) -> Vec<String> {
    let (mut open, mut titles, mut rest) = (Vec::new(), Vec::new(), svg);
    while let Some(at) = rest.find('<') {
        let text = &rest[..at];
        assert!(!text.contains('>'), "{text}");
        for entity in text.split('&').skip(1) {
            assert!(
                ["amp;", "lt;", "gt;", "quot;"].iter().any(|known| entity.starts_with(known)),
                "&{entity}"
            );
        }
        if open.last() == Some(&"title") {
            titles.push(text.to_owned());
        }
        let end = at + rest[at..].find('>').expect("an element ends");
        let element = &rest[at + 1..end];
        assert_eq!(element.matches('"').count() % 2, 0, "{element}");
        let name = element.split([' ', '/']).find(|word| !word.is_empty()).unwrap();
        if element.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !element.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty() && !svg.chars().any(|c| c.is_control() && c != '\n'));
    titles
}

#[test]
fn the_picture_shows_every_file_with_its_place() {
    let rom = Rom::new();
    fs::write(rom.tree.join("<&\"\u{1b}[2J>"), vec![1; 5000]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (image, picture) = (dir.path().join("rom.img"), dir.path().join("map.svg"));
    run(&["mkfs", "-t", "romfs", "-o", text(&image), "-a", "4096", text(&rom.tree)]).ok();
    assert_eq!(run(&["image", "map", text(&image), "-o", text(&picture)]).ok(), "");
    let svg = fs::read_to_string(&picture).unwrap();
    let titles = titles(&svg);
    let of = |path: &str| titles.iter().any(|title| title.contains(&format!("{path}: ")));
    for path in ["/hello.txt", "/sub/big.bin", "/sub/deep/x", "/sub.txt", "/&lt;&amp;&quot;\u{fffd}[2J&gt;"] {
        assert!(of(path), "{path}: {titles:?}");
    }
    assert!(titles.iter().any(|title| title.contains("80000 bytes, mapped in place")), "{titles:?}");
    assert!(titles.iter().any(|title| title.starts_with("metadata: ")), "{titles:?}");
    let before = fs::read(&image).unwrap();
    let said = run(&["image", "map", text(&image), "-o", text(&image)]).failed();
    assert!(said.contains("would replace the image") && fs::read(&image).unwrap() == before, "{said}");
    assert!(run(&["image", "map", text(&image), "-o", "/none/x.svg"]).failed().contains("(ENOENT)"));
}

#[test]
fn what_a_removed_file_left_is_unused_and_not_metadata() {
    let dir = tempfile::tempdir().unwrap();
    let (image, picture) = (dir.path().join("fat.img"), dir.path().join("map.svg"));
    mkfs_fat(&image, 1440, &["-F", "12"]);
    let file = dir.path().join("file");
    fs::write(&file, vec![0x77; 512 * 200]).unwrap();
    for name in ["/a", "/b", "/c"] {
        run(&["image", "put", text(&image), text(&file), name]).ok();
    }
    run(&["image", "rm", text(&image), "/b"]).ok();
    run(&["image", "map", text(&image), "-o", text(&picture)]).ok();
    let titles = titles(&fs::read_to_string(&picture).unwrap());
    let metadata =
        titles.iter().filter_map(|t| t.strip_prefix("metadata: ")?.split(' ').next()?.parse::<u64>().ok());
    // The boot sector, the tables and the root directory.
    assert_eq!(metadata.sum::<u64>(), 33 * 512, "{titles:?}");
    assert!(titles.iter().any(|title| title.starts_with("unused: ")), "{titles:?}");
}

#[test]
fn ten_thousand_files_are_a_tree_and_a_picture_of_bounded_size() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    for number in 0..10_000 {
        let folder = tree.join(format!("folder {}", number / 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("file {number:05}")), vec![7; number % 3000]).unwrap();
    }
    let (image, picture) = (dir.path().join("rom.img"), dir.path().join("map.svg"));
    run(&["mkfs", "-t", "romfs", "-o", text(&image), text(&tree)]).ok();
    let told = run(&["image", "tree", text(&image)]).ok();
    assert!(told.ends_with("\n\n100 directories, 10000 files\n"));
    assert_eq!(told.lines().count(), 1 + 100 + 10_000 + 2);
    assert!(told.contains("\n│   ├── file 00042\n"));
    run(&["image", "map", text(&image), "-o", text(&picture)]).ok();
    let svg = fs::read_to_string(&picture).unwrap();
    assert!(svg.len() < 16 << 20, "{} bytes", svg.len());
    assert!(titles(&svg).iter().any(|title| title.contains("file 09999")));
    assert!(run(&["image", "check", text(&image)]).ok().contains("clean"));
}

#[test]
fn a_damaged_file_is_told_and_the_others_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let (image, picture) = (dir.path().join("fat.img"), dir.path().join("map.svg"));
    mkfs_fat(&image, 1440, &["-F", "12"]);
    let file = dir.path().join("file");
    fs::write(&file, vec![1; 5000]).unwrap();
    for name in ["/a", "/b"] {
        run(&["image", "put", text(&image), text(&file), name]).ok();
    }
    // The second begins where the first does.
    let mut bytes = fs::read(&image).unwrap();
    let root = 19 * 512;
    let entry =
        (0..16).map(|n| root + n * 32).filter(|at| bytes[at + 11] != 15 && bytes[*at] != 0).nth(1).unwrap();
    let first = (0..16).map(|n| root + n * 32).find(|at| bytes[at + 11] != 15).unwrap();
    let cluster = [bytes[first + 26], bytes[first + 27]];
    bytes[entry + 26..entry + 28].copy_from_slice(&cluster);
    fs::write(&image, bytes).unwrap();
    let said = run(&["image", "map", text(&image), "-o", text(&picture)]).failed();
    assert!(said.contains("belongs to another file too"), "{said}");
    let titles = titles(&fs::read_to_string(&picture).unwrap());
    assert!(titles.iter().any(|title| title.contains("/a: 5000 bytes")), "{titles:?}");
    blank(&image, 4096);
    assert!(run(&["image", "map", text(&image), "-o", text(&picture)]).failed().contains("no file system"));
}
