//! The most that a server delivers without loss.
//!
//! ```text
//!   100 ──▶ 400 ──▶ 1,600 ──▶ … until the server loses messages, or doesn't keep up
//!                              then the geometric mean of the last rate borne and the first that was not, and again
//! ```
//!
//! A server that queues without end loses nothing when it is offered more than it can deliver, but is later and later.
//! So a rate is borne if everything is delivered, and in time. One that is not is tried again, since machines have
//! hiccups.

use std::time::Duration;

use crate::Result;
use crate::deadline::Deadline;
use crate::options::Effort;
use crate::program::Program;
use crate::server::Cores;
use crate::trial::{self, Outcome, STREAMS};

/// The light rate, messages a second. No server has trouble with it.
pub(crate) const LIGHT: f64 = 100.0;

/// From rate to rate.
const STRIDE: f64 = 4.0;

/// How often a rate is tried before it counts as too high.
const ATTEMPTS: usize = 2;

/// No search goes further: no core delivers this much.
const HIGHEST: f64 = 2e6;

/// What a search has found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// At the light rate.
    pub(crate) light: Outcome,
    /// The highest rate that it bore.
    pub(crate) best: Outcome,
    /// The most that it delivered without loss but late, if that is more.
    pub(crate) late: Option<Outcome>,
    /// The lowest rate that it met with a loss.
    pub(crate) failure: Option<Failure>,
}

/// A rate at which a server doesn't deliver everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    /// Messages a second that were to be published.
    pub(crate) offered: f64,
    /// What it does then.
    pub(crate) what: &'static str,
}

struct Search<'a> {
    program: &'a Program,
    cores: Cores,
    step: Duration,
    found: Found,
}

/// Searches; ends early if time runs out.
pub(crate) fn run(program: &Program, cores: Cores, effort: &Effort, deadline: Deadline) -> Result<Found> {
    let light = light(program, cores, effort.light)?;
    let found = Found { light, best: light, late: None, failure: None };
    let mut search = Search { program, cores, step: effort.step, found };
    let (mut borne, mut limit) = (LIGHT, None);
    while limit.is_none() && borne < HIGHEST && !deadline.is_over() {
        let rate = borne * STRIDE;
        if search.bears(rate) { borne = rate } else { limit = Some(rate) }
    }
    if let Some(mut limit) = limit {
        for _ in 0..effort.refinements {
            if deadline.is_over() {
                break;
            }
            let rate = (borne * limit).sqrt();
            if search.bears(rate) { borne = rate } else { limit = rate }
        }
    }
    Ok(search.found)
}

/// The run at the light rate.
fn light(program: &Program, cores: Cores, length: Duration) -> Result<Outcome> {
    for _ in 0..ATTEMPTS {
        let outcome = trial::run(program, cores, LIGHT, length)?;
        tell(&outcome);
        if outcome.lossless {
            return Ok(outcome);
        }
    }
    Err(format!("it loses messages at {LIGHT} a second").into())
}

impl Search<'_> {
    /// Whether the server bears this rate.
    fn bears(&mut self, rate: f64) -> bool {
        let bears = (0..ATTEMPTS).any(|_| self.attempt(rate));
        if bears && self.found.failure.is_some_and(|failure| failure.offered <= rate) {
            // That was a hiccup.
            self.found.failure = None;
        }
        bears
    }

    fn attempt(&mut self, rate: f64) -> bool {
        let outcome = match trial::run(self.program, self.cores, rate, self.step) {
            Ok(outcome) => outcome,
            Err(error) => {
                eprintln!("  {rate:.0} msg/s: {error}");
                self.fail(Failure { offered: rate, what: "fails" });
                return false;
            }
        };
        tell(&outcome);
        if outcome.closed > 0 {
            self.fail(Failure { offered: rate, what: "closes connections" });
        } else if !outcome.lossless {
            self.fail(Failure { offered: rate, what: "loses messages" });
        } else if !outcome.in_time {
            let more = self.found.late.is_none_or(|late| outcome.rate > late.rate);
            self.found.late = if more { Some(outcome) } else { self.found.late };
        } else if outcome.rate > self.found.best.rate {
            self.found.best = outcome;
        }
        outcome.lossless && outcome.in_time
    }

    fn fail(&mut self, failure: Failure) {
        if self.found.failure.is_none_or(|known| failure.offered < known.offered) {
            self.found.failure = Some(failure);
        }
    }
}

/// Tells whoever watches.
fn tell(outcome: &Outcome) {
    let verdict = match outcome {
        Outcome { closed: 1.., .. } => "streams closed",
        Outcome { lossless: false, .. } => "messages lost",
        Outcome { in_time: false, .. } => "lossless, but late",
        _ => "lossless",
    };
    eprintln!(
        "  {:.0} msg/s: {:.3} of {:.3} M deliveries/s, {verdict}, p50 {:.0} µs, p99 {:.0} µs, {:.2} µs CPU each",
        outcome.offered,
        outcome.rate / 1e6,
        outcome.offered * STREAMS as f64 / 1e6,
        outcome.p50_us,
        outcome.p99_us,
        outcome.cpu_us,
    );
}
