//! What is too long, or too much.

use crate::row::{Row, get, hold, row};

/// Bytes of the largest head.
const HEAD_BYTES: usize = 16 << 10;

#[test]
fn limits() {
    hold(&rows());
}

/// A request of this many bytes, made so by a field.
fn padded(bytes: usize) -> String {
    get(&format!("X: {}\r\n", "y".repeat(bytes - get("X: \r\n").len())))
}

pub(crate) fn rows() -> Vec<Row> {
    const METHOD: &str = "RFC 9112 §3 (501)";
    const TARGET: &str = "RFC 9112 §3 (414)";
    const FIELDS: &str = "RFC 6585 §5";
    let long = "x".repeat(HEAD_BYTES);
    let target = |bytes| format!("GET /healthz?{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(bytes));
    vec![
        row("RFC 9112 §3 (8,000 bytes at least)", target(8000)).answers([200]),
        row(TARGET, target(HEAD_BYTES)).refused(414),
        row(TARGET, format!("GET /{long}")).refused_at_once(414),
        row(TARGET, format!("GET http://{long}/ HTTP/1.1\r\nHost: a\r\n\r\n")).refused(414),
        row(TARGET, format!("GET /{} HTTP/1.1\r\nX: {long}\r\n\r\n", "y".repeat(HEAD_BYTES / 2))).refused(414),
        row(METHOD, format!("{long} / HTTP/1.1\r\nHost: a\r\n\r\n")).refused(501),
        row(METHOD, long.to_uppercase()).refused_at_once(501),
        row(METHOD, "X".repeat(2 * HEAD_BYTES)).refused(501),
        row(FIELDS, padded(HEAD_BYTES)).answers([200]),
        row(FIELDS, padded(HEAD_BYTES + 1)).refused(431),
        row(FIELDS, get(&format!("{long}: y\r\n"))).refused(431),
        row(FIELDS, get(&format!("Cookie: {}\r\n", "y".repeat(4 * HEAD_BYTES)))).refused(431),
        row(FIELDS, format!("GET /healthz HTTP/1.1\r\nHost: {long}\r\n\r\n")).refused(431),
        row(FIELDS, get(&"X: y\r\n".repeat(99))).answers([200]),
        row(FIELDS, get(&"X: y\r\n".repeat(100))).refused(431),
        row(FIELDS, get(&"X: y\r\n".repeat(1000))).refused(431),
        row("RFC 9112 §2.2", "\r\n".repeat(HEAD_BYTES)).answers([]),
    ]
}
