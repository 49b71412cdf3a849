//! Floor 8: the command line: top-level commands, and the shell.
//!
//! Everything here is a user of [`crate::Host`] and [`crate::Task`], as any program could be.

mod board;
mod commands;
mod failure;
mod image;
mod logging;
#[cfg(feature = "fuse")]
mod mount;
mod output;
mod plugins;
mod refusal;
mod shell;
mod sink;
mod text;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::plugin::Builtin;
use crate::plugin::PluginOptions;

/// A VFS host in user space: loads file systems and drivers at run time and maps files in place.
#[derive(Parser)]
#[command(name = "nxvfs", version, arg_required_else_help = true, disable_help_subcommand = true)]
#[command(after_help = "Examples:
  nxvfs shell                       an interactive shell; 'help' lists its commands
  nxvfs shell docs/demo.nsh         run a script
  nxvfs plugin list                 which plugins there are

Exit status: 0 success, 1 failure, 2 wrong usage; 'image check' has its own. RUST_LOG sets what is logged, as in any program with env_logger.")]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Top,
}

/// What holds for every command.
#[derive(Args, Clone, Debug)]
struct Globals {
    /// Search plugins here before $NXVFS_PLUGIN_PATH and the folder of this program (repeatable)
    #[arg(long, value_name = "DIR", global = true, value_hint = clap::ValueHint::DirPath)]
    plugin_dir: Vec<PathBuf>,
    /// Do not use the plugins that are linked into this program, or not these (repeatable, comma list)
    #[arg(long, value_name = "NAME", global = true, num_args = 0..=1, require_equals = true)]
    #[arg(value_delimiter = ',', default_missing_value = "")]
    no_builtin: Vec<String>,
    /// Load plugins only by insmod and modprobe, never because a mount or attach needs them
    #[arg(long, global = true)]
    no_autoload: bool,
    /// Load plugin files also if somebody else owns them or may write them
    #[arg(long, global = true)]
    allow_unsafe_plugin_files: bool,
    /// Print JSON documents, and errors as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Log more: -v information, -vv debugging, -vvv everything
    #[arg(short, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
    /// Log errors only
    #[arg(short, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

impl Globals {
    fn host_options(&self) -> PluginOptions {
        let builtin = match &self.no_builtin[..] {
            [] => Builtin::All,
            names if names.iter().any(String::is_empty) => Builtin::None,
            names => Builtin::Except(names.to_vec()),
        };
        PluginOptions {
            dirs: self.plugin_dir.clone(),
            builtin,
            autoload: !self.no_autoload,
            allow_unsafe_files: self.allow_unsafe_plugin_files,
            ..PluginOptions::default()
        }
    }
}

#[derive(Subcommand)]
enum Top {
    /// Work with devices and volumes by NSH-style commands
    #[command(after_help = "Examples:
  nxvfs shell
  nxvfs shell docs/demo.nsh
  nxvfs shell -c 'attach ramdisk-xip /dev/ram0 image=rom.img ro; mount -t romfs /dev/ram0 /rom; ls -l /rom'
  nxvfs shell --json -c lsmod
  nxvfs shell --board board.toml

Commands are separated by newline or ';'. A script stops at the first command that fails, with exit status 1.
Without COMMANDS and SCRIPT it reads commands from standard input.")]
    Shell(ShellArgs),
    /// Look at plugins
    #[command(
        subcommand,
        after_help = "Examples:
  nxvfs plugin list --json
  nxvfs plugin info romfs
  nxvfs plugin info target/release/libnxvfs_romfs.so"
    )]
    Plugin(plugins::PluginCommand),
    /// Make a file system in an image: empty, or of a folder
    #[command(disable_help_flag = true, override_usage = image::MKFS_USAGE)]
    #[command(after_help = image::MKFS_EXAMPLES)]
    Mkfs(image::MkfsArgs),
    /// Look into images of disks and volumes, change them, check them
    #[command(
        subcommand,
        after_help = "Examples:
  nxvfs image tree firmware.img
  nxvfs image get firmware.img /etc/init.d /tmp/init.d
  nxvfs image put card.img settings.txt /settings.txt
  nxvfs image check --part 1 --repair disk.img

File system and partition are found by looking; --fs and --part say which. A command that changes
an image does all of it or nothing; the others write nothing to it."
    )]
    Image(image::ImageCommand),
    /// Look at a board's file: what shell and mount bring up with --board
    #[command(
        subcommand,
        after_help = "Examples:
  nxvfs board check board.toml
  nxvfs board show board.toml
  nxvfs shell --board board.toml"
    )]
    Board(board::BoardCommand),
    /// Show the volume of an image, or all of a board, as a folder of the operating system
    #[cfg(feature = "fuse")]
    #[command(after_help = mount::EXAMPLES)]
    Mount(mount::MountArgs),
    /// End a mount, when everything is in the image
    #[cfg(feature = "fuse")]
    #[command(after_help = mount::UMOUNT_EXAMPLES)]
    Umount(mount::UmountArgs),
    /// Print a completion script
    #[command(after_help = "Example:
  nxvfs completions bash > ~/.local/share/bash-completion/completions/nxvfs")]
    Completions {
        /// For this shell
        shell: clap_complete::Shell,
    },
    /// Write pages of the manual, one for each command
    #[command(after_help = "Example:
  nxvfs man ~/.local/share/man/man1")]
    Man {
        /// The folder, which is made if it is missing
        dir: PathBuf,
    },
}

#[derive(Args)]
struct ShellArgs {
    #[command(flatten)]
    board: board::BoardArg,
    /// Run these commands
    #[arg(short = 'c', value_name = "COMMANDS", conflicts_with = "script", allow_hyphen_values = true)]
    commands: Option<OsString>,
    /// Run the commands of this file; '-' is standard input
    #[arg(value_name = "SCRIPT", value_hint = clap::ValueHint::FilePath)]
    script: Option<PathBuf>,
}

fn manual(dir: &Path) -> failure::Done {
    let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
    Ok(written.map_err(|e| crate::Error::from(e).doing(format_args!("man {}", dir.display())))?)
}

/// Runs the program with the process's arguments; answers its exit status.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start(cli.globals.verbose, cli.globals.quiet);
    let mut out = output::Output::new(cli.globals.json);
    let done = match cli.command {
        Top::Shell(args) => return shell::main(&cli.globals, args, out),
        Top::Mkfs(args) => return image::mkfs(args, &cli.globals, out),
        #[cfg(feature = "fuse")]
        Top::Mount(args) => return mount::main(&args, &cli.globals, out),
        Top::Image(command) => return image::main(command, &cli.globals, out),
        #[cfg(feature = "fuse")]
        Top::Umount(args) => mount::umount(&args),
        Top::Plugin(command) => plugins::run(&command, &cli.globals, &mut out),
        Top::Board(command) => board::run(&command, &cli.globals, &mut out),
        Top::Completions { shell } => {
            // Made in memory first: its printer panics when the reader has gone.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "nxvfs", &mut script);
            out.bytes(&script)
        }
        Top::Man { dir } => manual(&dir),
    };
    out.finish(done)
}
