//! The command line.

use std::time::Duration;

/// What this process is to do.
#[derive(Debug)]
pub(crate) enum Mode {
    /// Be the server that we compare with the others. For the program itself.
    Ours,
    Compare(Options),
}

/// The word that makes this program our server.
pub(crate) const OURS: &str = "--ours";

#[derive(Debug, Default)]
pub(crate) struct Options {
    quick: bool,
    /// Only name the peers.
    pub(crate) list: bool,
    /// Run those whose name contains one of these; all if there are none.
    names: Vec<String>,
    /// How the program was called.
    pub(crate) command: String,
}

/// How thorough the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effort {
    pub(crate) is_quick: bool,
    /// For everything: fetching, building, measuring.
    pub(crate) limit: Duration,
    /// What measuring one peer takes; time that building must leave.
    pub(crate) measuring: Duration,
    /// How long is published at the light rate.
    pub(crate) light: Duration,
    /// How long is published at each rate of the search.
    pub(crate) step: Duration,
    /// How often the search halves its uncertainty, after it has met its limit.
    pub(crate) refinements: usize,
    /// Connections whose memory is measured.
    pub(crate) idle: usize,
}

impl Mode {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Mode {
        let mut options = Options::default();
        let mut said = Vec::new();
        for argument in arguments {
            match argument.as_str() {
                OURS => return Mode::Ours,
                // Cargo's own word.
                "--bench" => continue,
                "--quick" | "--test" => options.quick = true,
                "--list" => options.list = true,
                flag if flag.starts_with("--") => eprintln!("peers: {flag} means nothing here"),
                name => options.names.push(name.to_owned()),
            }
            said.push(argument);
        }
        let dashes = if said.is_empty() { "" } else { " -- " };
        options.command = format!("cargo bench -p sse-benches --bench peers{dashes}{}", said.join(" "));
        Mode::Compare(options)
    }
}

impl Options {
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| name.contains(wanted.as_str()))
    }

    pub(crate) fn effort(&self) -> Effort {
        if self.quick { Effort::QUICK } else { Effort::FULL }
    }
}

impl Effort {
    const QUICK: Effort = Effort {
        is_quick: true,
        limit: Duration::from_secs(115),
        measuring: Duration::from_secs(10),
        light: Duration::from_millis(1_000),
        step: Duration::from_millis(400),
        refinements: 1,
        idle: 1_000,
    };

    const FULL: Effort = Effort {
        is_quick: false,
        limit: Duration::from_secs(590),
        measuring: Duration::from_secs(50),
        light: Duration::from_secs(5),
        step: Duration::from_secs(2),
        refinements: 4,
        idle: 5_000,
    };
}
