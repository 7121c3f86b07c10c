//! Real clients against a real `sse-server` process: what people run must hear what was published, miss nothing when its
//! connection breaks, and come back when the server does.
//!
//! Clients that this machine lacks are named on stderr and left out; with `CI=true` they are a failure. What comes from
//! a package registry is installed by the tests themselves, once, at pinned versions, beneath `target/clients/`.

mod browser;
mod cuts;
mod http;
mod process;
mod relay;
mod server;
mod shears;
mod tools;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use browser::Browser;
use process::Process;
use relay::Relay;
use server::Server;
use tools::{installed, present, target};

/// Something that hears events and says so: `"open"` at each connection, then `[type, data]` for each event.
trait Listener {
    fn next(&mut self) -> Value;
}

impl Listener for Process {
    fn next(&mut self) -> Value {
        serde_json::from_str(&self.line()).expect("a listener prints JSON")
    }
}

/// The types of the events below, and the server's own; an unnamed event is a `message`.
const TYPES: [&str; 4] = ["message", "new-dog", "new-cat", "gap"];

/// So short that comments fall between the events; no client shows them.
const KEEPALIVE: &str = "50ms";

/// What is published, in order: namespace, name, data. The stranger is not for `/pets`.
fn events() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("/pets/dogs", "new-dog", "Corgi".into()),
        ("/pets", "", "one\ntwo\r\n\nfour".into()),
        ("/petshop", "new-dog", "a stranger".into()),
        ("/pets/cats/persian", "new-cat", " leads with a space".into()),
        ("/pets/dogs", "new-dog", r#"{"größe": "🐕"}"#.into()),
        ("/pets", "", "long ".repeat(40_000)),
        ("/pets/dogs", "new-dog", "Terrier".into()),
    ]
}

/// The listener, which is on its way to `/pets`, hears what is published there, and nothing else.
#[track_caller]
fn hears_events(server: &Server, listener: &mut dyn Listener) {
    assert_eq!(listener.next(), json!("open"));
    for (namespace, name, data) in events() {
        server.publish(namespace, name, &data);
    }
    for (_, name, data) in events().into_iter().filter(|(namespace, ..)| *namespace != "/petshop") {
        let kind = if name.is_empty() { "message" } else { name };
        assert_eq!(listener.next(), json!([kind, data.replace("\r\n", "\n")]));
    }
}

/// The listener gets what was published while its connection was broken, once, as it sends the last id it saw.
#[track_caller]
fn misses_nothing(server: &Server, line: &Relay, listener: &mut dyn Listener) {
    line.cut();
    for data in ["missed", "missed too"] {
        server.publish("/pets/dogs", "new-dog", data);
    }
    assert_eq!(listener.next(), json!("open"));
    server.publish("/pets/cats", "new-cat", "live");
    for event in [["new-dog", "missed"], ["new-dog", "missed too"], ["new-cat", "live"]] {
        assert_eq!(listener.next(), json!(event));
    }
}

/// The listener finds the server again after a restart, as the standard has it do, and is told that it may have missed
/// something.
#[track_caller]
fn comes_back(server: Server, listener: &mut dyn Listener) {
    let server = server.restart();
    assert_eq!(listener.next(), json!("open"));
    let gap = listener.next();
    assert_eq!(gap[0], "gap", "{gap}");
    let told: Value = serde_json::from_str(gap[1].as_str().expect("data is text")).expect("a gap is JSON");
    assert_eq!(told["reason"], "restarted");
    server.publish("/pets/dogs", "new-dog", "Dauchsand");
    assert_eq!(listener.next(), json!(["new-dog", "Dauchsand"]));
}

#[test]
fn curl() {
    if !present("curl", Command::new("curl").arg("--version")) {
        return;
    }
    let server = Server::start("0");
    let mut subscriber = Process::read_stdout(Command::new("curl").args(["-sN", &server.url("/subscribe/pets")]));
    server.wait_for_subscriber("/pets");
    // A stream begins with when to come back, and the id of its place.
    assert!(subscriber.line().starts_with("retry:"));
    subscriber.find(|line| line.starts_with("id:").then_some(()));
    assert_eq!(subscriber.line(), "\n");
    for (path, data, lines) in [
        ("/publish/pets/dogs?event=new-dog", "Corgi", &["event:new-dog\n", "data:Corgi\n"][..]),
        ("/publish/pets", "one\ntwo", &["data:one\n", "data:two\n"]),
    ] {
        let publisher = Process::read_stdout(Command::new("curl").args(["-s", "-d", data, &server.url(path)]));
        let answer: Value = serde_json::from_str(&publisher.rest()).expect("the answer is JSON");
        for line in lines {
            assert_eq!(subscriber.line(), *line);
        }
        assert_eq!(subscriber.line(), format!("id:{}\n", answer["id"].as_str().expect("an id is text")));
        assert_eq!(subscriber.line(), "\n");
    }
}

#[test]
fn npm_eventsource() {
    node("npm");
}

#[test]
fn node_s_own_eventsource() {
    node("node");
}

