//! A host: plugins, devices and the tree in one.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nxvfs_abi::Ctx;
use nxvfs_abi::filesystem::{MOUNT_RDONLY, MOUNT_REPAIR};
use nxvfs_abi::types::mode;

use crate::base::error::teach;
use crate::base::sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering, lock};
use crate::base::{Budget, Errno, Result};
use crate::bridge::{self, FindingItem, Mapper, MountRequest, ProbeFound, Target, Token, WireParam};
use crate::device::{
    BlockDevice, BlockMedium, CharacterDevice, Console, Foreign, Generated, Openable, Reactor, Standard,
};
use crate::file::{DriverFiles, LockTable, Pool};
use crate::plugin::{Found, Kind, PluginOptions, Registry};
use crate::tree::{
    Caller, Dentry, FlagChange, Inode, MmapMode, MountFlags, MountSpec, Mounted, PseudoKind, Tree,
    UnmountFlags,
};

use super::tasks::Tasks;
use super::{Task, proc};

teach! {
    /// Why a mount or attach is refused before a driver is asked.
    pub enum HostError {
        /// Not a block device.
        NotBlock { path: String } => ENOTBLK, what: "not a block device", place: "{path}",
            remedy: "attach a driver there first: attach DRIVER {path}";
        /// No device where one is named.
        NoNode { path: String } => ENOTBLK, what: "no such device", place: "{path}",
            remedy: "attach a driver there first: attach DRIVER {path}";
        /// The node's name.
        BadNode { node: String } => EINVAL, what: "not a path for a node", place: "'{node}'",
            expected: "an absolute path such as /dev/ram0";
        /// The way of mapping is agreed on at mount.
        FixedMmap { path: String } => EINVAL, what: "how files are mapped is agreed on at mount", place: "{path}",
            found: "mmap=", remedy: "unmount, and mount with it";
        /// Not a device.
        NotDevice { path: String } => ENODEV, what: "not an attached device", place: "{path}",
            remedy: "name the node that attach made";
    }
}

/// What a host is made with.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// What its plugins are subject to.
    pub plugins: PluginOptions,
    /// What the files of its own tree may hold together, in bytes.
    pub files_max_bytes: u64,
    /// Memory for blocks of devices that cannot be used as memory, of all devices together, in bytes. Each may use a
    /// quarter, unless it is attached with another limit.
    pub cache_bytes: usize,
    /// How long a forced unmount waits for calls that are under way before it gives them up.
    pub patience: Duration,
    /// Whether it tells of itself in `/proc`.
    pub proc: bool,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            plugins: PluginOptions::default(),
            files_max_bytes: 64 << 20,
            cache_bytes: 64 << 20,
            patience: Duration::from_secs(3),
            proc: true,
        }
    }
}

impl From<PluginOptions> for HostOptions {
    fn from(plugins: PluginOptions) -> Self {
        Self { plugins, ..Self::default() }
    }
}

/// What a mount is made with.
#[derive(Clone, Debug, Default)]
pub struct MountOptions {
    /// The options that the host keeps: those that are not named have their defaults, `rw,nodev,relatime`.
    pub flags: FlagChange,
    /// How files shall be mapped; `None` is automatically.
    pub mmap: Option<MmapMode>,
    /// The file system's own options.
    pub given: Vec<(String, Option<String>)>,
}

impl MountOptions {
    /// Sorts the words of `-o` into the host's own (`ro`, `rw`, `noexec`, `sync`, `mmap=…` …) and the file system's.
    /// Errors: EINVAL.
    pub fn parse(words: Vec<(String, Option<String>)>) -> Result<Self> {
        let mut options = Self::default();
        for (name, value) in words {
            match (&*name, &value) {
                ("mmap", Some(mode)) => options.mmap = Some(mode.parse()?),
                (_, None) if options.flags.word(&name) => {}
                _ => options.given.push((name, value)),
            }
        }
        Ok(options)
    }

