//! Steps on descriptors, and the choice of steps.

use std::cell::RefCell;
use std::rc::Rc;

use nxvfs::Errno;
use nxvfs::file::Whence;
use nxvfs_abi::filesystem::{FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE, RENAME_EXCHANGE, RENAME_NOREPLACE};
use nxvfs_abi::types::open::{O_ACCMODE, O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY};

use super::model::{Answer, Node};
use super::run::{Open, PLACES, World, same};

/// Longest file, so that many pages and their edges are met, and steps stay cheap.
pub const LARGEST: usize = 5 * 4096;

/// A path below a mount point.
struct Path {
    place: usize,
    names: Vec<&'static str>,
    text: String,
}

impl World {
    fn path(&mut self) -> Path {
        const DIRS: [&str; 3] = ["d", "e", "f"];
        const LAST: [&str; 6] = ["d", "e", "f", "x", "y", "z"];
        let place = self.rng.below(PLACES.len());
        let depth = [0, 0, 1, 1, 2][self.rng.below(5)];
        let mut names: Vec<&str> = (0..depth).map(|_| *self.rng.pick(&DIRS)).collect();
        names.push(*self.rng.pick(&LAST));
        Path { place, text: format!("{}/{}", PLACES[place], names.join("/")), names }
    }

    /// A task with at least one descriptor, and one of them.
    fn descriptor(&mut self) -> Option<(usize, u32, Rc<RefCell<Open>>)> {
        let t = self.rng.below(self.tasks.len());
        let open: Vec<u32> = self.tasks[t].open.keys().copied().collect();
        let fd = *open.get(self.rng.below(open.len().max(1)))?;
        Some((t, fd, self.tasks[t].open[&fd].clone()))
    }

    pub fn step(&mut self) {
        match self.rng.below(100) {
            0..12 => self.open(),
            12..20 => self.close(),
            20..30 => self.read(),
            30..42 => self.write(),
            42..46 => self.seek(),
            46..50 => self.resize(),
            50..53 => self.duplicate(),
            53..57 => self.make_directory(),
            57..61 => self.take_name(),
            61..67 => self.rename(),
            67..70 => self.link(),
            70..72 => self.status(),
            72..78 => self.map(),
            78..84 => self.store(),
            84..90 => self.load(),
            90..94 => self.unmap(),
            94..96 => self.synchronise(),
            96 => self.change_directory(),
            97 => self.mount_or_unmount(),
            98 => self.punch(),
            _ => self.tasks_come_and_go(),
        }
    }

    fn open(&mut self) {
        let path = self.path();
        let t = self.rng.below(self.tasks.len());
        let mut flags = *self.rng.pick(&[O_RDONLY, O_WRONLY, O_RDWR, O_RDWR, O_RDWR]);
        for (flag, chance) in [(O_CREAT, 2), (O_EXCL, 8), (O_TRUNC, 8), (O_APPEND, 5)] {
            if self.rng.one_in(chance) {
                flags |= flag;
            }
        }
        let model = self.model_open(&path, flags);
        let host = self.tasks[t].task.open(&path.text, flags, 0o644);
        let what = format!("open {} {flags:o}", path.text);
        match (model, host) {
            (Ok(node), Ok(fd)) => {
                let open = Open { node, place: path.place, flags, position: 0 };
                let old = self.tasks[t].open.insert(fd, Rc::new(RefCell::new(open)));
                assert!(old.is_none(), "{what}: descriptor {fd} was taken");
            }
            (model, host) => same(model.map(drop), host.map(drop), &what),
        }
    }

    fn model_open(&mut self, path: &Path, flags: u32) -> Answer<Node> {
        let volume = self.volumes[path.place].as_mut().ok_or(Errno::ENOENT)?;
        let spot = volume.walk(&path.names)?;
        let writes = flags & O_ACCMODE != O_RDONLY;
        match spot.node {
            Some(_) if flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL => Err(Errno::EEXIST),
            Some(Node::Dir(_)) if writes || flags & (O_CREAT | O_TRUNC) != 0 => Err(Errno::EISDIR),
            Some(node) => {
                if let (Node::File(file), true) = (&node, flags & O_TRUNC != 0) {
                    file.borrow_mut().data.clear();
                    self.cut_views(&node, 0);
                }
                Ok(node)
            }
            None if flags & O_CREAT == 0 => Err(Errno::ENOENT),
            None => {
                let node = Node::new_file();
                spot.dir.borrow_mut().entries.insert(spot.name, node.clone());
                Ok(node)
            }
        }
    }

    fn close(&mut self) {
        let Some((t, fd, _)) = self.descriptor() else { return };
        self.tasks[t].task.close(fd).unwrap();
        self.tasks[t].open.remove(&fd);
    }

