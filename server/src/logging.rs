//! Where the log goes and how it looks.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;

use crate::legible::{LegibleWriter, Notation};

/// Lines that may wait to be written: some tenths of a second of new streams. Their places are resident from the start.
const QUEUED_LINES: usize = 8192;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Logs to standard error from here on; dropping the guard writes what is pending.
///
/// A thread of its own writes. A terminal that is paused or a collector that has died must not stop an event loop, so
/// lines that find its queue full are dropped, and errors of writing are nobody's.
pub(crate) fn start(format: LogFormat, debug: bool) -> WorkerGuard {
    let level = if debug { LevelFilter::DEBUG } else { LevelFilter::INFO };
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(QUEUED_LINES).finish(io::stderr());
    let colours = io::stderr().is_terminal();
    let notation = match format {
        LogFormat::Text => Notation::Text { colours },
        LogFormat::Json => Notation::Json,
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(debug)
        .with_writer(move || LegibleWriter { inner: writer.clone(), notation })
        .log_internal_errors(false)
        .with_ansi(colours);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    guard
}
