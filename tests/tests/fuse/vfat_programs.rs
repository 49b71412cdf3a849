//! Everyday programs on a FAT volume, with the options that people use on FAT; judged by fsck.fat and mtools afterwards.

use std::fs;
use std::path::Path;

use nxvfs_tests::{Folder, repository, tool};

use crate::card::Card;
use crate::mounted::{Mounted, open_folder};
use crate::{equal_trees, files_of, sh};

/// The checkout's own sources: a few hundred files of all lengths.
const PARTS: &str = "docs host/src plugins abi/src";

/// What `rsync` would still do between two folders of the card.
fn left_to_do(from: &Path, to: &Path) -> String {
    sh(from, &format!("rsync -rtni --modify-window=1 ./ {}/", to.display()))
}

/// Every file of a folder is in the image as mtools read it.
#[track_caller]
fn in_image(card: &Card, folder: &Path, prefix: &str) {
    let out = Folder::new();
    let name = Path::new(prefix).file_name().expect("a folder");
    tool::ok(
        "mcopy",
        &["-s", "-n", "-i", tool::text(&card.image), &format!("::{prefix}"), tool::text(out.path())],
        "",
    );
    equal_trees(folder, &out.path().join(name));
}

#[test]
fn trees_by_tar_and_rsync_come_out_as_they_went_in() {
    let card = Card::new(64);
    let mount = card.mount();
    let (tar, copy) = (mount.at("tar"), mount.at("copy"));
    fs::create_dir(&tar).unwrap();
    sh(&repository(), &format!("tar -cf - {PARTS} | tar --no-same-owner -C {} -xf -", tar.display()));
    let source = Folder::new();
    sh(&repository(), &format!("tar -cf - {PARTS} | tar -C {} -xf -", source.path().display()));
    equal_trees(source.path(), &tar);
    fs::create_dir(&copy).unwrap();
    sh(&tar, &format!("rsync -rt --modify-window=1 ./ {}/", copy.display()));
    assert_eq!(left_to_do(&tar, &copy), "");
    mount.unmount();
    card.is_sound();
    in_image(&card, source.path(), "copy");
    // What the kernel no longer remembers is as good.
    let mount = card.mount();
    assert_eq!(left_to_do(&mount.at("tar"), &mount.at("copy")), "");
    equal_trees(&mount.at("tar"), &mount.at("copy"));
    // One byte more and one file less is seen, and mended.
    fs::write(mount.at("copy/docs/vfat.md"), "short").unwrap();
    fs::remove_file(mount.at("copy/docs/mmap.md")).unwrap();
    assert_eq!(
        left_to_do(&mount.at("tar"), &mount.at("copy")).lines().filter(|l| l.starts_with(">f")).count(),
        2
    );
    sh(&mount.at("tar"), "rsync -rt --modify-window=1 --delete ./ ../copy/");
    equal_trees(&mount.at("tar"), &mount.at("copy"));
    sh(mount.path(), "rm -r tar");
    mount.unmount();
    card.is_sound();
    in_image(&card, source.path(), "copy");
}

/// A repository of the checkout's sources with a few commits.
pub(crate) fn repository_of_git() -> Folder {
    let folder = open_folder();
    sh(&repository(), &format!("tar -cf - {PARTS} | tar -C {} -xf -", folder.path().display()));
    let git = "git -c user.name=Test -c user.email=test@localhost -c gc.auto=0";
    sh(
        folder.path(),
        &format!(
            "{git} init -q -b main . && {git} add docs && {git} commit -qm docs && {git} add . && {git} commit -qm all"
        ),
    );
    folder
}

#[test]
fn a_clone_of_git_is_whole_and_clean() {
    let source = repository_of_git();
    let card = Card::new(64);
    let mount = card.mount();
    let clone = mount.at("clone");
    // Nothing of git's may still run when the volume is unmounted.
    let git = "git -c gc.auto=0 -c maintenance.auto=false -c safe.directory='*' -c user.name=T -c user.email=t@localhost";
    sh(mount.path(), &format!("{git} clone -q --no-hardlinks {} clone", source.path().display()));
    assert_eq!(sh(&clone, &format!("{git} fsck --full 2>&1; {git} status --short")), "");
    sh(
        &clone,
        &format!(
            "echo more >> docs/vfat.md; {git} commit -qam more; {git} repack -qad; {git} checkout -q HEAD~1"
        ),
    );
    assert_eq!(sh(&clone, &format!("{git} fsck --full 2>&1; {git} status --short")), "");
    mount.unmount();
    card.is_sound();
    let mount = card.mount();
    let clone = mount.at("clone");
    assert_eq!(sh(&clone, &format!("{git} fsck --full 2>&1; {git} status --short")), "");
    assert_eq!(sh(&clone, &format!("{git} log --format=%s --all")), "more\nall\ndocs\n");
    mount.unmount();
    in_image(&card, source.path().join("docs").as_path(), "clone/docs");
}

