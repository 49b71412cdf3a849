//! Runs the workloads and prints the table.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;
use nxvfs_bench::images::Images;
use nxvfs_bench::{Row, Scale, table, work};

/// glibc copies from 2 KiB on by `rep movsb`, which on some AMD processors is several times slower when the two places lie
/// badly to each other. With it the table would show where buffers happen to lie.
const TUNABLES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=1000000000");
/// Between these lines of the document stands the table.
const MARKS: (&str, &str) = ("<!-- table: begin -->", "<!-- table: end -->");

/// Measures ours and its peers in one run, and prints a table in Markdown.
#[derive(Parser)]
struct Arguments {
    /// Few and small: shows that everything works, and nothing of how fast it is.
    #[arg(long)]
    quick: bool,
    /// Only these workloads: W1 to W10, and `map` for mapping, borrowing and opening.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Rounds, of which the median counts.
    #[arg(long)]
    rounds: Option<usize>,
    /// Puts the table into docs/performance.md too.
    #[arg(long)]
    write: bool,
    /// Fails if a ratio is not reached.
    #[arg(long)]
    strict: bool,
    /// Leaves glibc's choice of instructions for copies alone.
    #[arg(long)]
    rep_movsb: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if !arguments.rep_movsb && std::env::var_os(TUNABLES.0).is_none() {
        // It is read when a program starts.
        let this = std::env::current_exe().expect("this program");
        let e = Command::new(this).args(std::env::args_os().skip(1)).env(TUNABLES.0, TUNABLES.1).exec();
        panic!("cannot start again: {e}");
    }
    let mut scale = if arguments.quick { Scale::QUICK } else { Scale::FULL };
    scale.rounds = arguments.rounds.unwrap_or(scale.rounds).max(1);
    let images = Images::new(&scale);
    let mut rows: Vec<Row> = Vec::new();
    work::run(&scale, &images, &arguments.only, &mut |row| {
        eprintln!("{} {}", row.id, row.what);
        rows.push(row);
    });
    rows.sort_by_key(|row| row.id.strip_prefix('W').and_then(|n| n.parse().ok()).unwrap_or(u32::MAX));
    let text = format!("{}\n\n{}", circumstances(&scale), table(&rows));
    println!("{text}");
    if arguments.write {
        write(&text);
    }
    let short = rows.iter().filter(|row| row.met() == Some(false)).count();
    eprintln!("{short} of {} rows fall short", rows.len());
    if arguments.strict && short > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Where and how the table was made.
fn circumstances(scale: &Scale) -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let load = read("/proc/loadavg");
    let load: Vec<&str> = load.split(' ').take(2).collect();
    let tunables = std::env::var(TUNABLES.0).unwrap_or_else(|_| "none".to_owned());
    format!(
        "{} with {} processors, Linux {}; load at the end {}; median of {} rounds, scale `{}`; GLIBC_TUNABLES: {tunables}.",
        cpu.trim_start_matches([' ', '\t', ':']),
        std::thread::available_parallelism().map_or(0, usize::from),
        read("/proc/sys/kernel/osrelease").trim(),
        load.join(" "),
        scale.rounds,
        scale.name,
    )
}

fn write(text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
    let old = std::fs::read_to_string(&path).expect("docs/performance.md");
    let (before, rest) = old.split_once(MARKS.0).expect("the first mark");
    let (_, after) = rest.split_once(MARKS.1).expect("the second mark");
    std::fs::write(&path, format!("{before}{}\n\n{text}\n{}{after}", MARKS.0, MARKS.1))
        .expect("docs/performance.md");
}
