//! Tables in Markdown.

use std::fmt;

use crate::outcome::Outcome;

#[derive(Debug, Default)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// What is said of every trial after its name.
const OUTCOME: &[&str] = &[
    "connections",
    "offered msg/s",
    "delivered/s",
    "MB/s",
    "lost",
    "p50 µs",
    "p99 µs",
    "p99.9 µs",
    "CPU ns/delivery",
    "core busy",
    "client busy",
];

impl Table {
    pub(crate) fn new(head: &[&str]) -> Table {
        Table { head: head.iter().map(|&name| name.to_owned()).collect(), rows: Vec::new() }
    }

    /// For trials, named by their first column.
    pub(crate) fn of_outcomes(first: &str) -> Table {
        Table::new(&[&[first], OUTCOME].concat())
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.head.len(), "a cell for each column");
        self.rows.push(cells);
    }

    pub(crate) fn outcome(&mut self, name: &str, outcome: &Outcome) {
        self.row(vec![
            name.to_owned(),
            count(outcome.connections as f64),
            outcome.offered.map_or("as read".to_owned(), count),
            count(outcome.deliveries_per_second()),
            count(outcome.bytes as f64 / outcome.seconds / 1e6),
            count(outcome.lost as f64),
            count(outcome.micros(|latency| latency.p50)),
            count(outcome.micros(|latency| latency.p99)),
            count(outcome.micros(|latency| latency.p999)),
            count(outcome.cpu_ns_per_delivery()),
            percent(outcome.cpu_share()),
            percent(outcome.client_cpu_share()),
        ]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} |", self.head.join(" | "))?;
        writeln!(f, "|---|{}", "--:|".repeat(self.head.len() - 1))?;
        for row in &self.rows {
            writeln!(f, "| {} |", row.join(" | "))?;
        }
        Ok(())
    }
}

/// A number to three digits or more: `0.123`, `12.3`, `1,234`; from a million on `1.23 M`.
pub(crate) fn count(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value.abs() >= 1e6 {
        return format!("{} M", with_digits(value / 1e6));
    }
    if value.fract() == 0.0 || value.abs() >= 100.0 { grouped(value.round()) } else { with_digits(value) }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn with_digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => grouped(value.round()),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 { format!("-{text}") } else { text }
}
