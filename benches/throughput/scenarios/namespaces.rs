//! How cost grows with namespaces: the same readers and deliveries over more and more of them, down to one reader each,
//! where nothing is shared and each delivery is a `send` of its own. Then one reader each at several rates.

use crate::Result;
use crate::lab::Lab;
use crate::order::Pace;
use crate::outcome::Outcome;
use crate::plot::{Axis, Line, Plot, Scale};
use crate::readers::Readers;
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

const READERS: usize = 1_000;

/// Events a second on each namespace, where their number grows: each reader gets as many, however many there are.
const RATE_EACH: f64 = 100.0;

/// Data that has room for its time: stamped and unstamped frames are then alike, as pacing by bytes needs here.
const DATA_BYTES: usize = 40;

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let mut table = Table::of_outcomes("namespaces, events in all");
    let mut points = Vec::new();
    for &namespaces in lab.pick(&[1, READERS][..], &[1, 10, 100, READERS]) {
        let outcome = trial(lab, &mut table, namespaces, Pace::Rate(RATE_EACH * namespaces as f64))?;
        points.push((namespaces as f64, outcome));
    }
    // Twenty messages each on the way, when it goes as fast as they are read.
    let ahead = Pace::Ahead(20 * (READERS * (DATA_BYTES + 7)) as u64);
    let rates = lab.pick(&[10_000.0][..], &[1_000.0, 10_000.0]).iter().map(|&rate| Pace::Rate(rate));
    for pace in rates.chain([ahead]) {
        trial(lab, &mut table, READERS, pace)?;
    }
    let line = |name, figure: &dyn Fn(&Outcome) -> f64| {
        Line::new(name, points.iter().map(|(namespaces, outcome)| (*namespaces, figure(outcome))))
    };
    let plot = Plot {
        name: "namespaces",
        title: format!("{} readers that get {RATE_EACH} msg/s each", count(READERS as f64)),
        x: Axis { label: "namespaces that they are spread over", scale: Scale::Logarithmic },
        y: Axis { label: "µs", scale: Scale::Logarithmic },
        lines: vec![
            line("p50", &|outcome| outcome.micros(|latency| latency.p50)),
            line("p99", &|outcome| outcome.micros(|latency| latency.p99)),
            line("CPU per delivery", &|outcome| outcome.cpu_ns_per_delivery() / 1e3),
        ],
    };
    let text = format!(
        "{READERS} readers spread evenly over the namespaces, which are published to in turn. First each reader gets \
         {RATE_EACH} msg/s, and the namespaces grow in number; then each has one reader: what is sent is not shared."
    );
    Ok(Section { title: "Namespaces".to_owned(), text, table, plots: vec![plot] })
}

fn trial(lab: &mut Lab, table: &mut Table, namespaces: usize, pace: Pace) -> Result<Outcome> {
    let paths: Vec<String> = (0..namespaces).map(|index| format!("/users/{index}")).collect();
    let trial = Trial {
        readers: paths.iter().map(|path| Readers::keen(path, READERS / namespaces)).collect(),
        namespaces: paths,
        data_bytes: DATA_BYTES,
        ..lab.clock(READERS, pace)
    };
    let rate = match pace {
        Pace::Rate(rate) => format!("{} msg/s", count(rate)),
        Pace::Ahead(_) => "saturated".to_owned(),
    };
    let name = format!("{}, {rate}", count(namespaces as f64));
    let outcome = lab.run(&format!("namespaces: {name}"), &trial)?;
    table.outcome(&name, &outcome);
    Ok(outcome)
}
