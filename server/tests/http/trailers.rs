//! What follows the last chunk.

use crate::row::{EVIL, Row, chunked, hold, row};

/// A chunked body with these lines (each with its CRLF) behind its last chunk.
fn trailers(lines: &str) -> String {
    chunked(&format!("5\r\nhello\r\n0\r\n{lines}\r\n"))
}

#[test]
fn trailer_sections() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    const RFC: &str = "RFC 9112 §7.1.2";
    const FIELD: &str = "RFC 9112 §5, §7.1.2";
    const BARRED: &str = "RFC 9110 §6.5.1";
    vec![
        row(RFC, trailers("X: y\r\n")).echoes("hello"),
        row(RFC, trailers("X: y\r\nX: z\r\nEmpty:\r\n")).echoes("hello"),
        row(RFC, trailers("Expires: 0\r\nConnection: close\r\n")).echoes("hello"),
        row(RFC, trailers("X: \u{e9} \t\"z\"\r\n")).echoes("hello"),
        row(RFC, format!("{}{EVIL}", trailers("X: y\r\n"))).answers([200, 404]),
        row(FIELD, trailers("GET /evil HTTP/1.1\r\n")).refused(400),
        row(FIELD, trailers(EVIL)).refused(400),
        row(FIELD, trailers("GET http://a/evil HTTP/1.1\r\n")).refused(400),
        row(FIELD, trailers("X\r\n")).refused(400),
        row(FIELD, trailers(": y\r\n")).refused(400),
        row(FIELD, trailers("X : y\r\n")).refused(400),
        row(FIELD, trailers("X Y: z\r\n")).refused(400),
        row(FIELD, trailers("X[: y\r\n")).refused(400),
        row(FIELD, trailers("\u{e9}: y\r\n")).refused(400),
        row(FIELD, trailers("X: y\0z\r\n")).refused(400),
        row(FIELD, trailers("X: y\x0bz\r\n")).refused(400),
        row(FIELD, trailers("5\r\nhello\r\n")).refused(400),
        row(FIELD, trailers("0\r\n")).refused(400),
        row("RFC 9112 §5.2", trailers("X: y\r\n z\r\n")).refused(400),
        row("RFC 9112 §5.2", trailers(" X: y\r\n")).refused(400),
        row("RFC 9112 §2.2", trailers("X: y\nZ: z\r\n")).refused(400),
        row("RFC 9112 §2.2", trailers("X: y\rZ: z\r\n")).refused(400),
        row("RFC 9112 §2.2", trailers("X: y\r\r\n")).refused(400),
        row("RFC 9112 §2.2", chunked("0\r\nX: y\r\n\n")).refused(400),
        row("RFC 9112 §2.2", chunked("0\r\nX: y\n\n")).refused(400),
        row(BARRED, trailers("Content-Length: 5\r\n")).refused(400),
        row(BARRED, trailers("content-length: 0\r\n")).refused(400),
        row(BARRED, trailers("X: y\r\nTransfer-Encoding: chunked\r\n")).refused(400),
        row(BARRED, trailers("Host: b\r\n")).refused(400),
        row("RFC 9112 §8", chunked("5\r\nhello\r\n0\r\nX: y\r\n")).waits(),
        row("RFC 9112 §8", chunked("5\r\nhello\r\n0\r\nX: y")).waits(),
        row("RFC 9110 §5.4", trailers(&format!("X: {}\r\n", "y".repeat(16 << 10)))).refused(400),
    ]
}
