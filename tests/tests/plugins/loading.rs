//! The life of plugins: loading, parameters, precedence, replacement, removal, and who is named when one is in use.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nxvfs::mapping::MapRequest;
use nxvfs::plugin::{Builtin, Door, Kind, PluginOptions, PluginStatus};
use nxvfs::{Errno, MountOptions};
use nxvfs_abi::types::open::O_RDONLY;
use nxvfs_tests::check::{refused, taught};
use nxvfs_tests::fixture::c_plugin;
use nxvfs_tests::{Board, Folder, Link, Rng, genromfs, on_both_links, options, words};

/// A host that searches these folders and nothing else, without static plugins.
fn searching(dirs: &[&Path]) -> PluginOptions {
    PluginOptions {
        dirs: dirs.iter().map(|dir| dir.to_path_buf()).collect(),
        default_dirs: false,
        builtin: Builtin::None,
        ..PluginOptions::default()
    }
}

/// A host that searches nothing and has nothing.
fn bare() -> Board {
    Board::with(searching(&[]))
}

/// Compiles the plugin `name` whose file system `driver` holds one file with `answer`.
fn answer(path: &Path, name: &str, driver: &str, answer: &str) -> PathBuf {
    let options =
        [format!("-DNAME=\"{name}\""), format!("-DDRIVER=\"{driver}\""), format!("-DANSWER=\"{answer}\"")];
    c_plugin("answer.c", path, &options.each_ref().map(String::as_str))
}

fn mount_with(board: &Board, driver: &str, given: &str) -> nxvfs::Result<()> {
    let options = MountOptions { given: words(given), ..MountOptions::default() };
    board.host().mount(None, "/answer", driver, &options).map(drop)
}

/// Mounts such a file system, reads its file and unmounts.
#[track_caller]
fn ask(board: &Board, driver: &str, given: &str) -> String {
    mount_with(board, driver, given).unwrap_or_else(|e| panic!("{e}"));
    let told = board.read("/answer/answer");
    board.unmount("/answer").unwrap();
    String::from_utf8(told).unwrap()
}

fn find(board: &Board, name: &str) -> Option<PluginStatus> {
    board.plugins().list().into_iter().find(|plugin| plugin.name == name)
}

