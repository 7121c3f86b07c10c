//! The server beside bare loops on the same kind of sockets: what the targets for fan-out and light load are about.
//!
//! The trials take turns, several rounds of them, so that a slow moment of the machine meets all alike; what counts is
//! the median.

use crate::Result;
use crate::lab::{CLOCK_BYTES, Lab, median, saturated};
use crate::order::{Pace, Role, Way};
use crate::outcome::Outcome;
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

const CONNECTIONS: usize = 1_000;
const LIGHT: Pace = Pace::Rate(100.0);
const HEAVY_RATE: f64 = 100_000.0;

/// The trials of a round, in the order of the table.
const NAMES: [&str; 7] = [
    "bare `send` each, 100 msg/s",
    "server, 100 msg/s",
    "bare `send` each, saturated",
    "bare shared buffer, 100,000 msg/s",
    "server, 100,000 msg/s",
    "bare shared buffer, saturated",
    "server, saturated",
];

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let full = saturated(CLOCK_BYTES);
    let server = |pace| lab.clock(CONNECTIONS, pace);
    let bare = |way, pace| Trial { role: Role::Bare(way), ..server(pace) };
    let trials = [
        bare(Way::SendEach, LIGHT),
        server(LIGHT),
        bare(Way::SendEach, full),
        bare(Way::SharedBuffer, Pace::Rate(HEAVY_RATE)),
        server(Pace::Rate(HEAVY_RATE)),
        bare(Way::SharedBuffer, full),
        server(full),
    ];
    let mut outcomes: [Vec<Outcome>; 7] = Default::default();
    for _ in 0..lab.pick(1, 5) {
        for ((name, trial), outcomes) in NAMES.iter().zip(&trials).zip(&mut outcomes) {
            outcomes.push(lab.run(name, trial)?);
        }
    }
    find(lab, &outcomes);
    let mut table = Table::of_outcomes("median of its round");
    for (name, outcomes) in NAMES.iter().zip(&mut outcomes) {
        table.outcome(name, Outcome::middle(outcomes));
    }
    let ratio = |name| count(lab.findings[name]);
    let text = format!(
        "{CONNECTIONS} connections on one namespace, frames of 23 bytes. One bare pass over all sockets at 100 msg/s takes \
         {} µs. The server beside the bare loops: saturated {} of the shared buffer and {} times one `send` each; at \
         100 msg/s its p99 is {} bare passes, and its processor time per delivery {} of a bare `send`'s; at 100,000 msg/s \
         its p99 is {} of the shared buffer's (medians of the rounds' ratios).",
        ratio("bare pass µs"),
        ratio("saturated ratio"),
        ratio("send ratio"),
        ratio("light p99 ratio"),
        ratio("light cpu ratio"),
        ratio("fan-out p99 ratio"),
    );
    Ok(Section { title: "Beside bare loops".to_owned(), text, table, plots: Vec::new() })
}

/// Leaves the figures that targets are about.
fn find(lab: &mut Lab, [bare_light, light, bare_each, bare_heavy, heavy, bare_shared, full]: &[Vec<Outcome>; 7]) {
    fn ratios(ours: &[Outcome], theirs: &[Outcome], figure: impl Fn(&Outcome, &Outcome) -> f64) -> f64 {
        median(ours.iter().zip(theirs).map(|(ours, theirs)| figure(ours, theirs)))
    }
    let rates = |ours: &Outcome, theirs: &Outcome| ours.deliveries_per_second() / theirs.deliveries_per_second();
    let costs = |ours: &Outcome, theirs: &Outcome| ours.cpu_ns_per_delivery() / theirs.cpu_ns_per_delivery();
    let latencies =
        |ours: &Outcome, theirs: &Outcome| ours.micros(|latency| latency.p99) / theirs.micros(|latency| latency.p99);
    let pass_micros = |outcome: &Outcome| outcome.pass_ns.map_or(f64::NAN, |pass| pass as f64 / 1e3);
    let passes = |ours: &Outcome, theirs: &Outcome| ours.micros(|latency| latency.p99) / pass_micros(theirs);
    let heavy_share = |outcome: &Outcome| outcome.deliveries_per_second() / (HEAVY_RATE * CONNECTIONS as f64);
    lab.findings.extend([
        ("fan-out share", median(heavy.iter().map(heavy_share))),
        ("fan-out lost", heavy.iter().map(|outcome| outcome.lost as f64).sum()),
        ("fan-out p99 ratio", ratios(heavy, bare_heavy, latencies)),
        ("fan-out p99 ms", median(heavy.iter().map(|outcome| outcome.micros(|latency| latency.p99) / 1e3))),
        ("saturated ratio", ratios(full, bare_shared, rates)),
        ("send ratio", ratios(full, bare_each, rates)),
        ("bare pass µs", median(bare_light.iter().map(pass_micros))),
        ("light p99 ratio", ratios(light, bare_light, passes)),
        ("light cpu ratio", ratios(light, bare_light, costs)),
    ]);
}
