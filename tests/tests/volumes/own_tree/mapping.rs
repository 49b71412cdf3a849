//! Files in RAM that are mapped: the file's own memory, without a copy.

use nxvfs::mapping::{MapRequest, Mapping, Prot};
use nxvfs::tree::Tier;
use nxvfs::{Errno, Task};
use nxvfs_abi::types::open::*;
use nxvfs_tests::check::{errno, refused};
use nxvfs_tests::image::pattern;
use nxvfs_tests::process::page_bytes;
use nxvfs_tests::{Board, Link, content};

fn make(task: &Task, path: &str, bytes: &[u8]) -> u32 {
    let fd = task.open(path, O_RDWR | O_CREAT, 0o644).unwrap();
    assert_eq!(task.write(fd, bytes).unwrap(), bytes.len());
    fd
}

fn shared(offset: u64, len: usize) -> MapRequest {
    MapRequest::shared(offset, len, Prot::READ_WRITE)
}

fn seen(view: &Mapping, offset: usize, len: usize) -> Vec<u8> {
    let mut buf = vec![0; len];
    view.read_at(offset, &mut buf).unwrap();
    buf
}

#[test]
fn all_views_and_all_openings_show_the_same_bytes() {
    let board = Board::new(Link::Static);
    let (task, other) = (board.task(), board.task());
    let bytes = pattern(1, 3 * page_bytes() + 100);
    let fd = make(&task, "/f", &bytes);
    let first = task.map(fd, &shared(0, bytes.len())).unwrap();
    // Not at a page of the file.
    let second = other.map(other.open("/f", O_RDONLY, 0).unwrap(), &MapRequest::read(5000, 4000)).unwrap();
    assert_eq!(first.tier(), Tier::Xip);
    assert_eq!(
        (seen(&first, 0, bytes.len()), seen(&second, 0, 4000)),
        (bytes.clone(), bytes[5000..9000].to_vec())
    );
    first.write_at(5003, b"stored").unwrap();
    assert_eq!(seen(&second, 3, 6), b"stored");
    assert_eq!(content(&other, "/f").unwrap()[5003..5009], *b"stored");
    task.pwrite(fd, b"written", 5020).unwrap();
    assert_eq!((seen(&first, 5020, 7), seen(&second, 20, 7)), (b"written".to_vec(), b"written".to_vec()));
    assert_eq!(task.explain("/f").unwrap().tier, Tier::Xip);
}

#[test]
fn a_private_view_keeps_its_stores() {
    let board = Board::new(Link::Static);
    let task = board.task();
    let bytes = pattern(1, 2 * page_bytes());
    make(&task, "/f", &bytes);
    let fd = task.open("/f", O_RDONLY, 0).unwrap();
    let view = task.map(fd, &MapRequest { shared: false, ..shared(0, bytes.len()) }).unwrap();
    view.write_at(10, b"mine").unwrap();
    assert_eq!(seen(&view, 10, 4), b"mine");
    assert_eq!(content(&task, "/f").unwrap(), bytes);
    errno(task.map(fd, &shared(0, 1)).map(drop), Errno::EACCES);
}

#[test]
fn a_shorter_file_takes_the_pages_and_a_longer_one_gives_them_back() {
    let board = Board::new(Link::Static);
    let task = board.task();
    let page = page_bytes();
    let fd = make(&task, "/f", &pattern(1, 3 * page));
    let view = task.map(fd, &shared(0, 3 * page)).unwrap();
    task.ftruncate(fd, page as u64 + 10).unwrap();
    assert_eq!(seen(&view, page + 8, 4), [pattern(1, page + 10)[page + 8..].to_vec(), vec![0; 2]].concat());
    assert!(view.read_at(2 * page, &mut [0]).is_err(), "no page of the file");
    task.ftruncate(fd, 3 * page as u64).unwrap();
    assert_eq!(seen(&view, 2 * page, page), vec![0; page]);
}

#[test]
fn what_is_mapped_empty_shows_what_is_written_later() {
    let board = Board::new(Link::Static);
    let task = board.task();
    let fd = make(&task, "/f", b"");
    let view = task.map(fd, &MapRequest::read(0, 100)).unwrap();
    assert!(view.read_at(0, &mut [0]).is_err(), "no page of the file");
    task.write(fd, b"later").unwrap();
    assert_eq!(seen(&view, 0, 5), b"later");
}

#[test]
fn a_view_outlives_names_and_descriptors() {
    let board = Board::new(Link::Static);
    let task = board.task();
    let fd = make(&task, "/f", b"kept");
    let address = task.mmap(fd, &shared(0, 4)).unwrap();
    task.unlink("/f").unwrap();
    task.close(fd).unwrap();
    let maps = String::from_utf8(content(&task, "/proc/self/maps").unwrap()).unwrap();
    assert!(maps.ends_with(" rw-s 00000000 xip /f\n"), "{maps}");
    let files = || board.host().task().statfs("/").unwrap().blocks_free;
    let before = files();
    task.munmap(address, 4).unwrap();
    assert_eq!(files(), before + 1);
}

#[test]
fn it_has_no_address_to_lend() {
    let board = Board::new(Link::Static);
    let task = board.task();
    let fd = make(&task, "/f", b"bytes");
    refused(task.borrow_in_place(fd), Errno::ENODEV, &["/f", "no address to lend"]);
    board
        .register_generated("/made", 0o444, |_, out| {
            out.extend(b"text");
            Ok(())
        })
        .unwrap();
    let made = task.open("/made", O_RDONLY, 0).unwrap();
    errno(task.map(made, &MapRequest::read(0, 4)).map(drop), Errno::ENODEV);
}
