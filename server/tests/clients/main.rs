//! Real clients against a real `sse-server` process: what people run must hear what was published, miss nothing when its
//! connection breaks, and come back when the server does (`matrix/`).
//!
//! Clients that this machine lacks are named on stderr and left out; with `CI=true` they are a failure. What comes from
//! a package registry is installed by the tests themselves, once, at pinned versions, beneath `target/clients/`.

mod browser;
mod http;
mod installed;
mod matrix;
mod process;
mod server;
mod tools;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use browser::Browser;
use process::Process;
use server::Server;
use tools::{present, target};

/// So short that comments fall between the events; no client shows them.
const KEEPALIVE: &str = "50ms";

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
