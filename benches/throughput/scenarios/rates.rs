//! Throughput and latency against the rate.

use crate::Result;
use crate::lab::{CLOCK_BYTES, Lab, saturated};
use crate::order::Pace;
use crate::plot::{Axis, Line, Plot, Scale};
use crate::report::Section;
use crate::table::{Table, count};

const CONNECTIONS: usize = 1_000;

/// A server that delivers less than this share of what is offered has enough.
const ENOUGH: f64 = 0.9;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let rates: &[f64] =
        lab.pick(&[100.0, 10_000.0], &[100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 1.5e5, 2e5, 2.5e5, 3e5, 4e5]);
    let mut table = Table::of_outcomes("rate");
    let mut outcomes = Vec::new();
    for &rate in rates {
        let name = format!("{} msg/s", count(rate));
        let outcome = lab.run(&name, &lab.clock(CONNECTIONS, Pace::Rate(rate)))?;
        table.outcome(&name, &outcome);
        let share = outcome.deliveries_per_second() / (rate * CONNECTIONS as f64);
        outcomes.push(outcome);
        if share < ENOUGH {
            break;
        }
    }
    let full = lab.run("saturated", &lab.clock(CONNECTIONS, saturated(CLOCK_BYTES)))?;
    table.outcome("saturated", &full);
    let offered = || outcomes.iter().map(|outcome| outcome.offered.unwrap_or(f64::NAN));
    let line = |name, figure: &dyn Fn(&crate::outcome::Outcome) -> f64| {
        Line::new(name, offered().zip(outcomes.iter().map(figure)))
    };
    let plots = vec![
        Plot {
            name: "throughput",
            title: format!("Throughput, {CONNECTIONS} connections"),
            x: Axis { label: "messages offered per second", scale: Scale::Logarithmic },
            y: Axis { label: "deliveries per second", scale: Scale::Logarithmic },
            lines: vec![
                Line::new("offered", offered().map(|rate| (rate, rate * CONNECTIONS as f64))),
                line("delivered", &|outcome| outcome.deliveries_per_second()),
            ],
        },
        Plot {
            name: "latency",
            title: format!("Latency, {CONNECTIONS} connections"),
            x: Axis { label: "messages offered per second", scale: Scale::Logarithmic },
            y: Axis { label: "µs", scale: Scale::Logarithmic },
            lines: vec![
                line("p50", &|outcome| outcome.micros(|latency| latency.p50)),
                line("p99", &|outcome| outcome.micros(|latency| latency.p99)),
                line("p99.9", &|outcome| outcome.micros(|latency| latency.p999)),
            ],
        },
    ];
    let text =
        "One namespace, frames of 23 bytes. The sweep ends at the first rate that is more than the server bears."
            .to_owned();
    Ok(Section { title: "Rates".to_owned(), text, table, plots })
}
