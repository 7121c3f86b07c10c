//! Request targets.

use crate::row::{Row, hold, row};

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn targets() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    let mut rows = [paths(), forms(), absolute(), beyond_ascii()].into_iter().flatten().collect::<Vec<_>>();
    for byte in "\"#<>\\^`{|}\x7f\x01\x1f\x0b\x0c".chars() {
        rows.push(row("RFC 3986 §2", get(&format!("/healthz{byte}"))).refused(400));
        rows.push(row("RFC 3986 §2", get(&format!("/healthz?a={byte}b"))).refused(400));
    }
    rows
}

fn paths() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §3.2.1";
    const SEGMENTS: &str = "RFC 3986 §3.3, §5.2.4";
    const ESCAPES: &str = "RFC 3986 §2.1";
    vec![
        row(RFC, get("/healthz?")).answers([200]),
        row(RFC, get("/healthz?a=b&c")).answers([200]),
        row(RFC, get("/healthz?a?b/c:@!$&'()*+,;=-._~")).answers([200]),
        row("RFC 3986 §3.4, and forms", get("/healthz?a[]=b")).answers([200]),
        row(RFC, get("/nowhere")).answers([404]),
        row(RFC, get("/HEALTHZ")).answers([404]),
        row(RFC, get("/healthz;a=b")).answers([404]),
        row(SEGMENTS, get("//healthz")).answers([400]),
        row(SEGMENTS, get("//evil.example/healthz")).answers([400]),
        row(SEGMENTS, get("///")).answers([400]),
        row(SEGMENTS, get("/subscribe//a")).answers([400]),
        row(SEGMENTS, get("/./healthz")).answers([400]),
        row(SEGMENTS, get("/subscribe/../healthz")).answers([400]),
        row(SEGMENTS, get("/..")).answers([400]),
        row(SEGMENTS, get("/subscribe/%2e%2e/healthz")).answers([400]),
        row(SEGMENTS, get("/subscribe/.%2E/healthz")).answers([400]),
        row(SEGMENTS, get("/subscribe%2F..%2Fhealthz")).answers([400]),
        row(SEGMENTS, get("/subscribe/..;/healthz")).streams(),
        row(ESCAPES, get("/%68ealthz")).answers([200]),
        row(ESCAPES, get("/%2568ealthz")).answers([404]),
        row(ESCAPES, get("/healthz%")).answers([400]),
        row(ESCAPES, get("/healthz%4")).answers([400]),
        row(ESCAPES, get("/healthz%zz")).answers([400]),
        row(ESCAPES, get("/healthz%u0041")).answers([400]),
        row(ESCAPES, get("/healthz%00")).answers([400]),
        row(ESCAPES, get("/healthz%0d%0aX:%20y")).answers([400]),
        row(ESCAPES, get("/healthz%ff")).answers([400]),
        row(ESCAPES, get("/healthz%c0%af")).answers([400]),
        row(ESCAPES, get("/healthz%20")).answers([404]),
        row(ESCAPES, get("/healthz%23")).answers([404]),
    ]
}

fn forms() -> Vec<Row> {
    const AUTHORITY: &str = "RFC 9112 §3.2.3";
    const ASTERISK: &str = "RFC 9112 §3.2.4";
    const RFC: &str = "RFC 9112 §3.2";
    vec![
        row(AUTHORITY, get("a:80")).refused(400),
        row(AUTHORITY, get("a")).refused(400),
        row(AUTHORITY, get("localhost")).refused(400),
        row(AUTHORITY, get("[::1]:80")).refused(400),
        row(ASTERISK, get("*")).refused(400),
        row(ASTERISK, "POST * HTTP/1.1\r\nHost: a\r\n\r\n").refused(400),
        row(ASTERISK, "OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n").refused(400),
        row(ASTERISK, "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n").refused(400),
        row(ASTERISK, get("/*")).answers([404]),
        row(RFC, get("healthz")).refused(400),
        row(RFC, get("./healthz")).refused(400),
        row(RFC, get("?healthz")).refused(400),
        row(RFC, get("%2Fhealthz")).refused(400),
        row(RFC, get(":/healthz")).refused(400),
        row(RFC, get("\\healthz")).refused(400),
        row(RFC, get("/\\evil.example")).refused(400),
    ]
}

fn absolute() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §3.2.2";
    const URI: &str = "RFC 9110 §4.2";
    vec![
        row(RFC, get("http://a/healthz")).echoes("ok\n"),
        row(RFC, get("http://a:80/healthz?b")).echoes("ok\n"),
        row(RFC, get("http://other.example/healthz")).echoes("ok\n"),
        row(RFC, get("http://[::1]:80/healthz")).echoes("ok\n"),
        row(RFC, get("https://a/healthz")).echoes("ok\n"),
        row(URI, get("HTTP://A/healthz")).echoes("ok\n"),
        row(RFC, get("http://a/../healthz")).answers([400]),
        row(RFC, get("http://a//healthz")).answers([400]),
        row("RFC 9112 §3.2", "GET http://a/healthz HTTP/1.1\r\n\r\n").refused(400),
        row(URI, get("http:/healthz")).refused(400),
        row(URI, get("http:healthz")).refused(400),
        row(URI, get("http://")).refused(400),
        row("RFC 9110 §4.2.1", get("http:///healthz")).refused(400),
        row("RFC 9110 §4.2.1", get("http://:80/healthz")).refused(400),
        row("RFC 9110 §4.2.4", get("http://user@a/healthz")).refused(400),
        row("RFC 9110 §4.2.4", get("http://user:secret@a/healthz")).refused(400),
        row("RFC 3986 §3.2.3", get("http://a:zz/healthz")).refused(400),
        row("RFC 3986 §3.2.3", get("http://a:65536/healthz")).refused(400),
        row("RFC 3986 §3.2.2", get("http://[::1/healthz")).refused(400),
        row("RFC 3986 §3.5", get("http://a/healthz#b")).refused(400),
        row(URI, get("ftp://a/healthz")).refused(400),
        row(URI, get("file:///healthz")).refused(400),
        row(URI, get("ws://a/healthz")).refused(400),
        row(URI, get("://a/healthz")).refused(400),
    ]
}

/// Well-formed UTF-8 stays, since curl sends it.
fn beyond_ascii() -> Vec<Row> {
    const RFC: &str = "RFC 3629 §3";
    let raw = |bytes: &[u8]| [b"GET /healthz?", bytes, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    vec![
        row(RFC, get("/café")).answers([404]),
        row(RFC, get("/healthz?chien=\u{1f436}")).answers([200]),
        row(RFC, raw(b"\xff")).refused(400),
        row(RFC, raw(b"\x80")).refused(400),
        row(RFC, raw(b"\xc3")).refused(400),
        row(RFC, raw(b"\xc3(")).refused(400),
        row(RFC, raw(b"\xc0\xaf")).refused(400),
        row(RFC, raw(b"\xe0\x80\xaf")).refused(400),
        row(RFC, raw(b"\xed\xa0\x80")).refused(400),
        row(RFC, raw(b"\xf4\x90\x80\x80")).refused(400),
    ]
}
