//! source, echo, set, help, exit.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::cli::failure::{Done, Failure, ShellError};
use crate::cli::shell::Shell;

/// Run the commands of a file of the operating system
#[derive(Args)]
#[command(after_help = "Example:
  source docs/demo.nsh")]
pub(in crate::cli) struct Source {
    /// The file
    file: PathBuf,
}

impl Source {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        shell.run_file(&self.file)
    }
}

/// Print words
#[derive(Args)]
#[command(after_help = "Example:
  echo 'two  words'")]
pub(in crate::cli) struct Echo {
    /// Without a newline at the end
    #[arg(short = 'n')]
    no_newline: bool,
    /// The words
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

#[derive(Serialize)]
struct EchoDocument {
    text: String,
}

impl Echo {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let words: Vec<&[u8]> = self.words.iter().map(|w| w.as_bytes()).collect();
        let text = words.join(&b" "[..]);
        if shell.out.json {
            return shell.out.document(&EchoDocument { text: String::from_utf8_lossy(&text).into_owned() });
        }
        shell.out.bytes(&text)?;
        if self.no_newline { Ok(()) } else { shell.out.bytes(b"\n") }
    }
}

/// Show each command before it runs: 'set -x', and 'set +x' no longer
#[derive(Args)]
#[command(after_help = "Example:
  set -x")]
pub(in crate::cli) struct Set {
    /// -x or +x
    #[arg(allow_hyphen_values = true, value_parser = ["-x", "+x"])]
    option: String,
}

impl Set {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        shell.trace = self.option == "-x";
        Ok(())
    }
}

/// List the commands, or explain one
#[derive(Args)]
#[command(after_help = "Example:
  help mount                        the same as 'mount --help'")]
pub(in crate::cli) struct Help {
    /// The command
    command: Option<String>,
}

#[derive(Serialize)]
struct HelpDocument {
    command: String,
    about: String,
}

impl Help {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        let table = super::table();
        if let Some(name) = self.command {
            if table.find_subcommand(&name).is_none() {
                return Err(ShellError::NoCommand { name }.into());
            }
            let words = [name.as_str(), "--help"].map(OsString::from);
            return match super::Line::parse(words.into_iter()) {
                // mkfs makes its help itself, when it knows the file system.
                Ok(line) => super::run(line.command, shell),
                Err(help) => show_help(shell, &name, &help),
            };
        }
        let list = table.get_subcommands().map(|c| HelpDocument {
            command: c.get_name().to_owned(),
            about: c.get_about().map(ToString::to_string).unwrap_or_default(),
        });
        let list: Vec<HelpDocument> = list.collect();
        if shell.out.json {
            return shell.out.document(&list);
        }
        for HelpDocument { command, about } in &list {
            writeln!(shell.out, "{command:10} {about}")?;
        }
        Ok(writeln!(shell.out, "\n'help COMMAND' or 'COMMAND --help' tells more.")?)
    }
}

/// Prints what clap made of `--help`.
pub(in crate::cli) fn show_help(shell: &mut Shell, command: &str, help: &clap::Error) -> Done {
    let text = help.render();
    if shell.out.json {
        return shell.out.document(&HelpDocument { command: command.to_owned(), about: text.to_string() });
    }
    let text = if shell.out.terminal { text.ansi().to_string() } else { text.to_string() };
    shell.out.bytes(text.as_bytes())
}

/// End the shell
#[derive(Args)]
#[command(after_help = "Example:
  exit 3")]
pub(in crate::cli) struct Exit {
    /// Exit status; that of the last command if left out
    status: Option<u8>,
}

impl Exit {
    pub(super) fn run(self, shell: &mut Shell) -> Done {
        Err(Failure::Exit(self.status.unwrap_or(shell.status)))
    }
}
