//! Real clients on a line that is cut again and again while events are published: they come back by themselves, and
//! have everything in the end, in order, once.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Instant;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::http::request;
use crate::process::{PATIENCE, Process};
use crate::shears::Shears;
use crate::tools::installed;

const CUTS: u64 = 15;

/// What clients listen to. A `gap` would be wrong: nothing is too old here.
const TYPES: [&str; 4] = ["message", "new-dog", "gap", "end"];

/// A server that wants its clients back at once.
struct Impatient {
    _process: Process,
    address: SocketAddr,
}

impl Impatient {
    fn start() -> Impatient {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sse-server"));
        command.args(["--listen", "127.0.0.1:0", "--workers", "2", "--retry", "50ms", "--keepalive", "20ms"]);
        let mut process = Process::read_stderr(&mut command);
        let address = process.find(|line| {
            let (_, address) = line.split_once("listening on http://")?;
            address.split_whitespace().next()?.parse().ok()
        });
        Impatient { _process: process, address }
    }

    /// Gives the event as clients are to report it: id, type, data.
    fn publish(&self, namespace: &str, name: &str, data: &str) -> Value {
        let target = format!("/publish{namespace}?event={name}");
        let (status, answer) = request(self.address, "POST", &target, data);
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("the answer is JSON");
        json!([answer["id"], if name.is_empty() { "message" } else { name }, data])
    }

    /// Publishes until all cuts are made, and then an event `end`; gives what is for `/pets`.
    fn publish_through(&self, shears: &Shears, random: &mut Rng) -> Vec<Value> {
        let begun = Instant::now();
        let mut due = Vec::new();
        while shears.cuts() < CUTS {
            assert!(begun.elapsed() < PATIENCE, "the client came back {} times only", shears.cuts());
            let data = format!("{}\n{}", due.len(), "x".repeat(random.usize(..400)));
            match random.u8(..4) {
                0 => drop(self.publish("/petshop", "new-dog", "a stranger")),
                1 => due.push(self.publish("/pets/dogs", "new-dog", &data)),
                2 => due.push(self.publish("/pets/cats", "", &data)),
                _ => due.push(self.publish("/time", "", &data)),
            }
        }
        due.push(self.publish("/pets", "end", ""));
        due
    }
}

/// Both namespaces in one stream: two logs, whose order is one.
const TARGET: &str = "/subscribe?namespace=/pets&namespace=/time";

fn seed() -> u64 {
    let seed = fastrand::u64(..);
    eprintln!("the seed is {seed}");
    seed
}

/// `heard` is each event as a client reports it, `opened` how often it was connected.
#[track_caller]
fn all_came_once(heard: &[Value], due: &[Value], opened: u64) {
    if let Some(at) = (0..heard.len().max(due.len())).find(|&at| heard.get(at) != due.get(at)) {
        panic!("as event {at} of {}: {:?}, where {:?} was due", due.len(), heard.get(at), due.get(at));
    }
    assert!(opened > CUTS, "it was connected {opened} times, and cut off {CUTS} times");
}

#[test]
fn npm_eventsource_on_a_bad_line() {
    let Some(home) = installed::node() else { return };
    let seed = seed();
    let server = Impatient::start();
    let shears = Shears::before(server.address, CUTS, seed);
    let (mut command, script) = (Command::new("node"), include_str!("record.mjs"));
    command.current_dir(home).args(["--no-warnings", "--input-type=module", "--eval", script, "--"]);
    let mut listener = Process::read_stdout(command.arg(shears.url(TARGET)).args(TYPES));
    assert_eq!(listener.line(), "\"open\"\n");
    let due = server.publish_through(&shears, &mut Rng::with_seed(seed));
    let (mut heard, mut opened) = (Vec::new(), 1);
    while heard.last().is_none_or(|event: &Value| event[1] != "end") {
        match serde_json::from_str(&listener.line()).expect("a listener prints JSON") {
            Value::String(_) => opened += 1,
            event => heard.push(event),
        }
    }
    all_came_once(&heard, &due, opened);
}

#[test]
fn chromium_on_a_bad_line() {
    let Some(browser) = Browser::start() else { return };
    let seed = seed();
    let server = Impatient::start();
    let shears = Shears::before(server.address, CUTS, seed);
    browser.go(&format!("http://{}/health", server.address));
    let listen = "
        const [url, types] = arguments;
        window.heard = [];
        window.opened = 0;
        const source = new EventSource(url);
        source.onopen = () => { opened += 1; };
        for (const type of types) {
            source.addEventListener(type, (event) => heard.push([event.lastEventId, event.type, event.data]));
        }
    ";
    browser.run(listen, json!([shears.url(TARGET), TYPES]));
    browser.wait_for("window.opened > 0");
    let due = server.publish_through(&shears, &mut Rng::with_seed(seed));
    let heard = browser.wait_for("window.heard.some((event) => event[1] === 'end') && window.heard");
    let opened = browser.value("window.opened").as_u64().expect("a count");
    all_came_once(heard.as_array().expect("it is a list"), &due, opened);
}
