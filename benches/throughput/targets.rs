//! What is to be reached, and whether it was.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::table::{Table, count};

/// A figure to be reached. Ratios are to a baseline of the same run.
struct Target {
    group: &'static str,
    what: &'static str,
    /// The name under which scenarios leave the figure.
    finding: &'static str,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}
use Bound::{AtLeast, AtMost};

const TARGETS: &[Target] = &[
    target("fan-out", "share delivered of 100,000 msg/s to 1,000 connections", "fan-out share", AtLeast(0.99)),
    target("fan-out", "deliveries lost meanwhile", "fan-out lost", AtMost(0.0)),
    target("fan-out", "p99 meanwhile, ms", "fan-out p99 ms", AtMost(5.0)),
    target("fan-out", "saturated, to the bare shared buffer", "saturated ratio", AtLeast(0.8)),
    target("fan-out", "saturated in chunks, to the bare shared buffer in chunks", "chunks ratio", AtLeast(0.85)),
    target("light load", "p99 at 100 msg/s, to one bare pass over 1,000 sockets", "light p99 ratio", AtMost(1.3)),
    target("light load", "CPU per delivery, to a bare `send`", "light cpu ratio", AtMost(1.2)),
    target("memory", "bytes per idle connection on a shared channel", "bytes shared", AtMost(512.0)),
    target("memory", "bytes per idle connection with a namespace of its own", "bytes own", AtMost(1024.0)),
    target("subscribe", "new streams per second of a core", "streams per core second", AtLeast(25_000.0)),
    target("subscribe", "joining and leaving among 10⁶ siblings, to 10³", "subscribe ratio", AtMost(4.0)),
    target("publish", "events/s into the hub, one thread, one subscriber", "hub events/s", AtLeast(3e6)),
    target("publish", "events/s over HTTP in batches", "batch events/s", AtLeast(500_000.0)),
    target("publish", "ns to match depth 4 among 10³", "match small ns", AtMost(120.0)),
    target("publish", "ns to match depth 4 at random among 10⁶", "match large ns", AtMost(800.0)),
    target("replay", "bytes/s while 10,000 return, to the saturated shared fan-out", "storm ratio", AtLeast(0.5)),
    target("replay", "deliveries lost meanwhile", "storm lost", AtMost(0.0)),
    target("replay", "resident memory at most, to that at rest, warm or cold", "storm memory ratio", AtMost(1.1)),
    target(
        "fairness",
        "p99 of 1,000 quiet readers beside 5,000 peers that pipeline, to undisturbed",
        "fairness p99 ratio",
        AtMost(2.0),
    ),
    target("mixed", "deliveries/s, to 10,000 on the shared namespace alone", "mixed ratio", AtLeast(0.7)),
    target("history", "deliveries/s with ids and journal, to without", "history ratio", AtLeast(0.8)),
];

const fn target(group: &'static str, what: &'static str, finding: &'static str, bound: Bound) -> Target {
    Target { group, what, finding, bound }
}

/// A target beside what was found.
#[derive(Debug, Serialize)]
pub(crate) struct Verdict {
    group: &'static str,
    what: &'static str,
    bound: String,
    found: Option<f64>,
    reached: Option<bool>,
}

/// Holds the findings against the targets.
pub(crate) fn judge(findings: &BTreeMap<&'static str, f64>) -> Vec<Verdict> {
    let judge = |target: &Target| {
        let found = findings.get(target.finding).copied();
        let (bound, reached) = match target.bound {
            AtLeast(bound) => (format!("≥ {}", count(bound)), found.map(|found| found >= bound)),
            AtMost(bound) => (format!("≤ {}", count(bound)), found.map(|found| found <= bound)),
        };
        Verdict { group: target.group, what: target.what, bound, found, reached }
    };
    TARGETS.iter().map(judge).collect()
}

pub(crate) fn table(verdicts: &[Verdict]) -> Table {
    let mut table = Table::new(&["", "target", "bound", "found", ""]);
    for verdict in verdicts {
        let reached = match verdict.reached {
            Some(true) => "reached",
            Some(false) => "**not reached**",
            None => "not measured",
        };
        table.row(vec![
            verdict.group.to_owned(),
            verdict.what.to_owned(),
            verdict.bound.clone(),
            count(verdict.found.unwrap_or(f64::NAN)),
            reached.to_owned(),
        ]);
    }
    table
}
