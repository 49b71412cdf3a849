//! Longer trials, which `.ci/long` runs: fio, fsx, cargo, git, a great many files.

use std::fs;

use crate::card::Card;
use crate::mounted::Mounted;
use crate::vfat_programs::{database, repository_of_git};
use crate::{equal_trees, sh};

/// Both kinds of volumes that can be written.
fn on_both(body: impl Fn(&Mounted)) {
    let mount = Mounted::tmpfs();
    body(&mount);
    mount.unmount();
    let card = Card::new(512);
    let mount = card.mount();
    body(&mount);
    mount.unmount();
    card.is_sound();
}

#[test]
#[ignore = "needs fio: .ci/long runs it"]
fn fio_verifies_what_it_wrote() {
    on_both(|mount| {
        for job in [
            "--rw=randwrite --bs=4k --size=32M --do_verify=1 --numjobs=2",
            "--rw=randwrite --bsrange=512-64k --size=32M --do_verify=1",
            "--rw=randrw --ioengine=mmap --bs=4k --size=16M",
            "--rw=randwrite --direct=1 --ioengine=libaio --iodepth=16 --bs=4k --size=16M --do_verify=1",
            "--rw=write --bs=1M --size=128M --do_verify=1 --fsync=16",
        ] {
            let common =
                "--name=v --verify=crc32c --verify_fatal=1 --verify_state_save=0 --minimal --directory=.";
            sh(mount.path(), &format!("fio {common} {job}; rm -f v.*"));
        }
    });
}

#[test]
#[ignore = "needs fsx (cargo install fsx): .ci/long runs it"]
fn fsx_finds_no_difference_in_20_000_operations() {
    on_both(|mount| {
        for seed in [1, 2] {
            sh(mount.path(), &format!("fsx -N 10000 -S {seed} f; rm -f f"));
        }
    });
}

#[test]
#[ignore = "builds a crate: .ci/long runs it"]
fn cargo_builds_in_a_volume_in_memory() {
    let mount = Mounted::tmpfs();
    fs::create_dir_all(mount.at("hello/src")).unwrap();
    fs::write(
        mount.at("hello/Cargo.toml"),
        "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[dependencies]\nserde_json = \"1\"\n[workspace]\n",
    )
    .unwrap();
    fs::write(mount.at("hello/src/main.rs"), "fn main() { println!(\"{}\", serde_json::json!([1, 2])); }\n")
        .unwrap();
    let clean = "unset CARGO_TARGET_DIR RUSTFLAGS";
    sh(&mount.at("hello"), &format!("{clean}; cargo build -q"));
    assert_eq!(sh(&mount.at("hello"), "./target/debug/hello"), "[1,2]\n");
    assert!(
        !sh(&mount.at("hello"), &format!("{clean}; cargo build 2>&1")).contains("Compiling"),
        "nothing changed"
    );
    sh(&mount.at("hello"), "echo '// more' >> src/main.rs");
    assert!(sh(&mount.at("hello"), &format!("{clean}; cargo build 2>&1")).contains("Compiling hello"));
    mount.unmount();
}

#[test]
#[ignore = "takes long: .ci/long runs it"]
fn programs_work_on_a_volume_in_memory_as_on_any() {
    let source = repository_of_git();
    let mount = Mounted::tmpfs();
    let git = "git -c gc.auto=0 -c maintenance.auto=false -c safe.directory='*'";
    sh(mount.path(), &format!("{git} clone -q {} clone", source.path().display()));
    assert_eq!(sh(&mount.at("clone"), &format!("{git} fsck --full 2>&1; {git} status --short")), "");
    sh(
        mount.path(),
        &format!("tar -C {} -cf - . | (mkdir tar && tar -C tar -xf -)", source.path().display()),
    );
    equal_trees(source.path(), &mount.at("tar"));
    sh(mount.path(), "rsync -aHAX tar/ copy/");
    assert_eq!(sh(mount.path(), "rsync -aHAXni tar/ copy/"), "");
    database(&mount, "delete");
    database(&mount, "wal");
    mount.unmount();
}

#[test]
#[ignore = "makes 10,000 files: .ci/long runs it"]
fn ten_thousand_files_are_made_listed_read_and_removed() {
    on_both(|mount| {
        fs::create_dir(mount.at("many")).unwrap();
        for i in 0..10_000 {
            fs::write(mount.at(&format!("many/A file with number {i}")), format!("{i}")).unwrap();
        }
        fs::write("/proc/sys/vm/drop_caches", "3").expect("these tests need root");
        assert_eq!(sh(mount.path(), "ls many | wc -l"), "10000\n");
        assert_eq!(sh(mount.path(), "cat many/* | wc -c"), "38890\n");
        assert_eq!(sh(mount.path(), "ls -l many | tail -n +2 | awk '{s+=$5} END {print s}'"), "38890\n");
        sh(mount.path(), "rm -r many; test -z \"$(ls)\"");
    });
}
