//! A crowd that has lost its connections, and comes back at once.
//!
//! ```text
//!   come ─▶ events, read by all ─▶ still: memory, latency ─▶ gone ─▶ back, owed those events ─▶ gone ─▶ back, owed nothing
//!                                      before                         the storm                         what coming costs
//! ```
//!
//! The crowd reads the events once before it is owed them, so that the server holds the same before and during the storm:
//! as many connections, the same logs, the same journal. What its memory is held against is that.

use std::thread;
use std::time::Duration;

use sse_server::load::now_ns;

use crate::Result;
use crate::calm::Calm;
use crate::child::Child;
use crate::crowd::{Crowd, Haul};
use crate::lab::{CLOCK_BYTES, Lab, median, saturated};
use crate::order::{Order, Pace, Plan, Published, Role, Settings};
use crate::outcome::{Latency, Outcome};
use crate::report::Section;
use crate::table::{Table, count};
use crate::trial::Trial;

/// The server's default for `--history-bytes`.
const HISTORY_BYTES: usize = 32 << 20;

/// Events that each is owed, and how fast they are published first.
const EVENTS: f64 = 1_000.0;
const RATE: f64 = 20_000.0;

const NAMESPACE: &str = "/storm/here";

/// A pattern that covers it, and has no channel.
const ANOTHER: &str = "/storm/*";

/// Readers on a namespace that has nothing to do with it. What they get takes the server half of its core (a `send` of
/// some 5 µs for each of 100,000 deliveries a second): so they are there in storms of their own, for what they notice.
const CALM: usize = 1_000;

/// Until the server has seen that a crowd has gone.
const AWAY: Duration = Duration::from_millis(300);

/// A kind of storm.
#[derive(Clone, Copy)]
struct Kind {
    name: &'static str,
    data_bytes: usize,
    /// What the crowd asks for when it comes back.
    asks_for: &'static str,
    has_others: bool,
}

/// Data of a clock's size, where coming back costs more than what is owed; and of a size where it doesn't.
const KINDS: [Kind; 6] = [
    Kind { name: "warm, 16 B", data_bytes: CLOCK_BYTES, asks_for: NAMESPACE, has_others: false },
    Kind { name: "cold, 16 B", data_bytes: CLOCK_BYTES, asks_for: ANOTHER, has_others: false },
    Kind { name: "warm, 1 KiB", data_bytes: 1 << 10, asks_for: NAMESPACE, has_others: false },
    Kind { name: "cold, 1 KiB", data_bytes: 1 << 10, asks_for: ANOTHER, has_others: false },
    Kind { name: "warm, 1 KiB, among others", data_bytes: 1 << 10, asks_for: NAMESPACE, has_others: true },
    Kind { name: "cold, 1 KiB, among others", data_bytes: 1 << 10, asks_for: ANOTHER, has_others: true },
];

/// The kind that the target for bytes a second is about. Losses and memory are those of all.
const JUDGED: usize = 2;

/// What came of one storm.
struct Storm {
    haul: Haul,
    /// Until all streams were open; and how long that takes when nothing is owed.
    opening: Duration,
    opening_idle: Duration,
    lost: u64,
    resident_before: u64,
    resident_most: u64,
    calm_before: Option<Latency>,
    calm_during: Option<Latency>,
    /// The server's processor time.
    cpu: Duration,
}

