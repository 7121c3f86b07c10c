//! Where the log goes and how it looks.

use std::io::{self, IsTerminal};

use clap::ValueEnum;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::filter::LevelFilter;

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
    let (writer, guard) = tracing_appender::non_blocking(io::stderr());
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(debug)
        .with_writer(writer)
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    guard
}