    fn read(&mut self) {
        let Some((t, fd, open)) = self.descriptor() else { return };
        let len = self.rng.below(9000);
        let offset = self.rng.one_in(2).then(|| self.rng.below(LARGEST + 100) as u64);
        let mut open = open.borrow_mut();
        let at = offset.unwrap_or(open.position);
        let model = match &open.node {
            _ if open.flags & O_ACCMODE == O_WRONLY => Err(Errno::EBADF),
            Node::Dir(_) => Err(Errno::EISDIR),
            Node::File(file) => {
                let file = file.borrow();
                let start = (at as usize).min(file.data.len());
                Ok(file.data[start..(start + len).min(file.data.len())].to_vec())
            }
        };
        if let (Ok(bytes), None) = (&model, offset) {
            open.position += bytes.len() as u64;
        }
        let mut buf = vec![0xaa; len];
        let task = &self.tasks[t].task;
        let got = match offset {
            Some(offset) => task.pread(fd, &mut buf, offset),
            None => task.read(fd, &mut buf),
        };
        let what = format!("read of {len} at {at}");
        if let (Ok(model), Ok(got)) = (&model, &got) {
            let differs = model.iter().zip(&buf[..*got]).position(|(a, b)| a != b);
            assert_eq!(differs, None, "{what}: the first byte that differs");
        }
        same(model.map(|bytes| bytes.len()), got, &what);
    }

    fn write(&mut self) {
        let Some((t, fd, open)) = self.descriptor() else { return };
        let len = self.rng.below(6000);
        let offset = self.rng.one_in(2).then(|| self.rng.below(LARGEST - 6000) as u64);
        let bytes = vec![self.rng.next_u64() as u8; len];
        let mut open = open.borrow_mut();
        let model = match &open.node {
            _ if open.flags & O_ACCMODE == O_RDONLY => Err(Errno::EBADF),
            Node::Dir(_) => Err(Errno::EBADF),
            Node::File(file) => {
                let mut file = file.borrow_mut();
                let end = file.data.len() as u64;
                let appends = open.flags & O_APPEND != 0 && offset.is_none();
                let at = if appends { end } else { offset.unwrap_or(open.position) };
                if at as usize + len > LARGEST {
                    return;
                }
                if len > 0 {
                    let needed = at as usize + len;
                    if file.data.len() < needed {
                        file.data.resize(needed, 0);
                    }
                    file.data[at as usize..needed].copy_from_slice(&bytes);
                }
                Ok((len, at + len as u64))
            }
        };
        if let (Ok((_, end)), None) = (&model, offset) {
            open.position = *end;
        }
        let task = &self.tasks[t].task;
        let host = match offset {
            Some(offset) => task.pwrite(fd, &bytes, offset),
            None => task.write(fd, &bytes),
        };
        same(model.map(|(len, _)| len), host, &format!("write of {len} at {offset:?}"));
    }

    fn seek(&mut self) {
        let Some((t, fd, open)) = self.descriptor() else { return };
        let mut open = open.borrow_mut();
        let Node::File(file) = open.node.clone() else { return };
        let (whence, from) = match self.rng.below(3) {
            0 => (Whence::Set, 0),
            1 => (Whence::Current, open.position as i64),
            _ => (Whence::End, file.borrow().data.len() as i64),
        };
        let offset = self.rng.below(LARGEST) as i64 - LARGEST as i64 / 4;
        let model = u64::try_from(from + offset).map_err(|_| Errno::EINVAL);
        if let Ok(to) = model {
            open.position = to;
        }
        same(model, self.tasks[t].task.lseek(fd, offset, whence), "lseek");
    }

    fn resize(&mut self) {
        let Some((t, fd, open)) = self.descriptor() else { return };
        let len = self.rng.below(LARGEST);
        let open = open.borrow();
        let model = match &open.node {
            Node::File(file) if open.flags & O_ACCMODE != O_RDONLY => {
                file.borrow_mut().data.resize(len, 0);
                Ok(())
            }
            _ => Err(Errno::EINVAL),
        };
        if model.is_ok() {
            self.cut_views(&open.node, len);
        }
        same(model, self.tasks[t].task.ftruncate(fd, len as u64), "ftruncate");
    }

    fn punch(&mut self) {
        let Some((t, fd, open)) = self.descriptor() else { return };
        let (offset, len) = (self.rng.below(LARGEST), 1 + self.rng.below(9000));
        let open = open.borrow();
        let Node::File(file) = &open.node else { return };
        let model = if open.flags & O_ACCMODE == O_RDONLY {
            Err(Errno::EBADF)
        } else {
            let data = &mut file.borrow_mut().data;
            let end = (offset + len).min(data.len());
            data[offset.min(end)..end].fill(0);
            Ok(())
        };
        let mode = FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE;
        same(model, self.tasks[t].task.fallocate(fd, mode, offset as u64, len as u64), "punch");
    }

