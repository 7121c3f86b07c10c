//! Many namespaces with one reader each: nothing is shared, so each delivery is a `send` of its own.

use crate::Result;
use crate::lab::Lab;
use crate::order::Pace;
use crate::readers::Readers;
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

const NAMESPACES: usize = 1_000;

/// Data that has room for its time: stamped and unstamped frames are then alike, as pacing by bytes needs here.
const DATA_BYTES: usize = 40;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let namespaces: Vec<String> = (0..NAMESPACES).map(|index| format!("/users/{index}")).collect();
    let mut table = Table::of_outcomes("events in all");
    // Twenty messages each on the way, when it goes as fast as they are read.
    let ahead = Pace::Ahead(20 * (NAMESPACES * (DATA_BYTES + 7)) as u64);
    let rates = lab.pick(&[10_000.0][..], &[1_000.0, 10_000.0, 100_000.0]).iter().map(|&rate| Pace::Rate(rate));
    for pace in rates.chain([ahead]) {
        let trial = Trial {
            readers: namespaces.iter().map(|namespace| Readers::keen(namespace, 1)).collect(),
            namespaces: namespaces.clone(),
            data_bytes: DATA_BYTES,
            ..lab.clock(NAMESPACES, pace)
        };
        let name = match pace {
            Pace::Rate(rate) => format!("{} msg/s", count(rate)),
            Pace::Ahead(_) => "saturated".to_owned(),
        };
        let outcome = lab.run(&format!("{NAMESPACES} namespaces, {name}"), &trial)?;
        table.outcome(&name, &outcome);
    }
    let text =
        format!("{NAMESPACES} namespaces with one reader each, published to in turn: what is sent is not shared.");
    Ok(Section { title: "Namespaces".to_owned(), text, table, plots: Vec::new() })
}
