//! attach, detach, mkrd.

use clap::Args;

use crate::cli::failure::Done;
use crate::cli::shell::Shell;
use crate::plugin::params::parse_words;

/// Make a device node that a block or character driver serves
///
/// The driver's plugin is loaded if it must be. 'modinfo PLUGIN' lists the parameters; beside them the host takes
/// cache=SIZE, the memory for blocks of a device that is not memory itself (0: none).
#[derive(Args)]
#[command(after_help = "Examples:
  attach ramdisk-xip /dev/ram0 sectors=2048
  attach ramdisk-xip /dev/rom0 image=rootfs.img ro
  attach loop /dev/loop0 vfs=/tmp/disk.img cache=1M")]
pub(in crate::cli) struct Attach {
    /// Name of the driver
    driver: String,
    /// The node to make, such as /dev/ram0
    node: String,
    /// Parameters of the driver; a bool may stand without a value
    #[arg(value_name = "PARAM=VALUE")]
    params: Vec<String>,
}

impl Attach {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let node = shell.absolute(&self.node);
        Ok(shell.host.attach(&self.driver, &node, &parse_words(&self.params))?)
    }
}

/// End a device and take its node away
#[derive(Args)]
#[command(after_help = "Example:
  detach /dev/ram0")]
pub(in crate::cli) struct Detach {
    /// The node that attach made
    node: String,
}

impl Detach {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let node = shell.absolute(&self.node);
        Ok(shell.host.detach(&node)?)
    }
}

/// Make an empty RAM disk, /dev/ramN
///
/// NSH's command; the same as 'attach ramdisk-xip /dev/ramN sectors=NSECTORS sector_size=SECTSIZE'.
#[derive(Args)]
#[command(after_help = "Example:
  mkrd -m 1 -s 512 2048             /dev/ram1 of 1 MiB")]
pub(in crate::cli) struct Mkrd {
    /// N of the node's name
    #[arg(short, value_name = "MINOR", default_value_t = 0)]
    minor: u8,
    /// Bytes of a sector
    #[arg(short, value_name = "SECTSIZE", default_value_t = 512)]
    sector_size_bytes: u32,
    /// Number of sectors
    nsectors: u64,
}

impl Mkrd {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let given = [("sectors", self.nsectors), ("sector_size", u64::from(self.sector_size_bytes))]
            .map(|(name, value)| (name.to_owned(), Some(value.to_string())));
        Ok(shell.host.attach("ramdisk-xip", &format!("/dev/ram{}", self.minor), &given)?)
    }
}
