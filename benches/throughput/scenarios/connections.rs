//! How cost grows with connections.

use crate::Result;
use crate::lab::Lab;
use crate::order::Pace;
use crate::plot::{Axis, Line, Plot, Scale};
use crate::report::Section;
use crate::table::{Table, count};

const RATE: f64 = 100.0;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let numbers: &[usize] = lab.pick(&[1, 2_000], &[1, 10, 100, 1_000, 2_000, 5_000, 10_000, 15_000]);
    let mut table = Table::of_outcomes("readers");
    let mut outcomes = Vec::new();
    for &number in numbers {
        let name = count(number as f64);
        let outcome = lab.run(&format!("{name} connections"), &lab.clock(number, Pace::Rate(RATE)))?;
        table.outcome(&name, &outcome);
        outcomes.push(outcome);
    }
    let line = |name, figure: &dyn Fn(&crate::outcome::Outcome) -> f64| {
        Line::new(name, outcomes.iter().map(|outcome| (outcome.connections as f64, figure(outcome))))
    };
    let plot = Plot {
        name: "connections",
        title: format!("Latency and cost at {RATE} msg/s"),
        x: Axis { label: "connections", scale: Scale::Logarithmic },
        y: Axis { label: "µs", scale: Scale::Logarithmic },
        lines: vec![
            line("p50", &|outcome| outcome.micros(|latency| latency.p50)),
            line("p99", &|outcome| outcome.micros(|latency| latency.p99)),
            line("CPU per delivery", &|outcome| outcome.cpu_ns_per_delivery() / 1e3),
        ],
    };
    let text = format!(
        "{RATE} msg/s on one namespace. Where a pass takes longer than the time between two messages, several leave together."
    );
    Ok(Section { title: "Connections".to_owned(), text, table, plots: vec![plot] })
}
