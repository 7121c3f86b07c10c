//! Durable Streams: the server that crates.io has. It offers no library, so it is published to over HTTP.
//!
//! It runs with `--durability memory`: no other server here waits for a disk. A message is a line, and messages that
//! pile up are one event with a line of data each.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use crate::Result;
use crate::program::{Counting, Kind, Posting, Program};
use crate::workshop::Workshop;

const VERSION: &str = "0.1.5";

pub(super) fn make(workshop: &Workshop) -> Result<Program> {
    let file = workshop.folder.join("bin/durable-streams-server");
    let mut install = workshop.command("cargo", &["install", "durable-streams", "--version", VERSION]);
    install.args(["--locked", "--quiet", "--root"]).arg(&workshop.folder);
    install.arg("--target-dir").arg(workshop.folder.join("target"));
    workshop.run(install)?;
    let posting = Posting { launch, create: Some("/time"), publish: "/time", after: "\n" };
    Ok(Program {
        file,
        folder: workshop.folder.clone(),
        kind: Kind::Posted(posting),
        stream: "/time?offset=now&live=sse",
        counting: Counting::Lines,
    })
}

fn launch(program: &Path, folder: &Path, port: u16) -> Result<Command> {
    let data = folder.join("data");
    match fs::remove_dir_all(&data) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    // It ends with us, even if we are killed.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command.args(["--port", &port.to_string(), "--durability", "memory", "--data-dir"]).arg(data);
    Ok(command)
}
