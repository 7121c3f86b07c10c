//! Readers on each level of a deep path.

use crate::Result;
use crate::lab::Lab;
use crate::order::Pace;
use crate::plot::{Axis, Line, Plot, Scale};
use crate::readers::Readers;
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

const LEVELS: [&str; 5] = ["/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/b/c/d/e"];
const CONNECTIONS: usize = 1_000;

/// As in `namespaces`: frames that are all alike.
const DATA_BYTES: usize = 40;

const RATE: f64 = 10_000.0;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let mut table = Table::of_outcomes("published to");
    let mut points = Vec::new();
    for depth in 1..=LEVELS.len() {
        let levels = &LEVELS[..depth];
        let readers = levels.iter().map(|level| Readers::keen(level, CONNECTIONS / depth)).collect();
        let trial = Trial {
            readers,
            namespaces: vec![levels[depth - 1].to_owned()],
            data_bytes: DATA_BYTES,
            ..lab.clock(CONNECTIONS, Pace::Rate(RATE))
        };
        let outcome = lab.run(&format!("{depth} levels"), &trial)?;
        table.outcome(levels[depth - 1], &outcome);
        points.push((depth as f64, outcome.cpu_ns_per_delivery()));
    }
    let trial = Trial {
        readers: LEVELS.iter().map(|level| Readers::keen(level, CONNECTIONS / LEVELS.len())).collect(),
        namespaces: LEVELS.iter().map(|&level| level.to_owned()).collect(),
        data_bytes: DATA_BYTES,
        ..lab.clock(CONNECTIONS, Pace::Rate(RATE))
    };
    let outcome = lab.run("every level in turn", &trial)?;
    table.outcome("every level in turn", &outcome);
    let plot = Plot {
        name: "hierarchy",
        title: format!("Cost of a delivery by depth, {} msg/s", count(RATE)),
        x: Axis { label: "levels with readers, and of the namespace published to", scale: Scale::Linear },
        y: Axis { label: "ns of processor time", scale: Scale::Linear },
        lines: vec![Line::new("CPU per delivery", points)],
    };
    let text = format!(
        "{CONNECTIONS} readers spread evenly over each level down to the namespace published to; at last over all levels, \
         each of which is published to in turn. {} msg/s in all.",
        count(RATE)
    );
    Ok(Section { title: "Hierarchy".to_owned(), text, table, plots: vec![plot] })
}
