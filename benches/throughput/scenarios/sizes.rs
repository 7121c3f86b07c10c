//! How cost grows with the size of messages.

use crate::Result;
use crate::lab::{Lab, saturated};
use crate::plot::{Axis, Line, Plot, Scale};
use crate::report::Section;
use crate::table::Table;
use crate::trial::Trial;

const CONNECTIONS: usize = 1_000;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let sizes: &[usize] = lab.pick(&[16, 65_536], &[16, 64, 256, 1_024, 4_096, 16_384, 65_536]);
    let mut table = Table::of_outcomes("data");
    let mut points = Vec::new();
    for &data_bytes in sizes {
        let name = format!("{data_bytes} B");
        let trial = Trial { data_bytes, ..lab.clock(CONNECTIONS, saturated(data_bytes)) };
        let outcome = lab.run(&name, &trial)?;
        table.outcome(&name, &outcome);
        points.push((data_bytes as f64, outcome));
    }
    let cost = Plot {
        name: "sizes",
        title: format!("Cost of a delivery, {CONNECTIONS} connections, saturated"),
        x: Axis { label: "bytes of data", scale: Scale::Logarithmic },
        y: Axis { label: "ns of processor time", scale: Scale::Logarithmic },
        lines: vec![
            Line::new("per delivery", points.iter().map(|(size, outcome)| (*size, outcome.cpu_ns_per_delivery()))),
            Line::new(
                "per KiB",
                points
                    .iter()
                    .map(|(size, outcome)| (*size, outcome.cpu_seconds * 1e9 / (outcome.bytes as f64 / 1024.0))),
            ),
        ],
    };
    let text = format!("{CONNECTIONS} connections on one namespace, as fast as they read.");
    Ok(Section { title: "Sizes".to_owned(), text, table, plots: vec![cost] })
}
