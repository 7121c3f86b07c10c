//! Chromium, driven through chromedriver (W3C WebDriver).

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{self, Command};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::http::{request, send};
use crate::process::{PATIENCE, Process};
use crate::tools::present;

/// The key under which WebDriver hands out an element (WebDriver §12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with a profile of its own.
pub(crate) struct Browser {
    _driver: Process,
    address: SocketAddr,
    session: String,
    profile: PathBuf,
}

impl Browser {
    /// None if there is no Chromium.
    pub(crate) fn start() -> Option<Browser> {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        if !present("Chromium", Command::new("chromium").arg("--version"))
            || !present("chromedriver", Command::new("chromedriver").arg("--version"))
        {
            return None;
        }
        let mut driver = Process::read_stdout(Command::new("chromedriver").arg("--port=0"));
        let port: u16 = driver.find(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end().trim_end_matches('.').parse().ok()
        });
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let nth = STARTED.fetch_add(1, Ordering::Relaxed);
        let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("chromium-{}-{nth}", process::id()));
        let options = json!({ "args": [
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--window-size=1200,1400", format!("--user-data-dir={}", profile.display()),
        ]});
        let capabilities = json!({
            "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": PATIENCE.as_millis() as u64 },
        });
        let session = call(address, "POST", "/session", &json!({ "capabilities": { "alwaysMatch": capabilities } }));
        let session = format!("/session/{}", session["sessionId"].as_str().expect("a session has an id"));
        Some(Browser { _driver: driver, address, session, profile })
    }

    pub(crate) fn go(&self, url: &str) {
        self.post("/url", json!({ "url": url }));
    }

    /// What `script`, a function's body, returns for `arguments`.
    pub(crate) fn run(&self, script: &str, arguments: Value) -> Value {
        self.post("/execute/sync", json!({ "script": script, "args": arguments }))
    }

    /// What `expression` is; in it, `text(selector)` is what an element shows.
    pub(crate) fn value(&self, expression: &str) -> Value {
        self.run(&format!("{TEXT} return {expression}"), json!([]))
    }

    /// What `expression` is as soon as that is something.
    #[track_caller]
    pub(crate) fn wait_for(&self, expression: &str) -> Value {
        let script = format!(
            "{TEXT} const done = arguments[0];
            const look = () => {{ const value = {expression}; value ? done(value) : setTimeout(look, 10); }};
            look();"
        );
        self.post("/execute/async", json!({ "script": script, "args": [] }))
    }

    pub(crate) fn click(&self, selector: &str) {
        self.post(&format!("{}/click", self.element(selector)), json!({}));
    }

    /// Types `text` into a field in place of what it holds.
    pub(crate) fn fill(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("{element}/clear"), json!({}));
        self.post(&format!("{element}/value"), json!({ "text": text }));
    }

    /// What the page shows now, as a PNG.
    pub(crate) fn screenshot(&self) -> Vec<u8> {
        let image = call(self.address, "GET", &format!("{}/screenshot", self.session), &Value::Null);
        decode_base64(image.as_str().expect("an image is sent as text"))
    }

    /// The errors in the console: scripts that failed, what the content security policy refused, answers of 4xx.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" }));
        let severe = |entry: &&Value| entry["level"] == "SEVERE";
        log.as_array()
            .expect("a log is a list")
            .iter()
            .filter(severe)
            .map(|entry| entry["message"].to_string())
            .collect()
    }

    fn element(&self, selector: &str) -> String {
        let element = self.post("/element", json!({ "using": "css selector", "value": selector }));
        format!("/element/{}", element[ELEMENT].as_str().expect("an element has an id"))
    }

    #[track_caller]
    fn post(&self, command: &str, body: Value) -> Value {
        call(self.address, "POST", &format!("{}{command}", self.session), &body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browser with the session, and answers when it has.
        let _ = send(self.address, "DELETE", &self.session, "Connection: close\r\n", "");
        let _ = fs::remove_dir_all(&self.profile);
    }
}

const TEXT: &str = "const text = (selector) => document.querySelector(selector)?.innerText ?? '';";

#[track_caller]
fn call(address: SocketAddr, method: &str, target: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = request(address, method, target, &body);
    assert_eq!(status, 200, "{method} {target} {body}: {answer}");
    let mut answer: Value = serde_json::from_str(&answer).expect("chromedriver answers in JSON");
    answer["value"].take()
}

/// RFC 4648 §4.
fn decode_base64(text: &str) -> Vec<u8> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|byte| alphabet.iter().position(|&digit| digit == byte));
    let digits: Vec<u32> = digits.map(|digit| digit as u32).collect();
    let decode = |quad: &[u32]| {
        let bits = quad.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - quad.len()));
        let bytes = [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8];
        bytes.into_iter().take(quad.len() - 1).collect::<Vec<u8>>()
    };
    digits.chunks(4).flat_map(decode).collect()
}
