//! The command line.

/// What this process is to do.
#[derive(Debug)]
pub(crate) enum Mode {
    /// Serve, as told by this [`Setup`](crate::order::Setup) in JSON. For the program itself.
    Child(String),
    Measure(Options),
}

/// The word that makes this program the child.
pub(crate) const CHILD: &str = "--child";

#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Short runs and few points: finds loss and crashes; its figures say little.
    pub(crate) quick: bool,
    /// Only name the scenarios.
    pub(crate) list: bool,
    /// Run what contains one of these; everything if there are none.
    names: Vec<String>,
    /// How the program was called.
    pub(crate) command: String,
}

impl Mode {
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Mode {
        let mut arguments = arguments.peekable();
        if arguments.next_if(|first| first == CHILD).is_some() {
            return Mode::Child(arguments.next().unwrap_or_default());
        }
        let mut options = Options::default();
        let mut said = Vec::new();
        for argument in arguments {
            match argument.as_str() {
                // Cargo's own word.
                "--bench" => continue,
                // What criterion's benches understand by it: run once, and see that it works.
                "--quick" | "--test" => options.quick = true,
                "--list" => options.list = true,
                flag if flag.starts_with("--") => eprintln!("throughput: {flag} means nothing here"),
                name => options.names.push(name.to_owned()),
            }
            said.push(argument);
        }
        let dashes = if said.is_empty() { "" } else { " -- " };
        options.command = format!("cargo bench -p sse-benches --bench throughput{dashes}{}", said.join(" "));
        Mode::Measure(options)
    }
}

impl Options {
    /// Whether a scenario is asked for: by a part of its name, as in criterion.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| scenario.contains(name.as_str()))
    }
}
