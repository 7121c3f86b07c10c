//! The `sse-server` command.

use std::process::ExitCode;

use clap::Parser;
use sse_server::{BindError, Server};

use crate::args::{Args, Command};

mod args;
mod legible;
mod load_command;
mod logging;
mod signals;
mod size;

fn main() -> ExitCode {
    let args = Args::parse();
    if let Some(Command::Bench(load)) = args.command {
        return load.run();
    }
    let _log = logging::start(args.log_format, args.debug);
    let drain = args.drain;
    let server = match Server::bind(args.into()) {
        Ok(server) => server,
        Err(BindError::Config(error)) => args::exit_naming_the_flag(&error),
        Err(error) => return failure(&error),
    };
    if let Err(error) = signals::drain_on_signal(server.control(), drain) {
        return failure(&error);
    }
    match server.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    }
}

fn failure(error: &dyn std::error::Error) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}
