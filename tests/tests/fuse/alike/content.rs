//! What files hold, and how they change.
#![allow(unsafe_code, reason = "maps files")]

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt};

use rustix::fs::{FallocateFlags, XattrFlags, copy_file_range, fallocate, seek};
use rustix::mm::{MapFlags, MsyncFlags, ProtFlags, mmap, msync, munmap};

use super::{Trial, alike};

fn file(t: &Trial, name: &str) -> File {
    File::options().read(true).write(true).create(true).truncate(false).open(t.at(name)).unwrap()
}

#[test]
fn an_unlinked_open_file_goes_on() {
    alike(|t| {
        let f = file(t, "gone");
        f.write_all_at(b"data", 0).unwrap();
        fs::hard_link(t.at("gone"), t.at("other")).unwrap();
        t.done("unlink", fs::remove_file(t.at("gone")));
        t.note("links", f.metadata().unwrap().nlink());
        t.done("unlink", fs::remove_file(t.at("other")));
        t.note("links", f.metadata().unwrap().nlink());
        t.done("write", f.write_all_at(b"more", 4));
        let mut content = [0; 8];
        f.read_exact_at(&mut content, 0).unwrap();
        t.note("content", content);
        t.done("truncate", f.set_len(2));
        t.note("size", f.metadata().unwrap().len());
        t.done("its name", fs::metadata(t.at("gone")));
        let back = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&f));
        let linked = rustix::fs::linkat(
            rustix::fs::CWD,
            back,
            rustix::fs::CWD,
            t.at("back"),
            rustix::fs::AtFlags::SYMLINK_FOLLOW,
        );
        t.call("linked again", linked);
        t.done("sync", f.sync_all());
        // One that was renamed over.
        let (old, new) = (file(t, "old"), file(t, "new"));
        old.write_all_at(b"old", 0).unwrap();
        new.write_all_at(b"newer", 0).unwrap();
        t.done("rename over", fs::rename(t.at("new"), t.at("old")));
        t.note("old", (old.metadata().unwrap().nlink(), old.metadata().unwrap().len()));
        t.note("new", (new.metadata().unwrap().nlink(), fs::read_to_string(t.at("old")).unwrap()));
    });
}

#[test]
fn lengths_change_and_new_bytes_are_zero() {
    alike(|t| {
        let f = file(t, "f");
        f.write_all_at(&[7; 10_000], 0).unwrap();
        for len in [5_000, 9_000, 0, 100_000, 4096, 4097, 1 << 33, 10] {
            t.done("set_len", f.set_len(len));
            t.stat("f");
            let mut head = vec![1; 10_000];
            let got = f.read_at(&mut head, 0).unwrap();
            t.note("sum", head[..got].iter().map(|b| u64::from(*b)).sum::<u64>());
        }
        t.sh("perl -e 'truncate(\"f\", 3) or die $!'");
        t.done("too long", f.set_len(i64::MAX as u64));
        t.done("no length", f.set_len(u64::MAX));
        t.done("far write", f.write_all_at(b"x", 1 << 32));
        t.note("blocks are few", f.metadata().unwrap().blocks() < 64);
        t.done("O_TRUNC", File::create(t.at("f")));
        t.stat("f");
        let read_only = File::open(t.at("f")).unwrap();
        t.done("of one that only reads", read_only.set_len(1));
        t.done("write there", read_only.write_at(b"x", 0));
        t.done("read of one that only writes", File::create(t.at("f")).unwrap().read_at(&mut [0; 4], 0));
    });
}

#[test]
fn fallocate_keeps_punches_and_grows() {
    alike(|t| {
        let f = file(t, "f");
        f.write_all_at(&[7; 20_000], 0).unwrap();
        for (flags, offset, len) in [
            (FallocateFlags::KEEP_SIZE, 0, 100_000),
            (FallocateFlags::empty(), 0, 40_000),
            (FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 4096, 8192),
            (FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 100, 200),
            (FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 30_000, 1 << 20),
            (FallocateFlags::PUNCH_HOLE, 0, 4096),
            (FallocateFlags::COLLAPSE_RANGE, 0, 4096),
            (FallocateFlags::empty(), 0, 0),
        ] {
            let done = fallocate(&f, flags, offset, len);
            t.call(&format!("{flags:?} {offset} {len}"), done);
            t.note("length", f.metadata().unwrap().len());
            let mut bytes = vec![1; 50_000];
            let got = f.read_at(&mut bytes, 0).unwrap();
            t.note("sum", bytes[..got].iter().map(|b| u64::from(*b)).sum::<u64>());
        }
        let read_only = File::open(t.at("f")).unwrap();
        t.call("of one that only reads", fallocate(&read_only, FallocateFlags::empty(), 0, 10));
    });
}