fn node(whose: &str) {
    let Some(home) = installed::node() else { return };
    let server = Server::start(KEEPALIVE);
    let line = Relay::to(server.address());
    let mut command = Command::new("node");
    command.current_dir(home).args(["--no-warnings", "--experimental-eventsource", "listen.mjs", whose]);
    let mut listener = Process::read_stdout(command.arg(line.url("/subscribe/pets")).args(TYPES));
    hears_events(&server, &mut listener);
    misses_nothing(&server, &line, &mut listener);
    comes_back(server, &mut listener);
}

#[test]
fn pypi_httpx_sse() {
    python("httpx-sse");
}

#[test]
fn pypi_sseclient_py() {
    python("sseclient-py");
}

fn python(library: &str) {
    let Some(home) = installed::python() else { return };
    let server = Server::start(KEEPALIVE);
    let mut command = Command::new(home.join("bin/python"));
    command.current_dir(home).args(["listen.py", library]);
    hears_events(&server, &mut Process::read_stdout(command.arg(server.url("/subscribe/pets"))));
}

#[test]
fn chromium_eventsource() {
    let Some(mut browser) = Browser::start() else { return };
    let server = Server::start(KEEPALIVE);
    let line = Relay::to(server.address());
    // Another origin than the stream's: CORS is open by default.
    browser.go(&server.url("/health").replace("127.0.0.1", "localhost"));
    let listen = "
        const [url, types] = arguments;
        window.heard = [];
        const source = new EventSource(url);
        source.onopen = () => heard.push('open');
        for (const type of types) source.addEventListener(type, (event) => heard.push([event.type, event.data]));
    ";
    browser.run(listen, json!([line.url("/subscribe/pets"), TYPES]));
    hears_events(&server, &mut browser);
    misses_nothing(&server, &line, &mut browser);
    comes_back(server, &mut browser);
}

impl Listener for Browser {
    fn next(&mut self) -> Value {
        self.wait_for("window.heard.shift()")
    }
}

#[test]
fn admin_page() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(KEEPALIVE);
    let agent = "<img src=x onerror=\"document.title = 'owned'\">";
    let _stranger = server.subscribe("/pets/cats", agent);
    browser.go(&server.url("/admin/"));
    assert_eq!(browser.wait_for("/OK/i.test(text('#status')) && text('#status')"), json!("OK"));
    browser.wait_for("text('#node') !== '…' && text('#node')");
    browser.wait_for("/[0-9]/.test(text('#uptime'))");

    // A row for the stranger, whose agent is shown as the text that it is.
    browser.wait_for("text('#connections').includes('/pets/cats')");
    browser.wait_for("text('#connections').includes('<img src=x onerror=')");
    assert_eq!(browser.value("document.querySelector('#connections img')"), Value::Null);

    browser.fill("#subscribe-namespace", "/pets");
    browser.click("#subscribe-button");
    server.wait_for_subscriber("/pets");
    browser.fill("#publish-namespace", "/pets/dogs");
    browser.fill("#publish-event", "new-dog");
    browser.fill("#publish-data", "<b>Corgi</b>");
    browser.click("#publish-button");
    assert_eq!(browser.wait_for("text('#events .event-data')"), json!("<b>Corgi</b>"));
    assert_eq!(browser.value("text('#events .event-name')"), json!("new-dog"));
    assert_eq!(browser.value("document.querySelector('#events b')"), Value::Null);
    browser.wait_for("text('#publish-result')");
    browser.wait_for("/[1-9]/.test(text('#msgs-broadcast'))");
    browser.wait_for("/[1-9]/.test(text('#connection-count'))");
    for counter in ["resumes: exact", "resumes: gap: restarted", "slow consumers: skipped", "lag: greatest\n0 B"] {
        browser.wait_for(&format!("text('#counters').includes({})", json!(counter)));
    }

    // Several namespaces in one stream.
    browser.fill("#subscribe-namespace", "/pets, /time");
    browser.click("#subscribe-button");
    server.wait_for_subscriber("/pets,/time");
    for (namespace, data) in [("/time", "noon"), ("/petshop", "a stranger"), ("/pets/dogs", "Terrier")] {
        server.publish(namespace, "", data);
    }
    browser.wait_for("text('#events .event-data') === 'Terrier'");
    assert_eq!(browser.value("text('#events')").as_str().map(|text| text.contains("noon")), Some(true));
    assert_eq!(browser.value("text('#events')").as_str().map(|text| text.contains("stranger")), Some(false));

    // A comma within a name is not one between two: the row of such a stream subscribes to the same.
    let _comma = server.subscribe("/a%2C/b", "with a comma");
    let rows = "[...document.querySelectorAll('#connections button')].filter((row) => row.textContent === '/a%2C/b')";
    browser.wait_for(&format!("{rows}.length === 1"));
    browser.value(&format!("{rows}[0].click()"));
    browser.wait_for(&format!("{rows}.length === 2"));
    server.publish("/a%2C/b", "", "Spaniel");
    browser.wait_for("text('#events .event-data') === 'Spaniel'");

    assert_ne!(browser.value("document.title"), json!("owned"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
    fs::write(target().join("admin.png"), browser.screenshot()).expect("target/ is writable");
}
