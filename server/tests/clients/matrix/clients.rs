//! The clients, how each is started, and what is known to be odd about it.

use std::process::Command;

use super::judge::Finding;
use super::page::Page;
use super::trial::{Lines, TYPES};
use crate::installed::{CRATES, GO, GO_LIBRARIES, Kit, MAVEN, NODE, PYTHON, PYTHON_LIBRARIES};
use crate::process::Process;

/// One row of the matrix.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    /// Most say when they are connected.
    pub(crate) says_open: bool,
    pub(crate) quirks: &'static [Quirk],
}

/// What is wrong with a client, and not with the server.
pub(crate) struct Quirk {
    pub(crate) finding: Finding,
    /// Whether it shows each time. What doesn't is a matter of where the line is cut.
    pub(crate) always: bool,
    pub(crate) why: &'static str,
}

/// What listens. The names are those by which the programs know their clients; the other words stand before the
/// version in the file that pins it.
pub(crate) enum Program {
    Node(&'static str, &'static str),
    NodeItself,
    Python(&'static Kit, &'static str, &'static str),
    Curl,
    Go,
    GoLibrary(&'static str, &'static str),
    Crate(&'static str, &'static str),
    Maven(&'static str, &'static str),
    Java(&'static str),
    Chromium,
    Firefox,
    WebKit,
}

impl Client {
    pub(crate) const fn new(name: &'static str, program: Program) -> Client {
        Client { name, program, says_open: true, quirks: &[] }
    }

    const fn silent(mut self) -> Client {
        self.says_open = false;
        self
    }

    const fn with(mut self, quirks: &'static [Quirk]) -> Client {
        self.quirks = quirks;
        self
    }

    /// `None` if the machine lacks it.
    pub(crate) fn start(&self, url: &str) -> Option<Box<dyn Lines>> {
        let mut command = match &self.program {
            Program::Chromium => return Some(Box::new(Page::chromium(url)?)),
            Program::Firefox => return Some(Box::new(Page::firefox(url)?)),
            Program::WebKit => return Some(Box::new(Page::webkit(url)?)),
            Program::Node(name, _) => node(name, url)?,
            Program::NodeItself => node("node", url)?,
            Program::Python(kit, name, _) => python(kit, name, url)?,
            Program::Curl => python(&PYTHON, "curl", url)?,
            Program::Go => program(&GO, "listen", &[url])?,
            Program::GoLibrary(name, _) => program(&GO_LIBRARIES, "listen", &[name, url])?,
            Program::Crate(name, _) => program(&CRATES, "target/debug/listen", &[name, url])?,
            Program::Maven(name, _) | Program::Java(name) => {
                let mut command = Command::new("java");
                let path = ["-cp", "target/classes:target/dependency/*", "Listen", name, url];
                command.current_dir(MAVEN.home()?).args(path);
                command
            }
        };
        Some(Box::new(Process::read_stdout(&mut command)))
    }

    pub(crate) fn version(&self) -> Option<String> {
        match &self.program {
            Program::Node(_, before) => pinned(&NODE, "package.json", before),
            Program::Python(kit, _, before) => pinned(kit, "requirements.txt", before),
            Program::GoLibrary(_, before) => pinned(&GO_LIBRARIES, "go.mod", before),
            Program::Crate(_, before) => pinned(&CRATES, "Cargo.toml", before),
            Program::Maven(_, before) => pinned(&MAVEN, "pom.xml", before),
            Program::Java(_) => said(Command::new("java").arg("--version")),
            Program::NodeItself => said(Command::new("node").arg("--version")),
            Program::Curl => said(Command::new("curl").arg("--version")),
            Program::Go => said(Command::new("go").args(["env", "GOVERSION"])),
            Program::Chromium => said(Command::new("chromium").arg("--version")),
            Program::Firefox => said(Command::new("firefox-esr").arg("--version")),
            // It doesn't say it itself.
            Program::WebKit => said(Command::new("dpkg-query").args(["-W", "-f", "${Version}", "webkit2gtk-driver"])),
        }
    }
}

fn program(kit: &'static Kit, path: &str, arguments: &[&str]) -> Option<Command> {
    let mut command = Command::new(kit.home()?.join(path));
    command.args(arguments);
    Some(command)
}

fn node(name: &str, url: &str) -> Option<Command> {
    let mut command = Command::new("node");
    command.current_dir(NODE.home()?).args(["--no-warnings", "--experimental-eventsource", "listen.mjs", name, url]);
    command.args(TYPES);
    Some(command)
}

fn python(kit: &'static Kit, name: &str, url: &str) -> Option<Command> {
    let mut command = Command::new(kit.home()?.join("bin/python"));
    command.current_dir(kit.home()?).args(["listen.py", name, url]);
    Some(command)
}

/// What follows `before` in a file of the kit.
fn pinned(kit: &Kit, file: &str, before: &str) -> Option<String> {
    let (_, after) = kit.file(file).split_once(before)?;
    after.split(|end: char| end.is_whitespace() || "\"<".contains(end)).next().map(str::to_owned)
}

/// The first word with a digit in what a command says of itself.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().find(|word| word.contains(|letter: char| letter.is_ascii_digit())).map(str::to_owned)
}

const fn always(finding: Finding, why: &'static str) -> Quirk {
    Quirk { finding, always: true, why }
}

const fn at_times(finding: Finding, why: &'static str) -> Quirk {
    Quirk { finding, always: false, why }
}

const BREAKS_LINES: Quirk = always(Finding::Altered("U+2028, U+0085, VT"), "`str.splitlines` ends lines there, too");

/// What comes of making an event of a block of which half has come.
const fn half(finding: Finding) -> Quirk {
    at_times(finding, "it makes an event of half a block")
}

const FETCH_EVENT_SOURCE: &[Quirk] = &[
    always(Finding::Altered("a byte order mark"), "it decodes each value by itself, which takes the mark off"),
    at_times(Finding::LostFew, "it takes an id before its block ends, and may be cut between these two bytes"),
];

const FIREFOX: &[Quirk] = &[always(Finding::Altered("NUL"), "it drops it")];

const fn joined(finding: Finding) -> Quirk {
    at_times(finding, "it joins half a block to the next stream's first")
}

/// It keeps its buffer where a line breaks within a chunk, by whatever end.
const WEBKIT: &[Quirk] = &[
    joined(Finding::Corrupt),
    joined(Finding::Lost),
    joined(Finding::LostFew),
    joined(Finding::Doubled),
    joined(Finding::WrongId),
];

const SSECLIENT: &[Quirk] = &[
    BREAKS_LINES,
    always(Finding::Altered("a line of 200 KB"), "it reads the sizes of chunks as if they were lines"),
    half(Finding::Corrupt),
    half(Finding::Lost),
    half(Finding::LostFew),
    half(Finding::Doubled),
    half(Finding::WrongId),
];

const STRIPS: &[Quirk] = &[
    always(Finding::Altered("leading spaces"), "it strips them"),
    always(Finding::Altered("a trailing newline"), "it strips it"),
];

const R3LABS: &[Quirk] = &[
    half(Finding::Corrupt),
    half(Finding::Lost),
    half(Finding::LostFew),
    half(Finding::Doubled),
    half(Finding::WrongId),
    half(Finding::Disordered),
];

/// Those that the gate asks.
pub(crate) static GATE: &[Client] = &[
    Client::new("Chromium", Program::Chromium),
    Client::new("npm eventsource 4", Program::Node("eventsource", "\"eventsource\": \"")),
    Client::new("npm @microsoft/fetch-event-source", Program::Node("fetch-event-source", "fetch-event-source\": \""))
        .with(FETCH_EVENT_SOURCE),
    Client::new("npm event-source-polyfill", Program::Node("event-source-polyfill", "event-source-polyfill\": \"")),
    Client::new("PyPI requests, iter_lines", Program::Python(&PYTHON, "requests", "\nrequests==")),
    Client::new("PyPI sseclient-py on requests", Program::Python(&PYTHON, "sseclient-py", "sseclient-py==")),
    Client::new("PyPI httpx-sse", Program::Python(&PYTHON, "httpx-sse", "\nhttpx-sse==")),
    Client::new("PyPI aiohttp, by hand", Program::Python(&PYTHON, "aiohttp", "aiohttp==")),
    Client::new(
        "PyPI tornado, streaming_callback, given up when silent",
        Program::Python(&PYTHON, "tornado", "tornado=="),
    ),
    Client::new("Go net/http, by hand", Program::Go),
];

/// The others.
pub(crate) static MORE: &[Client] = &[
    Client::new("Firefox", Program::Firefox).with(FIREFOX),
    Client::new("WebKitGTK", Program::WebKit).with(WEBKIT),
    Client::new("curl", Program::Curl).silent(),
    Client::new("npm eventsource 5", Program::Node("eventsource-5", "npm:eventsource@")),
    Client::new("npm eventsource-client", Program::Node("eventsource-client", "eventsource-client\": \"")),
    Client::new("npm undici", Program::Node("undici", "undici\": \"")),
    Client::new("Node's own EventSource", Program::NodeItself),
    Client::new(
        "npm launchdarkly-eventsource",
        Program::Node("launchdarkly-eventsource", "launchdarkly-eventsource\": \""),
    ),
    Client::new("PyPI urllib3, stream()", Program::Python(&PYTHON, "urllib3", "urllib3==")),
    Client::new("PyPI sseclient-py on httpx", Program::Python(&PYTHON, "sseclient-py-and-httpx", "sseclient-py==")),
    Client::new("PyPI sseclient", Program::Python(&PYTHON_LIBRARIES, "sseclient", "\nsseclient=="))
        .with(SSECLIENT)
        .silent(),
    Client::new("PyPI requests-sse", Program::Python(&PYTHON_LIBRARIES, "requests-sse", "requests-sse==")).with(STRIPS),
    Client::new(
        "PyPI aiohttp-sse-client",
        Program::Python(&PYTHON_LIBRARIES, "aiohttp-sse-client", "aiohttp-sse-client=="),
    )
    .with(STRIPS),
    Client::new("PyPI aiosseclient", Program::Python(&PYTHON_LIBRARIES, "aiosseclient", "aiosseclient=="))
        .with(&[BREAKS_LINES])
        .silent(),
    Client::new("Go r3labs/sse", Program::GoLibrary("r3labs", "r3labs/sse/v2 v")).with(R3LABS).silent(),
    Client::new("Go tmaxmax/go-sse", Program::GoLibrary("tmaxmax", "tmaxmax/go-sse v")).silent(),
    Client::new("Go launchdarkly/eventsource", Program::GoLibrary("launchdarkly", "launchdarkly/eventsource v"))
        .silent(),
    Client::new("Go donovanhide/eventsource", Program::GoLibrary("donovanhide", "donovanhide/eventsource v")).silent(),
    Client::new("crates.io reqwest-eventsource", Program::Crate("reqwest-eventsource", "reqwest-eventsource = \"=")),
    Client::new("crates.io eventsource-client", Program::Crate("eventsource-client", "{ version = \"=")),
    Client::new("Maven okhttp-sse", Program::Maven("okhttp-sse", "okhttp-sse</artifactId>\n      <version>")),
    Client::new(
        "Maven okhttp-eventsource",
        Program::Maven("okhttp-eventsource", "okhttp-eventsource</artifactId>\n      <version>"),
    ),
    Client::new("java.net.http, by hand", Program::Java("java-net-http")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_has_the_version_that_is_pinned() {
        for client in GATE.iter().chain(MORE) {
            if matches!(client.program, Program::Node(..) | Program::Python(..) | Program::GoLibrary(..))
                || matches!(client.program, Program::Crate(..) | Program::Maven(..))
            {
                let version = client.version().unwrap_or_default();
                assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{}: {version:?}", client.name);
            }
        }
    }
}
