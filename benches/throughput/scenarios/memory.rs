//! What idle connections hold.

use std::time::{Duration, Instant};

use sse_server::load::{Client, Reading};

use crate::Result;
use crate::child::Child;
use crate::lab::Lab;
use crate::order::{Role, Settings};
use crate::plot::{Axis, Line, Plot, Scale};
use crate::report::Section;
use crate::spread::Spread;
use crate::table::{Table, count};

/// The server gives back what it no longer needs once a second.
const SETTLING: Duration = Duration::from_millis(1_500);

/// Connections under way at once while they are opened.
const IN_FLIGHT: usize = 256;

/// Time in which some stream must be opened.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let steps: [usize; 3] = lab.pick([0, 500, 2_000], [0, 5_000, 15_000]);
    let head: Vec<String> = steps.iter().map(|step| format!("KiB at {}", count(*step as f64))).collect();
    let mut table = Table::new(&["connections on", &head[0], &head[1], &head[2], "bytes each"]);
    let mut lines = Vec::new();
    for (spread, finding) in Spread::ALL.into_iter().zip(["bytes shared", "bytes own"]) {
        let sizes = measure(lab, &steps, spread)?;
        let each = (sizes[2] as f64 - sizes[0] as f64) / (steps[2] - steps[0]) as f64;
        let kibibytes = |bytes: u64| count((bytes >> 10) as f64);
        table.row(vec![
            spread.name().to_owned(),
            kibibytes(sizes[0]),
            kibibytes(sizes[1]),
            kibibytes(sizes[2]),
            count(each),
        ]);
        lab.findings.insert(finding, each);
        let points = steps.iter().zip(&sizes).map(|(&step, &size)| (step as f64, size as f64 / 1024.0));
        lines.push(Line::new(spread.name(), points));
    }
    let plot = Plot {
        name: "memory",
        title: "Resident memory of the server".to_owned(),
        x: Axis { label: "idle connections", scale: Scale::Linear },
        y: Axis { label: "KiB", scale: Scale::Linear },
        lines,
    };
    let text =
        "Resident memory (`VmRSS`) of the server process; what the kernel holds for sockets is not in it.".to_owned();
    Ok(Section { title: "Memory".to_owned(), text, table, plots: vec![plot] })
}

/// The server's memory at each number of connections.
fn measure(lab: &Lab, steps: &[usize; 3], spread: Spread) -> Result<[u64; 3]> {
    let child = Child::start(&lab.setup(Role::Server(Settings::default())))?;
    let targets = spread.targets(child.address, steps[2]);
    let mut client = Client::new()?;
    let settling = lab.pick(SETTLING / 5, SETTLING);
    let mut sizes = [0; 3];
    let mut opened = 0;
    for (size, &step) in sizes.iter_mut().zip(steps) {
        for target in &targets[opened..step] {
            client.connect(target, Reading::Bytes);
            client.await_opening(IN_FLIGHT, PATIENCE)?;
        }
        client.await_opening(0, PATIENCE)?;
        opened = step;
        let start = Instant::now();
        while start.elapsed() < settling {
            client.turn(Duration::from_millis(10))?;
        }
        if client.counts().opened != step {
            return Err(format!("{} of {step} streams are open", client.counts().opened).into());
        }
        *size = child.resident_bytes()?;
    }
    Ok(sizes)
}
