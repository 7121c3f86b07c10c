//! Methods.

use crate::row::{EVIL, Row, hold, row};

fn asks(method: &str, target: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn methods() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    const NOT_ALLOWED: &str = "RFC 9110 §15.5.6";
    const UNKNOWN: &str = "RFC 9110 §9.1, §15.6.2";
    const CONNECT: &str = "RFC 9110 §9.3.6, §15.6.2";
    const GRAMMAR: &str = "RFC 9112 §3.1";
    vec![
        row("RFC 9110 §9.3.2", asks("HEAD", "/healthz")).answers([200]).header("content-length", "3"),
        row("RFC 9110 §9.3.2", asks("HEAD", "/nowhere")).answers([404]),
        row("RFC 9110 §9.3.2", asks("HEAD", "/subscribe/a")).refused(200),
        row("RFC 9110 §9.3.2", format!("{}{}", asks("HEAD", "/health"), asks("GET", "/healthz"))).answers([200, 200]),
        row("RFC 9110 §9.3.7", asks("OPTIONS", "/healthz")).answers([204]).header("allow", "GET, HEAD, OPTIONS"),
        row("RFC 9110 §9.3.7", asks("OPTIONS", "/publish/a")).answers([204]).header("allow", "POST, OPTIONS"),
        row("RFC 9110 §9.3.7", asks("OPTIONS", "/echo")).answers([204]).header("allow", "POST, OPTIONS"),
        row(NOT_ALLOWED, asks("POST", "/healthz")).answers([405]).header("allow", "GET, HEAD, OPTIONS"),
        row(NOT_ALLOWED, asks("PUT", "/healthz")).answers([405]).header("allow", "GET, HEAD, OPTIONS"),
        row(NOT_ALLOWED, asks("DELETE", "/publish/a")).answers([405]).header("allow", "POST, OPTIONS"),
        row(NOT_ALLOWED, asks("PATCH", "/subscribe/a")).answers([405]).header("allow", "GET, HEAD, OPTIONS"),
        row(NOT_ALLOWED, asks("TRACE", "/healthz")).answers([405]).header("allow", "GET, HEAD, OPTIONS"),
        row(NOT_ALLOWED, asks("GET", "/publish/a")).answers([405]).header("allow", "POST, OPTIONS"),
        row(NOT_ALLOWED, asks("GET", "/echo")).answers([405]).header("allow", "POST, OPTIONS"),
        row(UNKNOWN, asks("BREW", "/healthz")).answers([501]),
        row(UNKNOWN, asks("BREW", "/nowhere")).answers([501]),
        row(UNKNOWN, asks("PROPFIND", "/healthz")).answers([501]),
        row(UNKNOWN, asks("PRI", "/healthz")).answers([501]),
        row(UNKNOWN, asks("get", "/healthz")).answers([501]),
        row(UNKNOWN, asks("Get", "/healthz")).answers([501]),
        row(UNKNOWN, asks("GETGET", "/healthz")).answers([501]),
        row(UNKNOWN, asks("0", "/healthz")).answers([501]),
        row(UNKNOWN, asks("!#$%&'*+-.^_`|~", "/healthz")).answers([501]),
        row(UNKNOWN, asks(&"X".repeat(1000), "/healthz")).answers([501]),
        row(UNKNOWN, format!("BREW /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{EVIL}", EVIL.len()))
            .refused(501),
        row(CONNECT, asks("CONNECT", "a:443")).refused(501),
        row(CONNECT, asks("CONNECT", "a")).refused(501),
        row(CONNECT, asks("CONNECT", "/healthz")).refused(501),
        row(CONNECT, asks("CONNECT", "http://a/healthz")).refused(501),
        row(CONNECT, asks("CONNECT", "*")).refused(501),
        row(CONNECT, format!("{}{EVIL}", asks("CONNECT", "a:80"))).refused(501),
        row(CONNECT, asks("connect", "/healthz")).answers([501]),
        row(GRAMMAR, asks("G@T", "/healthz")).refused(400),
        row(GRAMMAR, asks("GET,POST", "/healthz")).refused(400),
        row(GRAMMAR, asks("GET/", "/healthz")).refused(400),
        row(GRAMMAR, asks("\"GET\"", "/healthz")).refused(400),
        row(GRAMMAR, asks("G(E)T", "/healthz")).refused(400),
        row(GRAMMAR, asks("GÉT", "/healthz")).refused(400),
        row(GRAMMAR, asks("GE\x01T", "/healthz")).refused(400),
        row(GRAMMAR, asks("GE\x7fT", "/healthz")).refused(400),
        row(GRAMMAR, asks("", "/healthz")).refused(400),
    ]
}
