//! Plugins that lie and panic: EIO for what asked, and answers for everybody else.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nxvfs_tests::fixture::{rust_plugin, shared_c_plugin, sources};
use nxvfs_tests::{Folder, tool};

use crate::mounted::{Mounted, nxvfs};

const EIO: Option<i32> = Some(5);

/// A board of two volumes of one plugin, of which one is told to misbehave.
fn two(file: &Path, fs: &str, options: &str) -> (Folder, Mounted) {
    let folder = Folder::new();
    let text = format!(
        "[[plugin]]\nfile = \"{}\"\n[[mount]]\ntarget = \"/evil\"\ntype = \"{fs}\"\noptions = \"{options}\"\n\
         [[mount]]\ntarget = \"/sound\"\ntype = \"{fs}\"\n[[tmp]]\npath = \"/tmp\"\n",
        file.display()
    );
    fs::write(folder.at("board.toml"), text).unwrap();
    let mount =
        Mounted::by(nxvfs().args(["-q", "mount", "-f", "--board", tool::text(&folder.at("board.toml"))]));
    (folder, mount)
}

/// Ends it; what a volume that misbehaved says of its own end may follow.
fn end(mut mount: Mounted) {
    rustix::mount::unmount(mount.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
    let status = mount.status();
    assert!(matches!(status.code(), Some(0 | 1)), "{status}: {}", mount.said());
}

/// The rest of the tree answers.
fn others_answer(mount: &Mounted, content: &[u8]) {
    assert_eq!(fs::read(mount.at("sound/file")).unwrap(), content);
    fs::write(mount.at("tmp/f"), "written").unwrap();
    assert_eq!(fs::read(mount.at("tmp/f")).unwrap(), b"written");
    let names: Vec<_> = fs::read_dir(mount.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(names.len() >= 3, "{names:?}");
}

#[test]
fn a_panic_is_eio_and_the_rest_goes_on() {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    let file = FILE.get_or_init(|| rust_plugin(&sources().join("panicker"), "panicker"));
    for place in ["lookup", "readdir", "read", "payload"] {
        let (_folder, mount) = two(file, "panicker", &format!("in={place}"));
        let error = match place {
            "lookup" => fs::metadata(mount.at("evil/file")).map(drop),
            "readdir" => fs::read_dir(mount.at("evil")).and_then(|mut d| d.try_for_each(|e| e.map(drop))),
            _ => fs::read(mount.at("evil/file")).map(drop),
        };
        assert_eq!(error.unwrap_err().raw_os_error(), EIO, "{place}");
        assert_eq!(fs::metadata(mount.at("evil/other")).unwrap_err().raw_os_error(), EIO, "{place}");
        others_answer(&mount, b"sound");
        end(mount);
    }
}

#[test]
fn a_panic_at_the_end_is_told_and_the_program_ends() {
    let file = rust_plugin(&sources().join("panicker"), "panicker");
    let (_folder, mut mount) = two(&file, "panicker", "in=drop");
    others_answer(&mount, b"sound");
    rustix::mount::unmount(mount.path(), rustix::mount::UnmountFlags::DETACH).unwrap();
    let status = mount.status();
    assert_eq!(status.code(), Some(1), "{}", mount.said());
    assert!(mount.said().contains("a bug in drop") && mount.said().contains("(EIO)"), "{}", mount.said());
}

#[test]
fn answers_that_cannot_be_are_eio() {
    let file = shared_c_plugin("filesystem.c");
    let read = |mount: &Mounted| fs::read(mount.at("evil/file")).map(drop);
    let list =
        |mount: &Mounted| fs::read_dir(mount.at("evil")).and_then(|mut d| d.try_for_each(|e| e.map(drop)));
    let link = |mount: &Mounted| fs::read_link(mount.at("evil/link")).map(drop);
    type Try<'a> = &'a dyn Fn(&Mounted) -> std::io::Result<()>;
    let lies: [(&str, Try<'_>); 17] = [
        ("lookup-mode-0", &read),
        ("lookup-size", &read),
        ("lookup-garbage", &read),
        ("read-more", &read),
        ("read-most", &read),
        ("read-garbage", &read),
        ("read-least", &read),
        ("open-garbage", &read),
        ("name-slash", &list),
        ("name-empty", &list),
        ("name-null", &list),
        ("name-long", &list),
        ("name-nul", &list),
        ("cookie-high", &list),
        ("readdir-garbage", &list),
        ("link-nul", &link),
        ("link-garbage", &link),
    ];
    for (lie, tried) in lies {
        let (_folder, mount) = two(&file, "evil-fs", &format!("lie={lie}"));
        assert_eq!(tried(&mount).map_err(|e| e.raw_os_error()), Err(EIO), "{lie}");
        others_answer(&mount, &[b'x'; 8192]);
        end(mount);
    }
    for (lie, tried, code) in [("link-long", &link as Try<'_>, 36), ("type-changes", &read, 116)] {
        let (_folder, mount) = two(&file, "evil-fs", &format!("lie={lie}"));
        let found = tried(&mount).map_err(|e| e.raw_os_error().unwrap());
        assert!(matches!(found, Err(c) if c == code || c == 5), "{lie}: {found:?}");
        others_answer(&mount, &[b'x'; 8192]);
        end(mount);
    }
    // A listing without end is ended by its reader, and holds nobody up.
    for lie in ["endless", "ignore-stop"] {
        let (_folder, mount) = two(&file, "evil-fs", &format!("lie={lie}"));
        let seen = fs::read_dir(mount.at("evil")).unwrap().take(3000).filter(|e| e.is_ok()).count();
        assert!(seen <= 3000);
        others_answer(&mount, &[b'x'; 8192]);
        end(mount);
    }
}
