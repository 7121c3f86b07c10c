//! What history costs: ids in the frames, the journal, and the channel's past, beside a run without them.
//!
//! Frames are equally long in both runs, since what is sent is most of the cost: without ids the data is longer by as
//! much as an id takes. The runs take turns; what counts is the median of the rounds' ratios.

use crate::Result;
use crate::child::Child;
use crate::lab::{Lab, median, saturated};
use crate::order::{Role, Settings};
use crate::outcome::Outcome;
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

const CONNECTIONS: usize = 1_000;

/// The server's default for `--history-bytes`.
const HISTORY_BYTES: usize = 32 << 20;

/// A million: after as many, ids stay equally long for nine million events more; and the journal is full, so that what is
/// appended drops something.
const EVENTS_BEFORE: u64 = 1_000_000;

/// Two less than the clock's. Longer by an id, data has no room for its time yet; so publishers do the same work in both.
const DATA_BYTES: usize = 14;

const NAMES: [&str; 2] = ["without", "ids and journal"];

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let with = Settings { history_bytes: HISTORY_BYTES, events_before: EVENTS_BEFORE, ..Settings::default() };
    let without = Settings { history_bytes: 0, ..with.clone() };
    let mut outcomes: [Vec<Outcome>; 2] = Default::default();
    let mut frame_bytes = 0;
    for _ in 0..lab.pick(1, 5) {
        let child = Child::start(&lab.setup(Role::Server(with.clone())))?;
        // A stream begins with an id and a blank line.
        let id_bytes = child.opening_bytes as usize - 1;
        let padded_bytes = DATA_BYTES + id_bytes;
        frame_bytes = padded_bytes + 7;
        let trial = |data_bytes| Trial { data_bytes, ..lab.clock(CONNECTIONS, saturated(frame_bytes)) };
        let (padded, short) = (trial(padded_bytes), trial(DATA_BYTES));
        let (outcome, child) = short.run_with(child)?;
        drop(child);
        lab.note(NAMES[1], &outcome);
        outcomes[1].push(outcome);
        outcomes[0].push(lab.run(NAMES[0], &Trial { role: Role::Server(without.clone()), ..padded })?);
    }
    let [off, on] = &outcomes;
    let rates = off.iter().zip(on).map(|(off, on)| on.deliveries_per_second() / off.deliveries_per_second());
    let ratio = median(rates);
    lab.findings.insert("history ratio", ratio);
    let mut table = Table::of_outcomes("history");
    for (name, outcomes) in NAMES.iter().zip(&mut outcomes) {
        table.outcome(name, Outcome::middle(outcomes));
    }
    let text = format!(
        "{} connections on one namespace, saturated, frames of {frame_bytes} bytes in both runs: those without ids have data \
         longer by as much. The history is that of the defaults, {} MiB, and full from the start. With it, {} of the \
         deliveries a second (median of the rounds' ratios).",
        count(CONNECTIONS as f64),
        HISTORY_BYTES >> 20,
        count(ratio),
    );
    Ok(Section { title: "What history costs".to_owned(), text, table, plots: Vec::new() })
}