    /// Whether the words ask to change options of what is mounted, rather than to mount.
    pub fn remount(&self) -> bool {
        self.flags.set & MountFlags::REMOUNT != 0
    }
}

/// A VFS host. Several may live in one process; they share nothing.
pub struct Host {
    // In the order in which they must end: transfers before volumes before devices before plugins.
    aio: Pool,
    tree: Tree,
    devices: Mutex<Vec<(Arc<BlockDevice>, Arc<Dentry>)>>,
    cache_budget: Arc<Budget>,
    driver_files: DriverFiles,
    pub(super) characters: Mutex<Vec<(Arc<CharacterDevice>, Arc<Dentry>)>>,
    plugins: Registry,
    /// What copies of mapped files may take.
    budget: Arc<Budget>,
    next_task: AtomicU64,
    tasks: Tasks,
    locks: Arc<LockTable>,
    reactor: Arc<Reactor>,
    started: Instant,
    process: u32,
}

impl Host {
    /// A host with the statically linked plugins, the standard nodes in `/dev`, and `/proc`.
    pub fn new(options: impl Into<HostOptions>) -> Result<Arc<Self>> {
        let options = options.into();
        let host = Self {
            aio: Pool::default(),
            tree: Tree::new(options.files_max_bytes, options.patience),
            devices: Mutex::default(),
            driver_files: DriverFiles::default(),
            cache_budget: Arc::new(Budget::new(options.cache_bytes as u64)),
            characters: Mutex::default(),
            plugins: Registry::new(options.plugins),
            budget: Arc::new(Budget::half_of_machine()),
            next_task: AtomicU64::new(1),
            tasks: Tasks::default(),
            locks: Arc::default(),
            reactor: Arc::default(),
            started: Instant::now(),
            process: std::process::id(),
        };
        host.tree.mkdir(&Caller::host(), &host.tree.root(), b"/dev", 0o755)?;
        for (node, device) in Standard::ALL {
            host.register(node, Arc::new(device), 0o666)?;
        }
        for node in Console::NODES {
            host.register(node, Arc::new(Console), 0o666)?;
        }
        let host = Arc::new(host);
        if options.proc {
            proc::set_up(&host)?;
        }
        Ok(host)
    }

    /// The plugins.
    pub fn plugins(&self) -> &Registry {
        &self.plugins
    }

    /// What the copies in memory of mapped files take, and may take.
    pub fn mapping_budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// The plugin that maps files through memory, loaded if it must be. Errors: ENODEV there is none.
    pub(super) fn mapper(&self) -> Result<Found> {
        /// The driver that is used: there is one policy so far.
        const MAPPER: &str = "rammap";
        self.plugins.driver(Kind::Mapper, MAPPER)
    }

    /// A mapper for one file. Errors: ENODEV there is none, and the plugin's.
    pub(super) fn attach_mapper(&self, path: &str) -> Result<Mapper> {
        let found = self.mapper()?;
        Mapper::attach(&found.module, "rammap", path, &found.params(&[])?)
    }

    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(super) fn locks(&self) -> &Arc<LockTable> {
        &self.locks
    }

    pub(super) fn aio(&self) -> &Pool {
        &self.aio
    }

    pub(super) fn started(&self) -> Instant {
        self.started
    }

    /// The number of the process that it was made in.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// A new task of user 0.
    pub fn task(self: &Arc<Self>) -> Task {
        self.task_as(0, 0, &[])
    }

    /// A new task of some user.
    pub fn task_as(self: &Arc<Self>, uid: u32, gid: u32, groups: &[u32]) -> Task {
        let task = self.next_task.fetch_add(1, Ordering::Relaxed);
        Task::new(self.clone(), Caller::new(task, uid, gid, groups))
    }

