//! How each server is had: one file a recipe.

mod axum;
mod durable_streams;
mod go;
mod nchan;
mod ours;

use std::fmt::Write as _;

use crate::Result;
use crate::program::Program;
use crate::workshop::Workshop;

pub(crate) struct Recipe {
    /// What it is called on the command line; also its folder.
    pub(crate) word: &'static str,
    /// What it is called in the report.
    pub(crate) name: &'static str,
    /// Fetches and builds it.
    pub(crate) make: fn(&Workshop) -> Result<Program>,
}

/// The first is ours: the others are compared with it.
pub(crate) const ALL: &[Recipe] = &[
    Recipe { word: "sse-server", name: "sse-server (this project)", make: ours::make },
    Recipe { word: "mroth", name: "mroth/sseserver 1.1.0 (Go)", make: go::mroth },
    Recipe { word: "xinjiayu", name: "xinjiayu/sse 1.0.1 (Go)", make: go::xinjiayu },
    Recipe { word: "nchan", name: "Nchan (nginx)", make: nchan::make },
    Recipe { word: "axum", name: "axum 0.8 + tokio broadcast", make: axum::make },
    Recipe { word: "durable-streams", name: "Durable Streams 0.1.5 (Rust)", make: durable_streams::make },
];

/// The words of all.
pub(crate) fn list() -> String {
    let mut list = String::new();
    for Recipe { word, name, .. } in ALL {
        let _ = writeln!(list, "  {word:<16} {name}");
    }
    list
}
