//! One client's trial: what it hears as it is published, what it makes of odd data, of another server and of silence,
//! and what it has after its line was cut again and again.
//!
//! No clock decides: an event is *late* if the client doesn't hand it out until the next is published, and the next is
//! not published before. The times are figures for the table only.

use std::time::{Duration, SystemTime};

use fastrand::Rng;

use super::judge::{Due, Finding, Heard, Report, Tally};
use super::line::{Cut, End, Line};
use super::proxies::Proxy;
use super::upstream::Upstream;
use crate::process::{PATIENCE, Process};
use crate::server::Server;

/// Events that are waited for one by one.
const PROMPT: usize = 20;

/// How the server begins: it wants its clients back at once. It sends nothing of itself, which would push out what a
/// client holds back.
const SILENT: &[&str] = &["--workers", "2", "--retry", "50ms", "--keepalive", "0"];

/// How it goes on: it is never silent for long.
const TALKATIVE: &[&str] = &["--workers", "2", "--retry", "50ms", "--keepalive", "20ms"];

const KEEPALIVES: usize = 10;

const CUTS: usize = 12;

/// The first chunk's size and some bytes of what it holds: before that Firefox doesn't take a head for whole.
const LEAST_PIECE: usize = 8;

/// More events than this in one stream, and it carries nothing: each cut comes after far fewer bytes.
const MAX_BURST: usize = 1_000;

/// Both namespaces in one stream: two logs, whose order is one.
const TARGET: &str = "/subscribe?namespace=/pets&namespace=/time";

/// What clients that must name them listen to. The server's own is one of them.
pub(crate) const TYPES: [&str; 5] = ["message", "new-dog", "mark", "end", "gap"];

/// What a client program prints, line by line.
pub(crate) trait Lines {
    /// `None` if there is no more, or none in time.
    fn next_within(&mut self, patience: Duration) -> Option<String>;
}

impl Lines for Process {
    fn next_within(&mut self, patience: Duration) -> Option<String> {
        self.line_within(patience)
    }
}

/// What stands between the line and the server.
pub(crate) enum Way {
    Direct,
    /// A proxy, as this starts it.
    Through(fn(&Server) -> Option<Proxy>),
}

/// What is found and measured.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) findings: Vec<Finding>,
    pub(crate) late_median: Duration,
    pub(crate) late_max: Duration,
    pub(crate) empty_at_connect: usize,
    pub(crate) empty_in_silence: usize,
    pub(crate) cuts: usize,
    pub(crate) tally: Tally,
}

/// A client that goes on no more: the trial ends.
struct Over(Finding);

/// Runs the whole trial of the client that `start` starts at a URL. `None` if this machine lacks the client.
pub(crate) fn run(
    way: &Way,
    says_open: bool,
    seed: u64,
    start: impl FnOnce(&str) -> Option<Box<dyn Lines>>,
) -> Option<Outcome> {
    let server = Server::start_with(SILENT);
    let proxy = match way {
        Way::Direct => None,
        Way::Through(proxy) => Some(proxy(&server)?),
    };
    let upstream = match &proxy {
        None => Upstream::Tcp(server.address()),
        Some(proxy) => Upstream::Unix(proxy.path()),
    };
    let line = Line::to(upstream);
    let client = start(&line.url(TARGET))?;
    let outcome = Outcome::default();
    let mut trial = Trial { says_open, server, line, client, heard: Vec::new(), published: 0, outcome };
    if let Err(Over(finding)) = trial.steps(seed, proxy.is_none()) {
        trial.outcome.findings.push(finding);
    }
    trial.count_empty();
    Some(trial.outcome)
}

struct Trial {
    says_open: bool,
    server: Server,
    line: Line,
    client: Box<dyn Lines>,
    /// All that it has said.
    heard: Vec<Report>,
    published: usize,
    outcome: Outcome,
}

impl Trial {
    fn steps(&mut self, seed: u64, may_restart: bool) -> Result<(), Over> {
        self.arrive()?;
        self.hear_at_once()?;
        self.hear_exactly()?;
        // A proxy says 502 meanwhile, upon which EventSource gives up, as it should.
        if may_restart {
            self.meet_another_server()?;
            self.be_silent()?;
        }
        self.be_cut(&mut Rng::with_seed(seed))
    }

