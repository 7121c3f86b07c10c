//! The first line, and what may stand before it.

use crate::row::{Row, get, hold, row};

/// A request with this first line.
fn line(line: &str) -> String {
    format!("{line}\r\nHost: a\r\n\r\n")
}

#[test]
fn request_lines() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    [words(), versions(), before(), other_protocols(), line_ends()].into_iter().flatten().collect()
}

fn words() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §3";
    vec![
        row(RFC, line("GET /healthz HTTP/1.1")).echoes("ok\n"),
        row(RFC, line("GET  /healthz HTTP/1.1")).refused(400),
        row(RFC, line("GET /healthz  HTTP/1.1")).refused(400),
        row(RFC, line("GET /healthz HTTP/1.1 ")).refused(400),
        row(RFC, line(" GET /healthz HTTP/1.1")).refused(400),
        row(RFC, line("GET\t/healthz HTTP/1.1")).refused(400),
        row(RFC, line("GET /healthz\tHTTP/1.1")).refused(400),
        row(RFC, line("GET\x0b/healthz\x0cHTTP/1.1")).refused(400),
        row(RFC, line("GET /healthz HTTP/1.1\t")).refused(400),
        row(RFC, line("GET /healthz HTTP/1.1 HTTP/1.1")).refused(400),
        row(RFC, line("GET /health z HTTP/1.1")).refused(400),
        row(RFC, line("GET /healthz HTTP/1.1 X: y")).refused(400),
        row(RFC, line("GET HTTP/1.1")).refused(400),
        row(RFC, line("GET")).refused(400),
        row(RFC, line("HTTP/1.1")).refused(400),
        row(RFC, line("HTTP/1.1 200 OK")).refused(400),
        row(RFC, line("Host: b")).refused(400),
        row(RFC, line("GET /healthz HTTP/1.1\0")).refused(400),
        row(RFC, line("GET /heal\0thz HTTP/1.1")).refused(400),
    ]
}

fn versions() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §2.3";
    const LATER: &str = "RFC 9110 §2.5";
    vec![
        row(LATER, line("GET /healthz HTTP/1.2")).answers([200]),
        row(LATER, line("GET /healthz HTTP/1.9")).answers([200]),
        row(LATER, "GET /healthz HTTP/1.2\r\n\r\n").refused(400),
        row(LATER, line("GET /healthz HTTP/2.0")).refused(505),
        row(LATER, line("GET /healthz HTTP/3.0")).refused(505),
        row(LATER, line("GET /healthz HTTP/9.9")).refused(505),
        row(LATER, line("GET /healthz HTTP/0.9")).refused(505),
        row("RFC 9113 §3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").refused(505),
        row("RFC 1945 §5 (HTTP/0.9)", "GET /healthz\r\n\r\n").refused(400),
        row("RFC 1945 §5 (HTTP/0.9)", "GET /healthz\r\n").waits(),
        row(RFC, line("GET /healthz http/1.1")).refused(400),
        row(RFC, line("GET /healthz Http/1.1")).refused(400),
        row(RFC, line("GET /healthz HTTP/1.10")).refused(400),
        row(RFC, line("GET /healthz HTTP/01.1")).refused(400),
        row(RFC, line("GET /healthz HTTP/1.01")).refused(400),
        row(RFC, line("GET /healthz HTTP/11.1")).refused(400),
        row(RFC, line("GET /healthz HTTP/1")).refused(400),
        row(RFC, line("GET /healthz HTTP/1.")).refused(400),
        row(RFC, line("GET /healthz HTTP/.1")).refused(400),
        row(RFC, line("GET /healthz HTTP/+1.1")).refused(400),
        row(RFC, line("GET /healthz HTTP/1.x")).refused(400),
        row(RFC, line("GET /healthz HTTP/1,1")).refused(400),
        row(RFC, line("GET /healthz HTTP 1.1")).refused(400),
        row(RFC, line("GET /healthz HTTP/ 1.1")).refused(400),
        row(RFC, line("GET /healthz HTTPS/1.1")).refused(400),
        row(RFC, line("GET /healthz FTP/1.1")).refused(400),
        row(RFC, line("GET /healthz /1.1")).refused(400),
    ]
}

fn before() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §2.2";
    vec![
        row(RFC, format!("\r\n{}", get(""))).answers([200]),
        row(RFC, format!("\r\n\r\n\r\n{}", get(""))).answers([200]),
        row(RFC, "\r\n").answers([]),
        row(RFC, "\r").waits(),
        row(RFC, format!("\n{}", get(""))).refused(400),
        row(RFC, format!("\r{}", get(""))).refused(400),
        row(RFC, format!("\r\r\n{}", get(""))).refused(400),
        row(RFC, format!(" \r\n{}", get(""))).refused(400),
        row(RFC, format!("\t{}", get(""))).refused(400),
        row(RFC, format!("\0{}", get(""))).refused(400),
        row(RFC, format!("\u{feff}{}", get(""))).refused(400),
    ]
}

/// A peer that speaks something else is told so at once: it may wait for our word.
fn other_protocols() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §2.2";
    vec![
        row("RFC 8446 §5.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").refused_at_once(400),
        row("RFC 8446 §5.1", b"\x16\x03\x01").refused_at_once(400),
        row("RFC 1928 §3", b"\x05\x01\x00").refused_at_once(400),
        row("RFC 1928 §3 (version 4)", b"\x04\x01\x00\x50").refused_at_once(400),
        row("PROXY protocol v1", format!("PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n{}", get("X: y\r\n")))
            .refused_at_once(400),
        row("PROXY protocol v2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c").refused_at_once(400),
        row(RFC, b"\x80\x2e\x01\x03\x01").refused_at_once(400),
        row(RFC, "{\"jsonrpc\":\"2.0\"}\r\n\r\n").refused_at_once(400),
        row(RFC, "EHLO a\r\n\r\n").refused_at_once(400),
    ]
}

fn line_ends() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §2.2";
    vec![
        row(RFC, "GET /healthz HTTP/1.1\nHost: a\n\n").refused(400),
        row(RFC, "GET /healthz HTTP/1.1\nHost: a\r\n\r\n").refused(400),
        row(RFC, "GET /healthz HTTP/1.1\r\nHost: a\n\r\n").refused(400),
        row(RFC, "GET /healthz HTTP/1.1\r\nHost: a\r\n\n").refused(400),
        row(RFC, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\r\n").refused(400),
        row(RFC, "GET /healthz HTTP/1.1\r\nHost: a\r\r\n\r\n").refused(400),
        row(RFC, "GET /healthz HTTP/1.1\rHost: a\r\r\n\r\n").refused(400),
        row(RFC, "GET /healthz HTTP/1.1\n\rHost: a\n\r\n\r").refused(400),
        row(RFC, "GET /healthz HTTP/1.1\r\nHost: a\r\n").waits(),
        row(RFC, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r").waits(),
        row(RFC, "GET /hea").waits(),
    ]
}
