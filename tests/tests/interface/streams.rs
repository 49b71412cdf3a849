//! Open files with the traits of `std::io`.

use std::io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use nxvfs::Errno;
use nxvfs_abi::character::event::{POLLIN, POLLOUT};
use nxvfs_abi::types::open::{O_CREAT, O_RDONLY, O_RDWR, O_WRONLY};
use nxvfs_tests::check::errno;
use nxvfs_tests::{Board, Folder, Link, genromfs};

#[test]
fn files_are_read_written_and_buffered_as_any() {
    let images = Folder::new();
    let image = genromfs(Folder::new().file("text", "one\ntwo\nthree").path(), &images.at("rom"));
    let board = Board::new(Link::Static)
        .romdisk("/dev/rom0", &image)
        .mount("/dev/rom0", "/rom", "romfs", "")
        .mount("none", "/tmp", "tmpfs", "");
    let task = board.task();
    let lines: Vec<String> = BufReader::new(task.open_file("/rom/text", O_RDONLY, 0).unwrap())
        .lines()
        .map(Result::unwrap)
        .collect();
    assert_eq!(lines, ["one", "two", "three"]);
    for path in ["/tmp/file", "/own"] {
        let mut writer = BufWriter::new(task.open_file(path, O_RDWR | O_CREAT, 0o600).unwrap());
        (0..1000).for_each(|i| writeln!(writer, "line {i}").unwrap());
        let mut file = writer.into_inner().unwrap();
        assert_eq!(file.stream_position().unwrap(), 8890);
        assert_eq!(file.seek(SeekFrom::End(-4)).unwrap(), 8886);
        let mut rest = String::new();
        file.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "999\n");
        assert_eq!(file.seek(SeekFrom::Start(5)).unwrap(), 5);
        let mut first = [0; 1];
        file.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"0");
        assert_eq!(file.seek(SeekFrom::Current(-20)).unwrap_err().raw_os_error(), Some(Errno::EINVAL.get()));
        file.close().unwrap();
    }
    assert_eq!(task.descriptor_count(), 0);
    let mut copy = task.open_file("/tmp/copy", O_WRONLY | O_CREAT, 0o600).unwrap();
    let mut from = task.open_file("/rom/text", O_RDONLY, 0).unwrap();
    assert_eq!(std::io::copy(&mut from, &mut copy).unwrap(), 13);
    assert_eq!(copy.read(&mut [0; 4]).unwrap_err().raw_os_error(), Some(Errno::EBADF.get()));
    let fd = copy.into_fd();
    assert_eq!(task.fstat(fd).unwrap().attr.size_bytes, 13);
    let (r, w) = task.pipe2(0).unwrap();
    let (mut reads, mut writes) = (task.stream(r).unwrap(), task.stream(w).unwrap());
    assert_eq!(writes.poll(POLLOUT, None).unwrap(), POLLOUT);
    writes.write_all(b"through").unwrap();
    assert_eq!(reads.poll(POLLIN, None).unwrap(), POLLIN);
    assert_eq!(reads.fd(), r);
    drop(writes);
    let mut all = Vec::new();
    reads.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"through");
    errno(task.stream(999).map(drop), Errno::EBADF);
    errno(task.open_file("/none", O_RDONLY, 0).map(drop), Errno::ENOENT);
}
