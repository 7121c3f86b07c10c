//! How fast the server is, measured end to end: `cargo bench -p sse-benches --bench throughput`.
//!
//! ```text
//!   core 0: child process                                      core 1: this process
//!   ┌────────────────────────────────────┐    loopback TCP    ┌──────────────────────────┐
//!   │ publishers ─▶ server (one worker) ─┼───────────────────▶│ load client: counts every │
//!   │      ▲                             │    1,000 streams   │ byte, parses some streams │
//!   │      └──── orders, credit ◀────────┼───── stdin ────────┼─ scenario                 │
//!   │            what was published ─────┼───── stdout ──────▶│ report                    │
//!   └────────────────────────────────────┘                    └──────────────────────────┘
//! ```
//!
//! The child is this same program in another mode: the real server with publishers in its process ([`serve`]), or a
//! bare loop without a server around it ([`bare`]), which says what the machine can do. `docs/PERFORMANCE.md` says
//! what is measured and how to read it.

mod bare;
mod calm;
mod child;
mod cores;
mod credit;
mod crowd;
mod lab;
mod options;
mod order;
mod outcome;
mod plot;
mod poster;
mod process;
mod producer;
mod readers;
mod report;
mod scenarios;
mod serve;
mod spread;
mod stdio;
mod stopped;
mod table;
mod targets;
mod trial;

use std::error::Error;
use std::process::ExitCode;

use crate::lab::Lab;
use crate::options::{Mode, Options};

/// What ends a scenario: nothing here can be handled, only told.
type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let result = match Mode::parse(std::env::args().skip(1)) {
        Mode::Child(setup) => child_main(&setup).map(|()| true),
        Mode::Measure(options) => measure(options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("throughput: {error}");
            ExitCode::FAILURE
        }
    }
}

fn child_main(setup: &str) -> Result<()> {
    let setup: order::Setup = serde_json::from_str(setup)?;
    cores::pin(setup.core)?;
    match setup.role {
        order::Role::Server(settings) => serve::run(&settings),
        order::Role::Bare(way) => bare::run(way),
    }
}

/// Runs the scenarios that are asked for; false if a message was lost or a scenario failed.
fn measure(options: Options) -> Result<bool> {
    if options.list {
        print!("{}", scenarios::list());
        return Ok(true);
    }
    let chosen: Vec<_> = scenarios::ALL.iter().filter(|scenario| options.wants(scenario.name)).collect();
    if chosen.is_empty() {
        println!("No throughput scenario has such a name. There are:\n{}", scenarios::list());
        return Ok(true);
    }
    let mut lab = Lab::new(options)?;
    let mut sound = true;
    for scenario in chosen {
        eprintln!("{}: {}", scenario.name, scenario.about);
        match (scenario.run)(&mut lab) {
            Ok(section) => lab.report.push(section),
            Err(error) => {
                eprintln!("{} FAILED: {error}", scenario.name);
                lab.report.fail(scenario.name, &*error);
                sound = false;
            }
        }
    }
    let verdicts = targets::judge(&lab.findings);
    lab.report.finish(&verdicts)?;
    Ok(sound && lab.report.lost() == 0)
}