#[track_caller]
fn status(board: &Board, name: &str) -> PluginStatus {
    find(board, name).unwrap_or_else(|| panic!("{name} is not listed"))
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

on_both_links! {
    fn a_plugin_in_use_is_not_removed_and_its_holders_are_named(link: Link) {
        let folder = Folder::new().file("tree/file", vec![7; 5000]);
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).romdisk("/dev/rom0", &image);
        taught(board.plugins().rmmod("ramdisk-xip"), Errno::EBUSY, &["ramdisk-xip", "device /dev/rom0"]);
        let board = board.mount("/dev/rom0", "/rom", "romfs", "");
        taught(board.plugins().rmmod("romfs"), Errno::EBUSY, &["romfs", "mount /rom"]);
        taught(board.detach("/dev/rom0"), Errno::EBUSY, &["/dev/rom0", "mount /rom"]);
        let users: Vec<String> = status(&board, "romfs").users.iter().map(ToString::to_string).collect();
        assert_eq!(users, ["mount /rom"]);

        // What uses the volume keeps the mount, and the mount the plugins.
        let task = board.task();
        let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
        let holder = format!("descriptor {fd} of task {}", task.id());
        taught(board.unmount("/rom"), Errno::EBUSY, &["/rom", &holder]);
        let view = task.map(fd, &MapRequest::read(0, 100)).unwrap();
        task.close(fd).unwrap();
        let holder = format!("mapping at {:#x} of task {}", view.as_ptr().addr(), task.id());
        taught(board.unmount("/rom"), Errno::EBUSY, &["/rom", &holder]);
        taught(board.plugins().rmmod("romfs"), Errno::EBUSY, &["mount /rom"]);
        drop(view);
        let fd = task.open("/rom/file", O_RDONLY, 0).unwrap();
        task.borrow_in_place(fd).unwrap();
        taught(board.unmount("/rom"), Errno::EBUSY, &[&format!("borrow of task {}", task.id())]);
        task.close(fd).unwrap();
        task.chdir("/rom").unwrap();
        taught(board.unmount("/rom"), Errno::EBUSY, &[&format!("working directory of task {}", task.id())]);
        task.chdir("/").unwrap();

        // A descriptor of the device itself.
        board.unmount("/rom").unwrap();
        let fd = task.open("/dev/rom0", O_RDONLY, 0).unwrap();
        taught(board.detach("/dev/rom0"), Errno::EBUSY, &[&format!("descriptor {fd} of task {}", task.id())]);
        task.close(fd).unwrap();

        board.detach("/dev/rom0").unwrap();
        for name in ["romfs", "ramdisk-xip"] {
            let removal = board.plugins().rmmod(name).unwrap();
            assert!(!removal.resident, "{name} stays in memory: something in it has thread-local destructors");
            match link {
                Link::Dynamic => assert!(find(&board, name).is_none()),
                Link::Static => {
                    let status = status(&board, name);
                    assert_eq!(status.state, "retired");
                    assert!(status.reason.contains(&format!("modprobe {name}")), "{}", status.reason);
                }
            }
            // It comes back, and works.
            board.plugins().modprobe(name, &[]).unwrap();
            assert_eq!(status(&board, name).state, "live");
        }
        let board = board.romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "");
        assert_eq!(board.read("/rom/file"), vec![7; 5000]);
    }

    fn the_list_of_plugins_says_what_each_is(link: Link) {
        let board = Board::new(link);
        board.plugins().modprobe("romfs", &[]).unwrap();
        let romfs = status(&board, "romfs");
        assert_eq!((romfs.state, romfs.reason.as_str()), ("live", ""));
        assert_eq!((romfs.link, romfs.door), (link, Some(Door::Rust)));
        assert_eq!(romfs.abi, "1.0");
        assert_eq!(romfs.version, env!("CARGO_PKG_VERSION"));
        assert_eq!(romfs.drivers, [(Kind::FileSystem, "romfs".to_owned())]);
        assert_eq!(romfs.path.is_some(), link == Link::Dynamic);
        assert!(romfs.users.is_empty());
        // Once more is nothing to do.
        board.plugins().modprobe("romfs", &[]).unwrap();
        assert_eq!(board.plugins().list().iter().filter(|p| p.name == "romfs").count(), 1);
        refused(board.plugins().modprobe("rumfs", &[]), Errno::ENOENT, &["rumfs"]);
    }

    fn a_static_plugin_and_a_loaded_one_do_the_same(link: Link) {
        let folder = Folder::new().file("tree/file", "content");
        let image = genromfs(&folder.at("tree"), &folder.at("rom.img"));
        let board = Board::new(link).romdisk("/dev/rom0", &image).mount("/dev/rom0", "/rom", "romfs", "");
        assert_eq!(board.read("/rom/file"), b"content");
        assert!(board.plugins().list().iter().all(|plugin| plugin.link == link));
    }
}

#[test]
fn modprobe_gives_a_removed_static_plugin_its_parameters() {
    let board = Board::new(Link::Static);
    board.plugins().rmmod("ramdisk-xip").unwrap();
    board.plugins().modprobe("ramdisk-xip", &words("sectors=77")).unwrap();
    let board = board.attach("ramdisk-xip", "/dev/ram0", "");
    assert_eq!(board.devices()[0].sector_count, 77);
}

#[test]
fn parameters_are_typed_and_refusals_teach() {
    let folder = Folder::new();
    let board = bare();
    let plugin = answer(&folder.at("answer.so"), "answer", "answer", "yes");
    board.plugins().insmod(&plugin, &[], false).unwrap();
    assert_eq!(ask(&board, "answer", ""), "yes");
    assert_eq!(ask(&board, "answer", "times=0x3,suffix=?,loud"), "yesyesyes?!");
    assert_eq!(ask(&board, "answer", "loud=off,shift=-7,room=16M"), "yes");
    for (given, parts) in [
        ("times=many", &["times", "uint", "many"][..]),
        ("times=-1", &["times", "uint", "-1"]),
        ("times=010", &["times", "leading zero"]),
        ("times=18446744073709551616", &["times", "18446744073709551616"]),
        ("shift=9223372036854775808", &["shift", "int"]),
        ("room=12X", &["room", "12X"]),
        ("room=16777216T", &["room"]),
        ("loud=perhaps", &["loud", "bool", "perhaps"]),
        ("suffix", &["suffix"]),
        ("times", &["times"]),
        ("tmes=2", &["tmes", "times"]),
        ("ro=y", &["ro"]),
        ("times=2,times=2", &["times"]),
        ("loud,loud=n", &["loud"]),
    ] {
        taught(mount_with(&board, "answer", given), Errno::EINVAL, parts);
    }
    // A refusal leaves nothing behind: no mount point, no holder.
    assert!(board.mounts().is_empty());
    assert!(status(&board, "answer").users.is_empty());
    refused(board.task().stat("/answer"), Errno::ENOENT, &[]);

    // The same gate stands at insmod, and the refused plugin is listed until it is loaded.
    board.plugins().rmmod("answer").unwrap();
    taught(board.plugins().insmod(&plugin, &words("times=many"), false), Errno::EINVAL, &["times", "many"]);
    assert_eq!(status(&board, "answer").state, "refused");
    board.plugins().insmod(&plugin, &[], false).unwrap();
    assert_eq!(status(&board, "answer").state, "live");
}

