//! What the versions of the contract are: the next one, which only appends, and three that break a rule.

use nxvfs_abi::{ABI_MAJOR, ABI_MINOR};

use super::patch::{Patch, after, at_end, before, instead, line};

const TABLES: &str = "abi/src/filesystem.rs";
const TABLES_H: &str = "abi/include/nxvfs/filesystem.h";
const TRAIT: &str = "abi/sdk/src/filesystem/mod.rs";
const VALUES: &str = "abi/sdk/src/filesystem/values.rs";
const THUNKS: &str = "abi/sdk/src/filesystem/thunks.rs";
const VOLUME: &str = "host/src/bridge/volume/mod.rs";
const WHOLE: &str = "host/src/bridge/volume/whole.rs";

/// Gives contract and SDK a version of their own. Two packages of one name and version, in one build, would be mixed
/// up by cargo; so the patch levels tell broken versions apart from the true one.
fn version(major: u16, minor: u16, patch: u32) -> Vec<Patch> {
    let package = format!("version = \"{major}.{minor}.{patch}\"");
    vec![
        line("abi/Cargo.toml", "version = \"", &package),
        line("abi/sdk/Cargo.toml", "version = \"", &package),
        line("abi/src/lib.rs", "pub const ABI_MAJOR: u16 =", format!("pub const ABI_MAJOR: u16 = {major};")),
        line("abi/src/lib.rs", "pub const ABI_MINOR: u16 =", format!("pub const ABI_MINOR: u16 = {minor};")),
        instead(
            "abi/sdk/src/export.rs",
            format!("() => {{ \"{ABI_MAJOR}.{ABI_MINOR}\" }}"),
            format!("() => {{ \"{major}.{minor}\" }}"),
        ),
        line("abi/include/nxvfs/plugin.h", "#define NX_ABI_MAJOR", format!("#define NX_ABI_MAJOR {major}")),
        line("abi/include/nxvfs/plugin.h", "#define NX_ABI_MINOR", format!("#define NX_ABI_MINOR {minor}")),
    ]
}

/// Version 1.1, as it would be made: something is appended to each kind of thing that may grow.
pub(super) fn next() -> Vec<Patch> {
    let mut patches = version(ABI_MAJOR, ABI_MINOR + 1, 0);
    patches.extend(next_contract());
    patches.extend(next_headers());
    patches.extend(next_sdk());
    patches.extend(next_host());
    patches.push(without_fake_host());
    patches
}

fn next_contract() -> Vec<Patch> {
    vec![
        // A table that the plugin fills.
        before(
            TABLES,
            "} growable!(FileSystemOps,",
            "    /// Tells what there is to tell of a node: copies it into `buf`, answers its length. Absent: nothing.
    /// `[any thread] [blocks] [services]`
    pub tell_story: Option<
        unsafe extern \"C\" fn(fs: *mut c_void, ctx: CtxIn, node: u64, buf: *mut u8, len: usize) -> i64,
    >,\n",
        ),
        // Structs that the plugin fills.
        before(
            TABLES,
            "} growable!(Attr,",
            "    /// Project that the space is charged to.\n    pub project_id: u32,
    /// Zero.\n    pub reserved2: u32,\n",
        ),
        before(
            TABLES,
            "} growable!(Entry,",
            "    /// How often the number was given away.\n    pub generation: u64,\n",
        ),
        before(TABLES, "} growable!(MountInfo,", "    /// What it can do.\n    pub features: u64,\n"),
        // Structs that the plugin reads: alone, and in an array with a stride.
        before(TABLES, "} growable!(MountArgs,", "    /// Number of the session.\n    pub session: u64,\n"),
        before("abi/src/types.rs", "} growable!(Param,", "    /// Who gave it.\n    pub origin: u64,\n"),
        // Structs that the host reads: alone, and in an array with a stride.
        before(TABLES, "} growable!(DirEntry,", "    /// What comes next.\n    pub hint: u64,\n"),
        before(
            "abi/src/plugin.rs",
            "} growable!(Driver,",
            "    /// The heavier driver wins.\n    pub weight: u32,\n    /// Zero.\n    pub reserved2: u32,\n",
        ),
        // A table that the host fills.
        before(
            "abi/src/services.rs",
            "} growable!(Services,",
            "    /// Number of the host. `[brief]`\n    pub host_number: Option<unsafe extern \"C\" fn() -> u64>,\n",
        ),
    ]
}

fn next_headers() -> Vec<Patch> {
    vec![
        before(
            TABLES_H,
            "} nx_filesystem_ops;",
            "    int64_t (*tell_story)(void *fs, const nx_ctx *ctx, uint64_t node, uint8_t *buf, size_t len);\n",
        ),
        before(TABLES_H, "} nx_attr;", "    uint32_t project_id;\n    uint32_t reserved2;\n"),
        before(TABLES_H, "} nx_entry;", "    uint64_t generation;\n"),
        before(TABLES_H, "} nx_mount_info;", "    uint64_t features;\n"),
        before(TABLES_H, "} nx_mount_args;", "    uint64_t session;\n"),
        before("abi/include/nxvfs/types.h", "} nx_param;", "    uint64_t origin;\n"),
        before(TABLES_H, "} nx_dir_entry;", "    uint64_t hint;\n"),
        before(
            "abi/include/nxvfs/plugin.h",
            "} nx_driver;",
            "    uint32_t weight;\n    uint32_t reserved2;\n",
        ),
        before("abi/include/nxvfs/services.h", "} nx_services;", "    uint64_t (*host_number)(void);\n"),
    ]
}

