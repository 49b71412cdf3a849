//! Mounts the file system in a host made for tests, which calls the same functions as a real one.

use hello_fs::HelloFs;
use nxvfs_sdk::fake::{self, Mounted, Value};
use nxvfs_sdk::{Errno, open};

/// A mount without a device. Every option is given: defaults are the real host's business.
fn mount(greeting: &str) -> fake::Result<Mounted<HelloFs>> {
    fake::mount(None, &[("greeting", Value::Str(greeting))])
}

#[test]
fn the_greeting_is_the_one_that_was_given() {
    let volume = mount("Good morning").unwrap();
    let file = volume.walk("/hello.txt").unwrap();
    assert_eq!(volume.read(file.node).unwrap(), b"Good morning\n");
    assert_eq!(file.attr.size_bytes, 13);
    let mut part = [0; 4];
    let opened = volume.open(file.node, open::O_RDONLY).unwrap();
    assert_eq!(opened.read_at(5, &mut part).unwrap(), 4);
    assert_eq!(&part, b"morn");
    assert_eq!(opened.read_at(11, &mut part).unwrap(), 2);
    assert_eq!(opened.read_at(u64::MAX, &mut part).unwrap(), 0);
}

#[test]
fn directories_list_what_can_be_looked_up() {
    let volume = mount("Hi").unwrap();
    for (dir, names) in [("/", &["hello.txt", "docs"][..]), ("/docs", &["readme.txt"])] {
        let dir = volume.walk(dir).unwrap().node;
        let entries = volume.readdir(dir).unwrap();
        assert!(entries.iter().map(|e| e.name.as_slice()).eq(names.iter().map(|n| n.as_bytes())));
        for entry in &entries {
            let found = volume.lookup(dir, &entry.name).unwrap();
            assert_eq!((entry.ino, entry.file_type), (found.attr.ino, found.attr.file_type()));
        }
        // Listed one by one, the entries are the same.
        let (mut one_by_one, mut cookie) = (Vec::new(), 0);
        while let Some(entry) = volume.readdir_from(dir, cookie, 1).unwrap().pop() {
            cookie = entry.next_cookie;
            one_by_one.push(entry);
        }
        assert_eq!(one_by_one, entries);
    }
}

#[test]
fn what_is_not_there_is_refused() {
    let volume = mount("Hi").unwrap();
    assert_eq!(volume.walk("/nothing").err().unwrap().errno, Errno::ENOENT);
    assert_eq!(mount("").err().unwrap().what, "greeting is empty");
    // Functions that are left out answer ENOSYS, and the host takes their defaults: here, EROFS.
    assert_eq!(volume.unlink(volume.root(), b"hello.txt").err().unwrap().errno, Errno::ENOSYS);
    volume.unmount().unwrap();
}
