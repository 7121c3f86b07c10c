//! Bodies that nobody wants: refused at the end of the head, and nothing of them kept.

use std::io::{Read, Write};

use sse_server::http::{Method, StatusCode};
use sse_server::{Config, Reply, Server, Verdict};

use crate::row::{EVIL, Row, echoing, hold_on, row, with_evil_body};
use crate::wire::{Served, read_head};

fn config() -> Config {
    let allowed_hosts = vec!["a".to_owned()];
    Config { listen: vec!["127.0.0.1:0".parse().unwrap()], workers: 1, allowed_hosts, ..Config::default() }
}

const RFC: &str = "RFC 9112 §9.3, §9.6";

#[test]
fn a_body_is_read_where_something_takes_it() {
    let rows = [
        row(RFC, with_evil_body("POST", "/publish/a")).answers([200]),
        row(RFC, with_evil_body("POST", "/publish/a/")).answers([200]),
        row(RFC, with_evil_body("POST", "/publish")).answers([200]),
        row(RFC, with_evil_body("POST", "/echo")).echoes(EVIL),
        row(RFC, with_evil_body("POST", "/nowhere")).refused(404),
        row(RFC, with_evil_body("POST", "/subscribe/a")).refused(405),
        row(RFC, with_evil_body("PUT", "/publish/a")).refused(405),
        row(RFC, with_evil_body("PUT", "/echo")).refused(405),
        row(RFC, with_evil_body("GET", "/healthz")).refused(200),
        row(RFC, with_evil_body("OPTIONS", "/publish/a")).refused(204),
        row(RFC, with_evil_body("POST", "/publish//a")).refused(400),
        row(RFC, with_evil_body("POST", "/publish/a%2Fb")).refused(400),
        row(RFC, with_evil_body("BREW", "/echo")).refused(501),
        row(RFC, with_evil_body("GET", "/subscribe/a")).streams(),
    ];
    hold_on(&Served::new(echoing()), &rows);
}

/// Without a body under way the connection stays.
fn bodiless(status: u16) -> Row {
    row(RFC, "POST /publish/a HTTP/1.1\r\nHost: a\r\n\r\n").answers([status])
}

#[test]
fn a_body_is_not_read_where_publishing_is_switched_off() {
    let server = Served::new(Server::builder().config(Config { publish: false, ..config() }));
    let rows = [
        bodiless(403),
        row(RFC, with_evil_body("POST", "/publish/a")).refused(403),
        row(RFC, with_evil_body("POST", "/publish")).refused(403),
        row(RFC, with_evil_body("POST", "/nowhere")).refused(404),
    ];
    hold_on(&server, &rows);
}

/// What middleware says goes before what our routes would, also about a body that is not read.
#[test]
fn middleware_goes_first() {
    let guarded = Server::builder()
        .config(config())
        .middleware(|request| match request.path() {
            // For the probe behind each row.
            "/healthz" => Verdict::pass(),
            _ => Verdict::refuse(StatusCode::UNAUTHORIZED, "Send the token."),
        })
        .route(Method::PUT, "/thing", |_| Reply::text("put"));
    let rows = [
        bodiless(401),
        row(RFC, with_evil_body("POST", "/publish/a")).answers([401]),
        row(RFC, with_evil_body("PUT", "/thing")).answers([401]),
        row(RFC, with_evil_body("POST", "/nowhere")).refused(401),
        row(RFC, with_evil_body("POST", "/health")).refused(401),
        row(RFC, with_evil_body("POST", "/thing")).refused(401),
    ];
    hold_on(&Served::new(guarded), &rows);
}

/// 400 bodies of a megabyte each but for a byte, which would be 400 MB, sent where nobody wants them.
#[cfg(target_os = "linux")]
#[test]
fn nothing_of_an_unwanted_body_is_kept() {
    const CLIENTS: usize = 400;
    const MOST_GROWTH: usize = 100 << 20;
    let server = Served::new(Server::builder().config(Config { publish: false, ..config() }));
    let body = vec![b'x'; (1 << 20) - 2];
    let before = resident_bytes();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let mut client = server.connect();
            let (target, status) = [("/nope", 404), ("/publish/a", 403), ("/healthz", 405)][number % 3];
            let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len() + 1);
            client.write_all(head.as_bytes()).unwrap();
            client.write_all(&body).unwrap();
            (client, status)
        })
        .collect();
    let growth = resident_bytes().saturating_sub(before);
    assert!(growth < MOST_GROWTH, "{growth} bytes");
    for (mut client, status) in clients {
        assert!(read_head(&mut client).starts_with(&format!("HTTP/1.1 {status} ")));
        client.read_to_end(&mut Vec::new()).unwrap();
    }
}

/// What this process has in memory.
#[cfg(target_os = "linux")]
fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}
