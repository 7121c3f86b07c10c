//! What all scenarios work with.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::options::Options;
use crate::order::{Pace, Role, Settings, Setup};
use crate::outcome::Outcome;
use crate::readers::Readers;
use crate::report::Report;
use crate::trial::Trial;
use crate::{Result, cores};

/// The namespace of scenarios that need no more than one.
pub(crate) const TIME: &str = "/time";

/// The data of the clock example, `3:04:05 pm (UTC)`: frames of 23 bytes.
pub(crate) const CLOCK_BYTES: usize = 16;

/// How far a publisher that goes by its readers may be ahead of the slowest: a few of the 64 KiB pieces that a
/// connection is given at a time, so that no pass finds nothing to send.
const AHEAD_BYTES: u64 = 256 << 10;

pub(crate) struct Lab {
    pub(crate) options: Options,
    /// The server's core. This process has the other.
    pub(crate) core: usize,
    pub(crate) report: Report,
    /// Figures that targets are about, by name.
    pub(crate) findings: BTreeMap<&'static str, f64>,
}

impl Lab {
    pub(crate) fn new(options: Options) -> Result<Lab> {
        let (core, ours) = cores::pair()?;
        cores::pin(ours)?;
        // Children inherit it: both ends of 15,000 connections are needed.
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
        let report = Report::new(&options, core, ours)?;
        Ok(Lab { options, core, report, findings: BTreeMap::new() })
    }

    /// One of the two, by how thorough this run is to be.
    pub(crate) fn pick<T>(&self, quick: T, full: T) -> T {
        if self.options.quick { quick } else { full }
    }

    /// A child's set-up, on the server's core.
    pub(crate) fn setup(&self, role: Role) -> Setup {
        Setup { core: self.core, role }
    }

    /// The usual trial: the clock example's message to so many connections.
    pub(crate) fn clock(&self, connections: usize, pace: Pace) -> Trial {
        Trial {
            role: Role::Server(Settings::default()),
            readers: vec![Readers::keen(TIME, connections)],
            namespaces: vec![TIME.to_owned()],
            data_bytes: CLOCK_BYTES,
            threads: 1,
            pace,
            length: Duration::from_millis(self.pick(400, 3_000)),
        }
    }

    /// Runs a trial, and tells whoever watches.
    pub(crate) fn run(&mut self, what: &str, trial: &Trial) -> Result<Outcome> {
        let outcome = trial.run(self.core)?;
        self.note(what, &outcome);
        Ok(outcome)
    }

    /// Tells whoever watches, and keeps count of losses.
    pub(crate) fn note(&mut self, what: &str, outcome: &Outcome) {
        eprintln!(
            "  {what}: {:.3} M deliveries/s, {} lost, p50 {:.0} µs, p99 {:.0} µs, {:.0} ns CPU each",
            outcome.deliveries_per_second() / 1e6,
            outcome.lost,
            outcome.micros(|latency| latency.p50),
            outcome.micros(|latency| latency.p99),
            outcome.cpu_ns_per_delivery(),
        );
        self.report.keep(what, outcome);
    }
}

/// As fast as readers read, with frames of so many bytes.
pub(crate) fn saturated(frame_bytes: usize) -> Pace {
    // Large frames: a few of them at least.
    Pace::Ahead(AHEAD_BYTES.max(8 * frame_bytes as u64))
}

/// The value in the middle; not a number if there is none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
