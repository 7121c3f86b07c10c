//! What people use instead, side by side with us: `cargo bench -p sse-benches --bench peers`.
//!
//! ```text
//!   core 0                                            core 1: this process
//!   ┌───────────────────────────────────┐  loopback  ┌────────────────────────────────┐
//!   │ publisher ─▶ a peer's server, or  ┼───────────▶│ reader: counts every message   │
//!   │              ours, one at a time  │  1,000     │ on every stream                │
//!   └───────────────────────────────────┘  streams   │ search: how much is lossless?  │
//!                                                    └────────────────────────────────┘
//! ```
//!
//! 1. Each peer's [recipe](recipes) fetches it from where its users get it, and builds it in `target/peers/`. None of
//!    it is ours, and none of it is kept in this repository. A peer that can't be had is named as missing.
//! 2. A library is published to in its own process, by a small main of ours; a server over HTTP, from the same core.
//! 3. A [search] over rising rates finds the most that a peer delivers without loss. Each [trial] has a server of its
//!    own.
//! 4. The [report] goes to stdout and to `target/peers/report.md`.

#[path = "../throughput/cores.rs"]
mod cores;
mod deadline;
mod field;
mod idle;
mod options;
mod ours;
mod pace;
mod post;
#[path = "../throughput/process.rs"]
mod process;
mod program;
mod reader;
mod recipes;
mod report;
mod search;
mod server;
mod stream;
mod tally;
mod told;
mod trial;
mod workshop;

use std::error::Error;
use std::process::ExitCode;

use crate::options::{Mode, Options};
use crate::report::Report;

/// What ends a measurement: nothing here can be handled, only told.
type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> ExitCode {
    let result = match Mode::parse(std::env::args().skip(1)) {
        Mode::Ours => ours::run(),
        Mode::Compare(options) => compare(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<()> {
    let chosen: Vec<_> = recipes::ALL.iter().filter(|recipe| options.wants(recipe.word)).collect();
    if options.list || chosen.is_empty() {
        print!("The peers are:\n{}", recipes::list());
        return Ok(());
    }
    let mut report = Report::new(options);
    report.entries = field::compare(&chosen, options.effort())?;
    print!("{report}");
    report.write()
}
