//! The main job through the library: a genromfs image, attached, mounted, mapped in place.

use nxvfs_builtin as _;

use nxvfs::mapping::MapRequest;
use nxvfs::plugin::PluginOptions;
use nxvfs::tree::Tier;
use nxvfs::{Host, MountOptions};

#[test]
fn a_romfs_file_is_mapped_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    std::fs::create_dir_all(tree.join("docs")).unwrap();
    std::fs::write(tree.join("docs/hello.txt"), b"hello from the medium\n").unwrap();
    let image = dir.path().join("rom.img");
    let made = std::process::Command::new("genromfs").arg("-d").arg(&tree).arg("-f").arg(&image).status();
    assert!(made.expect("genromfs is needed: apt-get install genromfs").success());

    let host = Host::new(PluginOptions::default()).unwrap();
    let given = vec![("image".to_owned(), Some(image.display().to_string()))];
    host.attach("ramdisk-xip", "/dev/ram0", &given).unwrap();
    host.mount(Some("/dev/ram0"), "/rom", "romfs", &MountOptions::default()).unwrap();
    let task = host.task();
    let fd = task.open("/rom/docs/hello.txt", 0, 0).unwrap();
    let mut buf = [0; 64];
    let n = task.read(fd, &mut buf).unwrap();
    assert_eq!(&buf[..n], b"hello from the medium\n");
    assert_eq!(task.explain("/rom/docs/hello.txt").unwrap().tier, Tier::Xip);
    let view = task.map(fd, &MapRequest::read(6, 4)).unwrap();
    let mut word = [0; 4];
    view.read_at(0, &mut word).unwrap();
    assert_eq!(&word, b"from");
    assert!(host.unmount("/rom").unwrap_err().to_string().contains("EBUSY"));
    drop(view);
    task.end();
    host.unmount("/rom").unwrap();
    host.detach("/dev/ram0").unwrap();
}
