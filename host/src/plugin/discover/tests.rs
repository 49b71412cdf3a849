//! What a search path yields, and in what order.

use std::fs;

use super::*;
use crate::base::Errno;
use crate::plugin::elf::tests::{Folder, shared_object};

fn plugin(name: &str, driver: &str) -> Vec<u8> {
    let manifest = format!(
        "name={name}\0version=1\0abi=1.0\0license=MIT\0description=a test\0entry=e\0provides=block:{driver}\0"
    );
    shared_object(&[(".nxmodinfo", manifest.as_bytes())])
}

fn write(folder: &Folder, file: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.0.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn given(folder: &Folder) -> SearchPath {
    SearchPath::new(vec![folder.0.clone()], None, None)
}

/// File names with the plugin's name, or `!` and the errno.
fn told(candidates: &[Candidate]) -> Vec<String> {
    let outcome = |c: &Candidate| match &c.outcome {
        Ok(manifest) => manifest.name.clone(),
        Err(error) => format!("!{}", error.errno().name()),
    };
    let file = |c: &Candidate| c.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    candidates.iter().map(|c| format!("{} {}", file(c), outcome(c))).collect()
}

#[test]
fn order_of_directories() {
    let path =
        SearchPath::new(vec!["/g1".into(), "/g2".into()], Some("/e1::/e2:".into()), Some("/bin".into()));
    let dirs: Vec<&Path> = path.dirs().collect();
    assert_eq!(dirs, ["/g1", "/g2", "/e1", "/e2", "/bin/deps", "/bin", "/lib/nxvfs"].map(Path::new));
    assert_eq!(SearchPath::default().dirs().count(), 0);
}

#[test]
fn lists_what_is_of_interest() {
    let folder = Folder::new("discover");
    write(&folder, "zz.so", &plugin("last", "z"));
    write(&folder, "any name at all.so", &plugin("first", "f"));
    write(&folder, "ordinary.so", &shared_object(&[]));
    write(&folder, "libnxvfs_forgot.so", &shared_object(&[]));
    write(&folder, "text.so", b"hello\n");
    write(&folder, "bad.so", &shared_object(&[(".nxmodinfo", b"rubbish\0")]));
    write(&folder, "none.so", &shared_object(&[(".nxmodinfo", b"")]));
    write(&folder, "libnxvfs.so", &plugin("the-host", "h"));
    write(&folder, "plugin.so.1", &plugin("other", "o"));
    write(&folder, "readme.txt", b"hello");
    fs::create_dir(folder.0.join("folder.so")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.0.join("link.so")).unwrap();

    assert_eq!(
        told(&scan(&given(&folder))),
        [
            "any name at all.so first",
            "bad.so !ENOEXEC",
            "folder.so !EACCES",
            "libnxvfs_forgot.so !ENOEXEC",
            "link.so !ENOENT",
            "none.so !ENOEXEC",
            "text.so !ENOEXEC",
            "zz.so last",
        ]
    );
    // Beside the executable only what has to do with plugins.
    let beside = scan(&SearchPath::new(vec![], None, Some(folder.0.clone())));
    assert_eq!(
        told(&beside),
        [
            "any name at all.so first",
            "bad.so !ENOEXEC",
            "libnxvfs_forgot.so !ENOEXEC",
            "none.so !ENOEXEC",
            "zz.so last",
        ]
    );
    let environment = scan(&SearchPath::new(vec![], Some(folder.0.clone().into()), None));
    assert_eq!(environment.len(), 8);

    let error = beside[1].outcome.as_ref().unwrap_err().to_string();
    assert!(error.contains("bad.so: manifest entry without a key"), "{error}");
}

#[test]
fn shadows_and_links() {
    let folder = Folder::new("discover-shadow");
    let winner = write(&folder, "a/b.so", &plugin("ram", "r1"));
    write(&folder, "a/c.so", &plugin("ram", "r2"));
    write(&folder, "b/a.so", &plugin("ram", "r3"));
    write(&folder, "b/deps/d.so", &plugin("other", "r3"));
    fs::hard_link(&winner, folder.0.join("b/hard.so")).unwrap();
    std::os::unix::fs::symlink(&winner, folder.0.join("b/soft.so")).unwrap();
    let (a, b) = (folder.0.join("a"), folder.0.join("b"));
    let path = SearchPath::new(vec![a.clone()], Some(a.into()), Some(b));
    let found = scan(&path);
    assert_eq!(told(&found), ["b.so ram", "c.so ram", "d.so other", "a.so ram"]);
    let shadows: Vec<Option<&Path>> = found.iter().map(|c| c.shadowed_by.as_deref()).collect();
    assert_eq!(shadows, [None, Some(winner.as_path()), None, Some(winner.as_path())]);

    assert_eq!(find(&path, "ram").unwrap().path, winner);
    assert!(find(&path, "nothing").is_none());
    let provider = |kind, driver| find_provider(&path, kind, driver).unwrap();
    assert_eq!(provider(Kind::Block, "r1").unwrap().path, winner);
    assert!(provider(Kind::Block, "r2").is_none());
    assert_eq!(provider(Kind::Block, "r3").unwrap().path, folder.0.join("b/deps/d.so"));
    assert!(provider(Kind::FileSystem, "r1").is_none());
}

#[test]
fn a_refused_file_explains_itself() {
    let folder = Folder::new("discover-refused");
    write(&folder, "libnxvfs_my_fs.so", b"hello");
    write(&folder, "other.so", &shared_object(&[(".nxmodinfo", b"rubbish\0")]));
    let path = given(&folder);
    assert!(find(&path, "my-fs").unwrap().outcome.is_err());
    let error = find_provider(&path, Kind::FileSystem, "my-fs").unwrap_err();
    assert_eq!(error.errno(), Errno::ENOEXEC);
    assert!(find(&path, "other").unwrap().outcome.is_err());
    // A sound plugin of the name wins over a refused file that is called like it.
    write(&folder, "sound.so", &plugin("other", "other"));
    assert!(find(&path, "other").unwrap().outcome.is_ok());
    assert!(find_provider(&path, Kind::Block, "other").unwrap().is_some());
}

#[test]
fn directories_that_cannot_be_searched() {
    let folder = Folder::new("discover-dirs");
    let file = write(&folder, "file", b"x");
    let missing = folder.0.join("missing");
    let path = |dir: &Path| {
        [
            SearchPath::new(vec![dir.to_owned()], None, None),
            SearchPath::new(vec![], Some(dir.into()), None),
            SearchPath::new(vec![], None, Some(dir.to_owned())),
        ]
        .map(|path| told(&scan(&path)))
    };
    assert_eq!(path(&missing), [vec!["missing !ENOENT".to_owned()], vec![], vec![]]);
    let not_one = vec!["file !ENOTDIR".to_owned()];
    assert_eq!(path(&file), [not_one.clone(), not_one, vec![]]);
    // What is wrong with one directory does not stop the next.
    write(&folder, "good/x.so", &plugin("x", "x"));
    let both = SearchPath::new(vec![missing, folder.0.join("good")], None, None);
    assert_eq!(told(&scan(&both)), ["missing !ENOENT", "x.so x"]);
}

#[test]
fn crowded_directory() {
    let folder = Folder::new("discover-crowd");
    for i in 0..MAX_FILES_PER_DIR + 10 {
        fs::write(folder.0.join(format!("{i:05}.so")), "").unwrap();
    }
    let (names, trouble) = list(&folder.0, Origin::Given);
    assert_eq!(names.len(), MAX_FILES_PER_DIR);
    assert_eq!(names.last().unwrap(), "04095.so");
    assert_eq!(trouble.unwrap().errno(), Errno::E2BIG);
}

#[test]
fn a_single_file() {
    let folder = Folder::new("discover-single");
    let path = write(&folder, "plugin", &plugin("x", "x"));
    assert_eq!(inspect(&path).unwrap().name, "x");
    assert_eq!(inspect(&folder.0).unwrap_err().errno(), Errno::EACCES);
}
