//! Locks of two processes.

use std::fs;

use super::alike;

#[test]
fn flock_keeps_another_process_out() {
    alike(|t| {
        fs::write(t.at("f"), "x").unwrap();
        let held = fs::File::open(t.at("f")).unwrap();
        let other = fs::File::open(t.at("f")).unwrap();
        held.lock().unwrap();
        t.sh("flock -n f echo got it");
        t.note("in this process", other.try_lock().is_err());
        held.unlock().unwrap();
        held.lock_shared().unwrap();
        t.sh("flock -n f echo got it; flock -s -n f echo shared it");
        drop(held);
        t.sh("flock -n f echo got it");
    });
}

/// A program that tries to lock bytes 0 to 9 of a file, and tells who has them.
const OTHER: &str = r#"perl -e '
    use Fcntl; open(F, "+<", "f") or die;
    my $want = pack("s s x4 q q i x4", F_WRLCK, 0, $ARGV[0], 10, 0);
    print fcntl(F, F_SETLK, $want) ? "got" : "refused";
    fcntl(F, F_GETLK, $want) or die; my ($type, undef, $start, $len) = unpack("s s x4 q q i", $want);
    print $type == F_UNLCK ? " free" : " held $start $len";'"#;

#[test]
fn locks_of_ranges_keep_another_process_out_of_them() {
    alike(|t| {
        fs::write(t.at("f"), vec![0; 100]).unwrap();
        let held = fs::File::options().read(true).write(true).open(t.at("f")).unwrap();
        let lock = rustix::fs::FlockOperation::NonBlockingLockExclusive;
        // The whole file.
        t.call("lock", rustix::fs::fcntl_lock(&held, lock));
        t.sh(&format!("{OTHER} 0"));
        t.sh(&format!("{OTHER} 50"));
        t.call("unlock", rustix::fs::fcntl_lock(&held, rustix::fs::FlockOperation::Unlock));
        t.sh(&format!("{OTHER} 0"));
        // Any close of the file by this process ends its locks.
        t.call("lock", rustix::fs::fcntl_lock(&held, lock));
        drop(fs::File::open(t.at("f")).unwrap());
        t.sh(&format!("{OTHER} 0"));
    });
}

#[test]
fn a_process_that_waits_for_a_lock_gets_it() {
    alike(|t| {
        fs::write(t.at("f"), "").unwrap();
        let held = fs::File::options().append(true).open(t.at("f")).unwrap();
        held.lock().unwrap();
        let mut waiting = std::process::Command::new("flock");
        let mut waiting = waiting.arg(t.at("f")).args(["sh", "-c", "cat f"]).current_dir(t.at(""));
        waiting = waiting.stdout(std::process::Stdio::piped());
        let waiting = waiting.spawn().unwrap();
        std::io::Write::write_all(&mut &held, b"written first").unwrap();
        held.unlock().unwrap();
        t.note("it saw", String::from_utf8(waiting.wait_with_output().unwrap().stdout).unwrap());
    });
}
