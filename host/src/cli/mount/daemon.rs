//! The background: another run of this program, which answers the kernel after this one has ended.

use std::fs::OpenOptions;
use std::io::Read;
use std::process::{Command, Stdio};

use crate::base::Result;
use crate::cli::failure::{Done, Failure};
use crate::cli::output::Output;

/// What the run in the background writes once the mount is there.
const MOUNTED: &[u8] = b"mounted\n";

/// Starts it, and waits until the mount is there. What keeps it from that it tells itself: it has this one's standard
/// error until then.
pub(super) fn start(out: &mut Output) -> Done {
    out.flush()?;
    let failed = |e: std::io::Error| crate::Error::from(e).doing("start the mount in the background");
    // By its name, where it still has one, so that lists of processes show it.
    let itself = std::env::current_exe().ok().filter(|path| path.exists());
    let mut child = Command::new(itself.unwrap_or_else(|| "/proc/self/exe".into()))
        .args(std::env::args_os().skip(1))
        .arg("--announce")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut said = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_end(&mut said).map_err(failed)?;
    }
    if said == MOUNTED {
        return Ok(());
    }
    let status = child.wait().map_err(failed)?;
    // What it said on standard error is all there is to say.
    Err(Failure::Ended(
        status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1),
    ))
}

/// The run in the background, once its mount is there.
pub(super) struct Ready;

impl Ready {
    /// Leaves terminal, session and folder, and says that the mount is there.
    pub(super) fn announce() -> Result<()> {
        // Of a session that it leads already, as when a service manager runs it, it need not leave.
        let _ = rustix::process::setsid();
        std::env::set_current_dir("/")?;
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        rustix::io::write(rustix::stdio::stdout(), MOUNTED).map_err(std::io::Error::from)?;
        rustix::stdio::dup2_stdin(&null).map_err(std::io::Error::from)?;
        rustix::stdio::dup2_stdout(&null).map_err(std::io::Error::from)?;
        rustix::stdio::dup2_stderr(&null).map_err(std::io::Error::from)?;
        Ok(())
    }
}
