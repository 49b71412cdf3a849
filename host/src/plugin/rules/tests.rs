//! Who may have written a plugin.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use super::*;
use crate::base::Errno;
use crate::plugin::elf::tests::Folder;

const ME: u32 = 1000;
const MY_GROUP: u32 = 100;

fn verdict(uid: u32, gid: u32, mode: u32) -> Result<(), RuleError> {
    judge(Path::new("/p/x.so"), Facts { uid, gid, mode }, ME, MY_GROUP)
}

#[test]
fn owners() {
    assert!(verdict(0, 0, 0o755).is_ok());
    assert!(verdict(ME, MY_GROUP, 0o755).is_ok());
    let error = Error::from(verdict(1001, MY_GROUP, 0o755).unwrap_err());
    assert_eq!(error.errno(), Errno::EACCES);
    assert_eq!(
        error.to_string(),
        "plugin file of another user: /p/x.so: found user 1001, expected one that belongs to user 0 or 1000; copy it, \
         or chown it, or pass --allow-unsafe-plugin-files if you trust that user (EACCES)"
    );
    // Root trusts root alone.
    let root = judge(Path::new("x"), Facts { uid: ME, gid: 0, mode: 0o644 }, 0, 0);
    assert!(matches!(root, Err(RuleError::ForeignOwner { ref trusted, .. }) if trusted == "0"));
}

#[test]
fn modes() {
    for mode in [0o757, 0o777, 0o666, 0o002] {
        assert!(matches!(verdict(ME, MY_GROUP, mode), Err(RuleError::WorldWritable { .. })), "{mode:o}");
        assert!(matches!(verdict(0, 0, mode), Err(RuleError::WorldWritable { .. })), "{mode:o}");
    }
    assert!(verdict(ME, MY_GROUP, 0o775).is_ok());
    assert!(verdict(0, 0, 0o775).is_ok());
    assert!(matches!(verdict(ME, 50, 0o775), Err(RuleError::GroupWritable { gid: 50, .. })));
    assert!(matches!(verdict(0, 50, 0o664), Err(RuleError::GroupWritable { .. })));
    assert!(verdict(0, 50, 0o644).is_ok());
}

#[test]
fn opened_files() {
    let folder = Folder::new("rules");
    let path = folder.0.join("x.so");
    std::fs::write(&path, "x").unwrap();
    let chmod = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    chmod(0o644);
    let file = open(&path).unwrap();
    check(&file, &path, false).unwrap();
    chmod(0o646);
    let error = check(&file, &path, false).unwrap_err();
    assert_eq!(error.errno(), Errno::EACCES);
    assert!(error.to_string().contains("chmod o-w") && error.to_string().contains("0646"), "{error}");
    check(&file, &path, true).unwrap();
}

#[test]
fn other_things() {
    let folder = Folder::new("rules-kinds");
    let fifo = folder.0.join("fifo.so");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let socket = folder.0.join("socket.so");
    let _listener = UnixListener::bind(&socket).unwrap();
    for (path, word) in [
        (fifo.as_path(), "a FIFO"),
        (socket.as_path(), "a socket"),
        (folder.0.as_path(), "a directory"),
        (Path::new("/dev/null"), "a device"),
    ] {
        let error = open(path).unwrap_err();
        assert_eq!(error.errno(), Errno::EACCES);
        assert!(error.to_string().contains(word), "{error}");
    }
    // The owner's rule is lifted, not the demand for a file.
    let directory = File::open(&folder.0).unwrap();
    assert_eq!(check(&directory, &folder.0, true).unwrap_err().errno(), Errno::EACCES);
    assert_eq!(open(Path::new("/nowhere/x.so")).unwrap_err().errno(), Errno::ENOENT);
}

#[test]
fn paths_are_shown_harmless() {
    assert_eq!(shown(Path::new("/a\x1b[2J/b")), "/a\\u{1b}[2J/b");
}
