//! The two Go modules, by the Go module proxy. They have one interface, and get one main.

use crate::Result;
use crate::program::{Counting, Kind, Program};
use crate::workshop::Workshop;

const MAIN: &str = include_str!("../foreign/sseserver.go");

/// What the main calls the module, of which it doesn't know which it is.
const PLACEHOLDER: &str = "example.org/peer";

/// Its last release has no `go.mod`: what it needs is named here, with the versions it says later. Of `go.zipexe` it
/// takes a newer one, since the older crashes on what today's linker makes.
pub(super) fn mroth(workshop: &Workshop) -> Result<Program> {
    let needs = [
        "github.com/mroth/sseserver v1.1.0",
        "github.com/GeertJohan/go.rice v1.0.0",
        "github.com/azer/debug v0.0.0-20141116004914-4769e572857f",
        "github.com/azer/go-style v0.0.0-20130627093536-14e31c5abbe5",
        "github.com/daaku/go.zipexe v1.0.2",
    ];
    make(workshop, "github.com/mroth/sseserver", &needs)
}

pub(super) fn xinjiayu(workshop: &Workshop) -> Result<Program> {
    make(workshop, "github.com/xinjiayu/sse", &["github.com/xinjiayu/sse v1.0.1"])
}

fn make(workshop: &Workshop, module: &str, needs: &[&str]) -> Result<Program> {
    workshop.write("main.go", &MAIN.replace(PLACEHOLDER, module))?;
    workshop.write("go.mod", &format!("module peer\n\ngo 1.21\n\nrequire (\n\t{}\n)\n", needs.join("\n\t")))?;
    workshop.run(workshop.command("go", &["build", "-mod=mod", "-o", "peer", "."]))?;
    Ok(Program {
        file: workshop.folder.join("peer"),
        folder: workshop.folder.clone(),
        kind: Kind::Told { arguments: Vec::new() },
        stream: "/subscribe/time",
        counting: Counting::Lines,
    })
}
