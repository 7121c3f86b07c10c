//! Several threads that publish at once.

use crate::Result;
use crate::lab::Lab;
use crate::order::Pace;
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

const CONNECTIONS: usize = 1_000;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let mut table = Table::of_outcomes("publishers");
    for rate in [1_000.0, 100_000.0] {
        for threads in [1, 4] {
            let trial = Trial { threads, ..lab.clock(CONNECTIONS, Pace::Rate(rate)) };
            let name = format!("{threads} at {} msg/s", count(rate));
            let outcome = lab.run(&format!("publishers: {name}"), &trial)?;
            table.outcome(&name, &outcome);
        }
    }
    let text =
        "The rate is that of all publishers together. They share the server's core. Each one's events must arrive in \
                its order."
            .to_owned();
    Ok(Section { title: "Publisher threads".to_owned(), text, table, plots: Vec::new() })
}