    fn duplicate(&mut self) {
        let Some((t, fd, open)) = self.descriptor() else { return };
        let to = self.rng.below(20) as u32;
        let tasks = &mut self.tasks[t];
        let twin = if self.rng.one_in(2) { tasks.task.dup(fd) } else { tasks.task.dup2(fd, to) }.unwrap();
        tasks.open.insert(twin, open);
    }

    fn make_directory(&mut self) {
        let path = self.path();
        let model = self.volume_of(&path, |volume| volume.mkdir(&path.names));
        same(model, self.tasks[0].task.mkdir(&path.text, 0o755), &format!("mkdir {}", path.text));
    }

    fn volume_of<T>(
        &mut self,
        path: &Path,
        use_it: impl FnOnce(&mut super::model::Volume) -> Answer<T>,
    ) -> Answer<T> {
        use_it(self.volumes[path.place].as_mut().ok_or(Errno::ENOENT)?)
    }

    fn take_name(&mut self) {
        let path = self.path();
        let task = &self.tasks[0].task;
        if self.rng.one_in(2) {
            let host = task.unlink(&path.text);
            let model = self.volume_of(&path, |volume| volume.unlink(&path.names));
            same(model, host, &format!("unlink {}", path.text));
        } else {
            let host = task.rmdir(&path.text);
            let model = self.volume_of(&path, |volume| volume.rmdir(&path.names));
            same(model, host, &format!("rmdir {}", path.text));
        }
    }

    fn rename(&mut self) {
        let (from, to) = (self.path(), self.path());
        if self.volumes.iter().any(Option::is_none) {
            return;
        }
        let flags = *self.rng.pick(&[0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE]);
        let model = if from.place == to.place {
            self.volume_of(&from, |volume| volume.rename(&from.names, &to.names, flags))
        } else {
            self.between(&from, &to)
        };
        let host = self.tasks[0].task.rename(&from.text, &to.text, flags);
        same(model, host, &format!("rename {} {} {flags}", from.text, to.text));
    }

    /// Nothing moves between volumes; but a path that cannot be walked, and an old name that is not there, are told first.
    fn between(&mut self, from: &Path, to: &Path) -> Answer<()> {
        let there = self.volume_of(from, |v| Ok(v.walk(&from.names)?.node.is_some()))?;
        self.volume_of(to, |v| v.walk(&to.names).map(drop))?;
        Err(if there { Errno::EXDEV } else { Errno::ENOENT })
    }

    fn link(&mut self) {
        let (from, to) = (self.path(), self.path());
        if self.volumes.iter().any(Option::is_none) {
            return;
        }
        let model = if from.place == to.place {
            self.volume_of(&from, |volume| volume.link(&from.names, &to.names))
        } else {
            // The old name leads to a file before the new one is looked at.
            let found = self.volume_of(&from, |v| v.walk(&from.names)?.node.map(drop).ok_or(Errno::ENOENT));
            let there = self.volume_of(&to, |v| Ok(v.walk(&to.names)?.node.is_some()));
            found.and_then(|()| match there? {
                true => Err(Errno::EEXIST),
                false => Err(Errno::EXDEV),
            })
        };
        let host = self.tasks[0].task.link(&from.text, &to.text);
        same(model, host, &format!("link {} {}", from.text, to.text));
    }

    fn status(&mut self) {
        let path = self.path();
        let model = self.volume_of(&path, |volume| {
            Ok(match volume.walk(&path.names)?.node.ok_or(Errno::ENOENT)? {
                Node::File(file) => Some((file.borrow().data.len() as u64, file.borrow().nlink)),
                Node::Dir(_) => None,
            })
        });
        let host = self.tasks[0].task.stat(&path.text).map(|stat| {
            let regular = stat.attr.file_type() == nxvfs_abi::types::mode::S_IFREG;
            regular.then_some((stat.attr.size_bytes, stat.attr.nlink))
        });
        same(model, host, &format!("stat {}", path.text));
    }

    fn change_directory(&mut self) {
        let place = self.rng.below(PLACES.len() + 1);
        let t = self.rng.below(self.tasks.len());
        let to = PLACES.get(place).copied().unwrap_or("/");
        let model = match self.volumes.get(place) {
            Some(None) => Err(Errno::ENOENT),
            _ => Ok(()),
        };
        if model.is_ok() {
            self.tasks[t].cwd = (place < PLACES.len()).then_some(place);
        }
        same(model, self.tasks[t].task.chdir(to), "chdir");
    }

    fn mount_or_unmount(&mut self) {
        let place = self.rng.below(PLACES.len());
        if self.rng.one_in(2) && self.volumes[place].is_some() || self.busy(place) {
            self.unmount(place);
        } else {
            self.mount(place);
        }
    }

    fn tasks_come_and_go(&mut self) {
        if self.tasks.len() < 5 {
            self.begin_task();
        } else {
            let t = self.rng.below(self.tasks.len());
            self.end_task(t);
        }
    }
}
