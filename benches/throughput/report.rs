//! What was found, in Markdown, JSON and plots.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::Result;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::plot::Plot;
use crate::table::Table;
use crate::targets::Verdict;

/// A scenario's part.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) table: Table,
    pub(crate) plots: Vec<Plot>,
}

pub(crate) struct Report {
    /// Where the files go: `target/throughput`.
    directory: PathBuf,
    machine: String,
    command: String,
    quick: bool,
    sections: Vec<Section>,
    failures: Vec<String>,
    /// Every trial, in order.
    trials: Vec<Value>,
    lost: u64,
}

impl Report {
    pub(crate) fn new(options: &Options, server_core: usize, client_core: usize) -> Result<Report> {
        let this = std::env::current_exe()?;
        // target/release/deps/throughput-…
        let target = this.ancestors().nth(3).ok_or("the program lies in no target directory")?;
        let directory = target.join("throughput");
        fs::create_dir_all(&directory)?;
        let machine = format!("{}, server on core {server_core}, clients on core {client_core}", machine());
        Ok(Report {
            directory,
            machine,
            command: options.command.clone(),
            quick: options.quick,
            sections: Vec::new(),
            failures: Vec::new(),
            trials: Vec::new(),
            lost: 0,
        })
    }

    pub(crate) fn push(&mut self, section: Section) {
        self.sections.push(section);
    }

    pub(crate) fn fail(&mut self, scenario: &str, error: &dyn Error) {
        self.failures.push(format!("{scenario}: {error}"));
    }

    /// Keeps a trial's figures.
    pub(crate) fn keep(&mut self, what: &str, outcome: &Outcome) {
        self.lost += outcome.lost;
        self.trials.push(json!({ "what": what, "outcome": outcome }));
    }

    /// Keeps figures that are in no outcome.
    pub(crate) fn keep_figures(&mut self, what: &str, figures: &Value) {
        self.trials.push(json!({ "what": what, "figures": figures }));
    }

    /// Counts losses that no outcome tells of.
    pub(crate) fn lose(&mut self, lost: u64) {
        self.lost += lost;
    }

    /// Deliveries lost in all trials.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Prints the report, and writes its files.
    pub(crate) fn finish(&self, verdicts: &[Verdict]) -> Result<()> {
        let markdown = self.markdown(verdicts);
        print!("{markdown}");
        fs::write(self.directory.join("report.md"), &markdown)?;
        for plot in self.sections.iter().flat_map(|section| &section.plots) {
            fs::write(self.directory.join(format!("{}.svg", plot.name)), plot.to_svg())?;
        }
        let report = json!({
            "machine": self.machine,
            "command": self.command,
            "trials": self.trials,
            "targets": verdicts,
            "failures": self.failures,
        });
        fs::write(self.directory.join("report.json"), serde_json::to_vec_pretty(&report)?)?;
        eprintln!("report.md, report.json and plots: {}", self.directory.display());
        Ok(())
    }

    fn markdown(&self, verdicts: &[Verdict]) -> String {
        let mut text = String::from("# Throughput\n\n");
        let date = humantime::format_rfc3339_seconds(SystemTime::now());
        let _ = writeln!(text, "{}. {date}. `{}`\n", self.machine, self.command);
        if self.quick {
            text += "A quick run: it shows that nothing is lost. Its figures say little.\n\n";
        }
        for failure in &self.failures {
            let _ = writeln!(text, "**FAILED** {failure}\n");
        }
        let _ = writeln!(text, "## Targets\n\n{}", crate::targets::table(verdicts));
        for section in &self.sections {
            let _ = writeln!(text, "## {}\n\n{}\n\n{}", section.title, section.text, section.table);
            for plot in &section.plots {
                let _ = writeln!(text, "![{}]({}.svg)\n", plot.title, plot.name);
            }
        }
        text
    }
}

/// The processor, the system, and how busy it was before we came.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(": ").nth(1));
    let cores = cpuinfo.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    format!(
        "{} with {cores} cores, Linux {}, load {} at the start",
        model.unwrap_or("A machine"),
        kernel.trim(),
        load.split(' ').next().unwrap_or_default()
    )
}
