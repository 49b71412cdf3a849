//! The demonstration does what it says.

use super::run::{Link, both, nxvfs, root};

fn demo(link: Link, flags: &[&str]) -> String {
    let mut program = nxvfs();
    if link == Link::Dynamic {
        program.arg("--no-builtin");
    }
    let run: super::run::Run =
        program.args(flags).args(["shell", "docs/demo.nsh"]).output().expect("the binary runs").into();
    assert_eq!(run.status, 0, "{run:?}");
    run.out
}

#[test]
fn the_demo_tells_the_main_job() {
    both(|link| {
        let out = demo(link, &[]);
        let mut rest = &*out;
        for line in [
            "+ attach ramdisk-xip /dev/ram0 image=docs/demo.img ro",
            "brw-rw----",
            "+ mount -t romfs /dev/ram0 /rom",
            "/rom  romfs on /dev/ram0 (ramdisk-xip)",
            "  FIOC_MMAP     yes   ",
            "  BIOC_XIPBASE  yes   10240 bytes of memory, read-only",
            "  agreed        xip   ",
            "+ ls -lR /rom",
            "latest -> docs/poem.txt",
            "nxvfs demo volume",
            "+ explain /rom/docs/poem.txt",
            "  tier    xip",
            "+ mmap /rom/docs/poem.txt 0 64",
            "  tier     xip",
            "of /dev/ram0: the same bytes are there",
            "|   1: a file tha|",
            "+ umount /rom",
            "+ detach /dev/ram0",
        ] {
            let at = rest.find(line).unwrap_or_else(|| panic!("'{line}' is missing or too late in:\n{out}"));
            rest = &rest[at + line.len()..];
        }
    });
}

#[test]
fn the_demo_gives_documents_only() {
    both(|link| {
        for line in demo(link, &["--json"]).lines() {
            let document: serde_json::Value = serde_json::from_str(line).expect("each line is a document");
            assert!(document.is_array() || document.is_object());
        }
    });
}

#[test]
fn the_image_is_small_and_has_a_hard_link() {
    let image = std::fs::read(root().join("docs/demo.img")).unwrap();
    assert!(image.len() <= 65_536 && image.starts_with(b"-rom1fs-"));
    let text = b"This text lies in a romfs image.";
    let times = image.windows(text.len()).filter(|window| window == text).count();
    assert_eq!(times, 1, "readme.txt has two names and one content");
}
