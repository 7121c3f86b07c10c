//! How fast streams are opened.

use std::time::{Duration, Instant};

use sse_server::load::{Client, Reading};

use crate::Result;
use crate::child::Child;
use crate::lab::{Lab, median};
use crate::order::{Role, Settings};
use crate::report::Section;
use crate::spread::Spread;
use crate::table::{Table, count};

/// Connections under way at once: the server always finds some to accept.
const IN_FLIGHT: usize = 512;

/// Time in which some stream must be opened.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let streams = lab.pick(1_000, 15_000);
    let mut table = Table::new(&["streams on", "streams", "opened/s", "CPU µs each", "streams per second of a core"]);
    for spread in Spread::ALL {
        let mut rounds = Vec::new();
        for _ in 0..lab.pick(1, 3) {
            rounds.push(open(lab, streams, spread)?);
        }
        let rate = median(rounds.iter().map(|(seconds, _)| streams as f64 / seconds));
        let cpu = median(rounds.iter().map(|(_, cpu)| cpu / streams as f64));
        table.row(vec![
            spread.name().to_owned(),
            count(streams as f64),
            count(rate),
            count(cpu * 1e6),
            count(1.0 / cpu),
        ]);
        if spread == Spread::Shared {
            lab.findings.insert("streams per core second", 1.0 / cpu);
        }
    }
    let text = format!(
        "Connect, ask, read the head: {IN_FLIGHT} at a time from one client thread. What the client can do bounds the \
         rate; the server's own bound is its processor time."
    );
    Ok(Section { title: "Opening streams".to_owned(), text, table, plots: Vec::new() })
}

/// Opens streams at a new server; gives the seconds it took, and those that the server was busy.
fn open(lab: &Lab, streams: usize, spread: Spread) -> Result<(f64, f64)> {
    let child = Child::start(&lab.setup(Role::Server(Settings::default())))?;
    let targets = spread.targets(child.address, streams);
    let mut client = Client::new()?;
    let (start, cpu_before) = (Instant::now(), child.cpu()?);
    for target in &targets {
        client.connect(target, Reading::Bytes);
        client.await_opening(IN_FLIGHT, PATIENCE)?;
    }
    let opened = client.await_opening(0, PATIENCE)?;
    let seconds = start.elapsed().as_secs_f64();
    match client.first_failure() {
        None if !opened => Err("streams were not answered".into()),
        None => Ok((seconds, (child.cpu()? - cpu_before).as_secs_f64())),
        Some(failure) => Err(format!("a stream was not opened: {failure}").into()),
    }
}
