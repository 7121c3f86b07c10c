//! `Content-Length`.

use crate::row::{EVIL, Row, get, hold, post, row};

fn length(value: &str, body: &str) -> String {
    post(&format!("Content-Length: {value}\r\n"), body)
}

#[test]
fn lengths() {
    hold(&rows());
}

pub(crate) fn rows() -> Vec<Row> {
    const RFC: &str = "RFC 9110 §8.6";
    const TWICE: &str = "RFC 9112 §6.3";
    vec![
        row(RFC, length("5", "hello")).echoes("hello"),
        row(RFC, length("0", "")).echoes(""),
        row(RFC, length("00005", "hello")).echoes("hello"),
        row(RFC, length(" \t5\t ", "hello")).echoes("hello"),
        row(RFC, post("content-length:5\r\n", "hello")).echoes("hello"),
        row(RFC, length("5", "he\0\r\n")).echoes("he\0\r\n"),
        row("RFC 9112 §6.3", post("", "")).echoes(""),
        row("RFC 9112 §6.3", post("", EVIL)).answers([200, 404]),
        row(RFC, length(&EVIL.len().to_string(), EVIL)).echoes(EVIL),
        row("RFC 9112 §2.2", length("5", "hello\r\n")).echoes("hello"),
        row("RFC 9112 §8", length("6", "hello")).waits(),
        row(RFC, length("4", "hello\r\n\r\n")).answers([200, 400]).closes(),
        row(RFC, length("", "hello")).refused(400),
        row(RFC, length("+5", "hello")).refused(400),
        row(RFC, length("-5", "hello")).refused(400),
        row(RFC, length("-0", "")).refused(400),
        row(RFC, length("0x5", "hello")).refused(400),
        row(RFC, length("5h", "hello")).refused(400),
        row(RFC, length("a", "hello")).refused(400),
        row(RFC, length("5.0", "hello")).refused(400),
        row(RFC, length("5e0", "hello")).refused(400),
        row(RFC, length("5_0", "hello")).refused(400),
        row(RFC, length("5 0", "hello")).refused(400),
        row(RFC, length("5\t0", "hello")).refused(400),
        row(RFC, length("5;a=b", "hello")).refused(400),
        row(RFC, length("\"5\"", "hello")).refused(400),
        row(RFC, length("'5'", "hello")).refused(400),
        row(RFC, length("٥", "hello")).refused(400),
        row(RFC, length("5\0", "hello")).refused(400),
        row(RFC, length("5\x0b", "hello")).refused(400),
        row(RFC, length("5\x0c", "hello")).refused(400),
        row(RFC, length("NaN", "hello")).refused(400),
        row(TWICE, length("5, 5", "hello")).refused(400),
        row(TWICE, length("5,5", "hello")).refused(400),
        row(TWICE, length("5, 6", "hello")).refused(400),
        row(TWICE, length("5,", "hello")).refused(400),
        row(TWICE, length(",5", "hello")).refused(400),
        row(TWICE, post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")).refused(400),
        row(TWICE, post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello")).refused(400),
        row(TWICE, post("Content-Length: 0\r\nContent-Length: 5\r\n", "hello")).refused(400),
        row(TWICE, post("Content-Length: 5\r\nCONTENT-LENGTH: 0\r\n", "hello")).refused(400),
        row(TWICE, post("Content-Length: 5\r\nContent-Length:\r\n", "hello")).refused(400),
        row("RFC 9112 §5.1", post("Content-Length : 5\r\n", "hello")).refused(400),
        row("RFC 9112 §5.1", post("Content-Length\t: 5\r\n", "hello")).refused(400),
        row("RFC 9112 §5.2", post("Content-Length:\r\n 5\r\n", "hello")).refused(400),
        row("RFC 9112 §5.2", post("Content-Length: 5\r\n 0\r\n", "hello")).refused(400),
        row("RFC 9112 §5", post("Content-Length 5\r\n", "hello")).refused(400),
        row("RFC 9110 §5.1", post("Content-Length\0: 5\r\n", "hello")).refused(400),
        row("RFC 9110 §5.1", post("Content_Length: 5\r\n", EVIL)).answers([200, 404]),
        row("RFC 9110 §5.1", post("XContent-Length: 5\r\n", EVIL)).answers([200, 404]),
        row("RFC 9110 §15.5.14", length("1048577", "hello")).refused(413),
        row("RFC 9110 §15.5.14", length("4294967301", "hello")).refused(413),
        row("RFC 9110 §15.5.14", length("18446744073709551621", "hello")).refused(413),
        row("RFC 9110 §15.5.14", length(&"9".repeat(300), "hello")).refused(413),
        row("RFC 9110 §9.3.1", get("Content-Length: 0\r\n")).answers([200]),
        row("RFC 9110 §9.3.1", format!("{}hello", get("Content-Length: 5\r\n"))).refused(200),
    ]
}
