//! What was found, in Markdown.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

use crate::field::{Entry, Figures};
use crate::options::Options;
use crate::search::Failure;
use crate::trial::STREAMS;
use crate::{Result, workshop};

pub(crate) struct Report {
    machine: String,
    command: String,
    is_quick: bool,
    pub(crate) entries: Vec<Entry>,
}

impl Report {
    /// One without entries.
    pub(crate) fn new(options: &Options) -> Report {
        let command = options.command.clone();
        Report { machine: machine(), command, is_quick: options.effort().is_quick, entries: Vec::new() }
    }

    /// Writes it to `target/peers/report.md`.
    pub(crate) fn write(&self) -> Result<()> {
        let path = workshop::root()?.join("report.md");
        fs::write(&path, self.to_string())?;
        eprintln!("This is also in {}", path.display());
        Ok(())
    }
}

const HEAD: &str = "\
| server | most deliveries/s, lossless | p50 / p99 there, ms | beyond it | at 100 msg/s: p50 / p99, µs | server CPU per delivery, µs | resident bytes per idle connection |
|---|--:|--:|---|--:|--:|--:|
";

const FOOT: &str = "
Lossless: every connection got every message once, in order, and in time: offered more, a server that queues without end
is later and later. Latency is from when a message was due until it was read.
Libraries are published to in their own process; Nchan and Durable Streams over HTTP, by four connections from the same
core, whose processor time is not the server's.
";

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = humantime::format_rfc3339_seconds(SystemTime::now());
        writeln!(f, "# The field\n\n{}. {date}. `{}`\n", self.machine, self.command)?;
        if self.is_quick {
            writeln!(f, "A quick run: it shows that everything works. Its figures say little.\n")?;
        }
        let streams = grouped(STREAMS as f64);
        writeln!(
            f,
            "{streams} connections on one namespace, 16 bytes of data in a message, one core for each server.\n"
        )?;
        f.write_str(HEAD)?;
        for Entry { name, figures } in &self.entries {
            match figures {
                Ok(figures) => writeln!(f, "| {name} |{}", row(figures))?,
                Err(error) => writeln!(f, "| {name} | {} | | | | | |", cell(&error.to_string()))?,
            }
        }
        f.write_str(FOOT)
    }
}

fn row(Figures { found, idle_bytes }: &Figures) -> String {
    let beyond = match (found.failure, found.late) {
        (Some(Failure { offered, what }), _) => format!("{what} at {}", millions(offered * STREAMS as f64)),
        (None, Some(late)) if late.rate > found.best.rate => format!("late, up to {}", millions(late.rate)),
        (None, _) => "late, and no more".to_owned(),
    };
    format!(
        " {} | {} / {} | {beyond} | {} / {} | {:.2} | {} |",
        millions(found.best.rate),
        millis(found.best.p50_us),
        millis(found.best.p99_us),
        grouped(found.light.p50_us),
        grouped(found.light.p99_us),
        found.light.cpu_us,
        grouped(*idle_bytes),
    )
}

/// To three digits.
fn millions(value: f64) -> String {
    let value = value / 1e6;
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} M")
}

fn millis(micros: f64) -> String {
    if micros < 10_000.0 { format!("{:.1}", micros / 1e3) } else { grouped(micros / 1e3) }
}

/// A whole number, in groups of three digits.
fn grouped(value: f64) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    let digits = format!("{:.0}", value.abs());
    let mut text = if value <= -0.5 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Text that fits between two bars.
fn cell(text: &str) -> String {
    text.replace('|', "/").replace('\n', " ")
}

/// The processor, the system, how busy it is, and what built the servers.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let [kernel, load] = ["/proc/sys/kernel/osrelease", "/proc/loadavg"].map(read);
    let tools = [("rustc", "--version"), ("go", "version")].map(|(tool, flag)| version(tool, flag));
    format!(
        "{} with {cores} cores, Linux {}, load {} at the start, {}",
        model.unwrap_or("A machine"),
        kernel.trim(),
        load.split(' ').next().unwrap_or_default(),
        tools.join(", "),
    )
}

fn version(tool: &str, flag: &str) -> String {
    let output = Command::new(tool).arg(flag).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| format!("no {tool}"))
}