#[test]
fn parameters_of_insmod_become_defaults_and_those_of_a_use_win() {
    let folder = Folder::new();
    let board = bare();
    let plugin = answer(&folder.at("answer.so"), "answer", "answer", "yes");
    board.plugins().insmod(&plugin, &words("times=2,loud"), false).unwrap();
    assert_eq!(ask(&board, "answer", ""), "yesyes!");
    assert_eq!(ask(&board, "answer", "times=1,loud=n"), "yes");
    assert_eq!(ask(&board, "answer", ""), "yesyes!");
    board.plugins().rmmod("answer").unwrap();
    board.plugins().insmod(&plugin, &[], false).unwrap();
    assert_eq!(ask(&board, "answer", ""), "yes");
}

#[test]
fn mount_and_attach_load_what_they_need() {
    let board = Board::new(Link::Dynamic);
    assert!(board.plugins().list().is_empty());
    let board = board.attach("ramdisk-xip", "/dev/ram0", "sectors=8");
    let names =
        |board: &Board| -> Vec<String> { board.plugins().list().into_iter().map(|p| p.name).collect() };
    assert_eq!(names(&board), ["ramdisk-xip"]);
    // The mount fails, because the disk is empty; its plugin was loaded for it.
    taught(board.try_mount("/dev/ram0", "/rom", "romfs", ""), Errno::EINVAL, &["/dev/ram0", "romfs"]);
    assert_eq!(names(&board), ["ramdisk-xip", "romfs"]);
    taught(board.try_mount("/dev/ram0", "/x", "rumfs", ""), Errno::ENODEV, &["rumfs", "romfs"]);
    taught(board.host().attach("ramdisk", "/dev/ram1", &[]), Errno::ENODEV, &["ramdisk", "ramdisk-xip"]);
}

#[test]
fn without_autoload_the_remedy_is_modprobe() {
    let board = Board::with(PluginOptions { autoload: false, ..options(Link::Dynamic) });
    taught(
        board.host().attach("ramdisk-xip", "/dev/ram0", &words("sectors=8")),
        Errno::ENODEV,
        &["modprobe ramdisk-xip"],
    );
    taught(board.try_mount("/dev/ram0", "/rom", "romfs", ""), Errno::ENODEV, &["modprobe romfs"]);
    assert!(board.plugins().list().is_empty());
    board.plugins().modprobe("ramdisk-xip", &[]).unwrap();
    let _board = board.attach("ramdisk-xip", "/dev/ram0", "sectors=8");
}

#[test]
fn the_first_folder_wins_and_the_shadowed_file_is_listed() {
    let folder = Folder::new();
    let first = answer(&folder.at("a/z.so"), "answer", "answer", "first");
    let second = answer(&folder.at("b/a.so"), "answer", "answer", "second");
    let board = Board::with(searching(&[&folder.at("a"), &folder.at("b")]));
    assert_eq!(ask(&board, "answer", ""), "first");
    let files = board.plugins().files();
    let shadows: Vec<_> = files.iter().map(|f| (f.path.clone(), f.shadowed_by.clone())).collect();
    assert_eq!(shadows, [(first.clone(), None), (second.clone(), Some(first))]);
    // By its path the other one can still be had.
    board.plugins().rmmod("answer").unwrap();
    board.plugins().insmod(&second, &[], false).unwrap();
    assert_eq!(ask(&board, "answer", ""), "second");
}

