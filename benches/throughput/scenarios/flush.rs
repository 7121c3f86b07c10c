//! What waiting between passes saves, and what it costs.

use std::time::Duration;

use crate::Result;
use crate::lab::Lab;
use crate::order::{Pace, Role, Settings};
use crate::plot::{Axis, Line, Plot, Scale};
use crate::report::Section;
use crate::table::Table;
use crate::trial::Trial;

const CONNECTIONS: usize = 1_000;
const RATE: f64 = 1_000.0;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let intervals_ms: &[u64] = lab.pick(&[0, 20], &[0, 1, 2, 5, 10, 20, 50, 100]);
    let mut table = Table::of_outcomes("interval");
    let mut points = Vec::new();
    for &interval_ms in intervals_ms {
        let settings = Settings {
            flush_interval_us: Duration::from_millis(interval_ms).as_micros() as u64,
            ..Settings::default()
        };
        let trial = Trial { role: Role::Server(settings), ..lab.clock(CONNECTIONS, Pace::Rate(RATE)) };
        let name = format!("{interval_ms} ms");
        let outcome = lab.run(&format!("flush interval {name}"), &trial)?;
        table.outcome(&name, &outcome);
        points.push((interval_ms as f64, outcome));
    }
    let plot = Plot {
        name: "flush",
        title: format!("{CONNECTIONS} connections at {RATE} msg/s"),
        x: Axis { label: "flush interval, ms", scale: Scale::Linear },
        y: Axis { label: "ms · % of a core", scale: Scale::Linear },
        lines: vec![
            Line::new("p50, ms", points.iter().map(|(x, outcome)| (*x, outcome.micros(|latency| latency.p50) / 1e3))),
            Line::new("p99, ms", points.iter().map(|(x, outcome)| (*x, outcome.micros(|latency| latency.p99) / 1e3))),
            Line::new("core busy, %", points.iter().map(|(x, outcome)| (*x, outcome.cpu_share() * 100.0))),
        ],
    };
    let text = format!("{CONNECTIONS} connections at {RATE} msg/s.");
    Ok(Section { title: "Flush interval".to_owned(), text, table, plots: vec![plot] })
}