#[test]
fn data_and_holes_are_found_before_and_after_they_are_written_back() {
    alike(|t| {
        let f = file(t, "f");
        f.write_all_at(b"far", 1 << 20).unwrap();
        f.write_all_at(&[1; 4096], 0).unwrap();
        for turn in ["before", "after"] {
            for (what, from) in [
                ("data from 0", rustix::fs::SeekFrom::Data(0)),
                ("hole from 0", rustix::fs::SeekFrom::Hole(0)),
                ("data from 64 KiB", rustix::fs::SeekFrom::Data(64 << 10)),
                ("hole in a hole", rustix::fs::SeekFrom::Hole(64 << 10)),
                ("hole at the last", rustix::fs::SeekFrom::Hole(1 << 20)),
                ("data beyond", rustix::fs::SeekFrom::Data(2 << 20)),
                ("hole beyond", rustix::fs::SeekFrom::Hole(2 << 20)),
            ] {
                let found = seek(&f, from);
                t.call(&format!("{what} {turn}"), found);
            }
            f.sync_all().unwrap();
        }
        fallocate(&f, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4096).unwrap();
        t.call("data after a punch", seek(&f, rustix::fs::SeekFrom::Data(0)));
        t.sh("cp --sparse=always f g && cmp f g && stat -c %s g");
    });
}

#[test]
fn shared_mappings_agree_with_read_and_write() {
    alike(|t| {
        let f = file(t, "f");
        f.write_all_at(&[b'-'; 8192], 0).unwrap();
        let both = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, unmapped below, of a file that is as long until then.
        let at = unsafe { mmap(std::ptr::null_mut(), 8192, both, MapFlags::SHARED, &f, 0) }.unwrap();
        let bytes = at.cast::<u8>();
        // SAFETY: inside the mapping.
        unsafe { bytes.copy_from(b"mapped".as_ptr(), 6) };
        let mut seen = [0; 6];
        f.read_exact_at(&mut seen, 0).unwrap();
        t.note("read sees the mapping", seen);
        t.note("so does another opening", &fs::read(t.at("f")).unwrap()[..6]);
        f.write_all_at(b"written", 4096).unwrap();
        // SAFETY: inside the mapping.
        let seen: Vec<u8> = (4096..4103).map(|i| unsafe { bytes.add(i).read_volatile() }).collect();
        t.note("the mapping sees write", seen);
        // SAFETY: the mapping.
        t.call("msync", unsafe { msync(at, 8192, MsyncFlags::SYNC) });
        fallocate(&f, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 4096, 4096).unwrap();
        // SAFETY: inside the mapping.
        t.note("the mapping sees the hole", unsafe { bytes.add(4096).read_volatile() });
        // SAFETY: inside the mapping.
        unsafe { bytes.add(10).write_volatile(b'!') };
        // SAFETY: nobody uses it any more.
        unsafe { munmap(at, 8192) }.unwrap();
        drop(f);
        t.note("after its end", &fs::read(t.at("f")).unwrap()[..12]);
        let read_only = File::open(t.at("f")).unwrap();
        // SAFETY: refused.
        let refused = unsafe { mmap(std::ptr::null_mut(), 4096, both, MapFlags::SHARED, &read_only, 0) };
        t.done("shared for writing of one that only reads", refused);
    });
}

#[test]
fn appenders_never_overwrite_each_other() {
    alike(|t| {
        let append = || File::options().append(true).create(true).open(t.at("log")).unwrap();
        let (mut a, mut b) = (append(), append());
        for i in 0..10 {
            write!(a, "a{i}").unwrap();
            write!(b, "b{i}").unwrap();
        }
        let content = fs::read_to_string(t.at("log")).unwrap();
        t.note("in turn", content);
        t.note("pwrite appends", (a.write_at(b"!", 0).unwrap(), fs::read_to_string(t.at("log")).unwrap()));
        t.done("cut", b.set_len(0));
        write!(a, "again").unwrap();
        t.note("after a cut", (fs::read_to_string(t.at("log")).unwrap(), a.stream_position().unwrap()));
        let path = t.at("log");
        let writers: Vec<_> = (0..4_u8)
            .map(|i| {
                let mut log = File::options().append(true).open(&path).unwrap();
                std::thread::spawn(move || (0..200).for_each(|_| log.write_all(&[b'0' + i; 16]).unwrap()))
            })
            .collect();
        writers.into_iter().for_each(|w| w.join().unwrap());
        let mut log = fs::read(t.at("log")).unwrap().split_off(5);
        t.note("pieces are whole", log.chunks(16).all(|c| c.iter().all(|b| *b == c[0])));
        log.sort_unstable();
        t.note("none is lost", log.len());
    });
}

