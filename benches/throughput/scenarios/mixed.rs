//! Subscriptions to a namespace of one's own and to one that all share, beside those to the shared one alone.
//!
//! Each connection of the first kind merges two logs, one of which is always empty. The kinds take turns, so that a slow
//! moment of the machine meets both alike; what counts is the median of the rounds' ratios.

use crate::Result;
use crate::lab::{CLOCK_BYTES, Lab, TIME, median, saturated};
use crate::outcome::Outcome;
use crate::readers::Readers;
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

const NAMES: [&str; 2] = ["the shared one alone", "its own and the shared one"];

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let connections = lab.pick(500, 10_000);
    let alone = lab.clock(connections, saturated(CLOCK_BYTES));
    let own_and_shared = |index| Readers::of_several(&[&format!("/users/{index}"), TIME], 1);
    let mixed = Trial { readers: (0..connections).map(own_and_shared).collect(), ..alone.clone() };
    let mut outcomes: [Vec<Outcome>; 2] = Default::default();
    for _ in 0..lab.pick(1, 5) {
        for ((name, trial), outcomes) in NAMES.iter().zip([&alone, &mixed]).zip(&mut outcomes) {
            outcomes.push(lab.run(name, trial)?);
        }
    }
    let [alone, mixed] = &outcomes;
    let rates = alone.iter().zip(mixed).map(|(alone, mixed)| {
        // Of one round.
        mixed.deliveries_per_second() / alone.deliveries_per_second()
    });
    let ratio = median(rates);
    lab.findings.insert("mixed ratio", ratio);
    let mut table = Table::of_outcomes("each subscribed to");
    for (name, outcomes) in NAMES.iter().zip(&mut outcomes) {
        table.outcome(name, Outcome::middle(outcomes));
    }
    let text = format!(
        "{} connections, and events on the shared namespace only. Subscribed to both, they get {} of the deliveries a second \
         that they get when subscribed to it alone (median of the rounds' ratios).",
        count(connections as f64),
        count(ratio),
    );
    Ok(Section { title: "Mixed subscriptions".to_owned(), text, table, plots: Vec::new() })
}
