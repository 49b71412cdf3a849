//! Steps that make, move and take away names.

use nxvfs::Errno;
use nxvfs_abi::filesystem::{RENAME_EXCHANGE, RENAME_NOREPLACE};

use super::model::{Answer, Node, Spot, Volume, within};

impl Volume {
    fn writable(&self) -> Answer<()> {
        if self.read_only { Err(Errno::EROFS) } else { Ok(()) }
    }

    /// The place for a name that must not be there.
    fn fresh(&self, path: &[&str]) -> Answer<Spot> {
        let spot = self.walk(path)?;
        if spot.node.is_some() {
            return Err(Errno::EEXIST);
        }
        self.writable()?;
        Ok(spot)
    }

    pub fn mkdir(&mut self, path: &[&str]) -> Answer<()> {
        let spot = self.fresh(path)?;
        spot.dir.borrow_mut().entries.insert(spot.name, Node::new_dir());
        Ok(())
    }

    pub fn link(&mut self, old: &[&str], new: &[&str]) -> Answer<()> {
        let old = self.walk(old)?.node.ok_or(Errno::ENOENT)?;
        let spot = self.fresh(new).map_err(|e| if e == Errno::EROFS { Errno::EROFS } else { e })?;
        let Node::File(file) = &old else { return Err(Errno::EPERM) };
        file.borrow_mut().nlink += 1;
        spot.dir.borrow_mut().entries.insert(spot.name, old.clone());
        Ok(())
    }

    pub fn unlink(&mut self, path: &[&str]) -> Answer<()> {
        let spot = self.walk(path)?;
        let node = spot.node.ok_or(Errno::ENOENT)?;
        self.writable()?;
        let Node::File(file) = &node else { return Err(Errno::EISDIR) };
        file.borrow_mut().nlink -= 1;
        spot.dir.borrow_mut().entries.remove(&spot.name);
        Ok(())
    }

    pub fn rmdir(&mut self, path: &[&str]) -> Answer<()> {
        let spot = self.walk(path)?;
        let node = spot.node.ok_or(Errno::ENOENT)?;
        self.writable()?;
        let Node::Dir(dir) = &node else { return Err(Errno::ENOTDIR) };
        if !dir.borrow().entries.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        dir.borrow_mut().removed = true;
        spot.dir.borrow_mut().entries.remove(&spot.name);
        Ok(())
    }

    pub fn rename(&mut self, old: &[&str], new: &[&str], flags: u32) -> Answer<()> {
        let (from, to) = (self.walk(old)?, self.walk(new)?);
        let moved = from.node.clone().ok_or(Errno::ENOENT)?;
        self.writable()?;
        let exchange = flags & RENAME_EXCHANGE != 0;
        if let Node::Dir(dir) = &moved
            && within(dir, &to.dir)
        {
            return Err(Errno::EINVAL);
        }
        if let Some(Node::Dir(dir)) = &to.node
            && within(dir, &from.dir)
        {
            return Err(if exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
        }
        match &to.node {
            Some(_) if flags & RENAME_NOREPLACE != 0 => return Err(Errno::EEXIST),
            None if exchange => return Err(Errno::ENOENT),
            Some(target) if target.same(&moved) => return Ok(()),
            Some(target) if exchange => {
                from.dir.borrow_mut().entries.insert(from.name, target.clone());
                to.dir.borrow_mut().entries.insert(to.name, moved);
                return Ok(());
            }
            Some(Node::Dir(_)) if !moved.is_dir() => return Err(Errno::EISDIR),
            Some(Node::File(_)) if moved.is_dir() => return Err(Errno::ENOTDIR),
            Some(Node::Dir(dir)) if !dir.borrow().entries.is_empty() => return Err(Errno::ENOTEMPTY),
            Some(Node::Dir(dir)) => dir.borrow_mut().removed = true,
            Some(Node::File(file)) => file.borrow_mut().nlink -= 1,
            None => {}
        }
        from.dir.borrow_mut().entries.remove(&from.name);
        to.dir.borrow_mut().entries.insert(to.name, moved);
        Ok(())
    }
}