/// A database that is filled, indexed, half emptied and examined.
pub(crate) fn database(mount: &Mounted, journal: &str) {
    let script = format!(
        "pragma journal_mode={journal}; create table t(a integer primary key, b text);
        with recursive c(x) as (select 1 union all select x+1 from c where x<5000)
        insert into t select x, hex(randomblob(50)) from c;
        create index i on t(b); delete from t where a % 2 = 0; vacuum; pragma integrity_check; select count(*) from t;"
    );
    let said = tool::ok("sqlite3", &[tool::text(&mount.at(&format!("{journal}.db"))), &script], "");
    assert_eq!(said, format!("{journal}\nok\n2500\n"));
}

#[test]
fn databases_of_sqlite_are_whole_in_both_journal_modes() {
    let card = Card::new(32);
    let mount = card.mount();
    database(&mount, "delete");
    database(&mount, "wal");
    mount.unmount();
    card.is_sound();
    for name in ["delete.db", "wal.db"] {
        let out = card.folder.at(name);
        fs::write(&out, tool::mtype(&card.image, name)).unwrap();
        let said =
            tool::ok("sqlite3", &[tool::text(&out), "pragma integrity_check; select count(*) from t;"], "");
        assert_eq!(said, "ok\n2500\n");
    }
}

#[test]
fn a_full_volume_says_so_and_stays_sound() {
    let card = Card::new(8);
    let mount = card.mount();
    // With what the kernel keeps for later the error may come with fsync or close, but it comes.
    let refused = sh(
        mount.path(),
        "dd if=/dev/zero of=big bs=1M count=20 conv=fsync 2>&1 | grep -c 'No space left' || true",
    );
    assert_eq!(refused, "1\n");
    assert!(
        fs::write(mount.at("more"), vec![1; 1 << 20])
            .and_then(|()| fs::File::open(mount.at("more"))?.sync_all())
            .is_err()
    );
    fs::remove_file(mount.at("big")).unwrap();
    let _ = fs::remove_file(mount.at("more"));
    fs::write(mount.at("fits"), vec![3; 1 << 20]).unwrap();
    mount.unmount();
    card.is_sound();
    assert_eq!(tool::mtype(&card.image, "fits"), vec![3; 1 << 20]);
}

#[test]
fn what_fat_cannot_is_refused_as_linux_refuses_it() {
    let card = Card::new(8);
    let mount = card.mount();
    fs::write(mount.at("f"), "x").unwrap();
    let error = |done: std::io::Result<()>| done.map_err(|e| e.raw_os_error().unwrap());
    let raw = |errno: rustix::io::Errno| Err(errno.raw_os_error());
    use rustix::io::Errno;
    assert_eq!(error(std::os::unix::fs::symlink("f", mount.at("l"))), raw(Errno::PERM));
    assert_eq!(error(fs::hard_link(mount.at("f"), mount.at("h"))), raw(Errno::PERM));
    assert_eq!(error(fs::write(mount.at("a:b"), "")), raw(Errno::INVAL));
    assert_eq!(error(fs::create_dir(mount.at("n".repeat(256).as_str()))), raw(Errno::NAMETOOLONG));
    assert_eq!(error(std::os::unix::fs::chown(mount.at("f"), Some(7), None)), raw(Errno::PERM));
    mount.unmount();
    card.is_sound();
}

#[test]
fn a_large_directory_lists_each_name_once() {
    let card = Card::new(32);
    let mount = card.mount();
    sh(mount.path(), "mkdir many; cd many; seq -f 'A name of number %g' 3000 | xargs -d '\\n' touch");
    assert_eq!(files_of(&mount.at("many")).len(), 3000);
    for entry in fs::read_dir(mount.at("many")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    fs::remove_dir(mount.at("many")).unwrap();
    mount.unmount();
    card.is_sound();
}
