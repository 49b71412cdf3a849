//! What the host remembers of names is bounded: memory does not grow with the number of names that were asked for.

use nxvfs::Errno;
use nxvfs_abi::types::open::{O_CREAT, O_WRONLY};
use nxvfs_tests::{Board, Link, process};

/// Directories that the names are spread over.
const DIRS: usize = 200;
/// Bytes by which memory may differ although nothing more is remembered: the allocator's own.
const SLACK_BYTES: u64 = 4 << 20;

#[test]
fn a_million_names_cost_no_more_than_a_few_thousand() {
    let board = Board::new(Link::Static).mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    for dir in 0..DIRS {
        task.mkdir(format!("/tmp/{dir}"), 0o755).unwrap();
    }
    let ask_in_vain = |names: std::ops::Range<usize>| {
        for name in names {
            let path = format!("/tmp/{}/absent-{name}", name % DIRS);
            assert_eq!(task.stat(path).map(drop).unwrap_err().errno(), Errno::ENOENT);
        }
    };
    ask_in_vain(0..200_000);
    let before = process::resident_bytes();
    ask_in_vain(200_000..600_000);
    let after = process::resident_bytes();
    assert!(after <= before + SLACK_BYTES, "{before} bytes before, {after} after asking for names in vain");

    let files = 120_000;
    for file in 0..files {
        let path = format!("/tmp/{}/file-{file}", file % DIRS);
        let fd = task.open(path, O_CREAT | O_WRONLY, 0o600).unwrap();
        task.close(fd).unwrap();
    }
    let look = || {
        for file in 0..files {
            task.stat(format!("/tmp/{}/file-{file}", file % DIRS)).unwrap();
        }
    };
    look();
    let before = process::resident_bytes();
    look();
    look();
    let after = process::resident_bytes();
    assert!(after <= before + SLACK_BYTES, "{before} bytes before, {after} after looking at names again");
}
