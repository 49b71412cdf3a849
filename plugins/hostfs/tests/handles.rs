//! Descriptors are few, however many nodes the host knows. The only test of its process, so that it can count them.

mod common;

use std::fs;

use common::{folder, mount_with};

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn there_are_as_many_descriptors_as_are_allowed_and_each_node_is_found_again() {
    let dir = folder();
    let deep: String = (0..60).map(|n| format!("d{n}/")).collect();
    fs::create_dir_all(dir.path().join(&deep)).unwrap();
    for number in 0..1000 {
        fs::write(dir.path().join(format!("f{number}")), number.to_string()).unwrap();
    }
    fs::write(dir.path().join(&deep).join("bottom"), "deep").unwrap();
    let before = descriptors();
    let volume = mount_with(dir.path(), false, 16).unwrap();
    let bottom = volume.walk(&format!("{deep}bottom")).unwrap().node;
    let nodes: Vec<u64> = (0..1000).map(|n| volume.walk(&format!("f{n}")).unwrap().node).collect();
    // Those that are kept, the folder twice, /proc/self/fd, and what counts them.
    assert!(descriptors() <= before + 16 + 4, "{} after {before}", descriptors());
    for (number, node) in nodes.iter().enumerate().rev() {
        assert_eq!(volume.read(*node).unwrap(), number.to_string().as_bytes());
    }
    assert_eq!(volume.read(bottom).unwrap(), b"deep");
    assert!(descriptors() <= before + 16 + 4);
    for node in nodes {
        volume.forget(node, 1);
    }
    volume.unmount().unwrap();
    assert_eq!(descriptors(), before);
}
