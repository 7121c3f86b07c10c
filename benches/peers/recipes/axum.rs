//! What one writes with axum: an `Sse` response over a tokio broadcast channel.

use crate::Result;
use crate::program::{Counting, Kind, Program};
use crate::workshop::Workshop;

pub(super) fn make(workshop: &Workshop) -> Result<Program> {
    for (name, text) in [
        ("Cargo.toml", include_str!("../foreign/axum.toml")),
        ("src/main.rs", include_str!("../foreign/axum.rs")),
        // The publisher is ours.
        ("src/pace.rs", include_str!("../pace.rs")),
        ("src/told.rs", include_str!("../told.rs")),
    ] {
        workshop.write(name, text)?;
    }
    let target = workshop.folder.join("target");
    let mut build = workshop.command("cargo", &["build", "--release", "--quiet", "--target-dir"]);
    build.arg(&target);
    workshop.run(build)?;
    Ok(Program {
        file: target.join("release/peer"),
        folder: workshop.folder.clone(),
        kind: Kind::Told { arguments: Vec::new() },
        stream: "/subscribe/time",
        counting: Counting::Lines,
    })
}