pub(crate) fn run(lab: &mut Lab) -> Result<Section> {
    let connections = lab.pick(500, 10_000);
    let mut table = Table::new(&[
        "logs, data",
        "all caught up, s",
        "of which all open, s",
        "open when owed nothing, s",
        "MB/s",
        "of saturated",
        "less opening",
        "lost",
        "MiB before",
        "MiB at most",
        "p99 µs of others before",
        "meanwhile",
    ]);
    let (mut lost, mut memory_ratio) = (0, 0.0);
    for (index, kind) in KINDS.into_iter().enumerate() {
        let mut storms = Vec::new();
        for _ in 0..lab.pick(1, 3) {
            let full = lab.run("saturated", &fan_out(lab, kind.data_bytes))?;
            let storm = measure(lab, kind, connections)?;
            storm.tell(kind.name, lab, &full);
            lost += storm.lost;
            storms.push((storm, full));
        }
        if index == JUDGED {
            let ratio = median(storms.iter().map(|(storm, full)| storm.ratio(full)));
            lab.findings.insert("storm ratio", ratio);
        }
        memory_ratio = median(storms.iter().map(|(storm, _)| storm.memory_ratio())).max(memory_ratio);
        table.row(cells(kind.name, &storms));
    }
    lab.findings.extend([("storm lost", lost as f64), ("storm memory ratio", memory_ratio)]);
    let text = format!(
        "{} clients lose their connections and come back at once, each owed {EVENTS} events; *among others*: while \
         {} readers of another namespace get 100 msg/s of {CLOCK_BYTES} bytes. *Warm*: they ask for the channel that they were \
         on. *Cold*: for a pattern that covers it and has no channel, so that all comes from the journal. Medians of three; all times are from the first client's coming. \
         MB/s: what was owed, by the time until all have caught up; *of saturated*: beside {} connections that are sent as \
         much as they read, in the same round, and *less opening*: the same without the time that coming takes those who are \
         owed nothing. Memory before: the same connections open, the same events sent to them and kept.",
        count(connections as f64),
        count(lab.pick(CALM / 10, CALM) as f64),
        count(FAN_OUT as f64),
    );
    Ok(Section { title: "A crowd comes back".to_owned(), text, table, plots: Vec::new() })
}

/// Connections of the run that storms are held against.
const FAN_OUT: usize = 1_000;

/// As many as targets for fan-out are about, saturated, with the storm's data.
fn fan_out(lab: &Lab, data_bytes: usize) -> Trial {
    Trial { data_bytes, ..lab.clock(FAN_OUT, saturated(data_bytes)) }
}

fn measure(lab: &Lab, kind: Kind, connections: usize) -> Result<Storm> {
    let settings = Settings { history_bytes: HISTORY_BYTES, ..Settings::default() };
    let mut child = Child::start(&lab.setup(Role::Server(settings)))?;
    let mut crowd = Crowd::come(&child, &format!("/subscribe{NAMESPACE}"), connections)?;
    let others = if kind.has_others { lab.pick(CALM / 10, CALM) } else { 0 };
    let calm = Calm::begin(&mut child, others, CLOCK_BYTES)?;
    let published = publish(&mut child, &mut crowd, kind)?;
    let owed_bytes = published.bytes[0];
    let live = crowd.read(owed_bytes + child.opening_bytes, published.events)?;

    // The server gives back what it no longer needs once a second.
    thread::sleep(lab.pick(Duration::from_millis(200), Duration::from_millis(1_500)));
    calm.window()?;
    thread::sleep(lab.pick(Duration::from_millis(200), Duration::from_secs(2)));
    let calm_before = calm.window()?;
    let resident_before = child.resident_bytes()?;
    child.forget_peak()?;

    drop(crowd);
    thread::sleep(AWAY);
    calm.window()?;
    let cpu_before = child.cpu()?;
    let owed_after = published.owed_after.ok_or("no event was published")?;
    let path = format!("/subscribe{}?last_event_id={owed_after}", kind.asks_for);
    let mut crowd = Crowd::come(&child, &path, connections)?;
    // It is told the id that it asks for.
    let opening_bytes = "id:".len() + owed_after.len() + "\n\n".len();
    let haul = crowd.read(owed_bytes + opening_bytes as u64, published.events)?;
    let cpu = child.cpu()? - cpu_before;
    let calm_during = calm.window()?;
    let resident_most = child.peak_bytes()?;
    let opening = crowd.opening;

    drop(crowd);
    thread::sleep(AWAY);
    let opening_idle = Crowd::come(&child, &format!("/subscribe{}", kind.asks_for), connections)?.opening;
    let calm_lost = calm.finish(&mut child)?;
    let frame_bytes = owed_bytes / published.events;
    let lost = [&live, &haul].map(|haul| haul.wrong_bytes.div_ceil(frame_bytes).max(haul.wrong_events));
    Ok(Storm {
        haul,
        opening,
        opening_idle,
        lost: lost.iter().sum::<u64>() + calm_lost,
        resident_before,
        resident_most,
        calm_before,
        calm_during,
        cpu,
    })
}