    fn arrive(&mut self) -> Result<(), Over> {
        self.line.wait(PATIENCE, |counts| counts.opened > 0).ok_or(Over(Finding::Unopened))?;
        if self.says_open {
            self.listen_until(|report| *report == Report::Open).ok_or(Over(Finding::Unopened))?;
        }
        Ok(())
    }

    fn hear_at_once(&mut self) -> Result<(), Over> {
        let mut late = Vec::new();
        for nth in 0..PROMPT {
            let published = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later than 1970");
            let due = self.publish("/pets/dogs", "new-dog", &format!("prompt {nth}"));
            let heard = self.listen_for(&due).ok_or(Over(Finding::HeldBack))?;
            late.push(Duration::from_nanos(heard.at).saturating_sub(published));
        }
        let first = self.heard.iter().position(|report| matches!(report, Report::Event(heard) if !heard.is_empty()));
        self.outcome.empty_at_connect = empty(&self.heard[..first.unwrap_or(self.heard.len())]);
        late.sort();
        self.outcome.late_median = late[late.len() / 2];
        self.outcome.late_max = late[late.len() - 1];
        Ok(())
    }

    fn hear_exactly(&mut self) -> Result<(), Over> {
        for (sample, data) in samples() {
            let from = self.heard.len();
            let mut due = self.publish("/pets/dogs", "new-dog", &data);
            // As a line ends on the wire, so it does for clients.
            due.data = data.replace("\r\n", "\n");
            let mark = self.publish("/time", "mark", sample);
            self.listen_for(&mark).ok_or(Over(Finding::Choked(sample)))?;
            let heard = events(&self.heard[from..]);
            if !matches!(&heard[..], [heard, _] if heard.is(&due)) {
                self.outcome.findings.push(Finding::Altered(sample));
            }
        }
        Ok(())
    }