#[test]
fn a_static_plugin_wins_unless_it_is_excepted() {
    let folder = Folder::new();
    let file = answer(&folder.at("dir/romfs.so"), "romfs", "romfs", "from a file");
    let with = |builtin| PluginOptions { builtin, ..searching(&[&folder.at("dir")]) };
    let board = Board::with(with(Builtin::All));
    board.plugins().modprobe("romfs", &[]).unwrap();
    assert_eq!(status(&board, "romfs").link, Link::Static);
    taught(
        board.plugins().insmod(&file, &[], false),
        Errno::EEXIST,
        &["romfs", "static plugin", "--replace"],
    );
    assert_eq!(status(&board, "romfs").link, Link::Static);
    board.end();

    let board = Board::with(with(Builtin::Except(vec!["romfs".to_owned()])));
    assert!(find(&board, "romfs").is_none());
    assert_eq!(status(&board, "ramdisk-xip").link, Link::Static);
    assert_eq!(ask(&board, "romfs", ""), "from a file");
    board.end();

    let board = Board::with(with(Builtin::None));
    assert!(board.plugins().list().is_empty());
    assert_eq!(ask(&board, "romfs", ""), "from a file");
}

#[test]
fn a_static_plugin_is_replaced_by_a_file_and_comes_back() {
    let folder = Folder::new();
    let file = answer(&folder.at("romfs.so"), "romfs", "romfs", "from a file");
    let board = Board::new(Link::Static);
    board.plugins().insmod(&file, &[], true).unwrap();
    assert_eq!(ask(&board, "romfs", ""), "from a file");
    board.plugins().rmmod("romfs").unwrap();
    board.plugins().modprobe("romfs", &[]).unwrap();
    assert_eq!(status(&board, "romfs").link, Link::Static);
}

#[test]
fn a_taken_name_is_refused_and_replaced_only_while_unused() {
    let folder = Folder::new();
    let old = answer(&folder.at("old.so"), "answer", "answer", "old");
    let new = answer(&folder.at("new.so"), "answer", "answer", "new");
    let other = answer(&folder.at("other.so"), "other", "answer", "other");
    let board = bare();
    board.plugins().insmod(&old, &[], false).unwrap();
    taught(board.plugins().insmod(&new, &[], false), Errno::EEXIST, &["answer", &old.display().to_string()]);
    // Another plugin that drives the same.
    taught(board.plugins().insmod(&other, &[], false), Errno::EEXIST, &["answer", "rmmod answer"]);
    assert_eq!(status(&board, "other").state, "refused");
    assert_eq!(ask(&board, "answer", ""), "old");

    mount_with(&board, "answer", "").unwrap();
    taught(board.plugins().insmod(&new, &[], true), Errno::EBUSY, &["mount /answer"]);
    assert_eq!(board.read("/answer/answer"), b"old");
    board.unmount("/answer").unwrap();
    board.plugins().insmod(&new, &[], true).unwrap();
    assert_eq!(ask(&board, "answer", ""), "new");
    let live = |p: &PluginStatus| p.name == "answer" && p.state == "live";
    assert_eq!(board.plugins().list().iter().filter(|p| live(p)).count(), 1);
}

#[test]
fn a_bad_replacement_leaves_the_old_plugin_in_its_place() {
    let folder = Folder::new();
    let old = answer(&folder.at("old.so"), "introduction", "answer", "old");
    let bad = c_plugin("descriptor.c", &folder.at("bad.so"), &["-DINIT_FAILS"]);
    let board = bare();
    board.plugins().insmod(&old, &[], false).unwrap();
    refused(board.plugins().insmod(&bad, &[], true), Errno::EAGAIN, &["coffee"]);
    assert_eq!(ask(&board, "answer", ""), "old");
}