/// Publishes what will be owed, while the crowd reads.
fn publish(child: &mut Child, crowd: &mut Crowd, kind: Kind) -> Result<Published> {
    let plan = Plan {
        namespaces: vec![NAMESPACE.to_owned()],
        data_bytes: kind.data_bytes,
        threads: 1,
        pace: Pace::Rate(RATE),
        start_ns: now_ns(),
        length_ns: (EVENTS / RATE * 1e9) as u64,
    };
    child.order(&Order::Publish(plan))?;
    let published = loop {
        crowd.turn()?;
        if let Some(published) = child.published()? {
            break published;
        }
    };
    if published.events != EVENTS as u64 {
        return Err(format!("{} of {EVENTS} events were published", published.events).into());
    }
    Ok(published)
}

impl Storm {
    fn bytes_per_second(&self) -> f64 {
        self.haul.bytes as f64 / self.haul.time.as_secs_f64()
    }

    /// Beside a saturated fan-out.
    fn ratio(&self, full: &Outcome) -> f64 {
        self.bytes_per_second() / (full.bytes as f64 / full.seconds)
    }

    /// The same, without the time that opening the connections takes anyway.
    fn ratio_less_opening(&self, full: &Outcome) -> f64 {
        let time = self.haul.time.saturating_sub(self.opening_idle).as_secs_f64();
        self.haul.bytes as f64 / time / (full.bytes as f64 / full.seconds)
    }

    fn memory_ratio(&self) -> f64 {
        self.resident_most as f64 / self.resident_before as f64
    }

    /// Tells whoever watches, and the report.
    fn tell(&self, name: &str, lab: &mut Lab, full: &Outcome) {
        let micros = |latency: &Option<Latency>| latency.map_or(f64::NAN, |latency| latency.p99 as f64 / 1e3);
        let figures = serde_json::json!({
            "bytes": self.haul.bytes,
            "seconds": self.haul.time.as_secs_f64(),
            "opening_seconds": self.opening.as_secs_f64(),
            "opening_seconds_owed_nothing": self.opening_idle.as_secs_f64(),
            "cpu_seconds": self.cpu.as_secs_f64(),
            "ratio": self.ratio(full),
            "ratio_less_opening": self.ratio_less_opening(full),
            "lost": self.lost,
            "resident_bytes_before": self.resident_before,
            "resident_bytes_at_most": self.resident_most,
            "others_p99_us_before": micros(&self.calm_before),
            "others_p99_us_meanwhile": micros(&self.calm_during),
        });
        eprintln!("  {name}: {figures}");
        lab.report.keep_figures(&format!("storm, {name}"), &figures);
        lab.report.lose(self.lost);
    }
}

/// Medians.
fn cells(name: &str, storms: &[(Storm, Outcome)]) -> Vec<String> {
    let figure = |figure: &dyn Fn(&Storm, &Outcome) -> f64| {
        count(median(storms.iter().map(|(storm, full)| figure(storm, full))))
    };
    let micros = |latency: Option<Latency>| latency.map_or(f64::NAN, |latency| latency.p99 as f64 / 1e3);
    let mebibytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    vec![
        name.to_owned(),
        figure(&|storm, _| storm.haul.time.as_secs_f64()),
        figure(&|storm, _| storm.opening.as_secs_f64()),
        figure(&|storm, _| storm.opening_idle.as_secs_f64()),
        figure(&|storm, _| storm.bytes_per_second() / 1e6),
        figure(&|storm, full| storm.ratio(full)),
        figure(&|storm, full| storm.ratio_less_opening(full)),
        count(storms.iter().map(|(storm, _)| storm.lost as f64).sum()),
        figure(&|storm, _| mebibytes(storm.resident_before)),
        figure(&|storm, _| mebibytes(storm.resident_most)),
        figure(&|storm, _| micros(storm.calm_before)),
        figure(&|storm, _| micros(storm.calm_during)),
    ]
}
