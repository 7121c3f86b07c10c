//! The most that a server delivers without loss.
//!
//! ```text
//!   100 ──▶ 400 ──▶ 1,600 ──▶ … until the server loses messages, or falls far behind
//!                              then the geometric mean of the last rate borne and the first that was not, and again
//! ```
//!
//! A server that queues without end loses nothing when it is offered more than it can deliver: it is late, and what it
//! delivers meanwhile is its limit. So the result is what was delivered, not what was offered.

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

/// No search goes further: no core delivers this much.
const HIGHEST: f64 = 2e6;

/// What a search has found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// At the light rate.
    pub(crate) light: Outcome,
    /// The lossless run that delivered most.
    pub(crate) best: Outcome,
    /// The lowest rate at which messages were lost.
    pub(crate) lossy: Option<Outcome>,
}

struct Search<'a> {
    program: &'a Program,
    cores: Cores,
    step: Duration,
    found: Found,
}

/// Searches; ends early if time runs out.
pub(crate) fn run(program: &Program, cores: Cores, effort: &Effort, deadline: Deadline) -> Result<Found> {
    let light = trial::run(program, cores, LIGHT, effort.light)?;
    tell(&light);
    if !light.lossless {
        return Err(format!("it loses messages at {LIGHT} a second").into());
    }
    let found = Found { light, best: light, lossy: None };
    let mut search = Search { program, cores, step: effort.step, found };
    let (mut borne, mut limit) = (LIGHT, None);
    while limit.is_none() && borne < HIGHEST && !deadline.is_over() {
        let rate = borne * STRIDE;
        if search.bears(rate)? { borne = rate } else { limit = Some(rate) }
    }
    if let Some(mut limit) = limit {
        for _ in 0..effort.refinements {
            if deadline.is_over() {
                break;
            }
            let rate = (borne * limit).sqrt();
            if search.bears(rate)? { borne = rate } else { limit = rate }
        }
    }
    Ok(search.found)
}

impl Search<'_> {
    /// Whether the server bears this rate.
    fn bears(&mut self, rate: f64) -> Result<bool> {
        let outcome = trial::run(self.program, self.cores, rate, self.step)?;
        tell(&outcome);
        if !outcome.lossless {
            let lower = self.found.lossy.is_none_or(|lossy| outcome.offered < lossy.offered);
            self.found.lossy = if lower { Some(outcome) } else { self.found.lossy };
        } else if outcome.rate > self.found.best.rate {
            self.found.best = outcome;
        }
        Ok(outcome.is_borne())
    }
}

/// Tells whoever watches.
fn tell(outcome: &Outcome) {
    let verdict = match outcome {
        Outcome { closed: 1.., .. } => "streams closed",
        Outcome { lossless: false, .. } => "messages lost",
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
