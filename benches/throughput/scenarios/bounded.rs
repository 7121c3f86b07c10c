//! Memory under an hour's traffic, while readers stand still: it must stay where the history's bound puts it.
//!
//! Nobody is cut off for falling behind, which would only help: readers that stand still stay until the server's patience
//! with a silent socket ends, and come back. Those on the one busy channel ask for all that there is of the past.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::Result;
use crate::child::Child;
use crate::lab::Lab;
use crate::order::{Pace, Role, Settings};
use crate::outcome::Outcome;
use crate::plot::{Axis, Line, Plot, Scale};
use crate::readers::Readers;
use crate::report::Section;
use crate::stopped::Stopped;
use crate::table::{Table, count};
use crate::trial::Trial;

const HISTORY_BYTES: usize = 24 << 20;

/// What the traffic is like: an hour of it, at this rate.
const HOUR_RATE: f64 = 1_000.0;
const HOUR: Duration = Duration::from_secs(3_600);

/// How fast it is made to pass: an hour in two minutes. So the server bears it, too, where each event is a `send` of its
/// own.
const RATE: f64 = 30.0 * HOUR_RATE;

/// Large, so that even a quiet channel's readers get stuck with their sockets full. Not larger: a keen reader that is kept
/// from reading for as long as the history reaches back (a second and a half) loses events.
const DATA_BYTES: usize = 500;

/// Beside those who stand still, on one channel or on as many: they prove that nothing is lost.
const KEEN: [usize; 2] = [4, 100];

const SAMPLE_PERIOD: Duration = Duration::from_millis(100);

/// Where events are published, and who stands still there.
struct Crowd {
    name: String,
    keen: Vec<Readers>,
    namespaces: Vec<String>,
    /// One path for each of those who stand still.
    stopped: Vec<String>,
    /// How long they stay: until their sockets are full (some 40 kB), and the server has waited in vain for another 10 s.
    stay: Duration,
}

/// What became of the server's memory.
struct Course {
    outcome: Outcome,
    returned: u64,
    before: u64,
    /// Share of the run, and bytes.
    samples: Vec<(f64, u64)>,
    greatest: u64,
}

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let (busy, quiet) = lab.pick((50, 500), (1_000, 9_900));
    let crowds = [
        Crowd {
            name: format!("{} on one busy channel", count(busy as f64)),
            keen: vec![Readers::keen("/busy", KEEN[0])],
            namespaces: vec!["/busy".to_owned()],
            stopped: vec!["/subscribe/busy?last_event_id=0-0".to_owned(); busy],
            stay: Duration::from_secs(11),
        },
        Crowd {
            name: format!("one each on {} quiet channels", count(quiet as f64)),
            keen: (0..KEEN[1]).map(|index| Readers::keen(&format!("/users/{index}"), 1)).collect(),
            namespaces: (0..quiet).map(|index| format!("/users/{index}")).collect(),
            stopped: (0..quiet).map(|index| format!("/subscribe/users/{index}")).collect(),
            stay: Duration::from_secs(40),
        },
    ];
    let head = ["stopped readers", "events", "s", "lost", "came back"];
    let memory = ["MiB before", "MiB at 10 %", "MiB at 50 %", "MiB at 100 %", "MiB at most"];
    let mut table = Table::new(&[&head[..], &memory].concat());
    let mut lines = Vec::new();
    for crowd in crowds {
        let course = measure(lab, &crowd)?;
        lab.note(&crowd.name, &course.outcome);
        lab.report.keep_figures(&format!("resident memory, {}", crowd.name), &json!(course.samples));
        table.row(course.cells(&crowd.name));
        let minutes = |share: f64| share * HOUR.as_secs_f64() / 60.0;
        let points = course.samples.iter().map(|&(share, bytes)| (minutes(share), mebibytes(bytes)));
        lines.push(Line::new(&crowd.name, points));
    }
    let plot = Plot {
        name: "bounded",
        title: format!("Resident memory with {} MiB of history and stopped readers", HISTORY_BYTES >> 20),
        x: Axis { label: "minutes of traffic", scale: Scale::Linear },
        y: Axis { label: "MiB", scale: Scale::Linear },
        lines,
    };
    let text = format!(
        "An hour's traffic at {} msg/s, {DATA_BYTES} bytes of data each, made to pass in two minutes; {} MiB of history. Beside \
         those who stand still, {} readers of the busy channel and {} of quiet ones get all that is theirs. Who stands still \
         is never cut off for falling behind, but when its socket has taken nothing for 10 s, and comes back; those on the busy \
         channel ask for all of the past each time. Percentages are of the run; *at most* is the kernel's own count.",
        count(HOUR_RATE),
        HISTORY_BYTES >> 20,
        KEEN[0],
        KEEN[1],
    );
    Ok(Section { title: "Bounded memory".to_owned(), text, table, plots: vec![plot] })
}

fn measure(lab: &Lab, crowd: &Crowd) -> Result<Course> {
    let settings = Settings { history_bytes: HISTORY_BYTES, ..Settings::default() };
    let trial = Trial {
        role: Role::Server(settings),
        readers: crowd.keen.clone(),
        namespaces: crowd.namespaces.clone(),
        data_bytes: DATA_BYTES,
        length: lab.pick(Duration::from_secs(1), HOUR.mul_f64(HOUR_RATE / RATE)),
        ..lab.clock(0, Pace::Rate(RATE))
    };
    let child = Child::start(&lab.setup(trial.role.clone()))?;
    let mut stopped = Stopped::open(child.address, &crowd.stopped, crowd.stay)?;
    let before = child.resident_bytes()?;
    child.forget_peak()?;
    let (start, mut sampled, mut sizes) = (Instant::now(), Instant::now(), Vec::new());
    let (outcome, child) = trial.run_watched(child, &mut |child| {
        stopped.turn()?;
        if sampled.elapsed() >= SAMPLE_PERIOD {
            sampled = Instant::now();
            sizes.push((start.elapsed().as_secs_f64(), child.resident_bytes()?));
        }
        Ok(())
    })?;
    sizes.push((start.elapsed().as_secs_f64(), child.resident_bytes()?));
    let whole = sizes.last().map_or(1.0, |&(seconds, _)| seconds);
    let samples = sizes.into_iter().map(|(seconds, bytes)| (seconds / whole, bytes)).collect();
    Ok(Course { outcome, returned: stopped.returned(), before, samples, greatest: child.peak_bytes()? })
}

impl Course {
    fn cells(&self, name: &str) -> Vec<String> {
        let at = |share| {
            let sample = self.samples.iter().find(|sample| sample.0 >= share);
            sample.map_or("–".to_owned(), |&(_, bytes)| count(mebibytes(bytes)))
        };
        let outcome = &self.outcome;
        let counts = [outcome.events as f64, outcome.seconds, outcome.lost as f64, self.returned as f64];
        let mut cells = vec![name.to_owned()];
        cells.extend(counts.map(count));
        cells.push(count(mebibytes(self.before)));
        cells.extend([0.1, 0.5, 1.0].map(at));
        cells.push(count(mebibytes(self.greatest)));
        cells
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