#[test]
fn ranges_are_copied() {
    alike(|t| {
        let (from, to) = (file(t, "from"), file(t, "to"));
        let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        from.write_all_at(&content, 0).unwrap();
        to.write_all_at(b"old", 0).unwrap();
        let (mut a, mut b) = (1000, 5000);
        while a < 300_000 {
            let left = 300_000 - a as usize;
            let copied = copy_file_range(&from, Some(&mut a), &to, Some(&mut b), left).unwrap();
            assert_ne!(copied, 0);
        }
        let copy = fs::read(t.at("to")).unwrap();
        t.note("length", (copy.len(), a, b));
        t.note(
            "content",
            copy[5000..] == content[1000..300_000] && copy[..3] == *b"old" && copy[3..5000] == [0; 4997],
        );
        let (mut a, mut b) = (399_990, 0);
        t.call("at the end", copy_file_range(&from, Some(&mut a), &to, Some(&mut b), 100));
        t.call("behind it", copy_file_range(&from, Some(&mut a), &to, Some(&mut b), 100));
        let read_only = File::open(t.at("to")).unwrap();
        t.call("to one that only reads", copy_file_range(&from, Some(&mut 0), &read_only, Some(&mut 0), 100));
        t.note(
            "fs::copy",
            (fs::copy(t.at("from"), t.at("copy")).unwrap(), fs::read(t.at("copy")).unwrap() == content),
        );
    });
}

#[test]
fn extended_attributes_of_users() {
    alike(|t| {
        fs::write(t.at("f"), "x").unwrap();
        let path = t.at("f");
        let none = XattrFlags::empty();
        let mut buf = vec![0; 70_000];
        t.call("set", rustix::fs::setxattr(&path, "user.k", b"value", none));
        t.call("create", rustix::fs::setxattr(&path, "user.k", b"other", XattrFlags::CREATE));
        t.call("replace", rustix::fs::setxattr(&path, "user.none", b"other", XattrFlags::REPLACE));
        let got = rustix::fs::getxattr(&path, "user.k", &mut buf[..]).map(|len| buf[..len].to_vec());
        t.call("get", got);
        t.call("get into too little", rustix::fs::getxattr(&path, "user.k", &mut [0; 2]));
        t.call("get none", rustix::fs::getxattr(&path, "user.none", &mut buf[..]));
        t.call("remove", rustix::fs::removexattr(&path, "user.k"));
        t.call("remove again", rustix::fs::removexattr(&path, "user.k"));
        t.call("unknown space", rustix::fs::setxattr(&path, "nospace", b"x", none));
        t.call("large", rustix::fs::setxattr(&path, "user.large", &vec![7; 20_000], none));
        t.call("too large", rustix::fs::setxattr(&path, "user.larger", &vec![7; 70_000], none));
    });
}

#[test]
fn positions_are_kept_by_each_descriptor() {
    alike(|t| {
        let mut f = file(t, "f");
        f.write_all(b"0123456789").unwrap();
        t.note("at", f.stream_position().unwrap());
        let mut twin = f.try_clone().unwrap();
        f.seek(SeekFrom::Start(3)).unwrap();
        let mut piece = [0; 2];
        twin.read_exact(&mut piece).unwrap();
        t.note("shared", (piece, f.stream_position().unwrap()));
        t.note("from the end", f.seek(SeekFrom::End(-1)).unwrap());
        t.note("beyond", f.seek(SeekFrom::End(100)).unwrap());
        t.note("read there", f.read(&mut piece).unwrap());
        t.done("before the beginning", f.seek(SeekFrom::Current(-1000)));
        t.sh("dd if=f of=g bs=3 skip=1 count=2 status=none; cat g; dd if=f of=g bs=1 seek=4 conv=notrunc status=none; cat g");
        t.sh("exec 3<>f; read -r line <&3; echo tail >&3; cat f | od -c | tail -3");
    });
}
