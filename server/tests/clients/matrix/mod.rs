//! The matrix of clients: what those that people use make of the server's stream.
//!
//! The gate asks the common ones, each by a test of its own, directly and through proxies. To ask all that this machine
//! has, or those whose names contain one of some words, and to get a table:
//!
//! ```sh
//! cargo test -p sse-server --test clients -- --ignored whole_matrix
//! CLIENTS=requests,httpx cargo test -p sse-server --test clients -- --ignored whole_matrix
//! ```
//!
//! The table is shown, and left in `target/clients/matrix.md`. Clients that the machine lacks are left out: they need
//! Node, Python, Go, and Java with Maven; Debian's `firefox-esr`; `webkit2gtk-driver` with `xvfb`.
//!
//! A program for each language (`programs/`) listens through one client and prints what that hands out, in the same form.
//! What is odd about a client, and not about the server, stands with its name in `clients.rs`, and nowhere else.

mod clients;
mod judge;
mod line;
mod page;
mod proxies;
mod report;
mod trial;
mod upstream;

use std::env;
use std::fs;
use std::io::{self, Write};

use clients::{Client, GATE, MORE};
use proxies::Proxy;
use trial::{Outcome, Way};

use crate::tools::target;

/// `None` if the machine lacks it.
fn outcome(client: &Client, way: &Way) -> Option<Outcome> {
    let seed = fastrand::u64(..);
    eprintln!("the seed is {seed}");
    trial::run(way, client.says_open, seed, |url| client.start(url))
}

#[track_caller]
fn holds(name: &str, way: &Way) {
    let client = GATE.iter().find(|client| client.name == name).expect("it is one of the gate's");
    let Some(outcome) = outcome(client, way) else { return };
    let complaints = report::complaints(client, &outcome);
    assert_eq!(complaints, Vec::<String>::new(), "{name}: {outcome:?}");
}

macro_rules! gate {
    ($($test:ident: $name:literal, $way:expr;)*) => {
        $(#[test]
        fn $test() {
            holds($name, &$way);
        })*
    };
}

gate! {
    chromium: "Chromium", Way::Direct;
    npm_eventsource: "npm eventsource 4", Way::Direct;
    npm_fetch_event_source: "npm @microsoft/fetch-event-source", Way::Direct;
    npm_event_source_polyfill: "npm event-source-polyfill", Way::Direct;
    pypi_requests: "PyPI requests, iter_lines", Way::Direct;
    pypi_sseclient_py: "PyPI sseclient-py on requests", Way::Direct;
    pypi_httpx_sse: "PyPI httpx-sse", Way::Direct;
    pypi_aiohttp: "PyPI aiohttp, by hand", Way::Direct;
    pypi_tornado: "PyPI tornado, streaming_callback, given up when silent", Way::Direct;
    go_net_http: "Go net/http, by hand", Way::Direct;
    npm_eventsource_through_nginx: "npm eventsource 4", Way::Through(Proxy::nginx);
    npm_eventsource_through_haproxy: "npm eventsource 4", Way::Through(Proxy::haproxy);
    pypi_requests_through_nginx: "PyPI requests, iter_lines", Way::Through(Proxy::nginx);
    pypi_requests_through_haproxy: "PyPI requests, iter_lines", Way::Through(Proxy::haproxy);
}

#[test]
#[ignore = "takes minutes, and clients that few machines have"]
fn whole_matrix() {
    let words = env::var("CLIENTS").unwrap_or_default();
    let is_asked_for = |client: &&Client| words.split(',').any(|word| client.name.contains(word));
    let (mut table, mut complaints) = (report::HEADER.to_owned(), Vec::new());
    for client in GATE.iter().chain(MORE).filter(is_asked_for) {
        let outcome = outcome(client, &Way::Direct);
        table.push_str(&report::row(client, outcome.as_ref()));
        let about = outcome.iter().flat_map(|outcome| report::complaints(client, outcome));
        complaints.extend(about.map(|complaint| format!("{}: {complaint}", client.name)));
    }
    fs::create_dir_all(target().join("clients")).expect("target/ is writable");
    fs::write(target().join("clients/matrix.md"), &table).expect("target/ is writable");
    // Not `println!`, which only a failing test shows.
    write!(io::stdout(), "\n{table}\n").expect("there is somewhere to show it");
    assert_eq!(complaints, Vec::<String>::new());
}
