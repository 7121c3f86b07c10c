//! What it costs that a stream comes in chunks.
//!
//! The same server is read by HTTP/1.1, in chunks, and by HTTP/1.0, without; and so is the bare loop over a shared buffer. The
//! client pays for chunks, too: it takes two calls for each where it took less than one, and on a loopback interface part of
//! what reading costs falls to the sender's core. So a ratio to a bare loop that sends chunks says what ours cost.

use crate::Result;
use crate::lab::{CLOCK_BYTES, Lab, median, saturated};
use crate::order::{Pace, Role, Way};
use crate::outcome::Outcome;
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

const CONNECTIONS: usize = 1_000;

const LIGHT: Pace = Pace::Rate(100.0);

const NAMES: [&str; 6] = [
    "bare shared buffer",
    "the same in chunks",
    "server, HTTP/1.0",
    "server, HTTP/1.1",
    "server, HTTP/1.0, 100 msg/s",
    "server, HTTP/1.1, 100 msg/s",
];

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let full = saturated(CLOCK_BYTES);
    let bare = |way| Trial { role: Role::Bare(way), ..lab.clock(CONNECTIONS, full) };
    let plain = |pace| {
        let mut trial = lab.clock(CONNECTIONS, pace);
        trial.readers.iter_mut().for_each(|readers| readers.chunked = false);
        trial
    };
    let trials = [
        bare(Way::SharedBuffer),
        bare(Way::SharedChunks),
        plain(full),
        lab.clock(CONNECTIONS, full),
        plain(LIGHT),
        lab.clock(CONNECTIONS, LIGHT),
    ];
    let mut outcomes: [Vec<Outcome>; 6] = Default::default();
    for _ in 0..lab.pick(1, 7) {
        for ((name, trial), outcomes) in NAMES.iter().zip(&trials).zip(&mut outcomes) {
            outcomes.push(lab.run(name, trial)?);
        }
    }
    let [bare_plain, bare_chunks, plain, chunks, light_plain, light_chunks] = &outcomes;
    let beside_bare = ratio(chunks, bare_chunks, Outcome::deliveries_per_second);
    let text = format!(
        "{CONNECTIONS} connections on one namespace, frames of 23 bytes. Saturated, the server delivers in chunks {} of what it \
         delivers without, the bare loop {}; the server is at {} of the bare loop without chunks, and at {} of it with chunks. At \
         100 msg/s a delivery in chunks takes {} of the processor time (medians of the rounds' ratios).",
        count(ratio(chunks, plain, Outcome::deliveries_per_second)),
        count(ratio(bare_chunks, bare_plain, Outcome::deliveries_per_second)),
        count(ratio(plain, bare_plain, Outcome::deliveries_per_second)),
        count(beside_bare),
        count(ratio(light_chunks, light_plain, Outcome::cpu_ns_per_delivery)),
    );
    lab.findings.insert("chunks ratio", beside_bare);
    let mut table = Table::of_outcomes("median of its round");
    for (name, outcomes) in NAMES.iter().zip(&mut outcomes) {
        table.outcome(name, Outcome::middle(outcomes));
    }
    Ok(Section { title: "What chunks cost".to_owned(), text, table, plots: Vec::new() })
}

fn ratio(ours: &[Outcome], theirs: &[Outcome], figure: fn(&Outcome) -> f64) -> f64 {
    median(ours.iter().zip(theirs).map(|(ours, theirs)| figure(ours) / figure(theirs)))
}