    pub(super) fn devices_with_nodes(&self) -> MutexGuard<'_, Vec<(Arc<BlockDevice>, Arc<Dentry>)>> {
        lock(&self.devices)
    }

    pub(super) fn driver_files(&self) -> &DriverFiles {
        &self.driver_files
    }

    /// What the block caches of all devices take, and may take.
    pub fn cache_budget(&self) -> &Arc<Budget> {
        &self.cache_budget
    }

    /// What one device's cache may take, unless it is told otherwise.
    pub(super) fn cache_share(&self) -> usize {
        usize::try_from(self.cache_budget.limit_bytes() / 4).unwrap_or(usize::MAX)
    }

    pub(super) fn device_nodes(&self) -> Vec<(Arc<BlockDevice>, Arc<Dentry>)> {
        lock(&self.devices).clone()
    }

    /// Makes a node of the caller's own, with missing directories. NuttX `register_driver`. Errors: EINVAL the path,
    /// EEXIST, EPERM inside a volume.
    pub fn register(&self, node: &str, object: Arc<dyn Openable>, permissions: u32) -> Result<()> {
        self.tree
            .add_device(node.as_bytes(), PseudoKind::Node(object), permissions)
            .map(drop)
            .map_err(|e| e.doing(format_args!("register {node}")))
    }

    /// Makes a node of a descriptor of the operating system: a socket, a pipe, a terminal. All openings of the node are
    /// that descriptor; it is closed when the node has been unregistered and nothing has it open. Waiting for it, `poll` of
    /// it beside pipes and drivers included, costs one thread for all such nodes of a host. Errors: as
    /// [`Host::register`].
    pub fn register_descriptor(&self, node: &str, descriptor: OwnedFd, permissions: u32) -> Result<()> {
        self.register(node, Arc::new(Foreign::new(&self.reactor, descriptor)), permissions)
    }

    /// Makes a file whose whole text `generate` makes when it is read, for the task that `Ctx` names. [`Generated`] says
    /// when; one that also takes what is written is registered by [`Host::register`]. Errors: as there.
    pub fn register_generated(
        &self,
        node: &str,
        permissions: u32,
        generate: impl Fn(&Ctx, &mut Vec<u8>) -> Result<()> + Send + Sync + 'static,
    ) -> Result<()> {
        self.register(node, Arc::new(Generated::new(generate)), permissions)
    }

    /// Makes the node of a block device that the program itself offers, which is mounted and opened as any other. NuttX
    /// `register_blockdriver`. Errors: EINVAL the path or the device's shape, EEXIST, EPERM inside a volume.
    pub fn register_block(&self, node: &str, medium: Arc<dyn BlockMedium>) -> Result<()> {
        let register = || {
            let budget = self.cache_budget();
            self.add(BlockDevice::offered(node, "program", medium, budget, self.cache_share())?)
        };
        register().map_err(|e: crate::base::Error| e.doing(format_args!("register {node}")))
    }

    /// Takes away a node that [`Host::register`] or [`Host::register_block`] made. What is open goes on until it is
    /// closed; a block device that is in use stays. NuttX `unregister_driver`, `unregister_blockdriver`. Errors: ENOENT,
    /// ENODEV (also what `attach` made), EBUSY a block device's holders.
    pub fn unregister(&self, node: &str) -> Result<()> {
        let unregister = || {
            let dentry = self.tree.resolve(&Caller::host(), &self.tree.root(), node.as_bytes())?;
            match dentry.inode() {
                Inode::Pseudo(pseudo) => match pseudo.kind() {
                    // A FIFO is somebody's file.
                    PseudoKind::Node(made)
                        if made.file_type() != mode::S_IFIFO && self.character(&dentry).is_none() =>
                    {
                        self.tree.remove_device(&dentry)
                    }
                    PseudoKind::Block(device) if device.is_offered() => self.end_device(node, &dentry),
                    _ => Err(HostError::NotDevice { path: node.to_owned() }.into()),
                },
                _ => Err(HostError::NotDevice { path: node.to_owned() }.into()),
            }
        };
        unregister().map_err(|e: crate::base::Error| e.doing(format_args!("unregister {node}")))
    }

    /// Mounts a volume. `source` is a block device's node, or any word for a file system that needs none; `fs` is
    /// the name of its driver, loaded if it must be.
    ///
    /// Errors: ENODEV no such file system, ENOTBLK, EINVAL (options; not such a volume), ENOTDIR, EBUSY, ENXIO, and
    /// the file system's.
    pub fn mount(
        &self,
        source: Option<&str>,
        target: &str,
        fs: &str,
        options: &MountOptions,
    ) -> Result<Mounted> {
        let mount = || {
            let found = self.plugins.driver(Kind::FileSystem, fs)?;
            let params = found.params(&options.given)?;
            let device = source.map(|source| self.source_device(source)).transpose()?.flatten();
            let spec = MountSpec {
                source: source.unwrap_or("none"),
                device,
                module: &found.module,
                driver: fs,
                params: &params,
                flags: options.flags.apply(MountFlags::default()),
                mmap: options.mmap.unwrap_or_default(),
                mapper: &|| self.mapper().map(drop),
            };
            self.tree.mount(target.as_bytes(), &spec)
        };
        let from = source.map(|s| format!("{s} ")).unwrap_or_default();
        mount().map_err(|e: crate::base::Error| e.doing(format_args!("mount {from}on {target} as {fs}")))
    }

    /// Changes options of a mounted volume: the host's own that are named, and the file system's, which it must know
    /// how to change. Linux `MS_REMOUNT`.
    ///
    /// Errors, and then nothing has changed: EINVAL nothing is mounted there, or an option that cannot change; EBUSY
    /// files are open for writing, with their names, or another mount uses the device; EROFS; and the file system's.
    pub fn remount(&self, target: &str, options: &MountOptions) -> Result<()> {
        let remount = || {
            let mount = self.tree.mount_at(target.as_bytes())?;
            if options.mmap.is_some() {
                return Err(HostError::FixedMmap { path: target.to_owned() }.into());
            }
            let found = self.plugins.driver(Kind::FileSystem, mount.driver())?;
            mount.remount(options.flags, &found.params(&options.given)?)
        };
        remount().map_err(|e: crate::base::Error| e.doing(format_args!("remount {target}")))
    }

    /// Unmounts a volume. Errors: EINVAL nothing is mounted there, EBUSY with the holders' names, and the file
    /// system's, and then it is unmounted nevertheless.
    pub fn unmount(&self, target: &str) -> Result<()> {
        self.unmount_with(target, UnmountFlags::default())
    }

    /// Unmounts a volume by force, lazily, or when it was not used. Linux `umount2`; errors as [`Tree::unmount`].
    pub fn unmount_with(&self, target: &str, flags: UnmountFlags) -> Result<()> {
        self.tree.unmount(target.as_bytes(), flags).map_err(|e| e.doing(format_args!("umount {target}")))
    }

    /// Brings everything that is mounted to its medium. POSIX `sync`; goes on after a failure and answers the first.
    pub fn sync(&self) -> Result<()> {
        let mut result = Ok(());
        // The youngest first: its medium may be a file of an older one.
        for mount in self.tree.mounts().iter().rev() {
            let synced = mount.sync(&bridge::host_ctx());
            result = result.and(synced.map_err(|e| e.doing(format_args!("sync {}", mount.path()))));
        }
        for (device, _) in self.device_nodes().iter().filter(|(device, _)| device.writable()) {
            let flushed = device.resident().write_back().and_then(|()| device.flush(&device.user()));
            result = result.and(flushed);
        }
        result
    }

    /// The device that a source names: a node under the root; a word without a slash names none.
    pub(super) fn source_device(&self, source: &str) -> Result<Option<Arc<BlockDevice>>> {
        if !source.contains('/') {
            return Ok(None);
        }
        let not_there = |e: crate::base::Error| match e.errno() {
            Errno::ENOENT => HostError::NoNode { path: source.to_owned() }.into(),
            _ => e,
        };
        let dentry =
            self.tree.resolve(&Caller::host(), &self.tree.root(), source.as_bytes()).map_err(not_there)?;
        match dentry.inode() {
            Inode::Pseudo(node) => match node.kind() {
                PseudoKind::Block(device) => Ok(Some(device.clone())),
                _ => Err(HostError::NotBlock { path: source.to_owned() }.into()),
            },
            Inode::Volume(_) => Err(HostError::NotBlock { path: source.to_owned() }.into()),
        }
    }

    /// Asks a file system whether a device is its own.
    pub fn probe(&self, source: &str, fs: &str) -> Result<Option<ProbeFound>> {
        self.with_unmounted(source, fs, &[], MOUNT_RDONLY, |found, request| {
            bridge::probe(&found.module, request, &bridge::host_ctx())
        })
    }

    /// Examines the volume on a device that nobody has mounted; answers how many errors and warnings are left.
    /// `repair`: puts right what loses nothing. Errors: EBUSY, EROFS, ENOTSUP, and the file system's.
    pub fn check(
        &self,
        source: &str,
        fs: &str,
        given: &[(String, Option<String>)],
        repair: bool,
        emit: &mut dyn FnMut(FindingItem) -> bool,
    ) -> Result<u64> {
        let flags = if repair { MOUNT_REPAIR } else { MOUNT_RDONLY };
        self.with_unmounted(source, fs, given, flags, |found, request| {
            bridge::check(&found.module, request, &bridge::host_ctx(), emit)
        })
        .map_err(|e| e.doing(format_args!("check {source} as {fs}")))
    }

    /// Makes an empty file system on a device that nobody has mounted. Errors: EBUSY, EROFS, ENOTSUP, and the file
    /// system's.
    pub fn format(&self, source: &str, fs: &str, given: &[(String, Option<String>)]) -> Result<()> {
        self.with_unmounted(source, fs, given, 0, |found, request| {
            bridge::format(&found.module, request, &bridge::host_ctx())
        })
        .map_err(|e| e.doing(format_args!("format {source} as {fs}")))
    }

    fn with_unmounted<R>(
        &self,
        source: &str,
        fs: &str,
        given: &[(String, Option<String>)],
        flags: u32,
        use_it: impl FnOnce(&Found, &MountRequest<'_>) -> Result<R>,
    ) -> Result<R> {
        let found = self.plugins.driver(Kind::FileSystem, fs)?;
        let params: Vec<WireParam> = found.params(given)?;
        let device =
            self.source_device(source)?.ok_or_else(|| HostError::NotBlock { path: source.to_owned() })?;
        let claim = device.claim(source.into(), flags & MOUNT_RDONLY == 0)?;
        let token = Token::new(Target::Device(Arc::new(claim.view(true))));
        let request = MountRequest {
            driver: fs,
            label: source,
            source,
            device: token.number(),
            mount: 0,
            flags,
            params: &params,
            medium_len_bytes: device.len_bytes(),
        };
        let used = use_it(&found, &request);
        drop(token);
        let given_back = claim.end();
        used.and_then(|used| given_back.map(|()| used))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // A volume may lie on a device, and a device on a file of a volume: what nobody uses ends, until nothing does.
        loop {
            let before = self.tree.mounts().len() + self.device_nodes().len();
            for mount in self.mounts().iter().rev().filter(|m| m.users.is_empty()) {
                warn_of(self.unmount(&mount.path));
            }
            for device in self.devices().iter().rev().filter(|d| d.users.is_empty()) {
                warn_of(self.detach(&device.node));
            }
            if self.tree.mounts().len() + self.device_nodes().len() == before {
                return;
            }
        }
    }
}

fn warn_of(ended: Result<()>) {
    if let Err(e) = ended {
        log::warn!("{e}");
    }
}
