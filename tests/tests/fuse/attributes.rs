//! The attributes of FAT: by their extended attribute, by Linux's ioctls, by the mode.
#![allow(unsafe_code, reason = "calls ioctl")]

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use nxvfs_tests::tool;
use rustix::ioctl::{Getter, Setter, ioctl};

use crate::card::Card;
use crate::sh;

/// Linux's FAT_IOCTL_GET_ATTRIBUTES and FAT_IOCTL_SET_ATTRIBUTES.
const GET: u32 = 0x8004_7210;
const SET: u32 = 0x4004_7211;
const READ_ONLY: u32 = 1;
const HIDDEN: u32 = 2;
const SYSTEM: u32 = 4;
const ARCHIVE: u32 = 32;

fn get(file: &File) -> u32 {
    // SAFETY: the command fills 32 bits.
    unsafe { ioctl(file, Getter::<GET, u32>::new()) }.unwrap()
}

fn set_all(file: &File, attributes: u32) -> rustix::io::Result<()> {
    // SAFETY: the command reads 32 bits.
    unsafe { ioctl(file, Setter::<SET, u32>::new(attributes)) }
}

#[test]
fn attributes_of_fat_are_read_and_set_in_every_way_and_the_mode_follows() {
    let card = Card::new(8);
    let mount = card.mount();
    fs::write(mount.at("f"), "x").unwrap();
    let file = File::open(mount.at("f")).unwrap();
    let mode = || mount.at("f").metadata().unwrap().mode() & 0o777;
    let value = || sh(mount.path(), "getfattr --only-values -n user.fat.attributes f");
    assert_eq!((get(&file), &*value(), mode()), (ARCHIVE, "a", 0o755));
    assert_eq!(sh(mount.path(), "getfattr -d f"), "", "listed only where it says something");

    set_all(&file, READ_ONLY | HIDDEN).unwrap();
    assert_eq!((get(&file), &*value(), mode()), (READ_ONLY | HIDDEN, "rh", 0o555));
    assert!(sh(mount.path(), "getfattr -d f").contains("user.fat.attributes=\"rh\""));
    assert!(fs::metadata(mount.at("f")).unwrap().permissions().readonly());

    sh(mount.path(), "setfattr -n user.fat.attributes -v sa f");
    assert_eq!((get(&file), &*value(), mode()), (SYSTEM | ARCHIVE, "sa", 0o755));
    sh(mount.path(), "setfattr -n user.fat.attributes -v r f");
    assert_eq!(mode(), 0o555);
    sh(mount.path(), "setfattr -x user.fat.attributes f");
    assert_eq!((get(&file), mode()), (ARCHIVE, 0o755));

    fs::set_permissions(mount.at("f"), fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!((get(&file), &*value(), mode()), (READ_ONLY | ARCHIVE, "ra", 0o555));
    sh(mount.path(), "setfattr -n user.fat.attributes -v rhs f");
    drop(file);
    mount.unmount();
    card.is_sound();
    let said = tool::ok("mattrib", &["-i", tool::text(&card.image), "::f"], "");
    assert!(said.split("::").next().unwrap().split_whitespace().collect::<String>() == "SHR", "{said}");
}

#[test]
fn what_is_no_attribute_of_fat_is_refused() {
    let card = Card::new(8);
    let mount = card.mount();
    fs::write(mount.at("f"), "x").unwrap();
    let set = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(mount.at("f"), name, value, rustix::fs::XattrFlags::empty())
    };
    use rustix::io::Errno;
    assert_eq!(set("user.other", b"x"), Err(Errno::OPNOTSUPP));
    assert_eq!(set("user.fat.attributes", b"rx"), Err(Errno::INVAL));
    let mut buf = [0_u8; 16];
    assert_eq!(rustix::fs::getxattr(mount.at("f"), "user.other", &mut buf[..]), Err(Errno::NODATA));
    assert_eq!(rustix::fs::getxattr(mount.at("f"), "user.fat.attributes", &mut buf[..]), Ok(1));
    let file = File::open(mount.at("f")).unwrap();
    // That it is a directory cannot be said, and is not heard, as in Linux. What is no command is ENOTTY.
    set_all(&file, 16 | ARCHIVE).unwrap();
    assert_eq!(get(&file), ARCHIVE);
    assert!(mount.at("f").metadata().unwrap().is_file());
    // SAFETY: no such command.
    let unknown = unsafe { ioctl(&file, Getter::<0x8004_7aff, u32>::new()) };
    assert_eq!(unknown, Err(Errno::NOTTY));
    drop(file);
    mount.unmount();
    card.is_sound();
}