#[test]
fn the_same_path_with_other_content_runs_the_new_code() {
    let folder = Folder::new();
    let path = answer(&folder.at("answer.so"), "answer", "answer", "one");
    let board = bare();
    for round in ["two", "three", "four"] {
        board.plugins().insmod(&path, &[], false).unwrap();
        let before = ask(&board, "answer", "");
        let next = answer(&folder.at("next.so"), "answer", "answer", round);
        std::fs::rename(next, &path).unwrap();
        // What runs is what was loaded.
        assert_eq!(ask(&board, "answer", ""), before);
        board.plugins().rmmod("answer").unwrap();
        board.plugins().insmod(&path, &[], false).unwrap();
        assert_eq!(ask(&board, "answer", ""), round);
        board.plugins().rmmod("answer").unwrap();
    }
    // Likewise without anything in between, by --replace.
    board.plugins().insmod(&path, &[], false).unwrap();
    let next = answer(&folder.at("next.so"), "answer", "answer", "five");
    std::fs::rename(next, &path).unwrap();
    board.plugins().insmod(&path, &[], true).unwrap();
    assert_eq!(ask(&board, "answer", ""), "five");
}

#[test]
fn two_hosts_have_each_their_own() {
    let folder = Folder::new();
    let path = answer(&folder.at("answer.so"), "answer", "answer", "one");
    let first = bare();
    first.plugins().insmod(&path, &words("times=2"), false).unwrap();
    let next = answer(&folder.at("next.so"), "answer", "answer", "two");
    std::fs::rename(next, &path).unwrap();
    let second = bare();
    second.plugins().insmod(&path, &[], false).unwrap();
    assert_eq!((ask(&first, "answer", ""), ask(&second, "answer", "")), ("oneone".into(), "two".into()));
    second.plugins().rmmod("answer").unwrap();
    assert_eq!(ask(&first, "answer", ""), "oneone");
}

#[test]
fn writing_into_the_file_of_a_loaded_plugin_does_no_harm() {
    let folder = Folder::new();
    let path = answer(&folder.at("answer.so"), "answer", "answer", "sound");
    let board = bare();
    board.plugins().insmod(&path, &[], false).unwrap();
    mount_with(&board, "answer", "").unwrap();
    let len = std::fs::metadata(&path).unwrap().len() as usize;
    std::fs::write(&path, Rng::new(1).bytes(len)).unwrap();
    assert_eq!(board.read("/answer/answer"), b"sound");
    board.unmount("/answer").unwrap();
    // Code that never ran before runs too.
    assert_eq!(ask(&board, "answer", "times=2"), "soundsound");
    std::fs::write(&path, b"").unwrap();
    assert_eq!(ask(&board, "answer", "loud"), "sound!");
    board.plugins().rmmod("answer").unwrap();
    taught(board.plugins().insmod(&path, &[], false), Errno::ENOEXEC, &["answer.so", "an empty file"]);
}

#[test]
fn files_that_others_may_have_written_are_refused() {
    let folder = Folder::new();
    let path = answer(&folder.at("dir/answer.so"), "answer", "answer", "trusted");
    let board = bare();
    chmod(&path, 0o757);
    taught(board.plugins().insmod(&path, &[], false), Errno::EACCES, &["answer.so", "0757", "chmod o-w"]);
    let listed = status(&board, "answer.so");
    assert_eq!(listed.state, "refused");
    assert!(listed.reason.contains("everybody may write"), "{}", listed.reason);
    chmod(&path, 0o755);
    board.plugins().insmod(&path, &[], false).unwrap();
    // The refusal is history.
    assert!(find(&board, "answer.so").is_none());
    assert_eq!(ask(&board, "answer", ""), "trusted");
    board.plugins().rmmod("answer").unwrap();

    // Autoload asks the same.
    chmod(&path, 0o757);
    let auto = Board::with(searching(&[&folder.at("dir")]));
    taught(mount_with(&auto, "answer", ""), Errno::EACCES, &["chmod o-w"]);
    let lifted = Board::with(PluginOptions { allow_unsafe_files: true, ..searching(&[&folder.at("dir")]) });
    assert_eq!(ask(&lifted, "answer", ""), "trusted");
    chmod(&path, 0o755);

    // Another owner and a foreign group: only who may give files away can try.
    if chown(&path, Some(1000), None).is_ok() {
        taught(board.plugins().insmod(&path, &[], false), Errno::EACCES, &["another user", "1000", "chown"]);
        chown(&path, Some(0), Some(1000)).unwrap();
        chmod(&path, 0o775);
        taught(board.plugins().insmod(&path, &[], false), Errno::EACCES, &["group 1000", "chmod g-w"]);
        let lifted =
            Board::with(PluginOptions { allow_unsafe_files: true, ..searching(&[&folder.at("dir")]) });
        assert_eq!(ask(&lifted, "answer", ""), "trusted");
    }
}