fn next_sdk() -> Vec<Patch> {
    vec![
        after(
            TRAIT,
            "pub trait FileSystem: Sized + Send + Sync + 'static {",
            "
    /// What it can do.
    const FEATURES: u64 = 0;
    /// Tells what there is to tell of a node; answers its length.
    fn tell_story(&self, ctx: &Ctx, node: u64, buf: &mut [u8]) -> Result<usize> {
        absent()
    }\n",
        ),
        after(
            THUNKS,
            "pub const fn table<T: FileSystem>() -> FileSystemOps { FileSystemOps {",
            " tell_story: Some(tell_story::<T>),",
        ),
        at_end(
            THUNKS,
            "thunk!(tell_story(node: u64, buf: *mut u8, len: usize) -> i64, run, |ctx, fs| {
    Ok(fs.tell_story(&ctx, node, guard::buffer_mut(buf, len)?)? as i64)
});\n",
        ),
        after(THUNKS, "let wire = MountInfo {", " features: T::FEATURES,"),
        after(
            VALUES,
            "pub struct Found {",
            "\n    /// How often the number was given away.\n    pub generation: u64,",
        ),
        after(VALUES, "Self { node, attr,", " generation: 0,"),
        after(VALUES, "Entry { node: self.node,", " generation: self.generation,"),
        after(
            VALUES,
            "impl<'a> Mount<'a> {",
            "
    /// Number of the session; 0 from a host that has none.
    pub fn session(&self) -> u64 {
        self.args.session
    }\n",
        ),
        after(
            "abi/sdk/src/export.rs",
            "Driver { size: size_of::<Driver>() as u32,",
            " weight: name.len() as u32, reserved2: 0,",
        ),
        after("abi/sdk/src/lib.rs", "pub use host::{", "host_number, "),
        at_end(
            "abi/sdk/src/host.rs",
            "\n/// Number of the host, if it tells.
pub fn host_number() -> Option<u64> {
    // SAFETY: nothing crosses.
    services().and_then(|s| s.host_number).map(|number| unsafe { number() })
}\n",
        ),
    ]
}

fn next_host() -> Vec<Patch> {
    vec![
        after(
            VOLUME,
            "impl Volume {",
            "
    /// What the file system has to tell of a node; `None` if it tells nothing.
    pub fn tell_story(&self, ctx: &Ctx, node: u64) -> Result<Option<String>> {
        let Some(tell_story) = self.ops.tell_story else { return Ok(None) };
        let mut story = vec![0; 256];
        let answer = self.instance.call(ctx, |fs, c| {
            // SAFETY: `story` is valid for its length until the call returns.
            unsafe { tell_story(fs, c, node, story.as_mut_ptr(), story.len()) }
        });
        let len = match answer {
            Err(e) if e.errno() == Errno::ENOSYS => return Ok(None),
            other => self.at_most(\"tell_story\", other?, story.len())?,
        };
        Ok(Some(String::from_utf8_lossy(&story[..len]).into_owned()))
    }\n",
        ),
        after(WHOLE, "let args = MountArgs {", " session: 77,"),
        after(VOLUME, "pub struct VolumeInfo {", "\n    /// What it can do.\n    pub features: u64,"),
        after(WHOLE, "info: VolumeInfo {", " features: info.features,"),
        after(
            VOLUME,
            "pub struct FoundNode {",
            "\n    /// How often the number was given away.\n    pub generation: u64,",
        ),
        after(VOLUME, "Ok(FoundNode {", " generation: entry.generation,"),
        after(
            "host/src/bridge/module.rs",
            "pub struct Driver {",
            "\n    /// The heavier driver wins.\n    pub weight: u32,",
        ),
        after("host/src/bridge/module.rs", "Ok(Driver {", " weight: driver.weight,"),
        after("host/src/bridge/services.rs", "|| Services {", " host_number: Some(host_number),"),
        at_end("host/src/bridge/services.rs", "\nunsafe extern \"C\" fn host_number() -> u64 {\n    42\n}\n"),
    ]
}

/// Drops the SDK's fake host, which nobody needs here and which would have to be changed too.
fn without_fake_host() -> Patch {
    instead("abi/sdk/src/lib.rs", "pub mod fake;", "")
}

/// Breaks a rule: an argument of a slot has another type.
pub(super) fn signature() -> Vec<Patch> {
    let mut patches = version(ABI_MAJOR, ABI_MINOR, 901);
    patches.extend([
        instead(
            TABLES,
            "pub forget: Option<unsafe extern \"C\" fn(fs: *mut c_void, node: u64, count: u64)>,",
            "pub forget: Option<unsafe extern \"C\" fn(fs: *mut c_void, node: u64, count: u32)>,",
        ),
        instead(
            THUNKS,
            "fn forget<T: FileSystem>(fs: *mut c_void, node: u64, count: u64)",
            "fn forget<T: FileSystem>(fs: *mut c_void, node: u64, count: u32)",
        ),
        instead(THUNKS, ".forget(node, count);", ".forget(node, count.into());"),
        without_fake_host(),
    ]);
    patches
}

/// Breaks a rule: two fields of a struct changed places.
pub(super) fn order() -> Vec<Patch> {
    let mut patches = version(ABI_MAJOR, ABI_MINOR, 902);
    patches.extend([
        instead(
            TABLES,
            "pub nlink: u32, /// Owner. pub uid: u32,",
            "pub uid: u32,\n    /// Owner.\n    pub nlink: u32,",
        ),
        without_fake_host(),
    ]);
    patches
}

/// Another major version, with nothing else changed.
pub(super) fn major() -> Vec<Patch> {
    let mut patches = version(ABI_MAJOR + 1, 0, 0);
    patches.push(without_fake_host());
    patches
}
