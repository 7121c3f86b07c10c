//! A server that is ready to be started.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// Where everything is published.
pub(crate) const NAMESPACE: &str = "/time";

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) file: PathBuf,
    /// Its folder, for what it writes while it runs.
    pub(crate) folder: PathBuf,
    pub(crate) kind: Kind,
    /// What to ask for.
    pub(crate) stream: &'static str,
    pub(crate) counting: Counting,
}

/// How a server is started and published to.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A main of ours, with the publisher in it: see [`crate::told`].
    Told { arguments: Vec<String> },
    /// Somebody's server, published to over HTTP.
    Posted(Posting),
}

/// How to run and feed a server that speaks HTTP only.
#[derive(Clone, Debug)]
pub(crate) struct Posting {
    /// The command that serves on this port, given the program and its folder.
    pub(crate) launch: fn(program: &Path, folder: &Path, port: u16) -> Result<Command>,
    /// A `PUT` of this path before anything else.
    pub(crate) create: Option<&'static str>,
    pub(crate) publish: &'static str,
    /// What follows the payload of each message.
    pub(crate) after: &'static str,
}

/// How it is known that a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counting {
    /// Every line of every stream is read.
    Lines,
    /// On most streams bytes are counted, which are so many before the first message and for each; the others are read.
    /// For servers that deliver more than could be read.
    Bytes { opening: u64, each: u64 },
}
