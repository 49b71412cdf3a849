//! The shell's commands: one enum, each command's arguments and code in the file of its family.

mod caps;
mod change;
mod check;
mod cmp;
mod content;
mod copy;
mod cp;
mod dd;
mod devices;
mod df;
mod digest;
mod du;
mod entry;
mod explain;
mod hexdump;
mod links;
mod list;
mod losetup;
mod mkfs;
mod mmap;
mod modinfo;
mod mounts;
mod names;
mod partprobe;
mod places;
mod plugins;
mod remove;
mod session;
mod stat;
mod time;
mod transfer;

use std::ffi::OsString;

use clap::{CommandFactory, Parser, Subcommand};

use super::failure::Done;
use super::shell::Shell;

pub(super) use check::{Outcome, examine};
pub(super) use content::Cat;
pub(super) use copy::present;
pub(super) use cp::Mv;
pub(super) use list::Ls;
pub(super) use mkfs::{Options, Request};
pub(super) use modinfo::{Info, show_info};
pub(super) use names::Mkdir;
pub(super) use places::{Identity, basename, entries, identity, is_directory, names as names_in};
pub(super) use remove::Rm;
pub(super) use session::show_help;
pub(super) use stat::{Document as StatDocument, Stat};
pub(super) use transfer::{BUFFER_BYTES, Descriptor};

/// One line of the shell.
#[derive(Parser)]
#[command(name = "", no_binary_name = true, disable_help_subcommand = true)]
pub(super) struct Line {
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,
    #[command(subcommand)]
    pub(super) command: Command,
}

impl Line {
    /// Parses the words of a command.
    pub(super) fn parse(words: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(words)
    }
}

/// What clap knows of the commands, for `help` and completion.
pub(super) fn table() -> clap::Command {
    Line::command()
}

/// The words that completion offers where a command stands.
pub(super) fn names() -> Vec<String> {
    table().get_subcommands().map(|command| command.get_name().to_owned()).collect()
}

macro_rules! commands {
    ($($(#[$meta:meta])* $variant:ident($args:ty);)*) => {
        /// A command with its arguments.
        #[derive(Subcommand)]
        pub(super) enum Command {
            $($(#[$meta])* $variant($args),)*
        }

        /// Runs a command.
        pub(super) fn run(command: Command, shell: &mut Shell) -> Done {
            match command { $(Command::$variant(args) => args.run(shell),)* }
        }
    };
}

commands! {
    Attach(devices::Attach);
    Detach(devices::Detach);
    Mkrd(devices::Mkrd);
    Losetup(losetup::Losetup);
    Partprobe(partprobe::Partprobe);
    Mkfs(mkfs::Mkfs);
    Mkfatfs(mkfs::Mkfatfs);
    Check(check::Check);
    Mount(mounts::Mount);
    Umount(mounts::Umount);
    Caps(caps::Caps);
    Df(df::Df);
    Insmod(plugins::Insmod);
    Modprobe(plugins::Modprobe);
    Rmmod(plugins::Rmmod);
    Lsmod(plugins::Lsmod);
    Modinfo(modinfo::Modinfo);
    Ls(list::Ls);
    Stat(stat::Stat);
    Cat(content::Cat);
    Hexdump(hexdump::Hexdump);
    Cmp(cmp::Cmp);
    #[command(name = "sha256sum")]
    Sha256Sum(digest::Sha256Sum);
    Readlink(names::Readlink);
    Mkdir(names::Mkdir);
    Rmdir(names::Rmdir);
    Rm(remove::Rm);
    Cp(cp::Cp);
    Mv(cp::Mv);
    Ln(links::Ln);
    Touch(change::Touch);
    Truncate(change::Truncate);
    Chmod(change::Chmod);
    Mkfifo(links::Mkfifo);
    Mknod(links::Mknod);
    Dd(dd::Dd);
    Du(du::Du);
    Cd(names::Cd);
    Pwd(names::Pwd);
    Explain(explain::Explain);
    Mmap(mmap::Mmap);
    Source(session::Source);
    Echo(session::Echo);
    Time(time::Time);
    Set(session::Set);
    Help(session::Help);
    Exit(session::Exit);
}