    /// What was missed then nobody knows, and the client is told so.
    fn meet_another_server(&mut self) -> Result<(), Over> {
        let (from, before) = (self.heard.len(), self.line.counts().opened);
        self.server.replace_with(TALKATIVE);
        self.line.wait(PATIENCE, |counts| counts.opened > before).ok_or(Over(Finding::StayedAway))?;
        let due = self.publish("/pets/dogs", "new-dog", "Dauchsand");
        self.listen_for(&due).ok_or(Over(Finding::StayedAway))?;
        let told = |heard: &Heard| heard.kind == "gap" && heard.data.contains(r#""reason":"restarted""#);
        if !matches!(&events(&self.heard[from..])[..], [gap, _] if told(gap)) {
            self.outcome.findings.push(Finding::NoGap);
        }
        Ok(())
    }

    /// Nothing is published until keepalives have passed.
    fn be_silent(&mut self) -> Result<(), Over> {
        let (from, before) = (self.heard.len(), self.line.counts().keepalives);
        let passed = self.line.wait(PATIENCE, |counts| counts.keepalives >= before + KEEPALIVES);
        assert!(passed.is_some(), "the server sent no keepalives in {PATIENCE:?}");
        let mark = self.publish("/time", "mark", "after the silence");
        self.listen_for(&mark).ok_or(Over(Finding::HeldBack))?;
        self.outcome.empty_in_silence = empty(&self.heard[from..]);
        if self.outcome.empty_in_silence > 0 {
            self.outcome.findings.push(Finding::EmptyPerKeepalive);
        }
        Ok(())
    }

    fn be_cut(&mut self, random: &mut Rng) -> Result<(), Over> {
        let from = self.heard.len();
        self.line.cut((0..CUTS).map(|_| random_cut(random)));
        let mut due = Vec::new();
        let came = self.publish_through_cuts(random, &mut due).and_then(|()| {
            let end = self.publish("/pets", "end", "of the cuts");
            due.push(end.clone());
            self.listen_for(&end).ok_or(Over(Finding::StayedAway))
        });
        self.outcome.cuts = self.line.counts().cut;
        self.outcome.tally = Tally::of(&due, &events(&self.heard[from..]));
        // What a client that stays away loses says nothing.
        came?;
        self.outcome.findings.extend(self.outcome.tally.findings());
        Ok(())
    }

    fn publish_through_cuts(&mut self, random: &mut Rng, due: &mut Vec<Due>) -> Result<(), Over> {
        let stayed_away = || Over(Finding::StayedAway);
        for nth in 1..=CUTS {
            let mut burst = 0;
            while self.line.counts().held == 0 {
                // The first of them is published while it is away.
                due.push(self.publish_any(random));
                burst += 1;
                assert!(burst < MAX_BURST, "the line carries nothing: {:?}", self.line.counts());
                self.line.wait(PATIENCE, |counts| counts.is_live()).ok_or_else(stayed_away)?;
            }
            // Before it has read a head a browser would take the cut for an answer. The first stream's is read by now.
            if nth > 1 && self.says_open {
                self.listen_until(|report| *report == Report::Open).ok_or_else(stayed_away)?;
            }
            self.line.give_leave();
            self.line.wait(PATIENCE, |counts| counts.cut == nth).ok_or_else(stayed_away)?;
        }
        self.line.wait(PATIENCE, |counts| counts.is_live()).ok_or_else(stayed_away)?;
        Ok(())
    }

    /// Clients that make something of every block do so once for each stream, and no more.
    fn count_empty(&mut self) {
        let (first, silence) = (self.outcome.empty_at_connect, self.outcome.empty_in_silence);
        let many = silence == 0 && empty(&self.heard) > self.line.counts().opened;
        if first > 1 || many {
            self.outcome.findings.push(Finding::ManyEmptyPerConnect);
        }
    }

    fn publish(&mut self, namespace: &str, kind: &'static str, data: &str) -> Due {
        let name = if kind == "message" { "" } else { kind };
        let id = self.server.publish(namespace, name, data);
        self.published += 1;
        Due { id, kind, data: data.into() }
    }

    /// An event that is like no other.
    fn publish_any(&mut self, random: &mut Rng) -> Due {
        let data = format!("{}\n{}", self.published, "x".repeat(random.usize(1..400)));
        match random.u8(..4) {
            0 => {
                // Nobody is to hear it.
                self.publish("/petshop", "new-dog", "a stranger");
                self.publish_any(random)
            }
            1 => self.publish("/pets/dogs", "new-dog", &data),
            2 => self.publish("/pets/cats", "message", &data),
            _ => self.publish("/time", "message", &data),
        }
    }

    fn listen_for(&mut self, due: &Due) -> Option<Heard> {
        let found = self.listen_until(|report| matches!(report, Report::Event(heard) if heard.is(due)))?;
        let Report::Event(heard) = found else { unreachable!("it is an event") };
        Some(heard)
    }

    fn listen_until(&mut self, wanted: impl Fn(&Report) -> bool) -> Option<Report> {
        loop {
            let line = self.client.next_within(PATIENCE)?;
            // Programs may say other things, too, such as warnings.
            let Some(report) = Report::parse(&line) else { continue };
            self.heard.push(report.clone());
            if wanted(&report) {
                return Some(report);
            }
        }
    }
}

fn events(reports: &[Report]) -> Vec<Heard> {
    let event = |report: &Report| match report {
        Report::Event(heard) if !heard.is_empty() => Some(heard.clone()),
        _ => None,
    };
    reports.iter().filter_map(event).collect()
}

fn empty(reports: &[Report]) -> usize {
    reports.iter().filter(|report| matches!(report, Report::Event(heard) if heard.is_empty())).count()
}

/// Half of them within the first block or soon after it, where clients keep an id or don't.
fn random_cut(random: &mut Rng) -> Cut {
    let most = if random.bool() { 120 } else { 4_000 };
    let after_bytes = random.usize(LEAST_PIECE..most);
    Cut { after_bytes, end: if random.bool() { End::Fin } else { End::Reset } }
}

/// Data that clients have been seen to alter, and its name.
fn samples() -> Vec<(&'static str, String)> {
    vec![
        ("leading spaces", "  two".into()),
        ("several lines", "one\ntwo\r\n\nfour".into()),
        ("a trailing newline", "one\n".into()),
        ("UTF-8", r#"{"größe": "🐕"}"#.into()),
        ("U+2028, U+0085, VT", "a\u{2028}b\u{85}c\u{b}d".into()),
        ("NUL", "a\0b".into()),
        ("a byte order mark", "\u{feff}a".into()),
        ("no data", String::new()),
        ("a line of 200 KB", "long ".repeat(40_000)),
    ]
}