#[test]
fn what_is_no_file_is_refused_without_being_opened() {
    let folder = Folder::new().dir("dir.so");
    let board = bare();
    taught(
        board.plugins().insmod(&folder.at("dir.so"), &[], false),
        Errno::EACCES,
        &["dir.so", "a directory"],
    );
    refused(board.plugins().insmod(&folder.at("none.so"), &[], false), Errno::ENOENT, &["none.so"]);
    let socket = folder.at("socket.so");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    taught(board.plugins().insmod(&socket, &[], false), Errno::EACCES, &["a socket"]);
    // Each stays listed with its reason, until it is taken off the list.
    for name in ["dir.so", "none.so", "socket.so"] {
        assert_eq!(status(&board, name).state, "refused");
        board.plugins().rmmod(name).unwrap();
        assert!(find(&board, name).is_none());
        refused(board.plugins().rmmod(name), Errno::ENOENT, &[name]);
    }
}

#[test]
fn a_bad_file_never_stops_a_good_one() {
    let folder = Folder::new().file("dir/a-text.so", "this is no library").file("dir/b-empty.so", "");
    let good = answer(&folder.at("dir/z-good.so"), "answer", "answer", "good");
    let bytes = std::fs::read(&good).unwrap();
    for (index, len) in [1, 16, 64, 700, bytes.len() / 2, bytes.len() - 1].into_iter().enumerate() {
        std::fs::write(folder.at(&format!("dir/c-cut-{index}.so")), &bytes[..len]).unwrap();
    }
    c_plugin("plain.c", &folder.at("dir/d-plain.so"), &[]);
    let board = Board::with(searching(&[&folder.at("dir")]));
    assert_eq!(ask(&board, "answer", ""), "good");
    let files = board.plugins().files();
    let bad = |name: &str| {
        let file =
            files.iter().find(|f| f.path.ends_with(name)).unwrap_or_else(|| panic!("{name} is not listed"));
        file.outcome.as_ref().expect_err("a refusal").to_string()
    };
    assert!(bad("a-text.so").contains("this is no library"));
    assert!(bad("b-empty.so").contains("an empty file"));
    for index in 0..4 {
        bad(&format!("c-cut-{index}.so"));
    }
    assert!(
        !files.iter().any(|f| f.path.ends_with("d-plain.so")),
        "an ordinary library is nobody's business"
    );
    assert!(files.iter().any(|f| f.path == good && f.outcome.is_ok()));
}

#[test]
fn modinfo_reads_without_running() {
    let folder = Folder::new();
    let path = answer(&folder.at("dir/some-name.so"), "answer", "question", "yes");
    let board = Board::with(searching(&[&folder.at("dir")]));
    for name in [path.to_str().unwrap(), "answer"] {
        let (manifest, file) = board.plugins().modinfo(name).unwrap();
        assert_eq!(file.as_deref(), Some(&*path));
        assert_eq!((&*manifest.name, &*manifest.version), ("answer", "1.0.0"));
        assert_eq!(manifest.provides, [(Kind::FileSystem, "question".to_owned())]);
        let params: Vec<&str> = manifest.params.iter().map(|p| &*p.name).collect();
        assert_eq!(params, ["suffix", "times", "loud", "shift", "room"]);
    }
    assert!(board.plugins().list().is_empty());
    refused(board.plugins().modinfo("nothing"), Errno::ENOENT, &["nothing", "answer"]);
    // A driver's name leads to its plugin, whatever either is called.
    assert_eq!(ask(&board, "question", ""), "yes");
    assert_eq!(status(&board, "answer").door, Some(Door::C));
}

#[test]
fn a_missing_plugin_folder_is_listed_and_stops_nothing() {
    let folder = Folder::new();
    answer(&folder.at("dir/answer.so"), "answer", "answer", "found");
    let board = Board::with(searching(&[&folder.at("none"), &folder.at("dir")]));
    assert_eq!(ask(&board, "answer", ""), "found");
    let files = board.plugins().files();
    let missing = files.iter().find(|f| f.path.ends_with("none")).expect("the folder is listed");
    assert!(missing.outcome.as_ref().unwrap_err().to_string().contains("--plugin-dir"));
}
