//! How long a connection lasts, and requests that follow each other on it.

use crate::row::{EVIL, Row, get, hold, post, row};

#[test]
fn connections() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    [persistence(), http10(), pipelines()].into_iter().flatten().collect()
}

fn persistence() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §9.3";
    vec![
        row(RFC, get("Connection: keep-alive\r\n")).answers([200]),
        row(RFC, get("Connection: close\r\n")).refused(200),
        row(RFC, get("Connection: Close\r\n")).refused(200),
        row(RFC, get("Connection: keep-alive, close\r\n")).refused(200),
        row(RFC, get("Connection: close , keep-alive\r\n")).refused(200),
        row(RFC, get("Connection: keep-alive\r\nConnection: close\r\n")).refused(200),
        row(RFC, get("Connection: x,\tclose\t,y\r\n")).refused(200),
        row(RFC, get("Connection: closed\r\n")).answers([200]),
        row(RFC, get("Connection:\r\n")).answers([200]),
        row(RFC, get("Proxy-Connection: close\r\n")).answers([200]),
        row("RFC 9112 §9.6", format!("{}{EVIL}", get("Connection: close\r\n"))).refused(200),
        row("RFC 9110 §7.8", get("Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n")).answers([200]),
        row("RFC 9110 §7.8", get("Connection: Upgrade\r\nUpgrade: websocket\r\n")).answers([200]),
        row("RFC 9112 §9.3", "GET /subscribe/a HTTP/1.1\r\nHost: a\r\n\r\n").streams(),
        row("RFC 9112 §9.3", "GET /subscribe/a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").streams(),
        row("RFC 9110 §2.5", "GET /subscribe/a HTTP/1.5\r\nHost: a\r\n\r\n").streams(),
        row("RFC 9112 §2.3", "GET /subscribe/a HTTP/1.0\r\n\r\n").streams(),
    ]
}

fn http10() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §9.3";
    let old = |lines: &str| format!("GET /healthz HTTP/1.0\r\n{lines}\r\n");
    vec![
        row(RFC, old("")).refused(200),
        row(RFC, old("Host: b\r\n")).refused(200),
        row(RFC, old("Connection: keep-alive\r\n")).answers([200]).header("connection", "keep-alive"),
        row(RFC, old("Connection: Keep-Alive\r\n")).answers([200]).header("connection", "keep-alive"),
        row(RFC, old("Connection: keep-alive, close\r\n")).refused(200),
        row(RFC, old("Keep-Alive: timeout=5\r\n")).refused(200),
        row(RFC, format!("{}{EVIL}", old(""))).refused(200),
        row("RFC 9112 §3.2", old("Host: a b\r\n")).refused(400),
        row("RFC 9112 §3.2", old("Host: a\r\nHost: a\r\n")).refused(400),
        row("RFC 9112 §6.3", "POST /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello").echoes("hello").closes(),
        row("RFC 9112 §6.3", format!("POST /echo HTTP/1.0\r\n\r\n{EVIL}")).echoes("").closes(),
    ]
}

fn pipelines() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §9.3.2";
    let all = [
        get(""),
        post("Content-Length: 5\r\n", "hello"),
        post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        EVIL.to_owned(),
    ];
    vec![
        row(RFC, get("").repeat(2)).answers([200, 200]),
        row(RFC, get("").repeat(40)).answers([200; 40]),
        row(RFC, all.concat()).answers([200, 200, 200, 404]),
        row(RFC, all.join("\r\n")).answers([200, 200, 200, 404]),
        row(RFC, format!("{}nonsense\r\n\r\n{EVIL}", get(""))).answers([200, 400]).closes(),
        row(RFC, format!("{}{}{EVIL}", get(""), post("Content-Length: x\r\n", ""))).answers([200, 400]).closes(),
        row(RFC, format!("{}GET /hea", get(""))).waits().answers([200]),
        row(RFC, format!("{}{EVIL}", get("").trim_end_matches("\r\n"))).refused(400),
    ]
}
